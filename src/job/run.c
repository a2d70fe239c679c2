/* A job's run, whatever its kind: output opened and published, counts turned into an exit code. */
#include "job/job_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/halt.h"
#include "job/held.h"
#include "job/packed.h"
#include "job/retry.h"
#include "job/run_json.h"
#include "job/shard.h"
#include "job/staging.h"
#include "job/state.h"

enum { PROGRESS_NS = 100000000 };

void fani_run_report(const fani_job_run *run, const fan_error *error)
{
    if (run->events.report)
        run->events.report(run->events.user, error);
}

bool fani_run_is_stopped(const fani_job_run *run)
{
    return run->events.stop && run->events.stop(run->events.user);
}

void fani_run_wrote(const fani_job_run *run, const fan_captured *captured, const char *name, ...)
{
    char item[64];
    va_list arguments;
    if (!captured || !run->events.wrote)
        return;
    va_start(arguments, name);
    vsnprintf(item, sizeof item, name, arguments);
    va_end(arguments);
    run->events.wrote(run->events.user, item, captured);
}

void fani_run_progress(fani_job_run *run, uint64_t done, bool now)
{
    if (!run->events.progress)
        return;
    int64_t time = fani_clock_ns();
    if (!now && time - run->last_progress_ns < PROGRESS_NS)
        return;
    run->last_progress_ns = time;
    run->events.progress(run->events.user, done, run->total);
}

fan_status fani_run_header(fani_job_run *run, const char *columns, fan_error *error)
{
    if (run->format != FANI_FORMAT_TSV || run->header_written)
        return FAN_OK;
    run->header_written = true;
    return fani_writer_add(run->writer, columns, strlen(columns), error);
}

static fani_format format_of(const fan_job *job)
{
    const char *name = fani_job_text(job, FANI_KEY_FORMAT);
    if (!name || !strcmp(name, "text"))
        return FANI_FORMAT_TEXT;
    return strcmp(name, "tsv") == 0 ? FANI_FORMAT_TSV : FANI_FORMAT_NDJSON;
}

/* What pins the shards is looked at once more when this one can be seen by others. */
static fan_status open_file(fani_job_run *run, fan_error *error)
{
    fan_status status = fani_shard_pin(run, error);
    if (status == FAN_OK)
        status = fani_state_open(run, error);
    return status == FAN_OK ? fani_shard_is_pinned(run, error) : status;
}

static fan_status open_output(fani_job_run *run, fan_error *error)
{
    const char *path = fani_job_text(run->job, FANI_KEY_OUTPUT);
    if (fan_job_is_resumable(run->job))
        return open_file(run, error);
    fan_status status =
        path && strcmp(path, "-") != 0
            ? fani_writer_to_file(path, &run->writer, error)
            : fani_writer_to_fd(run->events.output_fd, "(standard output)", &run->writer, error);
    return status == FAN_OK
               ? fani_packed_begin(fani_packed_of(run->job), run->writer, &run->packed, error)
               : status;
}

static fan_status publish(fani_job_run *run, fan_error *error)
{
    if (run->published)
        return FAN_OK;
    fan_status status =
        run->state ? fani_state_publish(run, error) : fani_writer_publish(run->writer, error);
    run->published = status == FAN_OK;
    if (run->published && run->job->kind->commit)
        status = run->job->kind->commit(run, error);
    if (status == FAN_OK && run->state && run->job->kind->published)
        run->job->kind->published(run);
    return status;
}

static int exit_code(const fani_job_run *run, fan_status status)
{
    const fan_job_result *result = run->result;
    if (status == FAN_E_FAILED && result->halted)
        return fani_halt_exit_code(run);
    switch (status) {
    case FAN_OK:
        break;
    case FAN_E_INPUT:
    case FAN_E_OUTPUT:
    case FAN_E_BUSY: /* another run writes the same output */
        return 3;
    case FAN_E_CANCELLED:
        return 75;
    case FAN_E_ARGUMENT:
    case FAN_E_SYNTAX:
    case FAN_E_TOO_LARGE:
    case FAN_E_UNSUPPORTED:
        return 2;
    case FAN_E_FAILED:
    case FAN_E_TIMEOUT:
    case FAN_E_NOT_FINITE:
    case FAN_E_EFFORT:
        return 1;
    default:
        return 4;
    }
    if (result->bad_inputs)
        return 2;
    return result->summary.ok < result->summary.items ? 1 : 0;
}

/* A run that came to its end publishes; of one that did not, what was written to a stream stays,
 * and what a journal speaks of. What the run was is said while nobody else can write it. */
static fan_status close_output(fani_job_run *run, fan_status status, fan_error *error)
{
    bool published = false;
    if (status == FAN_OK) {
        status = publish(run, error);
        published = status == FAN_OK;
    } else if (status != FAN_E_OUTPUT && run->writer) {
        (void)fani_writer_end(run->writer, NULL); /* the first error is the one to tell */
    }
    if (run->state && !published && fani_state_keeps(run))
        run->result->resume = fani_job_text(run->job, FANI_KEY_OUTPUT);
    if (!run->state && run->keeps_parts)
        run->result->parts = fani_job_text(run->job, FANI_KEY_STATE);
    run->result->parts_lost = run->loses_parts;
    if (run->state) {
        fan_status said =
            fani_run_json_end(run, status, exit_code(run, status), status == FAN_OK ? error : NULL);
        status = status == FAN_OK ? said : status;
    }
    fan_status closed = fani_state_close(run, status == FAN_OK ? error : NULL);
    if (run->writer)
        run->result->output_bytes = fani_writer_bytes(run->writer);
    fani_writer_free(run->writer);
    fani_packed_free(run->packed);
    fani_held_free(run->held);
    return status == FAN_OK ? closed : status;
}

/* The first pass over all items, or what is left of it, and the passes over what failed. */
static fan_status run_passes(fani_job_run *run, fan_error *error)
{
    bool complete = fani_state_complete(run->state);
    bool retries = fani_state_retries(run->state) && !complete;
    if (!complete || fani_job_flag(run->job, FANI_KEY_RETRY_FAILED)) {
        fan_status staged = fani_staging_begin(run, error);
        if (staged != FAN_OK)
            return staged;
    }
    if (retries)
        return fani_retry_pass(run, error);
    fan_status status = complete ? FAN_OK : run->job->kind->run(run, error);
    if (status != FAN_OK || !fani_job_flag(run->job, FANI_KEY_RETRY_FAILED))
        return status;
    status = publish(run, error);
    return status == FAN_OK ? fani_retry_pass(run, error) : status;
}

static fan_status run_job(fani_job_run *run, fan_error *error)
{
    fan_status status = fan_job_check(run->job, error);
    if (status != FAN_OK)
        return status;
    fani_halt_begin(run);
    status = open_output(run, error);
    if (status == FAN_OK)
        status = fani_run_json_begin(run, error);
    if (status == FAN_OK)
        status = run_passes(run, error);
    fani_staging_end(run, status);
    status = close_output(run, status, error);
    if (run->job->kind->end)
        run->job->kind->end(run);
    return status;
}

fan_status fan_job_run_sized(fan_job *job, fan_executor *executor, const fan_job_events *events,
                             size_t events_size, fan_job_result *result, size_t result_size,
                             fan_error *error)
{
    fan_job_result filled = {0};
    fan_error local = {0};
    fani_job_run run = {.job = job,
                        .executor = executor,
                        .result = &filled,
                        .format = format_of(job),
                        .timed = fani_job_flag(job, FANI_KEY_TIMINGS),
                        .slice = fani_shard_slice(job),
                        .total = UINT64_MAX};
    if (events_size > sizeof run.events)
        return fani_error_set(error, FAN_E_ARGUMENT, "the events are of a newer Fanfold");
    memcpy(&run.events, events, events_size);
    int64_t begun = fani_clock_ns();
    fan_status status = run_job(&run, &local);
    filled.seconds = (double)(fani_clock_ns() - begun) * 1e-9;
    filled.exit_code = exit_code(&run, status);
    if (status != FAN_OK && local.status == FAN_OK) /* nobody said more than this */
        fani_error_set(&local, status, "%s", fan_status_text(status));
    if (status != FAN_OK && error)
        *error = local;
    if (result)
        memcpy(result, &filled, result_size < sizeof filled ? result_size : sizeof filled);
    return status;
}
