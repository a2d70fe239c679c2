/* A gang as its front and executors see it. */
#ifndef FANI_EXEC_GANG_H
#define FANI_EXEC_GANG_H

#include "exec/executor_ops.h"
#include "task/gang.h"

struct fani_gang {
    uint64_t id; /* among the ids of the front's shares */
    size_t members;
    fani_gang_link link; /* in this process: the op makes the region where there is one */
    void *mark;          /* the executor's */

    fani_front *front;

    /* fan_gang's. */
    _Atomic size_t out;    /* members not yet ended */
    fani_batch *batches[]; /* by member */
};

/* Makes what the members talk over (members, front and id are set; sets link.region), by the
 * executor's operation or in this process's memory; and takes it away. */
fan_status fani_gang_open(fani_gang *gang, fan_error *error);
void fani_gang_close(fani_gang *gang);

/* Fills the replies of a member's batch with an outcome other than OK, so that it is reported as
 * FANI_DONE and nothing makes it run again. */
void fani_gang_member_ended(fani_batch *batch, fani_slot_state how, const char *text);

#endif
