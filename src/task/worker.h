/* A worker: runs batches of tasks and keeps their states. Every executor runs tasks through it. */
#ifndef FANI_WORKER_H
#define FANI_WORKER_H

#include <stdatomic.h>

#include "task/replies.h"

typedef struct fani_worker fani_worker;

/* What a worker asks of the executor it belongs to. Copied; `user` must outlive the worker. */
typedef struct fani_worker_host {
    /* Shared data by id; count 0 where unknown. NULL: there is none. */
    fan_items (*shared)(void *user, uint64_t id);
    void *user;
    _Atomic uint64_t *current_item; /* NULL, or where fan_run_each publishes the item's index */
    const _Atomic bool *cancelled;  /* NULL, or what fan_run_cancelled tells */
    /* NULL, or called after each item of fan_run_each, and after each run for the last item that
     * has written something, else the first: adds what was written to the replies. */
    void (*capture)(void *user, fani_replies *replies, size_t i);
    const char *memory_text; /* NULL, or what FAN_E_MEMORY means here */
    /* The executor for children of what runs now, and what follows when that has ended; NULL:
     * nesting is not supported. */
    fan_executor *(*nested)(void *nest);
    void (*settle)(void *nest);
    void *nest;
} fani_worker_host;

/* NULL: out of memory. A worker belongs to one thread at a time. */
fani_worker *fani_worker_new(const fani_worker_host *host);

/* Runs a batch: start where this task and these arguments (equal bytes) are new to this worker,
 * then run. Fills and finishes `replies` (zeroed or used before): afterwards every item has an
 * outcome. *run_ns gets the time spent. Fails only with FAN_E_MEMORY. */
fan_status fani_worker_run(fani_worker *worker, const fan_task *task, const fan_items *items,
                           const fan_items *args, size_t reply_limit, fani_replies *replies,
                           uint64_t *run_ns);

/* When the last run of this worker began: with its run_ns, what a trace shows. */
int64_t fani_worker_begun(const fani_worker *worker);

/* As fani_worker_run, without looking at the clock. */
fan_status fani_worker_run_untimed(fani_worker *worker, const fan_task *task,
                                   const fan_items *items, const fan_items *args,
                                   size_t reply_limit, fani_replies *replies);

/* Whether the last run, or something in it, ended for want of memory. */
bool fani_worker_starved(const fani_worker *worker);

/* Runs parts of a batch (task/parts.h): open, any number of parts of `count` > 0 items from item
 * `at` on, close. One set of parts at a time. open fails where the task's start does, or memory is
 * short. */
struct fani_parts;
fan_status fani_worker_parts_open(fani_worker *worker, struct fani_parts *parts);
void fani_worker_part_run(fani_worker *worker, size_t at, size_t count);
void fani_worker_parts_close(fani_worker *worker);

/* The worker that runs this run: for tasks that run other tasks on the same worker (leaf.c). */
fani_worker *fani_run_worker(fan_run *run);

/* The seat in a gang of what this worker runs, or NULL: set while a member runs (gang.c). */
typedef struct fani_gang_seat fani_gang_seat;
void fani_worker_seat(fani_worker *worker, fani_gang_seat *seat);
fani_gang_seat *fani_run_seat(const fan_run *run);

/* The host's flag of this worker, or NULL. */
const _Atomic bool *fani_worker_cancelled(const fani_worker *worker);

/* As fan_run_reply, in two steps: room for `most` bytes, in which the caller writes the reply, and
 * nothing else of the run is asked until it is taken, with its size. Errors as there. */
fan_status fani_run_reply_room(fan_run *run, size_t i, size_t most, unsigned char **room);
fan_status fani_run_reply_take(fan_run *run, size_t i, size_t size);

/* As fan_run_fail, with another mark and the text as it is. */
fan_status fani_run_mark(fan_run *run, size_t i, fani_slot_state mark, const char *text);

/* Stops every state and frees. NULL is accepted. */
void fani_worker_free(fani_worker *worker);

#endif
