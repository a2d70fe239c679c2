/* One entry of a key file, once its bytes are together: handed to libcrypto, reported, counted. */
#ifndef FANI_STAGE_KEYS_ENTRY_H
#define FANI_STAGE_KEYS_ENTRY_H

#include "keys.h"

#include <stdbool.h>

/* The longest name in a zone file, dots and all, and its zero. */
#define FANI_KEY_OWNER_BYTES 256

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

/* Delivers a key whose form, numbers and id are given; numbers may begin with zeros, id may be
 * NULL. Sets the rest. */
fan_status fani_rsa_key_raw(const fani_rsa_key_source *source, uint64_t line, fani_rsa_key key);

/* A key written in digits. */
typedef struct fani_rsa_key_text {
    fani_rsa_key_form form;
    uint64_t column;     /* of the modulus, from 1; 0: not known */
    const char *modulus; /* without blanks around it; modulus[modulus_size] is NUL */
    size_t modulus_size;
    const char *exponent;                         /* NULL: not known */
    bool modulus_is_decimal, exponent_is_decimal; /* whatever base the reader has */
    const char *id;                               /* or NULL */
} fani_rsa_key_text;

/* Where in a text the first character is that belongs to no number (its size: nowhere), behind 0x
 * where it begins with that; *digits: where its digits begin, *base: theirs. */
size_t fani_rsa_key_bad_digit(const char *text, size_t size, const char **digits, unsigned *base);

/* Delivers it, or says what is wrong with it. */
fan_status fani_rsa_key_written(const fani_rsa_key_source *source, uint64_t line,
                                const fani_rsa_key_text *text);

/* The most bytes that a fingerprint has. */
#define FANI_KEY_FINGERPRINT_BYTES 32

/* The fingerprint of an OpenPGP key packet of version 4, 5 or 6: returns its size, 20 or 32 bytes;
 * 0: libcrypto does not have the hash. */
size_t fani_rsa_key_fingerprint(const unsigned char *packet, size_t size,
                                unsigned char hash[static FANI_KEY_FINGERPRINT_BYTES]);

#endif
