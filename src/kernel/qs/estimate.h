/* How long the quadratic sieve of large numbers will take, told before it begins. docs/sieve.md has
 * how far off that was. */
#ifndef FANI_QS_ESTIMATE_H
#define FANI_QS_ESTIMATE_H

#include "qs.h"

/* What a number will take. */
typedef struct fani_qs_cost {
    double relations;       /* until they are enough */
    double collect_seconds; /* CPU time of one core of this machine, as busy as it is now */
    double algebra_seconds;
} fani_qs_cost;

/* Foresees what qs will take, from a tenth of a second of sieving (a third for numbers of 95 digits
 * and more, and the time that a worker takes to make). Changes nothing that is collected later.
 * Errors: FAN_E_MEMORY, and what fani_qs_collect returns. Any thread. Sources: estimate.c. */
fan_status fani_qs_foresee(const fani_qs *qs, fani_isa isa, fani_qs_cost *cost);

/* *seconds = all of its CPU time. */
fan_status fani_qs_estimate(const fani_qs *qs, fani_isa isa, double *seconds);

/* ---- Its parts ------------------------------------------------------------------------------ */

/* What part of the relations has no, one and two large primes. They add up to 1. */
typedef struct fani_qs_shares {
    double of[3];
} fani_qs_shares;

/* The shares expected after seeing so many relations of each kind. Few of them are supplemented by
 * what is usual for these parameters. */
fani_qs_shares fani_qs_shares_of(const fani_qs *qs, const uint64_t seen[3]);

/* *relations = how many relations it takes until fani_qs_set_enough. Depends on the parameters and
 * the shares alone. Errors: FAN_E_MEMORY. */
fan_status fani_qs_needed(const fani_qs *qs, fani_qs_shares shares, double *relations);

/* CPU seconds that fani_qs_solve takes for relations of so many columns. */
double fani_qs_algebra_seconds(uint32_t columns);

#endif
