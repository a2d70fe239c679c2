/* "rigorous": rounds of pieces of the range, each enclosed by Arb. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <acb_calc.h>

#include "base/error.h"
#include "rigorous_balls.h"

enum {
    COST = 100000, /* of the evaluations of an item: about a tenth of a second */
    EVALUATIONS_LOW = 100,
    EVALUATIONS_HIGH = 10000,
    LEVELS = 5,        /* of precision */
    LEVEL_BITS = 30,   /* that a level has more than the one before */
    AIM_BITS = 8,      /* by which it aims more closely, whatever the value */
    SPARE_BITS = 5,    /* a piece is aimed at so much more closely than the whole */
    WORKING_BITS = 40, /* of the arithmetic beyond the aim */
    SUM_BITS = 200,
    PIECES_MAX = 1 << 20,
};

#define NARROW 0x1p-60 /* of the range: such a piece is not cut */

const char *fani_rigorous_version(void)
{
    return arb_version;
}

/* Where on the range it is, as a part of it: exact numbers. */
typedef struct item {
    double from, to;
    double aim; /* the error that is small enough whatever the value */
    uint64_t level, relative_bits, evaluations_max;
} item;

/* The integral over a piece lies within `radius` of high + low. An infinite radius: it is not known
 * at all, then the others are 0. */
typedef struct reply {
    double high, low, radius;
    uint64_t evaluations;
} reply;

typedef struct piece {
    double from, to;
    reply known;
    uint64_t level;
    uint64_t state; /* piece_state */
} piece;

typedef enum piece_state {
    PIECE_DUE, /* to be enclosed in this round */
    PIECE_DONE,
    PIECE_STUCK, /* nothing more can be done about it */
} piece_state;

/* What is kept of a state: this, and the pieces behind it. */
typedef struct head {
    uint64_t count;
    uint64_t evaluations;
    double value, error; /* of the whole; the error is infinite until all of it is enclosed */
    double aim;
    uint64_t verdict;
} head;

typedef struct rigorous {
    head head;
    fani_goal goal;
    uint64_t relative_bits, item_evaluations;
    piece *pieces; /* all of the range; of one that is cut the second half goes to the end */
    size_t room;
    item *items;
    size_t items_room;
} rigorous;

/* ---- An item --------------------------------------------------------------------------------- */

static int integrand(acb_ptr out, const acb_t z, void *user, slong order, slong bits)
{
    fani_balls *balls = user;
    (void)bits; /* those that the balls were made for */
    fani_balls_evaluate(balls, z, order > 0, out);
    return 0;
}

/* The number of the range at this part of it. */
static void place(acb_t out, const arb_t from, const arb_t to, double part, slong bits)
{
    arb_t at;
    arb_init(at);
    acb_zero(out);
    if (part == 0) {
        arb_set(acb_realref(out), from);
    } else if (part == 1) {
        arb_set(acb_realref(out), to);
    } else {
        arb_sub(acb_realref(out), to, from, bits);
        arb_set_d(at, part);
        arb_mul(acb_realref(out), acb_realref(out), at, bits);
        arb_add(acb_realref(out), acb_realref(out), from, bits);
    }
    arb_clear(at);
}

/* A bound, whatever its value in doubles. */
static fan_status bound_of(const fani_proof *proof, size_t tree, slong bits, arb_t out)
{
    acb_t z, value;
    fani_balls balls;
    fan_status status = fani_balls_make(proof, tree, bits, &balls);
    acb_init(z);
    acb_init(value);
    if (status == FAN_OK) {
        fani_balls_evaluate(&balls, z, false, value);
        arb_set(out, acb_realref(value));
        if (!arb_contains_zero(acb_imagref(value)))
            arb_indeterminate(out);
    }
    acb_clear(z);
    acb_clear(value);
    fani_balls_clear(&balls);
    return status;
}

/* Three doubles that enclose a ball. */
static void to_reply(const arb_t ball, reply *r)
{
    arf_t rest;
    mag_t radius, beside;
    r->high = arf_get_d(arb_midref(ball), ARF_RND_NEAR);
    r->low = 0;
    r->radius = INFINITY;
    if (!arb_is_finite(ball) || !isfinite(r->high)) {
        r->high = 0;
        return;
    }
    arf_init(rest);
    mag_init(radius);
    mag_init(beside);
    arf_set_d(rest, r->high);
    arf_sub(rest, arb_midref(ball), rest, ARF_PREC_EXACT, ARF_RND_NEAR);
    r->low = arf_get_d(rest, ARF_RND_NEAR);
    arb_t low;
    arb_init(low);
    arf_set_d(arb_midref(low), r->low);
    arf_sub(rest, rest, arb_midref(low), ARF_PREC_EXACT, ARF_RND_NEAR);
    arf_get_mag(beside, rest);
    mag_add(radius, arb_radref(ball), beside);
    r->radius = mag_get_d(radius); /* upwards */
    arb_clear(low);
    arf_clear(rest);
    mag_clear(radius);
    mag_clear(beside);
}

static void enclose(const item *i, const arb_t from, const arb_t to, fani_balls *balls, reply *r)
{
    acb_t a, b, sum;
    mag_t aim;
    acb_calc_integrate_opt_t options;
    acb_calc_integrate_opt_init(options);
    options->eval_limit = (slong)i->evaluations_max;
    options->depth_limit = options->eval_limit;
    options->use_heap = 1; /* the widest part first: without it a kink at 0 is never left */
    acb_init(a);
    acb_init(b);
    acb_init(sum);
    mag_init(aim);
    mag_set_d(aim, i->aim);
    place(a, from, to, i->from, balls->bits);
    place(b, from, to, i->to, balls->bits);
    if (acb_is_finite(a) && acb_is_finite(b)) {
        (void)acb_calc_integrate(sum, integrand, balls, a, b, (slong)i->relative_bits, aim, options,
                                 balls->bits);
        if (!arb_contains_zero(acb_imagref(sum))) /* there are no real values */
            acb_indeterminate(sum);
    } else {
        acb_indeterminate(sum);
    }
    to_reply(acb_realref(sum), r);
    r->evaluations = balls->evaluations;
    acb_clear(a);
    acb_clear(b);
    acb_clear(sum);
    mag_clear(aim);
}

/* Arb keeps constants and nodes per thread, with as many digits as were asked for. They are
 * forgotten: the bits must not depend on what a thread has worked on before, and who ends leaves
 * nothing. */
static fan_status work(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *bytes, unsigned char *answer)
{
    item i;
    reply r = {.radius = INFINITY};
    arb_t from, to;
    fani_balls balls;
    (void)domain;
    memcpy(&i, bytes, sizeof i);
    const slong bits = (slong)i.relative_bits + WORKING_BITS;
    arb_init(from);
    arb_init(to);
    fan_status status = bound_of(f->proof, FANI_PROOF_FROM, bits, from);
    if (status == FAN_OK)
        status = bound_of(f->proof, FANI_PROOF_TO, bits, to);
    if (status == FAN_OK)
        status = fani_balls_make(f->proof, FANI_PROOF_INTEGRAND, bits, &balls);
    if (status == FAN_OK) {
        enclose(&i, from, to, &balls, &r);
        fani_balls_clear(&balls);
    }
    arb_clear(from);
    arb_clear(to);
    flint_cleanup();
    memcpy(answer, &r, sizeof r);
    return status;
}

/* ---- The state ------------------------------------------------------------------------------- */

static void close_state(void *state)
{
    rigorous *s = state;
    if (!s)
        return;
    free(s->pieces);
    free(s->items);
    free(s);
}

static fan_status make_room(rigorous *s, size_t count)
{
    piece *pieces = realloc(s->pieces, count * sizeof *pieces);
    if (!pieces)
        return FAN_E_MEMORY;
    s->pieces = pieces;
    s->room = count;
    return FAN_OK;
}

static fan_status make(const fani_integrand *f, const fani_goal *goal, size_t pieces,
                       rigorous **made)
{
    rigorous *s = calloc(1, sizeof *s);
    if (!s || make_room(s, pieces) != FAN_OK) {
        free(s);
        return FAN_E_MEMORY;
    }
    const uint64_t cost = fani_balls_cost(&f->proof->trees[FANI_PROOF_INTEGRAND]);
    const uint64_t evaluations = COST / (cost + 1);
    s->goal = *goal;
    s->item_evaluations = evaluations < EVALUATIONS_LOW    ? EVALUATIONS_LOW
                          : evaluations > EVALUATIONS_HIGH ? EVALUATIONS_HIGH
                                                           : evaluations;
    if (s->item_evaluations > goal->evaluations_max)
        s->item_evaluations = goal->evaluations_max;
    const double bits = goal->rel > 0 ? ceil(-log2(goal->rel)) : 53;
    s->relative_bits = (uint64_t)fmin(fmax(bits, 10), 60) + SPARE_BITS;
    *made = s;
    return FAN_OK;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    rigorous *s;
    fan_status status = fani_rigorous_check(domain, error);
    if (status == FAN_OK && !f->proof)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "rigorous is for expressions given to the command: a function's "
                                "values at points prove nothing");
    if (status != FAN_OK)
        return status;
    status = make(f, goal, 1, &s);
    if (status != FAN_OK)
        return fani_error_set(error, status, "out of memory for an integral");
    s->head = (head){.count = 1, .error = INFINITY, .aim = goal->abs, .verdict = FANI_VERDICT_OPEN};
    s->pieces[0] = (piece){.from = 0, .to = 1, .known = {.radius = INFINITY}};
    *state = s;
    return FAN_OK;
}

static fan_status round_of(void *state, fani_round *round)
{
    rigorous *s = state;
    const size_t count = s->head.count;
    size_t due = 0;
    *round = (fani_round){.item_size = sizeof(item), .reply_size = sizeof(reply)};
    if (s->head.verdict != FANI_VERDICT_OPEN)
        return FAN_OK;
    if (s->items_room < count) {
        item *items = realloc(s->items, count * sizeof *items);
        if (!items)
            return FAN_E_MEMORY;
        s->items = items;
        s->items_room = count;
    }
    for (size_t i = 0; i < count; i++) {
        const piece *p = &s->pieces[i];
        if (p->state == PIECE_DUE)
            s->items[due++] =
                (item){.from = p->from,
                       .to = p->to,
                       .aim = ldexp(s->head.aim / 4 / (double)count, -(int)(AIM_BITS * p->level)),
                       .level = p->level,
                       .relative_bits = s->relative_bits + LEVEL_BITS * p->level,
                       .evaluations_max = s->item_evaluations};
    }
    round->count = due;
    round->bytes = (const unsigned char *)s->items;
    return FAN_OK;
}

/* The sum of all pieces; false: some are not enclosed. *value: the nearest double, *error: how far
 * from it the integral can be. *known: the sum of what is enclosed. */
static bool add_up(const rigorous *s, double *value, double *error, double *known)
{
    arb_t sum, part;
    reply whole;
    bool is_whole = true;
    arb_init(sum);
    arb_init(part);
    for (size_t i = 0; i < s->head.count; i++) {
        const reply *r = &s->pieces[i].known;
        if (!isfinite(r->radius)) {
            is_whole = false;
            continue;
        }
        arb_set_d(part, r->low);
        mag_set_d(arb_radref(part), r->radius);
        arb_add(sum, sum, part, SUM_BITS);
        arb_set_d(part, r->high);
        arb_add(sum, sum, part, SUM_BITS);
    }
    to_reply(sum, &whole);
    *known = whole.high;
    *value = is_whole ? whole.high : 0;
    /* what the double leaves of the middle, upwards */
    mag_t beside, radius;
    mag_init(beside);
    mag_init(radius);
    mag_set_d(beside, fabs(whole.low));
    mag_set_d(radius, whole.radius);
    mag_add(radius, radius, beside);
    *error = is_whole ? mag_get_d(radius) : INFINITY;
    mag_clear(beside);
    mag_clear(radius);
    arb_clear(sum);
    arb_clear(part);
    return is_whole;
}

/* A piece that ended by its evaluations is cut; one that ended before lacked digits. */
static fan_status improve(rigorous *s, size_t i)
{
    piece *p = &s->pieces[i];
    if (p->known.evaluations + 1 < s->item_evaluations) { /* Arb leaves the last one out */
        p->level++;
        p->state = p->level < LEVELS ? PIECE_DUE : PIECE_STUCK;
        return FAN_OK;
    }
    if (p->to - p->from < NARROW || s->head.count >= PIECES_MAX) {
        p->state = PIECE_STUCK;
        return FAN_OK;
    }
    if (s->head.count == s->room && make_room(s, 2 * s->room) != FAN_OK)
        return FAN_E_MEMORY;
    p = &s->pieces[i];
    piece *half = &s->pieces[s->head.count++];
    *half = *p;
    half->from = p->to = p->from / 2 + p->to / 2;
    p->state = half->state = PIECE_DUE;
    p->known = half->known = (reply){.radius = INFINITY};
    return FAN_OK;
}

/* What is too wide is done anew, where that can help. */
static fan_status plan(rigorous *s)
{
    const size_t count = s->head.count;
    const double share = s->head.aim / 2 / (double)count;
    bool due = false;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        if (s->pieces[i].state == PIECE_DONE && !(s->pieces[i].known.radius <= share))
            status = improve(s, i);
        due |= s->pieces[i].state == PIECE_DUE;
    }
    if (status == FAN_OK && !due)
        s->head.verdict = FANI_VERDICT_ROUNDING;
    return status;
}

static fan_status take(void *state, const unsigned char *replies)
{
    rigorous *s = state;
    double known;
    for (size_t i = 0; i < s->head.count; i++) {
        piece *p = &s->pieces[i];
        if (p->state != PIECE_DUE)
            continue;
        memcpy(&p->known, replies, sizeof p->known);
        replies += sizeof p->known;
        p->state = PIECE_DONE;
        s->head.evaluations += p->known.evaluations;
    }
    (void)add_up(s, &s->head.value, &s->head.error, &known);
    s->head.aim = fmax(s->goal.abs, s->goal.rel * fabs(known));
    if (s->head.error <= fmax(s->goal.abs, s->goal.rel * fabs(s->head.value)))
        s->head.verdict = FANI_VERDICT_REACHED;
    else if (s->head.evaluations >= s->goal.evaluations_max)
        s->head.verdict = FANI_VERDICT_BUDGET;
    else
        return plan(s);
    return FAN_OK;
}

static void result(const void *state, fani_estimate *estimate)
{
    const rigorous *s = state;
    *estimate = (fani_estimate){.absolute = fabs(s->head.value),
                                .evaluations = s->head.evaluations,
                                .verdict = (fani_verdict)s->head.verdict};
    estimate->value[0] = s->head.value;
    estimate->error[0] = s->head.error;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const rigorous *s = state;
    const size_t pieces = s->head.count * sizeof *s->pieces;
    unsigned char *more = realloc(*bytes, *size + sizeof s->head + pieces);
    if (!more)
        return FAN_E_MEMORY;
    memcpy(more + *size, &s->head, sizeof s->head);
    memcpy(more + *size + sizeof s->head, s->pieces, pieces);
    *bytes = more;
    *size += sizeof s->head + pieces;
    return FAN_OK;
}

static bool is_sound(const rigorous *s)
{
    bool sound = s->head.verdict <= FANI_VERDICT_NOT_FINITE && s->head.aim >= 0;
    for (size_t i = 0; sound && i < s->head.count; i++) {
        const piece *p = &s->pieces[i];
        sound = p->from >= 0 && p->from < p->to && p->to <= 1 && p->level <= LEVELS &&
                p->state <= PIECE_STUCK && p->known.radius >= 0 && isfinite(p->known.high) &&
                isfinite(p->known.low);
    }
    return sound;
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    rigorous *s;
    head h;
    if (fani_rigorous_check(domain, NULL) != FAN_OK || !f->proof || size < sizeof h)
        return FAN_E_PROTOCOL;
    memcpy(&h, bytes, sizeof h);
    if (h.count < 1 || h.count > PIECES_MAX || size - sizeof h != h.count * sizeof(piece))
        return FAN_E_PROTOCOL;
    fan_status status = make(f, goal, h.count, &s);
    if (status != FAN_OK)
        return status;
    s->head = h;
    memcpy(s->pieces, bytes + sizeof h, h.count * sizeof(piece));
    if (is_sound(s)) {
        *state = s;
        return FAN_OK;
    }
    close_state(s);
    return FAN_E_PROTOCOL;
}

const fani_method fani_method_rigorous = {.name = "rigorous",
                                          .open = open_state,
                                          .round = round_of,
                                          .work = work,
                                          .take = take,
                                          .result = result,
                                          .save = save,
                                          .load = load,
                                          .close = close_state};
