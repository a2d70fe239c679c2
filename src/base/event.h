/* An event count: threads sleep until something that others change without a lock has become true.
 *
 *     waiter:  key = fani_event_prepare(e);          changer:  make it true (sequentially
 *              if (it is true)                                 consistent read-modify-write or
 * store) fani_event_cancel(e);                       fani_event_notify(e); else fani_event_wait(e,
 * key, deadline);
 *
 * Nothing is lost: either the waiter sees the change, or the changer sees the waiter. Without a
 * waiter a notification is one load. */
#ifndef FANI_EVENT_H
#define FANI_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts with zeroes. Also made for memory that processes share. */
typedef struct fani_event {
    _Atomic uint32_t epoch;
    _Atomic uint32_t waiters;
} fani_event;

/* Announces a waiter. What is then looked at must be loaded sequentially consistently. */
uint32_t fani_event_prepare(fani_event *event);

/* It has become true meanwhile: no waiter after all. */
void fani_event_cancel(fani_event *event);

/* Sleeps until notified after prepare, or the deadline (ns on CLOCK_MONOTONIC, INT64_MAX: never).
 * May also return early: the caller looks again. False: the deadline has passed. */
bool fani_event_wait(fani_event *event, uint32_t key, int64_t deadline);

void fani_event_wake(fani_event *event, uint32_t count);

/* Wakes everyone, or one, who waits. */
static inline void fani_event_notify(fani_event *event)
{
    if (atomic_load(&event->waiters))
        fani_event_wake(event, INT32_MAX);
}
static inline void fani_event_notify_one(fani_event *event)
{
    if (atomic_load(&event->waiters))
        fani_event_wake(event, 1);
}

/* The bare sleep beneath it: until *word is not `value` any more and a wake comes, or the deadline.
 * False: the deadline has passed. */
bool fani_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/* Wakes up to `count` of those who sleep there; how many there were. */
uint32_t fani_futex_wake(_Atomic uint32_t *word, uint32_t count);

/* The bare sleep on any of several words, FANI_FUTEXES_MAX at most. False: there is none, before
 * Linux 5.16. May return early. */
typedef struct fani_futex {
    _Atomic uint32_t *word;
    uint32_t value;
} fani_futex;
enum { FANI_FUTEXES_MAX = 128 };
bool fani_futex_wait_any(const fani_futex *futexes, unsigned count, int64_t deadline);

/* Tells the core that this is a loop that waits. */
static inline void fani_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

#endif
