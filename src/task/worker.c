#include "task/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "task/gang.h"
#include "task/inside.h"
#include "task/parts.h"

/* A worker keeps this many states; beyond it the one least lately used is stopped. A job uses one
 * to three; the bound is for programs that submit with ever new arguments. */
enum { STATES_MAX = 16 };

typedef struct state {
    const fan_task *task;
    unsigned char *args;
    size_t args_size;
    void *value;
    uint64_t last_use;
} state;

struct fan_run {
    fani_worker *worker;
    fani_replies *replies;
    fan_items items;
    fan_items args;
    void *state;
    fani_parts *parts; /* it is a part of these, from item `at` on; else NULL */
    size_t at;
    bool array; /* and has its place in their array: here */
    void *place;
    bool inner; /* another run on this worker is under way, and this is work of its item */
};

struct fani_worker {
    fani_worker_host host;
    state states[STATES_MAX];
    size_t states_used;
    uint64_t clock;
    int64_t begun_ns;
    bool starved;         /* the last run ended for want of memory */
    bool busy;            /* a run is under way */
    bool nested;          /* and has asked for the executor of its children */
    fani_gang_seat *seat; /* while a member of a gang runs */

    fan_run part; /* between parts_open and parts_close */
    state *part_state;
    fani_replies part_replies; /* of one part, what is not in the array */
    fani_inside part_before;
};

/* ---- What a task sees ---------------------------------------------------------------------- */

static void fail_too_large(fan_run *run, size_t size)
{
    for (size_t i = 0; i < run->replies->count; i++)
        fan_run_fail(run, i, "the reply has %zu bytes; the limit is %zu", size,
                     run->replies->limit);
}

void *fan_run_reply_array(fan_run *run, size_t size)
{
    fani_replies *replies = run->replies;
    if (!replies)
        return NULL;
    if (run->array) /* asked for before, in a part */
        return size == run->parts->item_size ? run->place : NULL;
    if (run->parts && size <= replies->limit && !replies->array &&
        !(replies->slots && fani_replies_any(replies))) {
        run->place = fani_parts_array(run->parts, run->at, run->items.count, size);
        run->array = run->place != NULL;
        if (run->array)
            return run->place;
    }
    if (size > replies->limit)
        fail_too_large(run, size);
    return fani_replies_array(replies, size);
}

fan_status fan_run_reply(fan_run *run, size_t i, const void *bytes, size_t size)
{
    if (!run->replies || run->array || run->replies->array)
        return FAN_E_ARGUMENT;
    if (size > run->replies->limit) {
        fan_run_fail(run, i, "the reply has %zu bytes; the limit is %zu", size,
                     run->replies->limit);
        return FAN_E_TOO_LARGE;
    }
    return fani_replies_put(run->replies, i, bytes, size);
}

fan_status fani_run_reply_room(fan_run *run, size_t i, size_t most, unsigned char **room)
{
    if (!run->replies || run->array)
        return FAN_E_ARGUMENT;
    return fani_replies_room(run->replies, i, most, room);
}

fan_status fani_run_reply_take(fan_run *run, size_t i, size_t size)
{
    if (size > run->replies->limit) {
        fan_run_fail(run, i, "the reply has %zu bytes; the limit is %zu", size,
                     run->replies->limit);
        return FAN_E_TOO_LARGE;
    }
    fani_replies_take(run->replies, i, size);
    return FAN_OK;
}

fan_status fan_run_fail(fan_run *run, size_t i, const char *format, ...)
{
    char text[1001];
    va_list arguments;
    if (!run->replies)
        return FAN_E_ARGUMENT;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fani_replies_mark(run->replies, i, FANI_SLOT_FAILED, text);
}

bool fan_run_cancelled(const fan_run *run)
{
    const _Atomic bool *cancelled = run->worker->host.cancelled;
    const fani_gang_seat *seat = run->worker->seat;
    return (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed)) ||
           (seat && fani_gang_over(seat));
}

void fan_run_set_state(fan_run *run, void *value)
{
    run->state = value;
}

void *fan_run_state(const fan_run *run)
{
    return run->state;
}

fan_items fan_run_args(const fan_run *run)
{
    return run->args;
}

fan_items fan_run_shared(const fan_run *run, fan_shared shared)
{
    const fani_worker_host *host = &run->worker->host;
    return host->shared ? host->shared(host->user, shared.id) : (fan_items){0};
}

fan_executor *fan_run_executor(const fan_run *run)
{
    fani_worker *worker = run->worker;
    worker->nested = true;
    return worker->host.nested ? worker->host.nested(worker->host.nest) : NULL;
}

/* What a status means to whoever reads of an item that failed by it. */
static const char *text_of(const fani_worker *worker, fan_status status)
{
    return status == FAN_E_MEMORY && worker->host.memory_text ? worker->host.memory_text
                                                              : fan_status_text(status);
}

fan_status fan_run_each(fan_run *run, fan_items in, fan_item_function one)
{
    const fani_worker_host *host = &run->worker->host;
    _Atomic uint64_t *current = run->inner ? NULL : host->current_item;
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *input = fan_items_at(&in, i, &size);
        if (current)
            atomic_store_explicit(current, in.first + i, memory_order_relaxed);
        fan_status status = one(run, i, input, size);
        if (host->capture && run->replies && !run->inner)
            host->capture(host->user, run->replies, i);
        if (status == FAN_E_CANCELLED || status == FAN_E_MEMORY)
            return status;
        if (status != FAN_OK && !(run->replies && fani_replies_failed(run->replies, i)))
            status = fan_run_fail(run, i, "%s", fan_status_text(status));
        if (status == FAN_E_MEMORY)
            return status;
    }
    return FAN_OK;
}

bool fan_items_pair(const fan_items *items, size_t i, const unsigned char **left, size_t *left_size,
                    const unsigned char **right, size_t *right_size)
{
    uint64_t first_size;
    size_t size;
    const unsigned char *pair = i < items->count ? fan_items_at(items, i, &size) : NULL;
    if (!pair || size < sizeof first_size)
        return false;
    memcpy(&first_size, pair, sizeof first_size);
    if (first_size > size - sizeof first_size)
        return false;
    *left = pair + sizeof first_size;
    *left_size = (size_t)first_size;
    *right = *left + first_size;
    *right_size = size - sizeof first_size - (size_t)first_size;
    return true;
}

/* ---- States -------------------------------------------------------------------------------- */

fani_worker *fani_run_worker(fan_run *run)
{
    return run->worker;
}

void fani_worker_seat(fani_worker *worker, fani_gang_seat *seat)
{
    worker->seat = seat;
}

fani_gang_seat *fani_run_seat(const fan_run *run)
{
    return run->worker->seat;
}

const _Atomic bool *fani_worker_cancelled(const fani_worker *worker)
{
    return worker->host.cancelled;
}

fan_status fani_run_mark(fan_run *run, size_t i, fani_slot_state mark, const char *text)
{
    return fani_replies_mark(run->replies, i, mark, text);
}

fani_worker *fani_worker_new(const fani_worker_host *host)
{
    fani_worker *worker = calloc(1, sizeof *worker);
    if (worker)
        worker->host = *host;
    return worker;
}

static void drop_state(state *s)
{
    if (s->task->stop)
        s->task->stop(s->value);
    free(s->args);
}

void fani_worker_free(fani_worker *worker)
{
    if (!worker)
        return;
    for (size_t i = 0; i < worker->states_used; i++)
        drop_state(&worker->states[i]);
    fani_replies_clear(&worker->part_replies);
    free(worker);
}

static state *find_state(fani_worker *worker, const fan_task *task, const fan_items *args)
{
    for (size_t i = 0; i < worker->states_used; i++) {
        state *s = &worker->states[i];
        if (s->task == task && s->args_size == args->size &&
            (args->size == 0 || !memcmp(s->args, args->bytes, args->size)))
            return s;
    }
    return NULL;
}

/* A free place, made by dropping the state least lately used where all are taken. */
static state *free_place(fani_worker *worker)
{
    if (worker->states_used < STATES_MAX)
        return &worker->states[worker->states_used++];
    state *oldest = &worker->states[0];
    for (size_t i = 1; i < STATES_MAX; i++)
        if (worker->states[i].last_use < oldest->last_use)
            oldest = &worker->states[i];
    drop_state(oldest);
    return oldest;
}

static fan_status make_state(fan_run *run, const fan_task *task, state **made)
{
    unsigned char *copy = run->args.size ? malloc(run->args.size) : NULL;
    if (run->args.size && !copy)
        return FAN_E_MEMORY;
    fan_status status = task->start ? task->start(run) : FAN_OK;
    if (status != FAN_OK) {
        free(copy);
        return status;
    }
    if (copy)
        memcpy(copy, run->args.bytes, run->args.size);
    state *s = free_place(run->worker);
    *s = (state){.task = task, .args = copy, .args_size = run->args.size, .value = run->state};
    *made = s;
    return FAN_OK;
}

bool fani_worker_starved(const fani_worker *worker)
{
    return worker->starved;
}

/* A run that had an executor for children has ended. */
static void settle_children(fani_worker *worker)
{
    worker->nested = false;
    if (worker->host.settle)
        worker->host.settle(worker->host.nest);
}

/* ---- Running ------------------------------------------------------------------------------- */

/* The state of the run's task and arguments, made where it is new; *found is NULL for tasks that
 * keep none. */
static fan_status enter_state(fan_run *run, const fan_task *task, state **found)
{
    fani_worker *worker = run->worker;
    fani_replies *replies = run->replies;
    *found = NULL;
    if (!task->start && !task->stop)
        return FAN_OK;
    state *s = find_state(worker, task, &run->args);
    if (!s) {
        run->replies = NULL; /* start has no items to answer */
        fan_status status = make_state(run, task, &s);
        run->replies = replies;
        if (status != FAN_OK)
            return status;
    }
    s->last_use = ++worker->clock;
    run->state = s->value;
    *found = s;
    return FAN_OK;
}

static fan_status run_task(fan_run *run, const fan_task *task)
{
    state *s;
    if (!task->start && !task->stop)
        return task->run(run, run->items);
    fan_status status = enter_state(run, task, &s);
    if (status != FAN_OK)
        return status;
    status = task->run(run, run->items);
    if (s)
        s->value = run->state;
    return status;
}

/* The outcome of items that run left unanswered: cancelled where it was asked to end and says that
 * it did, else failed. An array answers all of them, so a failing status must then mark every item
 * that is not failed already. */
static fan_status finish(const fani_worker *worker, fani_replies *replies, fan_status status,
                         bool cancelled)
{
    const char *text = status == FAN_OK ? "the task gave no reply" : text_of(worker, status);
    fani_slot_state mark =
        cancelled && status == FAN_E_CANCELLED ? FANI_SLOT_CANCELLED : FANI_SLOT_FAILED;
    for (size_t i = 0; status != FAN_OK && i < replies->count; i++)
        if (!fani_replies_answered(replies, i) &&
            fani_replies_mark(replies, i, mark, text) != FAN_OK)
            return FAN_E_MEMORY;
    return fani_replies_finish(replies, text);
}

fan_status fani_worker_run_untimed(fani_worker *worker, const fan_task *task,
                                   const fan_items *items, const fan_items *args,
                                   size_t reply_limit, fani_replies *replies)
{
    fan_run run = {.worker = worker, .replies = replies, .items = *items, .args = *args};
    fan_status status = fani_replies_begin(replies, items->count, reply_limit);
    if (status != FAN_OK)
        return status;
    run.args.count = 1;
    worker->starved = false;
    fani_inside before = fani_inside_enter(FANI_IN_TASK);
    run.inner = worker->busy;
    worker->busy = true;
    status = run_task(&run, task);
    worker->busy = run.inner;
    fani_inside_leave(before);
    worker->starved = status == FAN_E_MEMORY;
    if (worker->nested)
        settle_children(worker);
    if (worker->host.capture && items->count && !run.inner) {
        size_t known = replies->captures_count;
        worker->host.capture(worker->host.user, replies,
                             known ? replies->captures[known - 1].item : 0);
    }
    return finish(worker, replies, status, fan_run_cancelled(&run));
}

fan_status fani_worker_run(fani_worker *worker, const fan_task *task, const fan_items *items,
                           const fan_items *args, size_t reply_limit, fani_replies *replies,
                           uint64_t *run_ns)
{
    int64_t begun = fani_clock_ns();
    fan_status status = fani_worker_run_untimed(worker, task, items, args, reply_limit, replies);
    *run_ns = (uint64_t)(fani_clock_ns() - begun);
    worker->begun_ns = begun; /* not before: a run may run others on its worker */
    return status;
}

int64_t fani_worker_begun(const fani_worker *worker)
{
    return worker->begun_ns;
}

/* ---- Parts --------------------------------------------------------------------------------- */

fan_status fani_worker_parts_open(fani_worker *worker, fani_parts *parts)
{
    fan_run *run = &worker->part;
    *run = (fan_run){
        .worker = worker, .replies = &worker->part_replies, .args = parts->args, .parts = parts};
    run->args.count = 1;
    run->items.size = parts->items.size;
    fani_replies_begin(&worker->part_replies, 0, parts->reply_limit);
    worker->part_before = fani_inside_enter(FANI_IN_TASK);
    fan_status status = enter_state(run, parts->task, &worker->part_state);
    if (status != FAN_OK)
        fani_inside_leave(worker->part_before);
    return status;
}

void fani_worker_part_run(fani_worker *worker, size_t at, size_t count)
{
    fan_run *run = &worker->part;
    fani_parts *parts = run->parts;
    fani_replies *replies = &worker->part_replies;
    const fan_items *all = &parts->items;
    run->at = at;
    run->array = false;
    run->items.count = count;
    run->items.first = all->first + at;
    run->items.offsets = all->offsets ? all->offsets + at : NULL;
    run->items.bytes = all->bytes && !all->offsets ? all->bytes + at * all->size : all->bytes;
    replies->count = count; /* else as parts_open, or keeping the last part, has left them: empty */
    fan_status status = parts->task->run(run, run->items);
    if (worker->nested)
        settle_children(worker);
    if (run->array && status == FAN_OK && !replies->slots)
        return;
    replies->array |= run->array; /* what has no mark is answered in the array */
    if (finish(worker, replies, status, fan_run_cancelled(run)) != FAN_OK)
        replies->complete = false;
    fani_parts_keep(parts, at, run->array, replies);
    fani_replies_begin(replies, 0, parts->reply_limit);
}

void fani_worker_parts_close(fani_worker *worker)
{
    if (worker->part_state)
        worker->part_state->value = worker->part.state;
    fani_inside_leave(worker->part_before);
}
