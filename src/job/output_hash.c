#include "job/output_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { READ_BYTES = 1 << 18 };

struct fani_output_hash {
    XXH3_state_t *state;
    uint64_t bytes;
};

fani_output_hash *fani_output_hash_new(void)
{
    fani_output_hash *hash = calloc(1, sizeof *hash);
    if (!hash)
        return NULL;
    hash->state = XXH3_createState();
    if (!hash->state) {
        free(hash);
        return NULL;
    }
    fani_output_hash_reset(hash);
    return hash;
}

void fani_output_hash_free(fani_output_hash *hash)
{
    if (!hash)
        return;
    XXH3_freeState(hash->state);
    free(hash);
}

void fani_output_hash_reset(fani_output_hash *hash)
{
    XXH3_64bits_reset(hash->state);
    hash->bytes = 0;
}

void fani_output_hash_copy(fani_output_hash *to, const fani_output_hash *from)
{
    XXH3_copyState(to->state, from->state);
    to->bytes = from->bytes;
}

void fani_output_hash_add(fani_output_hash *hash, const void *bytes, size_t size)
{
    XXH3_64bits_update(hash->state, bytes, size);
    hash->bytes += size;
}

bool fani_output_hash_read(fani_output_hash *hash, int fd, uint64_t to)
{
    unsigned char *room = hash->bytes < to ? malloc(READ_BYTES) : NULL;
    while (room && hash->bytes < to) {
        uint64_t left = to - hash->bytes;
        ssize_t n =
            pread(fd, room, left < READ_BYTES ? (size_t)left : READ_BYTES, (off_t)hash->bytes);
        if (n > 0)
            fani_output_hash_add(hash, room, (size_t)n);
        else if (n == 0 || errno != EINTR)
            break;
    }
    free(room);
    return hash->bytes >= to;
}

uint64_t fani_output_hash_value(const fani_output_hash *hash)
{
    return XXH3_64bits_digest(hash->state);
}

uint64_t fani_output_hash_bytes(const fani_output_hash *hash)
{
    return hash->bytes;
}
