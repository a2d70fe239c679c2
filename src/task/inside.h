/* Whether this thread is inside a task or a done callback, where waiting is forbidden. */
#ifndef FANI_INSIDE_H
#define FANI_INSIDE_H

#include <stdbool.h>

/* Marks the thread as inside; returns what it was, for fani_inside_leave. */
bool fani_inside_enter(void);
void fani_inside_leave(bool before);
bool fani_inside(void);

#endif
