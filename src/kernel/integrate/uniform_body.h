/* Philox 4x32-10 over LANES samples at once, four dimensions a call of it: the rounds of
 * base/philox.c. Counter: the sample in two words, the four dimensions, the stream. MULTIPLY is
 * the product of the low halves of words and a number below 2^32. */
#include "uniform.h"

typedef uint64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { ROUNDS = 10 };

/* A word to (0, 1): 32 bits after the point of a number in [1, 2), and half a step. */
#define TO_UNIT(word) ((numbers)((word) << 20 | UINT64_C(0x3FF0000000000000)) - (1 - 0x1p-33))

void NAME(uint64_t seed, uint32_t stream, uint64_t first, size_t d, size_t count, double *const *u)
{
    const words word = (words){0} + UINT32_MAX;
    words lane = {0};
    for (unsigned i = 1; i < LANES; i++)
        lane[i] = i;
    for (size_t k = 0; k < d; k += 4) {
        words index = first + lane;
        for (size_t i = 0; i < count; i += LANES, index += LANES) {
            words a = index & word, b = index >> 32, c = (words){0} + k / 4,
                  e = (words){0} + stream;
            uint32_t first_key = (uint32_t)seed, second_key = (uint32_t)(seed >> 32);
#pragma GCC unroll 10
            for (unsigned r = 0; r < ROUNDS; r++) {
                const words x = MULTIPLY(a, 0xD2511F53), y = MULTIPLY(c, 0xCD9E8D57);
                a = (y >> 32) ^ b ^ first_key;
                b = y & word;
                c = (x >> 32) ^ e ^ second_key;
                e = x & word;
                first_key += 0x9E3779B9;
                second_key += 0xBB67AE85;
            }
            const numbers four[4] = {TO_UNIT(a), TO_UNIT(b), TO_UNIT(c), TO_UNIT(e)};
            for (size_t j = 0; j < 4 && k + j < d; j++)
                *(numbers *)(u[k + j] + i) = four[j];
        }
    }
}
