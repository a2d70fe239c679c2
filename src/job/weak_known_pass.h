/* What an incremental scan computes from the moduli of a state, over an executor:
 *
 *   residues   the product P of all of them modulo that of the new ones, A, or modulo each of the
 *              two factors that the top of the tree has of it. The state has P in groups, which are
 *              read one after the other; each item reduces some of them, or a piece of one, by the
 *              modulus's reciprocal, and what they leave is multiplied, two by two
 *   meet       which of them have a factor in common with a number
 *   products   the products of groups of new ones, for the next state
 *
 * Nothing depends on how the items are cut. Memory is that of some items and of A: where the job
 * has a limit, as many are on their way as have room (weak_known_need.h). */
#ifndef FANI_WEAK_KNOWN_PASS_H
#define FANI_WEAK_KNOWN_PASS_H

#include "job/weak_known_file.h"
#include "job/weak_known_need.h"

/* The most limbs of a group whose product is kept: 8 MiB. */
enum { FANI_KNOWN_GROUP_LIMBS = 1 << 20 };

/* Appends to an empty list P modulo the product of the nodes, a pack of 1 or 2 positive numbers;
 * in halves modulo each of them. Where that is 0, it is the modulus. The state has moduli. Errors:
 * FAN_E_FAILED, FAN_E_LOST, FAN_E_TIMEOUT (an item was not ok), FAN_E_CANCELLED, FAN_E_SYNTAX and
 * FAN_E_INPUT (the state), FAN_E_PROTOCOL, FAN_E_MEMORY, and those of sharing. */
fan_status fani_known_residues(fani_job_run *run, const fani_known_file *file,
                               const fani_weak_packer *nodes, const fani_weak_memory *memory,
                               const fani_known_plan *plan, fani_mpzs *residues, fan_error *error);

/* What was met: slots ascend, and each has its gcd with the number. */
typedef struct fani_known_met {
    uint64_t *slots;
    fani_mpzs gcds;
} fani_known_met;

/* met: an empty one, which the caller frees, after errors too. Errors as above. */
fan_status fani_known_meet(fani_job_run *run, const fani_known_file *file, mpz_srcptr number,
                           fani_known_met *met, fan_error *error);
void fani_known_met_free(fani_known_met *met);

/* Cuts moduli, in their order, into groups of at most FANI_KNOWN_GROUP_LIMBS limbs and appends each
 * one's product to an empty list and its number of moduli to `sizes` (the caller frees). Errors as
 * above. */
fan_status fani_known_products(fani_job_run *run, const fani_mpzs *moduli, fani_mpzs *products,
                               uint64_t **sizes, fan_error *error);

#endif
