/* The processes of a run that is under way, and what is done to them. */
#ifndef FAN_TESTS_FAULTS_VICTIMS_H
#define FAN_TESTS_FAULTS_VICTIMS_H

#include "command.h"

typedef enum victim_kind {
    VICTIM_COMMAND, /* what was started: under mpirun the launcher */
    VICTIM_WORKER,  /* one of its worker processes, wherever */
    VICTIM_RANK_0,
    VICTIM_RANK, /* another one */
} victim_kind;

/* A process of the run that was started as `pid`; of several the `choice`-th, modulo their number.
 * Waits up to 10 s for one. 0: there is none, or the run has ended. */
pid_t victim_of(pid_t pid, victim_kind who, unsigned choice);

/* Whether a process has ended; it may still be waited for. */
bool has_ended(pid_t pid);

/* Whether a process has this file open. */
bool has_open(pid_t pid, const char *path);

/* Whether a process, of whomever, lives and is no zombie. */
bool is_alive(pid_t pid);

/* Waits up to 20 s until a process is stopped by a signal. False: it is not. */
bool wait_stopped(pid_t pid);

/* Random numbers that a failure can be repeated with: the seed is that of the environment variable
 * FAULT_SEED, else another one each time, and printed. */
typedef struct moments {
    uint64_t seed, next;
} moments;

moments moments_new(void);
uint64_t moments_below(moments *m, uint64_t limit);

#endif
