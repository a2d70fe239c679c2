/* What `compare` measured. */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct compare_row {
    char executor[64];
    unsigned workers; /* for mpi: ranks of one worker each */
    double *seconds;  /* of the measured runs */
    double *outside;  /* seconds of workers outside tasks in these runs; < 0: not known */
    size_t runs;
    double median;
    uint64_t items;
    double overhead;   /* the median of `outside` per item; < 0: not known */
    uint64_t peak_kib; /* the largest of all runs */
    int exit_code;     /* of the runs: 0, or 1 and 2 where items failed or tokens were refused */
    char said[400];    /* the last message of such runs */
    bool differs;      /* some output is not the same bytes as the first row's */
    bool absent;       /* can't run here: no fault of the row */
    char why[520];     /* why there are no figures; "" where there are */
} compare_row;

/* The table on standard output. `format` is "text", "tsv" or "ndjson". Rows with seconds have their
 * medians. */
void compare_print(const compare_row *rows, size_t count, const char *format);

/* The time that speed-ups refer to: the serial row's, else the first's that has one; 0: none. */
double compare_base(const compare_row *rows, size_t count);

/* "1.23 s", "45.6 ms", "789 us", "12.0 ns": times as the table has them. */
void compare_time_text(double seconds, char *text, size_t size);

#endif
