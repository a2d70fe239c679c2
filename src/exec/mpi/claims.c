#include "claims.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "exec/batching.h"
#include "instance.h"
#include "task/registry.h"
#include "task/worker.h"

enum {
    TURN_NS = 5000000, /* then a worker goes back to the inner executor's queue */
    TIMED_NS = 1000,   /* work after which the clock is asked */
    ALONE_NS = 20000,  /* the answer to what ran this long does not wait for others */
};

static const uint64_t offset_mask = ((uint64_t)1 << FANI_CLAIM_OFFSET_BITS) - 1;

struct fani_claimer {
    fani_mpi *self;
    fani_claimer *next, *previous;
    fani_message *came;
    fani_announced range;
    const fan_task *task;
    fan_items items;
    fan_items args;
    size_t reply_limit;
    int priority;
    _Atomic uint64_t *word;
    atomic_bool stopped;
    atomic_size_t users;
    unsigned workers;  /* when it began */
    unsigned revokers; /* guarded, like the next two, by `packing` */
    fani_batch *buried;
    fani_batch *turns[]; /* one for each worker; NULL: it has ended */
};

/* ---- The memory ---------------------------------------------------------------------------- */

typedef struct offer {
    int64_t pid;
    int64_t fd; /* -1: not a leader, or it has none */
} offer;

static bool map_offer(fani_mpi *self, const offer *of_leader)
{
    const size_t size = FANI_CLAIM_SLOTS * sizeof(fani_claim_slot);
    return of_leader->fd >= 0 &&
           fani_segment_map_writable(&self->claims.segment, (pid_t)of_leader->pid,
                                     (int)of_leader->fd, size, NULL) == FAN_OK;
}

bool fani_claims_open(fani_mpi *self)
{
    const int leader = self->peers[self->rank].leader;
    offer mine = {.pid = getpid(), .fd = -1};
    offer *all = calloc((size_t)self->size, sizeof *all);
    int works = all != NULL, everywhere = 0;
    self->claims.segment = FANI_SEGMENT_NONE;
    if (leader == self->rank &&
        fani_segment_create(&self->claims.segment, FANI_CLAIM_SLOTS * sizeof(fani_claim_slot),
                            NULL) == FAN_OK)
        mine.fd = self->claims.segment.fd;
    /* Without a place for the answers nobody could go on: all must know before. */
    if (fani_mpi_check(MPI_Allreduce(&works, &everywhere, 1, MPI_INT, MPI_MIN, self->comm),
                       "MPI_Allreduce", NULL) ||
        !everywhere || !all ||
        fani_mpi_check(
            MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE, self->comm),
            "MPI_Allgather", NULL)) {
        free(all);
        return false;
    }
    works = leader == self->rank ? mine.fd >= 0 : map_offer(self, &all[leader]);
    free(all);
    if (fani_mpi_check(MPI_Allreduce(&works, &everywhere, 1, MPI_INT, MPI_MIN, self->comm),
                       "MPI_Allreduce", NULL) ||
        !everywhere)
        return false;
    self->claims.slots = (void *)self->claims.segment.bytes;
    return true;
}

void fani_claims_close(fani_mpi *self)
{
    fani_segment_clear(&self->claims.segment);
    self->claims.slots = NULL;
}

/* ---- Claiming ------------------------------------------------------------------------------ */

/* Starts a slot for this range where nobody has yet: all are done with what it was used for. */
static void start_slot(_Atomic uint64_t *word, uint64_t key)
{
    uint64_t before = atomic_load(word);
    while (before >> FANI_CLAIM_OFFSET_BITS != key &&
           !atomic_compare_exchange_weak(word, &before, key << FANI_CLAIM_OFFSET_BITS)) {
    }
}

/* How many are claimed already; may be more than there are. */
static uint64_t claimed(const fani_claimer *claimer)
{
    return atomic_load_explicit(claimer->word, memory_order_relaxed) & offset_mask;
}

uint64_t fani_claims_exhaust(fani_mpi *self, uint32_t slot, uint32_t key)
{
    /* Half the room: claims that follow add to it. */
    const uint64_t wanted = key, exhausted = (uint64_t)1 << (FANI_CLAIM_OFFSET_BITS - 1);
    _Atomic uint64_t *word = &self->claims.slots[slot].word;
    start_slot(word, wanted);
    uint64_t before = atomic_exchange(word, wanted << FANI_CLAIM_OFFSET_BITS | exhausted);
    before &= offset_mask;
    return before < exhausted ? before : UINT64_MAX;
}

/* One worker's turn. */
typedef struct turn {
    fani_claimer *claimer;
    fani_where where;
    fani_worker *worker;
    fani_answers answers;
    fani_replies replies;
    int64_t now;
    fani_item_time item;
    size_t untimed;    /* items run since the clock was asked last, */
    uint64_t given_ns; /* and the time that their answers gave for them */
    size_t last;
} turn;

static size_t wanted(const turn *t)
{
    const fani_claimer *claimer = t->claimer;
    uint64_t done = claimed(claimer);
    if (claimer->range.grain)
        return (size_t)claimer->range.grain;
    return fani_batching_items(&(fani_batching){
        .workers = claimer->range.workers,
        .item_ns = t->item.ns,
        .last = t->last,
        .most = SIZE_MAX,
        .remaining = done < claimer->items.count ? claimer->items.count - done : 0,
    });
}

/* The time of what was run last: as expected, until there is enough to look at the clock. */
static uint64_t time_of(turn *t, size_t count)
{
    t->untimed += count;
    if (!t->claimer->range.traced && t->item.ns > 0 &&
        t->item.ns * (double)t->untimed <= TIMED_NS) {
        uint64_t expected = (uint64_t)(t->item.ns * (double)count) + 1;
        t->given_ns += expected;
        return expected;
    }
    int64_t now = fani_clock_ns();
    uint64_t passed = (uint64_t)(now - t->now);
    double ns = (double)passed / (double)t->untimed + 1;
    uint64_t run_ns = passed > t->given_ns ? passed - t->given_ns : 1;
    fani_item_time_learn(&t->item, ns);
    t->now = now;
    t->untimed = 0;
    t->given_ns = 0;
    return run_ns;
}

/* Claims and runs some; false: nothing is left. The clock is asked for long enough runs only. */
static bool claim(turn *t)
{
    fani_claimer *claimer = t->claimer;
    size_t count = wanted(t);
    uint64_t at = atomic_fetch_add(claimer->word, count) & offset_mask;
    if (at >= claimer->items.count)
        return false;
    if (count > claimer->items.count - at)
        count = (size_t)(claimer->items.count - at);
    const fan_items items = {.first = claimer->items.first + at, .count = count};
    fan_status status = fani_worker_run_untimed(t->worker, claimer->task, &items, &claimer->args,
                                                claimer->reply_limit, &t->replies);
    int64_t begun = t->now;
    uint64_t run_ns = time_of(t, count);
    t->last = count;
    const fani_answer reply = {.ticket = claimer->range.part,
                               .verdict = status ? FANI_FAILED : FANI_DONE,
                               .text = status ? fan_status_text(status) : NULL,
                               .replies = &t->replies,
                               .run_ns = run_ns,
                               .begun_ns = begun,
                               .where = t->where,
                               .first = at,
                               .count = count};
    if (claimer->range.traced) /* a record of several parts does not say when each ran */
        fani_answers_add(&t->answers, &reply, t->now, run_ns > ALONE_NS);
    else
        fani_answers_add_part(&t->answers, &reply, t->now, run_ns > ALONE_NS);
    return true;
}

static fan_status run_turn(fan_run *run, fan_items in)
{
    const fani_batch *inner = (const void *)in.bytes;
    fani_claimer *claimer = inner->user;
    turn t = {.claimer = claimer,
              .where = fani_where_here(inner->where.worker),
              .worker = fani_run_worker(run),
              .now = fani_clock_ns(),
              .item = fani_item_time_of(claimer->range.item_ns)};
    const int64_t until = t.now + TURN_NS;
    t.where.rank = (uint32_t)claimer->self->rank;
    fani_answers_begin(&t.answers, claimer->self, FANI_TAG_CLAIMED);
    while (!atomic_load_explicit(&claimer->stopped, memory_order_relaxed) && claim(&t) &&
           t.now < until && !fan_run_cancelled(run)) {
    }
    fani_answers_end(&t.answers);
    fani_replies_clear(&t.replies);
    return fan_run_reply_array(run, 0) ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task turn_task = {.name = "fan.claims", .version = 1, .run = run_turn};

/* ---- Turns --------------------------------------------------------------------------------- */

/* The last one tells rank 0 that this rank claims no more. */
static void leave(fani_claimer *claimer)
{
    fani_mpi *self = claimer->self;
    if (atomic_fetch_sub(&claimer->users, 1) != 1)
        return;
    pthread_mutex_lock(&self->packing);
    if (claimer->previous)
        claimer->previous->next = claimer->next;
    else
        self->claims.claimers = claimer->next;
    if (claimer->next)
        claimer->next->previous = claimer->previous;
    pthread_mutex_unlock(&self->packing);
    for (fani_batch *inner = claimer->buried, *next; inner; inner = next) {
        next = inner->next;
        fani_batch_free(inner);
    }
    fani_answers answers;
    fani_answers_begin(&answers, self, FANI_TAG_CLAIMED);
    fani_answers_add(&answers,
                     &(fani_answer){.ticket = claimer->range.part, .verdict = FANI_CANCELLED}, 0,
                     true);
    fani_answers_end(&answers);
    free(claimer->came);
    free(claimer);
}

static void bury(fani_claimer *claimer, fani_batch *inner)
{
    pthread_mutex_t *packing = &claimer->self->packing;
    pthread_mutex_lock(packing);
    bool wanted_by_others = claimer->revokers > 0;
    for (unsigned i = 0; i < claimer->workers; i++)
        if (claimer->turns[i] == inner)
            claimer->turns[i] = NULL;
    if (wanted_by_others) {
        inner->next = claimer->buried;
        claimer->buried = inner;
    }
    pthread_mutex_unlock(packing);
    if (!wanted_by_others)
        fani_batch_free(inner);
}

static void start_turn(fani_claimer *claimer);

/* On the inner executor's worker. */
static void turn_ended(fani_batch *inner)
{
    fani_claimer *claimer = inner->user;
    bool more = !atomic_load(&claimer->stopped) && claimed(claimer) < claimer->items.count;
    bury(claimer, inner);
    if (more)
        start_turn(claimer);
    leave(claimer);
}

/* Without memory for it the other workers do the rest. */
static void start_turn(fani_claimer *claimer)
{
    fani_mpi *self = claimer->self;
    fani_batch *inner = fani_batch_new();
    if (!inner)
        return;
    inner->task = &turn_task;
    inner->items = (fan_items){
        .bytes = (const unsigned char *)inner, .first = claimer->items.first, .count = 1};
    inner->priority = claimer->priority;
    inner->traced = claimer->range.traced;
    inner->user = claimer;
    inner->done = turn_ended;
    atomic_fetch_add(&claimer->users, 1);
    pthread_mutex_lock(&self->packing);
    unsigned place = 0;
    while (claimer->turns[place])
        place++;
    claimer->turns[place] = inner;
    pthread_mutex_unlock(&self->packing);
    if (fani_front_send(self->inner_front, inner)) {
        bury(claimer, inner);
        atomic_fetch_sub(&claimer->users, 1); /* the caller still is one */
    }
}

bool fani_claims_start(fani_mpi *self, const fani_announced *range, const fani_order *order,
                       const fan_task *task, fan_items args, fani_message *came)
{
    /* A rank of a leader's host is told though it is to do nothing: it says that it is through. */
    bool idle = self->rank != 0 && !self->peers[self->rank].workers;
    unsigned workers = idle ? 0 : atomic_load(&self->own_workers);
    fani_claimer *claimer = calloc(1, sizeof *claimer + workers * sizeof claimer->turns[0]);
    if (!claimer)
        return false;
    claimer->self = self;
    claimer->came = came;
    claimer->workers = workers;
    claimer->range = *range;
    claimer->task = task;
    claimer->items = order->items;
    claimer->args = args;
    claimer->reply_limit = (size_t)order->reply_limit;
    claimer->priority = order->priority;
    claimer->word = &self->claims.slots[range->slot].word;
    atomic_init(&claimer->users, 1);
    start_slot(claimer->word, range->key);
    pthread_mutex_lock(&self->packing);
    claimer->next = self->claims.claimers;
    if (claimer->next)
        claimer->next->previous = claimer;
    self->claims.claimers = claimer;
    pthread_mutex_unlock(&self->packing);
    for (unsigned i = 0; i < workers && claimed(claimer) < claimer->items.count; i++)
        start_turn(claimer);
    leave(claimer);
    return true;
}

/* ---- Stopping ------------------------------------------------------------------------------ */

static fani_claimer *join(fani_mpi *self, uint64_t part)
{
    pthread_mutex_lock(&self->packing);
    fani_claimer *claimer = self->claims.claimers;
    while (claimer && claimer->range.part != part)
        claimer = claimer->next;
    size_t users = claimer ? atomic_load(&claimer->users) : 0;
    while (users && !atomic_compare_exchange_weak(&claimer->users, &users, users + 1)) {
    }
    if (users)
        claimer->revokers++;
    pthread_mutex_unlock(&self->packing);
    return users ? claimer : NULL;
}

/* Tells rank 0 that from `at` on nobody of this host will claim the part. */
static void tell_cut(const fani_claimer *claimer, uint64_t at)
{
    fani_answers answers;
    fani_answers_begin(&answers, claimer->self, FANI_TAG_CLAIMED);
    fani_answers_add(&answers,
                     &(fani_answer){.ticket = claimer->range.part,
                                    .verdict = FANI_CANCELLED,
                                    .first = at,
                                    .count = claimer->items.count - at},
                     0, true);
    fani_answers_end(&answers);
}

void fani_claims_stop(fani_mpi *self, uint64_t part, bool kill)
{
    fani_claimer *claimer = join(self, part);
    if (!claimer)
        return;
    atomic_store(&claimer->stopped, true);
    uint64_t at = fani_claims_exhaust(self, claimer->range.slot, claimer->range.key);
    if (self->rank != 0 && at < claimer->items.count)
        tell_cut(claimer, at);
    for (unsigned i = 0; i < claimer->workers; i++) {
        pthread_mutex_lock(&self->packing);
        fani_batch *inner = claimer->turns[i];
        pthread_mutex_unlock(&self->packing);
        if (inner)
            fani_front_revoke(self->inner_front, inner, kill);
    }
    pthread_mutex_lock(&self->packing);
    claimer->revokers--;
    pthread_mutex_unlock(&self->packing);
    leave(claimer);
}

/* ---- Messages ------------------------------------------------------------------------------ */

fani_message *fani_claims_announcement(const fani_announced *range, const fani_order *order,
                                       int rank)
{
    const fani_parcel_head head = {
        .magic = FANI_ORDERS_MAGIC, .count = 1, .reply_limit = order->reply_limit, .parts = 1};
    size_t size = sizeof *range + sizeof head + fani_order_size(order, order->reply_limit);
    fani_message *message = fani_message_new(rank, FANI_TAG_RANGE, size);
    if (!message)
        return NULL;
    memcpy(message->bytes, range, sizeof *range);
    memcpy(message->bytes + sizeof *range, &head, sizeof head);
    fani_order_write(order, order->reply_limit, message->bytes + sizeof *range + sizeof head);
    return message;
}

static void protocol_broken(fani_mpi *self)
{
    fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed message about a range");
}

/* What the announcement of a range says. */
static fan_status read_range(fani_mpi *self, const fani_message *message, fani_announced *range,
                             fani_order *order, fan_items *args)
{
    fani_parcel parcel;
    if (message->size < sizeof *range || !self->claims.slots)
        return FAN_E_PROTOCOL;
    memcpy(range, message->bytes, sizeof *range);
    fan_status status =
        fani_parcel_open(&parcel, message->bytes + sizeof *range, message->size - sizeof *range);
    if (!status)
        status = fani_order_read(&parcel, order);
    if (status || range->slot >= FANI_CLAIM_SLOTS || !fani_registry_numbered(order->task))
        return FAN_E_PROTOCOL;
    if (!order->args)
        return FAN_OK;
    if (order->args_bytes &&
        !fani_mpi_args_keep(self, order->args, order->args_bytes, order->args_size))
        return FAN_E_MEMORY;
    *args = fani_mpi_args_find(self, order->args);
    return args->count ? FAN_OK : FAN_E_PROTOCOL;
}

void fani_claims_range_came(fani_mpi *self, fani_message *message)
{
    fani_announced range;
    fani_order order;
    fan_items args = {0};
    fan_status status = read_range(self, message, &range, &order, &args);
    if (status == FAN_E_PROTOCOL)
        protocol_broken(self);
    else if (status || !fani_claims_start(self, &range, &order, fani_registry_numbered(order.task),
                                          args, message))
        fani_link_send(&self->link, NULL); /* breaks it: out of memory */
    else
        return;
    free(message);
}
