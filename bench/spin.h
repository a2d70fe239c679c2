/* Work of a known length whose result is known without doing it. C and C++. */
#ifndef BENCH_SPIN_H
#define BENCH_SPIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A linear congruential step: each needs the one before, and n of them have a closed form. */
#define BENCH_SPIN_SCALE UINT64_C(6364136223846793005)
#define BENCH_SPIN_SHIFT UINT64_C(1442695040888963407)

/* `iterations` steps that each need the one before; 0 gives the seed. Any thread. Inline, so that
 * an empty item is empty: what a row then costs is the handing out and the store of its reply. */
static inline uint64_t bench_spin(uint64_t seed, uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        seed = seed * BENCH_SPIN_SCALE + BENCH_SPIN_SHIFT;
        __asm__ volatile("" : "+r"(seed)); /* or the compiler finds the closed form of pairs */
    }
    return seed;
}

/* The same, to be called from another language. */
uint64_t bench_spin_call(uint64_t seed, uint64_t iterations);

/* The seed of item `index`; never the 0 that replies start from. */
static inline uint64_t bench_seed(uint64_t index)
{
    return (index * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

/* The same value for many seeds without the steps: bench_spin(seed, n) is scale * seed + shift. */
typedef struct bench_spin_check {
    uint64_t scale, shift;
} bench_spin_check;
bench_spin_check bench_spin_check_for(uint64_t iterations);

#ifdef __cplusplus
}
#endif
#endif
