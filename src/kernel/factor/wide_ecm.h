/* Rounds of elliptic curves on one number. */
#ifndef FANI_WIDE_ECM_H
#define FANI_WIDE_ECM_H

#include "wide.h"

enum { FANI_WIDE_ROUND = 16 }; /* curves of a round; each engine's lanes divide it */

typedef struct fani_wide_ecm {
    const fani_wide_engine *engine;
    fani_wide_modulus modulus;
    mpz_srcptr n;
    uint64_t curve; /* the number of the next one */
    void *room;
    size_t room_bytes;
} fani_wide_ecm;

/* Begins with an odd n, borrowed, that 3 and 5 do not divide. False where it is longer than
 * FANI_WIDE_BITS. Allocates nothing. */
bool fani_wide_ecm_begin(fani_wide_ecm *ecm, mpz_srcptr n, fani_isa isa);

/* Runs the next FANI_WIDE_ROUND curves by the plan. *divisor = a proper divisor, or 1 where none
 * was found: the least that a curve found, whatever the engine. With `stop_early` any divisor is
 * taken, and the round ends with it. FAN_E_MEMORY. */
fan_status fani_wide_ecm_round(fani_wide_ecm *ecm, const fani_wide_plan *plan, bool stop_early,
                               mpz_ptr divisor);

void fani_wide_ecm_end(fani_wide_ecm *ecm);

#endif
