/* Reading RSA moduli from files as people have them: PEM blocks, DER, plain numbers. */
#ifndef FANI_STAGE_KEYS_H
#define FANI_STAGE_KEYS_H

#include "fanfold/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The largest modulus taken, in bits. */
#define FANI_RSA_KEYS_MAX_BITS 65536

typedef enum fani_rsa_key_form {
    FANI_RSA_KEY_NUMBER,      /* one modulus on a line of its own */
    FANI_RSA_KEY_CERTIFICATE, /* X.509 */
    FANI_RSA_KEY_REQUEST,     /* PKCS#10 */
    FANI_RSA_KEY_PUBLIC       /* SubjectPublicKeyInfo or PKCS#1 */
} fani_rsa_key_form;

/* One key. All that it points to is valid during the callback only. Numbers are bytes, most
 * significant first, without leading zeros; no bytes are 0. */
typedef struct fani_rsa_key {
    const char *file; /* as given to the reader */
    uint64_t line;    /* of the block's first line, from 1; 1 for DER, which has no lines */
    fani_rsa_key_form form;
    const unsigned char *modulus;
    size_t modulus_size;
    size_t bits;
    const unsigned char *exponent;
    size_t exponent_size; /* 0 for plain numbers: not known */
    const char *id;       /* the subject's common name as UTF-8 without control characters, or "" */
} fani_rsa_key;

typedef enum fani_rsa_key_fault {
    FANI_RSA_KEY_NOT_RSA,   /* a sound key of another kind */
    FANI_RSA_KEY_UNREADABLE /* an entry that can't be read */
} fani_rsa_key_fault;

/* An entry that gave no key. */
typedef struct fani_rsa_key_problem {
    const char *file;
    uint64_t line;
    uint64_t column; /* from 1; 0 where only the line is known */
    fani_rsa_key_fault fault;
    const char *reason; /* valid during the callback only */
} fani_rsa_key_problem;

/* What was read so far; added to, so that one record can serve many files. */
typedef struct fani_rsa_key_counts {
    uint64_t keys;
    uint64_t not_rsa;
    uint64_t unreadable;
} fani_rsa_key_counts;

/* base: 16 or 10, of plain numbers; 0 means 16. A number with 0x before it is hexadecimal in both.
 * Both callbacks run on the reader's thread, in file order. One that returns another status than
 * FAN_OK ends the reading with that status; it fills *error itself. `problem` may be NULL. */
typedef struct fani_rsa_key_reader {
    unsigned base;
    fan_status (*key)(void *context, const fani_rsa_key *key, fan_error *error);
    fan_status (*problem)(void *context, const fani_rsa_key_problem *problem, fan_error *error);
    void *context;
} fani_rsa_key_reader;

/* Reads every entry of a file, as a stream: its size does not matter.
 *
 * PEM: certificates, requests and public keys; what stands between blocks is text and ignored, but
 * for numbers with 0x before them or of more than 128 digits. DER: one or more of the same, one
 * after another. Else: a modulus a line, blank lines and #-comments ignored, CRLF and a byte order
 * mark accepted. 0 and 1 are keys here; whoever scans them judges.
 * Entries without an RSA key are problems, never errors.
 *
 * counts: added to; must not be NULL. Errors: FAN_E_ARGUMENT (base), FAN_E_INPUT with the file and
 * errno where it can't be opened or read, FAN_E_MEMORY, FAN_E_UNAVAILABLE with the loader's text
 * (the shared library only: libfanfold_keys, which it loads to read keys, or libcrypto is missing),
 * a callback's status. Any thread; leaves OpenSSL's error queue as it was. */
fan_status fani_rsa_keys_read(const char *path, const fani_rsa_key_reader *reader,
                              fani_rsa_key_counts *counts, fan_error *error);

/* As fani_rsa_keys_read, from an open stream, which stays open; `name` stands for the file. */
fan_status fani_rsa_keys_read_stream(FILE *stream, const char *name,
                                     const fani_rsa_key_reader *reader, fani_rsa_key_counts *counts,
                                     fan_error *error);

#endif
