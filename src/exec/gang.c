/* fan_gang: the members of a gang out as batches of one item, their outcomes back. */
#include "exec/gang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "exec/front.h"
#include "exec/source.h"
#include "task/inside.h"

enum { LOOK_MS = 100 }; /* an executor that is being abandoned wakes nobody inside progress */

void fani_gang_member_ended(fani_batch *batch, fani_slot_state how, const char *text)
{
    fani_replies_restart(&batch->replies, 1, batch->reply_limit); /* what it printed stays */
    /* Without memory even for that the item reads as failed. */
    batch->replies.complete =
        fani_replies_mark(&batch->replies, 0, how, text ? text : "") == FAN_OK;
}

/* ---- One at a time ------------------------------------------------------------------------- */

static bool turn_comes(void *user)
{
    fani_front *front = user;
    return !atomic_load(&front->ganging) || atomic_load(&front->closing);
}

/* Inside an operation until give_turn, so that close waits. NULL: it is closing. */
static fani_shard *take_turn(fani_front *front, uint64_t *id)
{
    for (;;) {
        bool free = false;
        fani_shard *shard = fani_front_enter(front);
        bool closing = atomic_load(&front->closing);
        if (!closing && atomic_compare_exchange_strong(&front->ganging, &free, true)) {
            pthread_mutex_lock(&front->lock);
            *id = ++front->next_share;
            pthread_mutex_unlock(&front->lock);
            return shard;
        }
        fani_front_leave(shard);
        if (closing)
            return NULL;
        (void)fani_front_wait(front, &front->ended, turn_comes, front, FAN_FOREVER);
    }
}

static void give_turn(fani_front *front, fani_shard *shard)
{
    atomic_store(&front->ganging, false);
    fani_event_notify(&front->ended);
    fani_front_leave(shard);
}

/* ---- Out ----------------------------------------------------------------------------------- */

static fan_outcome outcome_of(const fani_batch *batch)
{
    fan_outcome outcome = fani_replies_outcome(&batch->replies, 0);
    outcome.index = batch->items.first;
    outcome.attempt = outcome.kind == FAN_OUTCOME_CANCELLED && !batch->attempt ? 0 : 1;
    return outcome;
}

/* A member has ended, perhaps without having said so to the others: any thread. */
static void member_done(fani_batch *batch)
{
    fani_gang *gang = batch->gang;
    fan_outcome outcome = outcome_of(batch);
    if (outcome.kind != FAN_OUTCOME_OK)
        fani_gang_fault(&gang->link, (size_t)batch->items.first, &outcome);
    atomic_fetch_sub(&gang->out, 1); /* the last thing: the gang may go now */
}

static void fill_order(const fani_gang *gang, const fan_task *task, fani_gang_order *order)
{
    const fani_front *front = gang->front;
    bool near = front->opened.capabilities & FAN_CAP_SHARES_MEMORY;
    memset(order, 0, sizeof *order); /* it travels: no stray bytes */
    order->link = near ? &gang->link : NULL;
    order->task = near ? task : NULL;
    order->id = gang->id;
    order->reply_limit = front->reply_limit;
    snprintf(order->name, sizeof order->name, "%s", task->name);
}

static bool make_batches(fani_gang *gang, const fan_task *task, const void *input, size_t size)
{
    fani_gang_order order;
    fill_order(gang, task, &order);
    fani_args *args = fani_args_new(&order, sizeof order);
    for (size_t i = 0; args && i < gang->members; i++) {
        fani_batch *batch = fani_batch_new();
        gang->batches[i] = batch;
        if (!batch)
            break;
        batch->task = &fani_gang_task;
        batch->items =
            (fan_items){.bytes = size ? input : NULL, .size = size, .count = 1, .first = i};
        batch->input_bytes = size;
        batch->done = member_done;
        batch->gang = gang;
        fani_args_attach(args, batch);
    }
    fani_args_release(args);
    return args && gang->batches[gang->members - 1];
}

/* Sends them all; once one is refused the others are told. */
static fan_status send_all(fani_gang *gang)
{
    for (size_t i = 0; i < gang->members; i++) {
        atomic_fetch_add(&gang->out, 1);
        fan_status status = fani_front_send(gang->front, gang->batches[i]);
        if (status == FAN_OK)
            continue;
        atomic_fetch_sub(&gang->out, 1);
        fani_gang_end(&gang->link, FAN_E_CANCELLED, "the executor is closing");
        return status;
    }
    return FAN_OK;
}

static bool abandoned(fani_front *front)
{
    pthread_mutex_lock(&front->lock);
    bool abandoning = front->abandoning;
    pthread_mutex_unlock(&front->lock);
    return abandoning;
}

static bool has_ended(void *user)
{
    const fani_gang *gang = user;
    return atomic_load(&gang->out) == 0;
}

/* Whether the caller wants the gang to end early. */
typedef struct gang_stop {
    bool (*stop)(void *user);
    void *user;
} gang_stop;

static void wait_all(fani_gang *gang, const gang_stop *until)
{
    fani_front *front = gang->front;
    bool told = false;
    while (!fani_front_wait(front, &front->ended, has_ended, gang, fan_deadline_in_ms(LOOK_MS))) {
        if (told)
            continue;
        if (abandoned(front))
            fani_gang_end(&gang->link, FAN_E_CANCELLED, "the executor is closing");
        else if (until->stop && until->stop(until->user))
            fani_gang_end(&gang->link, FAN_E_CANCELLED, "it was stopped");
        else
            continue;
        told = true;
    }
}

/* ---- In ------------------------------------------------------------------------------------ */

static fan_status deliver(const fani_gang *gang, const fan_sink *sink, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < gang->members && status == FAN_OK; i++) {
        fan_outcome outcome = outcome_of(gang->batches[i]);
        /* An array has no place for failures: how the gang ended says more than its first one. */
        if (sink->put || outcome.kind == FAN_OUTCOME_OK)
            status = fani_sink_put(sink, 0, &outcome, 1, error);
    }
    return status;
}

/* How the gang as a whole ended: a member may also have failed after all the others returned. */
static fan_status verdict(const fani_gang *gang, fan_error *error)
{
    char text[FANI_GANG_TEXT];
    bool all_ok = true;
    for (size_t i = 0; i < gang->members; i++)
        all_ok = all_ok && outcome_of(gang->batches[i]).kind == FAN_OUTCOME_OK;
    fan_status status = fani_gang_ended(&gang->link, text);
    if (all_ok)
        return FAN_OK;
    return fani_error_set(error, status, "%s", text);
}

/* ---- The whole ----------------------------------------------------------------------------- */

fan_status fani_gang_open(fani_gang *gang, fan_error *error)
{
    fani_front *front = gang->front;
    if (front->ops->gang)
        return front->ops->gang(front->self, gang, false, error);
    if (!(front->opened.capabilities & FAN_CAP_SHARES_MEMORY))
        return fani_error_set(error, FAN_E_UNSUPPORTED, "the executor \"%s\" has no gangs",
                              front->ops->name);
    gang->link.region = fani_gang_region_new(gang->members);
    return gang->link.region ? FAN_OK
                             : fani_error_set(error, FAN_E_MEMORY,
                                              "no memory for a gang of %zu members", gang->members);
}

void fani_gang_close(fani_gang *gang)
{
    fani_front *front = gang->front;
    if (front->ops->gang)
        (void)front->ops->gang(front->self, gang, true, NULL);
    else
        fani_gang_region_free(gang->link.region);
}

static fan_status run_gang(fani_gang *gang, const fan_task *task, const void *input, size_t size,
                           const gang_stop *until, const fan_sink *sink, fan_error *error)
{
    if (!make_batches(gang, task, input, size))
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a gang of %zu members",
                              gang->members);
    fan_status status = fani_gang_open(gang, error);
    if (status != FAN_OK)
        return status;
    status = send_all(gang);
    wait_all(gang, until);
    if (status != FAN_OK)
        fani_error_set(error, status, "%s", fan_status_text(status));
    else
        status = deliver(gang, sink, error);
    if (status == FAN_OK)
        status = verdict(gang, error);
    fani_gang_close(gang);
    return status;
}

/* Once it is this gang's turn the number of workers stays what it is: see fan_executor_resize. */
static fan_status check_members(fani_front *front, size_t members, fan_error *error)
{
    pthread_mutex_lock(&front->share_lock);
    unsigned workers = atomic_load(&front->workers);
    pthread_mutex_unlock(&front->share_lock);
    if (members < 1 || members > workers)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "members is %zu; this executor has %u workers, so it may be 1 to %u",
                              members, workers, workers);
    return FAN_OK;
}

static fan_status check(fan_executor *executor, const fan_task *task, size_t members,
                        const void *input, size_t size, const fan_sink *sink, fan_error *error)
{
    if (!executor)
        return fani_error_set(error, FAN_E_UNSUPPORTED, "there is no executor");
    fani_front *front = &executor->front;
    if (fani_inside_what() != FANI_OUTSIDE || front->nested)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a gang can't be started inside of a task or a callback");
    if ((!input && size) || size > FANI_BYTES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "input is %s but size is %zu",
                              input ? "given" : "NULL", size);
    fan_status status = fani_sink_check(sink, error);
    if (status == FAN_OK)
        status = fani_front_accepts(front, task, error);
    return status ? status : check_members(front, members, error);
}

fan_status fan_gang_until(fan_executor *executor, const fan_task *task, size_t members,
                          const void *input, size_t size, bool (*stop)(void *user), void *stop_user,
                          fan_sink sink, fan_error *error)
{
    const gang_stop until = {stop, stop_user};
    fan_status status = check(executor, task, members, input, size, &sink, error);
    if (status != FAN_OK)
        return status;
    fani_front *front = &executor->front;
    fani_gang *gang = calloc(1, sizeof *gang + members * sizeof(fani_batch *));
    if (!gang)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a gang of %zu members", members);
    gang->members = gang->link.members = members;
    gang->front = front;
    fani_front_retain(front);
    fani_shard *turn = take_turn(front, &gang->id);
    if (turn) {
        status = check_members(front, members, error);
        if (status == FAN_OK)
            status = run_gang(gang, task, input, size, &until, &sink, error);
        give_turn(front, turn);
    } else {
        status = fani_error_set(error, FAN_E_CLOSED, "the executor is closed");
    }
    for (size_t i = 0; i < members; i++)
        fani_batch_free(gang->batches[i]);
    free(gang);
    fani_front_release(front);
    return status;
}

fan_status fan_gang(fan_executor *executor, const fan_task *task, size_t members, const void *input,
                    size_t size, fan_sink sink, fan_error *error)
{
    return fan_gang_until(executor, task, members, input, size, NULL, NULL, sink, error);
}
