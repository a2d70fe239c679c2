/* Parameter scans: the same integral once for each row of parameters. */
#ifndef FANI_INTEGRAL_SCAN_H
#define FANI_INTEGRAL_SCAN_H

#include "job/integral_spec.h"

bool fani_integral_scan_is_asked(const fan_job *job);

/* Checks the keys together, and where there is no table the integral too. `expression` may be NULL:
 * a function of a file. FAN_E_ARGUMENT, FAN_E_SYNTAX. */
fan_status fani_integral_scan_check(const fan_job *job, const char *expression, fan_error *error);

/* Works on all rows that no earlier run has done, and writes them in order. */
fan_status fani_integral_scan_run(fani_job_run *run, const char *expression, fan_error *error);

/* ---- Between the caller and the workers (fani_task_integrate_scan) --------------------------- */

typedef enum fani_scan_kind {
    FANI_SCAN_OK,
    FANI_SCAN_NOTED,       /* reached, but something is to be said */
    FANI_SCAN_NOT_REACHED, /* there is a value all the same */
    FANI_SCAN_NOT_FINITE,
    FANI_SCAN_FAILED,
} fani_scan_kind;

/* A row in a reply; behind it its line of output and what is to be said. */
typedef struct fani_scan_reply {
    uint32_t kind;
    uint32_t note_size;
    uint64_t line_size;
    double value, error; /* of the first component; NaN: there is none */
} fani_scan_reply;

/* Rows of an item: those of a block are worked on together. */
size_t fani_scan_unit(bool by_block);

/* The task's arguments. An item is a row of doubles after the other, as many as parameters are
 * scanned each. FAN_E_MEMORY. */
fan_status fani_scan_args_encode(const fani_integral_spec *spec, bool by_block, fani_format format,
                                 fan_buffer *args);

/* Appends "p=1 q=2" to a text. FAN_E_MEMORY. */
fan_status fani_scan_label(const char *const *names, const double *values, size_t count,
                           fan_buffer *out);

/* Appends a row's line, made of the integral's own: empty stays empty. FAN_E_MEMORY. */
fan_status fani_scan_line(fani_format format, const char *const *names, const double *values,
                          size_t count, const fan_buffer *own, fan_buffer *out);

#endif
