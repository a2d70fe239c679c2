/* What a worker has of a number: its base and the memory to sieve in, made when its first unit
 * comes. The arguments are the instruction set and what fani_qs_encode has written: making the base
 * anew takes less than the work of one unit, and saves sending it. */
#include "job/sieve_task.h"

#include <stdlib.h>

#include "job/record.h"
#include "kernel/qs/unit.h"

typedef struct sieve_worker {
    fani_qs *qs;
    fani_qs_worker *worker;
    fani_qs_coder *coder;
    fan_buffer relations; /* of the unit at work */
} sieve_worker;

size_t fani_sieve_args(const fani_qs *qs, fani_isa isa, uint8_t out[FANI_SIEVE_ARGS_BYTES_MAX])
{
    out[0] = (uint8_t)isa;
    return 1 + fani_qs_encode(qs, out + 1);
}

static void stop(void *state)
{
    sieve_worker *w = state;
    fani_qs_coder_free(w->coder);
    fani_qs_worker_free(w->worker);
    fani_qs_free(w->qs);
    fan_buffer_clear(&w->relations);
    free(w);
}

static fan_status start(fan_run *run)
{
    fan_items args = fan_run_args(run);
    if (args.size < 2)
        return FAN_E_PROTOCOL;
    sieve_worker *w = calloc(1, sizeof *w);
    if (!w)
        return FAN_E_MEMORY;
    fani_isa machine = fani_isa_machine(), isa = (fani_isa)args.bytes[0];
    fan_status status = fani_qs_decode(args.bytes + 1, args.size - 1, &w->qs);
    if (status == FAN_OK)
        status = fani_qs_worker_make(w->qs, isa < machine ? isa : machine, &w->worker);
    if (status == FAN_OK)
        status = fani_qs_coder_make(w->qs, &w->coder);
    if (status == FAN_OK)
        fan_run_set_state(run, w);
    else
        stop(w);
    return status;
}

/* What a unit's relations go through. */
typedef struct unit_run {
    fan_run *run;
    sieve_worker *w;
} unit_run;

static bool is_cancelled(void *context)
{
    const unit_run *u = context;
    return fan_run_cancelled(u->run);
}

static fan_status keep(void *context, const fani_qs_relation *r)
{
    const unit_run *u = context;
    uint8_t bytes[FANI_QS_RELATION_BYTES_MAX];
    return fani_bytes_add(&u->w->relations, bytes, fani_qs_coder_write(u->w->coder, r, bytes));
}

static fan_status run_unit(fan_run *run, sieve_worker *w, size_t i, uint64_t index)
{
    unit_run u = {.run = run, .w = w};
    const fani_qs_hooks hooks = {.cancelled = is_cancelled, .emit = keep, .context = &u};
    fani_qs_unit unit = fani_qs_unit_at(w->qs, index);
    w->relations.size = 0;
    fan_status status = fani_qs_collect_some(w->worker, unit.a, unit.from, unit.to, &hooks);
    return status == FAN_OK ? fan_run_reply(run, i, w->relations.bytes, w->relations.size) : status;
}

static fan_status run_units(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < in.count; i++)
        status = run_unit(run, fan_run_state(run), i, in.first + i);
    return status;
}

const fan_task fani_task_sieve = {
    .name = "factor.sieve", .version = 1, .run = run_units, .start = start, .stop = stop};
