/* Parameter scans, for programs. */
#include <string.h>

#include "base/error.h"
#include "integral.h"
#include "methods.h"
#include "scan.h"

_Static_assert((int)FAN_SCAN_BLOCK == (int)FANI_SCAN_LANES, "blocks");
_Static_assert((int)FAN_SCAN_COLUMNS_MAX == (int)FANI_SCAN_COLUMNS, "columns");

static fan_status check_expression(const fan_integral *integral, size_t column_count,
                                   fan_error *error)
{
    const fan_expression *e = integral->expression;
    if (!e || integral->batch || integral->scalar)
        return fani_error_set(error, FAN_E_ARGUMENT, "a scan's integrand is an expression");
    if (integral->dimension != 1)
        return fani_error_set(error, FAN_E_ARGUMENT, "a scan integrates over 1 dimension, not %zu",
                              integral->dimension);
    if (column_count < 1 || column_count > FAN_SCAN_COLUMNS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a scan over %zu parameters; 1 to %d are "
                              "possible",
                              column_count, FAN_SCAN_COLUMNS_MAX);
    if (e->output_count != 1 || e->variable_count != column_count + 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the expression has %zu value(s) of %zu variable(s); expected 1 of "
                              "%zu, that of the range and one a column",
                              e->output_count, e->variable_count, column_count + 1);
    if (e->parameter_count > 0 && !integral->parameters)
        return fani_error_set(error, FAN_E_ARGUMENT, "the expression's parameters have no values");
    return FAN_OK;
}

static fan_status prepare(const fan_integral *integral, const fan_goal *wanted, size_t column_count,
                          fani_scan *scan, fan_error *error)
{
    fan_status status = check_expression(integral, column_count, error);
    if (status == FAN_OK && wanted->method && strcmp(wanted->method, "auto") != 0)
        status = fani_error_set(error, FAN_E_ARGUMENT, "a scan goes by auto, not by %.80s",
                                wanted->method);
    if (status == FAN_OK)
        status = fani_integral_check_ranges(integral, error);
    if (status == FAN_OK)
        status = fani_goal_read(wanted, 1, &scan->goal, error);
    if (status == FAN_OK)
        status = fani_integral_domain(integral, &scan->domain, error);
    if (status == FAN_OK)
        status = fani_domain_break(wanted, &scan->domain, error);
    scan->expression = integral->expression;
    scan->parameters = integral->parameters;
    scan->columns = column_count;
    return status;
}

/* Where rows go, and what is to be said of all. */
typedef struct table {
    unsigned char *rows;
    size_t row_size;
    size_t not_reached, first; /* rows; the first of them */
    fan_verdict verdict;       /* of that one */
} table;

static void put_row(table *t, size_t i, const fani_scan_row *row)
{
    const fan_scan_row made = {.value = row->value,
                               .error = row->error,
                               .verdict = (fan_verdict)(row->verdict - 1),
                               .evaluations = row->evaluations,
                               .not_finite = row->bad_count,
                               .first_value = row->bad_count ? row->bad_value : 0,
                               .first_point = row->bad_count ? row->bad_point : 0};
    unsigned char *at = t->rows + i * t->row_size;
    if (t->row_size >= sizeof made)
        memcpy(at, &made, sizeof made);
    else
        memcpy(at, &made, t->row_size);
    if (made.verdict != FAN_VERDICT_REACHED && t->not_reached++ == 0) {
        t->first = i;
        t->verdict = made.verdict;
    }
}

static fan_status scan_rows(const fani_scan *scan, const double *const *columns, size_t count,
                            table *t, fan_error *error)
{
    const double *part[FANI_SCAN_COLUMNS];
    fani_scan_row rows[FANI_SCAN_LANES];
    for (size_t at = 0; at < count; at += FANI_SCAN_LANES) {
        const size_t n = count - at < FANI_SCAN_LANES ? count - at : FANI_SCAN_LANES;
        for (size_t k = 0; k < scan->columns; k++)
            part[k] = columns[k] + at;
        const fan_status status = fani_scan_block(scan, part, n, rows, error);
        if (status != FAN_OK)
            return status;
        for (size_t i = 0; i < n; i++)
            put_row(t, at + i, &rows[i]);
    }
    return FAN_OK;
}

fan_status fan_integrate_scan_sized(const fan_integral *integral, size_t integral_size,
                                    const fan_goal *goal, size_t goal_size,
                                    const double *const *columns, size_t column_count, size_t count,
                                    fan_scan_row *rows, size_t row_size, fan_error *error)
{
    fan_integral known = {0};
    fan_goal wanted = {0};
    fani_scan scan = {.expression = NULL};
    table t = {.rows = (unsigned char *)rows, .row_size = row_size};
    memcpy(&known, integral, integral_size < sizeof known ? integral_size : sizeof known);
    if (goal)
        memcpy(&wanted, goal, goal_size < sizeof wanted ? goal_size : sizeof wanted);
    fan_status status = prepare(&known, &wanted, column_count, &scan, error);
    if (status == FAN_OK)
        status = scan_rows(&scan, columns, count, &t, error);
    if (status != FAN_OK || t.not_reached == 0)
        return status;
    return fani_error_set(error, FAN_E_EFFORT,
                          "%zu of %zu integrals did not reach the tolerance; the first is row %zu "
                          "(%s)",
                          t.not_reached, count, t.first, fan_verdict_name(t.verdict));
}
