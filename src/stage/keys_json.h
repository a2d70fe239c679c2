/* Keys as JSON objects: one a line, over several lines, or in an array. */
#ifndef FANI_STAGE_KEYS_JSON_H
#define FANI_STAGE_KEYS_JSON_H

#include "keys_entry.h"

#include <stdbool.h>

/* Delivers what a text holds that begins at `line`: an object with `modulus` (or `n`), and perhaps
 * `exponent` (`e`) and `id` (`kid`, `name`), or an array of such objects. Strings are in the
 * reader's base, numbers in decimal and exact, however large. An object with a `kty` is a JSON web
 * key (RFC 7517), and one with `keys` a set of such objects. */
fan_status fani_rsa_key_json(const fani_rsa_key_source *source, uint64_t line, const char *text,
                             size_t size);

/* Whether a text is JSON. */
bool fani_rsa_key_json_is_sound(const char *text, size_t size);

/* Counts the brackets that a line of JSON opens, less those that it closes, to *depth; false where
 * a string in it has no end. */
bool fani_rsa_key_json_depth(const char *line, int64_t *depth);

#endif
