#include "job/input_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Any odd number with bits all over it. */
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)

void fani_input_hash_add(fani_input_hash *hash, const fan_items *items)
{
    uint64_t value = hash->value;
    for (size_t i = 0; i < items->count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(items, i, &size);
        value = value * FACTOR + XXH3_64bits(bytes, size);
    }
    hash->value = value;
    hash->count += items->count;
}
