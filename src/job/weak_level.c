#include "job/weak_level.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { WORD = sizeof(mp_limb_t) };

/* ---- Writing behind -------------------------------------------------------------------------- */

static fan_status write_piece(fan_call *call, void *user, fan_error *error)
{
    (void)call;
    const fani_weak_write *w = user;
    return fani_weak_file_write(w->file, w->place, w->bytes, w->size, error);
}

static fan_status wait_for(fani_weak_write *w, fan_error *error)
{
    fan_status status = FAN_OK;
    if (!w->call)
        return FAN_OK;
    fan_status waited = fan_call_result(w->call, FAN_FOREVER, &status, error);
    fan_call_release(w->call);
    w->call = NULL;
    return waited == FAN_OK ? status : waited;
}

fan_status fani_weak_writes_end(fani_weak_writes *writes, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < FANI_WEAK_WRITES; i++) {
        fani_weak_write *w = &writes->slots[i];
        fan_status one = wait_for(w, status == FAN_OK ? error : NULL);
        status = status == FAN_OK ? one : status;
        free(w->bytes);
        *w = (fani_weak_write){0};
    }
    return status;
}

/* Copies an integer, to be written to its place. */
static fan_status write_behind(fani_weak_writes *writes, fani_weak_file *file,
                               const mp_limb_t *limbs, size_t used, size_t size, fan_error *error)
{
    fani_weak_write *w = &writes->slots[writes->next++ % FANI_WEAK_WRITES];
    fan_status status = wait_for(w, error);
    if (status != FAN_OK)
        return status;
    if (w->room < size * WORD) {
        free(w->bytes);
        w->bytes = malloc(size * WORD);
        w->room = w->bytes ? size * WORD : 0;
    }
    if (!w->bytes)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to write a level of the scan");
    memcpy(w->bytes, limbs, used * WORD);
    memset(w->bytes + used * WORD, 0, (size - used) * WORD);
    w->file = file;
    w->size = size * WORD;
    status = fani_weak_file_add(file, size, &w->place);
    if (status != FAN_OK)
        return fani_error_set(error, status, "a level of the tree has no room");
    status = fan_pool_submit(writes->pool, write_piece, w, NULL, &w->call);
    return status == FAN_OK ? FAN_OK
                            : fani_error_set(error, status,
                                             "no thread to write a level of the "
                                             "scan");
}

/* ---- Lists ----------------------------------------------------------------------------------- */

fan_status fani_weak_level_begin(fani_weak_level *level, const char *path, size_t count,
                                 size_t limbs, fan_error *error)
{
    *level = (fani_weak_level){0};
    if (path)
        return fani_weak_file_create(&level->file, path, count, error);
    if (fani_weak_packer_begin(&level->packer, count, limbs) == FAN_OK)
        return FAN_OK;
    *level = (fani_weak_level){0};
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the trees over the keys: %zu bytes",
                          limbs * WORD);
}

fan_status fani_weak_level_add(fani_weak_level *level, fani_weak_writes *writes,
                               const mp_limb_t *limbs, size_t used, size_t size, fan_error *error)
{
    if (used > size)
        return fani_error_set(error, FAN_E_ARGUMENT, "a level of the tree has no room");
    if (fani_weak_level_in_file(level))
        return write_behind(writes, &level->file, limbs, used, size, error);
    mp_limb_t *at = fani_weak_packer_add(&level->packer, size);
    if (!at)
        return fani_error_set(error, FAN_E_ARGUMENT, "a level of the tree has no room");
    memcpy(at, limbs, used * WORD);
    memset(at + used, 0, (size - used) * WORD);
    return FAN_OK;
}

fan_status fani_weak_level_share(fani_weak_level *level, fan_executor *executor, fan_error *error)
{
    fan_items all = fani_weak_packer_bytes(&level->packer);
    fan_status status = fan_share(executor, all.bytes, all.size, &level->handle);
    level->is_shared = status == FAN_OK;
    if (status != FAN_OK)
        fani_error_set(error, status, "%zu bytes of the trees over the keys can't be shared: %s",
                       all.size, fan_status_text(status));
    return status;
}

fan_status fani_weak_level_end(fani_weak_level *level, fan_executor *executor,
                               fani_weak_writes *writes, fan_error *error)
{
    if (!fani_weak_level_in_file(level))
        return fani_weak_level_share(level, executor, error);
    fan_status status = fani_weak_writes_end(writes, error);
    return status == FAN_OK ? fani_weak_file_finish(&level->file, error) : status;
}

fan_status fani_weak_level_load(fani_weak_level *level, fan_executor *executor, fan_error *error)
{
    size_t count = fani_weak_level_count(level);
    if (level->is_shared)
        return FAN_OK;
    if (fani_weak_packer_begin(&level->packer, count, fani_weak_level_limbs(level)) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a level of the scan");
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        mp_limb_t *at = fani_weak_packer_add(&level->packer, fani_weak_level_size(level, i));
        status = fani_weak_level_read(level, i, at, error);
    }
    return status == FAN_OK ? fani_weak_level_share(level, executor, error) : status;
}

fan_status fani_weak_level_unload(fani_weak_level *level, fan_executor *executor)
{
    fan_status status = level->is_shared ? fan_unshare(executor, level->handle) : FAN_OK;
    fani_weak_packer_free(&level->packer);
    level->is_shared = false;
    return status;
}

fan_status fani_weak_level_drop(fani_weak_level *level, fan_executor *executor)
{
    fan_status status = fani_weak_level_unload(level, executor);
    fani_weak_file_close(&level->file);
    *level = (fani_weak_level){0};
    return status;
}

size_t fani_weak_level_count(const fani_weak_level *level)
{
    return fani_weak_level_in_file(level) ? level->file.count : level->packer.count;
}

const uint64_t *fani_weak_level_starts(const fani_weak_level *level)
{
    return fani_weak_level_in_file(level) ? level->file.starts : level->packer.starts;
}

fan_status fani_weak_level_read(const fani_weak_level *level, size_t i, mp_limb_t *to,
                                fan_error *error)
{
    if (fani_weak_level_in_file(level))
        return fani_weak_file_read(&level->file, i, to, error);
    memcpy(to, level->packer.limbs + level->packer.starts[i],
           fani_weak_level_size(level, i) * WORD);
    return FAN_OK;
}
