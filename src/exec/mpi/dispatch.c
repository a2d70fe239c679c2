/* Rank 0: which rank gets which batch, and what comes back. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "exec/batching.h"
#include "instance.h"
#include "task/registry.h"

enum {
    SHORT_NS = 20000,        /* batches up to this may be run several in one go */
    LEAST_NS = 100,          /* what one costs that does nothing */
    LEAST_PART_NS = 5000,    /* work of a run of several */
    PARCEL_BYTES = 32 << 10, /* a message takes no more batches when it has this size */
    PARCEL_BATCHES_MAX = 1024,
    DUE_NS = 1000000, /* answers to less work than this are expected at once */
    PUSH_EVERY = 64,  /* posts between looks at MPI by a thread that only posts */
};

/* Where a posted batch is, as its mark; else the number of its ticket's place and the rank. */
enum { MARK_ENDED, MARK_POSTED, MARK_MOVING, MARK_OWN, MARK_RANGE, MARK_OUT };

static void set_mark(fani_batch *batch, uint64_t mark)
{
    batch->mark = (void *)(uintptr_t)mark;
}

static uint64_t mark_of(const fani_batch *batch)
{
    return (uint64_t)(uintptr_t)batch->mark;
}

/* ---- Ends ---------------------------------------------------------------------------------- */

/* The front leaves what is divisible to those who divide it: this was run whole. */
static void trace_whole(fani_mpi *self, const fani_batch *batch)
{
    if (mark_of(batch) != MARK_RANGE && batch->replies.complete &&
        batch->replies.count == batch->items.count)
        fani_front_trace_part(self->front, batch, 0, batch->items.count);
}

void fani_mpi_complete(fani_mpi *self, fani_batch *batch, fani_outcome outcome)
{
    if (batch->divisible && batch->traced && outcome.verdict == FANI_DONE)
        trace_whole(self, batch);
    fani_front_complete(self->front, batch, outcome);
    atomic_fetch_add(&self->completed, 1);
}

void fani_mpi_report(fani_mpi *self, fani_batch *finished, fani_failed *failed)
{
    while (finished) {
        fani_batch *batch = finished;
        finished = batch->next;
        fani_mpi_complete(self, batch, (fani_outcome){.verdict = FANI_DONE});
    }
    while (failed) {
        fani_failed *one = failed;
        failed = one->next;
        fani_mpi_complete(self, one->batch,
                          (fani_outcome){.verdict = one->verdict, .text = one->text});
        free(one);
    }
}

/* Under `drive`, like the next. */
void fani_mpi_finished(fani_mpi *self, fani_batch *batch)
{
    batch->next = NULL;
    *self->finished_end = batch;
    self->finished_end = &batch->next;
}

void fani_mpi_failed(fani_mpi *self, fani_batch *batch, fani_verdict verdict, const char *text)
{
    fani_failed *one = malloc(sizeof *one);
    if (!one) {
        /* Without memory for the text: replies that no item has, which the front reports. */
        fani_replies_clear(&batch->replies);
        fani_mpi_finished(self, batch);
        return;
    }
    *one = (fani_failed){.next = self->failed, .batch = batch, .verdict = verdict};
    snprintf(one->text, sizeof one->text, "%s", text);
    self->failed = one;
}

/* ---- What is known of tasks ---------------------------------------------------------------- */

/* Under `queue`, like all here but the two of fani_learned. */
uint32_t fani_mpi_task_number(fani_mpi *self, const fan_task *task)
{
    if (task != self->last_task) {
        self->last_task = task;
        self->last_number = fani_registry_number(task);
    }
    return self->last_number;
}

static fani_known *known(fani_mpi *self, const fan_task *task)
{
    uint32_t number = fani_mpi_task_number(self, task);
    fani_known *slot = &self->known[number % FANI_KNOWN];
    if (slot->task != number)
        *slot = (fani_known){.task = number};
    return slot;
}

double fani_mpi_item_ns(fani_mpi *self, const fan_task *task)
{
    return known(self, task)->item.ns;
}

/* 0: not known. */
static double expected_ns(fani_mpi *self, const fani_batch *batch)
{
    double ns = known(self, batch->task)->item.ns * (double)batch->items.count;
    return ns > 0 && ns < LEAST_NS ? LEAST_NS : ns;
}

static void learn(fani_mpi *self, const fani_learned *learned)
{
    if (learned->items <= 0)
        return;
    fani_known *slot = known(self, learned->task);
    fani_item_time_learn(&slot->item, learned->ns / learned->items + 1);
}

static void learned_add(fani_learned *learned, fani_mpi *self, const fan_task *task,
                        uint64_t run_ns, size_t items)
{
    if (learned->task != task) {
        learn(self, learned);
        *learned = (fani_learned){.task = task};
    }
    learned->ns += (double)run_ns;
    learned->items += (double)items;
}

void fani_learned_add(fani_learned *learned, fani_mpi *self, const fan_task *task, uint64_t run_ns,
                      size_t items)
{
    if (learned->task != task) {
        fani_learned_end(learned, self);
        *learned = (fani_learned){.task = task};
    }
    learned->ns += (double)run_ns;
    learned->items += (double)items;
}

void fani_learned_end(const fani_learned *learned, fani_mpi *self)
{
    if (learned->items <= 0)
        return;
    fani_lock_take(&self->queue);
    learn(self, learned);
    fani_lock_give(&self->queue);
}

/* ---- Taking from the queue ----------------------------------------------------------------- */

static bool is_short(const fani_batch *batch, double ns)
{
    return ns > 0 && ns <= SHORT_NS && !batch->timeout_ns;
}

/* What all that waits will take, if it is like the first. */
static double waiting_ns(fani_mpi *self)
{
    return expected_ns(self, fani_queue_first(&self->posted)) * (double)self->posted.count;
}

/* Takes batches of about `ns` together, at least one; all that go with others are short. There are
 * some. Under `queue`. */
static fani_load take(fani_mpi *self, double ns)
{
    fani_load taken = {0};
    taken.end = &taken.first;
    for (;;) {
        fani_batch *batch = fani_queue_first(&self->posted);
        double expected = batch ? expected_ns(self, batch) : 0;
        if (!batch || (taken.count && (taken.ns + expected > ns || !is_short(batch, expected))))
            break;
        fani_queue_remove(&self->posted, batch);
        *taken.end = batch;
        taken.end = &batch->next;
        taken.count++;
        taken.ns += expected;
        taken.bytes += batch->items.bytes ? batch->items.size * batch->items.count : 0;
        if (!is_short(batch, expected) || batch->items.offsets || taken.bytes > PARCEL_BYTES ||
            taken.count == PARCEL_BATCHES_MAX)
            break;
    }
    *taken.end = NULL;
    return taken;
}

/* Into how many runs it is best cut for so many workers. */
static size_t parts(const fani_load *taken, unsigned workers)
{
    size_t most = (size_t)(taken->ns / LEAST_PART_NS) + 1;
    return most < workers ? most : workers;
}

/* ---- To rank 0's own inner executor -------------------------------------------------------- */

/* How many batches the own workers may have. Processes want some at hand: what they need goes
 * through a ring. But only a part of what waits, so that none waits here for a worker while another
 * rank has an idle one. Under `queue`. */
static unsigned own_credit(fani_mpi *self)
{
    unsigned workers = self->peers[0].workers;
    if (!self->isolates)
        return workers;
    unsigned most =
        fani_batching_credit(workers, expected_ns(self, fani_queue_first(&self->posted)));
    size_t share = workers * self->posted.count / ((size_t)2 * self->all_workers);
    if (most > share)
        most = (unsigned)share;
    return most > workers ? most : workers;
}

/* How many inner batches more they can use. Under `queue`. */
static unsigned own_room(fani_mpi *self)
{
    unsigned workers = self->peers[0].workers, out = atomic_load(&self->runs_out);
    unsigned most = self->posted.count ? own_credit(self) : 0;
    if (out >= most)
        return 0;
    return most - out < workers ? most - out : workers;
}

static fani_packet *own_packet(fani_mpi *self, fani_batch *first, size_t count, bool shorts)
{
    fani_packet *packet = fani_packet_new(self, count);
    for (fani_batch *batch = first; packet && batch; batch = batch->next)
        fani_packet_add(packet, &(fani_piece){.batch = batch,
                                              .task = batch->task,
                                              .items = batch->items,
                                              .args = batch->args,
                                              .reply_limit = batch->reply_limit,
                                              .timeout_ns = batch->timeout_ns,
                                              .priority = batch->priority,
                                              .traced = batch->traced,
                                              .is_short = shorts});
    return packet;
}

static void mark_all(fani_mpi *self, fani_batch *first, uint64_t mark)
{
    fani_lock_take(&self->queue);
    for (fani_batch *batch = first; batch; batch = batch->next)
        set_mark(batch, mark);
    fani_lock_give(&self->queue);
}

static void start_own(fani_mpi *self, const fani_load *taken, size_t runs)
{
    /* All are short, or there is one; a single one is best on its own. */
    bool shorts = !self->isolates && taken->count > 1;
    fani_packet *packet = own_packet(self, taken->first, taken->count, shorts);
    if (packet)
        fani_packet_show(packet);
    mark_all(self, taken->first, packet ? MARK_OWN : MARK_ENDED);
    if (packet) {
        fani_packet_start(packet, runs);
        return;
    }
    for (fani_batch *batch = taken->first, *next; batch; batch = next) {
        next = batch->next;
        fani_mpi_complete(self, batch,
                          (fani_outcome){.verdict = FANI_FAILED, .text = "out of memory"});
    }
}

/* With what the own workers can run at once and no more, so that the other ranks find their part
 * when somebody steps. One thread at a time; it looks again before it leaves. */
void fani_mpi_feed(fani_mpi *self)
{
    unsigned room;
    fani_lock_take(&self->queue);
    if (self->feeding) {
        fani_lock_give(&self->queue);
        return;
    }
    self->feeding = true;
    while ((room = own_room(self))) {
        fani_load taken =
            take(self, fani_batching_message_ns(room, self->all_workers, waiting_ns(self)));
        for (fani_batch *batch = taken.first; batch; batch = batch->next)
            set_mark(batch, MARK_MOVING);
        fani_lock_give(&self->queue);
        start_own(self, &taken, parts(&taken, room));
        fani_lock_take(&self->queue);
    }
    self->feeding = false;
    fani_lock_give(&self->queue);
}

void fani_mpi_own_ended(fani_mpi *self)
{
    fani_mpi_feed(self);
    fani_bell_ring(&self->bell);
}

void fani_mpi_post(void *user, fani_batch *batch)
{
    fani_mpi *self = user;
    atomic_fetch_add(&self->postings, 1);
    if (batch->gang) {
        fani_mpi_gang_post(self, batch);
        return;
    }
    if (batch->divisible) {
        set_mark(batch, MARK_RANGE);
        if (fani_ranges_take(self, batch)) {
            fani_mpi_push(self);
            fani_bell_ring(&self->bell);
            return;
        }
    }
    fani_lock_take(&self->queue);
    set_mark(batch, MARK_POSTED);
    fani_queue_put(&self->posted, batch);
    bool feeds = !self->feeding && own_room(self);
    bool pushes = self->posted.count % PUSH_EVERY == 0;
    fani_lock_give(&self->queue);
    if (feeds)
        fani_mpi_feed(self);
    if (pushes)
        fani_mpi_push(self);
    fani_bell_ring(&self->bell);
}

/* ---- To the other ranks -------------------------------------------------------------------- */

/* The rank with room that has the least for each of its workers (of its host where it leads one);
 * 0: none. Under `queue`. */
static int least_loaded(const fani_mpi *self, double batch_ns, double waits_ns)
{
    double share = waits_ns / (2.0 * self->all_workers); /* so that the tail stays balanced */
    int best = 0;
    /* A close that met its deadline has sent the others home all the same. */
    int targets = atomic_load(&self->close_sent) ? 0 : self->target_count;
    double least = 0;
    for (int t = 0; t < targets; t++) {
        const fani_peer *peer = &self->peers[self->targets[t]];
        if (!peer->serves)
            continue;
        double mine = (peer->out_ns + peer->tickets.out) / peer->serves;
        if ((best && mine >= least) ||
            !fani_batching_room(peer->serves, peer->tickets.out, peer->out_ns, batch_ns,
                                peer->credit_ns < share ? peer->credit_ns : share))
            continue;
        best = self->targets[t];
        least = mine;
    }
    return best;
}

/* Of a batch that a rank has. Under `queue`. */
static fani_ticket *ticket_of(fani_mpi *self, const fani_batch *batch, int rank)
{
    return &self->peers[rank].tickets.all[(uint32_t)(mark_of(batch) - MARK_OUT)];
}

/* One batch with a ticket as it goes to a rank in the message `parcel`. */
static fani_order order_of(fani_mpi *self, const fani_batch *batch, int rank, uint64_t parcel)
{
    uint32_t place = (uint32_t)(mark_of(batch) - MARK_OUT);
    const fani_ticket *ticket = &self->peers[rank].tickets.all[place];
    fani_order order = {.ticket = (uint64_t)ticket->use << 32 | place,
                        .task = fani_mpi_task_number(self, batch->task),
                        .is_short = is_short(batch, ticket->ns),
                        .traced = batch->traced,
                        .items = batch->items,
                        .reply_limit = batch->reply_limit,
                        .timeout_ns = batch->timeout_ns,
                        .priority = batch->priority};
    fani_mpi_args *args = ticket->args;
    if (args) {
        order.args = args->id;
        order.args_size = args->size;
        if (args->told[rank] != FANI_ARGS_THERE && args->parcel != parcel) {
            order.args_bytes = args->bytes;
            args->parcel = parcel;
        }
    }
    return order;
}

static bool give_ticket(fani_mpi *self, fani_batch *batch, int rank)
{
    fani_peer *peer = &self->peers[rank];
    fani_mpi_args *args = NULL;
    if (!fani_tickets_reserve(&peer->tickets) ||
        (batch->args.count && !(args = fani_mpi_args_use(self, &batch->args, true))))
        return false;
    const fani_ticket ticket = {.batch = batch,
                                .args = args,
                                .ns = expected_ns(self, batch),
                                .brings_args = args && args->told[rank] != FANI_ARGS_THERE};
    uint32_t place = (uint32_t)fani_tickets_give(&peer->tickets, &ticket);
    set_mark(batch, MARK_OUT + ((uint64_t)rank << 32 | place));
    peer->out_ns += ticket.ns;
    return true;
}

/* Takes a batch of a rank back; false where it has none of this number. */
static bool take_ticket(fani_mpi *self, int rank, uint64_t number, fani_ticket *ticket)
{
    fani_peer *peer = &self->peers[rank];
    if (!fani_tickets_take(&peer->tickets, number, ticket))
        return false;
    set_mark(ticket->batch, MARK_ENDED);
    peer->out_ns = peer->tickets.out ? peer->out_ns - ticket->ns : 0;
    fani_mpi_args_release(ticket->args, ticket->batch->args.bytes);
    return true;
}

static const char no_memory[] = "no memory for a message to a rank";

/* What can't even be sent. */
static void drop_load(fani_mpi *self, const fani_load *taken, int rank, const char *text)
{
    for (fani_batch *batch = taken->first, *next; batch; batch = next) {
        next = batch->next;
        uint64_t mark = mark_of(batch);
        fani_ticket ticket;
        if (mark >= MARK_OUT) {
            uint32_t place = (uint32_t)(mark - MARK_OUT);
            uint64_t use = self->peers[rank].tickets.all[place].use;
            take_ticket(self, rank, use << 32 | place, &ticket);
        }
        set_mark(batch, MARK_ENDED);
        fani_mpi_failed(self, batch, FANI_FAILED, text);
    }
}

static fani_message *write_parcel(fani_mpi *self, const fani_load *taken, int rank)
{
    uint64_t limit = taken->first->reply_limit, measured = ++self->parcels, sent = ++self->parcels;
    size_t size = sizeof(fani_parcel_head);
    for (const fani_batch *batch = taken->first; batch; batch = batch->next) {
        fani_order order = order_of(self, batch, rank, measured);
        size += fani_order_size(&order, limit);
    }
    fani_message *message = fani_message_new(rank, FANI_TAG_ORDERS, size);
    if (!message)
        return NULL;
    const fani_parcel_head head = {.magic = FANI_ORDERS_MAGIC,
                                   .count = (uint32_t)taken->count,
                                   .reply_limit = limit,
                                   .parts = parts(taken, self->peers[rank].serves),
                                   .work_ns = (uint64_t)taken->ns};
    memcpy(message->bytes, &head, sizeof head);
    unsigned char *at = message->bytes + sizeof head;
    for (const fani_batch *batch = taken->first; batch; batch = batch->next) {
        fani_order order = order_of(self, batch, rank, sent);
        at = fani_order_write(&order, limit, at);
        if (order.args_bytes) /* what is there already stays so: it was measured as that */
            ticket_of(self, batch, rank)->args->told[rank] = FANI_ARGS_SENT;
    }
    return message;
}

/* What asks for a batch back must not overtake it: `queue` is not let go of between the tickets and
 * this. Under `drive` too. */
static void send_load(fani_mpi *self, const fani_load *taken, int rank)
{
    fani_message *message = write_parcel(self, taken, rank);
    self->peers[rank].told += message != NULL;
    if (message)
        fani_link_send(&self->link, message);
    else
        drop_load(self, taken, rank, no_memory);
}

static void send_written(fani_mpi *self, int rank)
{
    fani_load *writing = &self->peers[rank].writing;
    if (writing->first)
        send_load(self, writing, rank);
    *writing = (fani_load){0};
}

/* Batches for a host wait for all others that it has room for at the moment. */
static void write_more(fani_mpi *self, const fani_load *taken, int rank)
{
    fani_peer *peer = &self->peers[rank];
    fani_load *writing = &peer->writing;
    if (!writing->end) {
        writing->end = &writing->first;
        peer->writing_next = self->writing;
        self->writing = rank;
    }
    *writing->end = taken->first;
    writing->end = taken->end;
    writing->count += taken->count;
    writing->bytes += taken->bytes;
    writing->ns += taken->ns;
    if (writing->bytes > PARCEL_BYTES || writing->count >= PARCEL_BATCHES_MAX) {
        send_load(self, writing, rank);
        *writing = (fani_load){.end = &writing->first};
    }
}

/* Gives the next batches to a rank that has room; false: none has, or nothing waits. Under `drive`
 * and `queue`. */
static bool give_some(fani_mpi *self)
{
    fani_batch *first = fani_queue_first(&self->posted);
    int rank = first ? least_loaded(self, expected_ns(self, first), waiting_ns(self)) : 0;
    if (!rank)
        return false;
    const fani_peer *peer = &self->peers[rank];
    fani_load taken =
        take(self, fani_batching_message_ns(peer->serves, self->all_workers, waiting_ns(self)));
    bool whole = taken.first != NULL; /* there is one */
    for (fani_batch *batch = taken.first; batch && whole; batch = batch->next)
        whole = give_ticket(self, batch, rank);
    if (!whole)
        drop_load(self, &taken, rank, no_memory);
    else if (peer->carries)
        write_more(self, &taken, rank);
    else
        send_load(self, &taken, rank);
    return true;
}

bool fani_mpi_distribute(fani_mpi *self)
{
    bool moved = false;
    if (self->rank != 0 || self->size == 1)
        return false;
    fani_lock_take(&self->queue);
    while (give_some(self))
        moved = true;
    for (int r = self->writing; r; r = self->peers[r].writing_next)
        send_written(self, r);
    self->writing = 0;
    fani_lock_give(&self->queue);
    return moved;
}

/* ---- Back ---------------------------------------------------------------------------------- */

/* What a ticket's batch knows of its arguments once it is answered. */
static void args_are_there(const fani_ticket *ticket, int rank)
{
    if (ticket->brings_args)
        ticket->args->told[rank] = FANI_ARGS_THERE;
}

/* Gives back the tickets of all answers of a message: *chain has their batches in the same order.
 * Under one lock for all of them. */
static fan_status redeem(fani_mpi *self, int rank, fani_answers_read answers, fani_batch **chain)
{
    fani_learned learned = {0};
    fan_status status = FAN_OK;
    fani_answer answer;
    fani_ticket ticket;
    fani_lock_take(&self->queue);
    for (uint32_t i = 0; i < answers.count && !status; i++) {
        status = fani_answer_next(&answers, &answer);
        if (!status && !fani_tickets_peek(&self->peers[rank].tickets, answer.ticket, &ticket))
            status = FAN_E_PROTOCOL;
        if (status)
            break;
        args_are_there(&ticket, rank);
        take_ticket(self, rank, answer.ticket, &ticket);
        *chain = ticket.batch;
        chain = &ticket.batch->next;
        if (answer.verdict == FANI_DONE)
            learned_add(&learned, self, ticket.batch->task, answer.run_ns,
                        ticket.batch->items.count);
    }
    learn(self, &learned);
    fani_lock_give(&self->queue);
    *chain = NULL;
    return status;
}

static void answered(fani_mpi *self, int rank, fani_batch *batch, const fani_answer *answer)
{
    char text[FANI_MPI_TEXT_SIZE];
    if (answer->verdict == FANI_DONE) {
        fan_status status = fani_answer_replies(answer, batch->items.count, &batch->replies);
        batch->run_ns = answer->run_ns;
        batch->begun_ns = answer->begun_ns;
        batch->where = answer->where;
        if (status)
            fani_mpi_failed(self, batch, FANI_FAILED, fan_status_text(status));
        else
            fani_mpi_finished(self, batch);
        return;
    }
    snprintf(text, sizeof text, "rank %d: %.*s", rank,
             (int)(answer->size < 200 ? answer->size : 200), (const char *)answer->bytes);
    fani_mpi_failed(self, batch, answer->verdict, text);
}

fan_status fani_mpi_take_answers(fani_mpi *self, const fani_message *message, bool *dry)
{
    fani_answers_read answers;
    fani_batch *chain = NULL;
    fan_status status = fani_mpi_answers_open(self, message, &answers);
    if (!status) {
        *dry |= answers.head.dry;
        status = redeem(self, message->peer, answers, &chain);
    }
    while (chain) {
        fani_answer answer;
        fani_batch *batch = chain;
        chain = batch->next;
        fani_answer_next(&answers, &answer); /* was read before */
        answered(self, (int)answers.head.rank, batch, &answer);
    }
    return status;
}

/* ---- Taking back --------------------------------------------------------------------------- */

/* Under `queue`. */
static void send_revocation(fani_mpi *self, int rank, uint64_t ticket, bool kill)
{
    const fani_mpi_revocation what = {
        .after = self->peers[rank].told, .ticket = ticket, .kill = kill};
    fani_message *message = fani_message_new(rank, FANI_TAG_REVOKE, sizeof what);
    if (message)
        memcpy(message->bytes, &what, sizeof what);
    fani_link_send(&self->link, message);
}

/* Asks a rank for a batch that it has. Under `queue`. */
static void ask_back(fani_mpi *self, const fani_batch *batch, bool kill)
{
    uint64_t mark = mark_of(batch) - MARK_OUT;
    uint32_t place = (uint32_t)mark;
    int rank = (int)(mark >> 32);
    fani_ticket *ticket = &self->peers[rank].tickets.all[place];
    if (!atomic_load(&self->close_sent))
        send_revocation(self, rank, (uint64_t)ticket->use << 32 | place, kill);
}

static void cancel_posted(fani_mpi *self)
{
    fani_batch *batch;
    do {
        fani_lock_take(&self->queue);
        batch = fani_queue_first(&self->posted);
        if (batch) {
            fani_queue_remove(&self->posted, batch);
            set_mark(batch, MARK_ENDED);
        }
        fani_lock_give(&self->queue);
        if (batch)
            fani_mpi_complete(self, batch, (fani_outcome){.verdict = FANI_CANCELLED});
    } while (batch);
}

static void revoke_all(fani_mpi *self, bool kill)
{
    cancel_posted(self);
    fani_ranges_revoke(self, NULL, kill);
    fani_packet_revoke_all(self, kill);
    fani_lock_take(&self->queue);
    for (int r = 1; r < self->size && !atomic_load(&self->close_sent); r++)
        if (self->peers[r].tickets.out)
            send_revocation(self, r, UINT64_MAX, kill);
    fani_lock_give(&self->queue);
    fani_bell_ring(&self->bell);
}

/* Takes the lock of the queue when the batch is not just on its way from there to a packet, where
 * it could not be found: whoever moves it is through at once. */
static uint64_t lock_settled(fani_mpi *self, const fani_batch *batch)
{
    for (;;) {
        fani_lock_take(&self->queue);
        uint64_t mark = mark_of(batch);
        if (mark != MARK_MOVING)
            return mark;
        fani_lock_give(&self->queue);
        sched_yield();
    }
}

bool fani_mpi_revoke(void *user, fani_batch *batch, bool kill)
{
    fani_mpi *self = user;
    if (!batch) {
        revoke_all(self, kill);
        return true;
    }
    uint64_t mark = lock_settled(self, batch);
    bool waits = mark == MARK_POSTED;
    if (waits) {
        fani_queue_remove(&self->posted, batch);
        set_mark(batch, MARK_ENDED);
    } else if (mark >= MARK_OUT) {
        ask_back(self, batch, kill);
    }
    fani_lock_give(&self->queue);
    if (waits)
        fani_mpi_complete(self, batch, (fani_outcome){.verdict = FANI_CANCELLED});
    else if (mark == MARK_RANGE)
        fani_ranges_revoke(self, batch, kill);
    else if (mark == MARK_OWN)
        return fani_packet_revoke(self, 0, batch, kill);
    else
        fani_bell_ring(&self->bell);
    return waits;
}

bool fani_mpi_answers_due(fani_mpi *self)
{
    bool due = false;
    if (self->rank != 0)
        return atomic_load_explicit(&self->relay.due, memory_order_relaxed);
    fani_lock_take(&self->queue);
    for (int t = 0; t < self->target_count && !due; t++) {
        const fani_peer *peer = &self->peers[self->targets[t]];
        unsigned workers = peer->serves ? peer->serves : 1; /* one does what it still has */
        due = peer->tickets.out && peer->out_ns < (double)workers * DUE_NS;
    }
    fani_lock_give(&self->queue);
    return due;
}

bool fani_mpi_fail_all(fani_mpi *self, const char *text)
{
    bool any = false;
    fani_ticket ticket;
    fani_batch *batch;
    if (self->rank != 0)
        return false;
    fani_lock_take(&self->queue);
    while ((batch = fani_queue_first(&self->posted))) {
        fani_queue_remove(&self->posted, batch);
        set_mark(batch, MARK_ENDED);
        fani_mpi_failed(self, batch, FANI_FAILED, text);
        any = true;
    }
    for (int r = 1; r < self->size; r++) {
        fani_tickets *tickets = &self->peers[r].tickets;
        for (uint32_t i = 0; i < tickets->capacity && tickets->out; i++) {
            if (!take_ticket(self, r, (uint64_t)tickets->all[i].use << 32 | i, &ticket))
                continue;
            fani_mpi_failed(self, ticket.batch, FANI_FAILED, text);
            any = true;
        }
    }
    fani_lock_give(&self->queue);
    return fani_ranges_fail_all(self, text) || any;
}
