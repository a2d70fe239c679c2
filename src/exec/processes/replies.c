/* What comes back from workers. Nothing in it is believed unchecked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "pool.h"
#include "task/wire.h"

enum {
    TURN = 256, /* replies of one worker in a row, so that none can keep the pump from the others */
    AHEAD = 4,  /* replies whose memory is asked for early */
    TURN_BYTES = 1 << 17, /* and about so many bytes of them */
};

/* What a message made of its batch. */
typedef struct result {
    fani_verdict verdict;
    char text[512];
} result;

static void fail(result *r, const char *what, int error)
{
    r->verdict = FANI_FAILED;
    snprintf(r->text, sizeof r->text, "%s%s%s", what, error ? ": " : "",
             error ? strerrordesc_np(error) : "");
}

static void malformed(result *r)
{
    r->verdict = FANI_LOST;
    snprintf(r->text, sizeof r->text, "sent a malformed reply");
}

static void read_replies(fani_batch *batch, const unsigned char *bytes, size_t size, result *r)
{
    uint64_t posting = 0;
    fan_status status =
        fani_wire_replies_read(bytes, size, &posting, &batch->run_ns, &batch->replies);
    if (status == FAN_E_MEMORY)
        fail(r, "out of memory for the replies", 0);
    else if (status != FAN_OK || posting != batch->posting ||
             batch->replies.count != batch->items.count)
        malformed(r);
}

static void read_array(fani_batch *batch, const fani_processes_message *message, result *r)
{
    size_t count = batch->items.count;
    if (count == 0 || message->size % count != 0 || message->size / count > batch->reply_limit)
        malformed(r);
    else if (fani_replies_fill(&batch->replies, count, message->bytes, message->size) != FAN_OK)
        fail(r, "out of memory for the replies", 0);
}

/* Replies too large for the ring: their descriptor was sent before the frame was shown. */
static void read_outside(fani_batch *batch, int fd, size_t size, result *r)
{
    const unsigned char *bytes = NULL;
    int error = fd < 0 ? EMFILE : fani_processes_memory_map_frozen(fd, size, true, &bytes);
    if (error == EPROTO) {
        malformed(r);
    } else if (error) {
        fail(r, "can't map the replies of a worker", error);
    } else {
        read_replies(batch, bytes, size, r);
        fani_processes_memory_unmap(bytes, size);
    }
}

static void read_refusal(const fani_processes_message *message, result *r)
{
    size_t size = message->size < sizeof r->text ? message->size : sizeof r->text - 1;
    r->verdict = FANI_FAILED;
    memcpy(r->text, message->bytes, size);
    r->text[size] = '\0';
}

static void read_message(fani_processes_worker *worker, const fani_processes_message *message,
                         fani_batch *batch, result *r)
{
    int fd = -1;
    size_t size = 0;
    switch (message->kind) {
    case FANI_PROCESSES_ARRAY:
        read_array(batch, message, r);
        break;
    case FANI_PROCESSES_ANSWER:
        read_replies(batch, message->bytes, message->size, r);
        break;
    case FANI_PROCESSES_ANSWER_OUTSIDE:
        if (fani_processes_inbox_take(&worker->inbox, message->posting, &fd, &size))
            read_outside(batch, fd, size, r);
        else
            malformed(r);
        fani_processes_fd_close(&fd);
        break;
    case FANI_PROCESSES_REFUSED:
        read_refusal(message, r);
        break;
    default:
        malformed(r);
    }
}

bool fani_processes_has_answered(const fani_processes_worker *worker, uint64_t posting)
{
    fani_processes_ring replies = fani_processes_region_replies(worker->region);
    fani_processes_message message;
    replies.at = replies.far = worker->heard;
    while (fani_processes_ring_peek(&replies, &message) == FAN_OK && message.frame) {
        if (message.posting == posting)
            return true;
        fani_processes_ring_pass(&replies);
    }
    return false;
}

/* A batch and what was answered to it. */
typedef struct arrival {
    fani_batch *batch;
    fani_processes_message message;
    uint64_t run_ns;
    int64_t begun_ns;
    bool ended; /* it was to be ended, and counts as such */
} arrival;

/* Finds what waits in the ring, without letting go of it. False: it makes no sense. */
static bool find_messages(fani_processes_worker *worker, arrival *arrivals, unsigned *count)
{
    size_t bytes = 0;
    for (*count = 0; *count < TURN && bytes < TURN_BYTES; ++*count) {
        arrival *a = &arrivals[*count];
        if (fani_processes_ring_peek(&worker->replies, &a->message) != FAN_OK)
            return false;
        if (!a->message.frame)
            return true;
        a->run_ns = a->message.frame->run_ns;
        a->begun_ns = a->message.frame->begun_ns;
        bytes += a->message.size;
        fani_processes_ring_pass(&worker->replies);
    }
    return true;
}

/* Finds the batches that were answered, up to one that makes no sense: false. What was taken back
 * meanwhile has no batch. The worker gets more at once: it works on while its replies are read. */
static bool find_batches(fani_processes_pool *pool, fani_processes_worker *worker,
                         arrival *arrivals, unsigned *count)
{
    unsigned found = 0;
    uint64_t run_ns = 0;
    pthread_mutex_lock(&pool->lock);
    pool->collecting = true;
    worker->heard = worker->replies.at;
    while (found < *count &&
           fani_processes_land(worker, arrivals[found].message.posting, &arrivals[found].batch)) {
        fani_processes_expect(arrivals[found].batch);
        run_ns += arrivals[found].run_ns;
        arrivals[found].ended =
            worker->condemned &&
            fani_processes_pardon(pool, worker, arrivals[found].message.posting);
        found++;
    }
    if (found) {
        fani_processes_note_times(worker, found, run_ns);
        worker->full = false;
        pool->blameless = 0;
        fani_processes_dispatch(pool);
    }
    pool->collecting = false;
    pthread_mutex_unlock(&pool->lock);
    bool sound = found == *count;
    *count = found;
    return sound;
}

/* Puts away what came for a batch that was taken back. */
static void drop_outside(fani_processes_worker *worker, const fani_processes_message *message)
{
    int fd = -1;
    size_t size;
    if (message->kind == FANI_PROCESSES_ANSWER_OUTSIDE &&
        fani_processes_inbox_take(&worker->inbox, message->posting, &fd, &size))
        fani_processes_fd_close(&fd);
}

static void note_who(const fani_processes_pool *pool, const fani_processes_worker *worker,
                     const arrival *a)
{
    int32_t pid = atomic_load_explicit(&worker->region->pid, memory_order_relaxed);
    a->batch->begun_ns = a->begun_ns;
    a->batch->where =
        (fani_where){.worker = (uint32_t)(worker - pool->workers), .pid = pid, .thread = pid};
}

/* Reads one answer; a batch that has its replies then waits to be reported with the others. */
static void read_arrival(fani_processes_pool *pool, fani_processes_worker *worker, arrival *a)
{
    result r;
    r.verdict = FANI_DONE;
    if (a->message.kind == FANI_PROCESSES_ANSWER_OUTSIDE)
        fani_processes_listen(pool, worker);
    if (!a->batch) {
        drop_outside(worker, &a->message);
        return;
    }
    a->batch->run_ns = a->run_ns;
    if (a->batch->traced)
        note_who(pool, worker, a);
    read_message(worker, &a->message, a->batch, &r);
    if (a->ended && r.verdict != FANI_LOST) {
        r.verdict = FANI_CANCELLED;
        r.text[0] = '\0';
    }
    if (r.verdict == FANI_DONE)
        return;
    if (r.verdict == FANI_LOST)
        fani_processes_distrust(pool, worker, "sent a malformed reply");
    fani_processes_complete(pool, a->batch, r.verdict, r.text);
    a->batch = NULL;
}

/* Completes a batch that has its replies, or leaves that to the pump. */
static void hand_in(fani_processes_pool *pool, fani_batch *batch, bool attendant)
{
    if (attendant && fani_front_observed(batch))
        fani_fifo_push(&pool->passed, batch);
    else
        fani_processes_complete(pool, batch, FANI_DONE, "");
}

bool fani_processes_collect(fani_processes_pool *pool, fani_processes_worker *worker,
                            bool attendant)
{
    arrival arrivals[TURN];
    unsigned count;
    if (!fani_processes_replies_wait(worker))
        return false;
    bool sound = find_messages(worker, arrivals, &count);
    sound &= find_batches(pool, worker, arrivals, &count);
    fani_processes_wake_due(pool);
    if (count)
        worker->failures = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i + AHEAD < count && arrivals[i + AHEAD].batch)
            fani_fetch_to_write(arrivals[i + AHEAD].batch->replies.bytes.data);
        read_arrival(pool, worker, &arrivals[i]);
    }
    fani_processes_ring_release(&worker->replies);
    fani_processes_wake(worker); /* it may wait for room */
    if (!sound)
        fani_processes_distrust(pool, worker, "sent a malformed reply");
    for (unsigned i = 0; i < count; i++)
        if (arrivals[i].batch)
            hand_in(pool, arrivals[i].batch, attendant);
    return true;
}

/* One message of a worker; false where it makes no sense. */
static bool hear(fani_processes_pool *pool, fani_processes_worker *worker,
                 const fani_processes_control *control, int fd)
{
    if (control->kind == FANI_PROCESSES_MEMORY)
        return fani_processes_inbox_put(&worker->inbox, control, fd);
    fani_processes_fd_close(&fd);
    if (control->kind != FANI_PROCESSES_READY || worker->served)
        return false;
    fani_processes_served(pool, worker);
    return true;
}

void fani_processes_listen(fani_processes_pool *pool, fani_processes_worker *worker)
{
    while (!worker->deaf) {
        fani_processes_control control;
        int fd;
        int error = fani_processes_control_receive(worker->socket, &control, &fd, false);
        if (error == EAGAIN)
            return;
        if (error == EPIPE) {
            fani_processes_hung_up(pool, worker);
            return;
        }
        if (error || !hear(pool, worker, &control, fd))
            fani_processes_distrust(pool, worker, "sent a malformed message");
    }
}
