/* Tasks: the work that Fanfold fans out. A task is written once and runs on every executor. */
#ifndef FANFOLD_TASK_H
#define FANFOLD_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fan_run fan_run;
typedef struct fan_executor fan_executor;

/* `count` consecutive inputs, in one of three shapes:
 * - one size: item i is `size` bytes at bytes + i * size (offsets is NULL); bytes is aligned to the
 *   largest power of 2 that divides size, up to 16, where a fan_source_array's own array is: an
 *   array is not copied where memory is shared;
 * - by offsets: item i is bytes[offsets[i] .. offsets[i + 1]); offsets has count + 1 entries;
 * - a range of indices: bytes and offsets are NULL, size is 0; item i has only its index.
 * `first` is the index of item 0; item i has index first + i. Nothing here is owned by the reader.
 */
typedef struct fan_items {
    const unsigned char *bytes;
    const uint64_t *offsets;
    size_t size;
    size_t count;
    uint64_t first;
} fan_items;

/* The bytes of item i (0 <= i < count) and their number in *size. NULL for a range of indices. */
static inline const unsigned char *fan_items_at(const fan_items *items, size_t i, size_t *size)
{
    if (items->offsets) {
        *size = (size_t)(items->offsets[i + 1] - items->offsets[i]);
        return items->bytes + items->offsets[i];
    }
    *size = items->size;
    return items->bytes ? items->bytes + i * items->size : NULL;
}

/* A handle of read-only data that was sent once per host (fan_share). Copyable; may travel inside
 * arguments or inputs. */
typedef struct fan_shared {
    uint64_t id;
} fan_shared;

/* A task: a named function from inputs to replies. The record and its name must live as long as the
 * program (usually static const).
 *
 * run answers each item of the batch by fan_run_reply_array or fan_run_reply, or fails it by
 * fan_run_fail; an item with neither fails. A status other than FAN_OK fails every item not yet
 * answered, with that status's text. Replies may not depend on how items are cut into batches.
 * start and stop (both optional) make and free a state per worker, task and arguments; start calls
 * fan_run_set_state, stop gets what it set. A failing start fails the batch's items.
 *
 * All three run on a worker: any thread, process, rank or host, several at once on different
 * workers. A task assumes nothing about where it runs, writes nothing but replies, and never exits.
 */
typedef struct fan_task {
    const char *name;
    uint32_t version;  /* raise it when replies change: resuming an older run is then refused */
    uint32_t together; /* items that it works on at once, in vectors say: batches have as many while
                          they take no more than about 10 ms; 0 or 1: one by one */
    fan_status (*run)(fan_run *run, fan_items in);
    fan_status (*start)(fan_run *run);
    void (*stop)(void *state);
    const void *reserved[4]; /* NULL: room for fields to come */
} fan_task;

/* Room for one reply of `size` bytes per item, count x size in all, zeroed, aligned to the largest
 * power of 2 that divides size, up to 16, to be written before run returns. Answers every item that
 * is not failed. NULL when memory is short or fan_run_reply was used in this run; return
 * FAN_E_MEMORY then. Only inside run. */
FAN_API void *fan_run_reply_array(fan_run *run, size_t size);

/* Answers item i with a copy of `size` bytes (NULL with 0 is an empty reply). Errors:
 * FAN_E_ARGUMENT (i out of range, item already answered or failed, or an array was asked for),
 * FAN_E_TOO_LARGE (the item then fails with both sizes), FAN_E_MEMORY. Only inside run. */
FAN_API fan_status fan_run_reply(fan_run *run, size_t i, const void *bytes, size_t size);

/* Fails item i; the text (at most 1000 bytes) reaches the caller. An earlier answer to the item is
 * dropped. Errors: FAN_E_ARGUMENT, FAN_E_MEMORY. Only inside run. */
FAN_API fan_status fan_run_fail(fan_run *run, size_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether nobody waits for this run any more. Long loops poll it and return FAN_E_CANCELLED. */
FAN_API bool fan_run_cancelled(const fan_run *run);

/* The state of this worker, task and arguments: set in start (or run), read in run. */
FAN_API void fan_run_set_state(fan_run *run, void *state);
FAN_API void *fan_run_state(const fan_run *run);

/* The arguments given to submit, map or fold, as one item (count 1; size 0 where none were given).
 */
FAN_API fan_items fan_run_args(const fan_run *run);

/* Shared data by handle, as one item; count is 0 where the handle is unknown or was unshared. The
 * bytes stay valid until run returns. */
FAN_API fan_items fan_run_shared(const fan_run *run, fan_shared shared);

/* The executor for children of this item: submit, map and fold on it, and wait, inside run.
 * Children run on this worker when this run waits for them; a child's crash is this item's. What
 * was not waited for when run returns is cancelled. NULL: out of memory. */
FAN_API fan_executor *fan_run_executor(const fan_run *run);

/* Turns a function of one item into a task's run: calls `one` for each item in order and tells the
 * executor which item it is on. A status other than FAN_OK fails that item (with the status's text
 * if `one` gave none) and goes on; FAN_E_CANCELLED and FAN_E_MEMORY end the batch. */
typedef fan_status (*fan_item_function)(fan_run *run, size_t i, const unsigned char *input,
                                        size_t size);
FAN_API fan_status fan_run_each(fan_run *run, fan_items in, fan_item_function one);

/* A combine task (see fan_fold) gets pairs: item i holds two values, left and right in the order of
 * their indices, and its reply is the combined value. This takes item i apart; false where it is
 * not a pair. */
FAN_API bool fan_items_pair(const fan_items *items, size_t i, const unsigned char **left,
                            size_t *left_size, const unsigned char **right, size_t *right_size);

#ifdef __cplusplus
}
#endif
#endif
