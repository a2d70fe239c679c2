/* What workers do for an integral: blocks of a fixed grid and their sums, or the work of a method's
 * round. The arguments are the integral (integral_spec.h). */
#include <stdlib.h>
#include <string.h>

#include "job/integral_spec.h"

/* What a worker has of an integral. Where it can't be made ready here (another file on this host,
 * fewer instructions), its blocks fail with that text. */
typedef struct block_state {
    fani_ready_integral ready;
    fan_error error;
} block_state;

static fan_status block_start(fan_run *run)
{
    fan_items args = fan_run_args(run);
    size_t size = 0;
    const unsigned char *bytes = args.count ? fan_items_at(&args, 0, &size) : NULL;
    block_state *state = calloc(1, sizeof *state);
    if (!state)
        return FAN_E_MEMORY;
    fan_status status =
        bytes ? fani_integral_ready(bytes, size, &state->ready, &state->error) : FAN_E_PROTOCOL;
    if (status == FAN_E_MEMORY || status == FAN_E_PROTOCOL) {
        free(state);
        return status;
    }
    fan_run_set_state(run, state);
    return FAN_OK;
}

static void block_stop(void *state)
{
    if (state)
        fani_integral_ready_clear(&((block_state *)state)->ready);
    free(state);
}

static fan_status fail_all(fan_run *run, fan_items in, const char *text)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < in.count; i++)
        status = fan_run_fail(run, i, "%s", text);
    return status;
}

static fan_status block_run(fan_run *run, fan_items in)
{
    const block_state *state = fan_run_state(run);
    const fan_integral_plan *plan = state->ready.plan;
    if (!plan)
        return fail_all(run, in, state->error.text);
    const size_t components = fan_integral_plan_components(plan);
    fan_partial *partials = fan_run_reply_array(run, components * sizeof *partials);
    if (!partials)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        fan_error error = {0};
        if (fan_integral_plan_block(plan, in.first + i, &partials[i * components], &error) !=
            FAN_OK) {
            fan_status status = fan_run_fail(run, i, "%s", error.text);
            if (status != FAN_OK)
                return status;
        }
        if (fan_run_cancelled(run))
            return FAN_E_CANCELLED;
    }
    return FAN_OK;
}

/* A combine task has the fold's arguments too, but needs none of them. */
static fan_status add_run(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < in.count; i++) {
        const unsigned char *left, *right;
        size_t left_size, right_size;
        fan_partial sums[FAN_INTEGRAL_COMPONENTS_MAX];
        if (!fan_items_pair(&in, i, &left, &left_size, &right, &right_size) ||
            left_size != right_size || left_size % sizeof *sums || left_size > sizeof sums)
            return FAN_E_PROTOCOL;
        for (size_t c = 0; c < left_size / sizeof *sums; c++) {
            fan_partial a, b;
            memcpy(&a, left + c * sizeof a, sizeof a);
            memcpy(&b, right + c * sizeof b, sizeof b);
            sums[c] = fan_partial_combine(a, b);
        }
        status = fan_run_reply(run, i, sums, left_size);
    }
    return status;
}

/* Work of a method's round: the size of its reply, then the item as the method has made it. */
static fan_status work_on(const fani_ready_integral *ready, fan_run *run, size_t i,
                          const unsigned char *bytes, size_t size)
{
    uint64_t reply_size;
    if (size < sizeof reply_size)
        return FAN_E_PROTOCOL;
    memcpy(&reply_size, bytes, sizeof reply_size);
    unsigned char *item = malloc(size), *reply = calloc(1, reply_size ? reply_size : 1);
    fan_status status = item && reply ? FAN_OK : FAN_E_MEMORY;
    if (status == FAN_OK) {
        memcpy(item, bytes + sizeof reply_size, size - sizeof reply_size); /* aligned */
        status = ready->method->work(&ready->integrand, &ready->domain, item, reply);
        status = status == FAN_OK ? fan_run_reply(run, i, reply, reply_size)
                 : status == FAN_E_MEMORY
                     ? status
                     : fan_run_fail(run, i, "the integrand ended with %s", fan_status_name(status));
    }
    free(item);
    free(reply);
    return status;
}

static fan_status work_run(fan_run *run, fan_items in)
{
    const block_state *state = fan_run_state(run);
    fan_status status = FAN_OK;
    if (!state->ready.method)
        return fail_all(run, in, state->error.text);
    for (size_t i = 0; status == FAN_OK && i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        status =
            fan_run_cancelled(run) ? FAN_E_CANCELLED : work_on(&state->ready, run, i, bytes, size);
    }
    return status;
}

const fan_task fani_task_integrate_block = {.name = "integrate.block",
                                            .version = 3,
                                            .run = block_run,
                                            .start = block_start,
                                            .stop = block_stop};
const fan_task fani_task_integrate_add = {.name = "integrate.add", .version = 2, .run = add_run};
const fan_task fani_task_integrate_work = {.name = "integrate.work",
                                           .version = 2,
                                           .run = work_run,
                                           .start = block_start,
                                           .stop = block_stop};
