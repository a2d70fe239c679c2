/* Queueing, posting, completion, blame and waiting. */
#include "exec/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "task/inside.h"
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
    pthread_cond_destroy(&front->changed);
    pthread_mutex_destroy(&front->lock);
    pthread_mutex_destroy(&front->share_lock);
    free(front); /* the first member of a fan_executor, allocated as one */
}

fani_batch *fani_batch_new(void)
{
    return calloc(1, sizeof(fani_batch));
}

void fani_batch_free(fani_batch *batch)
{
    if (!batch)
        return;
    for (fani_batch *piece = batch->buried, *next; piece; piece = next) {
        next = piece->next;
        fani_batch_free(piece);
    }
    fani_args_release(batch->args_owner);
    fani_replies_clear(&batch->replies);
    free(batch->storage);
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

/* ---- The queue ----------------------------------------------------------------------------- */

static void wait_begins(const fani_front *front, fani_batch *batch)
{
    batch->begun_ns = 0;
    batch->where = (fani_where){0};
    if (front->trace)
        batch->posted_ns = fani_clock_ns();
}

static void queue_last(fani_front *front, fani_batch *batch)
{
    batch->queued = true;
    batch->queue_next = NULL;
    batch->queue_previous = front->queue_last;
    if (front->queue_last)
        front->queue_last->queue_next = batch;
    else
        front->queue_first = batch;
    front->queue_last = batch;
}

/* What lost its worker goes first: it is older than all that waits. */
static void queue_first(fani_front *front, fani_batch *batch)
{
    wait_begins(front, batch);
    batch->queued = true;
    batch->queue_previous = NULL;
    batch->queue_next = front->queue_first;
    if (front->queue_first)
        front->queue_first->queue_previous = batch;
    else
        front->queue_last = batch;
    front->queue_first = batch;
}

bool fani_front_unqueue(fani_front *front, fani_batch *batch)
{
    if (!batch->queued)
        return false;
    if (batch->queue_previous)
        batch->queue_previous->queue_next = batch->queue_next;
    else
        front->queue_first = batch->queue_next;
    if (batch->queue_next)
        batch->queue_next->queue_previous = batch->queue_previous;
    else
        front->queue_last = batch->queue_previous;
    batch->queued = false;
    return true;
}

static void link_posted(fani_front *front, fani_batch *batch)
{
    batch->queue_previous = NULL;
    batch->queue_next = front->posted_first;
    if (front->posted_first)
        front->posted_first->queue_previous = batch;
    front->posted_first = batch;
    front->posted++;
}

static void unlink_posted(fani_front *front, fani_batch *batch)
{
    if (batch->queue_previous)
        batch->queue_previous->queue_next = batch->queue_next;
    else
        front->posted_first = batch->queue_next;
    if (batch->queue_next)
        batch->queue_next->queue_previous = batch->queue_previous;
    front->posted--;
}

/* Between these two the executor's instance stays: close waits. The lock is held. */
static void enter_call(fani_front *front)
{
    front->calls++;
}

static void leave_call(fani_front *front)
{
    if (--front->calls == 0 && front->closing)
        pthread_cond_broadcast(&front->changed);
}

/* Posts what the executor has room for. One thread at a time, in a loop and not in recursion,
 * because an executor may complete a batch inside post and completion comes back here. */
static void dispatch(fani_front *front)
{
    pthread_mutex_lock(&front->lock);
    while (!front->dispatching && front->queue_first && front->posted < front->opened.depth) {
        fani_batch *batch = front->queue_first;
        fani_front_unqueue(front, batch);
        link_posted(front, batch);
        front->stats.batches++;
        batch->posting = ++front->next_posting;
        batch->attempt++;
        front->dispatching = true;
        enter_call(front);
        pthread_mutex_unlock(&front->lock);
        front->ops->post(front->self, batch);
        pthread_mutex_lock(&front->lock);
        leave_call(front);
        front->dispatching = false;
        if (front->ops->progress) /* a waiter may have found nothing to move */
            pthread_cond_broadcast(&front->changed);
    }
    pthread_mutex_unlock(&front->lock);
}

fan_status fani_front_send(fani_front *front, fani_batch *batch)
{
    if (!batch->reply_limit)
        batch->reply_limit = front->reply_limit;
    wait_begins(front, batch);
    pthread_mutex_lock(&front->lock);
    if (front->closing) {
        pthread_mutex_unlock(&front->lock);
        return FAN_E_CLOSED;
    }
    front->outstanding++;
    front->stats.items_submitted += batch->items.count;
    queue_last(front, batch);
    pthread_mutex_unlock(&front->lock);
    dispatch(front);
    return FAN_OK;
}

/* ---- Completion ---------------------------------------------------------------------------- */

/* Gives every item the same outcome. Without memory even for that, the items read as failed
 * (fani_replies_outcome). */
static void mark_all(fani_batch *batch, fani_slot_state state, const char *text)
{
    fani_replies_begin(&batch->replies, batch->items.count, batch->reply_limit);
    for (size_t i = 0; i < batch->items.count; i++)
        if (fani_replies_mark(&batch->replies, i, state, text) != FAN_OK)
            return;
    batch->replies.complete = true;
}

/* Counts a batch as done: before its done function, so that whoever has seen its outcomes finds
 * them in the statistics. The lock is held. */
static void count_done(fani_front *front, fani_batch *batch)
{
    front->stats.items_done += batch->items.count;
    front->stats.run_ns += batch->run_ns;
    batch->counted = true;
}

/* The end of a batch that is not a piece: its done function takes it over. */
static void finish(fani_front *front, fani_batch *batch)
{
    if (!batch->counted) {
        pthread_mutex_lock(&front->lock);
        count_done(front, batch);
        pthread_mutex_unlock(&front->lock);
    }
    bool before = fani_inside_enter();
    batch->done(batch);
    fani_inside_leave(before);
    pthread_mutex_lock(&front->lock);
    front->outstanding--;
    if (front->closing) /* only close waits for this */
        pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
}

static void end(fani_front *front, fani_batch *batch);

/* The batch that its pieces and their pieces came from. */
static fani_batch *root_of(fani_batch *batch)
{
    while (batch->parent)
        batch = batch->parent;
    return batch;
}

/* A piece of a split batch: its outcomes go to their places in the parent, which ends with its last
 * piece. Runs as the piece's done function. */
static void finish_piece(fani_front *front, fani_batch *piece)
{
    fani_batch *parent = piece->parent;
    pthread_mutex_lock(&front->lock);
    if (fani_replies_merge(&parent->replies, piece->parent_at, &piece->replies, piece->attempt) !=
        FAN_OK)
        parent->replies.complete = false;
    parent->run_ns += piece->run_ns;
    bool last = --parent->pieces == 0;
    fani_batch *root = root_of(parent);
    bool bury = root->abandoned; /* whoever abandons may hold its address */
    if (bury) {
        piece->next = root->buried;
        root->buried = piece;
    }
    pthread_mutex_unlock(&front->lock);
    if (!bury)
        fani_batch_free(piece);
    if (last) {
        /* Without memory for the texts, items without an outcome still read as failed. */
        (void)fani_replies_finish(&parent->replies, "out of memory");
        end(front, parent);
    }
}

static void end(fani_front *front, fani_batch *batch)
{
    if (batch->parent)
        finish_piece(front, batch);
    else
        finish(front, batch);
}

static fani_batch *make_piece(fani_batch *parent, size_t at, size_t count)
{
    fani_batch *piece = fani_batch_new();
    if (!piece)
        return NULL;
    piece->task = parent->task;
    piece->args = parent->args;
    piece->reply_limit = parent->reply_limit;
    piece->items = parent->items;
    piece->items.count = count;
    piece->items.first += at;
    if (piece->items.offsets)
        piece->items.offsets += at;
    else if (piece->items.bytes)
        piece->items.bytes += at * piece->items.size;
    piece->parent = parent;
    piece->parent_at = at;
    return piece;
}

/* What follows for a batch that lost its worker. */
typedef enum sequel {
    AGAIN,
    BLAMED,   /* it is to blame, or memory is short */
    UNWANTED, /* nobody waits for it */
} sequel;

/* The lock is held. */
static bool unwanted(const fani_front *front, fani_batch *batch)
{
    return front->abandoning || root_of(batch)->abandoned;
}

/* A batch of several items that lost its worker is not blamed: its halves run again, so that the
 * guilty item stands alone after a few rounds and every other item has its reply. */
static sequel split(fani_front *front, fani_batch *batch)
{
    size_t half = batch->items.count / 2;
    fani_batch *left = make_piece(batch, 0, half);
    fani_batch *right = make_piece(batch, half, batch->items.count - half);
    if (!left || !right) {
        fani_batch_free(left);
        fani_batch_free(right);
        return BLAMED;
    }
    fani_replies_begin(&batch->replies, batch->items.count, batch->reply_limit);
    pthread_mutex_lock(&front->lock);
    bool ends = unwanted(front, batch);
    if (!ends) {
        batch->pieces = 2;
        queue_first(front, right);
        queue_first(front, left);
    }
    pthread_mutex_unlock(&front->lock);
    if (ends) {
        fani_batch_free(left);
        fani_batch_free(right);
    }
    return ends ? UNWANTED : AGAIN;
}

/* Whether the batch goes on: split, or one item with crashes left. */
static sequel run_again(fani_front *front, fani_batch *batch)
{
    if (batch->items.count > 1)
        return split(front, batch);
    if (batch->attempt >= front->crash_limit)
        return BLAMED;
    pthread_mutex_lock(&front->lock);
    bool ends = unwanted(front, batch);
    if (!ends)
        queue_first(front, batch);
    pthread_mutex_unlock(&front->lock);
    return ends ? UNWANTED : AGAIN;
}

static void settle(fani_front *front, fani_batch *batch, fani_outcome outcome)
{
    bool sound = batch->replies.complete && batch->replies.count == batch->items.count;
    const char *text = outcome.text ? outcome.text : "";
    if (outcome.verdict == FANI_LOST) {
        if (front->trace)
            fani_trace_batch(front->trace, batch, true);
        sequel next = run_again(front, batch);
        if (next == AGAIN)
            return;
        if (next == UNWANTED)
            outcome.verdict = FANI_CANCELLED;
    }
    if (outcome.verdict == FANI_LOST)
        mark_all(batch, FANI_SLOT_LOST, text);
    else if (outcome.verdict == FANI_FAILED)
        mark_all(batch, FANI_SLOT_FAILED, text);
    else if (outcome.verdict == FANI_CANCELLED)
        mark_all(batch, FANI_SLOT_CANCELLED, "cancelled");
    else if (!sound)
        mark_all(batch, FANI_SLOT_FAILED, "the worker answered for another number of items");
    if (front->trace)
        fani_trace_batch(front->trace, batch, false);
    end(front, batch);
}

void fani_front_complete(fani_front *front, fani_batch *batch, fani_outcome outcome)
{
    fani_front_retain(front); /* the last outstanding batch lets close go on and free the front */
    pthread_mutex_lock(&front->lock);
    unlink_posted(front, batch);
    if (!batch->parent && outcome.verdict == FANI_DONE)
        count_done(front, batch);
    pthread_mutex_unlock(&front->lock);
    settle(front, batch, outcome);
    dispatch(front);
    fani_front_release(front);
}

fan_status fani_front_complete_range(fani_front *front, fani_batch *batch, uint64_t first,
                                     uint64_t count, fani_outcome outcome)
{
    (void)front, (void)batch, (void)first, (void)count, (void)outcome;
    return FAN_E_UNSUPPORTED;
}

void fani_front_cancel(fani_front *front, fani_batch *batch)
{
    settle(front, batch, (fani_outcome){.verdict = FANI_CANCELLED});
}

/* ---- Abandoning ---------------------------------------------------------------------------- */

/* Cancels what is queued: all, or what came from `root`. The lock is held, and released between. */
static void cancel_queued(fani_front *front, const fani_batch *root)
{
    fani_batch *at = front->queue_first;
    while (at) {
        if (root && root_of(at) != root) {
            at = at->queue_next;
            continue;
        }
        fani_front_unqueue(front, at);
        pthread_mutex_unlock(&front->lock);
        fani_front_cancel(front, at);
        pthread_mutex_lock(&front->lock);
        at = front->queue_first;
    }
}

/* Asks for what is posted back: all, or what came from `root`; what runs is asked to end. Where
 * memory is short it runs to its end. The lock is held, and released between. */
static void revoke_posted(fani_front *front, const fani_batch *root)
{
    unsigned count = 0, posted = front->ops->revoke ? front->posted : 0;
    fani_batch **batches = posted ? reallocarray(NULL, posted, sizeof(fani_batch *)) : NULL;
    for (fani_batch *at = front->posted_first; batches && at; at = at->queue_next)
        if (!root || root_of(at) == root)
            batches[count++] = at;
    enter_call(front);
    pthread_mutex_unlock(&front->lock);
    for (unsigned i = 0; i < count; i++)
        front->ops->revoke(front->self, batches[i], true);
    free(batches);
    pthread_mutex_lock(&front->lock);
    leave_call(front);
}

void fani_front_abandon(fani_front *front, fani_batch *batch)
{
    batch->abandoned = true;
    cancel_queued(front, batch);
    revoke_posted(front, batch);
}

void fani_front_abandon_all(fani_front *front)
{
    front->abandoning = true;
    cancel_queued(front, NULL);
    revoke_posted(front, NULL);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static bool wait_changed(fani_front *front, fan_deadline deadline)
{
    if (deadline == FAN_FOREVER)
        return pthread_cond_wait(&front->changed, &front->lock) == 0;
    struct timespec until = fani_clock_timespec(deadline);
    pthread_cond_timedwait(&front->changed, &front->lock, &until);
    return fani_clock_ns() < deadline;
}

bool fani_front_wait(fani_front *front, fan_deadline deadline)
{
    if (!front->ops->progress || front->progressing || !front->posted)
        return wait_changed(front, deadline);
    front->progressing = true;
    enter_call(front);
    pthread_mutex_unlock(&front->lock);
    front->ops->progress(front->self, deadline);
    pthread_mutex_lock(&front->lock);
    leave_call(front);
    front->progressing = false;
    pthread_cond_broadcast(&front->changed); /* another waiter may take over */
    return deadline == FAN_FOREVER || fani_clock_ns() < deadline;
}
