/* Waiting without burning a core: MPI can't be waited for but by asking it, and a blocked MPI call
 * asks for ever. So whoever drives MPI asks at once, then yields, then sleeps ever longer, on a
 * bell that other threads of this process ring when they have something for it. */
#ifndef FANI_MPI_IDLE_H
#define FANI_MPI_IDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fanfold/executor.h"

typedef struct fani_bell {
    pthread_mutex_t lock; /* guards only the sleep on `rung` */
    pthread_cond_t rung;
    _Atomic uint64_t rings;
    atomic_uint asleep;
} fani_bell;

/* FAN_E_SYSTEM where the system has no room for it. */
fan_status fani_bell_init(fani_bell *bell, fan_error *error);
void fani_bell_destroy(fani_bell *bell);

/* Wakes everyone who sleeps on the bell. Any thread; cheap when nobody sleeps. */
void fani_bell_ring(fani_bell *bell);

/* How often it rang. Read it before looking for work, and give it to the wait: what came in between
 * then ends the wait at once. */
uint64_t fani_bell_rings(fani_bell *bell);

/* Sleeps until the bell has rung more than `seen` times, or the deadline. */
void fani_bell_wait(fani_bell *bell, uint64_t seen, fan_deadline deadline);

/* How long nothing has happened. Starts with zeroes; set it to zeroes when something happens. */
typedef struct fani_idle {
    bool in_flight; /* messages are on their way, which move only while MPI is asked */
    unsigned polls;
    int64_t since;
    int64_t sleep_ns;
} fani_idle;

/* Passes a little time: nothing, a yield, or a sleep on the bell of 20 us growing to 1 ms, and to
 * 2 ms after a tenth of a second without work; never beyond the deadline. With messages in flight
 * the sleep stays short for the first second. */
void fani_idle_wait(fani_idle *idle, fani_bell *bell, uint64_t seen, fan_deadline deadline);

#endif
