/* What one integral is to be, read from a job's keys or from a line of a list. */
#ifndef FANI_INTEGRAL_SPEC_H
#define FANI_INTEGRAL_SPEC_H

#include "fanfold/integrate.h"
#include "job/integral_method.h"
#include "job/integrand_file.h"
#include "job/job_internal.h"
#include "kernel/integrate/integrand.h"

enum { FANI_INTEGRAL_PARAMETERS_MAX = 64, FANI_INTEGRAL_BREAKS_MAX = FAN_INTEGRAL_BREAKS_MAX };

enum { FANI_INTEGRAL_METHOD_SIZE = 24 }; /* of a method's name */

typedef struct fani_integral_spec {
    char *expression; /* "" where the integrand is a function of a file */
    char *file, *symbol;
    uint64_t file_hash;
    fani_isa isa;
    size_t dimension;
    char *names[FAN_INTEGRAL_DIMENSION_MAX];
    fan_range ranges[FAN_INTEGRAL_DIMENSION_MAX];
    /* Bounds that depend on variables before them, else NULL. */
    char *from[FAN_INTEGRAL_DIMENSION_MAX], *to[FAN_INTEGRAL_DIMENSION_MAX];
    size_t parameter_count;
    char *parameter_names[FANI_INTEGRAL_PARAMETERS_MAX];
    double parameters[FANI_INTEGRAL_PARAMETERS_MAX];
    size_t scanned; /* the last so many parameters: they have another value in each row of a scan */
    bool scans_bounds; /* a bound depends on one of these */
    /* By a method until a goal is reached, or over a fixed grid. */
    bool is_grid, names_method;
    char method[FANI_INTEGRAL_METHOD_SIZE];
    fani_goal goal; /* evaluations_max 0, rel negative: not given */
    size_t break_count;
    double breaks[FANI_INTEGRAL_BREAKS_MAX];
    fani_weight weight;
    double frequency; /* of the weight */
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

/* The same with parameters of these names besides, which a scan gives their values (0 for now). */
fan_status fani_integral_from_scan(const fan_job *job, const char *expression, char *const *names,
                                   size_t count, fani_integral_spec *spec, fan_error *error);

/* Reads a line "EXPR; over x=0:1; parts 2; ...": an expression, then keys with their values, which
 * go before the job's. The error's column is a place in the line. */
fan_status fani_integral_from_line(const fan_job *job, const char *line, fani_integral_spec *spec,
                                   fan_error *error);

void fani_integral_clear(fani_integral_spec *spec);

/* Part `part` of the spec as flat bytes, for workers. FAN_E_MEMORY. */
fan_status fani_integral_encode(const fani_integral_spec *spec, uint64_t part, fan_buffer *bytes);

/* Gives `count` parameters from number `first` on other values in such bytes. */
void fani_integral_encode_values(fan_buffer *bytes, size_t first, const double *values,
                                 size_t count);

/* An integral made ready from these bytes; both to be freed, the plan first. Errors as
 * fan_integral_plan_make, fan_expression_parse and fani_integrand_file_open; FAN_E_UNAVAILABLE
 * (instructions that this machine lacks), FAN_E_PROTOCOL. `ready` must stay where it is.
 *
 * Over a grid there is a plan, else a method with what it works on. */
typedef struct fani_ready_integral {
    fan_expression *expression, *with_ends;
    fan_expression *from[FAN_INTEGRAL_DIMENSION_MAX], *to[FAN_INTEGRAL_DIMENSION_MAX];
    fani_integrand_file file;
    double parameters[FANI_INTEGRAL_PARAMETERS_MAX]; /* of a function of a file: its context */
    fan_integral_plan *plan;
    const fani_method *method;
    fani_integrand_source source;
    fani_integrand integrand;
    struct fani_proof *proof; /* of rigorous, else NULL */
    fani_domain domain;
    double breaks[FANI_INTEGRAL_BREAKS_MAX];
    fani_goal goal;
} fani_ready_integral;
fan_status fani_integral_ready(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                               fan_error *error);

/* In two steps, for an integral by a method that is worked on with several values of parameters:
 * what is parsed and opened once, and the rest, for the values that the bytes have now
 * (fani_integral_encode_values); the bytes are else those that were parsed. Errors as before; after
 * one of the second step another one may follow. */
fan_status fani_integral_parsed(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                                fan_error *error);
fan_status fani_integral_set(const unsigned char *bytes, size_t size, fani_ready_integral *ready,
                             fan_error *error);
void fani_integral_ready_clear(fani_ready_integral *ready);

#endif
