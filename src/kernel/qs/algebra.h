/* From relations to a divisor: a store of relations that tells whether they are enough, and what
 * solves them. docs/sieve-algebra.md has the outline. */
#ifndef FANI_QS_ALGEBRA_H
#define FANI_QS_ALGEBRA_H

#include "qs.h"

#include "kernel/factor/factor_internal.h"

/* Relations, each once, in less than 100 bytes each. What it answers depends on which relations are
 * in it, not on the order in which they came. One thread at a time. */
typedef struct fani_qs_set fani_qs_set;

enum {
    FANI_QS_PARTS_MAX = 256,
    /* Independent rows more than columns from which fani_qs_solve is nearly sure to split. */
    FANI_QS_EXCESS = 64,
};

/* Makes an empty set, for relations whose factors are columns below `columns`. *set is NULL on
 * error: FAN_E_MEMORY. */
fan_status fani_qs_set_new(uint32_t columns, fani_qs_set **set);

/* NULL is accepted. */
void fani_qs_set_free(fani_qs_set *set);

/* Copies a relation into the set. *added (may be NULL) says whether it is new: one whose factors
 * and large primes are all the same as another's has the same root but for its sign, and is
 * dropped. It is not checked whether it is true; what comes from a file or another machine goes
 * through fani_qs_check first. Errors: FAN_E_INPUT (columns or large primes out of order or range),
 * FAN_E_TOO_LARGE (2^32 bytes of factors, 2^31 relations), FAN_E_MEMORY: the set is unchanged. */
fan_status fani_qs_set_add(fani_qs_set *set, const fani_qs_relation *relation, bool *added);

/* How many relations are in it, and what it takes in memory. */
size_t fani_qs_set_count(const fani_qs_set *set);
size_t fani_qs_set_bytes(const fani_qs_set *set);

/* How many independent products of its relations have no large prime an odd number of times: kept
 * up to date with each relation, at no cost. With FANI_QS_EXCESS more than columns the relations
 * are enough. */
size_t fani_qs_set_cycles(const fani_qs_set *set);

/* Relation i < count in the order in which they came; `factor` has room for FANI_QS_FACTORS_MAX and
 * becomes relation->factor. */
void fani_qs_set_get(const fani_qs_set *set, size_t i, uint32_t *factor,
                     fani_qs_relation *relation);

/* *excess = the rows of the matrix of all relations less its columns, after those were left out
 * that alone have some prime: at least cycles less columns, and more as long as primes of the base
 * divide nothing. From FANI_QS_EXCESS on the relations are enough. Takes about 0.3 us a relation,
 * and 10 bytes. Errors: FAN_E_MEMORY. */
fan_status fani_qs_set_excess(const fani_qs_set *set, int64_t *excess);

/* *enough: the excess is at least FANI_QS_EXCESS; it is only computed where that may be. What it
 * answers depends on the sets that it was asked for before, too: to stop a collection at the same
 * place every time, ask at places given by the index. Errors: FAN_E_MEMORY. */
fan_status fani_qs_set_enough(fani_qs_set *set, bool *enough);

/* How many cycles will probably be enough, for who shows progress. */
size_t fani_qs_set_wanted(const fani_qs_set *set);

/* Threads that the caller lends: run calls part(work, i) for each i below `parts`, which is 1 to
 * FANI_QS_PARTS_MAX, on whichever threads, and returns when all have returned. It is called some
 * thousand times, for a millisecond or less each time, so they had better not sleep in between. */
typedef struct fani_qs_team {
    unsigned parts;
    void (*run)(void *context, unsigned parts, void (*part)(void *work, unsigned i), void *work);
    void *context;
} fani_qs_team;

/* Where the caller keeps how far the longest part has come, so that another call for the same
 * relations goes on from there: NULL, or all three functions, which are called on the calling
 * thread. What is kept is some words for each row of the matrix, in the machine's byte order; it
 * says itself to which relations it belongs. */
typedef struct fani_qs_keeper {
    /* Whether it is time to keep something: asked whenever the cancel hook is, and after it, so
     * that a call that is to end can still keep what it has. */
    bool (*due)(void *context);
    /* Keeps these bytes instead of those kept before. An error ends the call with it. */
    fan_status (*save)(void *context, const void *bytes, size_t size);
    /* Gives back what was kept, as it was: the caller sees to that. False: nothing of this size. */
    bool (*load)(void *context, void *bytes, size_t size);
    void *context;
} fani_qs_keeper;

/* *divisor = a proper divisor of n, from the relations of `qs` in the set. `team` and `keeper` may
 * be NULL: the calling thread does all, nothing is kept; the answer is the same. Only the cancel
 * hook of the effort is used. Relations that turn out to be false are taken out of the set. Errors:
 * FAN_E_EFFORT (more relations are needed), FAN_E_CANCELLED, FAN_E_MEMORY, FAN_E_FAILED (the
 * machine computes wrongly), what the keeper's save answered. */
fan_status fani_qs_solve(const fani_qs *qs, fani_qs_set *set, const fani_qs_team *team,
                         const fani_qs_keeper *keeper, const fani_effort *effort, mpz_ptr divisor);

#endif
