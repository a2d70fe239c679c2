/* What workers do for a scan: a block of rows at once, or a row as an integral of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "job/integral_judge.h"
#include "job/integral_scan.h"
#include "job/record.h"
#include "kernel/integrate/expression.h"
#include "kernel/integrate/methods_1d.h"
#include "kernel/integrate/scan.h"

/* Behind it the integral's bytes, then texts, each with its NUL: the expression and the names of
 * the variables and of all parameters. */
typedef struct args_head {
    uint64_t integral_size;
    uint32_t by_block, format, isa;
    uint32_t dimension, parameters, scanned;
} args_head;

enum { TEXTS_MAX = 1 + FAN_INTEGRAL_DIMENSION_MAX + FANI_INTEGRAL_PARAMETERS_MAX };

size_t fani_scan_unit(bool by_block)
{
    return by_block ? FANI_SCAN_LANES : 1;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static fan_status add_text(fan_buffer *out, const char *text)
{
    return fani_bytes_add(out, text, strlen(text));
}

/* before name between value, for each. */
static fan_status add_values(const char *const *names, const double *values, size_t count,
                             const char *first, const char *others, const char *between,
                             fan_buffer *out)
{
    char number[FANI_DOUBLE_TEXT_SIZE];
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        fani_double_text(values[i], number);
        status = add_text(out, i ? others : first);
        if (status == FAN_OK && names)
            status = add_text(out, names[i]);
        if (status == FAN_OK)
            status = add_text(out, between);
        if (status == FAN_OK)
            status = add_text(out, number);
    }
    return status;
}

fan_status fani_scan_label(const char *const *names, const double *values, size_t count,
                           fan_buffer *out)
{
    return add_values(names, values, count, "", " ", "=", out);
}

fan_status fani_scan_line(fani_format format, const char *const *names, const double *values,
                          size_t count, const fan_buffer *own, fan_buffer *out)
{
    const size_t end = format == FANI_FORMAT_NDJSON ? 2 : 1; /* "}\n" or "\n" */
    fan_status status = FAN_OK;
    if (own->size < end)
        return FAN_OK;
    if (format == FANI_FORMAT_TEXT) {
        status = fani_scan_label(names, values, count, out);
        if (status == FAN_OK)
            status = add_text(out, ": ");
        return status == FAN_OK ? fani_bytes_add(out, own->bytes, own->size) : status;
    }
    status = fani_bytes_add(out, own->bytes, own->size - end);
    if (status == FAN_OK && format == FANI_FORMAT_TSV)
        status = add_values(NULL, values, count, "\t", "\t", "", out);
    else if (status == FAN_OK)
        status = add_values(names, values, count, ",\"parameters\":{\"", ",\"", "\":", out);
    return status == FAN_OK ? add_text(out, format == FANI_FORMAT_TSV ? "\n" : "}}\n") : status;
}

/* ---- Arguments ------------------------------------------------------------------------------- */

static fan_status add_names(fan_buffer *out, char *const *names, size_t count)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = fani_bytes_add(out, names[i], strlen(names[i]) + 1);
    return status;
}

fan_status fani_scan_args_encode(const fani_integral_spec *spec, bool by_block, fani_format format,
                                 fan_buffer *args)
{
    fan_buffer integral = {0};
    fan_status status = fani_integral_encode(spec, 0, &integral);
    const args_head head = {.integral_size = integral.size,
                            .by_block = by_block,
                            .format = (uint32_t)format,
                            .isa = (uint32_t)spec->isa,
                            .dimension = (uint32_t)spec->dimension,
                            .parameters = (uint32_t)spec->parameter_count,
                            .scanned = (uint32_t)spec->scanned};
    if (status == FAN_OK)
        status = fani_bytes_add(args, &head, sizeof head);
    if (status == FAN_OK)
        status = fani_bytes_add(args, integral.bytes, integral.size);
    if (status == FAN_OK)
        status = add_names(args, &spec->expression, 1);
    if (status == FAN_OK)
        status = add_names(args, spec->names, spec->dimension);
    if (status == FAN_OK)
        status = add_names(args, spec->parameter_names, spec->parameter_count);
    fan_buffer_clear(&integral);
    return status;
}

/* What a worker has of a scan. Where the integral can't be made ready here, its rows fail with that
 * text. */
typedef struct scan_state {
    args_head head;
    fan_buffer args, integral;
    const char *texts[TEXTS_MAX];
    fani_ready_integral ready;
    fan_expression *expression; /* by block: of x and the parameters that are scanned */
    fan_error error;
    fan_buffer own, out, note;
    double value, value_error; /* of the row that is answered, NaN without them */
} scan_state;

static const char *const *scanned_names(const scan_state *s)
{
    return s->texts + 1 + s->head.dimension + s->head.parameters - s->head.scanned;
}

static fan_status read_args(scan_state *s)
{
    const unsigned char *at = s->args.bytes;
    size_t size = s->args.size;
    if (size < sizeof s->head)
        return FAN_E_PROTOCOL;
    memcpy(&s->head, at, sizeof s->head);
    at += sizeof s->head;
    size -= sizeof s->head;
    if (s->head.integral_size > size || s->head.dimension > FAN_INTEGRAL_DIMENSION_MAX ||
        s->head.parameters > FANI_INTEGRAL_PARAMETERS_MAX || !s->head.scanned ||
        s->head.scanned > s->head.parameters || s->head.format > FANI_FORMAT_NDJSON ||
        (s->head.by_block && s->head.scanned > FANI_SCAN_COLUMNS))
        return FAN_E_PROTOCOL;
    fan_status status = fani_bytes_add(&s->integral, at, s->head.integral_size);
    at += s->head.integral_size;
    size -= s->head.integral_size;
    for (size_t i = 0; i < 1 + s->head.dimension + s->head.parameters; i++) {
        const unsigned char *end = size ? memchr(at, 0, size) : NULL;
        if (!end)
            return FAN_E_PROTOCOL;
        s->texts[i] = (const char *)at;
        size -= (size_t)(end - at) + 1;
        at = end + 1;
    }
    return status;
}

/* The expression with the scanned parameters as variables behind its own. */
static fan_status parse_block(scan_state *s)
{
    const char *variables[1 + FANI_SCAN_COLUMNS];
    variables[0] = s->texts[1];
    memcpy(variables + 1, scanned_names(s), s->head.scanned * sizeof *variables);
    const fan_expression_names names = {.variables = variables,
                                        .variable_count = 1 + (size_t)s->head.scanned,
                                        .parameters = s->texts + 2,
                                        .parameter_count = s->head.parameters - s->head.scanned};
    fan_status status =
        fan_expression_parse(s->texts[0], strlen(s->texts[0]), &names, &s->expression, &s->error);
    if (status == FAN_OK)
        fani_expression_use(s->expression, (fani_isa)s->head.isa);
    return status;
}

static void scan_stop(void *state)
{
    scan_state *s = state;
    if (!s)
        return;
    fani_integral_ready_clear(&s->ready);
    fan_expression_free(s->expression);
    fan_buffer_clear(&s->args);
    fan_buffer_clear(&s->integral);
    fan_buffer_clear(&s->own);
    fan_buffer_clear(&s->out);
    fan_buffer_clear(&s->note);
    free(s);
}

static fan_status scan_start(fan_run *run)
{
    fan_items args = fan_run_args(run);
    size_t size = 0;
    const unsigned char *bytes = args.count ? fan_items_at(&args, 0, &size) : NULL;
    scan_state *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    fan_status status = bytes ? fani_bytes_add(&s->args, bytes, size) : FAN_E_PROTOCOL;
    if (status == FAN_OK)
        status = read_args(s);
    if (status == FAN_OK)
        status = fani_integral_parsed(s->integral.bytes, s->integral.size, &s->ready, &s->error);
    if (status == FAN_OK && s->head.by_block) /* of which all rows have one range */
        status = fani_integral_set(s->integral.bytes, s->integral.size, &s->ready, &s->error);
    if (status == FAN_OK && s->head.by_block)
        status = parse_block(s);
    if (status == FAN_E_MEMORY || status == FAN_E_PROTOCOL) {
        scan_stop(s);
        return status;
    }
    fan_run_set_state(run, s);
    return FAN_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* Appends a row to the reply; `what` says why it has no value, or is not as good as it was to be.
 */
static fan_status add_row(scan_state *s, const double *values, fani_scan_kind kind,
                          const fan_error *what)
{
    const char *const *names = scanned_names(s);
    fani_scan_reply reply = {.kind = (uint32_t)kind, .value = s->value, .error = s->value_error};
    const size_t at = s->out.size;
    fan_status status = fani_bytes_add(&s->out, &reply, sizeof reply);
    if (status == FAN_OK)
        status = fani_scan_line((fani_format)s->head.format, names, values, s->head.scanned,
                                &s->own, &s->out);
    reply.line_size = s->out.size - at - sizeof reply;
    s->note.size = 0;
    if (status == FAN_OK && kind != FANI_SCAN_OK) {
        status = fani_scan_label(names, values, s->head.scanned, &s->note);
        if (status == FAN_OK)
            status = add_text(&s->note, ": ");
        if (status == FAN_OK)
            status = add_text(&s->note, what->text);
        if (status == FAN_OK)
            status = fani_bytes_add(&s->out, s->note.bytes, s->note.size);
    }
    reply.note_size = (uint32_t)s->note.size;
    if (status == FAN_OK)
        memcpy(s->out.bytes + at, &reply, sizeof reply);
    return status;
}

static fan_status add_failure(scan_state *s, const double *values, uint64_t index,
                              fani_scan_kind kind, const fan_error *what)
{
    s->own.size = 0;
    s->value = s->value_error = NAN;
    fan_status status = fani_integral_failure_write(
        (fani_format)s->head.format, index, kind == FANI_SCAN_NOT_FINITE ? "not finite" : "failed",
        what, &s->own);
    return status == FAN_OK ? add_row(s, values, kind, what) : status;
}

static fan_status add_estimate(scan_state *s, const double *values, uint64_t index,
                               const fani_estimate *e)
{
    fani_integral_answer answer = {0};
    fan_error note = {0}, why = {0}, error = {0};
    fani_integral_answer_set(&s->ready, e, &answer);
    if (fani_integral_judge(s->texts + 1, s->head.dimension, e, &answer, &note, &why, &error) !=
        FAN_OK)
        return add_failure(s, values, index, FANI_SCAN_NOT_FINITE, &error);
    s->own.size = 0;
    s->value = e->value[0];
    s->value_error = e->error[0];
    fan_status status =
        fani_integral_answer_write(&answer, (fani_format)s->head.format, index, &s->own);
    if (status != FAN_OK)
        return status;
    return why.status != FAN_OK
               ? add_row(s, values, FANI_SCAN_NOT_REACHED, &why)
               : add_row(s, values, *note.text ? FANI_SCAN_NOTED : FANI_SCAN_OK, &note);
}

static fan_status work_on_row(scan_state *s, const double *values, uint64_t index)
{
    fani_estimate estimate = {0};
    fan_error error = {0};
    fani_integral_encode_values(&s->integral, s->head.parameters - s->head.scanned, values,
                                s->head.scanned);
    fan_status status = fani_integral_set(s->integral.bytes, s->integral.size, &s->ready, &error);
    if (status == FAN_OK)
        status = fani_integrate_rounds(s->ready.method, &s->ready.integrand, &s->ready.domain,
                                       &s->ready.goal, &estimate, &error);
    if (status == FAN_E_MEMORY)
        return status;
    if (status != FAN_OK && !*error.text)
        (void)fani_error_set(&error, status, "the integrand ended with %s",
                             fan_status_name(status));
    return status == FAN_OK ? add_estimate(s, values, index, &estimate)
                            : add_failure(s, values, index, FANI_SCAN_FAILED, &error);
}

static fan_status add_block_row(scan_state *s, const double *values, uint64_t index,
                                const fani_scan_row *row)
{
    fani_estimate e = {.absolute = row->absolute,
                       .evaluations = row->evaluations,
                       .bad = {.count = row->bad_count, .first_value = row->bad_value},
                       .verdict = row->verdict};
    e.value[0] = row->value;
    e.error[0] = row->error;
    e.bad.first_point[0] = row->bad_point;
    if (row->shared)
        snprintf(e.chosen, sizeof e.chosen, "%s", fani_method_gauss_kronrod.name);
    return add_estimate(s, values, index, &e);
}

static fan_status work_on_block(scan_state *s, const double *values, size_t count, uint64_t index)
{
    const size_t columns = s->head.scanned;
    double lanes[FANI_SCAN_COLUMNS][FANI_SCAN_LANES];
    const double *pointers[FANI_SCAN_COLUMNS] = {lanes[0]};
    fani_scan_row rows[FANI_SCAN_LANES];
    fan_error error = {0};
    for (size_t k = 0; k < columns; k++) {
        pointers[k] = lanes[k];
        for (size_t i = 0; i < count; i++)
            lanes[k][i] = values[i * columns + k];
    }
    const fani_scan scan = {.expression = s->expression,
                            .parameters = s->ready.parameters,
                            .columns = columns,
                            .domain = s->ready.domain,
                            .goal = s->ready.goal};
    fan_status status = fani_scan_block(&scan, pointers, count, rows, &error);
    const bool failed = status != FAN_OK && status != FAN_E_MEMORY;
    if (failed)
        status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = failed ? add_failure(s, values + i * columns, index + i, FANI_SCAN_FAILED, &error)
                        : add_block_row(s, values + i * columns, index + i, &rows[i]);
    return status;
}

static fan_status work_on(scan_state *s, fan_run *run, size_t i, uint64_t item,
                          const unsigned char *bytes, size_t size)
{
    double values[FANI_SCAN_LANES * FANI_SCAN_COLUMNS + FANI_INTEGRAL_PARAMETERS_MAX];
    const size_t row = s->head.scanned * sizeof *values;
    const size_t unit = fani_scan_unit(s->head.by_block);
    if (!size || size % row || size / row > unit)
        return FAN_E_PROTOCOL;
    memcpy(values, bytes, size); /* aligned */
    s->out.size = 0;
    fan_status status = s->head.by_block ? work_on_block(s, values, size / row, item * unit)
                                         : work_on_row(s, values, item);
    return status == FAN_OK ? fan_run_reply(run, i, s->out.bytes, s->out.size) : status;
}

static fan_status scan_run(fan_run *run, fan_items in)
{
    scan_state *s = fan_run_state(run);
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        if (*s->error.text)
            status = fan_run_fail(run, i, "%s", s->error.text);
        else
            status = fan_run_cancelled(run) ? FAN_E_CANCELLED
                                            : work_on(s, run, i, in.first + i, bytes, size);
    }
    return status;
}

const fan_task fani_task_integrate_scan = {.name = "integrate.scan",
                                           .version = 2,
                                           .run = scan_run,
                                           .start = scan_start,
                                           .stop = scan_stop};
