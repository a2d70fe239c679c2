#include "job/integral_scan_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "job/integral_run.h"
#include "job/state.h"

static const char blanks[] = " \t\r";

void fani_scan_rows_clear(fani_scan_rows *rows)
{
    for (size_t i = 0; i < rows->columns; i++)
        free(rows->names[i]);
    fani_reader_free(rows->reader);
    *rows = (fani_scan_rows){0};
}

/* ---- Columns --------------------------------------------------------------------------------- */

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const bool letter = ((text[i] | 32) >= 'a' && (text[i] | 32) <= 'z') || text[i] == '_';
        if (!letter && (i == 0 || text[i] < '0' || text[i] > '9'))
            return false;
    }
    return size > 0;
}

static fan_status add_column(fani_scan_rows *rows, const char *name, size_t size, fan_error *error)
{
    const int shown = size < 64 ? (int)size : 64;
    if (!is_name(name, size))
        return fani_error_set(error, FAN_E_SYNTAX, "'%.*s' is no name of a parameter", shown, name);
    for (size_t i = 0; i < rows->columns; i++)
        if (strlen(rows->names[i]) == size && memcmp(rows->names[i], name, size) == 0)
            return fani_error_set(error, FAN_E_ARGUMENT, "the parameter %.*s is given twice", shown,
                                  name);
    if (rows->columns == FANI_INTEGRAL_PARAMETERS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected at most %d parameters",
                              FANI_INTEGRAL_PARAMETERS_MAX);
    rows->names[rows->columns] = strndup(name, size);
    if (!rows->names[rows->columns])
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    rows->columns++;
    return FAN_OK;
}

/* ---- The key scan ---------------------------------------------------------------------------- */

/* The colon outside parentheses, or NULL. */
static char *find_colon(char *at)
{
    for (int depth = 0; *at; at++) {
        if (*at == ':' && depth == 0)
            return at;
        depth += (*at == '(') - (*at == ')');
    }
    return NULL;
}

static fan_status read_end(const char *text, const char *part, double *value, fan_error *error)
{
    fan_error inner = {0};
    fan_status status = fan_expression_constant(part, value, &inner);
    if (status == FAN_OK && isfinite(*value))
        return FAN_OK;
    return fani_error_set(error, status == FAN_OK ? FAN_E_ARGUMENT : status,
                          "scan is '%.64s': '%.64s' is no finite number%s%.200s", text, part,
                          *inner.text ? ": " : "", inner.text);
}

/* `copy` is the text, cut here at its = and colons. */
static fan_status read_axis(fani_scan_rows *rows, const char *text, char *copy, fan_error *error)
{
    fani_scan_axis axis = {0};
    char *equals = strchr(copy, '=');
    char *first = equals ? find_colon(equals) : NULL;
    char *second = first ? find_colon(first + 1) : NULL;
    if (!second)
        return fani_error_set(error, FAN_E_SYNTAX,
                              "scan is '%.64s': expected NAME=START:STOP:COUNT", text);
    *first = *second = '\0';
    if (!fani_read_count(second + 1, &axis.count) || !axis.count || axis.count >> 53)
        return fani_error_set(error, FAN_E_SYNTAX,
                              "scan is '%.64s': expected a count of values from 1 on, not '%.64s'",
                              text, second + 1);
    fan_status status = read_end(text, equals + 1, &axis.from, error);
    if (status == FAN_OK)
        status = read_end(text, first + 1, &axis.to, error);
    if (status == FAN_OK && !isfinite(axis.to - axis.from))
        status = fani_error_set(error, FAN_E_ARGUMENT, "scan is '%.64s': too wide", text);
    if (status == FAN_OK)
        status = add_column(rows, copy, (size_t)(equals - copy), error);
    if (status == FAN_OK)
        rows->axes[rows->columns - 1] = axis;
    return status;
}

static fan_status count_rows(fani_scan_rows *rows, fan_error *error)
{
    rows->count = rows->zip ? rows->axes[0].count : 1;
    for (size_t i = 0; i < rows->columns; i++) {
        const uint64_t count = rows->axes[i].count;
        if (rows->zip && count != rows->count)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "zip: %s has %llu values and %s has %llu: expected as many",
                                  rows->names[0], (unsigned long long)rows->count, rows->names[i],
                                  (unsigned long long)count);
        if (!rows->zip &&
            (__builtin_mul_overflow(rows->count, count, &rows->count) || rows->count >> 62))
            return fani_error_set(error, FAN_E_ARGUMENT, "a scan has at most 2^62 rows");
    }
    return FAN_OK;
}

fan_status fani_scan_rows_make(const fan_job *job, fani_scan_rows *rows, fan_error *error)
{
    const fani_strings *scans = &job->values[FANI_KEY_SCAN];
    fan_status status = FAN_OK;
    *rows = (fani_scan_rows){.zip = fani_job_flag(job, FANI_KEY_ZIP)};
    for (size_t i = 0; status == FAN_OK && i < scans->count; i++) {
        char *copy = strdup(scans->at[i]);
        status = copy ? read_axis(rows, scans->at[i], copy, error)
                      : fani_error_set(error, FAN_E_MEMORY, "out of memory");
        free(copy);
        const fani_origin *origin = fani_job_origin(job, FANI_KEY_SCAN, i);
        if (status != FAN_OK && origin && error)
            fani_error_place(error, job->file, origin->line, origin->column);
    }
    return status == FAN_OK ? count_rows(rows, error) : status;
}

/* Value i of an axis: both ends exactly. */
static double value_at(const fani_scan_axis *axis, uint64_t i)
{
    if (i == 0)
        return axis->from;
    if (i + 1 == axis->count)
        return axis->to;
    return axis->from + (axis->to - axis->from) * ((double)i / (double)(axis->count - 1));
}

static void make_row(const fani_scan_rows *rows, uint64_t row, double *values)
{
    for (size_t i = rows->columns; i-- > 0;) {
        const fani_scan_axis *axis = &rows->axes[i];
        values[i] = value_at(axis, rows->zip ? row : row % axis->count);
        row = rows->zip ? row : row / axis->count;
    }
}

/* ---- The table ------------------------------------------------------------------------------- */

/* The next line that is none for people; *bytes NULL: there is none. */
static fan_status next_line(fani_scan_rows *rows, const char **bytes, size_t *size,
                            fan_error *error)
{
    *bytes = NULL;
    for (;;) {
        if (rows->item == rows->items.count) {
            fani_reader_forget(rows->reader, rows->items.first + rows->items.count);
            rows->item = 0;
            fan_status status =
                fani_reader_pull(rows->reader, fani_state_read_limit(rows->run->state, SIZE_MAX),
                                 SIZE_MAX, true, &rows->items, error);
            if (status == FAN_OK && !rows->items.count)
                return fani_state_read_all(rows->run->state, error);
            if (status == FAN_OK)
                status = fani_state_read(rows->run->state, &rows->items, error);
            if (status != FAN_OK) {
                rows->items.count = 0;
                return status;
            }
        }
        *bytes = (const char *)fan_items_at(&rows->items, rows->item++, size);
        if (**bytes != '#')
            return FAN_OK;
    }
}

/* What is wrong with the line that was given last, `offset` bytes into it. */
static fan_status refuse(const fani_scan_rows *rows, size_t offset, const char *text,
                         fan_error *error)
{
    fan_error nobodys;
    fani_place place = fani_reader_place(rows->reader, rows->items.first + rows->item - 1);
    fani_reader_explain(rows->reader, place, offset, text, error ? error : &nobodys);
    return place.flaw == FANI_FLAW_NOT_OPENED ? FAN_E_INPUT : FAN_E_SYNTAX;
}

static bool is_flawed(const fani_scan_rows *rows)
{
    return fani_reader_place(rows->reader, rows->items.first + rows->item - 1).flaw !=
           FANI_FLAW_NONE;
}

static fan_status read_header(fani_scan_rows *rows, fan_error *error)
{
    const char *line;
    size_t size;
    fan_error inner = {0};
    fan_status status = next_line(rows, &line, &size, error);
    if (status == FAN_OK && !line)
        return fani_error_set(error, FAN_E_SYNTAX,
                              "the table is empty: expected a line of names first");
    if (status == FAN_OK && is_flawed(rows))
        return refuse(rows, 0, "", error);
    for (size_t at = 0; status == FAN_OK && at < size;) {
        size_t end = at;
        while (end < size && !strchr(blanks, line[end]))
            end++;
        if (end > at && (status = add_column(rows, line + at, end - at, &inner)) != FAN_OK)
            return status == FAN_E_MEMORY ? fani_error_set(error, status, "out of memory")
                                          : refuse(rows, at, inner.text, error);
        at = end + (end < size);
    }
    return status;
}

/* A line's values. `line` ends with a NUL. */
static fan_status read_values(fani_scan_rows *rows, const char *line, double *values,
                              fan_error *error)
{
    size_t count = 0;
    for (const char *at = line + strspn(line, blanks); *at; count++) {
        const char *end = at;
        double value = 0;
        if (!fani_double_parse(at, &value, &end) || (*end && !strchr(blanks, *end)) ||
            !isfinite(value))
            return refuse(rows, (size_t)(at - line), "expected a finite number", error);
        if (count < rows->columns)
            values[count] = value;
        at = end + strspn(end, blanks);
    }
    if (count == rows->columns)
        return FAN_OK;
    fan_error inner = {0};
    (void)fani_error_set(&inner, FAN_E_SYNTAX,
                         "%zu values: expected one for each of %zu parameters", count,
                         rows->columns);
    return refuse(rows, 0, inner.text, error);
}

static fan_status read_row(fani_scan_rows *rows, double *values, bool *end, fan_error *error)
{
    const char *line;
    size_t size;
    fan_status status = next_line(rows, &line, &size, error);
    *end = status == FAN_OK && !line;
    if (status != FAN_OK || *end)
        return status;
    if (is_flawed(rows))
        return refuse(rows, 0, "", error);
    if (memchr(line, 0, size))
        return refuse(rows, 0, "a NUL byte: expected text", error);
    char *copy = strndup(line, size);
    if (!copy)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    status = read_values(rows, copy, values, error);
    free(copy);
    return status;
}

fan_status fani_scan_rows_open(fani_job_run *run, fani_scan_rows *rows, fan_error *error)
{
    const char *path = fani_job_text(run->job, FANI_KEY_TABLE);
    fan_status status = fani_scan_rows_make(run->job, rows, error);
    if (status != FAN_OK || !path)
        return status;
    const fani_reader_options options = {
        .unit = FANI_UNIT_LINE, .stop = fani_integral_stop_asked, .stop_user = run};
    rows->run = run;
    rows->count = UINT64_MAX;
    status = fani_reader_new(&options, &rows->reader);
    if (status == FAN_OK)
        status = fani_reader_add_file(rows->reader, path);
    if (status != FAN_OK)
        return fani_error_set(error, status, "out of memory");
    return read_header(rows, error);
}

fan_status fani_scan_rows_next(fani_scan_rows *rows, double *values, bool *end, fan_error *error)
{
    if (rows->reader)
        return read_row(rows, values, end, error);
    *end = rows->next == rows->count;
    if (!*end)
        make_row(rows, rows->next++, values);
    return FAN_OK;
}
