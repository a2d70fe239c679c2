#include "job/weak_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "job/kept_file.h"

enum { VERSION = 1, SUFFIX_MAX = 32 };

static fani_kept_mark mark_of(const fani_weak_store *store, fani_weak_list list, size_t level)
{
    return (fani_kept_mark){.magic = "FANSCAN",
                            .version = VERSION,
                            .identity = store->identity,
                            .part = (uint64_t)list << 32 | level};
}

char *fani_weak_store_name(const fani_weak_store *store, fani_weak_list list, size_t level)
{
    size_t room = strlen(store->base) + SUFFIX_MAX;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s.scan-%c%zu", store->base, (char)list, level);
    return path;
}

static fan_status save_packer(const fani_weak_store *store, const char *path,
                              const fani_kept_mark *mark, const fani_weak_packer *packer,
                              fan_error *error)
{
    fan_items all = fani_weak_packer_bytes(packer);
    return fani_kept_file_save(path, mark, all.bytes, all.size, store->fence, error);
}

fan_status fani_weak_store_save(const fani_weak_store *store, fani_weak_list list, size_t level,
                                fani_weak_level *from, fan_error *error)
{
    const fani_kept_mark mark = mark_of(store, list, level);
    if (fani_weak_level_in_file(from))
        return fani_weak_file_seal(&from->file, &mark, store->fence, error);
    char *path = fani_weak_store_name(store, list, level);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to keep a level of the scan");
    fan_status status = save_packer(store, path, &mark, &from->packer, error);
    free(path);
    return status;
}

static bool load_packer(const char *path, const fani_kept_mark *mark, size_t count,
                        fani_weak_packer *packer)
{
    fan_buffer bytes = {0};
    bool loaded =
        fani_kept_file_load(path, mark, &bytes) && fani_weak_packer_adopt(packer, &bytes) == FAN_OK;
    if (loaded && packer->count != count) {
        fani_weak_packer_free(packer);
        loaded = false;
    }
    fan_buffer_clear(&bytes);
    return loaded;
}

bool fani_weak_store_load(const fani_weak_store *store, fani_weak_list list, size_t level,
                          size_t count, bool in_file, fani_weak_level *to)
{
    const fani_kept_mark mark = mark_of(store, list, level);
    char *path = store->base && store->resumes ? fani_weak_store_name(store, list, level) : NULL;
    *to = (fani_weak_level){0};
    bool loaded = path && (in_file ? fani_weak_file_open(&to->file, path, &mark, count)
                                   : load_packer(path, &mark, count, &to->packer));
    free(path);
    return loaded;
}

void fani_weak_store_remove(const fani_weak_store *store, fani_weak_list list, size_t level)
{
    char *path = store->base ? fani_weak_store_name(store, list, level) : NULL;
    if (path)
        (void)unlink(path);
    free(path);
}

void fani_weak_store_clear(const fani_weak_store *store, size_t levels)
{
    static const fani_weak_list lists[] = {FANI_WEAK_PRODUCTS, FANI_WEAK_SUMS, FANI_WEAK_FRACTIONS};
    for (size_t level = 0; level < levels; level++)
        for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
            fani_weak_store_remove(store, lists[k], level);
}
