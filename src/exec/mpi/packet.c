#include "packet.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "instance.h"
#include "task/wire.h"
#include "task/worker.h"

enum {
    /* A run of pieces that were thought short ends after this, so that other workers can have the
     * rest. */
    SURPRISE_NS = 200000,
    /* The answer to a piece that ran this long does not wait for others. */
    ALONE_NS = 20000,
};

/* ---- A packet ------------------------------------------------------------------------------ */

fani_packet *fani_packet_new(fani_mpi *self, size_t count)
{
    fani_packet *packet = NULL;
    if (count <= (SIZE_MAX - sizeof *packet) / sizeof packet->pieces[0])
        packet = malloc(sizeof *packet + count * sizeof packet->pieces[0]);
    if (!packet)
        return NULL;
    packet->self = self;
    packet->came = NULL;
    packet->buried = NULL;
    packet->count = 0;
    packet->next = packet->previous = NULL;
    atomic_init(&packet->users, 1);
    if (self->rank != 0)
        fani_answers_begin(&packet->answers, self, FANI_TAG_ANSWERS);
    return packet;
}

void fani_packet_show(fani_packet *packet)
{
    fani_mpi *self = packet->self;
    pthread_mutex_lock(&self->packing);
    packet->next = self->packets;
    if (packet->next)
        packet->next->previous = packet;
    self->packets = packet;
    pthread_mutex_unlock(&self->packing);
}

void fani_packet_add(fani_packet *packet, const fani_piece *piece)
{
    fani_piece *added = &packet->pieces[packet->count++];
    *added = *piece;
    added->packet = packet;
    atomic_init(&added->state, FANI_PIECE_WAITING);
    atomic_init(&added->inner, NULL);
}

static void leave(fani_packet *packet)
{
    fani_mpi *self = packet->self;
    if (atomic_fetch_sub(&packet->users, 1) != 1)
        return;
    pthread_mutex_lock(&self->packing);
    if (packet->previous)
        packet->previous->next = packet->next;
    else
        self->packets = packet->next;
    if (packet->next)
        packet->next->previous = packet->previous;
    pthread_mutex_unlock(&self->packing);
    if (self->rank != 0)
        fani_answers_end(&packet->answers);
    for (fani_batch *inner = packet->buried, *next; inner; inner = next) {
        next = inner->next;
        fani_batch_free(inner);
    }
    free(packet->came);
    free(packet);
}

/* An inner batch has ended. It stays with its packet: someone may be asking it back. */
static void bury(fani_packet *packet, fani_batch *inner)
{
    fani_mpi *self = packet->self;
    pthread_mutex_lock(&self->packing);
    inner->next = packet->buried;
    packet->buried = inner;
    pthread_mutex_unlock(&self->packing);
    atomic_fetch_sub(&self->runs_out, 1);
    if (self->rank == 0)
        fani_mpi_own_ended(self);
    leave(packet);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static void refuse(fani_piece *piece, const char *text)
{
    fani_packet *packet = piece->packet;
    if (piece->batch)
        fani_mpi_complete(packet->self, piece->batch,
                          (fani_outcome){.verdict = FANI_FAILED, .text = text});
    else
        fani_answers_add(
            &packet->answers,
            &(fani_answer){.ticket = piece->ticket, .verdict = FANI_FAILED, .text = text}, 0,
            false);
}

/* ---- Short pieces -------------------------------------------------------------------------- */

/* One worker's way through some pieces. */
typedef struct round {
    fani_packet *packet;
    fani_where where;
    fani_worker *worker;
    fani_replies replies; /* of a piece that another rank waits for */
    int64_t now;
    fani_learned learned;
} round;

/* A piece has run. Where it is being asked to end, its run waits until that has been said: said
 * later it would hit the piece that comes next. */
static void piece_done(fani_piece *piece)
{
    int state = FANI_PIECE_RUNNING;
    while (!atomic_compare_exchange_weak(&piece->state, &state, FANI_PIECE_DONE)) {
        if (state == FANI_PIECE_KILLING) {
            sched_yield();
            state = FANI_PIECE_RUNNING;
        }
    }
}

/* One look at the clock for each piece: it begins where the one before ended. */
static uint64_t passed(round *r)
{
    int64_t before = r->now;
    r->now = fani_clock_ns();
    return (uint64_t)(r->now - before);
}

static void run_own(round *r, fani_piece *piece)
{
    fani_batch *batch = piece->batch;
    batch->begun_ns = r->now;
    batch->where = r->where;
    fan_status status = fani_worker_run_untimed(r->worker, piece->task, &piece->items, &piece->args,
                                                piece->reply_limit, &batch->replies);
    batch->run_ns = passed(r);
    piece_done(piece);
    fani_learned_add(&r->learned, r->packet->self, piece->task, batch->run_ns, piece->items.count);
    fani_mpi_complete(r->packet->self, batch,
                      (fani_outcome){.verdict = status ? FANI_FAILED : FANI_DONE,
                                     .text = fan_status_text(status)});
}

static void run_other(round *r, fani_piece *piece, bool is_last)
{
    int64_t begun = r->now;
    fan_status status = fani_worker_run_untimed(r->worker, piece->task, &piece->items, &piece->args,
                                                piece->reply_limit, &r->replies);
    uint64_t run_ns = passed(r);
    piece_done(piece);
    const fani_answer answer = {.ticket = piece->ticket,
                                .verdict = status ? FANI_FAILED : FANI_DONE,
                                .text = status ? fan_status_text(status) : NULL,
                                .replies = &r->replies,
                                .run_ns = run_ns,
                                .begun_ns = begun,
                                .where = r->where};
    fani_answers_add(&r->packet->answers, &answer, r->now, is_last || run_ns > ALONE_NS);
}

static fani_where here(const fani_packet *packet, const fani_batch *inner)
{
    fani_where where = fani_where_here(inner ? inner->where.worker : 0);
    where.rank = (uint32_t)packet->self->rank;
    return where;
}

/* The task that runs the pieces `in.first` and on of a packet; what it leaves waiting, because they
 * took longer than they should, is started again by run_ended. */
static fan_status run_pieces(fan_run *run, fan_items in)
{
    fani_packet *packet = (void *)(uintptr_t)in.bytes;
    const fani_batch *inner = atomic_load(&packet->pieces[in.first].inner);
    round r = {.packet = packet,
               .where = here(packet, inner),
               .worker = fani_run_worker(run),
               .now = fani_clock_ns()};
    const int64_t until = r.now + SURPRISE_NS;
    for (size_t i = 0; i < in.count && r.now < until && !fan_run_cancelled(run); i++) {
        fani_piece *piece = &packet->pieces[in.first + i];
        int waiting = FANI_PIECE_WAITING;
        if (!atomic_compare_exchange_strong(&piece->state, &waiting, FANI_PIECE_RUNNING))
            continue;
        if (piece->batch)
            run_own(&r, piece);
        else
            run_other(&r, piece, i + 1 == in.count);
    }
    fani_learned_end(&r.learned, packet->self);
    fani_replies_clear(&r.replies);
    return fan_run_reply_array(run, 0) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task pieces_task = {.name = "fan.pieces", .version = 1, .run = run_pieces};

static void start_some(fani_packet *packet, size_t first, size_t count);

/* On the inner executor's worker. */
static void run_ended(fani_batch *inner)
{
    fani_packet *packet = inner->user;
    size_t at = (size_t)inner->items.first, end = at + inner->items.count;
    while (at < end && atomic_load(&packet->pieces[at].state) != FANI_PIECE_WAITING)
        at++;
    if (at < end) {
        size_t half = (end - at + 1) / 2;
        start_some(packet, at, half);
        if (at + half < end)
            start_some(packet, at + half, end - at - half);
    }
    bury(packet, inner);
}

static fan_status send_inner(fani_packet *packet, fani_batch *inner)
{
    fani_mpi *self = packet->self;
    atomic_fetch_add(&packet->users, 1);
    atomic_fetch_add(&self->runs_out, 1);
    fan_status status = inner ? fani_front_send(self->inner_front, inner) : FAN_E_MEMORY;
    if (status) {
        fani_batch_free(inner);
        atomic_fetch_sub(&packet->users, 1);
        atomic_fetch_sub(&self->runs_out, 1);
    }
    return status;
}

static void start_some(fani_packet *packet, size_t first, size_t count)
{
    fani_batch *inner = fani_batch_new();
    if (inner) {
        inner->task = &pieces_task;
        inner->items =
            (fan_items){.bytes = (const unsigned char *)packet, .first = first, .count = count};
        inner->priority = packet->pieces[first].priority;
        inner->traced = packet->pieces[first].traced;
        inner->user = packet;
        inner->done = run_ended;
        for (size_t i = first; i < first + count; i++)
            atomic_store_explicit(&packet->pieces[i].inner, inner, memory_order_relaxed);
    }
    fan_status status = send_inner(packet, inner);
    for (size_t i = first; status && i < first + count; i++) {
        int waiting = FANI_PIECE_WAITING;
        if (atomic_compare_exchange_strong(&packet->pieces[i].state, &waiting, FANI_PIECE_DONE))
            refuse(&packet->pieces[i], fan_status_text(status));
    }
}

/* ---- Pieces on their own ------------------------------------------------------------------- */

/* Whether the inner executor gave it back unbegun. */
static bool came_back(const fani_batch *inner)
{
    const fani_replies *replies = &inner->replies;
    return inner->run_ns == 0 && inner->begun_ns == 0 && replies->count &&
           fani_replies_outcome(replies, 0).kind == FAN_OUTCOME_CANCELLED;
}

static void alone_own(fani_mpi *self, fani_batch *batch, fani_batch *inner)
{
    fani_learned learned = {0};
    if (came_back(inner)) {
        fani_mpi_complete(self, batch, (fani_outcome){.verdict = FANI_CANCELLED});
        return;
    }
    fani_learned_add(&learned, self, batch->task, inner->run_ns, batch->items.count);
    fani_learned_end(&learned, self);
    fani_replies_clear(&batch->replies);
    fani_replies_move(&batch->replies, &inner->replies);
    batch->run_ns = inner->run_ns;
    batch->begun_ns = inner->begun_ns;
    batch->where = inner->where;
    fani_mpi_complete(self, batch, (fani_outcome){.verdict = FANI_DONE});
}

/* What could not be ended in time has let go of its worker and its inputs. */
static void alone_gone(fani_batch *inner)
{
    fani_piece *piece = inner->user;
    bury(piece->packet, inner);
}

/* On the inner executor's worker, or in its watch. */
static void alone_ended(fani_batch *inner)
{
    fani_piece *piece = inner->user;
    fani_packet *packet = piece->packet;
    atomic_store(&piece->state, FANI_PIECE_DONE);
    if (piece->batch) {
        alone_own(packet->self, piece->batch, inner);
    } else {
        inner->where.rank = (uint32_t)packet->self->rank;
        fani_answers_add(&packet->answers,
                         &(fani_answer){.ticket = piece->ticket,
                                        .verdict = came_back(inner) ? FANI_CANCELLED : FANI_DONE,
                                        .replies = &inner->replies,
                                        .run_ns = inner->run_ns,
                                        .begun_ns = inner->begun_ns,
                                        .where = inner->where},
                         0, inner->run_ns > ALONE_NS || !inner->run_ns);
        fani_replies_clear(&inner->replies);
    }
    if (inner == atomic_load(&piece->inner))
        bury(packet, inner);
    else /* it stands for one that still runs: alone_gone sees to that */
        fani_batch_free(inner);
}

/* What can't be ended in time runs on when the batch that it came from, and its arguments, have
 * long been given back: it gets copies. */
static bool keep_inputs(fani_batch *inner)
{
    fan_items *items = &inner->items, *args = &inner->args;
    size_t bytes = fani_items_bytes(items), args_size = args->count ? args->size : 0;
    size_t table = items->offsets ? (items->count + 1) * sizeof *items->offsets : 0;
    size_t of_items = (table + 15) / 16 * 16, of_args = of_items + (bytes + 15) / 16 * 16;
    unsigned char *block = aligned_alloc(16, of_args + args_size / 16 * 16 + 16);
    inner->storage = block;
    if (!block)
        return false;
    if (args_size)
        memcpy(block + of_args, args->bytes, args_size);
    if (bytes)
        memcpy(block + of_items, items->bytes + (items->offsets ? items->offsets[0] : 0), bytes);
    for (size_t i = 0; items->offsets && i <= items->count; i++) {
        uint64_t offset = items->offsets[i] - items->offsets[0];
        memcpy(block + i * sizeof offset, &offset, sizeof offset);
    }
    if (args->count)
        args->bytes = block + of_args;
    if (items->offsets)
        items->offsets = (void *)block;
    if (items->bytes)
        items->bytes = block + of_items;
    return true;
}

static fani_batch *inner_of(fani_piece *piece)
{
    fani_mpi *self = piece->packet->self;
    fani_batch *inner = fani_batch_new();
    if (!inner)
        return NULL;
    inner->task = piece->task;
    inner->args = piece->args;
    inner->items = piece->items;
    inner->reply_limit = piece->reply_limit;
    inner->timeout_ns = piece->timeout_ns;
    inner->priority = piece->priority;
    inner->traced = piece->traced;
    inner->done = alone_ended;
    inner->user = piece;
    if (inner->timeout_ns && ((!self->isolates && !keep_inputs(inner)) ||
                              fani_front_watch(self->inner_front, inner, alone_gone))) {
        fani_batch_free(inner);
        return NULL;
    }
    return inner;
}

static void start_alone(fani_piece *piece)
{
    fani_batch *inner = inner_of(piece);
    atomic_store(&piece->inner, inner);
    fan_status status = send_inner(piece->packet, inner);
    if (!status)
        return;
    atomic_store(&piece->inner, NULL);
    atomic_store(&piece->state, FANI_PIECE_DONE);
    refuse(piece, fan_status_text(status));
}

/* ---- Start --------------------------------------------------------------------------------- */

void fani_packet_start(fani_packet *packet, size_t parts)
{
    size_t shorts = 0, count = packet->count;
    for (size_t i = 0; i < count; i++)
        shorts += packet->pieces[i].is_short;
    size_t each = parts > 0 && shorts > parts ? (shorts + parts - 1) / parts : shorts;
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && end - i < each && packet->pieces[end].is_short)
            end++;
        if (end > i) {
            start_some(packet, i, end - i);
            i = end;
        } else {
            start_alone(&packet->pieces[i++]);
        }
    }
    leave(packet);
}

/* ---- Back ---------------------------------------------------------------------------------- */

/* Ends a short piece that has not begun. */
static bool take_back(fani_piece *piece)
{
    fani_packet *packet = piece->packet;
    int waiting = FANI_PIECE_WAITING;
    if (!piece->is_short ||
        !atomic_compare_exchange_strong(&piece->state, &waiting, FANI_PIECE_DONE))
        return false;
    if (piece->batch)
        fani_mpi_complete(packet->self, piece->batch, (fani_outcome){.verdict = FANI_CANCELLED});
    else
        fani_answers_add(&packet->answers,
                         &(fani_answer){.ticket = piece->ticket, .verdict = FANI_CANCELLED}, 0,
                         true);
    return true;
}

/* The caller is a user of the packet. */
static bool revoke_piece(fani_piece *piece, bool kill)
{
    fani_mpi *self = piece->packet->self;
    fani_batch *inner = atomic_load(&piece->inner);
    int running = FANI_PIECE_RUNNING;
    if (take_back(piece))
        return true;
    if (!inner)
        return false;
    if (!piece->is_short)
        return fani_front_revoke(self->inner_front, inner, kill);
    if (kill && atomic_compare_exchange_strong(&piece->state, &running, FANI_PIECE_KILLING)) {
        fani_front_revoke(self->inner_front, inner, true);
        atomic_store(&piece->state, FANI_PIECE_KILLED);
    }
    return false;
}

static bool is_meant(const fani_piece *piece, uint64_t ticket, const fani_batch *batch)
{
    return atomic_load(&piece->state) != FANI_PIECE_DONE &&
           (batch ? piece->batch == batch : piece->ticket == ticket);
}

/* Becomes one of its users; false: it has none any more and is about to go. Under `packing`. */
static bool join(fani_packet *packet)
{
    size_t users = atomic_load(&packet->users);
    while (users && !atomic_compare_exchange_weak(&packet->users, &users, users + 1)) {
    }
    return users > 0;
}

/* Makes the caller a user of its packet; NULL: it is not here any more. */
static fani_piece *find(fani_mpi *self, uint64_t ticket, const fani_batch *batch)
{
    fani_piece *found = NULL;
    pthread_mutex_lock(&self->packing);
    for (fani_packet *packet = self->packets; packet && !found; packet = packet->next) {
        for (size_t i = 0; i < packet->count && !found; i++)
            if (is_meant(&packet->pieces[i], ticket, batch))
                found = &packet->pieces[i];
        if (found && !join(packet))
            found = NULL;
    }
    pthread_mutex_unlock(&self->packing);
    return found;
}

bool fani_packet_revoke(fani_mpi *self, uint64_t ticket, const fani_batch *batch, bool kill)
{
    fani_piece *piece = find(self, ticket, batch);
    bool back = piece && revoke_piece(piece, kill);
    if (piece)
        leave(piece->packet);
    return back;
}

/* All packets, the caller a user of each. Without memory for the list: none. */
static fani_packet **join_all(fani_mpi *self, size_t *joined)
{
    size_t count = 0;
    *joined = 0;
    pthread_mutex_lock(&self->packing);
    for (fani_packet *packet = self->packets; packet; packet = packet->next)
        count++;
    fani_packet **all = count ? reallocarray(NULL, count, sizeof(fani_packet *)) : NULL;
    for (fani_packet *packet = self->packets; all && packet; packet = packet->next)
        if (join(packet))
            all[(*joined)++] = packet;
    pthread_mutex_unlock(&self->packing);
    return all;
}

void fani_packet_revoke_all(fani_mpi *self, bool kill)
{
    size_t count;
    fani_packet **all = join_all(self, &count);
    for (size_t p = 0; p < count; p++) {
        for (size_t i = 0; i < all[p]->count; i++)
            if (atomic_load(&all[p]->pieces[i].state) != FANI_PIECE_DONE)
                revoke_piece(&all[p]->pieces[i], kill);
        leave(all[p]);
    }
    free(all);
}
