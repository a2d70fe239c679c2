/* Philox 4x32-10 over LANES counters at once: the rounds of base/philox.c. For the file of an
 * instruction set, after it has said what MULTIPLY is: the product of the low halves of words and a
 * number below 2^32. */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t fani_words __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef double fani_unit __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { PHILOX_ROUNDS = 10 };

/* What a seed adds in each round, as words that are spread over lanes when they are loaded. */
typedef struct philox_keys {
    uint64_t first[PHILOX_ROUNDS], second[PHILOX_ROUNDS];
} philox_keys;

static inline void philox_key(uint64_t seed, philox_keys *keys)
{
    for (uint32_t r = 0; r < PHILOX_ROUNDS; r++) {
        keys->first[r] = (uint32_t)seed + r * 0x9E3779B9;
        keys->second[r] = (uint32_t)(seed >> 32) + r * 0xBB67AE85;
    }
}

/* Counters first, first + 1... */
static inline fani_words philox_counters(uint64_t first)
{
    fani_words lane = {0};
    for (unsigned i = 1; i < LANES; i++)
        lane[i] = i;
    return lane + first;
}

/* Coordinate k of samples: a counter's words are the counter itself in two, k, and the stream, and
 * each of the four random words is a sample's. The high halves hold anything. Of `count` vectors of
 * counters at once: a round waits for the one before it. */
static inline __attribute__((always_inline)) void
philox_draw(const philox_keys *keys, uint32_t stream, const fani_words *counters, size_t count,
            uint64_t k, fani_words drawn[][4])
{
    for (size_t h = 0; h < count; h++) {
        drawn[h][0] = counters[h];
        drawn[h][1] = counters[h] >> 32;
        drawn[h][2] = (fani_words){0} + k;
        drawn[h][3] = (fani_words){0} + stream;
    }
#pragma GCC unroll 10
    for (size_t r = 0; r < PHILOX_ROUNDS; r++) {
#pragma GCC unroll 2
        for (size_t h = 0; h < count; h++) {
            fani_words *w = drawn[h];
            const fani_words x = MULTIPLY(w[0], 0xD2511F53), y = MULTIPLY(w[2], 0xCD9E8D57);
            w[0] = (y >> 32) ^ w[1] ^ keys->first[r];
            w[1] = y;
            w[2] = (x >> 32) ^ w[3] ^ keys->second[r];
            w[3] = x;
        }
    }
}

/* 2^52 + word. */
static inline fani_unit philox_above(fani_words word)
{
    return (fani_unit)((word & UINT32_MAX) | UINT64_C(0x4330000000000000));
}
