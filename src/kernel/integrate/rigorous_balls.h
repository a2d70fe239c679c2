/* Expressions in ball arithmetic. Only rigorous_arb*.c include this: it needs Arb. */
#ifndef FANI_RIGOROUS_BALLS_H
#define FANI_RIGOROUS_BALLS_H

#include <acb.h>

#include "rigorous.h"

/* A tree made ready for evaluations on one thread with so many bits. */
typedef struct fani_balls {
    const fani_tree *tree;
    acb_ptr values; /* of its nodes; those that don't depend on the variable stay */
    bool *varies;
    slong bits;
    uint64_t evaluations;
} fani_balls;

/* FAN_E_MEMORY. To be cleared, after an error too. */
fan_status fani_balls_make(const fani_proof *proof, size_t tree, slong bits, fani_balls *balls);
void fani_balls_clear(fani_balls *balls);

/* out = an enclosure of all values over the box z. `analytic`: it is finite only where the function
 * that it encloses is holomorphic on the whole box and real on real numbers there. Where the
 * integrand has no real value at all, it is not finite. */
void fani_balls_evaluate(fani_balls *balls, const acb_t z, bool analytic, acb_t out);

/* About how much an evaluation costs, in additions of balls. */
uint64_t fani_balls_cost(const fani_tree *tree);

#endif
