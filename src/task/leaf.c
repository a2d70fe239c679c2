#include "task/leaf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/registry.h"
#include "task/wire.h"

enum { TEXT_SIZE = 1001 };

/* ---- Values -------------------------------------------------------------------------------- */

static bool values_room(fani_values *values)
{
    if (values->count < values->capacity)
        return true;
    size_t capacity = values->capacity ? 2 * values->capacity : 16;
    uint64_t *offsets = reallocarray(values->offsets, capacity + 1, sizeof *offsets);
    if (!offsets)
        return false;
    values->offsets = offsets;
    values->capacity = capacity;
    offsets[0] = 0;
    return true;
}

static unsigned char *values_extend(fani_values *values, size_t size)
{
    unsigned char *at = values_room(values) ? fani_heap_extend(&values->bytes, size) : NULL;
    if (at)
        values->offsets[++values->count] = values->bytes.used;
    return at;
}

fan_status fani_values_add(fani_values *values, const void *bytes, size_t size)
{
    unsigned char *at = values_extend(values, size);
    if (!at && (size || !values_room(values)))
        return FAN_E_MEMORY;
    if (!at) /* an empty value in a heap that has no memory yet */
        values->offsets[++values->count] = values->bytes.used;
    else if (size)
        memcpy(at, bytes, size);
    return FAN_OK;
}

void fani_values_clear(fani_values *values)
{
    free(values->bytes.data);
    free(values->offsets);
    *values = (fani_values){0};
}

static const unsigned char *value_at(const fani_values *values, size_t i, size_t *size)
{
    *size = (size_t)(values->offsets[i + 1] - values->offsets[i]);
    return values->bytes.data + values->offsets[i];
}

/* ---- Combining ----------------------------------------------------------------------------- */

static fan_status add_pair(fani_values *pairs, const fani_values *values, size_t i)
{
    size_t left_size, right_size;
    const unsigned char *left = value_at(values, i, &left_size);
    const unsigned char *right = value_at(values, i + 1, &right_size);
    uint64_t prefix = left_size;
    unsigned char *at = values_extend(pairs, sizeof prefix + left_size + right_size);
    if (!at)
        return FAN_E_MEMORY;
    memcpy(at, &prefix, sizeof prefix);
    if (left_size)
        memcpy(at + sizeof prefix, left, left_size);
    if (right_size)
        memcpy(at + sizeof prefix + left_size, right, right_size);
    return FAN_OK;
}

/* The values of all items of finished replies; FAN_E_FAILED with the first failed item's text. */
static fan_status add_replies(fani_values *values, const fani_replies *replies, char *text,
                              const char *what, uint64_t first)
{
    for (size_t i = 0; i < replies->count; i++) {
        fan_outcome outcome = fani_replies_outcome(replies, i);
        if (outcome.kind != FAN_OUTCOME_OK) {
            snprintf(text, TEXT_SIZE, "%s %" PRIu64 ": %s", what, first + i, outcome.text);
            return FAN_E_FAILED;
        }
        fan_status status = fani_values_add(values, outcome.bytes, outcome.size);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static fan_status combine_level(const fani_values *values, fani_values *next, fani_worker *worker,
                                const fan_task *combine, const fan_items *args, char *text)
{
    fani_values pairs = {0};
    fani_replies replies = {0};
    uint64_t run_ns;
    fan_status status = FAN_OK;
    for (size_t i = 0; i + 1 < values->count && status == FAN_OK; i += 2)
        status = add_pair(&pairs, values, i);
    fan_items items = {.bytes = pairs.bytes.data, .offsets = pairs.offsets, .count = pairs.count};
    if (status == FAN_OK)
        status = fani_worker_run(worker, combine, &items, args, UINT32_MAX, &replies, &run_ns);
    if (status == FAN_OK)
        status = add_replies(next, &replies, text, "combining pair", 0);
    if (status == FAN_OK && values->count % 2) {
        size_t size;
        const unsigned char *last = value_at(values, values->count - 1, &size);
        status = fani_values_add(next, last, size);
    }
    fani_replies_clear(&replies);
    fani_values_clear(&pairs);
    return status;
}

fan_status fani_values_combine(fani_values *values, fani_worker *worker, const fan_task *combine,
                               const fan_items *args, char *text)
{
    while (values->count > 1) {
        fani_values next = {0};
        fan_status status = combine_level(values, &next, worker, combine, args, text);
        fani_values_clear(values);
        *values = next;
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

/* ---- The task ------------------------------------------------------------------------------ */

static const fan_task *named(const fan_task *known, const char *name, size_t size, char *text)
{
    const fan_task *task = known ? known : fani_registry_find(name, size);
    if (!task)
        snprintf(text, TEXT_SIZE, "the task \"%.*s\" is not registered here", (int)size, name);
    return task;
}

static fan_status leaf_value(fani_worker *worker, const fani_wire_batch *leaf,
                             const fani_leaf_args *args, fani_values *values, char *text)
{
    fani_replies replies = {0};
    uint64_t run_ns;
    const fan_task *task = named(args->task, leaf->task_name, leaf->task_name_size, text);
    const fan_task *combine =
        named(args->combine, args->combine_name, strlen(args->combine_name), text);
    if (!task || !combine)
        return FAN_E_FAILED;
    fan_status status = fani_worker_run(worker, task, &leaf->items, &leaf->args,
                                        (size_t)leaf->reply_limit, &replies, &run_ns);
    if (status == FAN_OK)
        status = add_replies(values, &replies, text, "item", leaf->items.first);
    if (status == FAN_OK)
        status = fani_values_combine(values, worker, combine, &leaf->args, text);
    fani_replies_clear(&replies);
    return status;
}

static fan_status run_leaf(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    fani_wire_batch leaf;
    fani_leaf_args args;
    fani_values values = {0};
    char text[TEXT_SIZE] = "";
    fan_items given = fan_run_args(run);
    if (given.size != sizeof args)
        return FAN_E_PROTOCOL;
    memcpy(&args, given.bytes, sizeof args);
    args.combine_name[sizeof args.combine_name - 1] = '\0';
    fan_status status = fani_wire_batch_read(input, size, &leaf);
    if (status == FAN_OK)
        status = leaf_value(fani_run_worker(run), &leaf, &args, &values, text);
    if (status == FAN_OK && values.count == 1)
        status = fan_run_reply(run, i, values.bytes.data, values.bytes.used);
    else if (status == FAN_E_FAILED)
        status = fan_run_fail(run, i, "%s", text);
    fani_values_clear(&values);
    return status;
}

static fan_status run_leaves(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, run_leaf);
}

const fan_task fani_leaf_task = {.name = "fan.leaf", .version = 1, .run = run_leaves};
