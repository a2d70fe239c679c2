/* Reading RSA moduli from files as people have them: PEM, DER, OpenSSH, OpenPGP, DNSKEY records,
 * tables, JSON lines, plain numbers. */
#ifndef FANI_STAGE_KEYS_H
#define FANI_STAGE_KEYS_H

#include "fanfold/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The largest modulus taken, in bits. */
#define FANI_RSA_KEYS_MAX_BITS 65536

typedef enum fani_rsa_key_form {
    FANI_RSA_KEY_NUMBER,      /* one modulus on a line of its own */
    FANI_RSA_KEY_CERTIFICATE, /* X.509 */
    FANI_RSA_KEY_REQUEST,     /* PKCS#10 */
    FANI_RSA_KEY_PUBLIC,      /* SubjectPublicKeyInfo or PKCS#1 */
    FANI_RSA_KEY_OPENSSH,     /* a line of a .pub, authorized_keys or known_hosts file */
    FANI_RSA_KEY_OPENPGP,     /* a key or subkey of a keyring */
    FANI_RSA_KEY_DNSKEY,      /* a record of a zone file */
    FANI_RSA_KEY_RECORD       /* a row of a table or a JSON object */
} fani_rsa_key_form;

/* One key. All that it points to is valid during the callback only. Numbers are bytes, most
 * significant first, without leading zeros; no bytes are 0. */
typedef struct fani_rsa_key {
    const char *file; /* as given to the reader */
    uint64_t line;    /* of the entry's first line, from 1; 1 in binary, which has no lines */
    fani_rsa_key_form form;
    const unsigned char *modulus;
    size_t modulus_size;
    size_t bits;
    const unsigned char *exponent;
    bool has_exponent; /* false: not known, as of plain numbers */
    size_t exponent_size;
    const char *id; /* the name that the entry gives, of any characters, or "": of certificates and
                       requests the subject's common name, of OpenSSH keys the comment or the hosts,
                       of OpenPGP keys the fingerprint (or key id), of zone records
                       name+algorithm+tag, of records their id */
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
 * DER (certificates, requests, public keys) and OpenPGP keyrings in binary are known by their first
 * bytes. All else is lines, of any of these kinds:
 *   - PEM blocks: certificates, requests, public keys, OpenPGP keyrings in armor;
 *   - OpenSSH keys; DNSKEY, CDNSKEY and KEY records, also over several lines in brackets;
 *   - JSON objects, arrays of them (keys_json.h);
 *   - a table whose first line names a column `modulus` or `n`, and perhaps `id` and `exponent`
 *     (keys_csv.h);
 *   - a modulus a line; blank lines and #-comments are ignored, CRLF and a byte order mark
 * accepted. In a file with PEM blocks or zone records what else there is is text and ignored, but
 * for numbers with 0x before them or of more than 128 digits. Data that is no text at all is one
 * problem. 0 and 1 are keys here; whoever scans them judges. Entries without an RSA key are
 * problems, never errors.
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
