/* What the files of this folder share. */
#ifndef FANI_QS_INTERNAL_H
#define FANI_QS_INTERNAL_H

#include "kernel/factor/quadratic.h"
#include "qs.h"

enum {
    FANI_QS_SIGN = 0,
    FANI_QS_TWO = 1,
    FANI_QS_PAD = 8,   /* odd numbers behind the primes: vectors may reach beyond the end */
    FANI_QS_FIRST = 2, /* the column of the first odd prime */
    /* Primes of a are below this, so that the loops which leave them out are those of blocks. */
    FANI_QS_A_PRIME_END = 1 << 15,
};

/* Leading coefficients. All but one prime of a are a subset of pool[0], the last one is of pool[1],
 * which has none in common with it: so different subsets make different a. */
typedef struct fani_qs_pools {
    double ideal;      /* a: below 2^200 */
    uint32_t primes;   /* of each a */
    uint32_t *pool[2]; /* indices in the base, ascending */
    uint32_t size[2];
    uint64_t count;  /* subsets of primes - 1 of pool[0] */
    uint64_t stride; /* index i is subset i * stride mod count: neighbours have little in common */
} fani_qs_pools;

struct fani_qs {
    mpz_t n;
    mpz_t kn;
    uint32_t multiplier;
    fani_qs_params params;
    uint32_t *prime; /* [params.base], and FANI_QS_PAD more as in the arrays below */
    uint32_t *square_root;
    uint32_t *inverse;      /* prime * inverse = 1 mod 2^32 */
    uint32_t *radix_square; /* 2^64 mod prime */
    uint32_t *middle;       /* half the interval mod prime */
    uint32_t large_end;
    fani_qs_pools pools;
};

/* A leading coefficient. b of polynomial k is the sum of part[j], each negative where bit j of k's
 * Gray code is set, and a more where that is even. The last part is never negative: -b has the
 * same values. */
typedef struct fani_qs_leading {
    uint32_t count;
    uint32_t index[FANI_QS_A_PRIMES]; /* in the base, ascending */
    uint32_t gamma[FANI_QS_A_PRIMES]; /* part[j] = a / prime * gamma */
    mpz_t a;
    mpz_t part[FANI_QS_A_PRIMES];
} fani_qs_leading;

/* Chooses the pools. FAN_E_EFFORT: too few primes. FAN_E_MEMORY. */
fan_status fani_qs_pools_make(fani_qs *qs);
void fani_qs_pools_clear(fani_qs_pools *pools);

void fani_qs_leading_init(fani_qs_leading *leading);
void fani_qs_leading_clear(fani_qs_leading *leading);

/* The leading coefficient with an index below pools.count. */
void fani_qs_leading_set(fani_qs_leading *leading, const fani_qs *qs, uint64_t index);

/* b of polynomial k; a is added or not for all of them alike, which is told. */
bool fani_qs_leading_b(const fani_qs_leading *leading, uint32_t k, mpz_ptr b);

/* Whether a, b and x of a relation are in range; and fani_qs_root of one whose are, of this leading
 * coefficient. */
bool fani_qs_is_in_range(const fani_qs *qs, const fani_qs_relation *r);
void fani_qs_leading_root(const fani_qs_leading *leading, const fani_qs *qs,
                          const fani_qs_relation *r, mpz_ptr X);

/* The other parts of fani_qs_check: whether its columns and large primes are in order; and whether
 * X^2 is what a relation of this leading coefficient says, where all else is as it should be. left
 * and right are scratch. */
bool fani_qs_is_ordered(const fani_qs *qs, const fani_qs_relation *r);
bool fani_qs_leading_holds(const fani_qs_leading *leading, const fani_qs *qs,
                           const fani_qs_relation *r, mpz_ptr left, mpz_ptr right);

/* The subset of `taken` out of `size` things with a number below their binomial coefficient, as
 * ascending places; and that coefficient, or UINT64_MAX where it is larger. */
void fani_qs_subset(uint64_t number, uint32_t size, uint32_t taken, uint32_t *places);
uint64_t fani_qs_binomial(uint32_t size, uint32_t taken);

#endif
