/* Relations of a self-initializing quadratic sieve, for numbers of 30 to 120 digits. docs/sieve.md
 * has the outline.
 *
 * k n = 1 mod 8 is the number whose squares are looked for. A polynomial is Q(x) = a x^2 + b x + c
 * with odd a and b and b^2 - 4 a c = k n, so that X = 2 a x + b has X^2 = 4 a Q(x) mod n. Where all
 * primes of Q(x) are in the factor base but one or two large ones, that is a relation.
 *
 * All that is told here depends on n, the parameters and FANI_QS_VERSION alone: never on the
 * machine, its instruction set, or the order in which leading coefficients are worked off. */
#ifndef FANI_QS_H
#define FANI_QS_H

#include "base/isa.h"
#include "fanfold/status.h"

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Changes whenever (n, parameters) would give other relations for the same index. */
    FANI_QS_VERSION = 1,
    FANI_QS_BITS_MIN = 80,
    FANI_QS_BITS_MAX = 400,
    FANI_QS_A_PRIMES = 20,     /* a has at most so many primes */
    FANI_QS_FACTORS_MAX = 512, /* 4 a Q(x) has fewer factors than this */
    FANI_QS_BASE_MIN = 50,
    FANI_QS_BASE_MAX = 2000000,
    FANI_QS_BLOCK = 32768, /* positions that are sieved at a time */
    FANI_QS_BLOCKS_MAX = 32,
    /* fani_qs_relation_write never writes more. */
    FANI_QS_RELATION_BYTES_MAX = 64 + 5 * FANI_QS_FACTORS_MAX,
};

/* What is chosen by the length of n. */
typedef struct fani_qs_params {
    uint32_t base;    /* odd primes of the factor base: FANI_QS_BASE_MIN to FANI_QS_BASE_MAX */
    uint32_t blocks;  /* of FANI_QS_BLOCK positions of a polynomial: 1 to FANI_QS_BLOCKS_MAX */
    uint32_t large;   /* large primes are below this times the largest of the base: 1 to 4000 */
    uint32_t small;   /* primes below this are not sieved with: 3 to 4096 */
    uint32_t slack;   /* bits that the sieve may miss of a value: 1 to 80 */
    uint32_t pair;    /* bits up to which two large primes are looked for: 0 (one only) to 64 */
    uint32_t a_prime; /* primes of a are about this or shorter: 64 to 16384 */
} fani_qs_params;

/* The table's parameters for numbers of so many bits. */
fani_qs_params fani_qs_params_for(unsigned bits);

/* A number, its multiplier, parameters and factor base: not changed once made, shared by threads.
 */
typedef struct fani_qs fani_qs;

/* Makes *qs for n, which should be no prime and no perfect power (else every dependency of its
 * relations is trivial) and may have any prime factors, though those in the base or the multiplier
 * are found sooner otherwise. params is NULL for the table's. The caller frees *qs.
 * FAN_E_ARGUMENT: n is even or has fewer than FANI_QS_BITS_MIN or more than FANI_QS_BITS_MAX bits,
 * or a parameter is out of its range. FAN_E_EFFORT: the base has too few primes for leading
 * coefficients. FAN_E_MEMORY. */
fan_status fani_qs_make(mpz_srcptr n, const fani_qs_params *params, fani_qs **qs);

/* Accepts NULL. */
void fani_qs_free(fani_qs *qs);

mpz_srcptr fani_qs_number(const fani_qs *qs);
uint32_t fani_qs_multiplier(const fani_qs *qs);
fani_qs_params fani_qs_parameters(const fani_qs *qs);

/* Columns of a relation's matrix: 0 the sign, 1 the prime 2, then the odd primes of the base. */
uint32_t fani_qs_columns(const fani_qs *qs);

/* The prime of a column above 0. */
uint32_t fani_qs_prime(const fani_qs *qs, uint32_t column);

/* Large primes are below this. */
uint32_t fani_qs_large_end(const fani_qs *qs);

/* How many leading coefficients there are, all different, and how many polynomials each has. */
uint64_t fani_qs_a_count(const fani_qs *qs);
uint32_t fani_qs_b_count(const fani_qs *qs);

/* X^2 = the product of the factors and the large primes mod n, for X = 2 a x + b. */
typedef struct fani_qs_relation {
    uint64_t a;             /* index of the leading coefficient */
    uint32_t b;             /* which of its polynomials */
    int32_t x;              /* from -blocks * FANI_QS_BLOCK / 2 on */
    uint32_t large[2];      /* large primes, ascending; 1 where there is none */
    uint32_t count;         /* of factors, below FANI_QS_FACTORS_MAX */
    const uint32_t *factor; /* columns, ascending, repeated by multiplicity; those of 4 a too */
} fani_qs_relation;

/* X = 2 a x + b mod n, not negative. FAN_E_ARGUMENT: a, b or x is out of range. */
fan_status fani_qs_root(const fani_qs *qs, const fani_qs_relation *r, mpz_ptr X);

/* Whether all of a relation is in range and in order, and X^2 is what it says. Of a relation that
 * passes everything needed is proven, large primes being prime aside. */
bool fani_qs_check(const fani_qs *qs, const fani_qs_relation *r);

/* The compact byte form: writes a relation that passes fani_qs_check, returns its length, at most
 * FANI_QS_RELATION_BYTES_MAX. */
size_t fani_qs_relation_write(const fani_qs *qs, const fani_qs_relation *r, uint8_t *out);

/* Reads the relation at the beginning of `bytes`; its factors are put into factors[], which has
 * room for FANI_QS_FACTORS_MAX. *used = the bytes that it took. FAN_E_PROTOCOL: there is none, or
 * fani_qs_check refuses it; *r is then undefined. */
fan_status fani_qs_relation_read(const fani_qs *qs, const uint8_t *bytes, size_t size,
                                 uint32_t *factors, fani_qs_relation *r, size_t *used);

/* ---- Collecting ----------------------------------------------------------------------------- */

/* The scratch memory of one thread that sieves. */
typedef struct fani_qs_worker fani_qs_worker;

/* The caller frees *worker before qs. FAN_E_MEMORY. */
fan_status fani_qs_worker_make(const fani_qs *qs, fani_isa isa, fani_qs_worker **worker);

/* Accepts NULL. */
void fani_qs_worker_free(fani_qs_worker *worker);

typedef struct fani_qs_hooks {
    bool (*cancelled)(void *context); /* asked once a polynomial; may be NULL */
    /* Gets each relation, which is the callee's only until it returns. Anything but FAN_OK ends the
     * collection with that status. */
    fan_status (*emit)(void *context, const fani_qs_relation *r);
    void *context;
} fani_qs_hooks;

/* Emits all relations of leading coefficient `a` in an order that is always the same. They differ
 * in (b, x); in two of different a's X can be the same in rare cases. FAN_E_ARGUMENT: a is not
 * below fani_qs_a_count. FAN_E_CANCELLED, FAN_E_MEMORY, what emit has returned. */
fan_status fani_qs_collect(fani_qs_worker *worker, uint64_t a, const fani_qs_hooks *hooks);

/* The same for its polynomials from..to - 1 alone, to <= fani_qs_b_count: for pieces of work of a
 * length of one's choice, each of which costs as much as a few polynomials more. */
fan_status fani_qs_collect_some(fani_qs_worker *worker, uint64_t a, uint32_t from, uint32_t to,
                                const fani_qs_hooks *hooks);

#endif
