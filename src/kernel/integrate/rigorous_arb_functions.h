/* Functions of balls. `analytic` is as in rigorous_balls.h: where it is set, the result is finite
 * only where the function is holomorphic on the whole box. Without it boxes are real, and functions
 * with steps or with a domain enclose the values that there are. Results may be an operand. */
#ifndef FANI_RIGOROUS_ARB_FUNCTIONS_H
#define FANI_RIGOROUS_ARB_FUNCTIONS_H

#include <acb.h>
#include <stdbool.h>

#include "expression.h"

typedef struct fani_ball_call {
    bool analytic;
    slong bits;
} fani_ball_call;

/* The operator of operands[0..2]; any but CONSTANT, PARAMETER, VARIABLE and those that
 * fani_proof_make refuses. `exponent`: of POWER. */
void fani_ball_operator(fani_operator op, acb_t out, const acb_struct *const operands[3],
                        double exponent, fani_ball_call call);

#endif
