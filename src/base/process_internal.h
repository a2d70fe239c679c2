/* A child process inside: what starting it (process.c) and waiting for it (process_wait.c) share.
 */
#ifndef FANI_PROCESS_INTERNAL_H
#define FANI_PROCESS_INTERNAL_H

#include <sys/types.h>

#include "fanfold/process.h"

enum { FANI_MS = 1000000 };

struct fan_process {
    fan_process_options options; /* for its limits: what it points to is the caller's */
    pid_t id, group;             /* 0: not started */
    int pidfd;                   /* -1: not started, or it was reaped */
    int fds[3];                  /* our ends of pipes; -1: none */
    size_t capacity[3];          /* of what is kept of output and error */
    fan_process_result result;
    int64_t begun;       /* all times: ns on the monotonic clock, INT64_MAX: never */
    int64_t paused_ns;   /* for which this program was stopped */
    int64_t stepped;     /* when a wait last looked at it */
    int64_t asked;       /* when stop is asked next */
    int64_t kill_at;     /* when SIGKILL is due */
    int64_t drop_at;     /* when nothing more is read */
    fan_process_end why; /* of one that is being ended; FAN_PROCESS_EXITED: it is not */
    bool killed, gone;   /* SIGKILL was sent; it has ended, though perhaps not its output */
    bool no_memory;      /* it is ended because what it writes can't be kept */
    bool finished;       /* the result is complete */
};

/* Sends a signal to the group, while it is known to be that of this process. */
void fani_process_signal(const fan_process *process, int signal);

/* Whether it has ended, be it while nobody waited. */
bool fani_process_look(fan_process *process, int64_t now);

/* Begins to end it, for a reason. */
void fani_process_end(fan_process *process, fan_process_end why, int64_t now);

/* To be called before a wait by who does nothing between its waits that takes time: what has passed
 * since the last one is a pause of the program where it is long. */
void fani_process_skip_gap(fan_process *process);

/* Closes our end of a stream. */
void fani_process_close(fan_process *process, int stream);

#endif
