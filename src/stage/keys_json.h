/* Keys as JSON objects, one a line. */
#ifndef FANI_STAGE_KEYS_JSON_H
#define FANI_STAGE_KEYS_JSON_H

#include "keys_entry.h"

/* Delivers what a line holds: an object with `modulus` (or `n`), and perhaps `exponent` (`e`) and
 * `id` (`kid`, `name`). Strings are in the reader's base, numbers in decimal. An object with a
 * `kty` is a JSON web key (RFC 7517), and one with `keys` a set of such objects. */
fan_status fani_rsa_key_json(const fani_rsa_key_source *source, uint64_t line, const char *text,
                             size_t size);

#endif
