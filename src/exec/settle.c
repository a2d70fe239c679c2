#include "exec/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/watch.h"

/* ---- Cares --------------------------------------------------------------------------------- */

fan_status fani_care_for(fani_batch *batch)
{
    if (!batch->care)
        batch->care = calloc(1, sizeof *batch->care);
    if (!batch->care)
        return FAN_E_MEMORY;
    batch->care->batch = batch;
    batch->slow = true;
    return FAN_OK;
}

fan_status fani_care_limits(fani_batch *batch, uint32_t timeout_ms, uint32_t retries,
                            uint32_t backoff_ms, void (*freed)(fani_batch *batch))
{
    enum { BACKOFF_MS = 10, NS_PER_MS = 1000000 };
    if (fani_care_for(batch) != FAN_OK)
        return FAN_E_MEMORY;
    batch->timeout_ns = (int64_t)timeout_ms * NS_PER_MS;
    batch->care->retries = retries;
    batch->care->backoff_ns = (int64_t)(backoff_ms ? backoff_ms : BACKOFF_MS) * NS_PER_MS;
    batch->care->freed = freed;
    return FAN_OK;
}

fan_status fani_front_watch(fani_front *front, fani_batch *batch, void (*gone)(fani_batch *batch))
{
    fan_status status = fani_watch_start(front);
    if (status == FAN_OK)
        status = fani_care_for(batch);
    if (status == FAN_OK)
        batch->care->freed = gone;
    return status;
}

const fani_batch *fani_root_of(const fani_batch *batch)
{
    while (batch->care && (batch->care->parent || batch->care->stands_for))
        batch = batch->care->parent ? batch->care->parent : batch->care->stands_for;
    return batch;
}

/* The lock is held. */
static bool unwanted(const fani_front *front, const fani_batch *batch)
{
    return front->abandoning || atomic_load(&fani_root_of(batch)->unwanted);
}

/* Gives every item the same outcome. Without memory even for that, the items read as failed
 * (fani_replies_outcome). */
static void mark_all(fani_batch *batch, fani_slot_state state, const char *text)
{
    fani_replies_restart(&batch->replies, batch->items.count, batch->reply_limit);
    for (size_t i = 0; i < batch->items.count; i++)
        if (fani_replies_mark(&batch->replies, i, state, text) != FAN_OK)
            return;
    batch->replies.complete = true;
}

/* ---- Pieces -------------------------------------------------------------------------------- */

static fani_batch *make_piece(fani_batch *parent, size_t at, size_t count)
{
    fani_batch *piece = fani_batch_new();
    if (!piece || fani_care_for(piece) != FAN_OK) {
        fani_batch_free(piece);
        return NULL;
    }
    piece->task = parent->task;
    piece->args = parent->args;
    piece->reply_limit = parent->reply_limit;
    piece->timeout_ns = parent->timeout_ns;
    piece->priority = parent->priority;
    piece->items = parent->items;
    piece->items.count = count;
    piece->items.first += at;
    if (piece->items.offsets)
        piece->items.offsets += at;
    else if (piece->items.bytes)
        piece->items.bytes += at * piece->items.size;
    piece->care->parent = parent;
    piece->care->parent_at = at;
    if (parent->care) {
        piece->care->retries = parent->care->retries;
        piece->care->backoff_ns = parent->care->backoff_ns;
    }
    return piece;
}

/* The lock is held. */
static void link_piece(fani_front *front, fani_care *care)
{
    care->linked = true;
    care->last_piece = NULL;
    care->next_piece = front->cares;
    if (front->cares)
        front->cares->last_piece = care;
    front->cares = care;
}

/* The lock is held. */
static void unlink_piece(fani_front *front, fani_care *care)
{
    if (!care->linked)
        return;
    care->linked = false;
    if (care->last_piece)
        care->last_piece->next_piece = care->next_piece;
    else
        front->cares = care->next_piece;
    if (care->next_piece)
        care->next_piece->last_piece = care->last_piece;
}

static void end(fani_front *front, fani_batch *batch);

/* The items of a piece that are not ok took as long as that, and not as long as all pieces of their
 * batch. Where memory is short, that is what is said. */
static void note_times(fani_batch *parent, const fani_batch *piece)
{
    for (size_t i = 0; i < piece->items.count; i++) {
        fan_outcome outcome = fani_replies_outcome(&piece->replies, i);
        if (outcome.kind != FAN_OUTCOME_OK && !outcome.run_ns && piece->run_ns)
            (void)fani_replies_time(&parent->replies, piece->care->parent_at + i, piece->run_ns,
                                    (uint32_t)piece->items.count);
    }
}

/* A piece has its outcomes: they go to their places in the parent, which ends with its last piece.
 */
static void end_piece(fani_front *front, fani_batch *piece)
{
    fani_batch *parent = piece->care->parent;
    pthread_mutex_lock(&front->lock);
    unlink_piece(front, piece->care);
    if (fani_replies_merge(&parent->replies, piece->care->parent_at, &piece->replies,
                           piece->attempt) != FAN_OK)
        parent->replies.complete = false;
    note_times(parent, piece);
    parent->run_ns += piece->run_ns;
    bool last = --parent->care->pieces == 0;
    pthread_mutex_unlock(&front->lock);
    fani_batch_free(piece);
    if (last) {
        /* Without memory for the texts, items without an outcome still read as failed. */
        (void)fani_replies_finish(&parent->replies, "out of memory");
        end(front, parent);
    }
}

static void end(fani_front *front, fani_batch *batch)
{
    if (batch->care && batch->care->parent) {
        end_piece(front, batch);
        return;
    }
    if (batch->care && batch->care->stands_for) {
        pthread_mutex_lock(&front->lock);
        unlink_piece(front, batch->care);
        pthread_mutex_unlock(&front->lock);
    }
    fani_front_finish(front, batch);
}

/* What follows for a batch that did not end well. */
typedef enum sequel {
    AGAIN,
    BLAMED,   /* it is to blame, or memory is short */
    UNWANTED, /* nobody waits for it */
} sequel;

/* Sends a chain of pieces (by next) instead of their parent. */
static sequel send_pieces(fani_front *front, fani_batch *parent, fani_batch *pieces, size_t count,
                          int64_t delay_ns)
{
    pthread_mutex_lock(&front->lock);
    bool ends = unwanted(front, parent);
    if (!ends)
        parent->care->pieces = count;
    for (fani_batch *piece = pieces, *next; piece && !ends; piece = next) {
        next = piece->next;
        link_piece(front, piece->care);
        if (delay_ns) { /* the watch's from here on: it may post it once the lock is free */
            piece->next = NULL;
            fani_watch_delay(front, piece, delay_ns);
        } else {
            fani_pin(piece->care);
        }
    }
    pthread_mutex_unlock(&front->lock);
    if (!ends && delay_ns)
        return AGAIN;
    for (fani_batch *piece = pieces, *next; piece; piece = next) {
        next = piece->next;
        piece->next = NULL;
        if (ends)
            fani_batch_free(piece);
        else
            fani_post_pinned(front, piece);
    }
    return ends ? UNWANTED : AGAIN;
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
    left->next = right;
    left->traced = right->traced = true; /* so that it is known how long the guilty item runs */
    batch->run_ns = 0;
    fani_replies_begin(&batch->replies, batch->items.count, batch->reply_limit);
    return send_pieces(front, batch, left, 2, 0);
}

static sequel post_again(fani_front *front, fani_batch *batch, int64_t delay_ns)
{
    pthread_mutex_lock(&front->lock);
    bool ends = unwanted(front, batch);
    batch->care->settling = ends;
    batch->run_ns = 0; /* of the next run, which may not come to tell */
    if (!ends && delay_ns)
        fani_watch_delay(front, batch, delay_ns);
    else if (!ends)
        fani_pin(batch->care);
    pthread_mutex_unlock(&front->lock);
    if (!ends && !delay_ns)
        fani_post_pinned(front, batch);
    return ends ? UNWANTED : AGAIN;
}

/* Whether a batch that lost its worker goes on: split, or one item with crashes left. */
static sequel after_loss(fani_front *front, fani_batch *batch)
{
    if (fani_care_for(batch) != FAN_OK)
        return BLAMED;
    if (batch->items.count > 1)
        return split(front, batch);
    if (++batch->care->crashes >= front->crash_limit)
        return BLAMED;
    batch->traced = true; /* so that it is known how long it runs until it crashes */
    return post_again(front, batch, 0);
}

/* ---- Retries ------------------------------------------------------------------------------- */

static bool may_retry(const fani_replies *replies, size_t i)
{
    fan_outcome_kind kind = fani_replies_outcome(replies, i).kind;
    return kind == FAN_OUTCOME_FAILED || kind == FAN_OUTCOME_TIMED_OUT;
}

/* The pause before the next run, and twice that before the one after it. */
static int64_t next_backoff(fani_care *care)
{
    const int64_t longest = INT64_C(30000000000);
    int64_t pause = care->backoff_ns;
    care->backoff_ns = pause < longest / 2 ? 2 * pause : longest;
    return pause;
}

static sequel retry_single(fani_front *front, fani_batch *batch)
{
    batch->care->retries--;
    return post_again(front, batch, next_backoff(batch->care));
}

/* The items of a larger batch that failed run again, each alone. */
static sequel retry_several(fani_front *front, fani_batch *batch)
{
    fani_batch *pieces = NULL;
    size_t count = 0;
    fani_care *care = batch->care;
    care->retries--;
    int64_t pause = next_backoff(care);
    for (size_t i = batch->items.count; i-- > 0;) {
        if (!may_retry(&batch->replies, i))
            continue;
        fani_batch *piece = make_piece(batch, i, 1);
        if (!piece)
            break; /* the failures before this one stay what they are */
        piece->next = pieces;
        pieces = piece;
        count++;
    }
    return count ? send_pieces(front, batch, pieces, count, pause) : BLAMED;
}

/* Whether the only item of a batch is to run again, as far as that is its own affair. */
static bool will_retry(const fani_batch *batch)
{
    return batch->care && batch->care->retries && batch->items.count == 1 &&
           may_retry(&batch->replies, 0);
}

static sequel after_failure(fani_front *front, fani_batch *batch)
{
    size_t failed = 0;
    if (!batch->care || !batch->care->retries)
        return BLAMED;
    for (size_t i = 0; i < batch->items.count; i++)
        failed += may_retry(&batch->replies, i);
    if (!failed)
        return BLAMED;
    return batch->items.count == 1 ? retry_single(front, batch) : retry_several(front, batch);
}

/* ---- Detached batches ------------------------------------------------------------------------ */

void fani_mark_overtime(fani_batch *batch, const char *why)
{
    char text[160];
    (void)snprintf(text, sizeof text, "ran longer than %lld ms%s%s",
                   (long long)(batch->timeout_ns / 1000000), *why ? ": " : "", why);
    mark_all(batch, FANI_SLOT_TIMED_OUT, text);
}

/* A batch that stands for one that can't be ended: it goes on in its place. It has its own copy of
 * the input. NULL: out of memory. */
static fani_batch *stand_in_for(const fani_batch *batch)
{
    fani_batch *other = fani_batch_new();
    size_t size = 0;
    const unsigned char *bytes = fan_items_at(&batch->items, 0, &size);
    if (!other || fani_care_for(other) != FAN_OK ||
        (size && !(other->storage = aligned_alloc(16, (size + 15) / 16 * 16)))) {
        fani_batch_free(other);
        return NULL;
    }
    if (size)
        memcpy(other->storage, bytes, size);
    other->task = batch->task;
    other->items =
        (fan_items){.bytes = other->storage, .size = size, .count = 1, .first = batch->items.first};
    if (batch->args_owner)
        fani_args_attach(batch->args_owner, other);
    other->reply_limit = batch->reply_limit;
    other->timeout_ns = batch->timeout_ns;
    other->priority = batch->priority;
    other->submitted = batch->submitted;
    other->input_bytes = batch->input_bytes;
    other->charged = batch->charged;
    other->attempt = batch->attempt;
    other->done = batch->done;
    other->user = batch->user;
    other->care->retries = batch->care->retries;
    other->care->backoff_ns = batch->care->backoff_ns;
    other->care->stands_for = (fani_batch *)(uintptr_t)fani_root_of(batch);
    return other;
}

static void end_detached(fani_front *front, fani_batch *batch)
{
    void (*freed)(fani_batch *) = batch->care->freed;
    if (freed)
        freed(batch);
    else
        fani_batch_free(batch);
    pthread_mutex_lock(&front->lock);
    front->detached--;
    pthread_mutex_unlock(&front->lock);
    fani_event_notify(&front->ended);
}

void fani_pin(fani_care *care)
{
    care->pins++;
}

/* Remembers an end that must wait. The lock is held. */
static bool defer(fani_care *care, fani_outcome outcome)
{
    if (!care->pins)
        return false;
    care->ended = true;
    care->verdict = outcome.verdict;
    care->text = outcome.text ? strdup(outcome.text) : NULL; /* without memory: no text */
    return true;
}

void fani_unpin(fani_front *front, fani_care *care)
{
    pthread_mutex_lock(&front->lock);
    bool ends = --care->pins == 0 && care->ended;
    fani_outcome outcome = {.verdict = care->verdict, .text = care->text};
    char *text = care->text;
    if (ends) {
        care->ended = false;
        care->text = NULL;
    }
    pthread_mutex_unlock(&front->lock);
    if (!ends)
        return;
    fani_settle(front, care->batch, outcome);
    free(text);
}

void fani_post_pinned(fani_front *front, fani_batch *batch)
{
    fani_front_post_again(front, batch);
    pthread_mutex_lock(&front->lock);
    bool ends = unwanted(front, batch);
    pthread_mutex_unlock(&front->lock);
    if (ends && front->ops->revoke)
        front->ops->revoke(front->self, batch, true);
    fani_unpin(front, batch->care);
}

void fani_detach(fani_front *front, fani_batch *batch)
{
    fani_batch *other = stand_in_for(batch);
    fani_care *care = batch->care;
    int64_t begun_ns = care->begun_ns;
    fani_watch_forget(front, care);
    if (other) {
        care->detached = true;
        front->detached++;
        unlink_piece(front, care);
        other->care->settling = true;
        link_piece(front, other->care);
    }
    fani_pin(care);
    pthread_mutex_unlock(&front->lock);
    if (front->ops->revoke)
        front->ops->revoke(front->self, batch, true);
    if (other) {
        other->run_ns = begun_ns ? (uint64_t)(fani_clock_ns() - begun_ns) : 0;
        fani_mark_overtime(other, "");
        if (front->trace)
            fani_trace_batch(front->trace, other, will_retry(other));
        if (after_failure(front, other) != AGAIN)
            end(front, other);
    }
    fani_unpin(front, care);
}

/* ---- Settling ------------------------------------------------------------------------------ */

/* Whether the batch needs no outcome: it was given already, or must wait for those who hold its
 * address. */
static bool settled(fani_front *front, fani_batch *batch, fani_outcome outcome)
{
    fani_care *care = batch->care;
    if (!care)
        return false;
    pthread_mutex_lock(&front->lock);
    bool deferred = defer(care, outcome);
    bool detached = care->detached;
    care->settling = !deferred;
    if (care->listed == FANI_TIMED)
        fani_watch_forget(front, care);
    pthread_mutex_unlock(&front->lock);
    if (detached && !deferred)
        end_detached(front, batch);
    return detached || deferred;
}

/* What the items of a batch have come to, where that is not in its replies. */
static void mark_end(fani_batch *batch, fani_verdict verdict, bool overtime, const char *text)
{
    if (verdict == FANI_LOST)
        mark_all(batch, FANI_SLOT_LOST, text);
    else if (verdict == FANI_FAILED)
        mark_all(batch, FANI_SLOT_FAILED, text);
    else if (overtime)
        fani_mark_overtime(batch, text);
    else if (verdict == FANI_CANCELLED)
        mark_all(batch, FANI_SLOT_CANCELLED, "cancelled");
    else if (!batch->replies.complete || batch->replies.count != batch->items.count)
        mark_all(batch, FANI_SLOT_FAILED, "the worker answered for another number of items");
}

void fani_settle(fani_front *front, fani_batch *batch, fani_outcome outcome)
{
    const char *text = outcome.text ? outcome.text : "";
    sequel next = BLAMED;
    if (settled(front, batch, outcome))
        return;
    bool overtime = outcome.verdict == FANI_CANCELLED && batch->care && batch->care->overtime;
    if (front->trace && (outcome.verdict == FANI_LOST || (overtime && batch->items.count > 1)))
        fani_trace_batch(front->trace, batch, true);
    if (overtime && batch->care->begun_ns)
        batch->run_ns = (uint64_t)(fani_clock_ns() - batch->care->begun_ns);
    if (batch->care)
        batch->care->overtime = false;
    if (outcome.verdict == FANI_LOST)
        next = after_loss(front, batch);
    else if (overtime && batch->items.count > 1)
        next = split(front, batch);
    if (next == AGAIN)
        return;
    mark_end(batch, next == UNWANTED ? FANI_CANCELLED : outcome.verdict,
             overtime && next != UNWANTED, text);
    /* Parts of a divisible batch that was run were traced by those who ran them. */
    if (front->trace && !(batch->divisible && outcome.verdict == FANI_DONE))
        fani_trace_batch(front->trace, batch, will_retry(batch));
    if ((outcome.verdict == FANI_DONE || overtime) && next != UNWANTED)
        next = after_failure(front, batch);
    if (next == AGAIN)
        return;
    end(front, batch);
}

/* ---- Abandoning ---------------------------------------------------------------------------- */

static void cancel_delayed(fani_front *front, const fani_batch *root)
{
    for (;;) {
        pthread_mutex_lock(&front->lock);
        fani_care *care = fani_watch_delayed(front, root);
        if (care)
            fani_watch_forget(front, care);
        pthread_mutex_unlock(&front->lock);
        if (!care)
            return;
        fani_settle(front, care->batch, (fani_outcome){.verdict = FANI_CANCELLED});
    }
}

/* Takes hold of the next piece of `root` that was not yet revoked. The lock is held. */
static fani_care *hold_piece(fani_front *front, const fani_batch *root)
{
    for (fani_care *care = front->cares; care; care = care->next_piece) {
        if (care->settling || fani_root_of(care->batch) != root ||
            atomic_load(&care->batch->unwanted))
            continue;
        atomic_store(&care->batch->unwanted, true);
        fani_pin(care);
        return care;
    }
    return NULL;
}

static void revoke_pieces(fani_front *front, const fani_batch *root, bool kill)
{
    pthread_mutex_lock(&front->lock);
    for (fani_care *care; (care = hold_piece(front, root));) {
        pthread_mutex_unlock(&front->lock);
        front->ops->revoke(front->self, care->batch, kill);
        fani_unpin(front, care);
        pthread_mutex_lock(&front->lock);
    }
    pthread_mutex_unlock(&front->lock);
}

/* Asks for what goes on in a detached batch's place; true where that waited. */
static bool cancel_stand_in(fani_front *front, const fani_batch *root)
{
    pthread_mutex_lock(&front->lock);
    fani_care *care = front->cares;
    while (care && (care->stands_for != root || care->settling))
        care = care->next_piece;
    if (care)
        fani_pin(care);
    pthread_mutex_unlock(&front->lock);
    if (!care)
        return false;
    bool taken = front->ops->revoke(front->self, care->batch, false);
    fani_unpin(front, care);
    return taken;
}

bool fani_abandon(fani_front *front, fani_batch *batch, bool kill)
{
    bool taken = false;
    fani_shard *shard = fani_front_enter(front);
    if (atomic_load(&front->closed)) { /* all has ended */
        fani_front_leave(shard);
        return false;
    }
    pthread_mutex_lock(&front->lock);
    if (kill)
        atomic_store(&batch->unwanted, true);
    fani_care *care = fani_watch_delayed(front, batch);
    pthread_mutex_unlock(&front->lock);
    if (care)
        cancel_delayed(front, batch);
    if (front->ops->revoke && !care)
        taken = front->ops->revoke(front->self, batch, kill);
    if (front->ops->revoke && kill)
        revoke_pieces(front, batch, kill);
    else if (front->ops->revoke && !taken && !care)
        taken = cancel_stand_in(front, batch);
    fani_front_leave(shard);
    return taken || care;
}

void fani_abandon_all(fani_front *front)
{
    fani_shard *shard = fani_front_enter(front);
    pthread_mutex_lock(&front->lock);
    front->abandoning = true;
    pthread_mutex_unlock(&front->lock);
    cancel_delayed(front, NULL);
    if (front->ops->revoke)
        front->ops->revoke(front->self, NULL, true);
    fani_front_leave(shard);
}
