/* The task of the gang cases: one, which does what its input says. */
#ifndef FAN_TESTS_CONTRACT_GANG_TASK_H
#define FAN_TESTS_CONTRACT_GANG_TASK_H

#include "fanfold/gang.h"

typedef enum gang_play {
    GANG_WHO,       /* replies a gang_who */
    GANG_RING,      /* a token of `number` bytes passes all members, who each add their rank */
    GANG_SUM,       /* all-reduces gang_value(rank), `number` times; replies the double */
    GANG_LARGE_SUM, /* `number` doubles at once; replies them */
    GANG_BROADCAST, /* each member in turn to all, `number` bytes; replies how many were right */
    GANG_BARRIER,   /* replies a gang_times */
    GANG_FAIL,      /* member `number` fails with "bad luck"; the others receive from it */
    GANG_FAIL_POLL, /* the same; the others poll fan_run_cancelled */
    GANG_CRASH,     /* member `number` crashes; the others receive from it */
    GANG_EARLY,  /* member `number` sends "last", then returns; the others receive from it twice */
    GANG_CIRCLE, /* every member receives from the next, which sends nothing */
    GANG_CROWD,  /* every member sends `number` bytes to the next before it receives */
    GANG_BARRIER_OR, /* all call barrier, but member `number`, which receives */
    GANG_POLL,       /* everyone polls fan_run_cancelled for 60 s at most */
    GANG_MIXED, /* member 0 sends `number` bytes that nobody receives, then all meet in a barrier */
    GANG_TALK,  /* every pair exchanges `number` messages; replies a checksum */
    GANG_NEST,  /* asks its own executor for a gang; replies the status, an int64_t */
} gang_play;

typedef struct gang_input {
    uint64_t play, number;
} gang_input;

typedef struct gang_who {
    uint64_t rank, size, number;
} gang_who;

typedef struct gang_times {
    int64_t before, after; /* monotonic clock */
} gang_times;

double gang_value(uint64_t rank);
void gang_combine(void *left, const void *right, size_t size, void *user); /* does not commute */

extern const fan_task task_gang;

#endif
