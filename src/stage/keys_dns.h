/* DNSKEY records (RFC 4034) as they stand in zone files, with RSA keys (RFC 3110). */
#ifndef FANI_STAGE_KEYS_DNS_H
#define FANI_STAGE_KEYS_DNS_H

#include "keys_entry.h"

#include <stdbool.h>

/* Whether a line is the beginning of such a record: DNSKEY, CDNSKEY or KEY, and three numbers. */
bool fani_rsa_key_is_dns(const char *line);

/* Takes the comment off a line, and adds the brackets open behind it to *depth. */
void fani_rsa_key_dns_strip(char *line, int *depth);

/* Delivers a whole record, comments removed, lines joined by blanks; writes into it. `owner` has
 * FANI_KEY_OWNER_BYTES: the name of the record before, which is this one's where none is given;
 * changed to this one's. The id is name+algorithm+tag, as in the names of BIND's files. */
fan_status fani_rsa_key_dns(const fani_rsa_key_source *source, uint64_t line, char *record,
                            char *owner);

#endif
