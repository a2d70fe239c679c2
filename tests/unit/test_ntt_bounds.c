/* The bounds of lazy residues: the transforms' own code, run on bounds in place of values. A value
 * is the least multiple of p that it is surely below; each operation checks what it asks for
 * (body.h) and gives the bound of its result. All widths of passes are gone through, each residue
 * with the largest bound that it may have at rest. */
#include "kernel/ntt/internal.h"
#include "shim/shim.h"

#include <stdlib.h>

typedef uint64_t value;
enum { LANES = 1 };

typedef struct modulus {
    uint64_t p;
} modulus;

static uint64_t at_rest; /* the largest bound that may be stored */

static modulus modulus_of(const fani_ntt_prime *prime)
{
    return (modulus){prime->p};
}

static value checked(value bound)
{
    EXPECT_TRUE(bound <= FANI_NTT_DOWN_BOUND);
    return bound;
}

static value load(const uint64_t *from)
{
    return *from;
}

static void store(uint64_t *to, value x)
{
    EXPECT_TRUE(x <= at_rest);
    *to = at_rest;
}

static value lower(const modulus *m, value x)
{
    (void)m;
    checked(x);
    return 2;
}

static value times(const modulus *m, value x, const fani_ntt_root *root)
{
    (void)m;
    (void)root;
    checked(x);
    return 2;
}

static value zero(void)
{
    return 0;
}

static value plus(value x, value y)
{
    return checked(x + y);
}

static value minus(const modulus *m, value x, value y, unsigned k)
{
    (void)m;
    EXPECT_TRUE(y <= k);
    return checked(x + k);
}

static void times_plus_minus(const modulus *m, value *x, value *y, const fani_ntt_root *root)
{
    value bound = checked(*x + times(m, *y, root));
    *x = bound;
    *y = bound;
}

#include "kernel/ntt/body.h"

/* Eight products below (2 p)^2 over 2^52, and p more from the reduction. */
static void multiply_rows(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, size_t rows, bool add)
{
    (void)m;
    (void)roots;
    (void)add;
    for (size_t i = 0; i < rows * FANI_NTT_ROW; i++) {
        checked(a[i]);
        checked(b[i]);
        at_rest = FANI_NTT_UP_BOUND;
        store(out + i, (8 * 2 * 2 + FANI_NTT_DOWN_BOUND - 1) / FANI_NTT_DOWN_BOUND + 1);
    }
}

static void fill(uint64_t *data, size_t words, uint64_t bound)
{
    for (size_t i = 0; i < words; i++)
        data[i] = bound;
    at_rest = bound;
}

static void check(unsigned factor, unsigned rows_log)
{
    fani_ntt plan = {.sizes = {.factor = factor, .rows_log = rows_log}};
    size_t words = (size_t)FANI_NTT_ROW * factor << rows_log;
    uint64_t *data = calloc(words, sizeof *data);
    fani_ntt_root *roots = calloc((size_t)1 << rows_log, sizeof *roots);
    if (!data || !roots)
        abort();
    for (unsigned i = 0; i < FANI_NTT_FACTOR_MAX; i++)
        plan.prime[0].down[i] = plan.prime[0].up[i] = roots;
    fill(data, words, FANI_NTT_DOWN_BOUND);
    down(&plan, plan.prime, data, true);
    fill(data, words, FANI_NTT_DOWN_BOUND);
    down(&plan, plan.prime, data, false);
    multiply(&plan, plan.prime, data, data, data, false);
    fill(data, words, FANI_NTT_UP_BOUND);
    at_rest = factor == 3 ? 6 : FANI_NTT_UP_BOUND;
    if (factor == 3) {
        const modulus m = {1};
        up_three(&m, plan.prime, data, words / 3);
        at_rest = FANI_NTT_UP_BOUND;
        plan.sizes.factor = 1;
        fill(data, words, at_rest);
    }
    up(&plan, plan.prime, data);
    free(data);
    free(roots);
}

FAN_TEST(ntt_bounds, every_width_of_passes)
{
    for (unsigned rows_log = 6; rows_log <= 14 && !shim_failed(); rows_log++) {
        check(1, rows_log);
        check(3, rows_log);
    }
    const modulus m = {1};
    uint64_t data[16 * FANI_NTT_ROW];
    fani_ntt_root all[8] = {{0}};
    const fani_ntt_root *levels[] = {all, all, all, all};
    for (unsigned log = 2; log <= 4; log++) { /* as first passes, whatever trees make of them */
        node whole = {data, log, 0, 0};
        fill(data, sizeof data / sizeof *data, FANI_NTT_DOWN_BOUND);
        down_one(&m, levels, &whole, log);
        fill(data, sizeof data / sizeof *data, FANI_NTT_UP_BOUND);
        up_one(&m, levels, &whole, log);
    }
}

/* The same of down, products and up in one go. */
FAN_TEST(ntt_bounds, in_one_go)
{
    fani_ntt plan = {.sizes = {.factor = 1, .rows_log = 8}};
    uint64_t data[256 * FANI_NTT_ROW];
    fani_ntt_root roots[256] = {{0}};
    plan.prime[0].down[0] = plan.prime[0].up[0] = roots;
    fill(data, sizeof data / sizeof *data, FANI_NTT_DOWN_BOUND);
    convolve(&plan, plan.prime, data, false, data, false, false);
}
