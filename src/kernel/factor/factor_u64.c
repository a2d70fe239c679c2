#include "base/decimal.h"
#include "factor_batch.h"
#include "factor_internal.h"
#include "fanfold/gcd.h"
#include "small_primes.h"

#include <math.h>
#include <string.h>

enum {
    /* How many table primes are tried: the first for every number, the rest only above 2^32, where
     * a step of rho saved is worth more of them. */
    TRIED_SMALL = 53,
    TRIED_LARGE = 200,
    BLOCK = 8,
    /* Rho's first cycle length: what trial division left has no factor that a shorter one finds. */
    FIRST_LAP = 16,
    /* Steps between two gcds: few where a factor is near, many where the gcds would add up. */
    CHUNK_SMALL = 64,
    CHUNK_LARGE = 512,
    /* Hart's method below 2^HART_BITS; HART_MULTIPLIER * HART_MAX * 2^HART_BITS < 2^53. */
    HART_BITS = 35,
    HART_MULTIPLIER = 480,
    HART_MAX = 512,
    /* At most 7 primes above 251 multiply to less than 2^64. */
    MAX_PARTS = 8,
};

static const uint64_t SQUARES_MOD_64 = 0x0202021202030213u;

uint64_t fani_rho_constant(uint64_t n, uint64_t attempt)
{
    uint64_t x = n + (attempt + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

static inline uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* A walk y -> y^2 + c, with the mark that the steps after it are compared with. */
typedef struct walk {
    uint64_t y;
    uint64_t c;
    uint64_t mark;
    uint64_t saved;
    uint64_t product;
} walk;

static inline void advance(const fani_mont *m, walk *w, uint64_t steps)
{
    uint64_t y = w->y;
    for (uint64_t i = 0; i < steps; i++)
        y = fani_mont_square_add(m, y, w->c);
    w->y = y;
}

/* Steps, and multiplies the distances from the mark into the product. */
static inline void collect(const fani_mont *m, walk *w, uint64_t steps)
{
    uint64_t y = w->saved = w->y;
    uint64_t product = w->product;
    for (uint64_t i = 0; i < steps; i++) {
        y = fani_mont_square_add(m, y, w->c);
        product = fani_mont_mul(m, product, distance(w->mark, y));
    }
    w->y = y;
    w->product = product;
}

/* Goes through the last chunk step by step, for several primes have met in it. Returns n if they
 * met in the same step. */
static uint64_t retrace(const fani_mont *m, const walk *w)
{
    uint64_t y = w->saved;
    uint64_t divisor;
    do {
        y = fani_mont_square_add(m, y, w->c);
        divisor = fan_gcd_u64(distance(w->mark, y), m->n);
    } while (divisor == 1);
    return divisor;
}

/* A divisor above 1; n itself when the walk was of no use. */
static uint64_t run_walk(const fani_mont *m, walk w)
{
    uint64_t chunk = m->n >> 40 == 0 ? CHUNK_SMALL : CHUNK_LARGE;
    for (uint64_t lap = FIRST_LAP;; lap *= 2) {
        w.mark = w.y;
        advance(m, &w, lap);
        for (uint64_t done = 0; done < lap; done += chunk) {
            collect(m, &w, lap - done < chunk ? lap - done : chunk);
            uint64_t divisor = fan_gcd_u64(w.product, m->n);
            if (divisor != 1)
                return divisor == m->n ? retrace(m, &w) : divisor;
        }
    }
}

/* Each try has a start and a constant of its own, so one that fails says nothing of the next. */
uint64_t fani_rho_u64(const fani_mont *m)
{
    const fani_mont modulus = *m;
    uint64_t divisor = modulus.n;
    for (uint64_t attempt = 0; divisor == modulus.n; attempt++) {
        walk w = {.y = fani_rho_constant(modulus.n, 2 * attempt) % modulus.n,
                  .c = fani_rho_constant(modulus.n, 2 * attempt + 1) % modulus.n,
                  .product = modulus.one};
        divisor = run_walk(&modulus, w);
    }
    return divisor;
}

/* A proper divisor of n < 2^HART_BITS, or 0 when the multipliers ended. Looks for x^2 - y^2 = k n
 * with x just above sqrt(k n). All square roots are of integers below 2^53, so they round the same
 * way everywhere. Source: Hart, "A one line factoring algorithm", J. Aust. Math. Soc. 92, 2012. */
static uint64_t hart(uint64_t n)
{
    uint64_t step = n * HART_MULTIPLIER;
    uint64_t multiple = 0;
    for (int k = 1; k <= HART_MAX; k++) {
        multiple += step;
        int64_t x = (int64_t)sqrt((double)(int64_t)multiple) + 1;
        int64_t rest = x * x - (int64_t)multiple;
        /* Squares mod 64: the test spares most of the second roots. */
        if ((SQUARES_MOD_64 >> (rest & 63) & 1) == 0)
            continue;
        int64_t y = (int64_t)sqrt((double)rest);
        if (y * y != rest)
            continue;
        uint64_t divisor = fan_gcd_u64((uint64_t)(x - y), n);
        if (divisor != 1 && divisor != n)
            return divisor;
    }
    return 0;
}

/* A proper divisor of a composite that the first TRIED_SMALL primes left. Hart's method is quick
 * only where two primes are near each other: for small numbers the unequal ones go to the table. */
static uint64_t find_divisor(const fani_mont *m)
{
    if (m->n >> HART_BITS != 0) {
        uint64_t root = (uint64_t)sqrt((double)m->n);
        return root * root == m->n ? root
                                   : fani_curve_divisor(fani_lanes_of(fani_isa_wanted()), m->n);
    }
    for (size_t i = TRIED_SMALL; i < FANI_SMALL_PRIMES; i++) {
        const fani_small_prime *p = &fani_small_primes[i];
        uint64_t quotient;
        if ((uint64_t)p->prime * p->prime * p->prime > m->n)
            break;
        if (fani_small_prime_divides(p, m->n, &quotient))
            return p->prime;
    }
    uint64_t divisor = hart(m->n);
    return divisor != 0 ? divisor : fani_rho_u64(m);
}

uint64_t fani_small_divisor(uint64_t n)
{
    fani_mont m = fani_mont_make(n);
    return find_divisor(&m);
}

/* There are never more than FAN_FACTORS_U64_MAX. */
void fani_factors_add(fan_factors_u64 *out, uint64_t prime, unsigned exponent)
{
    size_t at = out->count;
    if (at == 0 || out->prime[at - 1] < prime) { /* mostly */
        out->prime[at] = prime;
        out->exponent[at] = (uint8_t)exponent;
        out->count++;
        return;
    }
    while (at > 0 && out->prime[at - 1] > prime)
        at--;
    if (at > 0 && out->prime[at - 1] == prime) {
        out->exponent[at - 1] = (uint8_t)(out->exponent[at - 1] + exponent);
        return;
    }
    size_t after = out->count - at;
    memmove(&out->prime[at + 1], &out->prime[at], after * sizeof out->prime[0]);
    memmove(&out->exponent[at + 1], &out->exponent[at], after * sizeof out->exponent[0]);
    out->prime[at] = prime;
    out->exponent[at] = (uint8_t)exponent;
    out->count++;
}

/* Divides out one prime that is known to divide n. */
static uint64_t divide_out(fan_factors_u64 *out, const fani_small_prime *p, uint64_t n)
{
    unsigned exponent = 0;
    uint64_t quotient;
    while (fani_small_prime_divides(p, n, &quotient)) {
        n = quotient;
        exponent++;
    }
    fani_factors_add(out, p->prime, exponent);
    return n;
}

/* Tries table primes from..to-1 on odd n, and returns what is left: 1 or a prime if it can tell. */
static uint64_t try_table(fan_factors_u64 *out, uint64_t n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const fani_small_prime *p = &fani_small_primes[i];
        uint64_t quotient;
        if (i % BLOCK == 0 && n < (uint64_t)p->prime * p->prime)
            break;
        if (fani_small_prime_divides(p, n, &quotient))
            n = divide_out(out, p, n);
    }
    return n;
}

/* Splits what trial division by all primes below `tried_below` left. */
static void split(fan_factors_u64 *out, uint64_t n, uint64_t tried_below)
{
    uint64_t parts[MAX_PARTS];
    size_t count = 0;
    parts[count++] = n;
    while (count > 0) {
        uint64_t part = parts[--count];
        if (part < tried_below * tried_below) {
            fani_factors_add(out, part, 1);
            continue;
        }
        fani_mont m = fani_mont_make(part);
        if (fani_is_prime_mont(&m)) {
            fani_factors_add(out, part, 1);
            continue;
        }
        uint64_t divisor = find_divisor(&m);
        parts[count++] = divisor;
        parts[count++] = part / divisor;
    }
}

bool fani_factors_are_of(const fan_factors_u64 *factors, uint64_t n)
{
    uint64_t product = 1;
    bool overflow = false;
    for (size_t i = 0; i < factors->count; i++) {
        uint64_t prime = factors->prime[i];
        for (unsigned left = factors->exponent[i]; left; left--)
            overflow |= __builtin_mul_overflow(product, prime, &product);
    }
    return !overflow && (product == n || (n == 0 && factors->count == 0));
}

fan_status fan_factor_u64(uint64_t n, fan_factors_u64 *out)
{
    out->count = 0;
    if (n < 2)
        return FAN_OK;
    uint64_t rest = n >> __builtin_ctzll(n);
    if (rest != n)
        fani_factors_add(out, 2, (unsigned)__builtin_ctzll(n));
    size_t tried = TRIED_SMALL;
    rest = try_table(out, rest, 0, TRIED_SMALL);
    if (rest >> 32 != 0) {
        rest = try_table(out, rest, TRIED_SMALL, TRIED_LARGE);
        tried = TRIED_LARGE;
    }
    if (rest > 1)
        split(out, rest, fani_small_primes[tried].prime);
    return fani_factors_are_of(out, n) ? FAN_OK : FAN_E_FAILED;
}

fan_factor_method fani_factors_method(const fan_factors_u64 *factors, size_t i,
                                      fan_factor_method whole)
{
    const uint64_t tried = FANI_TRIAL_END; /* by all paths; that some try more is not told */
    unsigned beyond = 0, below = 0;
    for (size_t k = 0; k < factors->count; k++)
        *(factors->prime[k] < tried ? &below : &beyond) += factors->exponent[k];
    if (factors->prime[i] >= tried && beyond > 1)
        return FAN_METHOD_U64;
    return below + beyond > 1 ? FAN_METHOD_TRIAL : whole;
}

fan_factor_method fan_factors_u64_method(const fan_factors_u64 *factors, size_t i)
{
    return fani_factors_method(factors, i, FAN_METHOD_NONE);
}

size_t fan_factors_u64_text(const fan_factors_u64 *factors, char *text)
{
    size_t length = 0;
    for (size_t i = 0; i < factors->count; i++) {
        for (unsigned k = 0; k < factors->exponent[i]; k++) {
            length += fani_u64_text(factors->prime[i], text + length);
            text[length++] = ' ';
        }
    }
    length -= length > 0;
    text[length] = '\0';
    return length;
}
