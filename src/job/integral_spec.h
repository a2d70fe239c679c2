/* What one integral is to be, read from a job's keys or from a line of a list. */
#ifndef FANI_INTEGRAL_SPEC_H
#define FANI_INTEGRAL_SPEC_H

#include "fanfold/integrate.h"
#include "job/job_internal.h"

typedef struct fani_integral_spec {
    char *expression;
    size_t dimension;
    char *names[FAN_INTEGRAL_DIMENSION_MAX];
    fan_range ranges[FAN_INTEGRAL_DIMENSION_MAX];
    fan_rule rule;
    unsigned order;
    uint64_t points;
    uint64_t parts;
} fani_integral_spec;

/* Reads the integral of an expression with everything else from the job's keys. *spec is to be
 * cleared by the caller, after an error too. Errors: FAN_E_ARGUMENT, FAN_E_SYNTAX; where a place in
 * an expression or a range is known, the text ends with that text and a caret under the column. */
fan_status fani_integral_from_job(const fan_job *job, const char *expression,
                                  fani_integral_spec *spec, fan_error *error);

/* Reads a line "EXPR; over x=0:1; parts 2; ...": an expression, then keys with their values, which
 * go before the job's. The error's column is a place in the line. */
fan_status fani_integral_from_line(const fan_job *job, const char *line, fani_integral_spec *spec,
                                   fan_error *error);

void fani_integral_clear(fani_integral_spec *spec);

/* Part `part` of the spec as flat bytes, for workers. FAN_E_MEMORY. */
fan_status fani_integral_encode(const fani_integral_spec *spec, uint64_t part, fan_buffer *bytes);

/* An integral made ready from these bytes; both to be freed, the plan first. Errors as
 * fan_integral_plan_make and fan_expression_parse; FAN_E_PROTOCOL. */
typedef struct fani_ready_integral {
    fan_expression *expression;
    fan_integral_plan *plan;
} fani_ready_integral;
fan_status fani_integral_ready(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                               fan_error *error);
void fani_integral_ready_clear(fani_ready_integral *ready);

#endif
