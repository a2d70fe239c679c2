/* How the sieve spreads out: what was measured, and the times that follow for 1 to 1000 cores, by
 * the formula of docs/sieve-scaling.md.
 *
 * Cores collect relations; rank 0 checks each one and adds it to the set, which no one helps it
 * with; then it solves them. */
#include "sieve.h"

#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/qs/algebra.h"
#include "kernel/qs/codec.h"
#include "kernel/qs/estimate.h"
#include "primes.h"

/* What a relation costs rank 0, and the network. */
typedef struct handling {
    double check_seconds, seconds, bytes; /* the first is part of the second */
} handling;

enum { RELATIONS = 2000 };

/* Relations of the first leading coefficients, one after the other. */
typedef struct kept {
    fani_qs_coder *coder;
    uint8_t *bytes;
    uint64_t *a;
    size_t used, count;
} kept;

static fan_status keep(void *context, const fani_qs_relation *relation)
{
    kept *k = context;
    if (k->count == RELATIONS)
        return FAN_E_CANCELLED;
    k->used += fani_qs_coder_write(k->coder, relation, k->bytes + k->used);
    k->a[k->count++] = relation->a;
    return FAN_OK;
}

static void require(fan_status status, const char *what)
{
    if (status != FAN_OK)
        bench_fail("sieve: %s: %s", what, fan_status_text(status));
}

/* The first RELATIONS relations' bytes; fewer where they take more than some seconds. */
static void collect(const fani_qs *qs, kept *k)
{
    static const double late = 5e9;
    fani_qs_worker *worker;
    const fani_qs_hooks hooks = {.emit = keep, .context = k};
    double begin = bench_thread_ns();
    require(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), "a worker");
    for (uint32_t b = 0; k->count < RELATIONS && bench_thread_ns() - begin < late; b += 8) {
        fan_status status =
            fani_qs_collect_some(worker, b / fani_qs_b_count(qs), b % fani_qs_b_count(qs),
                                 b % fani_qs_b_count(qs) + 8, &hooks);
        if (status != FAN_E_CANCELLED)
            require(status, "collecting");
    }
    fani_qs_worker_free(worker);
}

typedef fan_status read_relation(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes,
                                 size_t size, uint32_t *factors, fani_qs_relation *r, size_t *used);

/* Reads them, and adds them where there is a set; seconds of each. */
static double handle(const kept *k, read_relation *read, fani_qs_set *set)
{
    uint32_t factor[FANI_QS_FACTORS_MAX];
    double begin = bench_thread_ns();
    for (size_t at = 0, i = 0, used; i < k->count; i++, at += used) {
        fani_qs_relation relation;
        require(read(k->coder, k->a[i], k->bytes + at, k->used - at, factor, &relation, &used),
                "reading a relation");
        if (set)
            require(fani_qs_set_add(set, &relation, NULL), "adding a relation");
    }
    return (bench_thread_ns() - begin) / 1e9 / (double)k->count;
}

/* What src/job/sieve.c does with a relation: it is proven when it comes, and added when it is its
 * turn. */
static handling measure(const fani_qs *qs)
{
    kept k = {0};
    fani_qs_set *set;
    k.bytes = bench_alloc(RELATIONS, FANI_QS_RELATION_BYTES_MAX);
    k.a = bench_alloc(RELATIONS, sizeof *k.a);
    require(fani_qs_coder_make(qs, &k.coder), "a coder");
    collect(qs, &k);
    require(fani_qs_set_new(fani_qs_columns(qs), &set), "a set");
    handling h = {.bytes = (double)k.used / (double)k.count};
    h.check_seconds = handle(&k, fani_qs_coder_read, NULL);
    h.seconds = h.check_seconds + handle(&k, fani_qs_coder_parse, set);
    fani_qs_set_free(set);
    fani_qs_coder_free(k.coder);
    free(k.a);
    free(k.bytes);
    return h;
}

/* Seconds by the clock. */
static double seconds_on(const fani_qs_cost *cost, handling h, double cores)
{
    double serial = cost->relations * h.seconds;
    double spread = (cost->collect_seconds + serial) / cores;
    return (spread > serial ? spread : serial) + cost->algebra_seconds;
}

static void add_rows(unsigned digits, bench_table *measured, bench_table *foreseen)
{
    static const double cores[] = {1, 2, 10, 30, 100, 300, 1000};
    fani_qs *qs;
    fani_qs_cost cost;
    double at[sizeof cores / sizeof cores[0]];
    mpz_t n;
    mpz_init(n);
    bench_semiprime(digits, 0, n);
    require(fani_qs_make(n, NULL, &qs), "a sieve");
    require(fani_qs_foresee(qs, fani_isa_wanted(), &cost), "foreseeing");
    handling h = measure(qs);
    double serial = cost.relations * h.seconds;
    double most = (cost.collect_seconds + serial) / serial;
    bench_table_row(measured, "C%u\t%u\t%.0f\t%.1f\t%.1f\t%.1f\t%.2f\t%.2f\t%.0f\t%.1f\t%.1f",
                    digits, fani_qs_columns(qs), cost.relations / 1e3, cost.collect_seconds,
                    cost.algebra_seconds, h.bytes, h.check_seconds * 1e6, h.seconds * 1e6, most,
                    h.bytes / h.seconds / 1e6,
                    100 * cost.algebra_seconds / (cost.collect_seconds + cost.algebra_seconds));
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        at[i] = seconds_on(&cost, h, cores[i]);
    bench_table_row(foreseen, "C%u\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f", digits, at[0], at[1],
                    at[2], at[3], at[4], at[5], at[6]);
    fani_qs_free(qs);
    mpz_clear(n);
}

void sieve_scaling(const sieve_options *options)
{
    unsigned digits;
    bench_table *measured =
        bench_table_new("what it takes, one core", 1,
                        "number\tcolumns\t1000 relations\tsieve s\talgebra s\tbytes a relation\t"
                        "us to check\tus of rank 0\tcores at most\tMB/s then\talgebra %");
    bench_table *foreseen = bench_table_new("seconds foreseen on so many cores", 1,
                                            "number\t1\t2\t10\t30\t100\t300\t1000");
    for (const char *at = options->digits; sieve_next_length(&at, &digits);)
        add_rows(digits, measured, foreseen);
    bench_table_print(measured, &options->common);
    bench_table_print(foreseen, &options->common);
}
