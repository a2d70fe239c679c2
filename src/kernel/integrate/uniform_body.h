/* Philox 4x32-10 over LANES samples at once, two dimensions a call of it: the rounds of
 * base/philox.c. Counter: the sample in two words, the pair of dimensions, the stream. MULTIPLY is
 * the product of the low halves of words and a number below 2^32. */
#include "uniform.h"

typedef uint64_t words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef double numbers __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { ROUNDS = 10 };

/* High and low words to (0, 1): 52 bits after the point of a number in [1, 2), and half a step. */
#define TO_UNIT(high, low)                                                                         \
    ((numbers)((((high) << 32 | (low)) >> 12) | UINT64_C(0x3FF0000000000000)) - (1 - 0x1p-53))

void NAME(uint64_t seed, uint32_t stream, uint64_t first, size_t d, size_t count, double *const *u)
{
    const words word = (words){0} + UINT32_MAX;
    words lane = {0};
    for (unsigned i = 1; i < LANES; i++)
        lane[i] = i;
    for (size_t k = 0; k < d; k += 2) {
        words index = first + lane;
        for (size_t i = 0; i < count; i += LANES, index += LANES) {
            words a = index & word, b = index >> 32, c = (words){0} + k / 2,
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
            *(numbers *)(u[k] + i) = TO_UNIT(a, b);
            if (k + 1 < d)
                *(numbers *)(u[k + 1] + i) = TO_UNIT(c, e);
        }
    }
}
