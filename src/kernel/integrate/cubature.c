/* Adaptive cubature: regions in a heap by their errors; in each round the worst of them are halved.
 *
 * Which regions a round halves depends on their errors and numbers alone. Source of the rules: see
 * symmetric.c; of the scheme: van Dooren and de Ridder, "An adaptive algorithm for numerical
 * integration over an n-dimensional cube", 1976. */
#include "cubature.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "methods_many.h"
#include "state_bytes.h"

enum {
    ROUND_REGIONS = 8192, /* at most halved in one round */
    FIRST_REGIONS = 8,    /* no claim before there are as many: one rule alone sees too little */
    DOUBT = 8,            /* one in so many evaluations is spent on doubt */
};
/* How far differences are believed, see compare(). Errors of high degrees fall so fast that more
 * caution costs little. */
static const double caution = 16, more_caution = 32, least_trust = 0.05, most_trust = 4;
static const double narrowest = 0x1p-40; /* no narrower half width: points would coincide */

/* Of a NaN and a number the number, if that is b. fmax is a call. */
static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

/* A sum that is exact to about twice the precision, so that it may be changed for ever. */
typedef struct precise {
    double high, low;
} precise;

static void precise_add(precise *p, double x)
{
    const double sum = p->high + x, part = sum - p->high;
    p->low += (p->high - (sum - part)) + (x - part);
    p->high = sum;
}

static double precise_value(const precise *p)
{
    return p->high + p->low;
}

/* A region's numbers stand one after the other: centre[d], half[d], value[C], error[C]. */
typedef struct region_head {
    double key; /* the largest error */
    double absolute;
    double trust; /* what of the errors that its points tell is taken for true */
    uint64_t axis;
} region_head;

typedef struct totals {
    uint64_t evaluations, rounds;
    uint64_t doubted; /* evaluations of rounds that looked where nothing was seen */
    fani_bad_values bad;
    precise absolute;
    uint64_t heap_count, region_count; /* regions too narrow to be halved are not in the heap */
} totals;

typedef struct cubature {
    size_t d, components, width; /* numbers of a region */
    size_t points;               /* of the rule */
    fani_goal goal;
    fani_symmetric_rule rule;
    totals t;
    precise value[FANI_COMPONENTS_MAX], error[FANI_COMPONENTS_MAX];
    region_head *heads;
    double *numbers;
    uint32_t *heap;
    size_t capacity;
    /* The round: regions that are halved, and the items of the halves. */
    uint32_t chosen[ROUND_REGIONS];
    size_t chosen_count;
    bool doubting;
    unsigned char *items;
    size_t items_capacity;
} cubature;

static double *numbers_of(const cubature *s, size_t region)
{
    return s->numbers + region * s->width;
}

/* ---- The heap: the largest error first, then the lowest number ------------------------------- */

static bool before(const cubature *s, uint32_t a, uint32_t b)
{
    const double ka = s->heads[a].key, kb = s->heads[b].key;
    return ka > kb || (ka == kb && a < b);
}

static void heap_push(cubature *s, uint32_t region)
{
    size_t at = s->t.heap_count++;
    for (; at > 0 && before(s, region, s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = region;
}

static uint32_t heap_pop(cubature *s)
{
    const uint32_t top = s->heap[0];
    const size_t count = --s->t.heap_count;
    const uint32_t last = s->heap[count];
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s, s->heap[child], last))
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return top;
}

/* ---- The state ------------------------------------------------------------------------------- */

static fan_status reserve(cubature *s, size_t count)
{
    if (count <= s->capacity)
        return FAN_OK;
    const size_t capacity = 2 * count + 256;
    region_head *heads = realloc(s->heads, capacity * sizeof *heads);
    if (!heads)
        return FAN_E_MEMORY;
    s->heads = heads;
    double *numbers = realloc(s->numbers, capacity * s->width * sizeof *numbers);
    if (!numbers)
        return FAN_E_MEMORY;
    s->numbers = numbers;
    uint32_t *heap = realloc(s->heap, capacity * sizeof *heap);
    if (!heap)
        return FAN_E_MEMORY;
    s->heap = heap;
    s->capacity = capacity;
    return FAN_OK;
}

static void close_state(void *state)
{
    cubature *s = state;
    if (!s)
        return;
    free(s->heads);
    free(s->numbers);
    free(s->heap);
    free(s->items);
    free(s);
}

static fan_status check(uint32_t shape, const fani_domain *domain, fan_error *error)
{
    const fani_symmetric_shape *at = &fani_symmetric_shapes[shape];
    const size_t d = domain->dimension;
    if (d < 2)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "cubature needs 2 dimensions or more; gauss-kronrod takes one");
    if (d > FANI_SYMMETRIC_DIMENSION_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "cubature takes up to %d dimensions, not %zu; lattice and vegas take "
                              "more",
                              FANI_SYMMETRIC_DIMENSION_MAX, d);
    if (d < at->least)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "cubature%u needs %zu dimensions%s; cubature takes %zu", at->degree,
                              at->least, at->least < at->most ? " or more" : "", d);
    if (d > at->most)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "cubature%u needs %zu dimensions; cubature and cubature9 take %zu",
                              at->degree, at->most, d);
    return FAN_OK;
}

static fan_status make(uint32_t shape, const fani_integrand *f, const fani_domain *domain,
                       const fani_goal *goal, cubature **state)
{
    cubature *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    s->d = domain->dimension;
    s->components = f->components;
    s->width = 2 * (s->d + s->components);
    s->goal = *goal;
    fani_symmetric_make(shape, s->d, &s->rule);
    s->points = fani_symmetric_points(&fani_symmetric_shapes[shape], s->d);
    *state = s;
    return FAN_OK;
}

static fan_status open_state(uint32_t shape, const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, void **state, fan_error *error)
{
    cubature *s = NULL;
    fan_status status = check(shape, domain, error);
    if (status == FAN_OK && make(shape, f, domain, goal, &s) != FAN_OK)
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for an integral's state");
    if (status == FAN_OK)
        *state = s;
    return status;
}

/* What an estimate may be at most; 0 where even that is below the noise. */
static double allowed(const cubature *s, size_t c)
{
    const double relative = s->goal.rel * fabs(precise_value(&s->value[c]));
    const double noise = 50 * 0x1p-52 * precise_value(&s->t.absolute);
    return fmax(fmax(s->goal.abs, relative), noise);
}

static bool reached(const cubature *s)
{
    bool all = s->t.region_count >= FIRST_REGIONS;
    for (size_t c = 0; c < s->components; c++)
        all = all && precise_value(&s->error[c]) <= allowed(s, c);
    return all;
}

/* Where the estimate would do, the largest regions are halved all the same before that is believed:
 * what the points of a rule miss lies in these. */
static bool believed(const cubature *s)
{
    return s->t.doubted * DOUBT >= s->t.evaluations || s->t.heap_count == 0;
}

static fani_verdict verdict(const cubature *s)
{
    if (fani_bad_values_persist(&s->t.bad, s->t.evaluations))
        return FANI_VERDICT_NOT_FINITE;
    if (s->t.rounds == 0)
        return FANI_VERDICT_OPEN;
    if (reached(s) && believed(s))
        return FANI_VERDICT_REACHED;
    if (s->t.heap_count == 0)
        return FANI_VERDICT_ROUNDING;
    return s->t.evaluations + 2 * s->points > s->goal.evaluations_max ? FANI_VERDICT_BUDGET
                                                                      : FANI_VERDICT_OPEN;
}

/* ---- A round --------------------------------------------------------------------------------- */

/* Takes a region out of the sums. */
static void forget(cubature *s, size_t region)
{
    const double *value = numbers_of(s, region) + 2 * s->d;
    for (size_t c = 0; c < s->components; c++) {
        precise_add(&s->value[c], -value[c]);
        precise_add(&s->error[c], -value[s->components + c]);
    }
    precise_add(&s->t.absolute, -s->heads[region].absolute);
}

static void remember(cubature *s, size_t region)
{
    const double *value = numbers_of(s, region) + 2 * s->d;
    for (size_t c = 0; c < s->components; c++) {
        precise_add(&s->value[c], value[c]);
        precise_add(&s->error[c], value[s->components + c]);
    }
    precise_add(&s->t.absolute, s->heads[region].absolute);
}

/* Whether the errors that are left would do, were those of the chosen regions gone. */
static bool rest_is_small(const cubature *s, const double *left, const double *enough)
{
    for (size_t c = 0; c < s->components; c++) {
        if (left[c] > enough[c])
            return false;
    }
    return true;
}

/* The worst regions, until the rest would do; none that are far better than the worst, as those may
 * never need to be halved. */
static void choose(cubature *s)
{
    double left[FANI_COMPONENTS_MAX], enough[FANI_COMPONENTS_MAX];
    for (size_t c = 0; c < s->components; c++) {
        left[c] = precise_value(&s->error[c]);
        enough[c] = allowed(s, c) / 2;
    }
    const uint64_t affordable = (s->goal.evaluations_max - s->t.evaluations) / (2 * s->points);
    const size_t most = affordable < ROUND_REGIONS ? (size_t)affordable : ROUND_REGIONS;
    const double worst = s->heads[s->heap[0]].key;
    s->chosen_count = 0;
    while (s->chosen_count < most && s->t.heap_count > 0) {
        const uint32_t region = s->heap[0];
        if (s->chosen_count > 0 &&
            (s->heads[region].key < worst / 4 || rest_is_small(s, left, enough)))
            break;
        s->chosen[s->chosen_count++] = heap_pop(s);
        for (size_t c = 0; c < s->components; c++)
            left[c] -= numbers_of(s, region)[2 * s->d + s->components + c];
    }
}

/* All halvings are by two, so that their number tells a region's volume. */
enum { GENERATIONS = 64 * FANI_SYMMETRIC_DIMENSION_MAX, OUT_OF_HEAP = GENERATIONS };

static uint16_t generation(const cubature *s, size_t region)
{
    const double *half = numbers_of(s, region) + s->d;
    double volume = 1;
    for (size_t k = 0; k < s->d; k++)
        volume *= 2 * half[k];
    const int halvings = -ilogb(volume);
    return (uint16_t)(halvings >= 0 && halvings < GENERATIONS ? halvings : GENERATIONS - 1);
}

/* The generation of each region in the heap, and how many regions there are of each. */
static void count_generations(const cubature *s, uint16_t *generations, size_t *counts)
{
    for (size_t i = 0; i < s->t.region_count; i++)
        generations[i] = OUT_OF_HEAP;
    for (size_t i = 0; i < s->t.heap_count; i++) {
        const uint16_t g = generation(s, s->heap[i]);
        generations[s->heap[i]] = g;
        counts[g]++;
    }
}

static size_t widest_axis(const cubature *s, size_t region)
{
    const double *half = numbers_of(s, region) + s->d;
    size_t widest = 0;
    for (size_t k = 1; k < s->d; k++) {
        if (half[k] > half[widest])
            widest = k;
    }
    return widest;
}

/* As many regions as make up what doubt may cost. */
static size_t wanted_in_doubt(const cubature *s)
{
    const uint64_t spent = s->t.doubted * DOUBT;
    const uint64_t missing = s->t.evaluations > spent ? s->t.evaluations - spent : 0;
    const uint64_t wanted = missing / ((DOUBT - 1) * 2 * s->points) + FIRST_REGIONS;
    const uint64_t most = wanted < ROUND_REGIONS ? wanted : ROUND_REGIONS;
    return (size_t)(most < s->t.heap_count ? most : s->t.heap_count);
}

/* The largest regions, of equals those with the lowest numbers; they are halved across their widest
 * axes. */
static fan_status choose_in_doubt(cubature *s)
{
    const size_t wanted = wanted_in_doubt(s);
    size_t counts[GENERATIONS] = {0}, last = 0, before_last = 0;
    uint16_t *generations = malloc(s->t.region_count * sizeof *generations);
    if (!generations)
        return FAN_E_MEMORY;
    count_generations(s, generations, counts);
    while (before_last + counts[last] < wanted)
        before_last += counts[last++];
    size_t of_last = wanted - before_last;
    s->chosen_count = s->t.heap_count = 0;
    for (uint32_t region = 0; region < s->t.region_count; region++) {
        const bool chosen =
            generations[region] < last || (generations[region] == last && of_last > 0);
        of_last -= chosen && generations[region] == last;
        if (chosen) {
            s->chosen[s->chosen_count++] = region;
            s->heads[region].axis = widest_axis(s, region);
        } else if (generations[region] != OUT_OF_HEAP) {
            heap_push(s, region);
        }
    }
    free(generations);
    return FAN_OK;
}

static unsigned char *item_at(const cubature *s, size_t i)
{
    return s->items + i * fani_cubature_item_size(s->d);
}

/* Writes box `box` of the round: a region's centre and half widths. */
static void put_box(const cubature *s, size_t box, const double *centre, const double *half)
{
    unsigned char *item = item_at(s, box / FANI_CUBATURE_REGIONS);
    double *boxes = (double *)(void *)(item + sizeof(fani_cubature_item));
    const size_t i = box % FANI_CUBATURE_REGIONS;
    const size_t group = i / FANI_CUBATURE_LANES * s->d;
    for (size_t k = 0; k < s->d; k++) {
        const size_t at = (group + k) * FANI_CUBATURE_LANES + i % FANI_CUBATURE_LANES;
        boxes[at] = centre[k];
        boxes[s->d * FANI_CUBATURE_REGIONS + at] = half[k];
    }
}

static fan_status make_items(cubature *s, size_t boxes, fani_round *round)
{
    const size_t size = fani_cubature_item_size(s->d);
    const size_t count = (boxes + FANI_CUBATURE_REGIONS - 1) / FANI_CUBATURE_REGIONS;
    if (count > s->items_capacity) {
        free(s->items);
        s->items_capacity = 0;
        s->items = malloc(2 * count * size);
        if (!s->items)
            return FAN_E_MEMORY;
        s->items_capacity = 2 * count;
    }
    memset(item_at(s, count - 1), 0, size); /* which may have fewer regions */
    for (size_t i = 0; i < count; i++) {
        const size_t left = boxes - i * FANI_CUBATURE_REGIONS;
        fani_cubature_item *head = (fani_cubature_item *)(void *)item_at(s, i);
        head->count = left < FANI_CUBATURE_REGIONS ? left : FANI_CUBATURE_REGIONS;
        head->rule = s->rule;
    }
    *round = (fani_round){count, size, fani_cubature_reply_size(s->components), s->items};
    return FAN_OK;
}

/* Halves region `region`: the lower half keeps its number, the upper one is `upper`. */
static void halve(cubature *s, size_t region, size_t upper)
{
    const size_t axis = s->heads[region].axis;
    double *a = numbers_of(s, region), *b = numbers_of(s, upper);
    a[s->d + axis] /= 2;
    memcpy(b, a, 2 * s->d * sizeof *a);
    a[axis] -= a[s->d + axis];
    b[axis] += b[s->d + axis];
}

static fan_status first_round(cubature *s, fani_round *round)
{
    fan_status status = reserve(s, 1);
    if (status == FAN_OK)
        status = make_items(s, 1, round);
    if (status != FAN_OK)
        return status;
    double *box = numbers_of(s, 0);
    for (size_t k = 0; k < 2 * s->d; k++)
        box[k] = 0.5;
    put_box(s, 0, box, box + s->d);
    return FAN_OK;
}

static fan_status next_round(void *state, fani_round *round)
{
    cubature *s = state;
    *round = (fani_round){0};
    if (verdict(s) != FANI_VERDICT_OPEN)
        return FAN_OK;
    if (s->t.rounds == 0)
        return first_round(s, round);
    fan_status status = FAN_OK;
    s->doubting = reached(s);
    if (s->doubting)
        status = choose_in_doubt(s);
    else
        choose(s);
    if (status == FAN_OK)
        status = reserve(s, s->t.region_count + s->chosen_count);
    if (status == FAN_OK)
        status = make_items(s, 2 * s->chosen_count, round);
    for (size_t i = 0; status == FAN_OK && i < s->chosen_count; i++) {
        const size_t lower = s->chosen[i], upper = s->t.region_count + i;
        forget(s, lower);
        halve(s, lower, upper);
        put_box(s, 2 * i, numbers_of(s, lower), numbers_of(s, lower) + s->d);
        put_box(s, 2 * i + 1, numbers_of(s, upper), numbers_of(s, upper) + s->d);
    }
    return status;
}

/* ---- Replies --------------------------------------------------------------------------------- */

/* Copies what box `box` told into a region. */
static void hear(cubature *s, const unsigned char *replies, size_t box, size_t region)
{
    const unsigned char *at =
        replies + box / FANI_CUBATURE_REGIONS * fani_cubature_reply_size(s->components) +
        sizeof(fani_bad_values) +
        box % FANI_CUBATURE_REGIONS * fani_cubature_told_size(s->components);
    fani_cubature_told told;
    memcpy(&told, at, sizeof told);
    s->heads[region].absolute = told.absolute;
    s->heads[region].axis = told.axis < s->d ? told.axis : 0;
    memcpy(numbers_of(s, region) + 2 * s->d, at + sizeof told, 2 * s->components * sizeof(double));
}

/* Puts a region into the sums, and into the heap where it is wide enough to be halved. */
static void settle(cubature *s, uint32_t region)
{
    const double *numbers = numbers_of(s, region);
    double key = 0;
    for (size_t c = 0; c < s->components; c++)
        key = larger(numbers[2 * s->d + s->components + c], key);
    s->heads[region].key = key;
    remember(s, region);
    if (numbers[s->d + s->heads[region].axis] > narrowest)
        heap_push(s, region);
}

/* What two halves tell of the whole: the difference is the whole's error. Where it is far below
 * the claim, halves of halves need to claim less, by a factor of 4 in a generation; where it is
 * above, the halves, it must be feared, claim too little as well. */
static void compare(cubature *s, size_t lower, size_t upper, const double *whole)
{
    double *a = numbers_of(s, lower) + 2 * s->d, *b = numbers_of(s, upper) + 2 * s->d;
    const double before = s->heads[lower].trust;
    double worst = 0;
    for (size_t c = 0; c < s->components; c++) {
        const double difference = fabs(whole[c] - a[c] - b[c]);
        const double claimed = whole[s->components + c] / before;
        if (difference > 0)
            worst = larger(claimed > 0 ? difference / claimed : 1, worst);
    }
    const double care = fani_symmetric_shapes[s->rule.shape].degree > 9 ? more_caution : caution;
    const double least = larger(before / 4, least_trust), wanted = larger(care * worst, least);
    const double trust = wanted < most_trust ? wanted : most_trust;
    s->heads[lower].trust = s->heads[upper].trust = trust;
    for (size_t c = 0; c < s->components; c++) {
        a[s->components + c] *= trust;
        b[s->components + c] *= trust;
    }
}

static fan_status take(void *state, const unsigned char *replies)
{
    cubature *s = state;
    const size_t boxes = s->t.rounds == 0 ? 1 : 2 * s->chosen_count;
    const size_t reply = fani_cubature_reply_size(s->components);
    for (size_t i = 0; i * FANI_CUBATURE_REGIONS < boxes; i++) {
        fani_bad_values bad;
        memcpy(&bad, replies + i * reply, sizeof bad);
        fani_bad_values_add(&s->t.bad, &bad);
    }
    s->t.evaluations += boxes * s->points;
    s->t.doubted += s->doubting ? boxes * s->points : 0;
    if (s->t.rounds++ == 0) {
        s->t.region_count = 1;
        hear(s, replies, 0, 0);
        s->heads[0].trust = 1;
        settle(s, 0);
        return FAN_OK;
    }
    for (size_t i = 0; i < s->chosen_count; i++) {
        double whole[2 * FANI_COMPONENTS_MAX];
        const uint32_t lower = s->chosen[i], upper = (uint32_t)s->t.region_count++;
        memcpy(whole, numbers_of(s, lower) + 2 * s->d, 2 * s->components * sizeof *whole);
        hear(s, replies, 2 * i, lower);
        hear(s, replies, 2 * i + 1, upper);
        compare(s, lower, upper, whole);
        settle(s, lower);
        settle(s, upper);
    }
    return FAN_OK;
}

static void result(const void *state, fani_estimate *estimate)
{
    const cubature *s = state;
    *estimate = (fani_estimate){.absolute = precise_value(&s->t.absolute),
                                .evaluations = s->t.evaluations,
                                .bad = s->t.bad,
                                .verdict = verdict(s)};
    for (size_t c = 0; c < s->components; c++) {
        estimate->value[c] = precise_value(&s->value[c]);
        estimate->error[c] = precise_value(&s->error[c]);
    }
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status save(const void *state, unsigned char **bytes, size_t *size)
{
    const cubature *s = state;
    fani_bytes b = {0};
    fani_bytes_add(&b, &s->t, sizeof s->t);
    fani_bytes_add(&b, s->value, sizeof s->value);
    fani_bytes_add(&b, s->error, sizeof s->error);
    fani_bytes_add(&b, s->heads, s->t.region_count * sizeof *s->heads);
    fani_bytes_add(&b, s->numbers, s->t.region_count * s->width * sizeof *s->numbers);
    fani_bytes_add(&b, s->heap, s->t.heap_count * sizeof *s->heap);
    return fani_bytes_take(&b, bytes, size);
}

static bool sound(const cubature *s)
{
    for (size_t i = 0; i < s->t.region_count; i++) {
        if (s->heads[i].axis >= s->d)
            return false;
    }
    for (size_t i = 0; i < s->t.heap_count; i++) {
        if (s->heap[i] >= s->t.region_count)
            return false;
    }
    return true;
}

static fan_status read_state(cubature *s, fani_bytes_left *r)
{
    fani_bytes_get(r, &s->t, sizeof s->t);
    fani_bytes_get(r, s->value, sizeof s->value);
    fani_bytes_get(r, s->error, sizeof s->error);
    const size_t region = sizeof *s->heads + s->width * sizeof *s->numbers;
    if (r->short_of || s->t.heap_count > s->t.region_count || s->t.region_count > r->left / region)
        return FAN_E_PROTOCOL;
    if (s->t.region_count > 0 && reserve(s, s->t.region_count) != FAN_OK)
        return FAN_E_MEMORY;
    fani_bytes_get(r, s->heads, s->t.region_count * sizeof *s->heads);
    fani_bytes_get(r, s->numbers, s->t.region_count * s->width * sizeof *s->numbers);
    fani_bytes_get(r, s->heap, s->t.heap_count * sizeof *s->heap);
    return !r->short_of && r->left == 0 && sound(s) ? FAN_OK : FAN_E_PROTOCOL;
}

static fan_status load_state(uint32_t shape, const fani_integrand *f, const fani_domain *domain,
                             const fani_goal *goal, const unsigned char *bytes, size_t size,
                             void **state)
{
    cubature *s = NULL;
    fan_status status = check(shape, domain, NULL);
    if (status == FAN_OK)
        status = make(shape, f, domain, goal, &s);
    if (status == FAN_OK)
        status = read_state(s, &(fani_bytes_left){.at = bytes, .left = size});
    if (status == FAN_OK)
        *state = s;
    else
        close_state(s);
    return status;
}

#define CUBATURE(id, text, shape)                                                                  \
    static fan_status open_##id(const fani_integrand *f, const fani_domain *domain,                \
                                const fani_goal *goal, void **state, fan_error *error)             \
    {                                                                                              \
        return open_state(shape, f, domain, goal, state, error);                                   \
    }                                                                                              \
    static fan_status load_##id(const fani_integrand *f, const fani_domain *domain,                \
                                const fani_goal *goal, const unsigned char *bytes, size_t size,    \
                                void **state)                                                      \
    {                                                                                              \
        return load_state(shape, f, domain, goal, bytes, size, state);                             \
    }                                                                                              \
    const fani_method fani_method_##id = {.name = text,                                            \
                                          .open = open_##id,                                       \
                                          .round = next_round,                                     \
                                          .work = fani_cubature_work,                              \
                                          .take = take,                                            \
                                          .result = result,                                        \
                                          .save = save,                                            \
                                          .load = load_##id,                                       \
                                          .close = close_state};

CUBATURE(cubature, "cubature", FANI_SYMMETRIC_7)
CUBATURE(cubature9, "cubature9", FANI_SYMMETRIC_9)
CUBATURE(cubature11, "cubature11", FANI_SYMMETRIC_11)
CUBATURE(cubature13, "cubature13", FANI_SYMMETRIC_13)
