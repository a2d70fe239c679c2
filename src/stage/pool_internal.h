/* What pool.c (threads and what they run) and call.c (calls and their results) share. */
#ifndef FANI_POOL_INTERNAL_H
#define FANI_POOL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/event.h"
#include "stage/heap.h"
#include "stage/pool.h"

/* As places. */
#define FANI_NOT_WAITING SIZE_MAX
#define FANI_WAITING_FOR_DUE (SIZE_MAX - 1)

struct fan_pool {
    unsigned threads_max;
    size_t calls_max;
    _Atomic size_t references; /* one while it is open, one for each call: the last one frees */
    fani_event ended;          /* a call has ended */
    _Atomic uint64_t done;     /* calls that have */
    _Atomic bool abandoned;    /* nobody wants results any more */

    pthread_mutex_t lock;      /* guards the rest */
    pthread_cond_t work;       /* there is some, or the end has come: for idle threads */
    pthread_cond_t room;       /* calls_waiting went down, or the pool is closing: for submitters */
    pthread_cond_t quiet;      /* nothing waits and nothing runs: for close */
    fani_heap waiting;         /* of fani_work */
    fani_work *later;          /* works whose time has not come */
    size_t calls_waiting;      /* those of them that are calls */
    size_t places;             /* in the heap, promised to who has joined */
    unsigned threads, running; /* there are; of them run something */
    size_t submitters;         /* who sleep on `room` */
    size_t joined;             /* pipelines, sources */
    bool closing, ending;
    pthread_t *handles; /* threads_max */
};

void fani_pool_retain(fan_pool *pool);
void fani_pool_release(fan_pool *pool);

/* With the lock held: has a work run, and a thread made for it where none is idle. */
void fani_pool_hand_over(fan_pool *pool, fani_work *work, int priority);

/* With the lock held: whether there is a thread, or one could be made. */
bool fani_pool_has_thread(fan_pool *pool);

/* call.c: what a call's work runs, which is how one is known. */
void fani_call_run(fani_work *work);

/* call.c: a call that was taken out of the queue ends without having run. No lock is held. */
void fani_call_end_cancelled(fani_work *work);

#endif
