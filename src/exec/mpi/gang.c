/* The life of a gang over ranks: rank 0 gives each rank its members, every rank runs its own
 * through its inner executor, and their outcomes come back to rank 0. */
#include "gang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "task/registry.h"
#include "task/wire.h"

/* ---- Making -------------------------------------------------------------------------------- */

static void free_gang(fani_mpi_gang *gang)
{
    if (!gang)
        return;
    if (gang->inner.link.region)
        fani_gang_close(&gang->inner);
    free(gang->first);
    free(gang->rank_of);
    free(gang->room_from);
    free(gang->taken);
    free(gang->left_told);
    free(gang->out);
    free(gang->seen);
    free(gang);
}

/* On members' threads, and whoever steps. What concerns this rank alone wakes nobody. */
static void moved(void *user, size_t peer)
{
    fani_mpi_gang *gang = user;
    if (peer < gang->members && gang->rank_of[peer] == gang->self->rank)
        return;
    atomic_store(&gang->dirty, true);
    fani_bell_ring(&gang->self->bell);
}

/* Lays the members out in blocks, `counts` of them on each rank. */
static bool lay_out(fani_mpi_gang *gang, const uint32_t *counts)
{
    size_t ranks = (size_t)gang->self->size, at = 0;
    gang->first = calloc(ranks + 1, sizeof *gang->first);
    gang->rank_of = calloc(gang->members, sizeof *gang->rank_of);
    for (size_t r = 0; gang->first && gang->rank_of && r < ranks; r++) {
        gang->first[r] = at;
        for (uint32_t i = 0; i < counts[r]; i++)
            gang->rank_of[at++] = (int)r;
        gang->first[r + 1] = at;
    }
    return gang->first && gang->rank_of;
}

static bool make_tables(fani_mpi_gang *gang)
{
    size_t ranks = (size_t)gang->self->size, pairs = gang->here * gang->members;
    bool leads = gang->self->rank == 0;
    gang->room_from = calloc(pairs + 1, sizeof *gang->room_from);
    gang->taken = calloc(pairs + 1, sizeof *gang->taken);
    gang->left_told = calloc(gang->here * ranks + 1, sizeof *gang->left_told);
    gang->out = leads ? calloc(gang->members, sizeof(fani_batch *)) : NULL;
    gang->seen = leads ? calloc(ranks, sizeof *gang->seen) : NULL;
    return gang->room_from && gang->taken && gang->left_told &&
           (!leads || (gang->out && gang->seen));
}

/* The inner executor's workers map the region; where none of its members are here, so does rank 0,
 * which answers for the gang. */
static bool make_region(fani_mpi_gang *gang)
{
    fani_gang *inner = &gang->inner;
    inner->id = gang->id;
    inner->members = inner->link.members = gang->members;
    inner->front = gang->self->inner_front;
    if (fani_gang_open(inner, NULL) != FAN_OK)
        return false;
    gang->link.region = inner->link.region;
    return true;
}

/* NULL: out of memory. */
static fani_mpi_gang *make(fani_mpi *self, uint64_t id, size_t members, const uint32_t *counts)
{
    fani_mpi_gang *gang = calloc(1, sizeof *gang);
    if (!gang)
        return NULL;
    gang->near = fan_executor_capabilities(self->inner) & FAN_CAP_SHARES_MEMORY;
    gang->self = self;
    gang->id = id;
    gang->members = members;
    gang->link = (fani_gang_link){.members = members, .moved = moved, .user = gang};
    if (!lay_out(gang, counts)) {
        free_gang(gang);
        return NULL;
    }
    gang->here = gang->first[self->rank + 1] - gang->first[self->rank];
    if (!make_tables(gang) || !make_region(gang)) {
        free_gang(gang);
        return NULL;
    }
    for (size_t i = 0; i < members; i++)
        if (gang->rank_of[i] != self->rank)
            fani_gang_set_state(&gang->link, i, FANI_GANG_ELSEWHERE);
    return gang;
}

/* ---- Running members here ------------------------------------------------------------------ */

/* Hands a member to the inner executor; its storage goes with it. `order` comes with the task. */
static fan_status run_here(fani_mpi_gang *gang, const fani_batch *like, void *storage,
                           void (*done)(fani_batch *inner), void *user)
{
    fani_batch *inner = fani_batch_new();
    if (!inner)
        return FAN_E_MEMORY;
    inner->task = &fani_gang_task;
    inner->args = (fan_items){
        .bytes = (const unsigned char *)&gang->order, .size = sizeof gang->order, .count = 1};
    inner->items = like->items;
    inner->reply_limit = like->reply_limit;
    inner->gang = &gang->inner;
    inner->traced = true; /* it may be: the outcome says who ran it, and members are few */
    inner->storage = storage;
    inner->done = done;
    inner->user = user;
    fan_status status = fani_front_send(gang->self->inner_front, inner);
    if (status != FAN_OK) {
        inner->storage = NULL;
        fani_batch_free(inner);
    }
    return status;
}

/* Makes the order that came with a member this rank's own: every member's is the same. */
static bool take_order(fani_mpi_gang *gang, const fan_items *args)
{
    fani_gang_order order;
    if (args->size != sizeof order)
        return false;
    memcpy(&order, args->bytes, sizeof order);
    order.link = gang->near ? &gang->link : NULL;
    order.task =
        gang->near ? fani_registry_find(order.name, strnlen(order.name, sizeof order.name)) : NULL;
    if (!gang->order.name[0])
        gang->order = order;
    return true;
}

/* ---- Other ranks --------------------------------------------------------------------------- */

/* NULL: out of memory. */
static fani_message *outcome_message(const fani_gang_head *head, const fani_batch *member)
{
    size_t size = sizeof *head + fani_wire_replies_size(&member->replies);
    fani_message *message = fani_message_new(0, FANI_TAG_GANG, size);
    if (!message)
        return NULL;
    unsigned char *replies = message->bytes + sizeof *head;
    memcpy(message->bytes, head, sizeof *head);
    fani_wire_replies_write(&member->replies, 0, member->run_ns, replies);
    fani_wire_replies_stamp(replies, member->begun_ns, member->where);
    return message;
}

static void send_outcome(fani_mpi *self, const fani_gang_head *head, const fani_batch *member)
{
    fani_message *message = outcome_message(head, member);
    if (!message) {
        fani_batch said = {.reply_limit = FANI_MPI_TEXT_SIZE};
        fani_gang_member_ended(&said, FANI_SLOT_FAILED, "no memory for a message with its reply");
        message = outcome_message(head, &said);
        fani_replies_clear(&said.replies);
    }
    fani_link_send(&self->link, message);
}

/* On the inner executor's worker. The gang may be forgotten as soon as the outcome is on its way.
 */
static void member_done(fani_batch *inner)
{
    fani_mpi_gang *gang = inner->user;
    fani_mpi *self = gang->self;
    fan_outcome outcome = fani_replies_outcome(&inner->replies, 0);
    if (outcome.kind != FAN_OUTCOME_OK) /* it may have died without a word */
        fani_gang_fault(&gang->link, (size_t)inner->items.first, &outcome);
    const fani_gang_head head = {.gang = gang->id,
                                 .kind = FANI_GANG_OUTCOME,
                                 .from = (uint32_t)inner->items.first,
                                 .value = fani_mpi_lost_here(self)};
    send_outcome(self, &head, inner);
    fani_batch_free(inner);
    fani_bell_ring(&self->bell);
}

static void refuse_member(fani_mpi *self, uint64_t id, uint32_t member, const char *text)
{
    const fani_gang_head head = {
        .gang = id, .kind = FANI_GANG_OUTCOME, .from = member, .value = fani_mpi_lost_here(self)};
    fani_batch said = {.reply_limit = FANI_MPI_TEXT_SIZE};
    fani_gang_member_ended(&said, FANI_SLOT_FAILED, text);
    send_outcome(self, &head, &said);
    fani_replies_clear(&said.replies);
}

/* A member to run; takes the message where it answers true. */
static bool run_came(fani_mpi_gang *gang, const fani_gang_head *head, fani_message *message)
{
    fani_wire_batch wire;
    if (fani_wire_batch_read(message->bytes + sizeof *head, message->size - sizeof *head, &wire) ||
        wire.items.count != 1 || wire.items.first >= gang->members ||
        !take_order(gang, &wire.args)) {
        fani_link_break(&gang->self->link, FAN_E_PROTOCOL, "a malformed member of a gang");
        return false;
    }
    const fani_batch like = {.items = wire.items, .reply_limit = (size_t)wire.reply_limit};
    fan_status status = run_here(gang, &like, message, member_done, gang);
    if (status != FAN_OK)
        refuse_member(gang->self, gang->id, (uint32_t)wire.items.first, fan_status_text(status));
    return status == FAN_OK;
}

static void begin_came(fani_mpi *self, const fani_gang_head *head, const unsigned char *bytes,
                       size_t size)
{
    const char *why = "";
    fan_status status = FAN_OK;
    if (self->gang || size != (size_t)self->size * sizeof(uint32_t)) {
        fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed beginning of a gang");
        return;
    }
    uint32_t *counts = malloc(size);
    if (counts)
        memcpy(counts, bytes, size);
    if (!counts || !(self->gang = make(self, head->gang, head->value, counts))) {
        status = FAN_E_MEMORY;
        why = "no memory for a gang";
    }
    free(counts);
    const fani_gang_head answer = {
        .gang = head->gang, .kind = FANI_GANG_BEGUN, .value = (uint64_t)status};
    fani_message *message = fani_message_new(0, FANI_TAG_GANG, sizeof answer + strlen(why));
    if (message) {
        memcpy(message->bytes, &answer, sizeof answer);
        memcpy(message->bytes + sizeof answer, why, strlen(why));
    }
    fani_link_send(&self->link, message);
}

/* ---- Rank 0 -------------------------------------------------------------------------------- */

static void ended(fani_mpi_gang *gang, fani_batch *batch)
{
    batch->next = gang->ended;
    gang->ended = batch;
}

fani_batch *fani_mpi_gang_take_ended(fani_mpi *self)
{
    fani_batch *all = self->gang ? self->gang->ended : NULL;
    if (all)
        self->gang->ended = NULL;
    return all;
}

static void complete(fani_mpi *self, fani_batch *batch)
{
    fani_front_complete(self->front, batch, (fani_outcome){.verdict = FANI_DONE});
    atomic_fetch_add(&self->completed, 1);
}

void fani_mpi_gang_report(fani_mpi *self, fani_batch *all)
{
    while (all) {
        fani_batch *batch = all;
        all = batch->next;
        complete(self, batch);
    }
}

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
    complete(self, batch);
    fani_bell_ring(&self->bell);
}

static fan_status run_own(fani_mpi_gang *gang, fani_batch *batch)
{
    batch->mark = gang->self;
    pthread_mutex_lock(&gang->self->drive);
    bool sound = take_order(gang, &batch->args);
    pthread_mutex_unlock(&gang->self->drive);
    return sound ? run_here(gang, batch, NULL, own_done, batch) : FAN_E_PROTOCOL;
}

static fani_message *encode(const fani_mpi_gang *gang, const fani_batch *batch, int rank)
{
    const fani_gang_head head = {.kind = FANI_GANG_RUN, .from = (uint32_t)batch->items.first};
    const fani_wire_batch wire = {
        .reply_limit = batch->reply_limit,
        .task_name = batch->task->name,
        .task_name_size = strlen(batch->task->name),
        .args = batch->args,
        .items = batch->items,
    };
    fani_message *message = fani_gang_message(gang, rank, &head, fani_wire_batch_size(&wire));
    if (message)
        fani_wire_batch_write(&wire, message->bytes + sizeof head);
    return message;
}

static void send_member(fani_mpi_gang *gang, fani_batch *batch, int rank)
{
    fani_mpi *self = gang->self;
    fani_message *message = encode(gang, batch, rank);
    pthread_mutex_lock(&self->drive);
    bool broken = fani_link_broken(&self->link, NULL) != FAN_OK;
    if (message && !broken) {
        gang->out[batch->items.first] = batch;
        fani_link_send(&self->link, message);
    } else {
        fani_gang_member_ended(batch, broken ? FANI_SLOT_LOST : FANI_SLOT_FAILED,
                               broken ? "its rank can't be reached"
                                      : "no memory for a message with its input");
        ended(gang, batch);
    }
    pthread_mutex_unlock(&self->drive);
    if (broken)
        free(message);
}

void fani_mpi_gang_post(fani_mpi *self, fani_batch *batch)
{
    fani_mpi_gang *gang = batch->gang->mark;
    int rank = gang->rank_of[batch->items.first];
    fan_status status = FAN_OK;
    if (rank != 0)
        send_member(gang, batch, rank);
    else
        status = run_own(gang, batch);
    if (status != FAN_OK) {
        fani_gang_member_ended(batch, FANI_SLOT_FAILED, fan_status_text(status));
        pthread_mutex_lock(&self->drive);
        ended(gang, batch);
        pthread_mutex_unlock(&self->drive);
    }
    fani_bell_ring(&self->bell);
}

static void outcome_came(fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                         const unsigned char *bytes, size_t size)
{
    fani_batch *batch = head->from < gang->members && gang->out ? gang->out[head->from] : NULL;
    uint64_t posting;
    if (!batch) {
        fani_link_break(&gang->self->link, FAN_E_PROTOCOL, "an outcome of no member of a gang");
        return;
    }
    gang->out[head->from] = NULL;
    fani_mpi_lost_there(gang->self, rank, head->value);
    fan_status status =
        fani_wire_replies_read(bytes, size, &posting, &batch->run_ns, &batch->replies);
    if (status == FAN_OK)
        fani_wire_replies_stamped(bytes, &batch->begun_ns, &batch->where);
    batch->where.rank = (uint32_t)rank;
    if (status != FAN_OK || batch->replies.count != 1)
        fani_gang_member_ended(batch, FANI_SLOT_FAILED, fan_status_text(status));
    ended(gang, batch);
}

static void begun_came(fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                       const unsigned char *bytes, size_t size)
{
    if (head->value && !gang->trouble.status)
        fani_error_set(&gang->trouble, (fan_status)head->value, "rank %d: %.*s", rank, (int)size,
                       (const char *)bytes);
    atomic_fetch_sub(&gang->begins, 1);
}

/* ---- Messages ------------------------------------------------------------------------------ */

/* Answers true where it took the message over. */
static bool came(fani_mpi *self, const fani_gang_head *head, fani_message *message)
{
    fani_mpi_gang *gang = self->gang && self->gang->id == head->gang ? self->gang : NULL;
    const unsigned char *bytes = message->bytes + sizeof *head;
    size_t size = message->size - sizeof *head;
    if (head->kind == FANI_GANG_BEGIN)
        begin_came(self, head, bytes, size);
    if (!gang) /* late news of one that has been forgotten */
        return false;
    switch (head->kind) {
    case FANI_GANG_BEGIN:
        break;
    case FANI_GANG_BEGUN:
        begun_came(gang, message->peer, head, bytes, size);
        break;
    case FANI_GANG_RUN:
        return run_came(gang, head, message);
    case FANI_GANG_OUTCOME:
        outcome_came(gang, message->peer, head, bytes, size);
        break;
    case FANI_GANG_FORGET:
        self->gang = NULL;
        free_gang(gang);
        break;
    default:
        if (!fani_gang_carried(gang, message->peer, head, bytes, size))
            fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed message of a gang");
    }
    return false;
}

void fani_mpi_gang_came(fani_mpi *self, fani_message *message)
{
    fani_gang_head head;
    bool taken = false;
    if (message->size >= sizeof head) {
        memcpy(&head, message->bytes, sizeof head);
        taken = came(self, &head, message);
    } else {
        fani_link_break(&self->link, FAN_E_PROTOCOL, "a short message of a gang");
    }
    if (!taken)
        free(message);
}

/* While a gang runs its messages come at any moment: whoever steps sleeps but shortly. */
bool fani_mpi_gang_step(fani_mpi *self)
{
    fani_mpi_gang *gang = self->gang;
    if (!gang)
        return false;
    bool carried = fani_gang_carry(gang);
    atomic_store_explicit(&self->link.in_flight, true, memory_order_relaxed);
    return carried || gang->ended;
}

bool fani_mpi_gang_fail(fani_mpi *self, const char *text)
{
    fani_mpi_gang *gang = self->gang;
    bool any = false;
    if (!gang)
        return false;
    fani_gang_end(&gang->link, FAN_E_LOST, text);
    for (size_t i = 0; gang->out && i < gang->members; i++) {
        if (!gang->out[i])
            continue;
        fani_gang_member_ended(gang->out[i], FANI_SLOT_LOST, text);
        ended(gang, gang->out[i]);
        gang->out[i] = NULL;
        any = true;
    }
    return any;
}

void fani_mpi_gang_clear(fani_mpi *self)
{
    free_gang(self->gang);
    self->gang = NULL;
}

/* ---- The operation ------------------------------------------------------------------------- */

static void tell(fani_mpi_gang *gang, uint32_t kind, const void *bytes, size_t size, int rank)
{
    const fani_gang_head head = {.kind = kind, .value = gang->members};
    fani_message *message = fani_gang_message(gang, rank, &head, size);
    if (message && size)
        memcpy(message->bytes + sizeof head, bytes, size);
    fani_link_send(&gang->self->link, message);
}

static bool has_members(const fani_mpi_gang *gang, int rank)
{
    return gang->first[rank + 1] > gang->first[rank];
}

static bool all_begun(const void *user)
{
    const fani_mpi_gang *gang = user;
    return atomic_load(&gang->begins) == 0;
}

/* Late news of its members may still arrive: other ranks forget it, and so does this one. */
static void forget(fani_mpi_gang *gang)
{
    fani_mpi *self = gang->self;
    for (int r = 1; r < self->size; r++)
        if (has_members(gang, r))
            tell(gang, FANI_GANG_FORGET, NULL, 0, r);
    pthread_mutex_lock(&self->drive);
    self->gang = NULL;
    pthread_mutex_unlock(&self->drive);
    free_gang(gang);
    fani_bell_ring(&self->bell);
}

static fan_status begin(fani_mpi *self, fani_gang *outer, fan_error *error)
{
    uint32_t *counts = fani_mpi_spread(self, outer->members, false);
    fani_mpi_gang *gang = counts ? make(self, outer->id, outer->members, counts) : NULL;
    if (!gang) {
        free(counts);
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a gang of %zu members",
                              outer->members);
    }
    pthread_mutex_lock(&self->drive);
    self->gang = gang;
    for (int r = 1; r < self->size; r++)
        if (has_members(gang, r)) {
            atomic_fetch_add(&gang->begins, 1);
            tell(gang, FANI_GANG_BEGIN, counts, (size_t)self->size * sizeof *counts, r);
        }
    pthread_mutex_unlock(&self->drive);
    free(counts);
    fan_status status = fani_mpi_until(self, all_begun, gang, FAN_FOREVER);
    if (status != FAN_OK) {
        fani_link_broken(&self->link, &gang->trouble);
        if (!gang->trouble.status)
            fani_error_set(&gang->trouble, status, "%s", "this thread may make no MPI calls");
    }
    status = gang->trouble.status;
    if (status != FAN_OK) {
        if (error)
            *error = gang->trouble;
        forget(gang);
        return status;
    }
    outer->mark = gang;
    outer->link = gang->link;
    return FAN_OK;
}

fan_status fani_mpi_gang_op(void *user, fani_gang *outer, bool ends, fan_error *error)
{
    if (!ends)
        return begin(user, outer, error);
    forget(outer->mark);
    outer->link.region = NULL;
    return FAN_OK;
}
