/* Where the sieve becomes faster than curves, by asking both for the same semiprimes. */
#include "factor.h"
#include "kernel/factor/sieve.h"
#include "kernel/factor/split.h"

typedef fan_status splitter(mpz_srcptr n, fani_isa isa, mpz_ptr divisor);

static fan_status by_curves(mpz_srcptr n, fani_isa isa, mpz_ptr divisor)
{
    fani_effort effort = {.isa = isa};
    return fani_split_by_curves(n, &effort, 10000, true, divisor);
}

static fan_status by_sieve(mpz_srcptr n, fani_isa isa, mpz_ptr divisor)
{
    fani_effort effort = {.isa = isa};
    return fani_sieve_split(n, &effort, isa, divisor);
}

static double split_all(const numbers *z, splitter *run, fani_isa isa)
{
    double ns = 0;
    mpz_t divisor;
    mpz_init(divisor);
    for (size_t i = 0; i < z->count; i++) {
        double before = bench_thread_ns();
        fan_status status = run(z->n[i], isa, divisor);
        ns += bench_thread_ns() - before;
        if (status != FAN_OK || mpz_cmp_ui(divisor, 1) == 0 || !mpz_divisible_p(z->n[i], divisor))
            bench_fail("a number was not split");
    }
    mpz_clear(divisor);
    return ns / (double)z->count;
}

void crossing(const bench_options *options)
{
    bench_table *table =
        bench_table_new("crossing", 2, "semiprimes\tpath\tcurves ms\tsieve ms\tsieve / curves");
    unsigned last = options->quick ? 76 : 124;
    for (unsigned bits = 68; bits <= last; bits += 8) {
        numbers z;
        numbers_make(&z, bench_scaled(options, 20), bits, make_semiprime);
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
            double curves[BENCH_REPETITIONS_MAX], sieve[BENCH_REPETITIONS_MAX];
            unsigned repetitions = options->repetitions < 3 ? options->repetitions : 3;
            for (unsigned k = 0; k < repetitions; k++) {
                curves[k] = split_all(&z, by_curves, isa);
                sieve[k] = split_all(&z, by_sieve, isa);
            }
            double c = bench_median(curves, repetitions), s = bench_median(sieve, repetitions);
            bench_table_row(table, "%u bits\t%s\t%.3f\t%.3f\t%.2f", bits, fani_isa_name(isa),
                            c * 1e-6, s * 1e-6, s / c);
        }
        numbers_free(&z);
    }
    bench_table_print(table, options);
}
