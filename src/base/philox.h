/* Random numbers by counter: the k-th one of a key is computed from k, so that it is the same
 * whoever asks for it, in whatever order. */
#ifndef FANI_PHILOX_H
#define FANI_PHILOX_H

#include <stdint.h>

/* out = the four words that Philox 4x32-10 gives for this counter and key. Any thread. Source:
 * Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011. */
void fani_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The same for a key and a counter of one word each: 64 of the random bits. */
uint64_t fani_philox_u64(uint64_t key, uint64_t counter);

#endif
