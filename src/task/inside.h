/* Whether this thread is inside a task or a done callback, where waiting is forbidden. */
#ifndef FANI_INSIDE_H
#define FANI_INSIDE_H

typedef enum fani_inside {
    FANI_OUTSIDE,
    FANI_IN_TASK,
    FANI_IN_CALLBACK,
} fani_inside;

/* What this thread is inside of. Found without a call: it is asked for at every item. */
extern _Thread_local fani_inside fani_inside_now __attribute__((tls_model("initial-exec")));

/* Marks the thread as inside; returns what it was, for fani_inside_leave. */
static inline fani_inside fani_inside_enter(fani_inside what)
{
    fani_inside before = fani_inside_now;
    fani_inside_now = what;
    return before;
}

static inline void fani_inside_leave(fani_inside before)
{
    fani_inside_now = before;
}

static inline fani_inside fani_inside_what(void)
{
    return fani_inside_now;
}

/* An address that no two threads share. */
static inline const void *fani_inside_place(void)
{
    return &fani_inside_now;
}

#endif
