/* List jobs: many entries in, one record each out, in their order. */
#ifndef FANI_LIST_H
#define FANI_LIST_H

#include "job/job_internal.h"
#include "stage/reader.h"

struct fani_answer; /* record.h */

typedef struct fani_list {
    const char *name; /* of the job's task: "gcd" */
    const fan_task *task;
    fani_unit unit;
    bool join_arguments;    /* all arguments are one item; else each is one */
    const char *columns;    /* TSV header line */
    unsigned value_columns; /* those between index and status */
    char separator;         /* of FANI_UNIT_RECORD */
    bool runs_alone; /* items travel alone, and their timeout and retries are the task's own */
    bool leaves;     /* the task leaves what all workers are to go on with (list_hard.h) */
    const fan_buffer
        *settings; /* what the task's arguments have behind fani_list_args; NULL: nothing
                    */
    /* These may be NULL. In place of adding arguments, numbers and inputs to the reader. */
    fan_status (*inputs)(const struct fani_list *list, fani_reader *reader, const fan_job *job);
    /* An answer is about to be written: takes out of its output what is none, and may set its
     * outcome. */
    fan_status (*unpack)(const struct fani_list *list, const fani_job_run *run, uint64_t index,
                         struct fani_answer *answer, fan_error *error);
    void *user; /* of these two */
} fani_list;

/* Runs a list job: reads the job's arguments, numbers and inputs (standard input where there are
 * none), maps the task over them and writes what it answers. Bad entries and failed items are
 * reported in order and counted. Errors: what ended it early. */
fan_status fani_list_run(fani_job_run *run, const fani_list *list, fan_error *error);

#endif
