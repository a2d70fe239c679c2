/* Products of long integers: the transforms of kernel/ntt beside GMP and FLINT. A factor's limbs
 * are the items: nanoseconds of CPU time per limb of one factor, both factors of one length.
 *
 * one product          fani_ntt_mul: with a plan of its own
 * kept plan            the plan and memory made before
 * kept transform       that of one factor, too
 * sum of two           half of the time of a b + c d by one inverse transform, kept plan
 *
 * and what the parts of a product take.
 *
 * --sizes A,B,...   limbs of a factor (1024, 4096 ... 4194304)
 * --isa NAME        one instruction set alone
 * --parts           parts alone */
#include <flint/fft.h>
#include <flint/flint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contest.h"
#include "kernel/ntt/ntt.h"

enum { KEPT = 4 /* transforms */ };

typedef struct work {
    size_t size, times; /* limbs; products a repetition */
    mp_limb_t *a, *b, *expected, *expected_sum, *out;
    bool is_sum;
} work;

/* A work done by one instruction set. */
typedef struct path {
    work *work;
    fani_isa isa;
    fani_ntt *plan;
    uint64_t *kept[KEPT];
    char name[4][40];
} path;

static void require(fan_status status)
{
    if (status != FAN_OK)
        bench_fail("ntt: %s", fan_status_text(status));
}

static double by_gmp(void *user)
{
    work *w = user;
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++)
        mpn_mul_n(w->out, w->a, w->b, (mp_size_t)w->size);
    return bench_thread_ns() - begin;
}

static double by_flint(void *user)
{
    work *w = user;
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++)
        flint_mpn_mul_fft_main(w->out, w->a, (mp_size_t)w->size, w->b, (mp_size_t)w->size);
    return bench_thread_ns() - begin;
}

static double by_one_product(void *user)
{
    path *p = user;
    work *w = p->work;
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++)
        require(fani_ntt_mul(w->out, w->a, w->size, w->b, w->size, p->isa));
    return bench_thread_ns() - begin;
}

/* Transforms lie one behind the other: mul_cyclic's scratch is the first two. */
static double by_kept_plan(void *user)
{
    path *p = user;
    work *w = p->work;
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++)
        fani_ntt_mul_cyclic(p->plan, w->out, w->a, w->size, w->b, w->size, p->kept[0]);
    return bench_thread_ns() - begin;
}

static void finish(const path *p, const uint64_t *product)
{
    fani_ntt_carry carry;
    fani_ntt_join(p->plan, product, 0, 1, p->work->out, &carry);
    fani_ntt_settle(p->plan, &carry, 1, p->work->out);
}

static double by_kept_transform(void *user)
{
    path *p = user;
    work *w = p->work;
    fani_ntt_transform(p->plan, p->kept[1], w->b, w->size);
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++) {
        fani_ntt_split(p->plan, p->kept[0], w->a, w->size, 0, 1);
        for (unsigned j = 0; j < fani_ntt_primes(p->plan); j++)
            fani_ntt_convolve(p->plan, p->kept[0], w->size, p->kept[1], j);
        finish(p, p->kept[0]);
    }
    return bench_thread_ns() - begin;
}

/* a b + b a, which is the longest sum: of 2 size limbs and a bit, as b's highest bit is 0. */
static double by_sum(void *user)
{
    path *p = user;
    work *w = p->work;
    double begin = bench_thread_ns();
    for (size_t i = 0; i < w->times; i++) {
        for (unsigned k = 0; k < KEPT; k++)
            fani_ntt_transform(p->plan, p->kept[k], k == 0 || k == 3 ? w->a : w->b, w->size);
        for (unsigned j = 0; j < fani_ntt_primes(p->plan); j++) {
            fani_ntt_multiply(p->plan, p->kept[0], p->kept[0], p->kept[1], j);
            fani_ntt_multiply_add(p->plan, p->kept[0], p->kept[2], p->kept[3], j);
        }
        fani_ntt_finish(p->plan, p->kept[0], w->out);
    }
    double ns = bench_thread_ns() - begin;
    w->is_sum = true;
    return ns / 2;
}

static void check(const void *user, const char *peer)
{
    work *w = (work *)user;
    const mp_limb_t *expected = w->is_sum ? w->expected_sum : w->expected;
    if (memcmp(w->out, expected, 2 * w->size * sizeof *expected) != 0)
        bench_fail("ntt: %s: wrong product of %zu limbs", peer, w->size);
    w->is_sum = false;
}

static work work_of(size_t size)
{
    uint64_t state = size;
    work w = {.size = size, .times = 1 + 50000 / size};
    w.a = bench_alloc(size, sizeof *w.a);
    w.b = bench_alloc(size, sizeof *w.b);
    w.expected = bench_alloc(2 * size, sizeof *w.expected);
    w.expected_sum = bench_alloc(2 * size, sizeof *w.expected);
    w.out = bench_alloc(fani_ntt_length(2 * size), sizeof *w.out);
    for (size_t i = 0; i < size; i++) {
        w.a[i] = bench_random(&state);
        w.b[i] = bench_random(&state);
    }
    w.b[size - 1] >>= 1;
    mpn_mul_n(w.expected, w.a, w.b, (mp_size_t)size);
    mpn_lshift(w.expected_sum, w.expected, (mp_size_t)(2 * size), 1);
    return w;
}

static void work_free(work *w)
{
    free(w->a);
    free(w->b);
    free(w->expected);
    free(w->expected_sum);
    free(w->out);
}

static void path_init(path *p, work *w, fani_isa isa)
{
    static const char *const ways[] = {"one product", "kept plan", "kept transform", "sum of two"};
    *p = (path){.work = w, .isa = isa};
    for (size_t i = 0; i < 4; i++)
        snprintf(p->name[i], sizeof p->name[i], "%s, %s", fani_isa_name(isa), ways[i]);
    require(fani_ntt_make(2 * w->size, isa, &p->plan));
    require(fani_ntt_allocate(p->plan, KEPT, &p->kept[0]));
    for (unsigned k = 1; k < KEPT; k++)
        p->kept[k] = p->kept[k - 1] + fani_ntt_words(p->plan);
}

static void path_clear(path *p)
{
    fani_ntt_free(p->plan);
    free(p->kept[0]);
}

static void hold(size_t size, fani_isa first, fani_isa last, const bench_options *options,
                 bench_table *table)
{
    char name[32];
    work w = work_of(size);
    path paths[FANI_ISA_AVX512 + 1];
    snprintf(name, sizeof name, "%zu", size);
    bench_contest contest = {
        .name = name, .items = w.size * w.times, .check = check, .check_user = &w};
    bench_contest_add(&contest, "GMP mpn_mul_n", by_gmp, &w);
    bench_contest_add(&contest, "FLINT " FLINT_VERSION " mul_fft_main", by_flint, &w);
    for (fani_isa isa = last + 1; isa-- > first;) {
        path *p = paths + isa;
        path_init(p, &w, isa);
        bench_contest_add(&contest, p->name[0], by_one_product, p);
        bench_contest_add(&contest, p->name[1], by_kept_plan, p);
        if (isa == last) {
            bench_contest_add(&contest, p->name[2], by_kept_transform, p);
            bench_contest_add(&contest, p->name[3], by_sum, p);
        }
    }
    bench_contest_hold(&contest, options, table);
    for (fani_isa isa = first; isa <= last; isa++)
        path_clear(paths + isa);
    work_free(&w);
}

/* ---- Parts ------------------------------------------------------------------------------------
 */

enum { PARTS = 7 };

static double since(double *begin)
{
    double now = bench_thread_ns(), ns = now - *begin;
    *begin = now;
    return ns;
}

static void measure_parts(const path *p, double ns[PARTS])
{
    const work *w = p->work;
    fani_ntt *plan;
    unsigned primes = fani_ntt_primes(p->plan);
    double at = bench_thread_ns();
    require(fani_ntt_make(2 * w->size, p->isa, &plan));
    fani_ntt_free(plan);
    ns[0] = since(&at);
    fani_ntt_split(p->plan, p->kept[0], w->a, w->size, 0, 1);
    ns[1] = since(&at);
    for (unsigned j = 0; j < primes; j++)
        fani_ntt_forward(p->plan, p->kept[0], w->size, j);
    ns[2] = since(&at);
    for (unsigned j = 0; j < primes; j++)
        fani_ntt_multiply(p->plan, p->kept[0], p->kept[0], p->kept[1], j);
    ns[3] = since(&at);
    for (unsigned j = 0; j < primes; j++)
        fani_ntt_inverse(p->plan, p->kept[0], j);
    ns[4] = since(&at);
    finish(p, p->kept[0]);
    ns[5] = since(&at);
    fani_ntt_split(p->plan, p->kept[0], w->a, w->size, 0, 1);
    fani_ntt_split(p->plan, p->kept[2], w->b, w->size, 0, 1);
    at = bench_thread_ns();
    for (unsigned j = 0; j < primes; j++)
        fani_ntt_convolve_both(p->plan, p->kept[0], w->size, p->kept[2], w->size, j);
    ns[6] = since(&at);
}

static void hold_parts(size_t size, fani_isa isa, const bench_options *options, bench_table *table)
{
    path p;
    work w = work_of(size);
    double all[PARTS][BENCH_REPETITIONS_MAX], ns[PARTS], median[PARTS];
    path_init(&p, &w, isa);
    fani_ntt_transform(p.plan, p.kept[1], w.b, w.size);
    for (unsigned k = 0; k < options->repetitions; k++) {
        measure_parts(&p, ns);
        for (unsigned i = 0; i < PARTS; i++)
            all[i][k] = ns[i] / (double)size;
    }
    for (unsigned i = 0; i < PARTS; i++)
        median[i] = bench_median(all[i], options->repetitions);
    bench_table_row(table, "%zu\t%s\t%u\t%zu\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f", size,
                    fani_isa_name(isa), fani_ntt_primes(p.plan), fani_ntt_limbs(p.plan), median[0],
                    median[1], median[2], median[3], median[4], median[5], median[6]);
    path_clear(&p);
    work_free(&w);
}

typedef struct ntt_options {
    bench_options common;
    const char *sizes;
    fani_isa first, last;
    bool parts_alone;
} ntt_options;

static int options_read(int argc, char **argv, ntt_options *o)
{
    int left = 1;
    *o = (ntt_options){.sizes = "1024,4096,16384,65536,262144,1048576,4194304",
                       .last = fani_isa_wanted()};
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--sizes") == 0) {
            o->sizes = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--isa") == 0) {
            if (!fani_isa_named(argv[++i], &o->last) || o->last > fani_isa_machine())
                bench_fail("ntt: --isa %s: not on this machine", argv[i]);
            o->first = o->last;
        } else if (strcmp(argv[i], "--parts") == 0) {
            o->parts_alone = true;
        } else {
            argv[left++] = argv[i];
        }
    }
    argv[left] = NULL;
    return bench_options_read(left, argv, "Products of long integers by transforms.", &o->common);
}

int main(int argc, char **argv)
{
    ntt_options o;
    int code = options_read(argc, argv, &o);
    if (code >= 0)
        return code;
    if (o.common.quick)
        o.sizes = "1024,5000";
    bench_print_machine(&o.common);
    bench_table *products =
        bench_table_new("products", 2, "limbs\tby\tns a limb\tspread %\tto GMP");
    bench_table *parts = bench_table_new(
        "parts", 2,
        "limbs\tby\tprimes\tlength\tplan\tsplit\tforward\tmultiply\tinverse\tjoin\tboth in one go");
    for (const char *at = o.sizes; *at;) {
        char *end;
        size_t size = strtoul(at, &end, 10);
        if (size < 500 || size > (size_t)1 << 28 || (*end && *end != ','))
            bench_fail("ntt: --sizes wants numbers from 500 to %zu", (size_t)1 << 28);
        if (!o.parts_alone)
            hold(size, o.first, o.last, &o.common, products);
        for (fani_isa isa = o.last + 1; isa-- > o.first;)
            hold_parts(size, isa, &o.common, parts);
        at = *end ? end + 1 : end;
    }
    bench_table_print(products, &o.common);
    bench_table_print(parts, &o.common);
    return 0;
}
