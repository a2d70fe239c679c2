/* Factorizations that are not finished: composites that fani_factor_mpz has left to its caller, who
 * looks for a divisor elsewhere (split.h has the search in pieces), puts it in and goes on with
 * fani_factor_go_on. As bytes they travel and are kept. */
#ifndef FANI_UNFINISHED_H
#define FANI_UNFINISHED_H

#include "factor_internal.h"

/* The first entry that was left to the caller; SIZE_MAX: none. */
size_t fani_unfinished_next(const fan_factorization *f);

/* Splits entry i, which was left, by a proper divisor of it, found by `method`; both parts go on at
 * `at`. The entries are in no order until the next fani_factor_go_on. Errors, f unchanged:
 * FAN_E_FAILED (it is no proper divisor), FAN_E_MEMORY. */
fan_status fani_unfinished_split(fan_factorization *f, size_t i, mpz_srcptr divisor,
                                 fan_factor_method method, fani_progress at);

/* Entry i is left no longer: it stays a composite. */
void fani_unfinished_give_up(fan_factorization *f, size_t i);

/* The bytes of a factorization, all that going on needs; malloc'd, for the caller to free. The same
 * on every machine. FAN_E_MEMORY. */
fan_status fani_unfinished_write(const fan_factorization *f, unsigned char **bytes, size_t *size);

/* Reads them into f. Errors: FAN_E_FAILED, they are malformed, of another version, or the entries
 * do not multiply to the number; FAN_E_MEMORY. f is then undefined but valid. */
fan_status fani_unfinished_read(const unsigned char *bytes, size_t size, fan_factorization *f);

/* A number as bytes: four with the size, and so many, the least first. `to` NULL: only counts.
 * Returns the bytes in all. */
size_t fani_unfinished_put(mpz_srcptr value, unsigned char *to);

/* Takes one off the front. False: malformed. */
bool fani_unfinished_get(const unsigned char **bytes, size_t *size, mpz_ptr value);

#endif
