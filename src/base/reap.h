/* How a child process ended, by its pidfd. */
#ifndef FANI_REAP_H
#define FANI_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

typedef struct fani_ended {
    bool known;  /* else other code of the program has taken its status */
    bool exited; /* else a signal ended it */
    int number;  /* its exit code or the signal */
    bool has_usage;
    struct rusage usage; /* of it and of children that it waited for */
} fani_ended;

/* Takes the status of a child that has ended; false while it runs. Never waits, but for a
 * millisecond where the status went elsewhere. */
bool fani_reap(int pidfd, fani_ended *ended);

/* "exited with code 3", "killed by SIGKILL", "died". */
void fani_ended_describe(const fani_ended *ended, char *text, size_t text_size);

#endif
