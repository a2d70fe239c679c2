/* A peer in another program, talked to in lines over pipes. Single threaded. */
#ifndef BENCH_PEERS_CHILD_H
#define BENCH_PEERS_CHILD_H

#include <stdbool.h>

typedef struct bench_child bench_child;

/* Starts a program (argv[0] is looked for in PATH) in a process group of its own, without the
 * environment that makes MPI programs believe that they are ranks of ours. NULL, and the reason in
 * `why` (`size` bytes), where it can't be started. */
bench_child *bench_child_start(char *const argv[], char *why, unsigned size);

/* Sends a line (its newline included); false when the child has closed its input. */
bool bench_child_tell(bench_child *child, const char *line);

/* The child's next line without its newline, valid until the next call; NULL when it has ended or
 * says nothing for `seconds`; nothing more can be told to it then. */
char *bench_child_hear(bench_child *child, double seconds);

/* Closes the child's input and waits for its end, which it has 5 s for; then kills its group.
 * Frees. NULL is fine. */
void bench_child_end(void *child);

#endif
