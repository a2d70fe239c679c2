enum { VECTOR_BYTES = 16, LANE_BITS = 1 };
#include "loops_body.h"

static inline __attribute__((always_inline)) halves smaller_halves(halves a, halves b)
{
    halves less = (halves)(a < b);
    return (a & less) | (b & ~less);
}

static inline __attribute__((always_inline)) words smaller_words(words a, words b)
{
    words less = (words)(a < b);
    return (a & less) | (b & ~less);
}

static inline __attribute__((always_inline)) doubles low_product(doubles x, doubles y)
{
    return (x & UINT32_MAX) * (y & UINT32_MAX);
}

static inline __attribute__((always_inline)) uint64_t marks_of(const uint8_t *bytes)
{
    uint64_t all[8], any = 0, marks = 0;
    memcpy(all, bytes, sizeof all);
    for (unsigned k = 0; k < 8; k++)
        any |= all[k];
    if ((any & UINT64_C(0x8080808080808080)) == 0)
        return 0;
    for (unsigned k = 0; k < 64; k++)
        marks |= (uint64_t)(bytes[k] >> 7) << k;
    return marks;
}

static inline __attribute__((always_inline)) bool any_of(doubles v)
{
    uint64_t any = 0;
    for (unsigned k = 0; k < DOUBLES; k++)
        any |= v[k];
    return any != 0;
}

static uint32_t pack_below(const fani_qs_long *l, uint32_t *out, words entries, words at,
                           uint32_t end)
{
    uint32_t found = 0;
    (void)l;
    for (unsigned k = 0; k < WORDS; k++) {
        out[found] = entries[k];
        found += at[k] < end;
    }
    return found;
}

static inline __attribute__((always_inline)) void
deal_chunk(const fani_qs_long *l, uint32_t *cursor, uint32_t blocks, uint32_t found)
{
    (void)blocks;
    deal_singly(l, cursor, found);
}

static inline __attribute__((always_inline)) uint64_t lanes_of(halves match)
{
    uint64_t lanes = 0;
    if (any_of((doubles)match)) {
        for (unsigned k = 0; k < HALVES; k++)
            lanes |= (uint64_t)(match[k] & 1) << k;
    }
    return lanes;
}

const fani_qs_loops fani_qs_loops_scalar = {DOUBLES, begin,      move, fill, sieve,
                                            scan,    hits_small, hits, step};
