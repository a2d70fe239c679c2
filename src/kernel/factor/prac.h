/* Montgomery's PRAC: a chain for a prime in which each sum's difference is there already
 * (Montgomery, "Evaluating recurrences of form X_{m+n} = f(X_m, X_n, X_{m-n}) via Lucas chains",
 * 1983, revised 1992). */
#ifndef FANI_PRAC_H
#define FANI_PRAC_H

#include <stdbool.h>
#include <stdint.h>

/* A chain starts with n / ratio: numbers whose continued fractions are ones with at most two twos
 * among the first. make_wide_chains.py has the same list. */
static const double fani_prac_ratios[16] = {
    1.61803398875,  1.72360679775,  1.618347119656, 1.617914406529, 1.612429949509, 1.632839806089,
    1.620181980807, 1.580178728295, 1.617214616534, 1.38196601125,  1.61983471,     1.58359214,
    1.70431401,     1.63431361,     1.35792156,     1.41421356,
};

/* n = d a + e b, where c = a - b. What is to be done with the points a, b, c in each step. */
typedef enum fani_prac_rule {
    FANI_PRAC_THIRDS,     /* a, b = 2a + b, a + 2b */
    FANI_PRAC_HALF,       /* b, a = a + b, 2a */
    FANI_PRAC_SUBTRACT,   /* b, c = a + b, b */
    FANI_PRAC_HALVE_D,    /* c, a = a + c, 2a */
    FANI_PRAC_THIRD_D,    /* a, b, c = 3a, 3a + b, b */
    FANI_PRAC_THIRD_SUM,  /* a, b = 3a, 2a + b */
    FANI_PRAC_THIRD_DIFF, /* a, b, c = 3a, a + b, a + c */
    FANI_PRAC_HALVE_E,    /* c, b = b + c, 2b */
} fani_prac_rule;

/* Takes d > e one step further. */
static inline fani_prac_rule fani_prac_step(uint32_t *d_at, uint32_t *e_at)
{
    uint32_t d = *d_at, e = *e_at;
    bool close = d - e <= e / 4, near = (d + 3) / 4 <= e;
    fani_prac_rule rule;
    if (close && (d + e) % 3 == 0) {
        *d_at = (2 * d - e) / 3;
        *e_at = (2 * e - d) / 3;
        rule = FANI_PRAC_THIRDS;
    } else if (close ? (d - e) % 6 == 0 : !near && (d - e) % 2 == 0) {
        *d_at = (d - e) / 2;
        rule = FANI_PRAC_HALF;
    } else if (near) {
        *d_at = d - e;
        rule = FANI_PRAC_SUBTRACT;
    } else if (d % 2 == 0) {
        *d_at = d / 2;
        rule = FANI_PRAC_HALVE_D;
    } else if (d % 3 == 0) {
        *d_at = d / 3 - e;
        rule = FANI_PRAC_THIRD_D;
    } else if ((d + e) % 3 == 0) {
        *d_at = (d - 2 * e) / 3;
        rule = FANI_PRAC_THIRD_SUM;
    } else if ((d - e) % 3 == 0) {
        *d_at = (d - e) / 3;
        rule = FANI_PRAC_THIRD_DIFF;
    } else {
        *e_at = e / 2;
        rule = FANI_PRAC_HALVE_E;
    }
    return rule;
}

#endif
