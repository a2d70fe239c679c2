/* Who ran the batches of a map, and when: what fan_map_options.timed asks for. Of the caller's
 * thread. */
#ifndef FANI_TIMED_H
#define FANI_TIMED_H

#include "exec/executor_ops.h"

enum { FANI_HOST_NAME = 65, FANI_WORKER_NAME = FANI_HOST_NAME + 24 };

typedef struct fani_timed {
    const fani_opened *opened;
    char host[FANI_HOST_NAME]; /* this one's */
    int64_t calendar_ns;       /* what makes of this host's monotonic clock the calendar's */
    int64_t *ahead_ns; /* what makes of a rank's clock this host's, at most; NULL: all are on
                          this host */
    /* Of the batch that was looked at last. */
    char worker[FANI_WORKER_NAME];
    int64_t began_ns; /* since 1970; 0: not known */
    uint64_t run_ns;
} fani_timed;

/* `opened` stays the caller's. FAN_E_MEMORY; fani_timed_end in any case. */
fan_status fani_timed_begin(fani_timed *timed, const fani_opened *opened);
void fani_timed_end(fani_timed *timed);

/* Looks at a traced batch that has its outcomes. */
void fani_timed_look(fani_timed *timed, const fani_batch *batch);

#endif
