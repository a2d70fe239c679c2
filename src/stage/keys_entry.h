/* One entry of a key file, once its bytes are together: handed to libcrypto, reported, counted. */
#ifndef FANI_STAGE_KEYS_ENTRY_H
#define FANI_STAGE_KEYS_ENTRY_H

#include "keys.h"

/* A reading under way. */
typedef struct fani_rsa_key_source {
    const char *name;
    const fani_rsa_key_reader *reader;
    fani_rsa_key_counts *counts;
    fan_error *error;
} fani_rsa_key_source;

/* Counts and reports an entry without a key. Returns what the callback returns. */
fan_status fani_rsa_key_report(const fani_rsa_key_source *source, uint64_t line, uint64_t column,
                               fani_rsa_key_fault fault, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Delivers what a whole PEM block of `size` bytes (BEGIN and END lines included) holds. */
fan_status fani_rsa_key_pem(const fani_rsa_key_source *source, uint64_t line, const char *block,
                            size_t size);

/* Delivers what one DER object holds, trying each kind of entry. */
fan_status fani_rsa_key_der(const fani_rsa_key_source *source, uint64_t line,
                            const unsigned char *bytes, size_t size);

/* Delivers a plain number: digits of the base only, at least one. `digits` is ended by NUL. */
fan_status fani_rsa_key_number(const fani_rsa_key_source *source, uint64_t line, uint64_t column,
                               const char *digits, unsigned base);

#endif
