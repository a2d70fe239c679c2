/* A guard: a small process of this program that does nothing until the program is gone, whatever
 * ended it, and then kills the process groups that it had noted. */
#ifndef FANI_GUARD_H
#define FANI_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct fani_guard fani_guard;

/* How a guard is told from other images of the program. */
#define FANI_GUARD_ARGUMENT "--fanfold-guard"

/* Starts one: this program with the argument above, which fan_start hands to fani_guard_serve; not
 * to be called before fan_start. `name` is its argv[0]. NULL: there is none, and groups live on. */
fani_guard *fani_guard_open(const char *name);

/* Ends it; what is noted is left alone. NULL is accepted. */
void fani_guard_close(fani_guard *guard);

/* Notes a group: the place it was noted in, from 1; 0: there is no place, or no guard. Any thread.
 * A program that is killed between starting a child and this leaves it. */
unsigned fani_guard_note(fani_guard *guard, pid_t group);

/* Takes it back; `place` may be 0. Any thread. */
void fani_guard_forget(fani_guard *guard, unsigned place);

/* The guard's own main; the exit code. */
int fani_guard_serve(void);

#endif
