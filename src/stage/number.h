/* Decimal numbers in texts, as coreutils factor takes them: a sign, leading zeros, digits. Nothing
 * here looks at the locale. */
#ifndef FANI_NUMBER_H
#define FANI_NUMBER_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"

/* A number within a text that it does not own: `digits` has no leading zeros (0 is one '0'). */
typedef struct fani_number {
    const unsigned char *digits;
    size_t size;
    bool negative; /* never for 0 */
} fani_number;

/* Takes a whole token apart: a sign ('+'; '-' too where allowed), then at least one digit. False
 * where it is no such number: *bad is then the offset of the first byte that does not fit (`size`
 * where something is missing at the end). */
bool fani_number_scan(const unsigned char *text, size_t size, bool minus_allowed,
                      fani_number *number, size_t *bad);

/* The absolute value where it is below 2^64. */
bool fani_number_u64(const fani_number *number, uint64_t *value);

/* Sets `value` (initialized). `scratch` has number->size + 1 bytes. GMP ends the process when
 * memory runs out. */
void fani_number_mpz(const fani_number *number, char *scratch, mpz_ptr value);

/* Writes the first bytes of a token, as much as fits into `size` with a NUL, in a form that does no
 * harm in a message: bytes that are not printable ASCII as \xNN (NUL as \0), "..." for the rest. */
void fani_excerpt(const unsigned char *token, size_t token_size, char *text, size_t size);

#endif
