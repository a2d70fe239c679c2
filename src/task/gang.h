/* Members of a gang, as the worker that runs one sees it. What fan_gang posts are ordinary batches
 * of one item of Fanfold's own task "fan.gang", which finds what the members talk over and runs the
 * user's task inside. */
#ifndef FANI_GANG_MEMBER_H
#define FANI_GANG_MEMBER_H

#include "fanfold/gang.h"
#include "task/gang_region.h"
#include "task/worker.h"

extern const fan_task fani_gang_task;

enum { FANI_GANG_NAME = 201 };

/* The arguments of fani_gang_task. */
typedef struct fani_gang_order {
    const fani_gang_link *link; /* these two: in this process's memory, else NULL */
    const fan_task *task;
    uint64_t id; /* where link is NULL: the worker's host knows the region as shared data */
    uint64_t reply_limit;
    char name[FANI_GANG_NAME];
} fani_gang_order;

/* A member at work (fani_gang_seat). */
struct fani_gang_seat {
    const fani_gang_link *link;
    size_t rank;
    const _Atomic bool *cancelled; /* its worker's, may be NULL */
    fan_status trouble;            /* how its last call failed */
    char why[FANI_GANG_TEXT];      /* and why, where there is more to say than the status does */
};

/* Whether this member should end because its gang has. */
bool fani_gang_over(const fani_gang_seat *seat);

/* What a member's fault is called; `outcome` is not OK. */
void fani_gang_fault(const fani_gang_link *link, size_t member, const fan_outcome *outcome);

#endif
