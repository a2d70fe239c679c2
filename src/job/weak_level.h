/* A list of a level of a weak-key scan: in memory, and then shared with the workers, or in a file
 * (weak_file.h), and then written behind and read ahead by an I/O pool. One thread. */
#ifndef FANI_WEAK_LEVEL_H
#define FANI_WEAK_LEVEL_H

#include "fanfold/stage.h"
#include "job/weak_file.h"
#include "job/weak_pack.h"

/* Zero bytes are none. */
typedef struct fani_weak_level {
    fani_weak_packer packer;
    fani_weak_file file;
    fan_shared handle; /* of the packer's bytes */
    bool is_shared;
} fani_weak_level;

/* ---- Writing behind -------------------------------------------------------------------------- */

enum { FANI_WEAK_WRITES = 2 }; /* at the same time: so many copies there are of what is written */

typedef struct fani_weak_write {
    fan_call *call;
    const fani_weak_file *file;
    uint64_t place;
    unsigned char *bytes;
    size_t size, room;
} fani_weak_write;

/* Who writes files of levels. Zero bytes and a pool; the pool is the caller's. */
typedef struct fani_weak_writes {
    fan_pool *pool;
    fani_weak_write slots[FANI_WEAK_WRITES];
    size_t next;
} fani_weak_writes;

/* Waits until all is written, and frees what it needed. Errors of the writes: FAN_E_OUTPUT. */
fan_status fani_weak_writes_end(fani_weak_writes *writes, fan_error *error);

/* ---- Lists ----------------------------------------------------------------------------------- */

/* Begins a list of `count` integers of `limbs` limbs in all: in memory, or in the file `path`.
 * Errors: FAN_E_MEMORY, FAN_E_OUTPUT; there is then none. */
fan_status fani_weak_level_begin(fani_weak_level *level, const char *path, size_t count,
                                 size_t limbs, fan_error *error);

/* Adds the next integer: `used` limbs, and zeros up to `size`. Errors: FAN_E_ARGUMENT (there is no
 * room), of the writes before it, FAN_E_MEMORY. */
fan_status fani_weak_level_add(fani_weak_level *level, fani_weak_writes *writes,
                               const mp_limb_t *limbs, size_t used, size_t size, fan_error *error);

/* All are there: shares a list in memory, and completes a file. Errors: of sharing, FAN_E_OUTPUT.
 */
fan_status fani_weak_level_end(fani_weak_level *level, fan_executor *executor,
                               fani_weak_writes *writes, fan_error *error);

/* Shares a list in memory. Errors: of fan_share. */
fan_status fani_weak_level_share(fani_weak_level *level, fan_executor *executor, fan_error *error);

/* Has a list that is in a file in memory too, and shared, until unload. Errors: FAN_E_INPUT,
 * FAN_E_MEMORY, of sharing. Changes nothing where it is. */
fan_status fani_weak_level_load(fani_weak_level *level, fan_executor *executor, fan_error *error);
fan_status fani_weak_level_unload(fani_weak_level *level, fan_executor *executor);

/* Drops a list; a file that is sealed stays. Accepts none. Errors: of fan_unshare. */
fan_status fani_weak_level_drop(fani_weak_level *level, fan_executor *executor);

static inline bool fani_weak_level_in_file(const fani_weak_level *level)
{
    return level->file.path != NULL;
}

/* How many integers, and where each begins and the last one ends, in limbs. */
size_t fani_weak_level_count(const fani_weak_level *level);
const uint64_t *fani_weak_level_starts(const fani_weak_level *level);

static inline size_t fani_weak_level_limbs(const fani_weak_level *level)
{
    return (size_t)fani_weak_level_starts(level)[fani_weak_level_count(level)];
}
static inline size_t fani_weak_level_size(const fani_weak_level *level, size_t i)
{
    const uint64_t *starts = fani_weak_level_starts(level);
    return (size_t)(starts[i + 1] - starts[i]);
}

/* Copies integer i. Any thread, several at once. Errors: FAN_E_INPUT. */
fan_status fani_weak_level_read(const fani_weak_level *level, size_t i, mp_limb_t *to,
                                fan_error *error);

#endif
