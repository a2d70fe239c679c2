#include "job/integral_scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/halt.h"
#include "job/integral_answer.h"
#include "job/integral_plot.h"
#include "job/integral_run.h"
#include "job/integral_scan_rows.h"
#include "job/ledger.h"
#include "job/record.h"
#include "job/state.h"
#include "job/timings.h"
#include "kernel/integrate/scan.h"

enum {
    TOLD_MAX = 5, /* rows that are spoken of each; of the others there is a count */
    PULL_ITEMS = 256,
};

bool fani_integral_scan_is_asked(const fan_job *job)
{
    return job->values[FANI_KEY_SCAN].count || fani_job_text(job, FANI_KEY_TABLE) ||
           fani_job_flag(job, FANI_KEY_ZIP);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

/* The integral of the rows' parameters. */
static fan_status make_spec(const fan_job *job, const char *expression, const fani_scan_rows *rows,
                            fani_integral_spec *spec, fan_error *error)
{
    fan_status status =
        fani_integral_from_scan(job, expression, rows->names, rows->columns, spec, error);
    for (size_t d = 0; status == FAN_OK && d < spec->dimension; d++)
        for (size_t i = 0; status == FAN_OK && i < rows->columns; i++)
            if (strcmp(spec->names[d], rows->names[i]) == 0)
                status = fani_error_set(error, FAN_E_ARGUMENT,
                                        "%.64s is a variable and a parameter of the scan",
                                        rows->names[i]);
    if (status == FAN_OK && spec->is_grid)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "a scan is by a method: rule, order, points and parts, which are "
                                "for fixed grids, have no use");
    if (status == FAN_OK && fani_plot_is_asked(job) && rows->columns > 1 && !rows->zip)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "a plot is of a scan of one parameter, or of several by zip, not "
                                "of a grid or a table of %zu",
                                rows->columns);
    return status;
}

fan_status fani_integral_scan_check(const fan_job *job, const char *expression, fan_error *error)
{
    static const fani_key others[] = {FANI_KEY_INPUT, FANI_KEY_SHARD, FANI_KEY_RETRY_FAILED};
    const bool has_scans = job->values[FANI_KEY_SCAN].count,
               has_table = fani_job_text(job, FANI_KEY_TABLE);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (job->values[others[i]].count)
            return fani_error_set(error, FAN_E_ARGUMENT, "%s and scans exclude each other",
                                  fani_key_info(others[i])->name);
    if (has_scans && has_table)
        return fani_error_set(error, FAN_E_ARGUMENT, "scan and table exclude each other");
    if (!has_scans && fani_job_flag(job, FANI_KEY_ZIP))
        return fani_error_set(error, FAN_E_ARGUMENT, "zip needs scan");
    if (has_table)
        return FAN_OK; /* its first line says what the parameters are */
    fani_scan_rows rows;
    fani_integral_spec spec = {0};
    fan_status status = fani_scan_rows_make(job, &rows, error);
    if (status == FAN_OK)
        status = make_spec(job, expression, &rows, &spec, error);
    fani_integral_clear(&spec);
    fani_scan_rows_clear(&rows);
    return status;
}

/* ---- Rows out -------------------------------------------------------------------------------- */

typedef struct scan_work {
    fani_job_run *run;
    fani_scan_rows rows;
    size_t unit;     /* rows of an item */
    fan_buffer item; /* those that were handed out last */
    uint64_t offsets[PULL_ITEMS + 1];
    fan_buffer flown; /* values of rows that were handed out and have not come back, from `head` */
    size_t head;
    uint64_t done; /* rows in the output */
    uint64_t failed, noted;
    char *columns; /* the header */
    fan_status read_status;
    fan_error read_error;
} scan_work;

static size_t row_size(const scan_work *w)
{
    return w->rows.columns * sizeof(double);
}

/* The values of rows that came back are forgotten. */
static void land(scan_work *w, size_t rows)
{
    w->head += rows * row_size(w);
    if (w->head > w->flown.size / 2) {
        memmove(w->flown.bytes, w->flown.bytes + w->head, w->flown.size - w->head);
        w->flown.size -= w->head;
        w->head = 0;
    }
}

static void tell(scan_work *w, uint64_t *count, const char *text, fan_error *what)
{
    (void)fani_error_set(what, FAN_OK, "%.480s", text);
    if ((*count)++ < TOLD_MAX)
        fani_run_report(w->run, what);
}

/* Row i of those that came back first, for a picture. */
static fan_status plot_row(scan_work *w, size_t i, const fani_scan_reply *row, fan_error *error)
{
    static const fani_plot_mark marks[] = {FANI_PLOT_OK, FANI_PLOT_OK, FANI_PLOT_NOT_REACHED};
    fani_plot_point point = {.value = row->value,
                             .error = row->error,
                             .mark = row->kind <= FANI_SCAN_NOT_REACHED ? marks[row->kind]
                                                                        : FANI_PLOT_NO_VALUE};
    memcpy(&point.x, w->flown.bytes + w->head + i * row_size(w), sizeof point.x);
    return fani_plot_add(w->run->plot, point, error);
}

/* A row's line, and what counts of it. kind: FAN_OUTCOME_OK, or why it is not. */
static fan_status put_row(scan_work *w, const fan_outcome *how, uint32_t kind, const void *line,
                          size_t size, const fan_error *what, fan_error *error)
{
    fani_job_run *run = w->run;
    fan_summary *summary = &run->result->summary;
    fani_ledger_failure failure = {.index = w->done,
                                   .outcome = kind,
                                   .attempt = how->attempt,
                                   .run_ns = how->run_ns,
                                   .run_items = how->run_items,
                                   .output_at = fani_writer_bytes(run->writer),
                                   .text = what->text};
    fan_status status = fani_timings_write(run, how, line, size, error);
    summary->items++;
    summary->ok += kind == FAN_OUTCOME_OK;
    summary->failed += kind == FAN_OUTCOME_FAILED;
    summary->lost += kind == FAN_OUTCOME_LOST;
    summary->timed_out += kind == FAN_OUTCOME_TIMED_OUT;
    if (status == FAN_OK && kind != FAN_OUTCOME_OK) {
        failure.output_size = fani_writer_bytes(run->writer) - failure.output_at;
        fani_halt_count(run, &failure);
        status = fani_state_failed(run->state, &failure, error);
    } else if (status == FAN_OK) {
        fani_halt_count_ok(run, 1);
    }
    w->done++;
    return status;
}

/* The rows of an item that a worker has answered. */
static fan_status put_reply(scan_work *w, const fan_outcome *o, size_t rows, fan_error *error)
{
    const unsigned char *at = o->bytes;
    size_t left = o->size;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < rows; i++) {
        fani_scan_reply head = {0};
        char text[sizeof((fan_error *)0)->text];
        fan_error what = {0};
        if (left >= sizeof head)
            memcpy(&head, at, sizeof head);
        if (left < sizeof head || head.line_size > left - sizeof head ||
            head.note_size > left - sizeof head - head.line_size)
            return fani_error_set(error, FAN_E_PROTOCOL, "a reply of a scan is malformed");
        at += sizeof head;
        if (head.kind != FANI_SCAN_OK) {
            snprintf(text, sizeof text, "%.*s", (int)head.note_size,
                     (const char *)at + head.line_size);
            tell(w, head.kind == FANI_SCAN_NOTED ? &w->noted : &w->failed, text, &what);
        }
        status = plot_row(w, i, &head, error);
        if (status != FAN_OK)
            return status;
        status = put_row(w, o, head.kind > FANI_SCAN_NOTED ? FAN_OUTCOME_FAILED : FAN_OUTCOME_OK,
                         at, head.line_size, &what, error);
        at += head.line_size + head.note_size;
        left -= sizeof head + head.line_size + head.note_size;
    }
    return status;
}

/* A row of an item that came to nothing. */
static fan_status put_nothing(scan_work *w, const fan_outcome *o, const double *values,
                              fan_error *error)
{
    const char *const *names = (const char *const *)w->rows.names;
    fan_buffer own = {0}, line = {0}, label = {0};
    fan_error what = {0}, said = {0};
    (void)fani_error_set(&what, FAN_E_FAILED, "%s", o->text);
    fan_status status = fani_integral_failure_write(w->run->format, w->done,
                                                    fan_outcome_name(o->kind), &what, &own);
    if (status == FAN_OK)
        status = fani_scan_line(w->run->format, names, values, w->rows.columns, &own, &line);
    if (status == FAN_OK)
        status = fani_scan_label(names, values, w->rows.columns, &label);
    if (status == FAN_OK) {
        (void)fani_error_set(&what, FAN_E_FAILED, "%.*s: %s: %.300s", (int)label.size,
                             (const char *)label.bytes, fan_outcome_name(o->kind), o->text);
        tell(w, &w->failed, what.text, &said);
        status = put_row(w, o, (uint32_t)o->kind, line.bytes, line.size, &said, error);
    } else {
        (void)fani_error_set(error, status, "out of memory");
    }
    fan_buffer_clear(&own);
    fan_buffer_clear(&line);
    fan_buffer_clear(&label);
    return status;
}

static fan_status put_item(scan_work *w, const fan_outcome *o, fan_error *error)
{
    size_t rows = (w->flown.size - w->head) / row_size(w);
    fan_status status = FAN_OK;
    double values[FANI_INTEGRAL_PARAMETERS_MAX];
    rows = rows < w->unit ? rows : w->unit;
    fani_run_wrote(w->run, o->captured, "row %" PRIu64, w->done);
    if (o->kind == FAN_OUTCOME_OK)
        status = put_reply(w, o, rows, error);
    for (size_t i = 0; o->kind != FAN_OUTCOME_OK && status == FAN_OK && i < rows; i++) {
        const fani_scan_reply nothing = {.kind = FANI_SCAN_FAILED, .value = NAN, .error = NAN};
        memcpy(values, w->flown.bytes + w->head + i * row_size(w), row_size(w));
        status = plot_row(w, i, &nothing, error);
        if (status == FAN_OK)
            status = put_nothing(w, o, values, error);
    }
    land(w, rows);
    return status;
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    scan_work *w = user;
    fan_status status = fani_timings_header(w->run, w->columns, error);
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = put_item(w, &outcomes[i], error);
    if (status == FAN_OK)
        status = fani_writer_tick(w->run->writer, error);
    if (status == FAN_OK)
        status = fani_plot_flush(w->run->plot, error);
    if (status == FAN_OK)
        status = fani_state_tick(w->run, w->done, false, error);
    fani_run_progress(w->run, w->done, false);
    return status;
}

/* ---- Rows in --------------------------------------------------------------------------------- */

/* Adds the next item: its rows' values, one behind the other. False: there are no more rows. Where
 * reading fails in the middle, the item is dropped: a run that goes on begins with a whole one. */
static bool add_item(scan_work *w, fan_status *status)
{
    bool end = false;
    double values[FANI_INTEGRAL_PARAMETERS_MAX];
    size_t rows = 0;
    const size_t begin = w->item.size;
    while (rows < w->unit && *status == FAN_OK && w->read_status == FAN_OK && !end) {
        w->read_status = fani_scan_rows_next(&w->rows, values, &end, &w->read_error);
        if (w->read_status != FAN_OK || end)
            break;
        *status = fani_bytes_add(&w->item, values, row_size(w));
        rows++;
    }
    if (w->read_status != FAN_OK) {
        w->item.size = begin;
        return false;
    }
    return rows > 0;
}

/* The next items. A row that can't be read ends them, not the map. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    scan_work *w = user;
    const size_t most = max_items < PULL_ITEMS ? max_items : PULL_ITEMS;
    size_t count = 0;
    fan_status status = FAN_OK;
    w->item.size = 0;
    w->offsets[0] = 0;
    while (status == FAN_OK && count < most && (!count || w->item.size < max_bytes) &&
           add_item(w, &status))
        w->offsets[++count] = w->item.size;
    if (status == FAN_OK && count)
        status = fani_bytes_add(&w->flown, w->item.bytes, w->item.size);
    if (status != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    *items = (fan_items){.bytes = w->item.bytes, .offsets = w->offsets, .count = count};
    return FAN_OK;
}

/* Passes over what an earlier run has done. */
static fan_status skip_done(scan_work *w, fan_error *error)
{
    double values[FANI_INTEGRAL_PARAMETERS_MAX];
    bool end = false;
    fan_status status = FAN_OK;
    w->done = fani_state_done(w->run->state);
    if (!w->rows.reader)
        w->rows.next = w->done < w->rows.count ? w->done : w->rows.count;
    for (uint64_t i = 0; w->rows.reader && status == FAN_OK && !end && i < w->done; i++)
        status = fani_scan_rows_next(&w->rows, values, &end, error);
    return status;
}

/* ---- The run --------------------------------------------------------------------------------- */

static bool stop_asked(void *user)
{
    fani_job_run *run = user;
    return fani_integral_stop_asked(run) || fani_halt_reached(run);
}

static fan_status map_rows(scan_work *w, const fan_buffer *args, fan_error *error)
{
    const fan_job *job = w->run->job;
    fan_summary *total = &w->run->result->summary, summary = {0};
    const fan_map_options options = {.args = args->bytes,
                                     .args_size = args->size,
                                     .order = FAN_ORDER_INDEX,
                                     .timed = w->run->timed,
                                     .stop = stop_asked,
                                     .stop_user = w->run,
                                     .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                                     .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                                     .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    fan_source source = fan_source_callback(pull, w, UINT64_MAX);
    source.first = w->done / w->unit;
    fan_status status = fan_map(w->run->executor, &fani_task_integrate_scan, source,
                                fan_sink_callback(put, w), &options, &summary);
    total->batches += summary.batches;
    total->run_ns += summary.run_ns;
    if (status == FAN_E_CANCELLED && fani_halt_reached(w->run))
        return fani_halt_status(w->run, error);
    if (status != FAN_OK && error)
        *error = summary.error;
    if (status == FAN_OK && w->read_status != FAN_OK && error)
        *error = w->read_error;
    return status == FAN_OK ? w->read_status : status;
}

/* How many were not spoken of. */
static void tell_rest(const scan_work *w)
{
    fan_error what;
    if (w->failed > TOLD_MAX) {
        (void)fani_error_set(&what, FAN_OK,
                             "%" PRIu64 " rows in all have no value within the tolerance; the "
                             "first %d are told above",
                             w->failed, (int)TOLD_MAX);
        fani_run_report(w->run, &what);
    }
    if (w->noted > TOLD_MAX) {
        (void)fani_error_set(&what, FAN_OK,
                             "%" PRIu64 " rows in all passed over values that are not finite; the "
                             "first %d are told above",
                             w->noted, (int)TOLD_MAX);
        fani_run_report(w->run, &what);
    }
}

static char *make_columns(const fani_scan_rows *rows)
{
    fan_buffer text = {0};
    fan_status status =
        fani_bytes_add(&text, fani_integral_columns, strlen(fani_integral_columns) - 1);
    for (size_t i = 0; status == FAN_OK && i < rows->columns; i++) {
        status = fani_bytes_add(&text, "\t", 1);
        if (status == FAN_OK)
            status = fani_bytes_add(&text, rows->names[i], strlen(rows->names[i]));
    }
    if (status == FAN_OK)
        status = fani_bytes_add(&text, "\n", 2); /* with its NUL */
    char *columns = status == FAN_OK ? strdup((const char *)text.bytes) : NULL;
    fan_buffer_clear(&text);
    return columns;
}

/* Blocks share their evaluations where the kernel can: expressions of one variable. */
static bool goes_by_block(const fani_integral_spec *spec, const fani_ready_integral *ready)
{
    return ready->expression && spec->dimension == 1 &&
           fan_expression_outputs(ready->expression) == 1 && strcmp(spec->method, "auto") == 0 &&
           !spec->break_count && !spec->scans_bounds && spec->scanned <= FANI_SCAN_COLUMNS;
}

static fan_status make_args(scan_work *w, const fani_integral_spec *spec, fan_buffer *args,
                            fan_error *error)
{
    fani_ready_integral ready = {0};
    fan_status status = fani_integral_encode(spec, 0, args);
    if (status == FAN_OK)
        status = fani_integral_parsed(args->bytes, args->size, &ready, error);
    const bool by_block = status == FAN_OK && goes_by_block(spec, &ready);
    fani_integral_ready_clear(&ready);
    args->size = 0;
    w->unit = fani_scan_unit(by_block);
    w->columns = make_columns(&w->rows);
    if (status == FAN_OK)
        status = fani_scan_args_encode(spec, by_block, w->run->format, args);
    return status == FAN_OK && w->columns ? FAN_OK
                                          : fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static fan_status scan_all(scan_work *w, const fan_buffer *args, fan_error *error)
{
    fan_status status = skip_done(w, error);
    if (status == FAN_OK)
        status = fani_plot_keep(w->run->plot, w->done, error);
    if (status == FAN_OK && fani_halt_wants_total(w->run) && w->rows.count != UINT64_MAX)
        fani_halt_total(w->run, w->rows.count);
    if (status == FAN_OK)
        status = map_rows(w, args, error);
    if (status == FAN_OK)
        status = fani_timings_header(w->run, w->columns, error); /* of a table without rows */
    fani_run_progress(w->run, w->done, true);
    tell_rest(w);
    return status == FAN_OK ? fani_plot_draw(w->run->plot, w->rows.names[0], error) : status;
}

fan_status fani_integral_scan_run(fani_job_run *run, const char *expression, fan_error *error)
{
    scan_work w = {.run = run};
    fani_integral_spec spec = {0};
    fan_buffer args = {0};
    fan_status status = fani_plot_open(run, error);
    if (status == FAN_OK)
        status = fani_scan_rows_open(run, &w.rows, error);
    if (status == FAN_OK)
        status = make_spec(run->job, expression, &w.rows, &spec, error);
    if (status == FAN_OK)
        status = make_args(&w, &spec, &args, error);
    if (status == FAN_OK)
        status = scan_all(&w, &args, error);
    fan_buffer_clear(&args);
    fan_buffer_clear(&w.item);
    fan_buffer_clear(&w.flown);
    free(w.columns);
    fani_integral_clear(&spec);
    fani_scan_rows_clear(&w.rows);
    return status;
}
