/* integrate: integrals, one after the other, each spread over all workers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "job/halt.h"
#include "job/integral_plot.h"
#include "job/integral_run.h"
#include "job/integral_scan.h"
#include "job/record.h"
#include "job/retry.h"
#include "job/shard.h"
#include "job/state.h"
#include "job/timings.h"
#include "stage/reader.h"

/* ---- Output ---------------------------------------------------------------------------------- */

static fan_status write_out(fani_job_run *run, const fan_outcome *how, fan_buffer *out,
                            fan_error *error)
{
    fan_status status = fani_timings_header(run, fani_integral_columns, error);
    if (status == FAN_OK)
        status = fani_timings_write(run, how, out->bytes, out->size, error);
    fan_buffer_clear(out);
    return status == FAN_OK ? fani_writer_tick(run->writer, error) : status;
}

/* Whether an error is the integral's own, so that the others go on. */
static bool is_of_item(fan_status status)
{
    return status == FAN_E_FAILED || status == FAN_E_NOT_FINITE || status == FAN_E_LOST ||
           status == FAN_E_TIMEOUT;
}

/* What stands in the place of "ok" for an integral without a value; counts it. */
static const char *count_failure(fan_summary *summary, fan_status status)
{
    switch (status) {
    case FAN_E_LOST:
        summary->lost++;
        return fan_outcome_name(FAN_OUTCOME_LOST);
    case FAN_E_TIMEOUT:
        summary->timed_out++;
        return fan_outcome_name(FAN_OUTCOME_TIMED_OUT);
    default:
        summary->failed++;
        return status == FAN_E_NOT_FINITE ? "not finite" : fan_outcome_name(FAN_OUTCOME_FAILED);
    }
}

static uint32_t outcome_of(fan_status status)
{
    return status == FAN_E_LOST      ? FAN_OUTCOME_LOST
           : status == FAN_E_TIMEOUT ? FAN_OUTCOME_TIMED_OUT
                                     : FAN_OUTCOME_FAILED;
}

/* Reports an integral that is not ok, writes the line that stands for it (`out`, which is cleared),
 * and notes it down. */
static fan_status put_failure(fani_job_run *run, uint64_t index, uint32_t outcome,
                              const fan_error *what, const fan_outcome *how, fan_buffer *out,
                              fan_error *error)
{
    bool is_known = fani_retry_was_bad(run->retry) && outcome == FANI_LEDGER_BAD_INPUT;
    if (!is_known)
        fani_run_report(run, what);
    fani_ledger_failure failure = {.index = index / run->slice.count,
                                   .outcome = outcome,
                                   .attempt = 1 + fani_retry_attempts(run->retry),
                                   .run_ns = how->run_ns,
                                   .run_items = 1,
                                   .output_at = fani_writer_bytes(run->writer),
                                   .line = what->line,
                                   .column = what->column,
                                   .file = what->file,
                                   .text = what->text};
    fan_status status = write_out(run, how, out, error);
    failure.output_size = fani_writer_bytes(run->writer) - failure.output_at;
    if (!is_known)
        fani_halt_count(run, &failure);
    return status == FAN_OK ? fani_state_failed(run->state, &failure, error) : status;
}

static fan_status no_memory(fan_buffer *out, fan_error *error)
{
    fan_buffer_clear(out);
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

/* The same for an integral without a value. */
static fan_status put_nothing(fani_job_run *run, uint64_t index, uint32_t outcome,
                              const char *status_name, const fan_error *what,
                              const fan_outcome *how, fan_error *error)
{
    fan_buffer out = {0};
    if (fani_integral_failure_write(run->format, index, status_name, what, &out) != FAN_OK)
        return no_memory(&out, error);
    return put_failure(run, index, outcome, what, how, &out, error);
}

/* A pass over what failed first takes what stands before the integral from the old output. */
static fan_status before_one(fani_job_run *run, fan_error *error)
{
    return run->retry ? fani_retry_before(run, error) : FAN_OK;
}

/* How an integral came about that was begun then: all workers were at it, one after the other. */
static fan_outcome how_it_ran(int64_t began_ns, int64_t begun)
{
    return (fan_outcome){.attempt = 1,
                         .run_ns = (uint64_t)(fani_clock_ns() - begun),
                         .worker = "*",
                         .began_ns = began_ns};
}

/* Writes an answer; what: why it is not as good as it was to be, or nothing. */
static fan_status put_answer(fani_job_run *run, const fani_integral_answer *answer, uint64_t index,
                             const fan_error *what, const fan_outcome *how, fan_error *error)
{
    fan_buffer out = {0};
    if (fani_integral_answer_write(answer, run->format, index, &out) != FAN_OK)
        return no_memory(&out, error);
    if (what->status != FAN_OK) {
        run->result->summary.failed++;
        return put_failure(run, index, FAN_OUTCOME_FAILED, what, how, &out, error);
    }
    run->result->summary.ok++;
    return write_out(run, how, &out, error);
}

/* Integrates and writes. `file` and `line` are the integral's place, if it has one. */
static fan_status do_integral(fani_job_run *run, const fani_integral_spec *spec, uint64_t index,
                              const fan_error *place, fan_error *error)
{
    fani_integral_answer answer;
    fan_error what = {0}, why;
    int64_t begun = fani_clock_ns(), began_ns = fani_timings_now_ns();
    fan_status status = fani_integral_run(run, spec, index, &answer, &why, &what);
    if (status != FAN_OK && !is_of_item(status)) {
        if (error)
            *error = what;
        return status;
    }
    fan_status ready = before_one(run, error);
    if (ready != FAN_OK)
        return ready;
    fan_outcome how = how_it_ran(began_ns, begun);
    run->result->summary.items++;
    if (status == FAN_OK) {
        if (why.status != FAN_OK)
            fani_error_place(&why, place->file, place->line, place->column);
        return put_answer(run, &answer, index, &why, &how, error);
    }
    what.status = status;
    fani_error_place(&what, place->file, place->line, place->column);
    return put_nothing(run, index, outcome_of(status), count_failure(&run->result->summary, status),
                       &what, &how, error);
}

/* ---- Where integrals come from --------------------------------------------------------------- */

/* The expressions of the key and of the arguments, or the function of a file: number i, or NULL. */
static const char *expression_at(const fan_job *job, size_t i)
{
    const char *key = fani_job_text(job, FANI_KEY_INTEGRAND);
    if (!key)
        key = fani_job_text(job, FANI_KEY_EXPRESSION);
    if (key && i == 0)
        return key;
    i -= key != NULL;
    return i < job->arguments.count ? job->arguments.at[i] : NULL;
}

static fan_status check_integrate(const fan_job *job, fan_error *error)
{
    fan_status status = FAN_OK;
    const char *expression;
    if (fani_job_text(job, FANI_KEY_INTEGRAND) &&
        (fani_job_text(job, FANI_KEY_EXPRESSION) || job->arguments.count ||
         job->values[FANI_KEY_INPUT].count))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "integrand and expressions exclude each other");
    if (!expression_at(job, 0) && !job->values[FANI_KEY_INPUT].count)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "there is no integrand: expected an expression, or input with one "
                              "integral a line");
    if (fani_integral_scan_is_asked(job)) {
        status =
            expression_at(job, 1)
                ? fani_error_set(error, FAN_E_ARGUMENT, "a scan is of one integral, not several")
                : fani_integral_scan_check(job, expression_at(job, 0), error);
        return status == FAN_OK && fani_plot_is_asked(job)
                   ? fani_plot_check(job, false, false, error)
                   : status;
    }
    bool is_grid = false;
    for (size_t i = 0; status == FAN_OK && (expression = expression_at(job, i)); i++) {
        fani_integral_spec spec;
        status = fani_integral_from_job(job, expression, &spec, error);
        is_grid = spec.is_grid;
        fani_integral_clear(&spec);
    }
    return status == FAN_OK && fani_plot_is_asked(job)
               ? fani_plot_check(job, is_grid, expression_at(job, 1) != NULL, error)
               : status;
}

/* Whether it is this run's, and no earlier one has done it; or it is to be done again. */
static bool is_to_do(const fani_job_run *run, uint64_t index)
{
    uint64_t position = index / run->slice.count;
    if (!fani_slice_has(run->slice, index))
        return false;
    return run->retry ? fani_retry_next(run->retry) == position
                      : position >= fani_state_done(run->state);
}

/* Before and after an integral is done. */
static fan_status begin_one(fani_job_run *run, fan_error *error)
{
    fan_status status = fani_halt_status(run, error);
    if (status == FAN_OK && run->retry)
        fani_retry_give(run->retry, (fani_place){0});
    return status;
}

static fan_status end_one(fani_job_run *run, uint64_t index, fan_error *error)
{
    fan_status status = run->retry
                            ? fani_retry_after(run, false, error)
                            : fani_state_tick(run, index / run->slice.count + 1, false, error);
    fani_integral_run_done(run);
    return status;
}

static fan_status run_expressions(fani_job_run *run, uint64_t *index, fan_error *error)
{
    static const fan_error nowhere = {0};
    fan_status status = FAN_OK;
    const char *expression;
    for (size_t i = 0; status == FAN_OK && (expression = expression_at(run->job, i)); i++) {
        fani_integral_spec spec = {0};
        uint64_t number = (*index)++;
        if (!is_to_do(run, number))
            continue;
        status = begin_one(run, error);
        if (status == FAN_OK)
            status = fani_integral_from_job(run->job, expression, &spec, error);
        if (status == FAN_OK)
            status = do_integral(run, &spec, number, &nowhere, error);
        fani_integral_clear(&spec);
        if (status == FAN_OK)
            status = end_one(run, number, error);
    }
    return status;
}

/* Reads a line's integral; FAN_OK too where the line is refused: *what then has a status. */
static fan_status read_line(const fan_job *job, const fani_reader *reader, uint64_t item,
                            const unsigned char *bytes, size_t size, fani_integral_spec *spec,
                            fan_error *what)
{
    fani_place place = fani_reader_place(reader, item);
    char *line = strndup((const char *)bytes, size);
    fan_status status = FAN_OK;
    if (!line)
        return FAN_E_MEMORY;
    *what = (fan_error){0};
    if (place.flaw == FANI_FLAW_NONE && strlen(line) < size)
        status = fani_error_set(what, FAN_E_SYNTAX, "a NUL byte: expected text");
    else if (place.flaw == FANI_FLAW_NONE)
        status = fani_integral_from_line(job, line, spec, what);
    free(line);
    size_t offset = what->column ? what->column - 1 : 0;
    char text[sizeof what->text];
    memcpy(text, what->text, sizeof text);
    fani_reader_explain(reader, place, offset, text, what);
    if (place.flaw == FANI_FLAW_NONE)
        what->status = status;
    return status == FAN_E_MEMORY ? status : FAN_OK;
}

static fan_status put_bad(fani_job_run *run, uint64_t index, const fan_error *what,
                          fan_error *error)
{
    static const fan_outcome not_run = {0};
    fan_status status = before_one(run, error);
    if (status != FAN_OK)
        return status;
    run->result->bad_inputs++;
    return put_nothing(run, index, FANI_LEDGER_BAD_INPUT, "bad input", what, &not_run, error);
}

static fan_status run_line(fani_job_run *run, const fani_reader *reader, uint64_t item,
                           uint64_t index, const fan_items *items, fan_error *error)
{
    fan_error what;
    fani_integral_spec spec = {0};
    size_t size;
    const unsigned char *bytes = fan_items_at(items, (size_t)(item - items->first), &size);
    fan_status status = read_line(run->job, reader, item, bytes, size, &spec, &what);
    if (status != FAN_OK) {
        fani_error_set(error, status, "out of memory");
    } else if (what.status != FAN_OK) {
        status = put_bad(run, index, &what, error);
    } else {
        status = do_integral(run, &spec, index, &what, error);
    }
    fani_integral_clear(&spec);
    return status;
}

static fan_status run_items(fani_job_run *run, fani_reader *reader, const fan_items *items,
                            uint64_t *index, fan_error *error)
{
    fan_status status = fani_state_read(run->state, items, error);
    for (size_t i = 0; status == FAN_OK && i < items->count; i++) {
        size_t size;
        uint64_t item = items->first + i;
        bool is_integral = *fan_items_at(items, i, &size) != '#';
        if (is_integral && is_to_do(run, *index)) {
            status = begin_one(run, error);
            if (status == FAN_OK)
                status = run_line(run, reader, item, *index, items, error);
            if (status == FAN_OK)
                status = end_one(run, *index, error);
        }
        *index += is_integral;
        fani_reader_forget(reader, item + 1);
    }
    return status;
}

/* Lines of input, one integral each; those that begin with '#' are for people. */
static fan_status run_lines(fani_job_run *run, fani_reader *reader, uint64_t *index,
                            fan_error *error)
{
    fan_items items = {0};
    fan_status status;
    do {
        status = fani_writer_show(run->writer, error);
        if (status == FAN_OK)
            status = fani_reader_pull(reader, fani_state_read_limit(run->state, SIZE_MAX), SIZE_MAX,
                                      true, &items, error);
        if (status == FAN_OK)
            status = run_items(run, reader, &items, index, error);
    } while (status == FAN_OK && items.count);
    return status == FAN_OK ? fani_state_read_all(run->state, error) : status;
}

static fan_status make_reader(fani_job_run *run, fani_reader **reader, fan_error *error)
{
    const fani_strings *inputs = &run->job->values[FANI_KEY_INPUT];
    fani_reader_options options = {
        .unit = FANI_UNIT_LINE, .stop = fani_integral_stop_asked, .stop_user = run};
    fan_status status = fani_reader_new(&options, reader);
    for (size_t i = 0; status == FAN_OK && i < inputs->count; i++)
        status = fani_reader_add_file(*reader, inputs->at[i]);
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "out of memory");
}

static fan_status run_inputs(fani_job_run *run, uint64_t *index, fan_error *error)
{
    fani_reader *reader = NULL;
    fan_status status = make_reader(run, &reader, error);
    if (status == FAN_OK)
        status = run_lines(run, reader, index, error);
    fani_reader_free(reader);
    return status;
}

static fan_status start_retry(fani_job_run *run, fan_error *error)
{
    fani_reader *reader = NULL;
    fan_status status = make_reader(run, &reader, error);
    if (status == FAN_OK)
        status = fani_retry_start(run, reader, error);
    fani_reader_free(reader);
    return status;
}

static fan_status run_integrate(fani_job_run *run, fan_error *error)
{
    uint64_t index = 0;
    if (fani_integral_scan_is_asked(run->job))
        return fani_integral_scan_run(run, expression_at(run->job, 0), error);
    fan_status status = run->retry ? start_retry(run, error) : fani_plot_open(run, error);
    if (status == FAN_OK)
        status = run_expressions(run, &index, error);
    if (status == FAN_OK)
        status = fani_plot_draw(run->plot, NULL, error);
    if (status == FAN_OK && run->job->values[FANI_KEY_INPUT].count)
        status = run_inputs(run, &index, error);
    return status;
}

/* A run that was complete has no points any more; it drew its picture before its output was there.
 */
static fan_status commit_integrate(fani_job_run *run, fan_error *error)
{
    const char *plot = fani_job_text(run->job, FANI_KEY_PLOT);
    if (!plot || run->plot || access(plot, F_OK) == 0)
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "the output was complete, and the points for a plot are gone: --restart "
                          "works on the integrals again");
}

static void end_integrate(fani_job_run *run)
{
    fani_plot_free(run->plot);
    run->plot = NULL;
}

const fani_job_kind fani_job_integrate = {
    .name = "integrate",
    .summary = "integral of an expression or a function, with its error",
    .check = check_integrate,
    .run = run_integrate,
    .published = fani_plot_forget,
    .commit = commit_integrate,
    .end = end_integrate,
};
