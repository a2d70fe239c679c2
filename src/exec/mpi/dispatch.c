/* Rank 0: which rank gets which batch, and what comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "exec/batching.h"
#include "instance.h"
#include "task/wire.h"

/* ---- Ends ---------------------------------------------------------------------------------- */

static void complete(fani_mpi *self, fani_batch *batch, fani_outcome outcome)
{
    fani_front_complete(self->front, batch, outcome);
    atomic_fetch_add(&self->completed, 1);
}

void fani_mpi_report(fani_mpi *self, fani_batch *finished)
{
    while (finished) {
        fani_batch *batch = finished;
        char *text = batch->mark;
        finished = batch->next;
        complete(self, batch,
                 (fani_outcome){.verdict = text ? FANI_FAILED : FANI_DONE, .text = text});
        free(text);
    }
}

/* `text`: why it failed; NULL: it is done. Under `drive`. */
static void finished(fani_mpi *self, fani_batch *batch, const char *text)
{
    char *kept = NULL;
    if (text && !(kept = strdup(text))) {
        /* Without memory for the text: replies that no item has, which the front reports. */
        fani_replies_clear(&batch->replies);
    }
    batch->mark = kept;
    batch->next = NULL;
    *self->finished_end = batch;
    self->finished_end = &batch->next;
}

/* ---- The queue ----------------------------------------------------------------------------- */

static void posted_last(fani_mpi *self, fani_batch *batch)
{
    batch->next = NULL;
    *self->posted_end = batch;
    self->posted_end = &batch->next;
}

static fani_batch *posted_take(fani_mpi *self)
{
    fani_batch *batch = self->posted;
    self->posted = batch->next;
    if (!self->posted)
        self->posted_end = &self->posted;
    batch->next = NULL;
    return batch;
}

static unsigned credit(const fani_mpi *self, int rank)
{
    return fani_batching_credit(self->peers[rank].workers, self->batch_ns);
}

/* Under `queue`. */
static void learn_time(fani_mpi *self, uint64_t run_ns)
{
    double ns = (double)run_ns + 1;
    self->batch_ns = self->batch_ns > 0 ? 0.75 * self->batch_ns + 0.25 * ns : ns;
}

/* The rank with room that has the least for each of its workers; of equals the last, because rank 0
 * has its hands full with the others. -1: none. Under `queue`. */
static int least_loaded(const fani_mpi *self)
{
    int best = -1;
    /* A close that met its deadline has sent the others home all the same. */
    int ranks = atomic_load(&self->close_sent) ? 1 : self->size;
    for (int r = ranks - 1; r >= 0; r--) {
        const fani_peer *peer = &self->peers[r];
        if (peer->out >= credit(self, r))
            continue;
        if (best < 0 || (uint64_t)peer->out * self->peers[best].workers <
                            (uint64_t)self->peers[best].out * peer->workers)
            best = r;
    }
    return best;
}

/* ---- To rank 0's own inner executor -------------------------------------------------------- */

static void feed(fani_mpi *self);

/* On the inner executor's worker. */
static void own_done(fani_batch *inner)
{
    fani_batch *batch = inner->user;
    fani_mpi *self = batch->mark;
    fani_replies_clear(&batch->replies);
    fani_replies_move(&batch->replies, &inner->replies);
    batch->run_ns = inner->run_ns;
    batch->begun_ns = inner->begun_ns;
    batch->where = inner->where;
    fani_batch_free(inner);
    batch->mark = NULL;
    pthread_mutex_lock(&self->queue);
    self->peers[0].out--;
    learn_time(self, batch->run_ns);
    pthread_mutex_unlock(&self->queue);
    complete(self, batch, (fani_outcome){.verdict = FANI_DONE});
    feed(self);
    fani_bell_ring(&self->bell);
}

static void start_own(fani_mpi *self, fani_batch *batch)
{
    fani_batch *inner = fani_batch_new();
    fan_status status = inner ? FAN_OK : FAN_E_MEMORY;
    if (inner) {
        inner->task = batch->task;
        inner->args = batch->args;
        inner->items = batch->items;
        inner->reply_limit = batch->reply_limit;
        inner->done = own_done;
        inner->user = batch;
        batch->mark = self;
        status = fani_front_send(self->inner_front, inner);
    }
    if (!status)
        return;
    fani_batch_free(inner);
    pthread_mutex_lock(&self->queue);
    self->peers[0].out--;
    pthread_mutex_unlock(&self->queue);
    complete(self, batch, (fani_outcome){.verdict = FANI_FAILED, .text = fan_status_text(status)});
}

void fani_mpi_start_chosen(fani_mpi *self, fani_batch *chosen)
{
    while (chosen) {
        fani_batch *batch = chosen;
        chosen = batch->next;
        batch->next = NULL;
        start_own(self, batch);
    }
}

/* Keeps rank 0's own workers busy whoever calls, since that takes no MPI: but only with what they
 * can run at once, so that the other ranks find their part when somebody steps. In a loop and not
 * in recursion: the end of a batch comes back here. */
static void feed(fani_mpi *self)
{
    pthread_mutex_lock(&self->queue);
    if (self->feeding) {
        pthread_mutex_unlock(&self->queue);
        return;
    }
    self->feeding = true;
    while (self->posted && self->peers[0].out < self->peers[0].workers) {
        fani_batch *batch = posted_take(self);
        self->peers[0].out++;
        pthread_mutex_unlock(&self->queue);
        start_own(self, batch);
        pthread_mutex_lock(&self->queue);
    }
    self->feeding = false;
    pthread_mutex_unlock(&self->queue);
}

void fani_mpi_post(void *user, fani_batch *batch)
{
    fani_mpi *self = user;
    atomic_fetch_add(&self->postings, 1);
    if (batch->gang) {
        fani_mpi_gang_post(self, batch);
        return;
    }
    pthread_mutex_lock(&self->queue);
    posted_last(self, batch);
    pthread_mutex_unlock(&self->queue);
    feed(self);
    fani_bell_ring(&self->bell);
}

/* Takes a batch (NULL: any) out of those that no rank has yet, or NULL. */
static fani_batch *posted_remove(fani_mpi *self, const fani_batch *batch)
{
    pthread_mutex_lock(&self->queue);
    fani_batch **at = &self->posted;
    while (*at && batch && *at != batch)
        at = &(*at)->next;
    fani_batch *found = *at;
    if (found)
        *at = found->next;
    if (found && !*at)
        self->posted_end = at;
    pthread_mutex_unlock(&self->queue);
    return found;
}

bool fani_mpi_revoke(void *user, fani_batch *batch, bool kill)
{
    (void)kill;
    fani_mpi *self = user;
    bool any = false;
    for (fani_batch *found; (found = posted_remove(self, batch)); any = true) {
        complete(self, found, (fani_outcome){.verdict = FANI_CANCELLED});
        if (batch)
            return true;
    }
    return any;
}

/* ---- To the other ranks -------------------------------------------------------------------- */

/* Finds and removes a batch that a rank has. NULL: it has none of this number. */
static fani_batch *take_back(fani_mpi *self, int rank, uint64_t posting)
{
    fani_peer *peer = &self->peers[rank];
    pthread_mutex_lock(&self->queue);
    fani_batch **at = &peer->first;
    while (*at && (*at)->posting != posting)
        at = &(*at)->next;
    fani_batch *batch = *at;
    if (batch) {
        *at = batch->next;
        peer->out--;
    }
    pthread_mutex_unlock(&self->queue);
    return batch;
}

static fani_message *encode(const fani_batch *batch, int rank, char *text, size_t text_size)
{
    fani_wire_batch wire = {
        .posting = batch->posting,
        .reply_limit = batch->reply_limit,
        .task_name = batch->task->name,
        .task_name_size = strlen(batch->task->name),
        .args = batch->args,
        .items = batch->items,
    };
    size_t size = fani_wire_batch_size(&wire);
    fani_message *message = fani_message_new(rank, FANI_TAG_BATCH, size);
    if (message)
        fani_wire_batch_write(&wire, message->bytes);
    else
        snprintf(text, text_size, "no memory for a message of %zu bytes", size);
    return message;
}

static void send_batch(fani_mpi *self, fani_batch *batch, int rank)
{
    char text[FANI_MPI_TEXT_SIZE];
    fani_message *message = encode(batch, rank, text, sizeof text);
    if (message) {
        fani_link_send(&self->link, message);
        return;
    }
    take_back(self, rank, batch->posting);
    finished(self, batch, text);
}

bool fani_mpi_distribute(fani_mpi *self)
{
    bool moved = false;
    if (self->rank != 0)
        return false;
    for (;;) {
        pthread_mutex_lock(&self->queue);
        int rank = self->posted ? least_loaded(self) : -1;
        fani_batch *batch = rank < 0 ? NULL : posted_take(self);
        if (batch) {
            fani_peer *peer = &self->peers[rank];
            fani_batch **list = rank == 0 ? &self->chosen : &peer->first;
            while (*list)
                list = &(*list)->next;
            *list = batch;
            peer->out++;
        }
        pthread_mutex_unlock(&self->queue);
        if (!batch)
            return moved;
        moved = true;
        if (rank != 0)
            send_batch(self, batch, rank);
    }
}

/* ---- Back ---------------------------------------------------------------------------------- */

static void protocol_broken(fani_mpi *self, const fani_message *message)
{
    char text[FANI_MPI_TEXT_SIZE];
    snprintf(text, sizeof text, "a malformed message of %zu bytes from rank %d", message->size,
             message->peer);
    fani_link_break(&self->link, FAN_E_PROTOCOL, text);
}

/* The batch that a message answers; NULL: none, and the link is broken. */
static fani_batch *answered(fani_mpi *self, const fani_message *message)
{
    fani_mpi_reply reply;
    fani_batch *batch = NULL;
    if (self->rank == 0 && message->size >= sizeof reply) {
        memcpy(&reply, message->bytes, sizeof reply);
        batch = take_back(self, message->peer, reply.posting);
        self->peers[message->peer].workers_lost = reply.workers_lost;
    }
    if (!batch)
        protocol_broken(self, message);
    return batch;
}

void fani_mpi_replies_came(fani_mpi *self, fani_message *message)
{
    fani_batch *batch = answered(self, message);
    if (batch) {
        uint64_t posting;
        fan_status status = fani_wire_replies_read(message->bytes + sizeof(fani_mpi_reply),
                                                   message->size - sizeof(fani_mpi_reply), &posting,
                                                   &batch->run_ns, &batch->replies);
        if (!status)
            fani_wire_replies_stamped(message->bytes + sizeof(fani_mpi_reply), &batch->begun_ns,
                                      &batch->where);
        batch->where.rank = (uint32_t)message->peer;
        finished(self, batch, status ? fan_status_text(status) : NULL);
    }
    free(message);
}

void fani_mpi_refusal_came(fani_mpi *self, fani_message *message)
{
    fani_batch *batch = answered(self, message);
    if (batch) {
        char text[FANI_MPI_TEXT_SIZE];
        snprintf(text, sizeof text, "rank %d: %.*s", message->peer,
                 (int)(message->size - sizeof(fani_mpi_reply)),
                 (const char *)message->bytes + sizeof(fani_mpi_reply));
        finished(self, batch, text);
    }
    free(message);
}

bool fani_mpi_fail_all(fani_mpi *self, const char *text)
{
    fani_batch *all = NULL, **end = &all;
    pthread_mutex_lock(&self->queue);
    for (int r = self->rank == 0 ? 0 : self->size; r < self->size; r++) {
        fani_batch **list = r == 0 ? &self->posted : &self->peers[r].first;
        *end = *list;
        while (*end)
            end = &(*end)->next;
        *list = NULL;
        if (r != 0)
            self->peers[r].out = 0;
    }
    self->posted_end = &self->posted;
    pthread_mutex_unlock(&self->queue);
    bool any = all != NULL;
    while (all) {
        fani_batch *batch = all;
        all = batch->next;
        finished(self, batch, text);
    }
    return any;
}
