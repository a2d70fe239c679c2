/* OpenPGP keyrings: RSA keys and subkeys of versions 2 to 4 (RFC 4880), 5 (LibrePGP) and 6 (RFC
 * 9580). */
#ifndef FANI_STAGE_KEYS_PGP_H
#define FANI_STAGE_KEYS_PGP_H

#include "keys_entry.h"

#include <stdbool.h>

/* Where packets come from. */
typedef struct fani_pgp_stream {
    size_t (*take)(void *user, unsigned char *to, size_t size); /* fewer bytes only at the end */
    void *user;
    uint64_t line;   /* of what they stand in */
    uint64_t offset; /* bytes taken; 0 to begin with */
} fani_pgp_stream;

/* Whether a file that begins so is a keyring in binary: a packet with a public key. */
bool fani_rsa_key_is_pgp(const unsigned char *bytes, size_t size);

/* Delivers all keys up to the end of a stream. Packets of other kinds are passed over. The id is
 * the fingerprint in hexadecimal, before version 4 the 64-bit key id. */
fan_status fani_rsa_key_pgp(const fani_rsa_key_source *source, fani_pgp_stream *stream);

#endif
