/* The choice of a method for several dimensions.
 *
 * First the integrand is tried as a product of functions of one variable, which costs some hundred
 * evaluations and is best where it holds. Then every method that may do gets a pilot of a small
 * part of the budget. The one whose error, as it fell during the pilot, promises least at the end
 * of the budget goes on from where it stands. Random samples, which are fooled by other things than
 * symmetric rules are, watch: where they contradict a claim, it is not made. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "domain.h"
#include "methods_many.h"
#include "state_bytes.h"

enum {
    PRODUCT,
    CUBATURE13, /* rules of high degrees first: where they can, they win */
    CUBATURE11,
    CUBATURE,
    CUBATURE9,
    NESTED,
    LATTICE,
    VEGAS,
    CHILDREN,
    HEAD = 16,            /* bytes before a child's item: its number */
    WATCH_ROUNDS = 4,     /* of vegas, before any claim */
    PILOT_LEAST = 2000,   /* evaluations */
    PILOT_MOST = 1 << 18, /* evaluations */
    PILOT_SHARE = 64,     /* of the budget */
};

static const fani_method *const methods[CHILDREN] = {
    &fani_method_product,   &fani_method_cubature13, &fani_method_cubature11, &fani_method_cubature,
    &fani_method_cubature9, &fani_method_nested,     &fani_method_lattice,    &fani_method_vegas};

typedef enum stage { STAGE_PRODUCT, STAGE_PILOTS, STAGE_WATCH, STAGE_MAIN, STAGE_DONE } stage;

/* What is known of a child, flat. */
typedef struct child {
    uint64_t there, ended, rounds; /* there: the method can do this integral */
    double early_excess;           /* of the error over what is allowed, early in the pilot */
    uint64_t early_evaluations;
} child;

typedef struct knowledge {
    uint64_t stage, now; /* the child that works */
    uint64_t contradicted;
    child children[CHILDREN];
} knowledge;

typedef struct automatic {
    fani_goal goal;
    size_t components;
    knowledge k;
    void *states[CHILDREN];
    unsigned char *items;
} automatic;

static void close_state(void *state)
{
    automatic *s = state;
    if (!s)
        return;
    for (size_t i = 0; i < CHILDREN; i++)
        methods[i]->close(s->states[i]);
    free(s->items);
    free(s);
}

/* Each child may have most of the budget: pilots take what is left. */
static fani_goal child_goal(const fani_goal *goal)
{
    fani_goal most = *goal;
    most.evaluations_max -= most.evaluations_max / 8;
    return most;
}

static fan_status make(const fani_integrand *f, const fani_goal *goal, automatic **state)
{
    automatic *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    s->goal = *goal;
    s->components = f->components;
    *state = s;
    return FAN_OK;
}

/* Opens the methods that can do it. */
static fan_status open_children(automatic *s, const fani_integrand *f, const fani_domain *domain,
                                fan_error *error)
{
    const fani_goal goal = child_goal(&s->goal);
    for (size_t i = 0; i < CHILDREN; i++) {
        fan_status status = FAN_E_ARGUMENT;
        if (i != NESTED || domain->dimension == 2) /* three cost too much for a pilot */
            status = methods[i]->open(f, domain, &goal, &s->states[i], NULL);
        if (status != FAN_OK && status != FAN_E_ARGUMENT)
            return fani_error_set(error, status, "no memory for an integral's state");
        s->k.children[i].there = status == FAN_OK;
        s->k.children[i].ended = status != FAN_OK;
    }
    s->k.stage = s->k.children[PRODUCT].there ? STAGE_PRODUCT : STAGE_PILOTS;
    s->k.now = s->k.children[PRODUCT].there ? PRODUCT : CHILDREN;
    return FAN_OK;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    if (domain->dimension < 2)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "this choice is for 2 dimensions or more; gauss-kronrod takes one");
    automatic *s = NULL;
    fan_status status = make(f, goal, &s);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory for an integral's state");
    status = open_children(s, f, domain, error);
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
}

/* ---- Judging children ------------------------------------------------------------------------ */

static void estimate_of(const automatic *s, size_t i, fani_estimate *estimate)
{
    *estimate = (fani_estimate){.verdict = FANI_VERDICT_OPEN};
    if (i < CHILDREN && s->states[i])
        methods[i]->result(s->states[i], estimate);
}

static double allowed(const automatic *s, const fani_estimate *e, size_t c)
{
    const double noise = 50 * 0x1p-52 * e->absolute;
    return fmax(fmax(s->goal.abs, s->goal.rel * fabs(e->value[c])), noise);
}

/* The largest error of a component in units of what is allowed. */
static double excess_of(const automatic *s, const fani_estimate *e)
{
    double excess = 0;
    for (size_t c = 0; c < s->components; c++) {
        const double most = allowed(s, e, c);
        const double here = e->error[c] <= most ? (most > 0 ? e->error[c] / most : 1)
                            : most > 0          ? e->error[c] / most
                                                : INFINITY;
        excess = fmax(excess, isnan(here) ? INFINITY : here);
    }
    return excess;
}

static uint64_t evaluations_of(const automatic *s)
{
    uint64_t all = 0;
    fani_estimate e;
    for (size_t i = 0; i < CHILDREN; i++) {
        estimate_of(s, i, &e);
        all += e.evaluations;
    }
    return all;
}

/* What the child's excess will be at the end of the budget, if its error falls as it did. */
static double promise(const automatic *s, size_t i)
{
    fani_estimate e;
    const child *known = &s->k.children[i];
    if (!known->there || i == PRODUCT || known->rounds == 0)
        return INFINITY;
    estimate_of(s, i, &e);
    const double excess = excess_of(s, &e);
    if (e.verdict == FANI_VERDICT_REACHED)
        return 0;
    if (known->ended || e.evaluations == 0)
        return excess;
    double order = 0.5;
    if (i != VEGAS && e.evaluations > known->early_evaluations && known->early_evaluations > 0 &&
        excess > 0)
        order = log(known->early_excess / excess) /
                log((double)e.evaluations / (double)known->early_evaluations);
    order = fmin(fmax(isfinite(order) ? order : 0, 0.1), 3);
    const double growth = (double)s->goal.evaluations_max / (double)e.evaluations;
    return excess * pow(fmax(growth, 1), -order);
}

/* The child that promises most; the first of equals. */
static size_t best_child(const automatic *s)
{
    size_t best = CHILDREN;
    double least = INFINITY;
    for (size_t i = PRODUCT + 1; i < CHILDREN; i++) {
        if (!s->k.children[i].there || (s->k.contradicted >> i & 1))
            continue;
        const double here = promise(s, i);
        if (best == CHILDREN || here < least) {
            best = i;
            least = here;
        }
    }
    return best;
}

/* Whether random samples say that this child's claim is wrong: by more than 4 standard errors
 * beyond what it admits. */
static bool contradicts(const automatic *s, size_t i)
{
    fani_estimate claim, samples;
    if (i == VEGAS || i == PRODUCT || s->k.children[VEGAS].rounds < WATCH_ROUNDS)
        return false;
    estimate_of(s, i, &claim);
    estimate_of(s, VEGAS, &samples);
    for (size_t c = 0; c < s->components; c++) {
        if (fabs(claim.value[c] - samples.value[c]) > claim.error[c] + 2 * samples.error[c])
            return true;
    }
    return false;
}

static uint64_t pilot_size(const automatic *s)
{
    const uint64_t share = s->goal.evaluations_max / PILOT_SHARE;
    return share < PILOT_LEAST ? PILOT_LEAST : share > PILOT_MOST ? PILOT_MOST : share;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static bool piloted(const automatic *s, size_t i)
{
    fani_estimate e;
    if (!s->k.children[i].there || s->k.children[i].ended)
        return true;
    estimate_of(s, i, &e);
    /* A nested integral tells late how good it gets, and then fast. */
    return e.evaluations >= (i == NESTED ? s->goal.evaluations_max / 8 : pilot_size(s));
}

/* A claim that stands ends the pilots. */
static bool claimed(const automatic *s, size_t i)
{
    fani_estimate e;
    if (i >= CHILDREN || !s->k.children[i].there)
        return false;
    estimate_of(s, i, &e);
    return e.verdict == FANI_VERDICT_REACHED;
}

static void next_pilot(automatic *s)
{
    for (size_t i = PRODUCT + 1; i < VEGAS; i++) {
        if (claimed(s, i))
            break;
        if (!piloted(s, i)) {
            s->k.now = i;
            return;
        }
    }
    s->k.stage = STAGE_WATCH;
    s->k.now = VEGAS;
}

/* The best child goes on, unless it has made a claim already. */
static void begin_main(automatic *s)
{
    for (size_t i = PRODUCT + 1; i < VEGAS; i++) {
        if (claimed(s, i) && contradicts(s, i))
            s->k.contradicted |= (uint64_t)1 << i;
    }
    s->k.now = best_child(s);
    s->k.stage = s->k.now == CHILDREN || s->k.children[s->k.now].ended ? STAGE_DONE : STAGE_MAIN;
}

/* Moves on after a round of the child that worked, or before the first. */
static void advance(automatic *s)
{
    const bool spent = evaluations_of(s) >= s->goal.evaluations_max;
    if (s->k.stage == STAGE_PRODUCT && s->k.children[PRODUCT].ended) {
        s->k.stage = claimed(s, PRODUCT) ? STAGE_DONE : STAGE_PILOTS;
    }
    if (s->k.stage == STAGE_PILOTS)
        next_pilot(s);
    if (s->k.stage == STAGE_WATCH &&
        (s->k.children[VEGAS].rounds >= WATCH_ROUNDS || s->k.children[VEGAS].ended))
        begin_main(s);
    if (s->k.stage == STAGE_MAIN && s->k.now < CHILDREN && s->k.children[s->k.now].ended) {
        if (claimed(s, s->k.now) && contradicts(s, s->k.now))
            s->k.contradicted |= (uint64_t)1 << s->k.now;
        if (s->k.contradicted >> s->k.now & 1)
            begin_main(s);
        else
            s->k.stage = STAGE_DONE;
    }
    if (spent)
        s->k.stage = STAGE_DONE;
}

/* After a child's round: has it ended, and how did its error begin? */
static void note_child(automatic *s, size_t i)
{
    fani_estimate e;
    child *known = &s->k.children[i];
    estimate_of(s, i, &e);
    known->ended = e.verdict != FANI_VERDICT_OPEN;
    if (known->early_evaluations == 0 && e.evaluations >= pilot_size(s) / 8) {
        known->early_evaluations = e.evaluations;
        known->early_excess = excess_of(s, &e);
    }
}

static fan_status wrap(automatic *s, const fani_round *inner, fani_round *round)
{
    const size_t size = HEAD + (inner->item_size + 15) / 16 * 16;
    const uint64_t head[HEAD / 8] = {s->k.now, 0};
    free(s->items);
    s->items = calloc(inner->count, size);
    if (!s->items)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < inner->count; i++) {
        memcpy(s->items + i * size, head, sizeof head);
        memcpy(s->items + i * size + HEAD, inner->bytes + i * inner->item_size, inner->item_size);
    }
    *round = (fani_round){inner->count, size, inner->reply_size, s->items};
    return FAN_OK;
}

static fan_status next_round(void *state, fani_round *round)
{
    automatic *s = state;
    *round = (fani_round){0};
    if (s->k.now == CHILDREN)
        advance(s);
    while (s->k.stage != STAGE_DONE && s->k.now < CHILDREN) {
        fani_round inner = {0};
        const fan_status status = methods[s->k.now]->round(s->states[s->k.now], &inner);
        if (status != FAN_OK)
            return status;
        if (inner.count > 0)
            return wrap(s, &inner, round);
        s->k.children[s->k.now].ended = 1;
        advance(s);
    }
    return FAN_OK;
}

static fan_status work(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *item, unsigned char *reply)
{
    uint64_t number;
    memcpy(&number, item, sizeof number);
    return number < CHILDREN ? methods[number]->work(f, domain, item + HEAD, reply)
                             : FAN_E_PROTOCOL;
}

static fan_status take(void *state, const unsigned char *replies)
{
    automatic *s = state;
    const fan_status status = methods[s->k.now]->take(s->states[s->k.now], replies);
    if (status != FAN_OK)
        return status;
    s->k.children[s->k.now].rounds++;
    note_child(s, s->k.now);
    advance(s);
    return FAN_OK;
}

/* ---- The result ------------------------------------------------------------------------------ */

/* The child whose value counts: the product where it holds, else the one with the least excess
 * that nothing contradicts. */
static size_t chosen_child(const automatic *s)
{
    if (claimed(s, PRODUCT))
        return PRODUCT;
    size_t best = CHILDREN;
    double least = INFINITY;
    for (size_t i = PRODUCT + 1; i < CHILDREN; i++) {
        fani_estimate e;
        if (!s->k.children[i].there || s->k.children[i].rounds == 0 || (s->k.contradicted >> i & 1))
            continue;
        estimate_of(s, i, &e);
        const double excess = excess_of(s, &e);
        const bool watched = s->k.stage != STAGE_DONE || !contradicts(s, i);
        if (best == CHILDREN || (watched && excess < least)) {
            best = i;
            least = watched ? excess : INFINITY;
        }
    }
    return best;
}

static void explain(const automatic *s, size_t chosen, char *text)
{
    const char *why = "its error falls fastest";
    if (chosen == PRODUCT)
        why = "the integrand is a product of functions of one variable";
    else if (s->k.contradicted != 0)
        why = "random samples contradict symmetric rules";
    else if (claimed(s, chosen) && s->k.stage == STAGE_DONE && s->k.now != chosen)
        why = "it was done within its pilot";
    snprintf(text, FANI_CHOSEN_SIZE, "%s: %s", methods[chosen]->name, why);
}

static void result(const void *state, fani_estimate *estimate)
{
    const automatic *s = state;
    const size_t chosen = chosen_child(s);
    if (chosen == CHILDREN) {
        *estimate = (fani_estimate){.evaluations = evaluations_of(s)};
        for (size_t c = 0; c < s->components; c++)
            estimate->error[c] = INFINITY;
        return;
    }
    estimate_of(s, chosen, estimate);
    estimate->evaluations = evaluations_of(s);
    if (s->k.stage != STAGE_DONE && estimate->verdict == FANI_VERDICT_REACHED)
        estimate->verdict = FANI_VERDICT_OPEN;
    else if (s->k.stage == STAGE_DONE && estimate->verdict == FANI_VERDICT_OPEN)
        estimate->verdict = FANI_VERDICT_BUDGET;
    explain(s, chosen, estimate->chosen);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const automatic *s = state;
    fani_bytes b = {0};
    fani_bytes_add(&b, &s->k, sizeof s->k);
    for (size_t i = 0; i < CHILDREN; i++) {
        unsigned char *part = NULL;
        size_t part_size = 0;
        if (s->states[i] && methods[i]->save(s->states[i], &part, &part_size) != FAN_OK)
            b.failed = true;
        const uint64_t length = part_size;
        fani_bytes_add(&b, &length, sizeof length);
        fani_bytes_add(&b, part, part_size);
        free(part);
    }
    return fani_bytes_take(&b, bytes, size);
}

static fan_status load_children(automatic *s, const fani_integrand *f, const fani_domain *domain,
                                fani_bytes_left *left)
{
    const fani_goal goal = child_goal(&s->goal);
    fani_bytes_get(left, &s->k, sizeof s->k);
    if (left->short_of || s->k.now > CHILDREN || s->k.stage > STAGE_DONE)
        return FAN_E_PROTOCOL;
    for (size_t i = 0; i < CHILDREN; i++) {
        uint64_t length;
        fani_bytes_get(left, &length, sizeof length);
        if (left->short_of || length > left->left)
            return FAN_E_PROTOCOL;
        fan_status status = FAN_OK;
        if (s->k.children[i].there)
            status = methods[i]->load(f, domain, &goal, left->at, (size_t)length, &s->states[i]);
        if (status != FAN_OK)
            return status;
        left->at += length;
        left->left -= (size_t)length;
    }
    const bool known = s->k.now == CHILDREN || s->k.stage == STAGE_DONE || s->states[s->k.now];
    return left->left == 0 && known ? FAN_OK : FAN_E_PROTOCOL;
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    automatic *s = NULL;
    fan_status status = make(f, goal, &s);
    if (status == FAN_OK)
        status = load_children(s, f, domain, &(fani_bytes_left){.at = bytes, .left = size});
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
}

const fani_method fani_method_auto_many = {.name = "auto",
                                           .open = open_state,
                                           .round = next_round,
                                           .work = work,
                                           .take = take,
                                           .result = result,
                                           .save = save,
                                           .load = load,
                                           .close = close_state};
