/* What a thread that sieves has, and the loops that are compiled for each instruction set.
 *
 * Positions of a polynomial are x + half its interval. Primes below 2^16 are kept in words of 16
 * bits and worked off block by block; longer ones are put into the buckets of the blocks once a
 * polynomial. All loops do the same to each byte, whatever their vectors. */
#ifndef FANI_QS_WORKER_H
#define FANI_QS_WORKER_H

#include "internal.h"
#include "kernel/factor/engine.h"

enum {
    FANI_QS_LANES = 32,      /* what lengths of arrays are padded to */
    FANI_QS_LANES_WIDE = 8,  /* the most words of 64 bits in a vector */
    FANI_QS_MULTIPLES = 16,  /* primes with up to so many multiples in a block have own loops */
    FANI_QS_SLICE = 4096,    /* primes of a slice: an entry of a bucket has 12 bits for them, */
    FANI_QS_PLACE_BITS = 20, /* and these for the position in the interval */
    FANI_QS_CHUNK = 128,     /* primes between two looks at the room that is left */
    FANI_QS_CHUNK_ROOM = 2 * FANI_QS_CHUNK * (FANI_QS_BLOCKS_MAX / 2 + 1) + 64,
    FANI_QS_SPILL = 16,       /* words that may be written behind what is in a bucket */
    FANI_QS_BEYOND = 64,      /* bytes behind a block that take what misses it */
    FANI_QS_HITS_MAX = 256,   /* more primes never divide a value at once, chance hits included */
    FANI_QS_LIMBS = 4,        /* values have fewer than 250 bits */
    FANI_QS_FOUND_MAX = 1024, /* candidates of a block that are looked at in one go */
};

/* Primes below 2^16, in arrays of `padded`. `start` has the roots at the beginning of the interval,
 * `at` those at the beginning of the current block. */
typedef struct fani_qs_short {
    uint32_t count, padded;
    uint32_t first_sieved;
    uint32_t first_of[FANI_QS_MULTIPLES + 1]; /* [k]: the first sieved with block / p < k + 1 */
    uint16_t *prime;
    uint16_t *inverse;  /* prime * inverse = 1 mod 2^16 */
    uint16_t *quotient; /* floor((2^16 - 1) / prime) */
    uint16_t *step;     /* the length of a block mod prime */
    uint16_t *start[2];
    uint16_t *at[2];
    uint16_t *delta; /* [FANI_QS_A_PRIMES + 1][padded]; the last row is 0 */
    uint8_t *log;    /* 0 for primes of a and of k n */
} fani_qs_short;

/* The others. */
typedef struct fani_qs_long {
    uint32_t first; /* index in the base */
    uint32_t count, padded;
    uint32_t *prime;
    uint32_t *root[2];
    uint32_t *delta; /* [FANI_QS_A_PRIMES + 1][padded]; the last row is 0 */
    uint32_t slices;
    uint8_t *slice_log;
    uint32_t *slice_start; /* [slices + 1][FANI_QS_BLOCKS_MAX]: places in the buckets */
    uint32_t *bucket;      /* [blocks][capacity]: prime in slice << FANI_QS_PLACE_BITS | position */
    uint32_t capacity;
    uint32_t *chunk;     /* [FANI_QS_CHUNK_ROOM] */
    uint64_t order[256]; /* [mask]: the places of its bits, a byte each, the lowest first */
} fani_qs_long;

/* Where a slice begins in each block's bucket. */
static inline uint32_t *fani_qs_slice(const fani_qs_long *l, size_t slice)
{
    return l->slice_start + slice * FANI_QS_BLOCKS_MAX;
}

/* What a polynomial begins with, for a vector of primes. */
typedef struct fani_qs_lanes {
    uint64_t root[2][FANI_QS_LANES_WIDE] __attribute__((aligned(64)));
    uint64_t delta[FANI_QS_A_PRIMES][FANI_QS_LANES_WIDE];
} fani_qs_lanes;

typedef struct fani_qs_loops fani_qs_loops;

struct fani_qs_worker {
    const fani_qs *qs;
    const fani_qs_loops *loops;
    const fani_lanes *lanes; /* that split cofactors */
    fani_qs_short s;
    fani_qs_long l;
    uint32_t blocks, interval;
    uint32_t unit; /* of a byte, in 2^-16 bits */
    uint8_t first; /* what bytes of a block begin with; bit 7 says that a value is worth a look */
    uint8_t *block;
    fani_qs_leading leading;
    uint64_t index;   /* of the leading coefficient */
    uint32_t from, k; /* the first polynomial of this call, and the current one */
    bool is_b_raised; /* a was added to make b odd */
    mpz_t scratch;
    unsigned limbs; /* of values; a, b and c as complements to two */
    uint64_t a[FANI_QS_LIMBS], b[FANI_QS_LIMBS], c[FANI_QS_LIMBS];
    /* Logarithms in 2^-16 bits: the longest large prime, the least and the longest product of two
     * (0 where there are none). */
    uint32_t one_large, two_large_least, two_large;
    uint32_t factor[FANI_QS_FACTORS_MAX];
};

/* Rows of delta that do not move a root. */
enum { FANI_QS_ROW_ZERO = FANI_QS_A_PRIMES };

struct fani_qs_loops {
    /* The roots of polynomial w->k of w->leading for `lanes` primes of the base from i on. */
    uint32_t lanes;
    void (*begin)(const fani_qs_worker *w, uint32_t i, fani_qs_lanes *out);
    /* Moves the short primes' roots by row j of delta. */
    void (*move)(fani_qs_short *s, uint32_t row, bool forwards);
    /* The same for long ones, and puts their positions into the buckets. False where a bucket has
     * no room left, after moving all roots; the same for all instruction sets. */
    bool (*fill)(fani_qs_worker *w, uint32_t row, bool forwards);
    /* Sieves a block. */
    void (*sieve)(fani_qs_worker *w, uint32_t block);
    /* Positions in the block with bit 7 set, from *from on; *from becomes where to go on. */
    uint32_t (*scan)(const uint8_t *block, uint32_t *from, uint16_t *out);
    /* Indices in the base of unsieved primes that divide the value there, ascending. */
    uint32_t (*hits_small)(const fani_qs_worker *w, uint32_t x, uint32_t *out);
    /* The same for the others; a few that do not divide it too. */
    uint32_t (*hits)(const fani_qs_worker *w, uint32_t block, uint32_t x, uint32_t *out);
    /* Goes on to the next block. */
    void (*step)(fani_qs_short *s);
};

extern const fani_qs_loops fani_qs_loops_scalar;
extern const fani_qs_loops fani_qs_loops_avx2;
extern const fani_qs_loops fani_qs_loops_avx512;

/* Computes the roots of polynomial w->k of w->leading, and all deltas. */
void fani_qs_begin(fani_qs_worker *w);

/* Looks at position x of a block of the current polynomial; emits what it factors into. */
fan_status fani_qs_try(fani_qs_worker *w, uint32_t block, uint32_t x, const fani_qs_hooks *hooks);

#endif
