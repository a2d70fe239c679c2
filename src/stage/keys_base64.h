/* Base64 (RFC 4648), whole or line by line. */
#ifndef FANI_STAGE_KEYS_BASE64_H
#define FANI_STAGE_KEYS_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero to begin with. */
typedef struct fani_base64 {
    uint32_t bits;
    unsigned held; /* characters that wait for the rest of their group of four */
    bool ended;    /* padding was seen: only blanks and padding may follow */
} fani_base64;

/* Decodes a piece, blanks passed over; the alphabet for URLs is taken too. *size: bytes written to
 * `to`, which has room for 3 * (size / 4 + 1) and may be where the text is. False: a character that
 * does not belong there. */
bool fani_base64_feed(fani_base64 *state, const char *text, size_t text_size, unsigned char *to,
                      size_t *size);

/* The bytes that were still held back, at most 2; padding may be left out. False: half a byte. */
bool fani_base64_end(fani_base64 *state, unsigned char *to, size_t *size);

/* Both at once, of one whole text. */
bool fani_base64_decode(const char *text, size_t text_size, unsigned char *to, size_t *size);

#endif
