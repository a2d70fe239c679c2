#include "job/input_hash.h"

#include <endian.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct fani_input_hash {
    XXH3_state_t *state;
    uint64_t count;
};

fani_input_hash *fani_input_hash_new(void)
{
    fani_input_hash *hash = calloc(1, sizeof *hash);
    if (!hash)
        return NULL;
    hash->state = XXH3_createState();
    if (!hash->state) {
        free(hash);
        return NULL;
    }
    XXH3_64bits_reset(hash->state);
    return hash;
}

void fani_input_hash_free(fani_input_hash *hash)
{
    if (!hash)
        return;
    XXH3_freeState(hash->state);
    free(hash);
}

void fani_input_hash_add(fani_input_hash *hash, const fan_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(items, i, &size);
        uint64_t ends = htole64(size);
        XXH3_64bits_update(hash->state, &ends, sizeof ends);
        XXH3_64bits_update(hash->state, bytes, size);
    }
    hash->count += items->count;
}

uint64_t fani_input_hash_value(const fani_input_hash *hash)
{
    return XXH3_64bits_digest(hash->state);
}

uint64_t fani_input_hash_count(const fani_input_hash *hash)
{
    return hash->count;
}
