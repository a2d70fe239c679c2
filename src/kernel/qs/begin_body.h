/* Roots of a polynomial of a leading coefficient, for a vector of primes at a time: in
 * Montgomery's form with radix 2^32 (Montgomery 1985), a prime to each word of 64 bits. */
#ifndef FANI_QS_BEGIN_BODY_H
#define FANI_QS_BEGIN_BODY_H

typedef uint32_t narrow __attribute__((vector_size(VECTOR_BYTES / 2), may_alias, aligned(4)));

typedef struct modulus {
    doubles p, inverse; /* p * inverse = 1 mod 2^32 */
} modulus;

INLINE doubles load_wide(const uint32_t *from)
{
    return __builtin_convertvector(*(const narrow *)from, doubles);
}

/* x - y mod p. */
INLINE doubles subtract(doubles x, doubles y, modulus m)
{
    return x - y + (m.p & (doubles)(x < y));
}

/* x * y / 2^32 mod p; one of them is below p, the other one below 2^32. */
INLINE doubles multiply(doubles x, doubles y, modulus m)
{
    doubles product = low_product(x, y);
    doubles taken = low_product(low_product(product, m.inverse), m.p);
    return subtract(product >> 32, taken >> 32, m);
}

/* x / 2 mod p. */
INLINE doubles halve(doubles x, modulus m)
{
    return (x + (m.p & (0 - (x & 1)))) >> 1;
}

/* 1 / x, both times 2^32, by Fermat's theorem; 0 for 0. `bits` are those of the longest prime. */
INLINE doubles invert(doubles x, doubles one, modulus m, unsigned bits)
{
    doubles exponent = m.p - 2, power = one;
    for (unsigned bit = bits; bit-- > 0;) {
        power = multiply(power, power, m);
        doubles chosen = 0 - (exponent >> bit & 1);
        power = multiply(power, (x & chosen) | (one & ~chosen), m);
    }
    return power;
}

/* part[j] / a = gamma[j] * (the other primes of a) / a, and the roots that follow from them:
 * 2 a x + b = +- t for the b of polynomial w->k. */
static void begin(const fani_qs_worker *w, uint32_t i, fani_qs_lanes *out)
{
    const fani_qs_leading *leading = &w->leading;
    const uint32_t *prime = w->qs->prime;
    uint32_t longest = prime[i + DOUBLES - 1];
    modulus m = {load_wide(prime + i), load_wide(w->qs->inverse + i)};
    doubles before[FANI_QS_A_PRIMES], q[FANI_QS_A_PRIMES], zero = {0};
    doubles square = load_wide(w->qs->radix_square + i);
    doubles one = multiply(zero + 1, square, m), product = one;
    for (uint32_t j = 0; j < leading->count; j++) {
        q[j] = multiply(square, zero + prime[leading->index[j]], m);
        before[j] = product;
        product = multiply(product, q[j], m);
    }
    doubles after = invert(product, one, m, 32 - (unsigned)__builtin_clz(longest));
    doubles t = multiply(after, load_wide(w->qs->square_root + i), m);
    doubles b = zero + (uint64_t)w->is_b_raised;
    uint32_t gray = w->k ^ w->k >> 1;
    for (uint32_t j = leading->count; j-- > 0;) {
        doubles part = multiply(multiply(after, before[j], m), zero + leading->gamma[j], m);
        *(doubles *)out->delta[j] = part;
        b = gray >> j & 1 ? subtract(b, part, m) : subtract(b, m.p - part, m);
        after = multiply(after, q[j], m);
    }
    doubles middle = load_wide(w->qs->middle + i);
    *(doubles *)out->root[0] = subtract(middle, halve(subtract(b, t, m), m), m);
    *(doubles *)out->root[1] = subtract(middle, halve(subtract(b, m.p - t, m), m), m);
}

#endif
