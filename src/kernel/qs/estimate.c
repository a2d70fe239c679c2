#include "estimate.h"

#include "algebra.h"
#include "base/philox.h"
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* ---- Relations needed ----------------------------------------------------------------------- */

/* Large primes are vertices of a graph, 1 is one too, and relations are its edges: each edge within
 * a component closes a cycle, and about as many cycles as columns are wanted. Cycles come slowly at
 * first and then all at once, so their number is not extrapolated: a graph is drawn at random, of
 * the same density, with fewer vertices, edges and columns by the same factor. */

enum {
    COLUMNS = 6000,  /* of the drawn graph, at most */
    CELLS = 256,     /* of the range of large primes, of the same ratio */
    EDGES_MAX = 200, /* for each column: no collection wants so many relations */
};

/* A prime p divides a part of 1 / p of all values, but those with a large p leave less to be made
 * up of the base: of the relations with a large prime, p has a part that falls slower, by this
 * power of p. Found by trying, on relations of numbers of 50 to 80 digits. */
static const double falls_by = 0.76;

/* Of the values with two large primes the sieve lets those through whose product, together with the
 * primes that are not sieved with, is within its slack. The logarithm of what these make up has
 * about this spread, and a mean as much above that of the first prime sieved with. Found likewise.
 */
static const double unsieved_spread = 5, unsieved_more = 5;

/* Before there are as many cycles as columns the relations are enough (docs/sieve-algebra.md). */
static const double wanted_of_columns = 0.97;

typedef struct large_primes {
    double low, width;        /* logarithms: of the first cell's beginning, and of a cell */
    double limit;             /* of the logarithm of a product of two, */
    double middle, spread;    /* and where the sieve lets half of them through, and about it */
    double vertex[CELLS + 1]; /* the number that a cell's vertices begin with; 0 is the vertex 1 */
    double chance[CELLS + 1]; /* that a large prime lies below the cell */
} large_primes;

/* How many primes with kn as a square lie between two numbers with these logarithms: half of them
 * all, by the theorem of prime numbers in the middle of the interval. */
static double primes_between(double low, double high)
{
    return (exp(high) - exp(low)) / (low + high);
}

static void describe(const fani_qs *qs, double thinned, large_primes *of)
{
    double high = log(qs->large_end);
    of->low = log(qs->prime[qs->params.base - 1]);
    of->width = (high - of->low) / CELLS;
    of->limit = qs->params.pair * log(2);
    of->middle = (qs->params.slack - unsieved_more) * log(2) - log(qs->params.small);
    of->spread = unsieved_spread * log(2);
    of->vertex[0] = 1;
    of->chance[0] = 0;
    for (unsigned i = 0; i < CELLS; i++) {
        double from = of->low + i * of->width, primes = primes_between(from, from + of->width);
        of->vertex[i + 1] = of->vertex[i] + primes / thinned;
        of->chance[i + 1] = of->chance[i] + primes * exp(-falls_by * (from + of->width / 2));
    }
}

typedef struct drawing {
    large_primes primes;
    uint32_t *parent;
    uint64_t drawn; /* random numbers so far */
} drawing;

static double draw(drawing *d)
{
    return (double)(fani_philox_u64(1, d->drawn++) >> 11) * 0x1p-53;
}

/* A vertex and the logarithm of its prime. */
static uint32_t draw_prime(drawing *d, double *logarithm)
{
    const large_primes *of = &d->primes;
    const double *chance = of->chance;
    double at = draw(d) * chance[CELLS];
    unsigned low = 0, high = CELLS - 1;
    while (low < high) {
        unsigned middle = (low + high + 1) / 2;
        if (chance[middle] <= at)
            low = middle;
        else
            high = middle - 1;
    }
    double part = (at - chance[low]) / (chance[low + 1] - chance[low]);
    *logarithm = of->low + of->width * (low + part);
    return (uint32_t)(of->vertex[low] + part * (of->vertex[low + 1] - of->vertex[low]));
}

/* Whether relations have two primes with this product. */
static bool is_let_through(drawing *d, double logarithm)
{
    const large_primes *of = &d->primes;
    if (logarithm > of->limit)
        return false;
    return draw(d) < erfc((logarithm - of->middle) / of->spread / sqrt(2)) / 2;
}

static void draw_edge(drawing *d, const fani_qs_shares *shares, uint32_t *one, uint32_t *other)
{
    enum { TRIES = 1000 }; /* parameters by which none comes through end, too */
    double kind = draw(d), low, high;
    *one = *other = 0;
    if (kind < shares->of[0])
        return;
    *one = draw_prime(d, &low);
    if (kind < shares->of[0] + shares->of[1])
        return;
    *other = draw_prime(d, &high);
    for (unsigned i = 0; i < TRIES && !is_let_through(d, low + high); i++) {
        *one = draw_prime(d, &low);
        *other = draw_prime(d, &high);
    }
}

static uint32_t root_of(uint32_t *parent, uint32_t at)
{
    while (parent[at] != at)
        at = parent[at] = parent[parent[at]];
    return at;
}

static uint64_t draw_edges(drawing *d, const fani_qs_shares *shares, uint32_t columns)
{
    uint64_t edges = 0, end = (uint64_t)columns * EDGES_MAX;
    double cycles = 0, wanted = columns * wanted_of_columns;
    for (; cycles < wanted && edges < end; edges++) {
        uint32_t one, other;
        draw_edge(d, shares, &one, &other);
        one = root_of(d->parent, one);
        other = root_of(d->parent, other);
        cycles += one == other;
        d->parent[one] = other;
    }
    return edges;
}

fan_status fani_qs_needed(const fani_qs *qs, fani_qs_shares shares, double *relations)
{
    uint32_t columns = fani_qs_columns(qs) < COLUMNS ? fani_qs_columns(qs) : COLUMNS;
    double thinned = (double)fani_qs_columns(qs) / columns;
    drawing d = {.drawn = 0};
    describe(qs, thinned, &d.primes);
    uint32_t vertices = (uint32_t)d.primes.vertex[CELLS] + 1;
    d.parent = malloc(vertices * sizeof *d.parent);
    if (!d.parent)
        return FAN_E_MEMORY;
    for (uint32_t i = 0; i < vertices; i++)
        d.parent[i] = i;
    *relations = thinned * (double)draw_edges(&d, &shares, columns);
    free(d.parent);
    return FAN_OK;
}

/* ---- Shares --------------------------------------------------------------------------------- */

enum { SUPPLEMENT = 150 }; /* relations that say as much about shares as is known without any */

/* How many relations with one large prime there are for each without: as many as large primes that
 * their values may be divided by, each with its chance. Found by trying. */
static double ones_for_each_full(const fani_qs *qs)
{
    large_primes of;
    describe(qs, 1, &of);
    return 1.7 * of.chance[CELLS];
}

fani_qs_shares fani_qs_shares_of(const fani_qs *qs, const uint64_t seen[3])
{
    double few = (double)(seen[0] + seen[1]), all = few + (double)seen[2];
    double usual = 1 / (1 + ones_for_each_full(qs));
    double full = ((double)seen[0] + SUPPLEMENT * usual) / (few + SUPPLEMENT);
    double part = all > 0 ? few / all : 1;
    return (fani_qs_shares){{part * full, part * (1 - full), 1 - part}};
}

/* ---- Speed ---------------------------------------------------------------------------------- */

/* What a piece of sieving takes, and the relations that it has found. */
typedef struct trial {
    const fani_qs *qs;
    fani_qs_worker *worker;
    fani_qs_set *set;
    uint64_t seen[3], polys, pieces;
    double begin_seconds, seconds; /* of the pieces' beginnings, and of their polynomials */
} trial;

static double cpu_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static fan_status keep(void *context, const fani_qs_relation *relation)
{
    trial *t = context;
    bool added = false;
    fan_status status = fani_qs_set_add(t->set, relation, &added);
    if (added)
        t->seen[(relation->large[0] != 1) + (relation->large[1] != 1)]++;
    return status;
}

/* Some polynomials of the next coefficient, from another place on each time; what its beginning
 * takes is measured apart, as it goes with all polynomials of one. */
static fan_status try_piece(trial *t, uint32_t count)
{
    const fani_qs_hooks hooks = {.emit = keep, .context = t};
    uint32_t all = fani_qs_b_count(t->qs);
    count = count < all ? count : all;
    uint64_t a = t->pieces % fani_qs_a_count(t->qs);
    uint32_t from = (uint32_t)(t->pieces * (all / 4 + 1) % (all - count + 1));
    double before = cpu_seconds();
    fan_status status = fani_qs_collect_some(t->worker, a, from, from, &hooks);
    double begun = cpu_seconds();
    if (status == FAN_OK)
        status = fani_qs_collect_some(t->worker, a, from, from + count, &hooks);
    double beginning = begun - before, polys = cpu_seconds() - begun - beginning;
    t->begin_seconds += beginning;
    t->seconds += polys > 0 ? polys : 0;
    t->polys += count;
    t->pieces++;
    return status;
}

/* Pieces of 5 ms, until the time is known and relations are, too, but for long numbers. */
static fan_status try_pieces(trial *t)
{
    static const double piece = 5e-3, known = 60e-3, late = 300e-3;
    enum { FIRST = 2, POLYS_MAX = 1024, RELATIONS = 150 };
    fan_status status = try_piece(t, FIRST); /* touches the memory */
    if (status != FAN_OK)
        return status;
    t->polys = 0;
    t->seconds = t->begin_seconds = 0;
    t->seen[0] = t->seen[1] = t->seen[2] = 0;
    t->pieces = 0;
    uint32_t count = FIRST;
    while (status == FAN_OK) {
        double all = t->seconds + t->begin_seconds;
        uint64_t seen = t->seen[0] + t->seen[1] + t->seen[2];
        if (all >= late || (all >= known && seen >= RELATIONS))
            break;
        status = try_piece(t, count);
        double wanted = piece * (double)t->polys / (t->seconds + 1e-6);
        count = wanted > POLYS_MAX ? POLYS_MAX : wanted < FIRST ? FIRST : (uint32_t)wanted;
    }
    return status;
}

double fani_qs_algebra_seconds(uint32_t columns)
{
    /* By bench/algebra: the lists of a matrix go with its columns, Lanczos with their square. */
    return columns * (4.5e-6 + 6e-10 * columns);
}

/* Polynomials, and coefficients as far as they are begun. */
static fan_status work_out(const trial *t, fani_qs_cost *cost)
{
    double seen = (double)(t->seen[0] + t->seen[1] + t->seen[2]);
    fan_status status = fani_qs_needed(t->qs, fani_qs_shares_of(t->qs, t->seen), &cost->relations);
    if (status != FAN_OK)
        return status;
    double polys = cost->relations * (double)t->polys / (seen + (seen < 1));
    cost->collect_seconds = polys * t->seconds / (double)t->polys +
                            polys / fani_qs_b_count(t->qs) * t->begin_seconds / (double)t->pieces;
    cost->algebra_seconds = fani_qs_algebra_seconds(fani_qs_columns(t->qs));
    return FAN_OK;
}

fan_status fani_qs_foresee(const fani_qs *qs, fani_isa isa, fani_qs_cost *cost)
{
    trial t = {.qs = qs};
    fan_status status = fani_qs_worker_make(qs, isa, &t.worker);
    if (status == FAN_OK)
        status = fani_qs_set_new(fani_qs_columns(qs), &t.set);
    if (status == FAN_OK)
        status = try_pieces(&t);
    if (status == FAN_OK)
        status = work_out(&t, cost);
    fani_qs_set_free(t.set);
    fani_qs_worker_free(t.worker);
    return status;
}

fan_status fani_qs_estimate(const fani_qs *qs, fani_isa isa, double *seconds)
{
    fani_qs_cost cost;
    fan_status status = fani_qs_foresee(qs, isa, &cost);
    if (status == FAN_OK)
        *seconds = cost.collect_seconds + cost.algebra_seconds;
    return status;
}
