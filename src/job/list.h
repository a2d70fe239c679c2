/* List jobs: many entries in, one record each out, in their order. */
#ifndef FANI_LIST_H
#define FANI_LIST_H

#include "job/job_internal.h"
#include "stage/reader.h"

typedef struct fani_list {
    const char *name; /* of the job's task: "gcd" */
    const fan_task *task;
    fani_unit unit;
    bool join_arguments;    /* all arguments are one item; else each is one */
    const char *columns;    /* TSV header line */
    unsigned value_columns; /* those between index and status */
} fani_list;

/* Runs a list job: reads the job's arguments, numbers and inputs (standard input where there are
 * none), maps the task over them and writes what it answers. Bad entries and failed items are
 * reported in order and counted. Errors: what ended it early. */
fan_status fani_list_run(fani_job_run *run, const fani_list *list, fan_error *error);

#endif
