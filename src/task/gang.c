#include "task/gang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/registry.h"
#include "task/worker.h"

/* In front of each message. */
typedef struct head {
    uint64_t size;
    uint64_t kind;
} head;

enum { BY_SEND = 1, BY_ALL = 2 }; /* kinds: of fan_gang_send, and of what all members call */

/* ---- Trouble ------------------------------------------------------------------------------- */

/* What a member's text begins with where another one is at fault. */
static const char has_ended[] = "its gang has ended: ";

static void say_over(fani_gang_seat *seat)
{
    char text[FANI_GANG_TEXT];
    if (fani_gang_ended(seat->link, text) != FAN_OK)
        snprintf(seat->why, sizeof seat->why, "%s%.400s", has_ended, text);
}

/* Keeps why a call failed, for the text that its member fails with. */
static fan_status trouble(fani_gang_seat *seat, fan_status status, const char *what, size_t peer)
{
    seat->trouble = status;
    seat->why[0] = '\0';
    if (status == FAN_E_CLOSED)
        snprintf(seat->why, sizeof seat->why, "it %s member %zu, which has returned", what, peer);
    else if (status == FAN_E_PROTOCOL)
        snprintf(seat->why, sizeof seat->why,
                 "it %s member %zu, but the two do not agree on what follows", what, peer);
    else
        say_over(seat);
    return status;
}

static const char *const sends = "sends to", *const receives = "receives from";

/* ---- Messages ------------------------------------------------------------------------------ */

static fan_status push(fani_gang_seat *seat, size_t to, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size) {
        size_t done = 0;
        fan_status status =
            fani_gang_wait(seat->link, seat->rank, FANI_GANG_SENDS, to, seat->cancelled);
        if (status == FAN_OK)
            status = fani_gang_put(seat->link, seat->rank, to, at, size, &done);
        if (status != FAN_OK)
            return trouble(seat, status, sends, to);
        at += done;
        size -= done;
    }
    return FAN_OK;
}

static fan_status pull(fani_gang_seat *seat, size_t from, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size) {
        size_t done = 0;
        fan_status status =
            fani_gang_wait(seat->link, seat->rank, FANI_GANG_RECEIVES, from, seat->cancelled);
        if (status == FAN_OK)
            status = fani_gang_take(seat->link, seat->rank, from, at, size, &done);
        if (status != FAN_OK)
            return trouble(seat, status, receives, from);
        at += done;
        size -= done;
    }
    return FAN_OK;
}

static fan_status send_message(fani_gang_seat *seat, size_t to, uint64_t kind, const void *bytes,
                               size_t size)
{
    const head h = {.size = size, .kind = kind};
    fan_status status = push(seat, to, &h, sizeof h);
    return status == FAN_OK ? push(seat, to, bytes, size) : status;
}

static fan_status receive_head(fani_gang_seat *seat, size_t from, uint64_t kind, size_t *size)
{
    head h = {0};
    fan_status status = pull(seat, from, &h, sizeof h);
    if (status == FAN_OK && (h.kind != kind || h.size > PTRDIFF_MAX))
        status = trouble(seat, FAN_E_PROTOCOL, receives, from);
    *size = status == FAN_OK ? (size_t)h.size : 0;
    return status;
}

/* Without memory for a message nothing behind it can be read: the gang ends. */
static bool make_room(fani_gang_seat *seat, fan_buffer *message, size_t size)
{
    if (size <= message->capacity)
        return true;
    unsigned char *bytes = realloc(message->bytes, size);
    if (!bytes) {
        char text[128];
        snprintf(text, sizeof text, "member %zu has no memory for a message of %zu bytes",
                 seat->rank, size);
        fani_gang_end(seat->link, FAN_E_FAILED, text);
        return false;
    }
    message->bytes = bytes;
    message->capacity = size;
    return true;
}

static fan_status receive_message(fani_gang_seat *seat, size_t from, uint64_t kind,
                                  fan_buffer *message)
{
    size_t size;
    fan_status status = receive_head(seat, from, kind, &size);
    if (status != FAN_OK)
        return status;
    if (!make_room(seat, message, size))
        return trouble(seat, FAN_E_MEMORY, receives, from);
    message->size = size;
    return pull(seat, from, message->bytes, size);
}

/* ---- What a task calls --------------------------------------------------------------------- */

size_t fan_gang_rank(const fan_run *run)
{
    const fani_gang_seat *seat = fani_run_seat(run);
    return seat ? seat->rank : 0;
}

size_t fan_gang_size(const fan_run *run)
{
    const fani_gang_seat *seat = fani_run_seat(run);
    return seat ? seat->link->members : 1;
}

fan_status fan_gang_send(fan_run *run, size_t to, const void *bytes, size_t size)
{
    fani_gang_seat *seat = fani_run_seat(run);
    if (!seat || to >= fan_gang_size(run) || (!bytes && size) || size > PTRDIFF_MAX)
        return FAN_E_ARGUMENT;
    return send_message(seat, to, BY_SEND, bytes, size);
}

fan_status fan_gang_receive(fan_run *run, size_t from, fan_buffer *message)
{
    fani_gang_seat *seat = fani_run_seat(run);
    if (!seat || from >= fan_gang_size(run) || !message)
        return FAN_E_ARGUMENT;
    return receive_message(seat, from, BY_SEND, message);
}

/* Binomial: who has it passes it on to the rank half the remaining distance away, counted from the
 * root. */
fan_status fan_gang_broadcast(fan_run *run, size_t root, fan_buffer *message)
{
    fani_gang_seat *seat = fani_run_seat(run);
    size_t size = fan_gang_size(run), distance = 1;
    if (root >= size || !message || (!message->bytes && message->size))
        return FAN_E_ARGUMENT;
    size_t from_root = (fan_gang_rank(run) + size - root) % size;
    fan_status status = FAN_OK;
    while (distance < size && !(from_root & distance))
        distance *= 2;
    if (from_root)
        status = receive_message(seat, (from_root - distance + root) % size, BY_ALL, message);
    for (distance /= 2; distance && status == FAN_OK; distance /= 2)
        if (from_root + distance < size)
            status = send_message(seat, (from_root + distance + root) % size, BY_ALL,
                                  message->bytes, message->size);
    return status;
}

/* Takes in the values of the ranks above it that the tree gives it, and passes the sum down. */
static fan_status reduce(fani_gang_seat *seat, size_t size, void *value, size_t value_size,
                         fan_gang_combine combine, void *user, fan_buffer *other)
{
    fan_status status = FAN_OK;
    for (size_t distance = 1; distance < size && status == FAN_OK; distance *= 2) {
        if (seat->rank & distance)
            return send_message(seat, seat->rank - distance, BY_ALL, value, value_size);
        size_t from = seat->rank + distance;
        if (from >= size)
            continue;
        status = receive_message(seat, from, BY_ALL, other);
        if (status == FAN_OK && other->size != value_size)
            status = trouble(seat, FAN_E_PROTOCOL, receives, from);
        if (status == FAN_OK && combine)
            combine(value, other->bytes, value_size, user);
    }
    return status;
}

static fan_status all_reduce(fan_run *run, void *value, size_t size, fan_gang_combine combine,
                             void *user)
{
    fani_gang_seat *seat = fani_run_seat(run);
    fan_buffer other = {0};
    if (!seat)
        return FAN_OK;
    fan_status status = reduce(seat, fan_gang_size(run), value, size, combine, user, &other);
    if (status == FAN_OK && seat->rank == 0)
        status = make_room(seat, &other, size) ? FAN_OK : FAN_E_MEMORY;
    if (status == FAN_OK && seat->rank == 0) {
        other.size = size;
        if (size)
            memcpy(other.bytes, value, size);
    }
    if (status == FAN_OK)
        status = fan_gang_broadcast(run, 0, &other);
    if (status == FAN_OK && other.size != size)
        status = trouble(seat, FAN_E_PROTOCOL, receives, 0);
    if (status == FAN_OK && size)
        memcpy(value, other.bytes, size);
    free(other.bytes);
    return status;
}

fan_status fan_gang_all_reduce(fan_run *run, void *value, size_t size, fan_gang_combine combine,
                               void *user)
{
    if (!combine || (!value && size) || size > PTRDIFF_MAX)
        return FAN_E_ARGUMENT;
    return all_reduce(run, value, size, combine, user);
}

fan_status fan_gang_barrier(fan_run *run)
{
    return all_reduce(run, NULL, 0, NULL, NULL);
}

/* ---- A member's end ------------------------------------------------------------------------ */

bool fani_gang_over(const fani_gang_seat *seat)
{
    return fani_gang_ended(seat->link, NULL) != FAN_OK;
}

void fani_gang_fault(const fani_gang_link *link, size_t member, const fan_outcome *outcome)
{
    static const struct {
        fan_status status;
        const char *verb;
    } ends[] = {
        [FAN_OUTCOME_OK] = {FAN_E_FAILED, "ended"},
        [FAN_OUTCOME_FAILED] = {FAN_E_FAILED, "failed"},
        [FAN_OUTCOME_LOST] = {FAN_E_LOST, "was lost"},
        [FAN_OUTCOME_TIMED_OUT] = {FAN_E_TIMEOUT, "timed out"},
        [FAN_OUTCOME_CANCELLED] = {FAN_E_CANCELLED, "was cancelled"},
    };
    char text[FANI_GANG_TEXT];
    /* Between ranks this may be heard before what it came from. */
    if (!strncmp(outcome->text, has_ended, sizeof has_ended - 1))
        snprintf(text, sizeof text, "%.400s", outcome->text + sizeof has_ended - 1);
    else
        snprintf(text, sizeof text, "member %zu %s: %.400s", member, ends[outcome->kind].verb,
                 outcome->text);
    fani_gang_end(link, ends[outcome->kind].status, text);
}

/* The text of a member that did not answer: what its last call knows, where it gave no text of its
 * own, and how its gang ended, where another ended it. */
static void explain(fani_gang_seat *seat, const fan_outcome *outcome, char *text, size_t size)
{
    bool over = fani_gang_over(seat);
    bool plain = !strcmp(outcome->text, fan_status_text(seat->trouble)) ||
                 !strcmp(outcome->text, fan_status_text(FAN_E_CANCELLED));
    if (over)
        say_over(seat);
    if (plain && seat->why[0])
        snprintf(text, size, "%s", seat->why);
    else if (over)
        snprintf(text, size, "%.480s (%s)", outcome->text, seat->why);
    else
        snprintf(text, size, "%s", outcome->text);
}

static fan_status answer(fan_run *run, fani_gang_seat *seat, const fan_outcome *outcome)
{
    char text[1001];
    if (outcome->kind == FAN_OUTCOME_OK)
        return fan_run_reply(run, 0, outcome->bytes, outcome->size);
    explain(seat, outcome, text, sizeof text);
    fan_outcome told = *outcome;
    told.text = text;
    fani_gang_fault(seat->link, seat->rank, &told);
    return fani_run_mark(
        run, 0, outcome->kind == FAN_OUTCOME_CANCELLED ? FANI_SLOT_CANCELLED : FANI_SLOT_FAILED,
        text);
}

static fan_status run_inner(fan_run *run, const fan_items *in, const fan_task *task,
                            fani_gang_seat *seat, size_t reply_limit)
{
    fani_worker *worker = fani_run_worker(run);
    fani_replies replies = {0};
    uint64_t run_ns;
    fani_gang_set_state(seat->link, seat->rank, FANI_GANG_HERE);
    fani_worker_seat(worker, seat);
    fan_status status =
        fani_worker_run(worker, task, in, &(fan_items){0}, reply_limit, &replies, &run_ns);
    fani_worker_seat(worker, NULL);
    fan_outcome outcome = {.kind = FAN_OUTCOME_FAILED, .text = fan_status_text(status)};
    if (status == FAN_OK)
        outcome = fani_replies_outcome(&replies, 0);
    status = answer(run, seat, &outcome);
    fani_gang_set_state(seat->link, seat->rank, FANI_GANG_RETURNED);
    fani_replies_clear(&replies);
    return status;
}

/* Where the members talk: given by address, or known to the worker by its id. */
static const fani_gang_link *find_link(const fan_run *run, const fani_gang_order *order,
                                       size_t member, fani_gang_link *found)
{
    if (order->link)
        return order->link;
    fan_items shared = fan_run_shared(run, (fan_shared){order->id});
    /* Mapped for writing, as the memory of gangs alone is. */
    fani_gang_region *region = (void *)(uintptr_t)shared.bytes;
    if (!shared.count || !fani_gang_region_sound(region, shared.size, member))
        return NULL;
    *found = (fani_gang_link){.region = region, .members = region->members};
    return found;
}

static fan_status run_member(fan_run *run, fan_items in)
{
    fani_gang_order order;
    fani_gang_link found;
    fan_items args = fan_run_args(run);
    if (args.size != sizeof order || in.count != 1)
        return FAN_E_PROTOCOL;
    memcpy(&order, args.bytes, sizeof order);
    const fani_gang_link *link = find_link(run, &order, (size_t)in.first, &found);
    if (!link)
        return FAN_E_PROTOCOL;
    const fan_task *task = order.task;
    if (!task)
        task = fani_registry_find(order.name, strnlen(order.name, sizeof order.name));
    if (!task)
        return fan_run_fail(run, 0, "the worker program does not know the task \"%.*s\"",
                            (int)sizeof order.name - 1, order.name);
    fani_gang_seat seat = {.link = link,
                           .rank = (size_t)in.first,
                           .cancelled = fani_worker_cancelled(fani_run_worker(run))};
    return run_inner(run, &in, task, &seat, (size_t)order.reply_limit);
}

const fan_task fani_gang_task = {.name = "fan.gang", .version = 1, .run = run_member};
