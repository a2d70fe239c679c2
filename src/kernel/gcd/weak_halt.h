/* How long work is told to end early: it asks at times, from the thread that does it. */
#ifndef FANI_GCD_WEAK_HALT_H
#define FANI_GCD_WEAK_HALT_H

#include <stdbool.h>
#include <stddef.h>

/* Zero bytes: nobody wants it to end. */
typedef struct fani_weak_halt {
    bool (*is_stopped)(void *user);
    void *user;
} fani_weak_halt;

static inline bool fani_weak_is_halted(const fani_weak_halt *halt)
{
    return halt->is_stopped && halt->is_stopped(halt->user);
}

#endif
