/* OpenSSH public keys, one a line, as in .pub, authorized_keys and known_hosts files. */
#ifndef FANI_STAGE_KEYS_SSH_H
#define FANI_STAGE_KEYS_SSH_H

#include "keys_entry.h"

#include <stdbool.h>

/* Whether a line (ended by NUL) has the name of a type of key and then a key. */
bool fani_rsa_key_is_ssh(const char *line);

/* Delivers such a line's key, and writes into the line. The id is what stands behind the key, or in
 * known_hosts the hosts before it. */
fan_status fani_rsa_key_ssh(const fani_rsa_key_source *source, uint64_t line, char *text);

#endif
