/* What the files of kernel/ntt share.
 *
 * A transform holds for each prime `size` = 8 * factor * 2^rows_log residues: coefficient i of the
 * polynomial is word i. Rows are 8 words; nothing but multiply looks across a row: with y = x^8 the
 * polynomial is one in y whose coefficients are rows, and it is transformed modulo
 * y^(factor * 2^rows_log) - 1, down to rows modulo x^8 - c.
 *
 * "At rest" (between passes) residues are lazy: below FANI_NTT_DOWN_BOUND * p on the way down,
 * below FANI_NTT_UP_BOUND * p on the way up. All primes are below 2^52 / FANI_NTT_DOWN_BOUND. */
#ifndef FANI_NTT_INTERNAL_H
#define FANI_NTT_INTERNAL_H

#include "ntt.h"

/* For code that is to be compiled anew for each constant it is called with. */
#define INLINE static inline __attribute__((always_inline))

enum {
    FANI_NTT_ROW = 8,     /* words */
    FANI_NTT_GROUP = 512, /* coefficients; slices consist of whole groups */
    FANI_NTT_FACTOR_MAX = 3,
    FANI_NTT_DEPTH_MAX = 32,
    FANI_NTT_DOWN_BOUND = 10,
    FANI_NTT_UP_BOUND = 5,
    FANI_NTT_COFACTOR_LIMBS = 7, /* of the product of all primes, and 7 more bits */
    FANI_NTT_WORDS52 = 8,
};

/* A factor w modulo p, and what makes products by it quick: what that is is the engine's business.
 */
typedef struct fani_ntt_root {
    uint64_t w, q;
} fani_ntt_root;

/* A prime of a plan. */
typedef struct fani_ntt_prime {
    uint64_t p;
    /* Roots of unity in the order of the nodes of the tree (plan.c), times a root of order `factor`
     * to the power of the index; and their inverses. */
    fani_ntt_root *down[FANI_NTT_FACTOR_MAX];
    fani_ntt_root *up[FANI_NTT_FACTOR_MAX];
    fani_ntt_root omega[FANI_NTT_FACTOR_MAX];   /* powers of the root of order `factor` */
    fani_ntt_root split[4];                     /* 2^(shift * i) mod p: see the engine */
    fani_ntt_root join;                         /* see plan.c */
    uint64_t inverse;                           /* floor(2^112 / p) */
    uint64_t negated;                           /* -1 / p modulo 2^64 */
    uint64_t cofactor[FANI_NTT_COFACTOR_LIMBS]; /* product of the others */
    uint64_t cofactor52[FANI_NTT_WORDS52];      /* the same in words of 52 bits */
} fani_ntt_prime;

/* The code for one instruction set. "Short" factors leave the end of their polynomial unused, half
 * of it or the last of three thirds: it is not even written (parts.c). Groups are counted from 0;
 * the range excludes `last`. */
typedef struct fani_ntt_engine {
    unsigned product_shift; /* multiply leaves products divided by 2^product_shift */
    unsigned split_bits;    /* of a part of a coefficient: fani_ntt_prime.split */
    /* Of roots with w below p: sets the rest (and puts w into the engine's form). */
    void (*finish_roots)(fani_ntt_root *roots, size_t count, uint64_t p);
    void (*split)(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                  size_t first, size_t last);
    void (*down)(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *data, bool shorter);
    void (*up)(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *data);
    void (*multiply)(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *out,
                     const uint64_t *a, const uint64_t *b, bool add);
    void (*convolve)(const fani_ntt *plan, const fani_ntt_prime *prime, uint64_t *a, bool short_a,
                     uint64_t *b, bool both, bool short_b);
    void (*join)(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                 mp_limb_t *out, fani_ntt_carry *carry);
} fani_ntt_engine;

extern const fani_ntt_engine fani_ntt_engine_scalar;
#ifdef __x86_64__
extern const fani_ntt_engine fani_ntt_engine_avx2;
extern const fani_ntt_engine fani_ntt_engine_ifma;
#endif

/* The sizes of a plan: out of fani_ntt_shape. */
typedef struct fani_ntt_sizes {
    size_t limbs;  /* n: size * bits / 64 */
    size_t size;   /* coefficients */
    unsigned bits; /* of a coefficient */
    unsigned primes;
    unsigned factor; /* 1 or 3 */
    unsigned rows_log;
} fani_ntt_sizes;

struct fani_ntt {
    fani_ntt_sizes sizes;
    size_t stride; /* words from one prime's residues to the next one's */
    const fani_ntt_engine *engine;
    fani_ntt_root *roots; /* all tables */
    fani_ntt_prime prime[FANI_NTT_PRIMES_MAX];
    uint64_t negative[FANI_NTT_COFACTOR_LIMBS]; /* 2^448 less the product of all primes */
    uint64_t negative52[FANI_NTT_WORDS52];      /* 2^(52 primes) less that, in words of 52 bits */
};

/* The primes, largest first. All are 1 modulo 15 * 2^32. */
extern const uint64_t fani_ntt_prime_list[FANI_NTT_PRIMES_MAX];

/* The cheapest sizes for at least so many limbs; false where there are none. */
bool fani_ntt_shape(size_t limbs, fani_ntt_sizes *sizes);

/* Given primes, factor and rows_log: the other sizes for at least so many limbs, with no more bits
 * than needed; false where that is too many. */
bool fani_ntt_fit(size_t limbs, fani_ntt_sizes *sizes);

/* As fani_ntt_make. */
fan_status fani_ntt_make_sized(const fani_ntt_sizes *sizes, fani_isa isa, fani_ntt **plan);

/* Modular arithmetic with a prime p below 2^63. */
uint64_t fani_ntt_mulmod(uint64_t a, uint64_t b, uint64_t p);
uint64_t fani_ntt_powmod(uint64_t a, uint64_t e, uint64_t p);
uint64_t fani_ntt_invmod(uint64_t a, uint64_t p);

/* Fills the tables of the prime of this index, from `room` on; returns what is behind them. */
fani_ntt_root *fani_ntt_fill(fani_ntt *plan, unsigned index, fani_ntt_root *room);

/* The tables of tree `tree` (below factor) by depth: the entry of node h at depth d is [d][h]. */
void fani_ntt_levels(const fani_ntt *plan, fani_ntt_root *const *tables, unsigned tree,
                     const fani_ntt_root *levels[FANI_NTT_DEPTH_MAX]);

/* Limb i, 0 behind the end. */
static inline uint64_t fani_ntt_limb(const mp_limb_t *a, size_t an, size_t i)
{
    return i < an ? a[i] : 0;
}

/* split and join by words, for engines without vectors for that. put: three-word parts of 64
 * coefficients become residues (at rest) from `to` on; take: 64 residues from a product, times
 * prime->join, below p. */
typedef void fani_ntt_put(const fani_ntt_prime *prime, uint64_t part[64][3], uint64_t *to);
typedef void fani_ntt_take(const fani_ntt_prime *prime, const uint64_t *from, uint64_t out[64]);
void fani_ntt_split_words(const fani_ntt *plan, uint64_t *transform, const mp_limb_t *a, size_t an,
                          size_t first, size_t last, fani_ntt_put *put);
void fani_ntt_join_words(const fani_ntt *plan, const uint64_t *product, size_t first, size_t last,
                         mp_limb_t *out, fani_ntt_carry *carry, fani_ntt_take *take);

#endif
