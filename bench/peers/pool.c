/* A pool as textbooks have it: threads that take one item at a time from a bounded queue under one
 * mutex, with condition variables. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "harness.h"
#include "spin.h"
#include "ways.h"

enum { QUEUE_ITEMS = 1024 };

typedef struct pool_call {
    const bench_item *item;
    uint64_t *reply;
} pool_call;

typedef struct pool {
    unsigned workers;
    pthread_t *threads;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled, emptied, finished;
    pool_call queue[QUEUE_ITEMS];
    size_t first, waiting, unfinished;
    bool closing;
} pool;

static void *pool_worker(void *user)
{
    pool *p = user;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->waiting && !p->closing)
            pthread_cond_wait(&p->filled, &p->lock);
        if (!p->waiting)
            break;
        pool_call call = p->queue[p->first];
        p->first = (p->first + 1) % QUEUE_ITEMS;
        if (p->waiting-- == QUEUE_ITEMS)
            pthread_cond_signal(&p->emptied);
        pthread_mutex_unlock(&p->lock);
        *call.reply = bench_spin(call.item->seed, call.item->iterations);
        pthread_mutex_lock(&p->lock);
        if (!--p->unfinished)
            pthread_cond_signal(&p->finished);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static pool *pool_open(unsigned workers)
{
    pool *p = bench_alloc(1, sizeof *p);
    p->workers = workers;
    p->threads = bench_alloc(workers, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->filled, NULL);
    pthread_cond_init(&p->emptied, NULL);
    pthread_cond_init(&p->finished, NULL);
    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&p->threads[i], NULL, pool_worker, p))
            bench_fail("no thread for the pool");
    return p;
}

static void run_pool(const bench_way *way, const bench_item *items, uint64_t *replies, size_t count,
                     bench_times *times)
{
    (void)times;
    pool *p = way->self;
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&p->lock);
        while (p->waiting == QUEUE_ITEMS)
            pthread_cond_wait(&p->emptied, &p->lock);
        size_t place = (p->first + p->waiting++) % QUEUE_ITEMS;
        p->queue[place] = (pool_call){&items[i], &replies[i]};
        p->unfinished++;
        pthread_cond_signal(&p->filled);
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_lock(&p->lock);
    while (p->unfinished)
        pthread_cond_wait(&p->finished, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void pool_close(void *self)
{
    pool *p = self;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->filled);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->workers; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->emptied);
    pthread_cond_destroy(&p->filled);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

void bench_ways_of_pool(bench_ways *ways)
{
    bench_way *way =
        bench_ways_add(ways, BENCH_FUTURE, BENCH_IN_MEMORY, "mutex + condvar pool", "pthreads");
    way->run = run_pool;
    way->self = pool_open(ways->workers);
    bench_ways_at_end(ways, pool_close, way->self);
}
