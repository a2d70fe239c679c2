#include "peers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "harness.h"

/* Through a pointer that the compiler can't see through: every row pays for a call. */
static uint64_t (*volatile work)(uint64_t, uint64_t) = bench_spin;

void bench_plain_loop(const bench_item *items, uint64_t *replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        replies[i] = work(items[i].seed, items[i].iterations);
}

void bench_openmp_loop(unsigned workers, const bench_item *items, uint64_t *replies, size_t count)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers) default(none)                   \
    shared(items, replies, count, work)
    for (size_t i = 0; i < count; i++)
        replies[i] = work(items[i].seed, items[i].iterations);
}

/* ---- The pool ------------------------------------------------------------------------------- */

enum { QUEUE_ITEMS = 1024 };

typedef struct pool_call {
    const bench_item *item;
    uint64_t *reply;
} pool_call;

struct bench_pool {
    unsigned workers;
    pthread_t *threads;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled, emptied, finished;
    pool_call queue[QUEUE_ITEMS];
    size_t first, waiting, unfinished;
    bool closing;
};

static void *pool_worker(void *user)
{
    bench_pool *pool = user;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->waiting && !pool->closing)
            pthread_cond_wait(&pool->filled, &pool->lock);
        if (!pool->waiting)
            break;
        pool_call call = pool->queue[pool->first];
        pool->first = (pool->first + 1) % QUEUE_ITEMS;
        if (pool->waiting-- == QUEUE_ITEMS)
            pthread_cond_signal(&pool->emptied);
        pthread_mutex_unlock(&pool->lock);
        *call.reply = work(call.item->seed, call.item->iterations);
        pthread_mutex_lock(&pool->lock);
        if (!--pool->unfinished)
            pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bench_pool *bench_pool_open(unsigned workers)
{
    bench_pool *pool = bench_alloc(1, sizeof *pool);
    pool->workers = workers;
    pool->threads = bench_alloc(workers, sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pthread_cond_init(&pool->emptied, NULL);
    pthread_cond_init(&pool->finished, NULL);
    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&pool->threads[i], NULL, pool_worker, pool))
            bench_fail("no thread for the pool");
    return pool;
}

void bench_pool_run(bench_pool *pool, const bench_item *items, uint64_t *replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&pool->lock);
        while (pool->waiting == QUEUE_ITEMS)
            pthread_cond_wait(&pool->emptied, &pool->lock);
        size_t place = (pool->first + pool->waiting++) % QUEUE_ITEMS;
        pool->queue[place] = (pool_call){&items[i], &replies[i]};
        pool->unfinished++;
        pthread_cond_signal(&pool->filled);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_lock(&pool->lock);
    while (pool->unfinished)
        pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void bench_pool_close(bench_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->workers; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->emptied);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}
