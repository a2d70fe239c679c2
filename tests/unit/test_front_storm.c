/* The front over threads in a storm: several threads submit items of every kind, with time limits,
 * retries, chains and priorities, cancel and kill them, and each item ends once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "exec/front.h"
#include "shim.h"

enum { WAIT_MS = 120000, NS_PER_MS = 1000000 };

static _Atomic unsigned gave_up;

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* Waits until its run is cancelled; false: not before a hang is certain. */
static bool is_cancelled(const fan_run *run)
{
    int64_t deadline = fani_clock_ns() + (int64_t)WAIT_MS * NS_PER_MS;
    while (!fan_run_cancelled(run)) {
        if (fani_clock_ns() > deadline) {
            atomic_fetch_add(&gave_up, 1);
            return false;
        }
        pause_us(20);
    }
    return true;
}

enum { STORMERS = 4, RING = 48 };

typedef struct storm {
    fan_executor *executor;
    _Atomic unsigned char *ends; /* of each item */
    unsigned each;
    unsigned char number;
} storm;

static fan_status storm_run(fan_run *run, fan_items in)
{
    size_t size;
    uint64_t what, *y = fan_run_reply_array(run, sizeof *y);
    memcpy(&what, fan_items_at(&in, 0, &size), sizeof what);
    if (y)
        *y = what;
    if (what % 997 == 0)
        return is_cancelled(run) ? FAN_E_CANCELLED : FAN_E_FAILED;
    if (what % 211 == 0)
        pause_us(1500);
    return what % 13 == 0 ? FAN_E_FAILED : FAN_OK;
}

static const fan_task storm_task = {.name = "storm", .version = 1, .run = storm_run};

static void count_end(fan_future *future, void *user)
{
    _Atomic unsigned char *ends = user;
    fan_outcome outcome;
    EXPECT_I64(fan_future_result(future, FAN_NOW, &outcome), FAN_OK);
    atomic_fetch_add(ends, 1);
}

static void do_something(fan_future *future, uint64_t dice)
{
    fan_outcome outcome;
    if (dice % 4 == 0)
        (void)fan_future_cancel(future);
    else if (dice % 4 == 1)
        (void)fan_future_kill(future);
    else if (dice % 4 == 2)
        (void)fan_future_result(future, FAN_NOW, &outcome);
}

static fan_submit_options options_of(uint64_t dice, uint64_t item, fan_future *const *other)
{
    fan_submit_options options = {.priority = (int)(dice % 3)};
    if (item % 997 == 0 || dice % 16 == 0)
        options.timeout_ms = 1;
    if (dice % 16 == 1)
        options.retries = 2, options.backoff_ms = 1;
    if (dice % 16 == 2 && *other)
        options.after = other, options.after_count = 1;
    return options;
}

static void *storm_on(void *user)
{
    storm *s = user;
    fan_future *ring[RING] = {NULL};
    uint64_t dice = 88172645463325252 + s->number;
    for (unsigned i = 0; i < s->each; i++) {
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        uint64_t item = (uint64_t)s->number * s->each + i;
        fan_future **place = &ring[i % RING], *other = ring[(dice >> 20) % RING];
        fan_future *old = *place;
        fan_submit_options options = options_of(dice, item, &other);
        EXPECT_I64(fan_submit(s->executor, &storm_task, &item, sizeof item,
                              dice % 5     ? &options
                              : item % 997 ? NULL
                                           : &options,
                              place),
                   FAN_OK);
        EXPECT_I64(fan_future_on_done(*place, count_end, &s->ends[item]), FAN_OK);
        if (other && other != old)
            do_something(other, dice >> 40);
        fan_future_release(old);
    }
    for (unsigned i = 0; i < RING; i++)
        fan_future_release(ring[i]);
    return NULL;
}

static void storm_of(unsigned each)
{
    storm storms[STORMERS];
    pthread_t threads[STORMERS];
    fan_executor_stats stats;
    _Atomic unsigned char *ends = calloc((size_t)STORMERS * each, sizeof *ends);
    ASSERT_TRUE(ends != NULL);
    fan_executor *executor = NULL;
    ASSERT_I64(fan_executor_open(
                   &(fan_executor_options){.kind = "threads", .workers = 3, .queue_items = 500},
                   &executor, NULL),
               FAN_OK);
    atomic_store(&gave_up, 0);
    for (unsigned i = 0; i < STORMERS; i++) {
        storms[i] = (storm){.executor = executor, .ends = ends, .each = each};
        storms[i].number = (unsigned char)i;
        ASSERT_I64(pthread_create(&threads[i], NULL, storm_on, &storms[i]), 0);
    }
    for (unsigned i = 0; i < STORMERS; i++)
        pthread_join(threads[i], NULL);
    while (fan_executor_get_stats(executor, &stats) == FAN_OK &&
           stats.items_done < (uint64_t)STORMERS * each && !shim_failed())
        pause_us(1000);
    EXPECT_U64(stats.items_done, (uint64_t)STORMERS * each);
    EXPECT_U64(stats.items_submitted, (uint64_t)STORMERS * each);
    EXPECT_TRUE(fani_executor_front(executor)->futures < 5000);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    for (unsigned i = 0; i < STORMERS * each && !shim_failed(); i++)
        EXPECT_U64(atomic_load(&ends[i]), 1);
    EXPECT_U64(atomic_load(&gave_up), 0);
    free((void *)ends);
}

FAN_TEST(team, a_storm_ends_every_item_once)
{
    storm_of(5000);
}

FAN_TEST(team, long_a_storm_of_a_million_ends_every_item_once)
{
    storm_of(250000);
}
