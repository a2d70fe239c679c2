/* Words of 64 bits; products by Shoup's method: with q = floor(w 2^64 / p) the product x w is less
 * than 2 p above floor(x q / 2^64) p, for each word x. */
#include "internal.h"

typedef uint64_t value;
enum { LANES = 1, SHIFT = 64 };

typedef struct modulus {
    uint64_t p;
    uint64_t inverse; /* floor(2^64 / p) */
    uint64_t negated; /* -1 / p modulo 2^64 */
} modulus;

INLINE modulus modulus_of(const fani_ntt_prime *prime)
{
    return (modulus){prime->p, prime->split[0].q, prime->negated};
}

INLINE uint64_t high(uint64_t x, uint64_t y)
{
    return (uint64_t)((unsigned __int128)x * y >> 64);
}

INLINE value load(const uint64_t *from)
{
    return *from;
}

INLINE void store(uint64_t *to, value x)
{
    *to = x;
}

INLINE value lower(const modulus *m, value x)
{
    return x - high(x, m->inverse) * m->p;
}

INLINE value times(const modulus *m, value x, const fani_ntt_root *root)
{
    return x * root->w - high(x, root->q) * m->p;
}

INLINE value zero(void)
{
    return 0;
}

INLINE value plus(value x, value y)
{
    return x + y;
}

INLINE value minus(const modulus *m, value x, value y, unsigned k)
{
    return x - y + k * m->p;
}

INLINE void times_plus_minus(const modulus *m, value *x, value *y, const fani_ntt_root *root)
{
    value product = times(m, *y, root);
    *y = *x + 2 * m->p - product;
    *x += product;
}

#include "body.h"

static void finish_roots(fani_ntt_root *roots, size_t count, uint64_t p)
{
    for (size_t i = 0; i < count; i++)
        roots[i].q = (uint64_t)(((unsigned __int128)roots[i].w << 64) / p);
}

/* Three products below 2 p each. */
static void put(const fani_ntt_prime *prime, uint64_t part[64][3], uint64_t *to)
{
    const modulus m = modulus_of(prime);
    for (unsigned k = 0; k < 64; k++)
        to[k] = lower(&m, part[k][0]) + times(&m, part[k][1], prime->split + 1) +
                times(&m, part[k][2], prime->split + 2);
}

static void split(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                  size_t first, size_t last)
{
    fani_ntt_split_words(plan, transform, a, an, first, last, put);
}

static void take(const fani_ntt_prime *prime, const uint64_t *from, uint64_t out[64])
{
    const modulus m = modulus_of(prime);
    for (unsigned k = 0; k < 64; k++) {
        uint64_t x = times(&m, from[k], &prime->join);
        out[k] = x < m.p ? x : x - m.p;
    }
}

static void join(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                 mp_limb_t *out, fani_ntt_carry *carry)
{
    fani_ntt_join_words(plan, product, first, last, out, carry, take);
}

/* x / 2^64 modulo p (Montgomery), x below 2^64 p: below 2 p. */
INLINE uint64_t montgomery(unsigned __int128 x, uint64_t p, uint64_t negated)
{
    return (uint64_t)((x + (unsigned __int128)((uint64_t)x * negated) * p) >> 64);
}

/* out = a b modulo x^8 - c, with c = +-w: the products that go over x^8 are made with c b. Eight
 * products of values below 2 p are below 2^104, far below 2^64 p. */
static void multiply_row(const modulus *m, const fani_ntt_root *root, bool minus_w, uint64_t *out,
                         const uint64_t *a, const uint64_t *b, bool add)
{
    uint64_t x[8], y[16];
    for (unsigned i = 0; i < 8; i++) {
        x[i] = lower(m, a[i]);
        y[8 + i] = lower(m, b[i]);
        y[i] = times(m, y[8 + i], root);
        y[i] = minus_w ? 2 * m->p - y[i] : y[i];
    }
    for (unsigned k = 0; k < 8; k++) {
        unsigned __int128 sum = 0;
        for (unsigned i = 0; i < 8; i++)
            sum += (unsigned __int128)x[i] * y[8 + k - i];
        uint64_t product = montgomery(sum, m->p, m->negated);
        out[k] = add ? lower(m, out[k]) + product : product;
    }
}

static void multiply_rows(const modulus *m, const fani_ntt_root *roots, uint64_t *out,
                          const uint64_t *a, const uint64_t *b, size_t rows, bool add)
{
    for (size_t i = 0; i < rows; i++) {
        size_t at = i * FANI_NTT_ROW;
        multiply_row(m, roots + i / 2, i % 2, out + at, a + at, b + at, add);
    }
}

const fani_ntt_engine fani_ntt_engine_scalar = {.product_shift = 64,
                                                .split_bits = SHIFT,
                                                .finish_roots = finish_roots,
                                                .split = split,
                                                .down = down,
                                                .up = up,
                                                .multiply = multiply,
                                                .convolve = convolve,
                                                .join = join};
