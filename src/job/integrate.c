/* integrate: integrals over fixed grids, their blocks spread over the workers and folded. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "job/halt.h"
#include "job/integral_spec.h"
#include "job/record.h"
#include "job/retry.h"
#include "job/shard.h"
#include "job/state.h"
#include "job/timings.h"
#include "stage/reader.h"

enum {
    /* Blocks of a leaf of the fold. A power of two: then the tree is the one that fan_integrate
     * uses. */
    LEAF_BLOCKS = 64,
    EMIT_LEAVES = 16,
};

static const char columns[] = "value\terror\tevaluations\tmethod\tstatus\n";

/* ---- Tasks ----------------------------------------------------------------------------------- */

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

const fan_task fani_task_integrate_block = {.name = "integrate.block",
                                            .version = 2,
                                            .run = block_run,
                                            .start = block_start,
                                            .stop = block_stop};
const fan_task fani_task_integrate_add = {.name = "integrate.add", .version = 2, .run = add_run};

/* ---- One integral ---------------------------------------------------------------------------- */

typedef struct integral_run {
    fani_job_run *run;
    uint64_t index;
    uint64_t blocks_before; /* of parts that are done */
    size_t components;
    double values[FAN_INTEGRAL_COMPONENTS_MAX];
    uint64_t evaluations;
} integral_run;

static void emit(void *user, uint64_t items, const void *value, size_t size)
{
    integral_run *ir = user;
    (void)value;
    (void)size;
    fani_run_progress(ir->run, ir->blocks_before + items, false);
}

static void wrote(void *user, uint64_t leaf, const fan_captured *text)
{
    const integral_run *ir = user;
    fani_run_wrote(ir->run, text, "integral %" PRIu64 " leaf %" PRIu64, ir->index, leaf);
}

/* Asked again and again while an integral is worked at: those before it are written down meanwhile.
 * An error is kept by the writer or the journal, and told by the next that needs them. */
static bool stop_asked(void *user)
{
    fani_job_run *run = user;
    (void)fani_state_idle(run, false, NULL);
    return fani_run_is_stopped(run);
}

static fan_status fold_part(integral_run *ir, const fan_buffer *bytes,
                            const fani_ready_integral *ready, fan_error *error)
{
    const fan_job *job = ir->run->job;
    uint64_t blocks = fan_integral_plan_blocks(ready->plan);
    const size_t components = fan_integral_plan_components(ready->plan);
    fan_partial totals[FAN_INTEGRAL_COMPONENTS_MAX];
    fan_integral_result result;
    fan_buffer folded = {0};
    memset(totals, 0, sizeof totals);
    fan_fold_plan plan = {.leaf_items = LEAF_BLOCKS,
                          .combine = &fani_task_integrate_add,
                          .args = bytes->bytes,
                          .args_size = bytes->size,
                          .emit_every = EMIT_LEAVES,
                          .emit = emit,
                          .emit_user = ir,
                          .stop = stop_asked,
                          .stop_user = ir->run,
                          .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                          .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                          .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF),
                          .captured = wrote,
                          .captured_user = ir};
    fan_status status = fan_fold(ir->run->executor, &fani_task_integrate_block,
                                 fan_source_range(0, blocks), &plan, &folded, error);
    if (status == FAN_OK && folded.size == components * sizeof *totals)
        memcpy(totals, folded.bytes, folded.size);
    else if (status == FAN_OK && folded.size)
        status = fani_error_set(error, FAN_E_PROTOCOL, "a sum of %zu bytes came back", folded.size);
    fan_buffer_clear(&folded);
    if (status == FAN_OK)
        status = fan_integral_plan_finish(ready->plan, totals, &result, error);
    if (status == FAN_OK && result.not_finite)
        fani_run_report(ir->run, error);
    if (status == FAN_OK) {
        ir->components = components;
        for (size_t c = 0; c < components; c++)
            ir->values[c] += result.values[c];
        ir->evaluations += result.evaluations;
        ir->blocks_before += blocks;
    }
    return status;
}

/* Integrates all parts, one after the other: each is spread over all workers. */
static fan_status integrate(integral_run *ir, const fani_integral_spec *spec, fan_error *error)
{
    fan_buffer bytes = {0};
    fan_status status = FAN_OK;
    for (uint64_t part = 0; status == FAN_OK && part < spec->parts; part++) {
        fani_ready_integral ready = {0};
        status = fani_integral_encode(spec, part, &bytes);
        if (status == FAN_OK)
            status = fani_integral_ready(bytes.bytes, bytes.size, &ready, error);
        if (status == FAN_OK)
            status = fold_part(ir, &bytes, &ready, error);
        fani_integral_ready_clear(&ready);
    }
    fan_buffer_clear(&bytes);
    return status;
}

/* ---- Output ---------------------------------------------------------------------------------- */

/* "gauss-5": everything that fixes the grid but the number of points. */
static void method_name(const fani_integral_spec *spec, char text[32])
{
    if (spec->rule == FAN_RULE_GAUSS)
        snprintf(text, 32, "gauss-%u", spec->order ? spec->order : 5);
    else
        snprintf(text, 32, "%s", fan_rule_name(spec->rule));
}

/* The values of all components, with `between` between them. */
static void join_values(const integral_run *ir, const char *between, char *text, size_t size)
{
    char value[FANI_DOUBLE_TEXT_SIZE];
    size_t used = 0;
    for (size_t c = 0; c < ir->components && used < size; c++) {
        fani_double_text(ir->values[c], value);
        used += (size_t)snprintf(text + used, size - used, "%s%s", c ? between : "", value);
    }
}

/* JSON has no infinities: they are strings. */
static json_t *json_number(double value)
{
    char text[FANI_DOUBLE_TEXT_SIZE];
    json_t *number = json_real(value);
    fani_double_text(value, text);
    return number ? number : json_string(text);
}

/* A number, or an array of one for each component. */
static json_t *json_value(const integral_run *ir)
{
    if (ir->components == 1)
        return json_number(ir->values[0]);
    json_t *array = json_array();
    for (size_t c = 0; array && c < ir->components; c++) {
        if (json_array_append_new(array, json_number(ir->values[c]))) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static fan_status format_value(const integral_run *ir, const fani_integral_spec *spec,
                               uint64_t index, fan_buffer *out)
{
    char values[FAN_INTEGRAL_COMPONENTS_MAX * FANI_DOUBLE_TEXT_SIZE], method[32];
    char line[sizeof values + 96];
    join_values(ir, ir->run->format == FANI_FORMAT_TEXT ? " " : ",", values, sizeof values);
    method_name(spec, method);
    unsigned long long evaluations = ir->evaluations;
    switch (ir->run->format) {
    case FANI_FORMAT_TEXT:
        snprintf(line, sizeof line, "%s\n", values);
        break;
    case FANI_FORMAT_TSV:
        snprintf(line, sizeof line, "%s\t-\t%llu\t%s\tok\n", values, evaluations, method);
        break;
    case FANI_FORMAT_NDJSON:
        return fani_bytes_add_json(
            out, json_pack("{s:s, s:I, s:s, s:o, s:n, s:I, s:s}", "schema", "fanfold.integrate/1",
                           "index", (json_int_t)index, "status", "ok", "value", json_value(ir),
                           "error", "evaluations", (json_int_t)evaluations, "method", method));
    }
    return fani_bytes_add(out, line, strlen(line));
}

static fan_status format_failure(fani_format format, uint64_t index, const char *status_name,
                                 const fan_error *what, fan_buffer *out)
{
    static const char row[] = "-\t-\t-\t-\t";
    if (format != FANI_FORMAT_TSV) {
        fani_failure failure = {
            .task = "integrate", .index = index, .status = status_name, .error = what};
        return fani_record_failure(format, &failure, out);
    }
    fan_status status = fani_bytes_add(out, row, sizeof row - 1);
    if (status == FAN_OK)
        status = fani_bytes_add(out, status_name, strlen(status_name));
    return status == FAN_OK ? fani_bytes_add(out, "\n", 1) : status;
}

static fan_status write_out(fani_job_run *run, const fan_outcome *how, fan_buffer *out,
                            fan_error *error)
{
    fan_status status = fani_timings_header(run, columns, error);
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

/* Reports an integral that has no value, writes the line that stands for it, and notes it down. */
static fan_status put_failure(fani_job_run *run, uint64_t index, uint32_t outcome,
                              const char *status_name, const fan_error *what,
                              const fan_outcome *how, fan_error *error)
{
    fan_buffer out = {0};
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
    fan_status status = format_failure(run->format, index, status_name, what, &out);
    if (status != FAN_OK) {
        fan_buffer_clear(&out);
        return fani_error_set(error, status, "out of memory");
    }
    status = write_out(run, how, &out, error);
    failure.output_size = fani_writer_bytes(run->writer) - failure.output_at;
    if (!is_known)
        fani_halt_count(run, &failure);
    return status == FAN_OK ? fani_state_failed(run->state, &failure, error) : status;
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

/* Integrates and writes. `file` and `line` are the integral's place, if it has one. */
static fan_status do_integral(fani_job_run *run, const fani_integral_spec *spec, uint64_t index,
                              const fan_error *place, fan_error *error)
{
    integral_run ir = {.run = run, .index = index};
    fan_error what = {0};
    int64_t begun = fani_clock_ns(), began_ns = fani_timings_now_ns();
    fan_status status = integrate(&ir, spec, &what);
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
    if (status != FAN_OK) {
        what.status = status;
        fani_error_place(&what, place->file, place->line, place->column);
        return put_failure(run, index, outcome_of(status),
                           count_failure(&run->result->summary, status), &what, &how, error);
    }
    run->result->summary.ok++;
    fan_buffer out = {0};
    status = format_value(&ir, spec, index, &out);
    if (status == FAN_OK)
        return write_out(run, &how, &out, error);
    fan_buffer_clear(&out);
    return fani_error_set(error, status, "out of memory");
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
    for (size_t i = 0; status == FAN_OK && (expression = expression_at(job, i)); i++) {
        fani_integral_spec spec;
        status = fani_integral_from_job(job, expression, &spec, error);
        fani_integral_clear(&spec);
    }
    return status;
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
    return run->retry ? fani_retry_after(run, false, error)
                      : fani_state_tick(run, index / run->slice.count + 1, false, error);
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
    return put_failure(run, index, FANI_LEDGER_BAD_INPUT, "bad input", what, &not_run, error);
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
    fani_reader_options options = {.unit = FANI_UNIT_LINE, .stop = stop_asked, .stop_user = run};
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
    fan_status status = run->retry ? start_retry(run, error) : FAN_OK;
    if (status == FAN_OK)
        status = run_expressions(run, &index, error);
    if (status == FAN_OK && run->job->values[FANI_KEY_INPUT].count)
        status = run_inputs(run, &index, error);
    return status;
}

const fani_job_kind fani_job_integrate = {
    .name = "integrate",
    .summary = "integral of an expression over a fixed grid",
    .check = check_integrate,
    .run = run_integrate,
};
