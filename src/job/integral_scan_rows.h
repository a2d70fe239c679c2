/* The rows of a parameter scan: made from their number, or read from a table. */
#ifndef FANI_INTEGRAL_SCAN_ROWS_H
#define FANI_INTEGRAL_SCAN_ROWS_H

#include "job/integral_spec.h"
#include "stage/reader.h"

typedef struct fani_scan_axis {
    double from, to; /* both ends are values */
    uint64_t count;
} fani_scan_axis;

typedef struct fani_scan_rows {
    size_t columns;
    char *names[FANI_INTEGRAL_PARAMETERS_MAX];
    fani_scan_axis axes[FANI_INTEGRAL_PARAMETERS_MAX]; /* not of a table */
    bool zip;
    uint64_t count; /* rows in all; UINT64_MAX: of a table */
    uint64_t next;  /* the row that fani_scan_rows_next gives next */
    /* Of a table: its reader, and the lines that it has given. */
    fani_reader *reader;
    fani_job_run *run;
    fan_items items;
    size_t item;
} fani_scan_rows;

/* Reads the keys scan and zip. *rows is the caller's to clear, after an error too. FAN_E_ARGUMENT,
 * FAN_E_SYNTAX. */
fan_status fani_scan_rows_make(const fan_job *job, fani_scan_rows *rows, fan_error *error);

/* The same for a run, that of a table too: opens it and reads its first line. Errors also of the
 * reader and of the run's state. */
fan_status fani_scan_rows_open(fani_job_run *run, fani_scan_rows *rows, fan_error *error);

/* values[i] = parameter i of the next row; *end: there is none. Errors: a line of the table that is
 * none (FAN_E_SYNTAX, with its place); of the reader and of the run's state. */
fan_status fani_scan_rows_next(fani_scan_rows *rows, double *values, bool *end, fan_error *error);

void fani_scan_rows_clear(fani_scan_rows *rows);

#endif
