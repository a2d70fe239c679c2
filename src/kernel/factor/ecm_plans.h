/* What a curve does, as straight-line programs over points: see make_ecm_plans.py. */
#ifndef FANI_ECM_PLANS_H
#define FANI_ECM_PLANS_H

#include <stdint.h>

enum {
    FANI_CURVES = 64, /* different curves */
    FANI_ECM_PLANS = 6,
    FANI_ECM_SLOTS = 96, /* no plan has more */
};

/* Curve number c in Montgomery's form with (A + 2) / 4 = -minus / under and the start (x : z), all
 * modulo any n. Below 2^48, because every arithmetic can take that. */
typedef struct fani_ecm_curve {
    uint64_t x, z, minus, under;
} fani_ecm_curve;

extern const fani_ecm_curve fani_ecm_curves[FANI_CURVES];

/* slot[to] = slot[a] + slot[b], where slot[difference] = +-(slot[a] - slot[b]); a == b doubles, and
 * `difference` means nothing. The operands are read before `to` is written. */
typedef struct fani_ecm_step {
    uint8_t to, a, b, difference;
} fani_ecm_step;

/* Slots of a giant step kDQ and a baby step jQ, which meet where the order of Q is kD + j or kD -
 * j.
 */
typedef struct fani_ecm_pair {
    uint8_t giant, baby;
} fani_ecm_pair;

/* Slot 0 holds the start P. Stage 1 leaves Q = 2^twos * (the odd prime powers up to b1) * P; stage
 * 2 finds an order of Q that is a prime up to b2. */
typedef struct fani_ecm_plan {
    const fani_ecm_step *steps;
    const uint8_t *outputs; /* the slots that pairs name */
    const fani_ecm_pair *pairs;
    uint16_t step_count, output_count, pair_count; /* pair_count: a multiple of 4 */
    uint16_t b1, b2;
    uint8_t twos, stage_1, slots; /* stage_1: the slot of Q at the end */
} fani_ecm_plan;

/* From the smallest effort to the largest. */
extern const fani_ecm_plan fani_ecm_plans[FANI_ECM_PLANS];

#endif
