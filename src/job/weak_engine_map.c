#include <inttypes.h>
#include <malloc.h>

#include "base/error.h"
#include "job/weak_engine_internal.h"

/* ---- Progress -------------------------------------------------------------------------------- */

/* How long the steps take against each other, each over all keys: as a trace of 50,000 keys of 2048
 * bits has it. */
enum { WORK_UP = 18, WORK_MULTIPLY = 5, WORK_ROOT = 27, WORK_STEP = 4, WORK_DOWN = 28 };

/* Levels above the blocks that are climbed to. */
static double climbs(const fani_weak_engine *e)
{
    size_t level = 0;
    while (fani_weak_engine_nodes(e, level) > 2)
        level++;
    return (double)level;
}

void fani_weak_engine_count_work(fani_weak_engine *e)
{
    e->work_done = 0;
    e->work_all = WORK_UP + WORK_ROOT + WORK_DOWN + climbs(e) * (WORK_MULTIPLY + WORK_STEP);
}

void fani_weak_engine_skip_work(fani_weak_engine *e, bool down)
{
    double top = (double)e->top, all = climbs(e);
    e->work_done = WORK_UP + (down ? all : top) * WORK_MULTIPLY;
    if (down)
        e->work_done += WORK_ROOT + (all - top) * WORK_STEP;
}

/* What all items of a task take. */
static double work_of(const fan_task *task)
{
    if (task == &fani_task_weakkeys_join || task == &fani_task_weakkeys_multiply)
        return WORK_MULTIPLY;
    if (task == &fani_task_weakkeys_part || task == &fani_task_weakkeys_step)
        return WORK_STEP;
    return task == &fani_task_weakkeys_product ? WORK_UP
           : task == &fani_task_weakkeys_root  ? WORK_ROOT
                                               : WORK_DOWN;
}

/* Progress is told in keys, of which all are done at the end. */
static void show(fani_weak_engine *e)
{
    double keys = (double)e->distinct->count * e->work_done / e->work_all;
    fani_run_progress(e->run, (uint64_t)keys, false);
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

/* An item without an answer ends the scan: every key's answer rests on all others. */
static fan_status item_failed(const fani_weak_engine *e, const fan_outcome *outcome,
                              fan_error *error)
{
    fan_status status = FAN_E_FAILED;
    if (outcome->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (outcome->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "%s %" PRIu64 " of the scan %s: %s", e->what,
                          outcome->index, fan_outcome_name(outcome->kind), outcome->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    fani_weak_engine *e = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        fani_run_wrote(e->run, o->captured, "%s %" PRIu64, e->what, o->index);
        status = o->kind == FAN_OUTCOME_OK ? e->take(e, o->index, o->bytes, o->size, error)
                                           : item_failed(e, o, error);
        e->work_done += e->item_work;
    }
    e->flow.taken += count;
    show(e);
    return status;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static fan_status run_map(fani_weak_engine *e, const fani_weak_items *items, fan_error *error)
{
    const fan_job *job = e->run->job;
    fani_weak_args args = {.block_keys = e->block_keys};
    fan_summary *total = &e->run->result->summary, summary = {0};
    fan_map_options options = {.args = &args,
                               .args_size = sizeof args,
                               .batch = 1,
                               .stop = e->run->events.stop,
                               .stop_user = e->run->events.user,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    if (items->first)
        args.first = items->first->handle;
    if (items->second)
        args.second = items->second->handle;
    fan_source source =
        e->in_files ? fani_weak_flow_source(&e->flow) : fan_source_range(0, items->count);
    fan_status status = fan_map(e->run->executor, items->task, source, fan_sink_callback(put, e),
                                &options, &summary);
    total->batches += summary.batches;
    total->run_ns += summary.run_ns;
    total->error = summary.error;
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}

static uint64_t bytes_in(const fani_weak_level *level)
{
    return level ? (uint64_t)fani_weak_level_limbs(level) * sizeof(mp_limb_t) : 0;
}

/* Has both lists shared. */
static fan_status load(fani_weak_engine *e, const fani_weak_items *items, fan_error *error)
{
    fan_executor *executor = e->run->executor;
    fan_status status = FAN_OK;
    if (items->first)
        status = fani_weak_level_load(items->first, executor, error);
    if (status == FAN_OK && items->second)
        status = fani_weak_level_load(items->second, executor, error);
    return status;
}

static fan_status unload(fani_weak_engine *e, const fani_weak_items *items)
{
    fan_executor *executor = e->run->executor;
    fan_status first = items->first ? fani_weak_level_unload(items->first, executor) : FAN_OK;
    fan_status second = items->second ? fani_weak_level_unload(items->second, executor) : FAN_OK;
    return first == FAN_OK ? second : first;
}

/* Items that carry what they work on: of levels in files, where they are short enough or there is
 * nothing to be shared in place of that. */
static bool carries(const fani_weak_engine *e, const fani_weak_items *items)
{
    return e->in_files && items->describe &&
           (!items->first || fani_weak_travels(e->memory, items->need.bytes));
}

fan_status fani_weak_engine_map(fani_weak_engine *e, const fani_weak_items *items, fan_error *error)
{
    fani_weak_item need = items->need;
    bool carried = carries(e, items), shared = e->in_files && !carried;
    need.held = shared ? (bytes_in(items->first) + bytes_in(items->second)) * e->memory->shares : 0;
    need.bytes = carried ? need.bytes : 0;
    e->what = items->what;
    e->take = items->take;
    e->item_work = work_of(items->task) / (double)(items->count ? items->count : 1);
    e->flow = (fani_weak_flow){.pool = e->pool,
                               .describe = carried ? items->describe : NULL,
                               .user = e,
                               .count = items->count,
                               .most = SIZE_MAX};
    if (e->in_files)
        e->flow.most = fani_weak_in_flight(e->memory, &need);
    fan_status status = shared ? load(e, items, error) : FAN_OK;
    if (status == FAN_OK)
        status = run_map(e, items, error);
    fani_weak_flow_end(&e->flow);
    fan_status dropped = shared ? unload(e, items) : FAN_OK;
    if (e->in_files)
        (void)malloc_trim(0); /* what was given back is not to count any more */
    if (status == FAN_OK && dropped != FAN_OK)
        status = fani_error_set(error, dropped, "a level of the trees can't be dropped: %s",
                                fan_status_text(dropped));
    return status;
}
