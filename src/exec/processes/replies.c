/* What comes back from workers. Nothing in it is believed unchecked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "pool.h"
#include "task/wire.h"

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
    else
        fani_wire_replies_stamped(bytes, &batch->begun_ns, &batch->where);
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
    case FANI_PROCESSES_INLINE:
        read_replies(batch, message->bytes, message->size, r);
        break;
    case FANI_PROCESSES_OUTSIDE:
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

static void take(fani_processes_pool *pool, fani_processes_worker *worker,
                 const fani_processes_message *message)
{
    result r = {.verdict = FANI_DONE};
    if (message->kind == FANI_PROCESSES_OUTSIDE)
        fani_processes_listen(pool, worker);
    pthread_mutex_lock(&pool->lock);
    fani_batch *batch = fani_processes_land(worker, message->posting);
    worker->full = false;
    pool->blameless = 0;
    fani_processes_dispatch(pool); /* so that it works on while its replies are read */
    pthread_mutex_unlock(&pool->lock);
    worker->failures = 0;
    if (batch)
        read_message(worker, message, batch, &r);
    if (batch)
        batch->where.worker = (uint32_t)(worker - pool->workers);
    fani_processes_ring_release(&worker->replies);
    fani_processes_wake(worker); /* it may wait for room */
    if (!batch || r.verdict == FANI_LOST)
        fani_processes_distrust(pool, worker, "sent a malformed reply");
    if (batch)
        fani_processes_complete(pool, batch, r.verdict, r.text);
}

bool fani_processes_collect(fani_processes_pool *pool, fani_processes_worker *worker)
{
    bool any = false;
    /* Not more than it can hold, so that one fast worker can't keep the pump from the others. */
    for (int i = 0; i < FANI_PROCESSES_WINDOW && worker->region && !worker->deaf; i++) {
        fani_processes_message message;
        if (fani_processes_ring_peek(&worker->replies, &message) != FAN_OK) {
            fani_processes_distrust(pool, worker, "sent a malformed message");
            break;
        }
        if (!message.frame)
            break;
        take(pool, worker, &message);
        any = true;
    }
    fani_processes_wake_due(pool);
    return any;
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
