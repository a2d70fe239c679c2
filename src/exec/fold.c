/* Fold: leaves out through a map, their values back in order into a binary counter. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "exec/front.h"
#include "exec/source.h"
#include "task/leaf.h"
#include "task/wire.h"

enum { LEAF_ITEMS = 1024, HEIGHTS = 64 };

/* ---- Leaves as the items of a map ---------------------------------------------------------- */

typedef struct leaf_source {
    const fan_source *source;
    const fan_task *task;
    const fan_fold_plan *plan;
    size_t leaf_items;
    uint64_t taken;
    fani_values gathered; /* the items of a leaf that came in several pulls */
    size_t range_items;   /* where items have no bytes: how many */
    fani_heap messages;
} leaf_source;

/* Adds one pull's items to what a leaf has so far. */
static fan_status gather(leaf_source *leaves, const fan_items *items)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < items->count && status == FAN_OK; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(items, i, &size);
        status = fani_values_add(&leaves->gathered, bytes, size);
    }
    return status;
}

/* The next leaf_items items (fewer at the end) as one batch. A source that gives less at a time is
 * asked again, so that leaves never depend on how a source cuts its items. What was gathered before
 * a FAN_E_BUSY is kept for the next call. */
static fan_status pull_leaf(leaf_source *leaves, fan_items *leaf, fan_error *error)
{
    for (;;) {
        size_t have = leaves->gathered.count + leaves->range_items;
        fan_items items = {0};
        fan_status status = FAN_OK;
        if (have < leaves->leaf_items)
            status = fani_source_pull(leaves->source, leaves->taken, leaves->leaf_items - have,
                                      SIZE_MAX, &items, error);
        if (status != FAN_OK)
            return status;
        if (!items.count) {
            *leaf = (fan_items){.bytes = leaves->gathered.bytes.data,
                                .offsets = leaves->gathered.offsets,
                                .count = have,
                                .first = leaves->source->first + leaves->taken - have};
            return FAN_OK;
        }
        leaves->taken += items.count;
        bool range = !items.bytes && !items.offsets;
        if (range ? leaves->gathered.count : leaves->range_items)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "the source gave items with and without bytes");
        if (range) {
            leaves->range_items += items.count;
        } else if (!have && items.count == leaves->leaf_items) { /* whole as it is: no copy */
            *leaf = items;
            return FAN_OK;
        } else {
            status = gather(leaves, &items);
        }
        if (status != FAN_OK)
            return status;
    }
}

static fan_status pull_message(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                               fan_error *error)
{
    (void)max_items, (void)max_bytes; /* one leaf a pull: it is a batch's worth of work by itself */
    leaf_source *leaves = user;
    fani_wire_batch message = {
        .task_name = leaves->task->name,
        .task_name_size = strlen(leaves->task->name),
        .reply_limit = UINT32_MAX,
        .args = {.bytes = leaves->plan->args, .size = leaves->plan->args_size, .count = 1}};
    fan_status status = pull_leaf(leaves, &message.items, error);
    if (status != FAN_OK || !message.items.count)
        return status;
    size_t size = fani_wire_batch_size(&message);
    leaves->messages.used = 0;
    unsigned char *at = fani_heap_extend(&leaves->messages, size);
    if (!at)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a leaf of %zu items",
                              message.items.count);
    fani_wire_batch_write(&message, at);
    fani_values_clear(&leaves->gathered);
    leaves->range_items = 0;
    *items = (fan_items){.bytes = at, .size = size, .count = 1};
    return FAN_OK;
}

/* ---- The binary counter -------------------------------------------------------------------- */

/* Partial values by height; those of equal height are combined at once, left with right, so at most
 * one stands at each height and the tree depends on the number of leaves alone. */
typedef struct counter {
    fani_values partial[HEIGHTS]; /* empty, or one value */
    fani_worker *worker;
    const fan_task *combine;
    fan_items args;
    fan_error *error;
} counter;

static fan_status combine_two(counter *c, fani_values *left, fani_values *right)
{
    char text[1001] = "";
    size_t size = right->bytes.used;
    fan_status status = fani_values_add(left, right->bytes.data, size);
    fani_values_clear(right);
    if (status == FAN_OK)
        status = fani_values_combine(left, c->worker, c->combine, &c->args, text);
    if (status != FAN_OK)
        fani_error_set(c->error, status, "%s", text[0] ? text : fan_status_text(status));
    return status;
}

static fan_status add_leaf(counter *c, const fan_outcome *leaf)
{
    fani_values carry = {0};
    size_t height = 0;
    fan_status status = fani_values_add(&carry, leaf->bytes, leaf->size);
    while (status == FAN_OK && c->partial[height].count) {
        fani_values left = c->partial[height];
        c->partial[height] = (fani_values){0};
        status = combine_two(c, &left, &carry);
        carry = left;
        height++;
    }
    c->partial[height] = carry;
    return status;
}

/* The value of all leaves so far, into *total (zeroed): from the lowest height up. `keep` leaves
 * the counter as it is. */
static fan_status sum_up(counter *c, fani_values *total, bool keep)
{
    fan_status status = FAN_OK;
    for (size_t height = 0; height < HEIGHTS && status == FAN_OK; height++) {
        fani_values left = {0};
        if (!c->partial[height].count)
            continue;
        if (keep) {
            status = fani_values_add(&left, c->partial[height].bytes.data,
                                     c->partial[height].bytes.used);
        } else {
            left = c->partial[height];
            c->partial[height] = (fani_values){0};
        }
        if (status == FAN_OK && total->count)
            status = combine_two(c, &left, total);
        fani_values_clear(total); /* it is part of left now, or memory ran out */
        *total = left;
    }
    return status;
}

static void clear_counter(counter *c)
{
    for (size_t height = 0; height < HEIGHTS; height++)
        fani_values_clear(&c->partial[height]);
    fani_worker_free(c->worker);
}

/* ---- The fold ------------------------------------------------------------------------------ */

static fan_status emit(counter *c, const fan_fold_plan *plan, uint64_t items)
{
    fani_values value = {0};
    fan_status status = sum_up(c, &value, true);
    if (status == FAN_OK)
        plan->emit(plan->emit_user, items, value.bytes.data, value.bytes.used);
    fani_values_clear(&value);
    return status;
}

/* What a leaf without a value makes of the fold. */
static fan_status leaf_failed(const fan_outcome *leaf, size_t leaf_items, fan_error *error)
{
    fan_status status = FAN_E_FAILED;
    if (leaf->kind == FAN_OUTCOME_FAILED)
        return fani_error_set(error, status, "%s", leaf->text);
    if (leaf->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (leaf->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "leaf %llu of %zu items %s: %s",
                          (unsigned long long)leaf->index, leaf_items, fan_outcome_name(leaf->kind),
                          leaf->text);
}

static fan_status collect(fan_mapping *map, counter *c, const fan_fold_plan *plan,
                          const leaf_source *leaves, fan_error *error)
{
    fan_outcome leaf;
    fan_status status;
    for (uint64_t count = 1; (status = fan_map_next(map, FAN_FOREVER, &leaf, error)) == FAN_OK;
         count++) {
        if (leaf.captured && plan->captured)
            plan->captured(plan->captured_user, leaf.index, leaf.captured);
        if (leaf.kind != FAN_OUTCOME_OK)
            return leaf_failed(&leaf, leaves->leaf_items, error);
        status = add_leaf(c, &leaf);
        if (status == FAN_OK && plan->emit && plan->emit_every && count % plan->emit_every == 0) {
            uint64_t items = count * leaves->leaf_items;
            status = emit(c, plan, items < leaves->taken ? items : leaves->taken);
        }
        if (status != FAN_OK)
            return status;
    }
    return status == FAN_E_CLOSED ? FAN_OK : status;
}

static fan_status take_result(counter *c, fan_buffer *result)
{
    fani_values total = {0};
    fan_status status = sum_up(c, &total, false);
    if (status == FAN_OK && total.count) {
        unsigned char *copy = malloc(total.bytes.used ? total.bytes.used : 1);
        if (copy) {
            if (total.bytes.used)
                memcpy(copy, total.bytes.data, total.bytes.used);
            result->bytes = copy;
            result->size = result->capacity = total.bytes.used;
        } else {
            status = FAN_E_MEMORY;
        }
    }
    fani_values_clear(&total);
    return status;
}

static fan_status fill_leaf_args(fan_executor *executor, const fan_task *task,
                                 const fan_task *combine, fani_leaf_args *args, fan_error *error)
{
    *args = (fani_leaf_args){0};
    if (!combine || !combine->name || strlen(combine->name) >= sizeof args->combine_name)
        return fani_error_set(error, FAN_E_ARGUMENT, "a fold needs a combine task with a name");
    memcpy(args->combine_name, combine->name, strlen(combine->name) + 1);
    if (fan_executor_capabilities(executor) & FAN_CAP_SHARES_MEMORY) {
        args->task = task;
        args->combine = combine;
    }
    fan_status status = fani_front_accepts(&executor->front, task, error);
    return status == FAN_OK ? fani_front_accepts(&executor->front, combine, error) : status;
}

/* A leaf is an item of the inner map; how many there are is known where the source's count is. */
static fan_source leaves_as_source(leaf_source *leaves)
{
    uint64_t items = leaves->source->count, size = leaves->leaf_items;
    uint64_t count = items == UINT64_MAX ? items : items / size + (items % size != 0);
    return fan_source_callback(pull_message, leaves, count);
}

fan_status fan_fold_sized(fan_executor *executor, const fan_task *task, fan_source source,
                          const fan_fold_plan *given, size_t plan_size, fan_buffer *result,
                          fan_error *error)
{
    fan_fold_plan plan = {0};
    fani_leaf_args args;
    fan_error reason = {0};
    fan_mapping *map = NULL;
    if (!executor)
        return fani_error_set(error, FAN_E_UNSUPPORTED, "there is no executor");
    if (!given || !result || !fani_front_may_wait(&executor->front))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a fold needs a plan and a place for its result");
    memcpy(&plan, given, plan_size < sizeof plan ? plan_size : sizeof plan);
    *result = (fan_buffer){0};
    if ((!plan.args && plan.args_size) || plan.args_size > FANI_BYTES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "args is %s but args_size is %zu",
                              plan.args ? "given" : "NULL", plan.args_size);
    fani_front_retain(&executor->front); /* combining asks it for shares to the end */
    leaf_source leaves = {.source = &source,
                          .task = task,
                          .plan = &plan,
                          .leaf_items = plan.leaf_items ? plan.leaf_items : LEAF_ITEMS};
    counter c = {.worker = fani_worker_new(
                     &(fani_worker_host){.shared = fani_front_shared, .user = &executor->front}),
                 .combine = plan.combine,
                 .args = {.bytes = plan.args, .size = plan.args_size, .count = 1},
                 .error = &reason};
    fan_map_options options = {.args = &args,
                               .args_size = sizeof args,
                               .stop = plan.stop,
                               .stop_user = plan.stop_user,
                               .timeout_ms = plan.timeout_ms,
                               .retries = plan.retries,
                               .priority = plan.priority,
                               .backoff_ms = plan.backoff_ms};
    fan_status status = c.worker ? fani_source_check(&source, &reason) : FAN_E_MEMORY;
    if (status == FAN_OK && source.numbered)
        status = fani_error_set(&reason, FAN_E_ARGUMENT, "the source of a fold can't be numbered");
    if (status == FAN_OK)
        status = fill_leaf_args(executor, task, plan.combine, &args, &reason);
    if (status == FAN_OK)
        status = fan_map_begin(executor, &fani_leaf_task, leaves_as_source(&leaves), &options, &map,
                               &reason);
    if (status == FAN_OK)
        status = collect(map, &c, &plan, &leaves, &reason);
    fan_map_end(map, NULL, 0);
    if (status == FAN_OK)
        status = take_result(&c, result);
    if (status != FAN_OK && reason.status == FAN_OK)
        fani_error_set(&reason, status, "%s", fan_status_text(status));
    if (status != FAN_OK && error)
        *error = reason; /* whole: a source's error names its file and line */
    clear_counter(&c);
    fani_values_clear(&leaves.gathered);
    free(leaves.messages.data);
    fani_front_release(&executor->front);
    return status;
}

void fan_buffer_clear(fan_buffer *buffer)
{
    if (buffer) {
        free(buffer->bytes);
        *buffer = (fan_buffer){0};
    }
}
