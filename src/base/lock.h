/* A lock for sections of some tens of nanoseconds that are entered at every item: one atomic
 * operation each way where nobody contends, and no call. Who has to wait spins for a moment, then
 * sleeps. No error checks, not recursive, not for condition variables: elsewhere a pthread mutex
 * does better. Three states (free, locked, locked with sleepers) as in Drepper, "Futexes Are
 * Tricky". */
#ifndef FANI_LOCK_H
#define FANI_LOCK_H

#include "base/event.h"

/* Starts with zeroes. */
typedef struct fani_lock {
    _Atomic uint32_t state;
} fani_lock;

void fani_lock_wait(fani_lock *lock);

static inline void fani_lock_take(fani_lock *lock)
{
    uint32_t state = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->state, &state, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        fani_lock_wait(lock);
}

static inline void fani_lock_give(fani_lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        fani_futex_wake(&lock->state, 1);
}

#endif
