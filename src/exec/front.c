/* Counting, posting, completion and waiting: the way of every batch. */
#include "exec/front.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/stamp.h"
#include "exec/settle.h"
#include "exec/watch.h"
#include "task/registry.h"

/* ---- Objects ------------------------------------------------------------------------------- */

void fani_front_retain(fani_front *front)
{
    atomic_fetch_add_explicit(&front->references, 1, memory_order_relaxed);
}

void fani_front_release(fani_front *front)
{
    if (atomic_fetch_sub_explicit(&front->references, 1, memory_order_acq_rel) != 1)
        return;
    int fd = atomic_load(&front->fd);
    if (fd >= 0)
        close(fd);
    pthread_mutex_destroy(&front->lock);
    pthread_mutex_destroy(&front->share_lock);
    free(front); /* the first member of a fan_executor, allocated as one */
}

fani_batch *fani_batch_new(void)
{
    fani_batch *batch = aligned_alloc(128, sizeof *batch);
    if (batch)
        memset(batch, 0, sizeof *batch);
    return batch;
}

void fani_batch_free(fani_batch *batch)
{
    if (!batch)
        return;
    free(batch->care);
    fani_args_release(batch->args_owner);
    fani_replies_clear(&batch->replies);
    free(batch->storage);
    if (!batch->pooled)
        free(batch);
}

fani_args *fani_args_new(const void *bytes, size_t size)
{
    fani_args *args = aligned_alloc(16, (sizeof *args + size + 15) / 16 * 16);
    if (!args)
        return NULL;
    atomic_init(&args->references, 1);
    args->size = size;
    if (size)
        memcpy(args->bytes, bytes, size);
    return args;
}

void fani_args_attach(fani_args *args, fani_batch *batch)
{
    atomic_fetch_add_explicit(&args->references, 1, memory_order_relaxed);
    batch->args_owner = args;
    batch->args = (fan_items){.bytes = args->bytes, .size = args->size, .count = 1};
}

void fani_args_release(fani_args *args)
{
    if (args && atomic_fetch_sub_explicit(&args->references, 1, memory_order_acq_rel) == 1)
        free(args);
}

fan_status fani_front_accepts(const fani_front *front, const fan_task *task, fan_error *error)
{
    if (!task || !task->name || !task->run)
        return fani_error_set(error, FAN_E_ARGUMENT, "a task needs a name and a run function");
    if (!front->opened.submits)
        return fani_error_set(error, FAN_E_RANK, "only rank 0 gives out work");
    if (!(front->opened.capabilities & FAN_CAP_SHARES_MEMORY) &&
        fani_registry_find(task->name, strlen(task->name)) != task)
        return fani_error_set(error, FAN_E_UNKNOWN_TASK,
                              "the task \"%s\" was not given to fan_start: the workers of \"%s\" "
                              "do not know it",
                              task->name, front->ops->name);
    return FAN_OK;
}

/* ---- Counting ------------------------------------------------------------------------------ */

fani_shard *fani_front_find_shard(fani_front *front, uintptr_t place, size_t hash)
{
    const size_t owned = FANI_SHARDS - 1;
    for (size_t i = 0; i < owned; i++) {
        size_t number = (hash + i) % owned;
        uintptr_t owner = atomic_load_explicit(&front->owners[number], memory_order_relaxed);
        if (owner == place)
            return &front->shards[number];
        if (!owner && atomic_compare_exchange_strong(&front->owners[number], &owner, place)) {
            atomic_fetch_or(&front->used, UINT32_C(1) << number);
            return &front->shards[number];
        }
    }
    return &front->shards[owned];
}

uint64_t fani_front_sum(const fani_front *front, size_t offset)
{
    uint64_t sum = 0;
    for (uint32_t used = atomic_load(&front->used); used; used &= used - 1) {
        const unsigned char *shard = (const void *)&front->shards[__builtin_ctz(used)];
        sum += atomic_load((const _Atomic uint64_t *)(const void *)(shard + offset));
    }
    return sum;
}

/* Ends are summed before begins: what comes in between can only make the difference larger. */
bool fani_front_has_calls(fani_front *front)
{
    uint64_t ended = FANI_FRONT_SUM(front, calls_ended);
    return FANI_FRONT_SUM(front, calls_begun) + FANI_FRONT_SUM(front, submitted) != ended;
}

uint64_t fani_front_outstanding(fani_front *front)
{
    uint64_t out = FANI_FRONT_SUM(front, submitted_out) + FANI_FRONT_SUM(front, refused) +
                   FANI_FRONT_SUM(front, mapped_out);
    return FANI_FRONT_SUM(front, submitted) + FANI_FRONT_SUM(front, mapped) - out;
}

uint64_t fani_front_submitted(fani_front *front)
{
    uint64_t out = FANI_FRONT_SUM(front, submitted_out) + FANI_FRONT_SUM(front, refused);
    return FANI_FRONT_SUM(front, submitted) - out;
}

uint64_t fani_front_bytes(fani_front *front)
{
    uint64_t out = FANI_FRONT_SUM(front, bytes_out);
    return FANI_FRONT_SUM(front, bytes_in) - out;
}

/* ---- Out ----------------------------------------------------------------------------------- */

uint64_t fani_front_number(const fani_front *front, const fani_shard *shard, uint64_t count,
                           enum fani_numbering by)
{
    return (count * FANI_SHARDS + (uint64_t)(shard - front->shards)) * 4 + by + 1;
}

void fani_front_post(fani_front *front, fani_batch *batch, uint64_t number)
{
    batch->posting = number;
    batch->attempt++;
    batch->traced |= front->trace != NULL;
    if (batch->traced) {
        batch->posted_ns = fani_stamp_ns();
        batch->begun_ns = 0;
        batch->where = (fani_where){0};
    }
    if (batch->timeout_ns && front->ops->begun)
        fani_watch_time(front, batch);
    front->ops->post(front->self, batch);
    if (front->ops->progress) { /* a waiter may have found nothing to move */
        fani_event_notify(&front->ended);
        fani_event_notify(&front->mapped);
    }
}

void fani_front_post_again(fani_front *front, fani_batch *batch)
{
    fani_shard *shard = fani_front_shard(front);
    uint64_t count = fani_tally(shard, &shard->again, 1);
    fani_front_post(front, batch, fani_front_number(front, shard, count, FANI_BY_REPEAT));
}

fan_status fani_front_send(fani_front *front, fani_batch *batch)
{
    fani_shard *shard = fani_front_enter(front);
    fan_status status = atomic_load(&front->closing) ? FAN_E_CLOSED : FAN_OK;
    if (!batch->reply_limit)
        batch->reply_limit = front->reply_limit;
    if (status == FAN_OK) {
        fani_tally(shard, &shard->mapped, batch->items.count);
        uint64_t count = fani_tally(shard, &shard->sent, 1);
        fani_front_post(front, batch, fani_front_number(front, shard, count, FANI_BY_SEND));
    }
    fani_front_leave(shard);
    return status;
}

bool fani_front_revoke(fani_front *front, fani_batch *batch, bool kill)
{
    return fani_abandon(front, batch, kill);
}

/* ---- In ------------------------------------------------------------------------------------ */

static void write_fd(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0) /* EAGAIN: it is readable already, and full */
        if (errno != EINTR)
            return;
}

void fani_front_finish(fani_front *front, fani_batch *batch)
{
    fani_shard *shard = fani_front_shard(front);
    /* Callbacks are inside an operation from before the item counts as ended, so that a close sees
     * either. One that is only being set has no such claim. */
    bool observed = batch->submitted && fani_future_observed(batch);
    if (observed)
        atomic_fetch_add(&shard->calls_begun, 1);
    if (batch->run_ns)
        fani_tally(shard, &shard->run_ns, batch->run_ns);
    if (batch->submitted) /* its done function has the barrier before the event is looked at */
        fani_tally(shard, &shard->submitted_out, batch->items.count);
    else
        atomic_fetch_add(&shard->mapped_out, batch->items.count);
    batch->done(batch);
    fani_event_notify(&front->ended);
    int fd = atomic_load_explicit(&front->fd, memory_order_relaxed);
    if (fd >= 0)
        write_fd(fd);
    if (observed)
        fani_front_leave(shard);
}

void fani_front_trace_part(fani_front *front, const fani_batch *batch, size_t at, size_t count)
{
    fani_batch part = {.task = batch->task,
                       .items = {.first = batch->items.first + at, .count = count},
                       .posted_ns = batch->posted_ns,
                       .begun_ns = batch->begun_ns,
                       .run_ns = batch->run_ns,
                       .where = batch->where,
                       .attempt = batch->attempt,
                       .replies = {.count = count, .complete = true}};
    part.replies.array = batch->replies.array;
    part.replies.slots = batch->replies.slots ? batch->replies.slots + at : NULL;
    if (front->trace)
        fani_trace_batch(front->trace, &part, false);
}

/* The front stays until this returns, without entering: the executor's close, which comes before
 * its end, waits for the threads that are here. */
void fani_front_complete(fani_front *front, fani_batch *batch, fani_outcome outcome)
{
    if (front->trace && !batch->slow && outcome.verdict == FANI_DONE && !batch->divisible)
        fani_trace_batch(front->trace, batch, false);
    if (outcome.verdict == FANI_DONE && !batch->slow && batch->replies.complete &&
        batch->replies.count == batch->items.count)
        fani_front_finish(front, batch);
    else
        fani_settle(front, batch, outcome);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

bool fani_front_may_wait(const fani_front *front)
{
    fani_inside inside = fani_inside_what();
    return inside == FANI_OUTSIDE || (front->nested && inside == FANI_IN_TASK);
}

static bool passed(fan_deadline deadline)
{
    return deadline != FAN_FOREVER && fani_clock_ns() >= deadline;
}

/* Moves an executor that works only inside calls; false where another thread does, or there is
 * nothing to move. */
static bool progress(fani_front *front, fan_deadline deadline)
{
    bool free = false;
    if (!front->ops->progress || !fani_front_outstanding(front) ||
        !atomic_compare_exchange_strong(&front->progressing, &free, true))
        return false;
    fani_shard *shard = fani_front_enter(front);
    bool moved =
        !atomic_load(&front->closed) && front->ops->progress(front->self, deadline) != FAN_E_BUSY;
    atomic_store(&front->progressing, false);
    if (moved) { /* another waiter may take over */
        fani_event_notify(&front->ended);
        fani_event_notify(&front->mapped);
    }
    fani_front_leave(shard);
    return moved;
}

void fani_front_sleep(fani_front *front, _Atomic uint32_t *word, uint32_t value,
                      fan_deadline deadline)
{
    bool sleeps = deadline != FAN_NOW;
    if (front->ops->attend) {
        fani_shard *shard = fani_front_enter(front);
        if (!atomic_load(&front->closed)) {
            front->ops->attend(front->self, word, value, deadline);
            sleeps = false;
        }
        fani_front_leave(shard);
    }
    if (sleeps)
        (void)fani_futex_wait(word, value, deadline);
}

void fani_front_look(fani_front *front)
{
    if (front->ops->attend)
        fani_front_sleep(front, NULL, 0, FAN_NOW);
}

bool fani_front_observed(const fani_batch *batch)
{
    return batch->submitted && fani_future_observed(batch);
}

bool fani_front_wait(fani_front *front, fani_event *event, bool (*ready)(void *user), void *user,
                     fan_deadline deadline)
{
    while (!ready(user)) {
        bool moved = progress(front, deadline);
        if (passed(deadline))
            return ready(user);
        if (moved)
            continue;
        /* What is posted, or ends, from here on brings the event about. */
        uint32_t key = fani_event_prepare(event);
        if (!progress(front, deadline) && !ready(user))
            fani_front_sleep(front, &event->epoch, key, deadline);
        fani_event_cancel(event);
    }
    return true;
}
