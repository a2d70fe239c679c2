#include "neighbours.h"

/* Below so many numbers, finding where each prime begins costs more than asking them. */
enum { LEAST = 64 };

size_t fani_neighbours_count(const uint64_t *n, size_t count)
{
    size_t most = count < FANI_NEIGHBOURS_MAX ? count : FANI_NEIGHBOURS_MAX, same = 1;
    if (most < LEAST || n[0] < 2)
        return 0;
    if (most - 1 > UINT64_MAX - n[0])
        most = (size_t)(UINT64_MAX - n[0]) + 1;
    while (same < most && n[same] == n[0] + same)
        same++;
    return same < LEAST ? 0 : same;
}

/* Primes come in ascending order. */
static void append(fan_factors_u64 *out, uint64_t prime, unsigned exponent)
{
    out->prime[out->count] = prime;
    out->exponent[out->count++] = (uint8_t)exponent;
}

/* The place of the first multiple of a prime. Words of 32 bits are divided faster. */
static size_t first_multiple(uint64_t first, uint32_t prime)
{
    uint32_t over =
        first <= UINT32_MAX ? (uint32_t)first % prime : (uint32_t)(first % (uint64_t)prime);
    return over ? prime - over : 0;
}

/* What the table has left is prime where it is below the square of the next prime. */
static bool finish(size_t count, fan_factors_u64 *out, uint64_t *rest)
{
    const uint64_t prime_below = (uint64_t)FANI_SMALL_PRIMES_END * FANI_SMALL_PRIMES_END;
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        if (rest[i] == 1)
            continue;
        if (rest[i] < prime_below) {
            append(&out[i], rest[i], 1);
            rest[i] = 1;
        } else {
            all = false;
        }
    }
    return all;
}

bool fani_neighbours_divide(uint64_t first, size_t count, fan_factors_u64 *out, uint64_t *rest)
{
    uint64_t last = first + count - 1;
    for (size_t i = 0; i < count; i++) {
        int twos = __builtin_ctzll(first + i);
        rest[i] = (first + i) >> twos;
        out[i].count = 0;
        if (twos > 0)
            append(&out[i], 2, (unsigned)twos);
    }
    for (const fani_small_prime *p = fani_small_primes;
         p < fani_small_primes + FANI_SMALL_PRIMES && (uint64_t)p->prime * p->prime <= last; p++) {
        for (size_t i = first_multiple(first, p->prime); i < count; i += p->prime) {
            uint64_t left = rest[i] * p->inverse, quotient;
            unsigned exponent = 1;
            for (; fani_small_prime_divides(p, left, &quotient); left = quotient)
                exponent++;
            append(&out[i], p->prime, exponent);
            rest[i] = left;
        }
    }
    return finish(count, out, rest);
}
