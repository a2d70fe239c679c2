#include "stage/names.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { START = 64 };

/* A table with open addressing, at most half full, of hashes that are not 0. */
struct fani_names {
    XXH128_hash_t *hashes;
    size_t room, count; /* room is a power of 2 */
};

static bool is_none(XXH128_hash_t hash)
{
    return !hash.low64 && !hash.high64;
}

fani_names *fani_names_new(void)
{
    fani_names *names = calloc(1, sizeof *names);
    if (!names)
        return NULL;
    names->room = START;
    names->hashes = calloc(START, sizeof *names->hashes);
    if (names->hashes)
        return names;
    free(names);
    return NULL;
}

void fani_names_free(fani_names *names)
{
    if (!names)
        return;
    free(names->hashes);
    free(names);
}

/* Where a hash is, or would be. */
static size_t place_of(const XXH128_hash_t *hashes, size_t room, XXH128_hash_t hash)
{
    size_t at = (size_t)hash.low64 & (room - 1);
    while (!is_none(hashes[at]) && !XXH128_isEqual(hashes[at], hash))
        at = (at + 1) & (room - 1);
    return at;
}

static bool grow(fani_names *names)
{
    size_t room = 2 * names->room;
    XXH128_hash_t *hashes = calloc(room, sizeof *hashes);
    if (!hashes)
        return false;
    for (size_t i = 0; i < names->room; i++)
        if (!is_none(names->hashes[i]))
            hashes[place_of(hashes, room, names->hashes[i])] = names->hashes[i];
    free(names->hashes);
    names->hashes = hashes;
    names->room = room;
    return true;
}

bool fani_names_add(fani_names *names, const char *name, bool *is_new)
{
    XXH128_hash_t hash = XXH3_128bits(name, strlen(name));
    hash.low64 |= is_none(hash);
    if (2 * names->count >= names->room && !grow(names))
        return false;
    size_t at = place_of(names->hashes, names->room, hash);
    *is_new = is_none(names->hashes[at]);
    names->hashes[at] = hash;
    names->count += *is_new;
    return true;
}
