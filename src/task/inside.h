/* Whether this thread is inside a task or a done callback, where waiting is forbidden. */
#ifndef FANI_INSIDE_H
#define FANI_INSIDE_H

#include <stdbool.h>

typedef enum fani_inside {
    FANI_OUTSIDE,
    FANI_IN_TASK,
    FANI_IN_CALLBACK,
} fani_inside;

/* Marks the thread as inside; returns what it was, for fani_inside_leave. */
fani_inside fani_inside_enter(fani_inside what);
void fani_inside_leave(fani_inside before);
fani_inside fani_inside_what(void);

/* An address that no two threads share. */
const void *fani_inside_place(void);

#endif
