/* Event counts: timeouts, many waiters, nothing lost. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/lock.h"
#include "shim.h"

enum { WAITERS = 12, ROUNDS = 2000, NS_PER_MS = 1000000 };

typedef struct meeting {
    fani_event event;
    _Atomic uint32_t value; /* what is waited for */
    _Atomic int seen;
    _Atomic int asleep; /* who announced themselves */
    _Atomic bool late;  /* a wait came to its deadline, which no one should */
} meeting;

/* Waits until the value is `wanted`; false: it hangs. */
static bool await(meeting *m, uint32_t wanted)
{
    int64_t deadline = fani_clock_ns() + INT64_C(120000) * NS_PER_MS;
    for (;;) {
        uint32_t key = fani_event_prepare(&m->event);
        if (atomic_load(&m->value) >= wanted) {
            fani_event_cancel(&m->event);
            return true;
        }
        atomic_fetch_add(&m->asleep, 1);
        if (!fani_event_wait(&m->event, key, deadline))
            return false;
    }
}

static void *wait_once(void *user)
{
    meeting *m = user;
    if (!await(m, 1))
        atomic_store(&m->late, true);
    atomic_fetch_add(&m->seen, 1);
    return NULL;
}

static void start_waiters(meeting *m, pthread_t *threads)
{
    for (int i = 0; i < WAITERS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, wait_once, m), 0);
    while (atomic_load(&m->asleep) < WAITERS)
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    nanosleep(&(struct timespec){.tv_nsec = 5L * NS_PER_MS}, NULL);
}

FAN_TEST(event, notify_wakes_everyone_and_leaves_no_waiter)
{
    meeting m = {.value = 0};
    pthread_t threads[WAITERS];
    start_waiters(&m, threads);
    EXPECT_U64(atomic_load(&m.event.waiters), WAITERS);
    atomic_store(&m.value, 1);
    fani_event_notify(&m.event);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_I64(atomic_load(&m.seen), WAITERS);
    EXPECT_TRUE(!atomic_load(&m.late));
    EXPECT_U64(atomic_load(&m.event.waiters), 0);
}

FAN_TEST(event, notify_one_wakes_one_at_a_time)
{
    meeting m = {.value = 0};
    pthread_t threads[WAITERS];
    start_waiters(&m, threads);
    atomic_store(&m.value, 1);
    for (int i = 1; i <= WAITERS; i++) {
        int64_t deadline = fani_clock_ns() + INT64_C(120000) * NS_PER_MS;
        fani_event_notify_one(&m.event);
        while (atomic_load(&m.seen) < i && fani_clock_ns() < deadline)
            nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS / 10}, NULL);
        EXPECT_TRUE(atomic_load(&m.seen) >= i);
    }
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_TRUE(!atomic_load(&m.late));
}

FAN_TEST(event, waits_end_at_their_deadline)
{
    fani_event event = {0};
    for (int ms = 0; ms < 40; ms += 13) {
        int64_t begun = fani_clock_ns();
        uint32_t key = fani_event_prepare(&event);
        EXPECT_TRUE(!fani_event_wait(&event, key, begun + (int64_t)ms * NS_PER_MS));
        EXPECT_TRUE(fani_clock_ns() - begun >= (int64_t)ms * NS_PER_MS);
    }
    EXPECT_U64(atomic_load(&event.waiters), 0);
}

/* Whoever is told between prepare and wait does not sleep. */
FAN_TEST(event, a_notification_after_prepare_is_not_slept_through)
{
    fani_event event = {0};
    uint32_t key = fani_event_prepare(&event);
    fani_event_notify(&event);
    EXPECT_TRUE(fani_event_wait(&event, key, INT64_MAX));
    key = fani_event_prepare(&event);
    fani_event_notify_one(&event);
    EXPECT_TRUE(fani_event_wait(&event, key, INT64_MAX));
    fani_event_notify(&event); /* nobody waits: the epoch stays */
    EXPECT_U64(atomic_load(&event.epoch), 2);
    (void)fani_event_prepare(&event);
    fani_event_cancel(&event);
    EXPECT_U64(atomic_load(&event.waiters), 0);
}

static void *wake_second(void *user)
{
    _Atomic uint32_t *words = user;
    nanosleep(&(struct timespec){.tv_nsec = 5L * NS_PER_MS}, NULL);
    atomic_store(&words[1], 1);
    while (!fani_futex_wake(&words[1], 1) && !atomic_load(&words[2]))
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    return NULL;
}

FAN_TEST(event, a_sleep_on_several_words_ends_with_any_or_at_its_deadline)
{
    _Atomic uint32_t words[3] = {0};
    const fani_futex sleeps[] = {{.word = &words[0]}, {.word = &words[1]}};
    int64_t begun = fani_clock_ns();
    if (!fani_futex_wait_any(sleeps, 2, begun + INT64_C(5) * NS_PER_MS))
        SKIP("this system can't sleep on several words");
    EXPECT_TRUE(fani_clock_ns() - begun >= INT64_C(5) * NS_PER_MS);
    pthread_t waker;
    ASSERT_I64(pthread_create(&waker, NULL, wake_second, words), 0);
    EXPECT_TRUE(fani_futex_wait_any(sleeps, 2, begun + INT64_C(240000) * NS_PER_MS));
    EXPECT_U64(atomic_load(&words[1]), 1);
    atomic_store(&words[2], 1);
    pthread_join(waker, NULL);
    EXPECT_TRUE(fani_futex_wait_any(sleeps, 2, INT64_MAX)); /* one has changed already */
    EXPECT_TRUE(fani_clock_ns() - begun < INT64_C(120000) * NS_PER_MS);
}

typedef struct rally {
    meeting here, there;
} rally;

static void *answer(void *user)
{
    rally *r = user;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (!await(&r->here, i))
            atomic_store(&r->here.late, true);
        atomic_store(&r->there.value, i);
        fani_event_notify(&r->there.event);
    }
    return NULL;
}

FAN_TEST(event, nothing_is_lost_in_a_rally)
{
    rally r = {.here = {.value = 0}};
    pthread_t other;
    ASSERT_I64(pthread_create(&other, NULL, answer, &r), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        atomic_store(&r.here.value, i);
        fani_event_notify(&r.here.event);
        ASSERT_TRUE(await(&r.there, i));
    }
    pthread_join(other, NULL);
    EXPECT_TRUE(!atomic_load(&r.here.late));
}

typedef struct counted {
    fani_lock lock;
    uint64_t plain; /* guarded by it */
} counted;

static void *count_up(void *user)
{
    counted *c = user;
    for (int i = 0; i < 20000; i++) {
        fani_lock_take(&c->lock);
        c->plain++;
        fani_lock_give(&c->lock);
    }
    return NULL;
}

FAN_TEST(lock, one_at_a_time)
{
    counted c = {.plain = 0};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, count_up, &c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    EXPECT_U64(c.plain, 80000);
    EXPECT_U64(atomic_load(&c.lock.state), 0);
}
