#include "base/event.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Not the private form: the word may lie in memory that processes share. */
bool fani_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    struct timespec until;
    if (deadline != INT64_MAX)
        until = fani_clock_timespec(deadline);
    /* FUTEX_WAIT_BITSET takes an absolute time on the monotonic clock. */
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value,
                          deadline == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    return result == 0 || errno != ETIMEDOUT;
}

uint32_t fani_futex_wake(_Atomic uint32_t *word, uint32_t count)
{
    /* Its memory may be gone by now, where the waiter it was for has looked without sleeping: then
     * there is nobody to wake, and the error does not matter. */
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    return woken > 0 ? (uint32_t)woken : 0;
}

bool fani_futex_wait_any(const fani_futex *futexes, unsigned count, int64_t deadline)
{
    struct futex_waitv all[FANI_FUTEXES_MAX];
    struct timespec until;
    if (deadline != INT64_MAX)
        until = fani_clock_timespec(deadline);
    for (unsigned i = 0; i < count; i++)
        all[i] = (struct futex_waitv){
            .val = futexes[i].value, .uaddr = (uintptr_t)futexes[i].word, .flags = FUTEX_32};
    long result = syscall(SYS_futex_waitv, all, count, 0, deadline == INT64_MAX ? NULL : &until,
                          CLOCK_MONOTONIC);
    return result >= 0 || (errno != ENOSYS && errno != EPERM);
}

uint32_t fani_event_prepare(fani_event *event)
{
    atomic_fetch_add(&event->waiters, 1);
    return atomic_load(&event->epoch);
}

void fani_event_cancel(fani_event *event)
{
    atomic_fetch_sub(&event->waiters, 1);
}

bool fani_event_wait(fani_event *event, uint32_t key, int64_t deadline)
{
    bool in_time = fani_futex_wait(&event->epoch, key, deadline);
    atomic_fetch_sub(&event->waiters, 1);
    return in_time;
}

void fani_event_wake(fani_event *event, uint32_t count)
{
    atomic_fetch_add(&event->epoch, 1);
    fani_futex_wake(&event->epoch, count);
}
