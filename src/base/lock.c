#include "base/lock.h"

enum { SPINS = 100 };

void fani_lock_wait(fani_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t state = 0;
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->state, &state, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return;
        fani_cpu_relax();
    }
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        (void)fani_futex_wait(&lock->state, 2, INT64_MAX);
}
