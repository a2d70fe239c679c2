/* A hash of an output's bytes, from the first on: what the ledger says of them is compared with
 * what stands in the file. Used by one thread at a time. */
#ifndef FANI_OUTPUT_HASH_H
#define FANI_OUTPUT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fani_output_hash fani_output_hash;

/* Of no bytes. NULL: out of memory. */
fani_output_hash *fani_output_hash_new(void);
void fani_output_hash_free(fani_output_hash *hash);

/* Of no bytes again. */
void fani_output_hash_reset(fani_output_hash *hash);

/* Makes `to` the hash that `from` is. */
void fani_output_hash_copy(fani_output_hash *to, const fani_output_hash *from);

/* The bytes that follow. */
void fani_output_hash_add(fani_output_hash *hash, const void *bytes, size_t size);

/* Reads on in a file, behind the bytes that were added, until there are `to` of them. False: it is
 * shorter or can't be read; what was read was added. */
bool fani_output_hash_read(fani_output_hash *hash, int fd, uint64_t to);

uint64_t fani_output_hash_value(const fani_output_hash *hash);

/* How many bytes were added. */
uint64_t fani_output_hash_bytes(const fani_output_hash *hash);

#endif
