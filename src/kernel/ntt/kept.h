/* Products by transforms with plans and memory that are kept from one to the next: for those who
 * multiply many numbers of a few lengths, as trees do. What a product costs without that is shown
 * by bench/ntt. */
#ifndef FANI_NTT_KEPT_H
#define FANI_NTT_KEPT_H

#include "ntt.h"

/* Plans of the last 32 lengths (a tree has one or two a level), and room for two transforms and a
 * product of the longest. One thread at a time. */
typedef struct fani_ntt_kept fani_ntt_kept;

/* isa: at most what the machine has. Freed by fani_ntt_kept_free. FAN_E_MEMORY. */
fan_status fani_ntt_kept_make(fani_isa isa, fani_ntt_kept **kept);

/* Accepts NULL. */
void fani_ntt_kept_free(fani_ntt_kept *kept);

/* Gives back all memory; the next product takes some again. */
void fani_ntt_kept_trim(fani_ntt_kept *kept);

/* A plan for so many limbs (of fani_ntt_length(limbs)): the keeper's own, valid until plans of 32
 * other lengths were used or the keeper is trimmed. FAN_E_ARGUMENT (0 limbs), FAN_E_TOO_LARGE,
 * FAN_E_MEMORY. */
fan_status fani_ntt_kept_plan(fani_ntt_kept *kept, size_t limbs, const fani_ntt **plan);

/* out (an + bn limbs, apart from a and b) = a * b, by mpn_mul where fani_ntt_pays says no. an,
 * bn >= 1. FAN_E_MEMORY, FAN_E_TOO_LARGE. */
fan_status fani_ntt_kept_mul(fani_ntt_kept *kept, mp_limb_t *out, const mp_limb_t *a, size_t an,
                             const mp_limb_t *b, size_t bn);

/* out (n limbs) = a * b mod B^n - 1, always by transforms; 0 may be B^n - 1. n: out of
 * fani_ntt_length; an, bn <= n. out may be a or b. FAN_E_MEMORY. */
fan_status fani_ntt_kept_cyclic(fani_ntt_kept *kept, mp_limb_t *out, size_t n, const mp_limb_t *a,
                                size_t an, const mp_limb_t *b, size_t bn);

#endif
