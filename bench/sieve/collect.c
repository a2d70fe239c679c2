/* How fast relations are collected: random semiprimes of some lengths, each by each instruction
 * set, until there are as many independent cycles as the matrix has columns, or for a part of that.
 * Beside the CPU time: a polynomial of the quickest leading coefficient, and what all of it would
 * have taken at that speed, which says more on a machine that has other work to do. */
#include "sieve.h"

#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "primes.h"

/* Large primes are the vertices of a graph (1 too), relations its edges; an edge within a component
 * closes a cycle. */
typedef struct graph {
    uint32_t *prime, *parent; /* by place in the table; prime 0: free */
    size_t size, used;
    uint64_t relations[3]; /* by the number of large primes */
    uint64_t single_cycles, cycles;
} graph;

static size_t place_of(const graph *g, uint32_t prime)
{
    size_t i = (prime * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (g->size - 1);
    while (g->prime[i] != 0 && g->prime[i] != prime)
        i = (i + 1) & (g->size - 1);
    return i;
}

static uint32_t root_of(graph *g, uint32_t prime)
{
    size_t i = place_of(g, prime);
    if (g->prime[i] == 0) {
        if (++g->used * 2 > g->size)
            bench_fail("sieve: more large primes than there is room for");
        g->prime[i] = (uint32_t)prime;
        g->parent[i] = (uint32_t)i;
    }
    uint32_t at = (uint32_t)i;
    while (g->parent[at] != at)
        at = g->parent[at] = g->parent[g->parent[at]];
    return at;
}

static fan_status count_relation(void *context, const fani_qs_relation *r)
{
    graph *g = context;
    uint32_t one = root_of(g, r->large[0]), other = root_of(g, r->large[1]);
    g->relations[(r->large[0] != 1) + (r->large[1] != 1)]++;
    if (one == other) {
        g->cycles++;
        g->single_cycles += r->large[0] == 1 && r->large[1] != 1;
    }
    g->parent[one] = other;
    return FAN_OK;
}

/* Seconds in all if full relations come with time and cycles of pairs with its square. */
static double estimate(const graph *g, double seconds, double needed)
{
    double full = (double)g->relations[0], pairs = (double)(g->cycles - g->relations[0]);
    double low = 0, high = 1e9;
    while (high - low > 1e-6 * high) {
        double t = (low + high) / 2;
        if (full * t + pairs * t * t < needed)
            low = t;
        else
            high = t;
    }
    return low * seconds;
}

static void collect(const sieve_options *options, bench_table *table, unsigned digits,
                    unsigned which, fani_isa isa)
{
    enum { LARGE_PRIMES = 32 }; /* for each column: twice as many as there will be */
    graph g = {.size = 1 << 14};
    mpz_t n;
    mpz_init(n);
    bench_semiprime(digits, which, n);
    fani_qs *qs;
    fani_qs_worker *worker;
    double begin = bench_thread_ns();
    if (fani_qs_make(n, options->has_params ? &options->params : NULL, &qs) != FAN_OK ||
        fani_qs_worker_make(qs, isa, &worker) != FAN_OK)
        bench_fail("sieve: no sieve for %u digits", digits);
    while (g.size < (size_t)LARGE_PRIMES * fani_qs_columns(qs))
        g.size *= 2;
    g.prime = bench_alloc(g.size, sizeof *g.prime);
    g.parent = bench_alloc(g.size, sizeof *g.parent);
    memset(g.prime, 0, g.size * sizeof *g.prime);
    const fani_qs_hooks hooks = {.emit = count_relation, .context = &g};
    double needed = fani_qs_columns(qs) + 64.0;
    double setup = bench_thread_ns() - begin, least = 1e18;
    uint64_t a = 0;
    uint64_t end = options->leading ? options->leading : fani_qs_a_count(qs);
    while (a < end && (options->leading || (double)g.cycles < needed * options->until / 100)) {
        double before = bench_thread_ns();
        if (fani_qs_collect(worker, a++, &hooks) != FAN_OK)
            bench_fail("sieve: collecting failed");
        double used = bench_thread_ns() - before;
        least = used < least ? used : least;
    }
    double seconds = (bench_thread_ns() - begin) / 1e9;
    double all = (double)g.cycles < needed ? estimate(&g, seconds, needed) : seconds;
    double quiet = (setup + least * (double)a * (all / seconds)) / 1e9;
    bench_table_row(table, "C%u/%u\t%s\t%u\t%llu\t%llu\t%llu\t%llu\t%llu\t%.0f\t%.1f\t%.3f\t%.3f",
                    digits, which, fani_isa_name(isa), fani_qs_columns(qs), (unsigned long long)a,
                    (unsigned long long)g.relations[0], (unsigned long long)g.relations[1],
                    (unsigned long long)g.relations[2], (unsigned long long)g.cycles,
                    (double)(g.relations[0] + g.relations[1] + g.relations[2]) / seconds,
                    1e-3 * least / fani_qs_b_count(qs), all, quiet);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    free(g.prime);
    free(g.parent);
    mpz_clear(n);
}

static void collect_all(const sieve_options *options, bench_table *table)
{
    unsigned digits;
    for (const char *at = options->digits; sieve_next_length(&at, &digits);) {
        for (unsigned which = 0; which < options->numbers; which++) {
            for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
                if (!options->isa || strcmp(options->isa, fani_isa_name(isa)) == 0)
                    collect(options, table, digits, which, isa);
            }
        }
    }
}

void sieve_collect(const sieve_options *options)
{
    bench_table *table =
        bench_table_new("collecting relations", 2,
                        "number\tisa\tcolumns\ta\tfull\tone\ttwo\tcycles\trelations/s\tus a "
                        "polynomial\tseconds\tquiet");
    collect_all(options, table);
    bench_table_print(table, &options->common);
}
