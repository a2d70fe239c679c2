#include "job/integral_answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/record.h"

const char fani_integral_columns[] = "value\terror\tevaluations\tmethod\tstatus\n";

enum {
    NUMBER_SIZE = FANI_DOUBLE_TEXT_SIZE,
    NUMBERS_SIZE = FAN_INTEGRAL_COMPONENTS_MAX * (2 * NUMBER_SIZE + 8),
    ROW_SIZE = 2 * NUMBERS_SIZE + FANI_CHOSEN_SIZE + 100,
};

/* The numbers with commas between them. */
static void join(const double *numbers, size_t count, char *text, size_t size)
{
    char number[NUMBER_SIZE];
    size_t used = 0;
    for (size_t c = 0; c < count && used < size; c++) {
        fani_double_text(numbers[c], number);
        used += (size_t)snprintf(text + used, size - used, "%s%s", c ? "," : "", number);
    }
}

/* Two digits of an error, rounded up: what is printed is no promise that was not made. */
static void error_text(double error, char text[static NUMBER_SIZE])
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.1e", error);
    if (isfinite(error) && strtod(digits, NULL) < error)
        snprintf(digits, sizeof digits, "%.1e", error * 1.05);
    fani_double_text(isfinite(error) ? strtod(digits, NULL) : error, text);
}

/* "1.5 ± 2e-9"; of several components one after the other. */
static fan_status write_text(const fani_integral_answer *a, fan_buffer *out)
{
    char line[NUMBERS_SIZE], number[NUMBER_SIZE];
    size_t used = 0;
    for (size_t c = 0; c < a->components; c++) {
        fani_double_text(a->values[c], number);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", c ? " " : "", number);
        if (a->has_errors) {
            error_text(a->errors[c], number);
            used += (size_t)snprintf(line + used, sizeof line - used, " \302\261 %s", number);
        }
    }
    used += (size_t)snprintf(line + used, sizeof line - used, "\n");
    return fani_bytes_add(out, line, used);
}

static fan_status write_row(const fani_integral_answer *a, fan_buffer *out)
{
    char values[NUMBERS_SIZE], errors[NUMBERS_SIZE] = "-";
    char line[ROW_SIZE];
    join(a->values, a->components, values, sizeof values);
    if (a->has_errors)
        join(a->errors, a->components, errors, sizeof errors);
    snprintf(line, sizeof line, "%s\t%s\t%llu\t%s\t%s\n", values, errors,
             (unsigned long long)a->evaluations, a->method, a->status);
    return fani_bytes_add(out, line, strlen(line));
}

/* JSON has no infinities: they are strings. */
static json_t *json_number(double value)
{
    char text[NUMBER_SIZE];
    json_t *number = json_real(value);
    fani_double_text(value, text);
    return number ? number : json_string(text);
}

/* A number, or an array of one for each component. */
static json_t *json_numbers(const double *numbers, size_t count)
{
    if (count == 1)
        return json_number(numbers[0]);
    json_t *array = json_array();
    for (size_t c = 0; array && c < count; c++) {
        if (json_array_append_new(array, json_number(numbers[c]))) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static fan_status write_json(const fani_integral_answer *a, uint64_t index, fan_buffer *out)
{
    json_t *object = json_pack("{s:s, s:I, s:s, s:o, s:o, s:I, s:s}", "schema",
                               "fanfold.integrate/1", "index", (json_int_t)index, "status",
                               a->status, "value", json_numbers(a->values, a->components), "error",
                               a->has_errors ? json_numbers(a->errors, a->components) : json_null(),
                               "evaluations", (json_int_t)a->evaluations, "method", a->method);
    if (object && a->why && json_object_set_new(object, "why", json_string(a->why))) {
        json_decref(object);
        object = NULL;
    }
    return fani_bytes_add_json(out, object);
}

fan_status fani_integral_answer_write(const fani_integral_answer *answer, fani_format format,
                                      uint64_t index, fan_buffer *out)
{
    switch (format) {
    case FANI_FORMAT_TEXT:
        return write_text(answer, out);
    case FANI_FORMAT_TSV:
        return write_row(answer, out);
    case FANI_FORMAT_NDJSON:
        break;
    }
    return write_json(answer, index, out);
}

fan_status fani_integral_failure_write(fani_format format, uint64_t index, const char *status,
                                       const fan_error *what, fan_buffer *out)
{
    char row[96];
    fani_failure failure = {.task = "integrate", .index = index, .status = status, .error = what};
    if (format != FANI_FORMAT_TSV)
        return fani_record_failure(format, &failure, out);
    snprintf(row, sizeof row, "-\t-\t-\t-\t%s\n", status);
    return fani_bytes_add(out, row, strlen(row));
}
