#include "internal.h"

enum {
    BITS_MIN = 53,  /* of a coefficient */
    BITS_MAX = 192, /* three words */
    ROWS_LOG_MIN = 6,
    ROWS_LOG_MAX = 29,
    PRIMES_MIN = 3,
};

/* floor(1000 log2) of the product of the first so many primes. */
static const unsigned product_log[FANI_NTT_PRIMES_MAX + 1] = {
    0, 0, 97354, 146029, 194701, 243373, 292040, 340707, 389371};

/* Bits of a coefficient such that 16 times the largest coefficient of FANI_NTT_SUMS (4) products,
 * each of size * 4^bits, stays below the primes' product: join needs a quarter (join.c). */
static unsigned bits_of(unsigned primes, unsigned factor, unsigned rows_log)
{
    unsigned size_log = 3 + rows_log + (factor > 1 ? 2 : 0);
    unsigned bits = (product_log[primes] / 1000 - 4 - size_log) / 2;
    return bits < BITS_MAX ? bits : BITS_MAX;
}

/* What a cyclic product costs, in no particular unit: fitted to what all shapes of up to 500 000
 * limbs take with AVX-512. The odd factor is as good as 2.5 levels; recombination grows with the
 * square of the primes. */
static double cost(const fani_ntt_sizes *s)
{
    double levels = s->rows_log + (s->factor > 1 ? 2.5 : 0);
    return (double)s->size * s->primes * (1.7 + 0.3 * levels + 0.12 * s->primes);
}

bool fani_ntt_fit(size_t limbs, fani_ntt_sizes *s)
{
    unsigned most = bits_of(s->primes, s->factor, s->rows_log);
    s->size = (size_t)FANI_NTT_ROW * s->factor << s->rows_log;
    size_t unit = s->size / 64, bits = (limbs + unit - 1) / unit;
    if (bits > most)
        return false;
    s->bits = bits < BITS_MIN ? BITS_MIN : (unsigned)bits;
    s->limbs = unit * s->bits;
    return true;
}

bool fani_ntt_shape(size_t limbs, fani_ntt_sizes *best)
{
    bool found = false;
    if (limbs == 0 || limbs >> 32)
        return false;
    for (unsigned choice = 0; choice < 2 * (FANI_NTT_PRIMES_MAX + 1 - PRIMES_MIN); choice++) {
        fani_ntt_sizes s = {.factor = choice % 2 ? 3 : 1, .primes = PRIMES_MIN + choice / 2};
        s.rows_log = ROWS_LOG_MIN;
        while (s.rows_log <= ROWS_LOG_MAX && !fani_ntt_fit(limbs, &s))
            s.rows_log++;
        if (s.rows_log <= ROWS_LOG_MAX && (!found || cost(&s) < cost(best))) {
            *best = s;
            found = true;
        }
    }
    return found;
}
