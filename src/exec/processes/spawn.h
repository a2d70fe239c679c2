/* Starting a worker image: a fresh program, never a fork of this one. */
#ifndef FANI_PROCESSES_SPAWN_H
#define FANI_PROCESSES_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

/* What all images of one executor are started with. */
typedef struct fani_processes_program {
    char *path;
    char *name; /* argv[0] */
    char **environment;
} fani_processes_program;

/* The program of the images: `path`, or this program where it is NULL. The environment is this
 * one's without what MPI launchers put there. Errors: FAN_E_MEMORY, FAN_E_UNAVAILABLE (no such
 * file). */
fan_status fani_processes_program_init(fani_processes_program *program, const char *path,
                                       fan_error *error);
void fani_processes_program_clear(fani_processes_program *program);

/* Starts an image that finds the three descriptors (all above 5) at FANI_PROCESSES_FD_*. Standard
 * input is /dev/null, standard output and error are `streams` (above 5), no other descriptor is
 * open, no signal blocked or ignored. *pidfd is close-on-exec. Answers 0 or an errno. The image is
 * bound to the calling thread's life (PR_SET_PDEATHSIG). */
int fani_processes_spawn(const fani_processes_program *program, int region, int socket, int bell,
                         const int streams[2], int *pidfd);

/* Why a child ended, in words, once its pidfd is readable; reaps it. False: it has not ended. The
 * text has no process id and no time in it, so that the same crash gives the same bytes. It says so
 * where the child had used up memory_limit (bytes, 0: none). */
bool fani_processes_reap(int pidfd, size_t memory_limit, char *text, size_t text_size);

/* Whether a child is stopped by a signal (SIGSTOP, SIGTSTP; a debugger's stops don't count), and
 * then the time that it had on a core, in microseconds. */
bool fani_processes_is_stopped(int pidfd, int64_t *cpu_us);

#endif
