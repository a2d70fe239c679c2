/* Queues: order, limits, closing, joining, and that nothing is lost among many threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "fanfold/stage.h"
#include "shim.h"

enum { SOON_MS = 20, HANG_MS = 120000 };

static void *item_of(uintptr_t number)
{
    return (void *)number;
}

static fan_queue *new_queue(fan_queue_order order, size_t limit)
{
    fan_queue *queue;
    EXPECT_I64(fan_queue_new(&(fan_queue_options){.order = order, .limit = limit}, &queue), FAN_OK);
    return queue;
}

static fan_status put(fan_queue *queue, uintptr_t number, int priority)
{
    return fan_queue_put(queue, item_of(number), priority, FAN_NOW);
}

/* Gets everything there is and compares it. */
static void expect_items(fan_queue *queue, const uintptr_t *numbers, size_t count)
{
    void *item;
    for (size_t i = 0; i < count; i++) {
        ASSERT_I64(fan_queue_get(queue, FAN_NOW, &item), FAN_OK);
        EXPECT_U64((uintptr_t)item, numbers[i]);
    }
    EXPECT_I64(fan_queue_get(queue, FAN_NOW, &item), FAN_E_TIMEOUT);
}

FAN_TEST(stage_queue, oldest_first)
{
    fan_queue *queue = new_queue(FAN_QUEUE_FIFO, 100);
    void *item;
    for (uintptr_t round = 0; round < 3;
         round++) { /* so that the ring's end is passed, and grows */
        for (uintptr_t i = 0; i < 20 + 10 * round; i++)
            EXPECT_I64(put(queue, i, 0), FAN_OK);
        for (uintptr_t i = 0; i < 20 + 10 * round; i++) {
            ASSERT_I64(fan_queue_get(queue, FAN_NOW, &item), FAN_OK);
            EXPECT_U64((uintptr_t)item, i);
            if (i < 7) /* what is put meanwhile comes last */
                EXPECT_I64(put(queue, 1000 + i, 0), FAN_OK);
        }
        expect_items(queue, (const uintptr_t[]){1000, 1001, 1002, 1003, 1004, 1005, 1006}, 7);
    }
    fan_queue_free(queue);
}

FAN_TEST(stage_queue, youngest_first)
{
    fan_queue *queue = new_queue(FAN_QUEUE_LIFO, 3);
    EXPECT_I64(put(queue, 1, 0), FAN_OK);
    EXPECT_I64(put(queue, 2, 0), FAN_OK);
    EXPECT_I64(put(queue, 3, 0), FAN_OK);
    EXPECT_I64(put(queue, 4, 0), FAN_E_TIMEOUT);
    expect_items(queue, (const uintptr_t[]){3, 2, 1}, 3);
    fan_queue_free(queue);
}

FAN_TEST(stage_queue, highest_priority_first_then_the_oldest)
{
    fan_queue *queue = new_queue(FAN_QUEUE_PRIORITY, 100);
    for (uintptr_t i = 0; i < 60; i++)
        EXPECT_I64(put(queue, i, (int)(i * 7 % 3) - 1), FAN_OK);
    uintptr_t expected[60];
    size_t count = 0;
    for (int priority = 1; priority >= -1; priority--)
        for (uintptr_t i = 0; i < 60; i++)
            if ((int)(i * 7 % 3) - 1 == priority)
                expected[count++] = i;
    expect_items(queue, expected, count);
    fan_queue_free(queue);
}

FAN_TEST(stage_queue, deadlines_and_limits)
{
    fan_queue *queue = new_queue(FAN_QUEUE_FIFO, 2);
    void *item = &queue;
    EXPECT_I64(fan_queue_get(queue, fan_deadline_in_ms(SOON_MS), &item), FAN_E_TIMEOUT);
    EXPECT_TRUE(item == &queue);
    EXPECT_I64(fan_queue_put(queue, NULL, 0, FAN_FOREVER), FAN_OK);
    EXPECT_I64(fan_queue_put(queue, NULL, 0, FAN_NOW), FAN_OK);
    EXPECT_I64(fan_queue_put(queue, NULL, 0, fan_deadline_in_ms(SOON_MS)), FAN_E_TIMEOUT);
    EXPECT_U64(fan_queue_size(queue), 2);
    fan_queue_free(queue);
    EXPECT_I64(fan_queue_new(&(fan_queue_options){.order = (fan_queue_order)3}, &queue),
               FAN_E_ARGUMENT);
    EXPECT_TRUE(queue == NULL);
    EXPECT_I64(fan_queue_new(&(fan_queue_options){.limit = SIZE_MAX}, &queue), FAN_E_ARGUMENT);
    EXPECT_I64(fan_queue_new(NULL, &queue), FAN_OK);
    fan_queue_free(queue);
    fan_queue_free(NULL);
}

FAN_TEST(stage_queue, what_was_accepted_is_delivered_after_close)
{
    fan_queue *queue = new_queue(FAN_QUEUE_FIFO, 0);
    void *item;
    EXPECT_I64(put(queue, 5, 0), FAN_OK);
    EXPECT_I64(put(queue, 6, 0), FAN_OK);
    fan_queue_close(queue);
    fan_queue_close(queue);
    EXPECT_I64(put(queue, 7, 0), FAN_E_CLOSED);
    EXPECT_I64(fan_queue_get(queue, FAN_FOREVER, &item), FAN_OK);
    EXPECT_I64(fan_queue_get(queue, FAN_FOREVER, &item), FAN_OK);
    EXPECT_U64((uintptr_t)item, 6);
    EXPECT_I64(fan_queue_get(queue, FAN_FOREVER, &item), FAN_E_CLOSED);
    fan_queue_free(queue);
}

/* ---- Threads -------------------------------------------------------------------------------- */

typedef struct waiter {
    fan_queue *queue;
    bool puts;
    fan_status status;
    pthread_t thread;
} waiter;

static void *wait_in_queue(void *user)
{
    waiter *w = user;
    void *item;
    w->status = w->puts ? fan_queue_put(w->queue, NULL, 0, FAN_FOREVER)
                        : fan_queue_get(w->queue, FAN_FOREVER, &item);
    return NULL;
}

static void expect_close_wakes(bool puts)
{
    enum { WAITERS = 5 };
    waiter waiters[WAITERS];
    fan_queue *queue = new_queue(FAN_QUEUE_FIFO, 1);
    if (puts)
        EXPECT_I64(put(queue, 1, 0), FAN_OK);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (waiter){.queue = queue, .puts = puts};
        ASSERT_I64(pthread_create(&waiters[i].thread, NULL, wait_in_queue, &waiters[i]), 0);
    }
    nanosleep(&(struct timespec){.tv_nsec = SOON_MS * 1000000L}, NULL); /* most of them sleep now */
    fan_queue_close(queue);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        EXPECT_I64(waiters[i].status, FAN_E_CLOSED);
    }
    fan_queue_free(queue);
}

FAN_TEST(stage_queue, close_wakes_everyone)
{
    expect_close_wakes(false);
    expect_close_wakes(true);
}

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 2000 };

typedef struct crowd {
    fan_queue *queue;
    _Atomic unsigned seen[PRODUCERS * EACH];
    _Atomic unsigned handled, next;
} crowd;

static void *produce(void *user)
{
    crowd *c = user;
    unsigned first = atomic_fetch_add(&c->next, 1) * EACH;
    for (unsigned i = 0; i < EACH; i++)
        EXPECT_I64(fan_queue_put(c->queue, item_of(first + i), (int)(i % 5), FAN_FOREVER), FAN_OK);
    return NULL;
}

static void *consume(void *user)
{
    crowd *c = user;
    void *item;
    while (fan_queue_get(c->queue, fan_deadline_in_ms(HANG_MS), &item) == FAN_OK) {
        atomic_fetch_add(&c->seen[(uintptr_t)item], 1);
        atomic_fetch_add(&c->handled, 1);
        EXPECT_I64(fan_queue_done(c->queue), FAN_OK);
    }
    return NULL;
}

static void expect_once_each(fan_queue_order order)
{
    crowd *c = calloc(1, sizeof *c);
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    ASSERT_TRUE(c);
    c->queue = new_queue(order, 7);
    for (int i = 0; i < PRODUCERS; i++)
        ASSERT_I64(pthread_create(&producers[i], NULL, produce, c), 0);
    for (int i = 0; i < CONSUMERS; i++)
        ASSERT_I64(pthread_create(&consumers[i], NULL, consume, c), 0);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    EXPECT_I64(fan_queue_join(c->queue, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_U64(atomic_load(&c->handled), PRODUCERS * EACH); /* join has waited for all of them */
    fan_queue_close(c->queue);
    for (int i = 0; i < CONSUMERS; i++)
        pthread_join(consumers[i], NULL);
    for (int i = 0; i < PRODUCERS * EACH; i++)
        if (atomic_load(&c->seen[i]) != 1)
            EXPECT_U64(atomic_load(&c->seen[i]), 1);
    fan_queue_free(c->queue);
    free(c);
}

FAN_TEST(stage_queue, many_threads_get_every_item_once)
{
    expect_once_each(FAN_QUEUE_FIFO);
    expect_once_each(FAN_QUEUE_LIFO);
    expect_once_each(FAN_QUEUE_PRIORITY);
}

FAN_TEST(stage_queue, join_waits_for_what_was_got)
{
    fan_queue *queue = new_queue(FAN_QUEUE_FIFO, 0);
    void *item;
    EXPECT_I64(fan_queue_join(queue, FAN_NOW), FAN_OK); /* nothing was accepted */
    EXPECT_I64(put(queue, 1, 0), FAN_OK);
    EXPECT_I64(fan_queue_done(queue), FAN_E_ARGUMENT); /* nobody has got it */
    EXPECT_I64(fan_queue_join(queue, FAN_NOW), FAN_E_TIMEOUT);
    EXPECT_I64(fan_queue_get(queue, FAN_NOW, &item), FAN_OK);
    EXPECT_I64(fan_queue_join(queue, fan_deadline_in_ms(SOON_MS)), FAN_E_TIMEOUT);
    EXPECT_I64(fan_queue_done(queue), FAN_OK);
    EXPECT_I64(fan_queue_join(queue, FAN_NOW), FAN_OK);
    EXPECT_I64(fan_queue_done(queue), FAN_E_ARGUMENT);
    fan_queue_free(queue);
}
