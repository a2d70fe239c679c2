/* Rank-1 lattices with random shifts: the mean over each shifted lattice is an estimate without
 * bias, and how these scatter tells the error. In each round the lattices get twice as many points,
 * all of the earlier ones among them; those of full size get more shifts instead. The integrand is
 * made periodic by a change of variable. Source: I. Sloan and S. Joe, "Lattice methods for multiple
 * integration", 1994; the vector is that of lattice_vector.c. */
#include "lattice.h"

#include <math.h>
#include <stdalign.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/isa.h"
#include "base/philox.h"
#include "methods_many.h"
#include "state_bytes.h"

enum {
    BLOCK = FANI_POINTS_MAX,
    DIMENSIONS = FAN_INTEGRAL_DIMENSION_MAX,
    SHIFTS = 8, /* of a round */
    SHIFTS_MAX = 1 << 16,
    FIRST_DIGITS = 8,  /* points of a lattice in the first round: 2^8 */
    CLAIM_DIGITS = 10, /* no claim with fewer */
};
/* Standard errors of the claim: Student's t for 95 % with SHIFTS - 1 degrees of freedom. */
static const double standard_errors = 2.365;

typedef struct lattice_item {
    uint64_t seed, shift;
    uint64_t start, step; /* the lattice's multipliers as fractions of 2^64: start + i * step */
    uint64_t count;
} lattice_item;

typedef struct lattice_reply {
    fani_bad_values bad;
    double absolute;
    double sums[]; /* a component */
} lattice_reply;

static size_t reply_size(size_t components)
{
    return sizeof(lattice_reply) + components * sizeof(double);
}

static const fani_lattice_kernels *kernels_of(fani_isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case FANI_ISA_AVX512:
        return &fani_lattice_avx512;
    case FANI_ISA_AVX2:
        return &fani_lattice_avx2;
#endif
    default:
        return &fani_lattice_baseline;
    }
}

/* ---- Work ------------------------------------------------------------------------------------ */

/* An item's points: where the next block of them begins, in each dimension. */
typedef struct walk {
    const fani_lattice_kernels *kernels;
    uint64_t starts[DIMENSIONS], steps[DIMENSIONS];
} walk;

static walk walk_of(const lattice_item *item, size_t dimension)
{
    walk w = {.kernels = kernels_of(fani_isa_wanted())};
    for (size_t k = 0; k < dimension; k++) {
        const uint64_t z = fani_lattice_vector[k];
        w.starts[k] = z * item->start + fani_philox_u64(item->seed, item->shift * DIMENSIONS + k);
        w.steps[k] = z * item->step;
    }
    return w;
}

static fan_status work_block(const fani_integrand *f, const fani_domain *domain, walk *w,
                             size_t count, lattice_reply *reply)
{
    /* So that no vector lies across two cache lines. */
    alignas(64) double points[DIMENSIONS][BLOCK];
    alignas(64) double weights[BLOCK], values[FANI_COMPONENTS_MAX][BLOCK];
    double *u[DIMENSIONS], *out[FANI_COMPONENTS_MAX];
    const size_t padded = (count + 7) / 8 * 8;
    for (size_t k = 0; k < domain->dimension; k++)
        u[k] = points[k];
    for (size_t c = 0; c < f->components; c++)
        out[c] = values[c];
    w->kernels->points(w->starts, w->steps, domain->dimension, padded, u, weights);
    for (size_t k = 0; k < domain->dimension; k++)
        w->starts[k] += count * w->steps[k];
    const fan_status status =
        fani_domain_evaluate(f, domain, (const double *const *)u, count, out, &reply->bad);
    if (status != FAN_OK)
        return status;
    double largest = 0;
    for (size_t c = 0; c < f->components; c++) {
        double sums[2] = {reply->sums[c], 0};
        for (size_t i = count; i < padded; i++)
            values[c][i] = 0;
        w->kernels->sum(values[c], weights, padded, sums);
        reply->sums[c] = sums[0];
        largest = fmax(largest, sums[1]);
    }
    reply->absolute += largest;
    return FAN_OK;
}

static fan_status work(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *bytes, unsigned char *out)
{
    lattice_item item;
    memcpy(&item, bytes, sizeof item);
    lattice_reply *reply = (lattice_reply *)(void *)out;
    memset(reply, 0, reply_size(f->components));
    walk w = walk_of(&item, domain->dimension);
    fan_status status = FAN_OK;
    for (uint64_t i = 0; status == FAN_OK && i < item.count; i += BLOCK) {
        const uint64_t left = item.count - i;
        status = work_block(f, domain, &w, left < BLOCK ? (size_t)left : BLOCK, reply);
    }
    return status;
}

/* ---- The state ------------------------------------------------------------------------------- */

typedef struct counts {
    uint64_t digits; /* points of each lattice so far: 2^digits; 0: none */
    uint64_t shifts, evaluations;
    fani_bad_values bad;
    double absolute; /* sum */
} counts;

typedef struct lattice {
    size_t d, components;
    fani_goal goal;
    counts t;
    double *sums; /* [shift][component] */
    lattice_item *items;
    size_t item_count, items_a_shift;
    uint64_t first_shift; /* of the round */
} lattice;

static void close_state(void *state)
{
    lattice *s = state;
    if (!s)
        return;
    free(s->sums);
    free(s->items);
    free(s);
}

static lattice *make(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal)
{
    lattice *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->d = domain->dimension;
    s->components = f->components;
    s->goal = *goal;
    return s;
}

static fan_status open_state(const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    if (domain->dimension < 2)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "lattice needs 2 dimensions or more; gauss-kronrod takes one");
    lattice *s = make(f, domain, goal);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for an integral's state");
    *state = s;
    return FAN_OK;
}

/* The mean over shifts, and its error. */
static void together(const lattice *s, size_t c, double *value, double *error)
{
    const double points = ldexp(1, (int)s->t.digits), n = (double)s->t.shifts;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < s->t.shifts; i++)
        sum += s->sums[i * s->components + c] / points;
    *value = s->t.shifts > 0 ? sum / n : 0;
    for (uint64_t i = 0; i < s->t.shifts; i++) {
        const double off = s->sums[i * s->components + c] / points - *value;
        squares += off * off;
    }
    *error = s->t.shifts > 1 ? standard_errors * sqrt(squares / (n * (n - 1))) : INFINITY;
}

static double absolute(const lattice *s)
{
    return s->t.evaluations > 0 ? s->t.absolute / (double)s->t.evaluations : 0;
}

static bool reached(const lattice *s)
{
    bool all = s->t.digits >= CLAIM_DIGITS;
    for (size_t c = 0; c < s->components && all; c++) {
        double value, error;
        together(s, c, &value, &error);
        const double noise = 50 * 0x1p-52 * absolute(s);
        all = error <= fmax(fmax(s->goal.abs, s->goal.rel * fabs(value)), noise);
    }
    return all;
}

static uint64_t next_evaluations(const lattice *s)
{
    if (s->t.digits == 0)
        return (uint64_t)SHIFTS << FIRST_DIGITS;
    return (uint64_t)SHIFTS << s->t.digits;
}

static fani_verdict verdict(const lattice *s)
{
    if (fani_bad_values_persist(&s->t.bad, s->t.evaluations))
        return FANI_VERDICT_NOT_FINITE;
    if (reached(s))
        return FANI_VERDICT_REACHED;
    const bool spent = s->t.evaluations + next_evaluations(s) > s->goal.evaluations_max;
    return spent || s->t.shifts >= SHIFTS_MAX ? FANI_VERDICT_BUDGET : FANI_VERDICT_OPEN;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

/* Points of the round a shift: odd multiples of 2^-m only, where lattices double. */
static lattice_item round_points(const lattice *s)
{
    if (s->t.digits == 0)
        return (lattice_item){
            .start = 0, .step = UINT64_C(1) << (64 - FIRST_DIGITS), .count = 1 << FIRST_DIGITS};
    if (s->t.digits == FANI_LATTICE_DIGITS)
        return (lattice_item){.start = 0,
                              .step = UINT64_C(1) << (64 - FANI_LATTICE_DIGITS),
                              .count = 1 << FANI_LATTICE_DIGITS};
    const unsigned digits = (unsigned)s->t.digits + 1;
    return (lattice_item){.start = UINT64_C(1) << (64 - digits),
                          .step = UINT64_C(1) << (65 - digits),
                          .count = UINT64_C(1) << (digits - 1)};
}

static fan_status next_round(void *state, fani_round *round)
{
    lattice *s = state;
    *round = (fani_round){0};
    if (verdict(s) != FANI_VERDICT_OPEN)
        return FAN_OK;
    const lattice_item all = round_points(s);
    s->first_shift = s->t.digits == FANI_LATTICE_DIGITS ? s->t.shifts : 0;
    s->items_a_shift = (size_t)((all.count + FANI_LATTICE_POINTS - 1) / FANI_LATTICE_POINTS);
    s->item_count = SHIFTS * s->items_a_shift;
    free(s->items);
    s->items = calloc(s->item_count, sizeof *s->items);
    if (!s->items)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < s->item_count; i++) {
        const uint64_t first = i % s->items_a_shift * FANI_LATTICE_POINTS;
        const uint64_t left = all.count - first;
        s->items[i] = all;
        s->items[i].seed = s->goal.seed;
        s->items[i].shift = s->first_shift + i / s->items_a_shift;
        s->items[i].start += first * all.step;
        s->items[i].count = left < FANI_LATTICE_POINTS ? left : FANI_LATTICE_POINTS;
    }
    *round = (fani_round){s->item_count, sizeof *s->items, reply_size(s->components),
                          (const unsigned char *)(const void *)s->items};
    return FAN_OK;
}

static fan_status take(void *state, const unsigned char *replies)
{
    lattice *s = state;
    const uint64_t shifts = s->first_shift + SHIFTS;
    double *sums = realloc(s->sums, shifts * s->components * sizeof *sums);
    if (!sums)
        return FAN_E_MEMORY;
    s->sums = sums;
    for (uint64_t i = s->t.shifts * s->components; i < shifts * s->components; i++)
        sums[i] = 0;
    for (size_t i = 0; i < s->item_count; i++) {
        const lattice_reply *reply =
            (const lattice_reply *)(const void *)(replies + i * reply_size(s->components));
        for (size_t c = 0; c < s->components; c++)
            sums[s->items[i].shift * s->components + c] += reply->sums[c];
        fani_bad_values_add(&s->t.bad, &reply->bad);
        s->t.absolute += reply->absolute;
        s->t.evaluations += s->items[i].count;
    }
    s->t.shifts = shifts;
    if (s->t.digits == 0)
        s->t.digits = FIRST_DIGITS;
    else if (s->t.digits < FANI_LATTICE_DIGITS)
        s->t.digits++;
    return FAN_OK;
}

static void result(const void *state, fani_estimate *estimate)
{
    const lattice *s = state;
    *estimate = (fani_estimate){.absolute = absolute(s),
                                .evaluations = s->t.evaluations,
                                .bad = s->t.bad,
                                .verdict = verdict(s)};
    for (size_t c = 0; c < s->components; c++)
        together(s, c, &estimate->value[c], &estimate->error[c]);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const lattice *s = state;
    fani_bytes b = {0};
    fani_bytes_add(&b, &s->t, sizeof s->t);
    fani_bytes_add(&b, s->sums, s->t.shifts * s->components * sizeof *s->sums);
    return fani_bytes_take(&b, bytes, size);
}

static fan_status read_state(void *state, fani_bytes_left *left)
{
    lattice *s = state;
    fani_bytes_get(left, &s->t, sizeof s->t);
    if (left->short_of || s->t.shifts > SHIFTS_MAX || s->t.digits > FANI_LATTICE_DIGITS ||
        left->left != s->t.shifts * s->components * sizeof *s->sums)
        return FAN_E_PROTOCOL;
    s->sums = malloc(left->left + 1);
    if (!s->sums)
        return FAN_E_MEMORY;
    fani_bytes_get(left, s->sums, left->left);
    return FAN_OK;
}

static fan_status load(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state)
{
    return fani_state_load(make(f, domain, goal), read_state, close_state, bytes, size, state);
}

const fani_method fani_method_lattice = {.name = "lattice",
                                         .open = open_state,
                                         .round = next_round,
                                         .work = work,
                                         .take = take,
                                         .result = result,
                                         .save = save,
                                         .load = load,
                                         .close = close_state};
