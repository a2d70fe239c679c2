/* Reads keys into a text that tests compare. */
#ifndef FAN_KEYS_KIT_H
#define FAN_KEYS_KIT_H

#include <stdio.h> /* before gmp.h, which declares mpz_out_str only then */

#include "shim.h"

#include "kernel/gcd/trees.h"
#include "stage/keys.h"

/* What a reading gave: keys as "line:bits:modulus in hex:exponent:id" and problems as
 * "line:column:reason", one a line; and the moduli. */
typedef struct keys_reading {
    fani_rsa_key_counts counts;
    fan_error error;
    char *log;
    size_t log_size;
    FILE *out;
    fani_mpzs moduli;
    size_t stop_after; /* keys; 0 for never */
} keys_reading;

fan_status keys_on_key(void *context, const fani_rsa_key *key, fan_error *error);

/* Reads `stream` as the file `path`, or where it is NULL that file. */
fan_status keys_read_from(keys_reading *r, FILE *stream, const char *path, unsigned base);
fan_status keys_read_bytes(keys_reading *r, const void *bytes, size_t size, unsigned base);
void keys_reading_free(keys_reading *r);

/* Fails unless a text gives that log. */
void keys_expect_log(const char *text, unsigned base, const char *want);

/* Reads a whole file; the caller frees it. */
char *keys_slurp(const char *path, size_t *size);

#endif
