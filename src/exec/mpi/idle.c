#include "idle.h"

#include <sched.h>

#include "base/clock.h"
#include "base/error.h"

enum {
    POLLS_AT_ONCE = 32,
    POLLS_YIELDING = 16,
    SLEEP_FIRST_NS = 20000,
    SLEEP_MOST_NS = 1000000,
    SLEEP_LONG_IDLE_NS = 2000000,
    LONG_IDLE_NS = 100000000,
    IN_FLIGHT_NS = 1000000000,
};

fan_status fani_bell_init(fani_bell *bell, fan_error *error)
{
    atomic_init(&bell->rings, 0);
    atomic_init(&bell->asleep, 0);
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);
    if (code)
        return fani_error_errno(error, FAN_E_SYSTEM, code, "pthread_condattr_init");
    code = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!code)
        code = pthread_cond_init(&bell->rung, &attributes);
    pthread_condattr_destroy(&attributes);
    if (code)
        return fani_error_errno(error, FAN_E_SYSTEM, code, "pthread_cond_init");
    code = pthread_mutex_init(&bell->lock, NULL);
    if (code) {
        pthread_cond_destroy(&bell->rung);
        return fani_error_errno(error, FAN_E_SYSTEM, code, "pthread_mutex_init");
    }
    return FAN_OK;
}

void fani_bell_destroy(fani_bell *bell)
{
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->lock);
}

/* The order of the two steps here, and of the two in fani_bell_wait, is what loses no ring: either
 * the sleeper sees the count, or the ringer sees the sleeper. */
void fani_bell_ring(fani_bell *bell)
{
    atomic_fetch_add(&bell->rings, 1);
    if (atomic_load(&bell->asleep) == 0)
        return;
    pthread_mutex_lock(&bell->lock);
    pthread_cond_broadcast(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

uint64_t fani_bell_rings(fani_bell *bell)
{
    return atomic_load(&bell->rings);
}

void fani_bell_wait(fani_bell *bell, uint64_t seen, fan_deadline deadline)
{
    struct timespec until = fani_clock_timespec(deadline);
    pthread_mutex_lock(&bell->lock);
    atomic_fetch_add(&bell->asleep, 1);
    int code = 0;
    while (atomic_load(&bell->rings) == seen && code == 0) {
        if (deadline == FAN_FOREVER)
            code = pthread_cond_wait(&bell->rung, &bell->lock);
        else
            code = pthread_cond_timedwait(&bell->rung, &bell->lock, &until);
    }
    atomic_fetch_sub(&bell->asleep, 1);
    pthread_mutex_unlock(&bell->lock);
}

void fani_idle_wait(fani_idle *idle, fani_bell *bell, uint64_t seen, fan_deadline deadline)
{
    if (idle->polls < POLLS_AT_ONCE + POLLS_YIELDING) {
        if (idle->polls++ >= POLLS_AT_ONCE)
            sched_yield();
        return;
    }
    int64_t now = fani_clock_ns();
    if (idle->sleep_ns == 0) {
        idle->since = now;
        idle->sleep_ns = SLEEP_FIRST_NS;
    }
    int64_t idle_ns = now - idle->since;
    int64_t sleep_ns = idle->sleep_ns;
    if (idle->in_flight && idle_ns < IN_FLIGHT_NS)
        sleep_ns = SLEEP_FIRST_NS;
    else if (idle_ns > LONG_IDLE_NS)
        sleep_ns = SLEEP_LONG_IDLE_NS;
    else
        idle->sleep_ns = sleep_ns * 2 < SLEEP_MOST_NS ? sleep_ns * 2 : SLEEP_MOST_NS;
    fani_bell_wait(bell, seen, deadline - now < sleep_ns ? deadline : now + sleep_ns);
}
