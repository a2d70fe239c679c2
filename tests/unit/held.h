/* An executor whose every step the test decides: what no real one does on demand. */
#ifndef FAN_TESTS_HELD_H
#define FAN_TESTS_HELD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "exec/executor_ops.h"
#include "shim.h"
#include "task/worker.h"

enum { HELD_MAX = 128, SLOW_MS = 60, WAIT_MS = 120000 };

/* Holds what is posted until the test runs or loses it. */
typedef struct held_executor {
    fani_front *front;
    unsigned depth;
    unsigned capabilities; /* beside FAN_CAP_SHARES_MEMORY */
    pthread_mutex_t lock;  /* guards the list */
    fani_batch *held[HELD_MAX];
    unsigned count;
    _Atomic unsigned posts;
    _Atomic int inside;   /* threads in a slow operation */
    _Atomic bool slow;    /* operations take SLOW_MS after their work is done */
    _Atomic bool lose;    /* revoke: the batch loses its worker, else it runs to its end */
    _Atomic bool cancels; /* revoke: or is cancelled, as executors do with what waits */
    _Atomic bool closed;
    _Atomic bool late; /* an operation was still inside when close freed the instance */
    _Atomic unsigned revokes;
    fani_batch *running; /* held_begin: for the op begun */
    int64_t begun_ns;
    void (*before_post)(struct held_executor *h); /* called before a batch is taken in */
    void (*idle)(struct held_executor *h);        /* called by the op progress that found nothing */
    void *user;
} held_executor;

void pause_ms(long ms);

/* Runs the oldest batch, or loses it; false: there is none. */
bool held_step(held_executor *h, bool lose);

/* Takes the oldest batch out as one that runs, for held_finish; NULL: there is none. */
fani_batch *held_begin(held_executor *h);
void held_finish(held_executor *h);

extern const fani_executor_ops held_ops;  /* runs by held_step */
extern const fani_executor_ops calls_ops; /* works only inside calls */

fan_executor *open_held(held_executor *h, const fani_executor_ops *ops, size_t queue_items);

#endif
