/* Child programs: started in a process group of their own, with a time limit, and ended with all of
 * it when the command is interrupted. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launch.h"

enum { CHILD_ARGUMENTS = 64 };

/* A command line; the texts are borrowed. */
typedef struct child_command {
    const char *argv[CHILD_ARGUMENTS + 1];
    size_t count;
    bool overflow; /* more arguments than there is room for */
} child_command;

void child_add(child_command *c, const char *argument);

typedef struct child_result {
    int exit_code;     /* -1: it did not exit by itself */
    int signal_number; /* that ended it; 0: none */
    bool timed_out;
    double seconds;
    uint64_t peak_kib; /* of the largest process among it and its descendants */
} child_result;

/* Runs a child to its end; standard output and error go to files (NULL: nowhere). The launcher's
 * variables are kept from it, and where the user is root, Open MPI is told that this is meant.
 * False with errno: it could not be started. An interrupt ends the child and returns true. */
bool child_run(const child_command *c, const char *output, const char *errors, uint64_t limit_ms,
               child_result *result);

/* The path of this program. False with errno. */
bool child_self(char *path, size_t size);

/* A launcher of MPI programs that belongs to the MPI library. */
typedef struct child_mpirun {
    char path[512];
    bool is_openmpi;
} child_mpirun;

/* Finds one in $PATH. False: *error says what was looked for. */
bool child_find_mpirun(const fan_ranks *ranks, child_mpirun *m, fan_error *error);

/* Adds "mpirun -n RANKS", unbound and oversubscribed where `free` (Open MPI only). `number` holds
 * the text of the number. */
void child_add_mpirun(child_command *c, const child_mpirun *m, unsigned ranks, bool free,
                      char number[16]);

/* A folder for what children leave, in $TMPDIR. False: said why. */
bool child_folder_make(char *folder, size_t size);

/* Removes it with the files in it. */
void child_folder_remove(const char *folder);

#endif
