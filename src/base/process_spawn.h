/* Starting one child process: what posix_spawn is told. */
#ifndef FANI_PROCESS_SPAWN_H
#define FANI_PROCESS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum { FANI_SPAWN_INHERIT = -1, FANI_SPAWN_NULL = -2, FANI_SPAWN_OUR_GROUP = -1 };

typedef struct fani_spawn {
    const char *program; /* NULL: the first argument, looked up in PATH */
    const char *const *arguments;
    char **environment;
    int folder;        /* to work in; -1: that of this program */
    int streams[3];    /* descriptors above all that it gets, or INHERIT or NULL, for 0, 1 and 2 */
    const int *passed; /* more descriptors, likewise, for 3 and those behind it */
    int passed_count;
    pid_t group; /* to belong to; 0: one of its own; FANI_SPAWN_OUR_GROUP */
} fani_spawn;

/* Starts it with no signal blocked or ignored and no other descriptor. Returns an errno, 0 where it
 * runs: then *pidfd is the caller's, -1 where the program's own code has waited for the child
 * already. */
int fani_spawn_start(const fani_spawn *spawn, pid_t *pid, int *pidfd);

/* Whether the errno is about the command, not about this program: the exit code that a shell gives
 * for it, 127 or 126; else 0. */
int fani_spawn_refusal(int error);

/* Moves a descriptor above 2, where no standard stream of a child is put over it; closes the old
 * one. False: none is left (errno), and it is closed. */
bool fani_spawn_lift(int *fd);

#endif
