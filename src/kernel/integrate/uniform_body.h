/* Philox 4x32-10 over LANES counters at once: the rounds of base/philox.c. A counter's four words
 * are one coordinate of four samples, 8 apart: samples 32 q + r + 8 j, j < 4, r < 8, have word j of
 * counter (8 q + r in two words, the dimension, the stream). MULTIPLY is the product of the low
 * halves of words and a number below 2^32; what else the high halves hold is masked at the end. */
#include "uniform.h"

typedef uint64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { ROUNDS = 10 };

/* A word to (0, 1): 32 bits after the point of a number in [1, 2), and half a step. */
static inline numbers to_unit(words word)
{
    const uint64_t kept = UINT64_C(0xFFFFFFFF) << 20, one = UINT64_C(0x3FF0000000000000);
    return (numbers)((word << 20 & kept) | one) - (1 - 0x1p-33);
}

/* A coordinate of LANES times four samples. */
static inline void draw(uint64_t seed, words counter, uint64_t k, uint32_t stream, double *u)
{
    words a = counter, b = counter >> 32, c = (words){0} + k, e = (words){0} + stream;
    uint32_t first_key = (uint32_t)seed, second_key = (uint32_t)(seed >> 32);
#pragma GCC unroll 10
    for (unsigned r = 0; r < ROUNDS; r++) {
        const words x = MULTIPLY(a, 0xD2511F53), y = MULTIPLY(c, 0xCD9E8D57);
        a = (y >> 32) ^ b ^ first_key;
        b = y;
        c = (x >> 32) ^ e ^ second_key;
        e = x;
        first_key += 0x9E3779B9;
        second_key += 0xBB67AE85;
    }
    *(numbers *)u = to_unit(a);
    *(numbers *)(u + 8) = to_unit(b);
    *(numbers *)(u + 16) = to_unit(c);
    *(numbers *)(u + 24) = to_unit(e);
}

void NAME(uint64_t seed, uint32_t stream, uint64_t first, size_t d, size_t count, double *const *u)
{
    words lane = {0};
    for (unsigned i = 1; i < LANES; i++)
        lane[i] = i;
    for (size_t i = 0; i < count; i += 32) {
        for (size_t r = 0; r < 8; r += LANES) {
            const words counter = (first + i) / 4 + r + lane;
            for (size_t k = 0; k < d; k++)
                draw(seed, counter, k, stream, u[k] + i + r);
        }
    }
}
