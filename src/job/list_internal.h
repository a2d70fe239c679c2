/* What a list job's first pass (list.c) and the passes over what failed (list_retry.c) share. */
#ifndef FANI_LIST_INTERNAL_H
#define FANI_LIST_INTERNAL_H

#include "job/list.h"
#include "job/places.h"

/* A list job at work. Of the caller's thread. */
typedef struct fani_list_state {
    fani_job_run *run;
    const fani_list *list;
    fani_reader *reader;
    fani_places *places;
    const fani_place *place; /* of the outcome that is written, where it was kept with it */
    uint64_t read;           /* items that were read */
    uint64_t done; /* items whose outcomes were written: of an ordered run the first ones */
    fan_buffer scratch;
    fan_status read_status; /* what ended the reading, and why */
    fan_error read_error;
    fan_status idle_status; /* what ended the run while nothing came, and why */
    fan_error idle_error;
    bool stopping;          /* stop was asked for: what is written is shown at once */
    struct fani_hard *hard; /* numbers that were left (list_hard.h); NULL: the task leaves none */
    bool paused;            /* the map was ended although the input has not: for them */
    /* How the outcome of such a number is written; NULL: fani_list_settle. */
    fan_status (*settle)(struct fani_list_state *lr, const fan_outcome *outcome, fan_error *error);
    /* What is done after each map, with the task's arguments; NULL: fani_hard_work. */
    fan_status (*rest)(struct fani_list_state *lr, const fan_buffer *args, fan_error *error);
} fani_list_state;

/* A reader over the job's inputs, to be freed by the caller. FAN_E_MEMORY. */
fan_status fani_list_reader(fani_list_state *lr, fani_reader **reader, fan_error *error);

/* Maps the list's task over items that the source numbers, with the job's options. A reading that
 * has failed (read_status) ends it once what came before it is done. */
fan_status fani_list_map(fani_list_state *lr, fan_source source, fan_sink sink, fan_order order,
                         fan_error *error);

/* The same for another task and these options; what the reading has ended with is not looked at. */
fan_status fani_list_map_with(fani_list_state *lr, const fan_task *task, fan_source source,
                              fan_sink sink, const fan_map_options *options, fan_error *error);

/* Hooks of maps and of what else takes long; `user` is the list's state. The first is to be asked
 * again and again: it lets the output and the ledger go on. */
bool fani_list_stop_asked(void *user);
bool fani_list_is_hurried(void *user);

/* Tells how many items are done, when it is time to. */
void fani_list_tell_progress(const fani_list_state *lr);

/* Writes the outcome of an item that was left when its turn has come, and tells the ledger. */
fan_status fani_list_settle(fani_list_state *lr, const fan_outcome *outcome, fan_error *error);

/* Writes one outcome out, reports what is not ok, counts it and notes it down. */
fan_status fani_list_put(fani_list_state *lr, const fan_outcome *outcome, fan_error *error);

/* After that, lets those see it who may look at the output. */
fan_status fani_list_show(const fani_list_state *lr, fan_error *error);

/* A pass over what failed, for run->retry. As fani_list_run. */
fan_status fani_list_retry(fani_job_run *run, const fani_list *list, fan_error *error);

#endif
