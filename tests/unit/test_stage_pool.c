/* The I/O threads: they wait at the same time, are made when needed, used again, and sleep. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fanfold/stage.h"
#include "shim.h"
#include "stage/pool.h"
#include "task/inside.h"

enum { MS = 1000000, NAP_MS = 100, HANG_MS = 120000 };

static fan_pool *open_pool(unsigned threads, size_t queue_calls)
{
    fan_pool *pool;
    fan_error error;
    EXPECT_I64(fan_pool_open(&(fan_pool_options){.threads = threads, .queue_calls = queue_calls},
                             &pool, &error),
               FAN_OK);
    return pool;
}

static void close_pool(fan_pool *pool)
{
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

static fan_call *submit(fan_pool *pool, fan_call_function function, void *user)
{
    fan_call *call;
    EXPECT_I64(fan_pool_submit(pool, function, user, NULL, &call), FAN_OK);
    return call;
}

static void nap(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static fan_status sleep_for(fan_call *call, void *user, fan_error *error)
{
    (void)call;
    (void)error;
    nap(*(const int64_t *)user * MS);
    return FAN_OK;
}

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec used;
    clock_gettime(clock, &used);
    return (int64_t)used.tv_sec * 1000 * MS + used.tv_nsec;
}

/* A gate that calls wait at until the test opens it. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside; /* how many have come */
    bool open;
} gate;

#define GATE                                                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

static fan_status pass_gate(fan_call *call, void *user, fan_error *error)
{
    gate *g = user;
    (void)call;
    (void)error;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return FAN_OK;
}

static void await_inside(gate *g, unsigned count)
{
    pthread_mutex_lock(&g->lock);
    while (g->inside < count)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void open_gate(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* ---- Time ----------------------------------------------------------------------------------- */

/* One by one the sleeps take all of this. */
static bool ten_sleeps_are_quick(int64_t nap_ms)
{
    enum { CALLS = 10 };
    fan_pool *pool = open_pool(CALLS, 0);
    fan_call *calls[CALLS];
    int64_t begin = fani_clock_ns();
    for (int i = 0; i < CALLS; i++)
        calls[i] = submit(pool, sleep_for, &nap_ms);
    EXPECT_I64(fan_call_wait_all(calls, CALLS, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    int64_t took = fani_clock_ns() - begin;
    for (int i = 0; i < CALLS; i++)
        fan_call_release(calls[i]);
    close_pool(pool);
    return took < CALLS * nap_ms * MS * 3 / 4;
}

/* A machine that pauses does so not each time, and what it is slow with counts less each time. */
static bool any_of_ten(bool (*is_quick)(int64_t nap_ms), int64_t nap_ms)
{
    for (int i = 1; i <= 10 && !shim_failed(); i++)
        if (is_quick(i * nap_ms))
            return true;
    return false;
}

FAN_TEST(stage_pool, ten_sleeps_take_the_time_of_one)
{
    EXPECT_TRUE(any_of_ten(ten_sleeps_are_quick, NAP_MS));
}

FAN_TEST(stage_pool, long_ten_sleeps_of_a_second)
{
    EXPECT_TRUE(any_of_ten(ten_sleeps_are_quick, 1000));
}

/* Works for as long as the calls sleep, on a core of the caller's. */
static bool five_waits_are_beside(int64_t nap_ms)
{
    enum { CALLS = 5 };
    fan_pool *pool = open_pool(0, 0);
    fan_call *calls[CALLS];
    int64_t begin = fani_clock_ns();
    for (int i = 0; i < CALLS; i++)
        calls[i] = submit(pool, sleep_for, &nap_ms);
    int64_t cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu < nap_ms * MS / 2)
        continue;
    int64_t computed = fani_clock_ns() - begin; /* more where others have the core */
    EXPECT_I64(fan_call_wait_all(calls, CALLS, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    int64_t took = fani_clock_ns() - begin;
    for (int i = 0; i < CALLS; i++)
        fan_call_release(calls[i]);
    close_pool(pool);
    return took < computed + CALLS * nap_ms * MS / 2;
}

FAN_TEST(stage_pool, five_waits_go_on_beside_computing)
{
    EXPECT_TRUE(any_of_ten(five_waits_are_beside, NAP_MS));
}

static bool idle_threads_rest(int64_t watched_ms)
{
    enum { CALLS = 8 };
    fan_pool *pool = open_pool(CALLS, 0);
    gate g = GATE;
    for (int i = 0; i < CALLS; i++)
        EXPECT_I64(fan_pool_submit(pool, pass_gate, &g, NULL, NULL), FAN_OK);
    await_inside(&g, CALLS);
    open_gate(&g);
    fan_pool_stats stats = {0};
    while (stats.idle < CALLS) {
        EXPECT_I64(fan_pool_get_stats(pool, &stats), FAN_OK);
        nap(MS);
    }
    int64_t before = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    nap(watched_ms * MS);
    int64_t used = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - before;
    close_pool(pool);
    return used < watched_ms * MS / 20; /* 8 that spin: 2 cores' time */
}

FAN_TEST(stage_pool, idle_threads_use_no_cpu)
{
    EXPECT_TRUE(any_of_ten(idle_threads_rest, 2 * NAP_MS));
}

/* ---- Threads -------------------------------------------------------------------------------- */

typedef struct later_work {
    fani_work work; /* first: both have one address */
    _Atomic int64_t ran_at;
} later_work;

static void note_time(fani_work *work)
{
    atomic_store(&((later_work *)(void *)work)->ran_at, fani_clock_ns());
}

/* Two threads: whichever of them watches the clock may get something to do. */
FAN_TEST(stage_pool, what_is_to_run_later_does_so_while_others_are_busy)
{
    enum { ROUNDS = 10, LATER_MS = 5 };
    fan_pool *pool = open_pool(2, 0);
    later_work later = {.work.run = note_time};
    ASSERT_I64(fani_pool_join(pool, 1), FAN_OK);
    for (int i = 0; i < ROUNDS; i++) {
        gate g = GATE;
        fan_deadline due = fan_deadline_in_ms(LATER_MS), end = fan_deadline_in_ms(HANG_MS);
        atomic_store(&later.ran_at, 0);
        fani_pool_post_at(pool, &later.work, 0, due);
        fan_call *call = submit(pool, pass_gate, &g);
        await_inside(&g, 1);
        while (!atomic_load(&later.ran_at) && fani_clock_ns() < end)
            nap(MS);
        EXPECT_TRUE(atomic_load(&later.ran_at) >= due); /* and the gate is closed still */
        open_gate(&g);
        EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
        fan_call_release(call);
        if (shim_failed())
            break;
    }
    /* Taken back, it does not run; the time is far off. */
    atomic_store(&later.ran_at, 0);
    fani_pool_post_at(pool, &later.work, 0, fan_deadline_in_ms(10 * HANG_MS));
    EXPECT_TRUE(fani_pool_take_back(pool, &later.work));
    EXPECT_TRUE(!fani_pool_take_back(pool, &later.work));
    fani_pool_leave(pool, 1);
    close_pool(pool);
    EXPECT_I64(atomic_load(&later.ran_at), 0);
}

FAN_TEST(stage_pool, threads_are_made_when_needed_and_used_again)
{
    fan_pool *pool = open_pool(3, 0);
    fan_pool_stats stats;
    fan_pool_get_stats(pool, &stats);
    EXPECT_U64(stats.threads, 0);
    for (int i = 0; i < 20; i++) { /* one at a time needs one, two where it has not lain down yet */
        fan_call *call = submit(pool, pass_gate,
                                &(gate){.lock = PTHREAD_MUTEX_INITIALIZER,
                                        .changed = PTHREAD_COND_INITIALIZER,
                                        .open = true});
        EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
        fan_call_release(call);
        do {
            fan_pool_get_stats(pool, &stats);
        } while (stats.idle < stats.threads);
    }
    EXPECT_U64(stats.threads, 1);
    EXPECT_U64(stats.done, 20);
    gate g = GATE;
    for (int i = 0; i < 6; i++)
        EXPECT_I64(fan_pool_submit(pool, pass_gate, &g, NULL, NULL), FAN_OK);
    await_inside(&g, 3);
    fan_pool_get_stats(pool, &stats);
    EXPECT_U64(stats.threads, 3);
    EXPECT_U64(stats.waiting, 3);
    open_gate(&g);
    close_pool(pool);
    EXPECT_U64(g.inside, 6);
}

static fan_status look_at_signals(fan_call *call, void *user, fan_error *error)
{
    sigset_t blocked;
    int ends[2];
    bool *fine = user;
    (void)call;
    (void)error;
    *fine = pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0;
    for (int signal = 1; signal < 32; signal++)
        if (signal != SIGKILL && signal != SIGSTOP)
            *fine = *fine && sigismember(&blocked, signal) == 1;
    if (pipe(ends) != 0)
        return FAN_E_SYSTEM;
    close(ends[0]);
    *fine = *fine && write(ends[1], "x", 1) == -1 && errno == EPIPE;
    close(ends[1]);
    return FAN_OK;
}

FAN_TEST(stage_pool, signals_are_the_programs)
{
    struct sigaction before, after;
    sigset_t mask_before, mask_after;
    bool fine = false;
    sigaction(SIGPIPE, NULL, &before);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    fan_pool *pool = open_pool(1, 0);
    fan_call *call = submit(pool, look_at_signals, &fine);
    EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
    EXPECT_TRUE(fine);
    fan_call_release(call);
    close_pool(pool);
    sigaction(SIGPIPE, NULL, &after);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    EXPECT_TRUE(before.sa_handler == after.sa_handler);
    for (int signal = 1; signal < 32; signal++)
        EXPECT_I64(sigismember(&mask_before, signal), sigismember(&mask_after, signal));
}

/* ---- Results -------------------------------------------------------------------------------- */

static fan_status fail(fan_call *call, void *user, fan_error *error)
{
    const char *text = user;
    (void)call;
    if (text) {
        error->status = FAN_E_INPUT;
        strcpy(error->text, text);
    }
    return FAN_E_INPUT;
}

FAN_TEST(stage_pool, errors_arrive)
{
    fan_pool *pool = open_pool(0, 0);
    fan_status result;
    fan_error error;
    fan_call *with_text = submit(pool, fail, "it was like this");
    fan_call *without = submit(pool, fail, NULL);
    EXPECT_I64(fan_call_result(with_text, fan_deadline_in_ms(HANG_MS), &result, &error), FAN_OK);
    EXPECT_I64(result, FAN_E_INPUT);
    EXPECT_STR(error.text, "it was like this");
    EXPECT_I64(fan_call_result(without, fan_deadline_in_ms(HANG_MS), &result, &error), FAN_OK);
    EXPECT_I64(error.status, FAN_E_INPUT);
    EXPECT_STR(error.text, fan_status_text(FAN_E_INPUT));
    close_pool(pool);
    EXPECT_I64(fan_call_result(without, FAN_NOW, &result, NULL), FAN_OK); /* calls outlive it */
    fan_call_release(with_text);
    fan_call_release(without);
    fan_call_release(NULL);
    EXPECT_I64(fan_pool_close(NULL, FAN_CLOSE_DRAIN, FAN_NOW), FAN_OK);
    EXPECT_I64(fan_pool_open(&(fan_pool_options){.threads = 5000}, &pool, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(pool == NULL);
}

FAN_TEST(stage_pool, a_full_queue_pushes_back)
{
    fan_pool *pool = open_pool(1, 2);
    gate g = GATE;
    fan_call *calls[3], *more;
    calls[0] = submit(pool, pass_gate, &g);
    await_inside(&g, 1);
    calls[1] = submit(pool, pass_gate, &g);
    calls[2] = submit(pool, pass_gate, &g);
    EXPECT_I64(fan_pool_submit(pool, pass_gate, &g, &(fan_call_options){.no_wait = true}, &more),
               FAN_E_BUSY);
    EXPECT_TRUE(more == NULL);
    EXPECT_I64(fan_call_cancel(calls[1]), FAN_OK); /* makes room at once */
    more = submit(pool, pass_gate, &g);
    EXPECT_I64(fan_call_result(calls[2], fan_deadline_in_ms(1), NULL, NULL), FAN_E_TIMEOUT);
    open_gate(&g);
    EXPECT_I64(fan_call_result(more, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
    for (int i = 0; i < 3; i++)
        fan_call_release(calls[i]);
    fan_call_release(more);
    close_pool(pool);
    EXPECT_U64(g.inside, 3);
}

static fan_status note_order(fan_call *call, void *user, fan_error *error)
{
    static _Atomic unsigned next; /* in order of running; one thread */
    (void)call;
    (void)error;
    *(unsigned *)user = atomic_fetch_add(&next, 1);
    return FAN_OK;
}

FAN_TEST(stage_pool, higher_priorities_begin_first)
{
    fan_pool *pool = open_pool(1, 0);
    gate g = GATE;
    unsigned order[3];
    EXPECT_I64(fan_pool_submit(pool, pass_gate, &g, NULL, NULL), FAN_OK);
    await_inside(&g, 1);
    for (int i = 0; i < 3; i++)
        EXPECT_I64(fan_pool_submit(pool, note_order, &order[i],
                                   &(fan_call_options){.priority = i == 1 ? 5 : 0}, NULL),
                   FAN_OK);
    open_gate(&g);
    close_pool(pool);
    EXPECT_TRUE(order[1] < order[0] && order[0] < order[2]);
}

static fan_status until_cancelled(fan_call *call, void *user, fan_error *error)
{
    gate *g = user;
    (void)error;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    while (!fan_call_cancelled(call))
        nap(MS);
    return FAN_E_CANCELLED;
}

FAN_TEST(stage_pool, what_runs_is_told_of_a_cancel_and_what_waits_ends)
{
    fan_pool *pool = open_pool(1, 0);
    gate g = GATE;
    fan_status result;
    fan_error error;
    fan_call *runs = submit(pool, until_cancelled, &g), *waits = submit(pool, pass_gate, &g);
    await_inside(&g, 1);
    EXPECT_I64(fan_call_cancel(waits), FAN_OK);
    EXPECT_I64(fan_call_result(waits, FAN_NOW, &result, &error), FAN_OK);
    EXPECT_I64(result, FAN_E_CANCELLED);
    EXPECT_CONTAINS(error.text, "before it began");
    EXPECT_I64(fan_call_cancel(waits), FAN_E_BUSY);
    EXPECT_I64(fan_call_cancel(runs), FAN_E_BUSY);
    EXPECT_I64(fan_call_result(runs, fan_deadline_in_ms(HANG_MS), &result, NULL), FAN_OK);
    EXPECT_I64(result, FAN_E_CANCELLED);
    EXPECT_U64(g.inside, 1);
    fan_call_release(runs);
    fan_call_release(waits);
    close_pool(pool);
}

FAN_TEST(stage_pool, close_waits_until_its_deadline_and_can_be_called_again)
{
    fan_pool *pool = open_pool(1, 0);
    gate g = GATE;
    fan_status result;
    EXPECT_I64(fan_pool_submit(pool, until_cancelled, &g, NULL, NULL), FAN_OK);
    fan_call *waits = submit(pool, pass_gate, &g);
    await_inside(&g, 1);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(5)), FAN_E_BUSY);
    EXPECT_I64(fan_pool_submit(pool, pass_gate, &g, NULL, NULL), FAN_E_CLOSED);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_ABANDON, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_call_result(waits, FAN_NOW, &result, NULL), FAN_OK);
    EXPECT_I64(result, FAN_E_CANCELLED);
    fan_call_release(waits);
}

/* ---- Waiting for several, from inside, and callbacks ---------------------------------------- */

FAN_TEST(stage_pool, wait_any_finds_the_one_that_has_ended)
{
    fan_pool *pool = open_pool(0, 0);
    gate first = GATE, second = GATE;
    size_t which = 9;
    fan_call *calls[2] = {submit(pool, pass_gate, &first), submit(pool, pass_gate, &second)};
    EXPECT_I64(fan_call_wait_any(calls, 2, fan_deadline_in_ms(5), &which), FAN_E_TIMEOUT);
    open_gate(&second);
    EXPECT_I64(fan_call_wait_any(calls, 2, fan_deadline_in_ms(HANG_MS), &which), FAN_OK);
    EXPECT_U64(which, 1);
    EXPECT_TRUE(!fan_call_done(calls[0]));
    open_gate(&first);
    EXPECT_I64(fan_call_wait_all(calls, 2, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_call_wait_any(calls, 0, FAN_NOW, &which), FAN_E_ARGUMENT);
    fan_call_release(calls[0]);
    fan_call_release(calls[1]);
    close_pool(pool);
}

typedef struct tree {
    fan_pool *pool;
    int depth;
} tree;

/* Waits for two others of its kind. */
static fan_status branch(fan_call *call, void *user, fan_error *error)
{
    const tree *t = user;
    (void)call;
    (void)error;
    if (!t->depth)
        return FAN_OK;
    tree below = {.pool = t->pool, .depth = t->depth - 1};
    fan_call *calls[2] = {submit(t->pool, branch, &below), submit(t->pool, branch, &below)};
    EXPECT_I64(fan_call_wait_all(calls, 2, FAN_FOREVER), FAN_OK);
    EXPECT_I64(fan_pool_close(t->pool, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_ARGUMENT);
    fan_call_release(calls[0]);
    fan_call_release(calls[1]);
    return FAN_OK;
}

FAN_TEST(stage_pool, calls_that_wait_for_calls_do_not_use_up_the_threads)
{
    fan_pool *pool = open_pool(2, 0);
    fan_call *call = submit(pool, branch, &(tree){.pool = pool, .depth = 6});
    EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
    fan_call_release(call);
    close_pool(pool);
}

typedef struct told {
    fan_pool *pool;
    gate *next;
    _Atomic unsigned calls;
} told;

static void on_done(fan_call *call, void *user)
{
    told *t = user;
    EXPECT_TRUE(fan_call_done(call));
    EXPECT_I64(fani_inside_what(), FANI_IN_CALLBACK);
    EXPECT_I64(fan_pool_submit(t->pool, pass_gate, t->next, NULL, NULL), FAN_OK);
    atomic_fetch_add(&t->calls, 1);
}

FAN_TEST(stage_pool, done_callbacks_come_once)
{
    fan_pool *pool = open_pool(2, 0);
    gate first = GATE, next = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .changed = PTHREAD_COND_INITIALIZER,
                               .open = true};
    told t = {.pool = pool, .next = &next};
    fan_call *call = submit(pool, pass_gate, &first);
    EXPECT_I64(fan_call_on_done(call, on_done, &t), FAN_OK);
    EXPECT_I64(fan_call_on_done(call, on_done, &t), FAN_E_ARGUMENT);
    open_gate(&first);
    await_inside(&next, 1);
    fan_call_release(call);
    call = submit(pool, pass_gate, &first);
    EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), NULL, NULL), FAN_OK);
    EXPECT_I64(fan_call_on_done(call, on_done, &t), FAN_OK); /* at once */
    EXPECT_U64(atomic_load(&t.calls), 2);
    fan_call_release(call);
    close_pool(pool);
}

/* ---- Storm ---------------------------------------------------------------------------------- */

typedef struct storm {
    fan_pool *pool;
    _Atomic unsigned ran;
} storm;

static fan_status count_one(fan_call *call, void *user, fan_error *error)
{
    (void)call;
    (void)error;
    atomic_fetch_add(&((storm *)user)->ran, 1);
    return FAN_OK;
}

static void *submit_many(void *user)
{
    enum { EACH = 1000 };
    storm *s = user;
    for (int i = 0; i < EACH; i++) {
        fan_status result;
        fan_call *call = submit(s->pool, count_one, s);
        if (i % 3 == 0 && fan_call_cancel(call) == FAN_OK)
            atomic_fetch_add(&s->ran, 1);
        if (i % 3 == 1)
            EXPECT_I64(fan_call_result(call, fan_deadline_in_ms(HANG_MS), &result, NULL), FAN_OK);
        fan_call_release(call);
    }
    return NULL;
}

FAN_TEST(stage_pool, every_call_ends_once_in_a_storm)
{
    enum { THREADS = 3 };
    storm s = {.pool = open_pool(4, 8)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, submit_many, &s), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    close_pool(s.pool);
    EXPECT_U64(atomic_load(&s.ran), THREADS * 1000);
}
