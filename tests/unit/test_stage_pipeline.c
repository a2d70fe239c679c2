/* Pipelines: every item comes out once, in its order; stages work at the same time and hold each
 * other back; an item that fails stops no other. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fanfold/stage.h"
#include "shim.h"

enum { MS = 1000000, HANG_MS = 120000, ITEMS = 1000, STAGES = 3 };

static const unsigned workers_of[STAGES] = {3, 4, 5};

static void nap(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* What the stages of a test note. */
typedef struct notes {
    _Atomic unsigned running[STAGES], most[STAGES], steps[STAGES];
    _Atomic unsigned worker_taken[STAGES][8];
    uint64_t fails_at; /* items whose index is this modulo 10 fail in the middle; 10: none */
} notes;

static void note_begin(notes *n, const fan_step *step)
{
    unsigned now = atomic_fetch_add(&n->running[step->stage], 1) + 1;
    unsigned most = atomic_load(&n->most[step->stage]);
    while (now > most && !atomic_compare_exchange_weak(&n->most[step->stage], &most, now))
        continue;
    EXPECT_TRUE(step->worker < workers_of[step->stage]);
    EXPECT_U64(atomic_fetch_add(&n->worker_taken[step->stage][step->worker], 1), 0);
    atomic_fetch_add(&n->steps[step->stage], 1);
}

static void note_end(notes *n, const fan_step *step)
{
    atomic_fetch_sub(&n->worker_taken[step->stage][step->worker], 1);
    atomic_fetch_sub(&n->running[step->stage], 1);
}

/* Adds the stage's digit to the item; some take longer than others. */
static fan_status add_digit(const fan_step *step, void **item, fan_error *error)
{
    notes *n = step->user;
    fan_status status = FAN_OK;
    note_begin(n, step);
    if (step->index % 16 == step->stage)
        nap(MS / 4);
    if (step->stage == 1 && step->index % 10 == n->fails_at) {
        status = FAN_E_INPUT;
        error->status = status;
        snprintf(error->text, sizeof error->text, "item %u is bad", (unsigned)step->index);
    } else {
        *item = (void *)((uintptr_t)*item * 10 + step->stage + 1);
    }
    note_end(n, step);
    return status;
}

typedef struct exits {
    unsigned count, seen[ITEMS];
    uint64_t last;
    bool in_order;
    uint64_t fails_at;
    _Atomic bool inside;
} exits;

static fan_status take(void *user, const fan_passed *passed, fan_error *error)
{
    exits *e = user;
    (void)error;
    EXPECT_TRUE(!atomic_exchange(&e->inside, true)); /* one call at a time */
    if (e->count++ && passed->index != e->last + 1)
        e->in_order = false;
    e->last = passed->index;
    e->seen[passed->index]++;
    if (passed->index % 10 == e->fails_at) {
        char text[32];
        snprintf(text, sizeof text, "item %u is bad", (unsigned)passed->index);
        EXPECT_I64(passed->kind, FAN_OUTCOME_FAILED);
        EXPECT_I64(passed->status, FAN_E_INPUT);
        EXPECT_U64(passed->stage, 1);
        EXPECT_STR(passed->stage_name, "compute");
        EXPECT_STR(passed->error->text, text);
        EXPECT_U64((uintptr_t)passed->item, passed->index * 10 + 1);
    } else {
        EXPECT_I64(passed->kind, FAN_OUTCOME_OK);
        EXPECT_TRUE(passed->error == NULL);
        EXPECT_U64(passed->stage, STAGES);
        EXPECT_U64((uintptr_t)passed->item, passed->index * 1000 + 123);
    }
    atomic_store(&e->inside, false);
    return FAN_OK;
}

static void make_stages(fan_stage stages[STAGES], notes *n)
{
    static const char *const names[STAGES] = {"fetch", "compute", "store"};
    for (unsigned s = 0; s < STAGES; s++)
        stages[s] =
            (fan_stage){.name = names[s], .run = add_digit, .user = n, .workers = workers_of[s]};
}

static void pass_thousand(fan_order order, uint64_t fails_at, fan_pool *pool)
{
    notes *n = calloc(1, sizeof *n);
    exits *e = calloc(1, sizeof *e);
    fan_stage stages[STAGES];
    fan_pipeline *p;
    fan_pipeline_stats stats;
    ASSERT_TRUE(n && e);
    make_stages(stages, n);
    n->fails_at = e->fails_at = fails_at;
    e->in_order = true;
    ASSERT_I64(fan_pipeline_open(stages, STAGES,
                                 &(fan_pipeline_options){
                                     .order = order, .pool = pool, .out = take, .out_user = e},
                                 &p, NULL),
               FAN_OK);
    for (uintptr_t i = 0; i < ITEMS; i++)
        EXPECT_I64(fan_pipeline_put(p, (void *)i, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    fan_pipeline_end(p);
    EXPECT_I64(fan_pipeline_put(p, NULL, FAN_NOW), FAN_E_CLOSED);
    EXPECT_I64(fan_pipeline_wait(p, fan_deadline_in_ms(HANG_MS), NULL), FAN_OK);
    EXPECT_I64(fan_pipeline_get_stats(p, &stats), FAN_OK);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_U64(e->count, ITEMS);
    for (unsigned i = 0; i < ITEMS; i++)
        if (e->seen[i] != 1)
            EXPECT_U64(e->seen[i], 1);
    EXPECT_TRUE(e->in_order || order == FAN_ORDER_COMPLETED);
    EXPECT_U64(stats.put, ITEMS);
    EXPECT_U64(stats.failed, fails_at < 10 ? ITEMS / 10 : 0);
    EXPECT_U64(stats.ok, ITEMS - stats.failed);
    EXPECT_U64(stats.inside, 0);
    EXPECT_U64(atomic_load(&n->steps[1]), ITEMS);
    EXPECT_U64(atomic_load(&n->steps[2]), ITEMS - stats.failed);
    for (unsigned s = 0; s < STAGES; s++) /* several at once, and never more than its workers */
        EXPECT_TRUE(atomic_load(&n->most[s]) >= 1 && atomic_load(&n->most[s]) <= workers_of[s]);
    free(n);
    free(e);
}

FAN_TEST(stage_pipeline, a_thousand_items_in_order)
{
    pass_thousand(FAN_ORDER_INDEX, 10, NULL);
}

FAN_TEST(stage_pipeline, a_thousand_items_as_they_come)
{
    pass_thousand(FAN_ORDER_COMPLETED, 10, NULL);
}

FAN_TEST(stage_pipeline, a_hundred_of_a_thousand_fail_and_stop_no_other)
{
    pass_thousand(FAN_ORDER_INDEX, 7, NULL);
    pass_thousand(FAN_ORDER_COMPLETED, 3, NULL);
}

FAN_TEST(stage_pipeline, one_thread_runs_all_stages)
{
    fan_pool *pool;
    ASSERT_I64(fan_pool_open(&(fan_pool_options){.threads = 1}, &pool, NULL), FAN_OK);
    pass_thousand(FAN_ORDER_INDEX, 7, pool);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

/* ---- At the same time ----------------------------------------------------------------------- */

static fan_status sleep_20_ms(const fan_step *step, void **item, fan_error *error)
{
    (void)step;
    (void)item;
    (void)error;
    nap(20 * MS);
    return FAN_OK;
}

static bool stages_are_quick(void)
{
    enum { COUNT = 8, SUM_MS = COUNT * 2 * 20 };
    fan_pipeline *p = NULL;
    fan_passed passed;
    fan_stage stages[2] = {{.run = sleep_20_ms, .workers = 4}, {.run = sleep_20_ms, .workers = 4}};
    EXPECT_I64(fan_pipeline_open(stages, 2, NULL, &p, NULL), FAN_OK);
    if (!p)
        return false;
    int64_t begin = fani_clock_ns();
    for (int i = 0; i < COUNT; i++) {
        EXPECT_I64(fan_pipeline_put(p, NULL, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    }
    fan_pipeline_end(p);
    unsigned count = 0;
    while (fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed) == FAN_OK)
        EXPECT_U64(passed.index, count++);
    EXPECT_U64(count, COUNT);
    bool quick = fani_clock_ns() - begin < (int64_t)SUM_MS * MS * 2 / 3; /* ideal: 60 of 320 ms */
    EXPECT_I64(fan_pipeline_get(p, FAN_FOREVER, &passed), FAN_E_CLOSED);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    return quick;
}

/* A machine that pauses does so not each time. */
FAN_TEST(stage_pipeline, stages_work_at_the_same_time)
{
    bool quick = false;
    for (int i = 0; i < 20 && !quick && !shim_failed(); i++)
        quick = stages_are_quick();
    EXPECT_TRUE(quick);
}

/* ---- Back pressure, stopping ---------------------------------------------------------------- */

/* A stage that lets nothing through until it is told. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned came, before; /* steps at the gate; in the stage before it */
} gate;

#define GATE                                                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

static fan_status pass_by(const fan_step *step, void **item, fan_error *error)
{
    gate *g = step->user;
    (void)item;
    (void)error;
    pthread_mutex_lock(&g->lock);
    g->before++;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    return FAN_OK;
}

static fan_status wait_at_gate(const fan_step *step, void **item, fan_error *error)
{
    gate *g = step->user;
    (void)item;
    (void)error;
    pthread_mutex_lock(&g->lock);
    g->came++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open && !fan_step_cancelled(step)) {
        struct timespec until = fani_clock_timespec(fani_clock_ns() + 5 * MS);
        pthread_cond_clockwait(&g->changed, &g->lock, CLOCK_MONOTONIC, &until);
    }
    bool open = g->open;
    pthread_mutex_unlock(&g->lock);
    return open ? FAN_OK : FAN_E_CANCELLED;
}

static void open_gate(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

enum { GATED = 6 }; /* items that there is room for while the gate is shut */

static fan_pipeline *open_gated(gate *g, fan_pipeline_options options)
{
    fan_pipeline *p;
    fan_stage stages[2] = {{.run = pass_by, .user = g, .workers = 2, .limit = 3},
                           {.run = wait_at_gate, .user = g, .workers = 1, .limit = 2}};
    EXPECT_I64(fan_pipeline_open(stages, 2, &options, &p, NULL), FAN_OK);
    return p;
}

/* Puts as many as there is room for, and not one more. */
static void fill(fan_pipeline *p, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        EXPECT_I64(fan_pipeline_put(p, NULL, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_pipeline_put(p, NULL, fan_deadline_in_ms(20)), FAN_E_TIMEOUT);
}

FAN_TEST(stage_pipeline, a_slow_stage_holds_back_those_before_it)
{
    gate g = GATE;
    fan_pipeline *p = open_gated(&g, (fan_pipeline_options){.order = FAN_ORDER_COMPLETED});
    fan_passed passed;
    /* One at the gate, two wait there: no more may begin in the first stage, where three wait. */
    fill(p, GATED);
    pthread_mutex_lock(&g.lock);
    while (g.before < 3 || g.came < 1)
        pthread_cond_wait(&g.changed, &g.lock);
    EXPECT_U64(g.before, 3);
    EXPECT_U64(g.came, 1);
    pthread_mutex_unlock(&g.lock);
    EXPECT_I64(fan_pipeline_get(p, FAN_NOW, &passed), FAN_E_TIMEOUT);
    open_gate(&g);
    for (int i = 0; i < GATED; i++)
        EXPECT_I64(fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed), FAN_OK);
    EXPECT_I64(fan_pipeline_wait(p, FAN_NOW, NULL), FAN_OK);
    EXPECT_I64(fan_pipeline_put(p, NULL, FAN_NOW), FAN_OK);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_U64(g.came, GATED + 1); /* also what nobody got has passed */
}

FAN_TEST(stage_pipeline, the_window_bounds_what_nobody_has_got)
{
    gate g = GATE;
    g.open = true;
    fan_pipeline *p = open_gated(&g, (fan_pipeline_options){.window = 4});
    fan_passed passed;
    fill(p, 4);
    EXPECT_I64(fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed), FAN_OK);
    fill(p, 1);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

static void count_dropped(void *user, void *item)
{
    (void)item;
    ++*(unsigned *)user;
}

FAN_TEST(stage_pipeline, what_waits_when_it_is_stopped_comes_out_cancelled)
{
    gate g = GATE;
    fan_pipeline *p = open_gated(&g, (fan_pipeline_options){0});
    fan_passed passed;
    unsigned got = 0;
    fill(p, GATED);
    fan_pipeline_stop(p);
    EXPECT_I64(fan_pipeline_put(p, NULL, FAN_FOREVER), FAN_E_CANCELLED);
    while (fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed) == FAN_OK) {
        EXPECT_U64(passed.index, got++);
        EXPECT_I64(passed.kind, FAN_OUTCOME_CANCELLED);
        EXPECT_I64(passed.status, FAN_E_CANCELLED);
        EXPECT_CONTAINS(passed.error->text, "stopped");
    }
    EXPECT_U64(got, GATED);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

FAN_TEST(stage_pipeline, abandoned_items_are_dropped_once)
{
    gate g = GATE;
    unsigned dropped = 0;
    fan_pipeline *p =
        open_gated(&g, (fan_pipeline_options){.drop = count_dropped, .drop_user = &dropped});
    fill(p, GATED);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(5)), FAN_E_BUSY);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_ABANDON, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_U64(dropped, GATED);
}

typedef struct bad_sink {
    unsigned taken, dropped;
    fan_pipeline *pipeline;
} bad_sink;

static fan_status refuse_third(void *user, const fan_passed *passed, fan_error *error)
{
    bad_sink *b = user;
    (void)passed;
    EXPECT_I64(fan_pipeline_wait(b->pipeline, FAN_FOREVER, NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_pipeline_close(b->pipeline, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_ARGUMENT);
    if (++b->taken < 3)
        return FAN_OK;
    error->status = FAN_E_OUTPUT;
    strcpy(error->text, "no room on the shelf");
    return FAN_E_OUTPUT;
}

static void drop_in_sink(void *user, void *item)
{
    (void)item;
    ((bad_sink *)user)->dropped++;
}

FAN_TEST(stage_pipeline, an_exit_that_fails_stops_it_with_its_error)
{
    notes n = {.fails_at = 10};
    bad_sink b = {0};
    fan_stage stages[STAGES];
    fan_error error;
    unsigned count = 0;
    make_stages(stages, &n);
    ASSERT_I64(fan_pipeline_open(
                   stages, STAGES,
                   &(fan_pipeline_options){
                       .out = refuse_third, .out_user = &b, .drop = drop_in_sink, .drop_user = &b},
                   &b.pipeline, NULL),
               FAN_OK);
    while (fan_pipeline_put(b.pipeline, NULL, fan_deadline_in_ms(HANG_MS)) == FAN_OK)
        count++;
    EXPECT_I64(fan_pipeline_wait(b.pipeline, fan_deadline_in_ms(HANG_MS), &error), FAN_E_OUTPUT);
    EXPECT_STR(error.text, "no room on the shelf");
    EXPECT_I64(fan_pipeline_close(b.pipeline, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)),
               FAN_OK);
    EXPECT_U64(b.taken, 3);
    EXPECT_U64(b.dropped, count - 3);
}

FAN_TEST(stage_pipeline, bad_options_are_refused)
{
    fan_pipeline *p;
    fan_error error;
    fan_stage stage = {.run = sleep_20_ms};
    EXPECT_I64(fan_pipeline_open(&stage, 0, NULL, &p, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(p == NULL);
    EXPECT_I64(fan_pipeline_open(&(fan_stage){0}, 1, NULL, &p, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "stage 0");
    stage.workers = 100000;
    EXPECT_I64(fan_pipeline_open(&stage, 1, NULL, &p, &error), FAN_E_ARGUMENT);
    EXPECT_I64(fan_pipeline_close(NULL, FAN_CLOSE_DRAIN, FAN_NOW), FAN_OK);
}

FAN_TEST(stage_pipeline, its_pool_is_closed_after_it)
{
    fan_pool *pool;
    fan_pipeline *p;
    fan_stage stage = {.run = sleep_20_ms};
    ASSERT_I64(fan_pool_open(NULL, &pool, NULL), FAN_OK);
    ASSERT_I64(fan_pipeline_open(&stage, 1, &(fan_pipeline_options){.pool = pool}, &p, NULL),
               FAN_OK);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_E_BUSY);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

/* ---- Putting from inside, and many threads -------------------------------------------------- */

static fan_status put_another(const fan_step *step, void **item, fan_error *error)
{
    fan_pipeline *const *p = step->user;
    uintptr_t depth = (uintptr_t)*item;
    (void)error;
    return depth ? fan_pipeline_put(*p, (void *)(depth - 1), FAN_FOREVER) : FAN_OK;
}

FAN_TEST(stage_pipeline, a_step_that_puts_items_never_waits)
{
    fan_pipeline *p;
    fan_passed passed;
    unsigned ok = 0, full = 0;
    fan_stage stage = {.run = put_another, .user = &p, .workers = 1, .limit = 1};
    ASSERT_I64(fan_pipeline_open(&stage, 1, &(fan_pipeline_options){.window = 3}, &p, NULL),
               FAN_OK);
    EXPECT_I64(fan_pipeline_put(p, (void *)(uintptr_t)9, FAN_NOW), FAN_OK);
    /* Nobody gets: three are inside at the most, so the third has no room for a fourth. */
    while (fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed) == FAN_OK) {
        if (passed.status == FAN_OK)
            ok++;
        else
            full++;
        if (full || ok == 10)
            fan_pipeline_end(p);
    }
    EXPECT_TRUE(ok == 10 || full == 1);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

enum { PUTTERS = 4, EACH = 500 };

static void *put_many(void *user)
{
    for (int i = 0; i < EACH; i++)
        EXPECT_I64(fan_pipeline_put(user, NULL, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    return NULL;
}

static fan_status add_one(const fan_step *step, void **item, fan_error *error)
{
    (void)error;
    (void)item;
    atomic_fetch_add((_Atomic unsigned *)step->user, 1);
    return FAN_OK;
}

FAN_TEST(stage_pipeline, many_threads_put)
{
    fan_pipeline *p;
    fan_passed passed;
    pthread_t threads[PUTTERS];
    _Atomic unsigned steps = 0;
    unsigned count = 0;
    fan_stage stages[2] = {{.run = add_one, .user = &steps, .workers = 2},
                           {.run = add_one, .user = &steps, .workers = 3, .limit = 1}};
    ASSERT_I64(fan_pipeline_open(stages, 2, NULL, &p, NULL), FAN_OK);
    for (int i = 0; i < PUTTERS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, put_many, p), 0);
    for (; count < PUTTERS * EACH; count++) {
        ASSERT_I64(fan_pipeline_get(p, fan_deadline_in_ms(HANG_MS), &passed), FAN_OK);
        EXPECT_U64(passed.index, count);
    }
    for (int i = 0; i < PUTTERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_U64(atomic_load(&steps), 2 * PUTTERS * EACH);
}

/* ---- Closing while threads are in calls ------------------------------------------------------ */

/* A thread in a call of a pipeline that nothing but its end will wake. */
typedef struct caller {
    fan_pipeline *pipeline;
    fan_status (*call)(fan_pipeline *pipeline);
    fan_status answer;
    _Atomic pid_t thread;
    pthread_t handle;
} caller;

static void *call_it(void *user)
{
    caller *c = user;
    atomic_store(&c->thread, gettid());
    c->answer = c->call(c->pipeline);
    return NULL;
}

/* Returns when the thread sleeps: behind its number there is nothing but the call to sleep in. */
static void begin_call(caller *c)
{
    char path[64], state = 0;
    pid_t thread;
    ASSERT_I64(pthread_create(&c->handle, NULL, call_it, c), 0);
    while (!(thread = atomic_load(&c->thread)))
        nap(MS / 10);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    while (state != 'S') {
        FILE *file = fopen(path, "re");
        ASSERT_TRUE(file);
        EXPECT_I64(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
    }
}

static fan_status put_for_ever(fan_pipeline *p)
{
    return fan_pipeline_put(p, NULL, FAN_FOREVER);
}

FAN_TEST(stage_pipeline, it_is_closed_while_a_thread_waits_to_put)
{
    enum { ROUNDS = 10, WINDOW = 4 };
    for (int i = 0; i < ROUNDS; i++) {
        gate g = GATE;
        g.open = true;
        caller putter = {.pipeline = open_gated(&g, (fan_pipeline_options){.window = WINDOW}),
                         .call = put_for_ever};
        fill(putter.pipeline, WINDOW);
        begin_call(&putter);
        int64_t begin = fani_clock_ns();
        EXPECT_I64(fan_pipeline_close(putter.pipeline, i % 2 ? FAN_CLOSE_DRAIN : FAN_CLOSE_ABANDON,
                                      fan_deadline_in_ms(HANG_MS)),
                   FAN_OK);
        ASSERT_TRUE(fani_clock_ns() - begin < (int64_t)HANG_MS * MS / 2);
        pthread_join(putter.handle, NULL);
        EXPECT_TRUE(putter.answer == FAN_E_CLOSED ||
                    (!(i % 2) && putter.answer == FAN_E_CANCELLED));
    }
}

static fan_status get_for_ever(fan_pipeline *p)
{
    fan_passed passed;
    return fan_pipeline_get(p, FAN_FOREVER, &passed);
}

static fan_status wait_for_ever(fan_pipeline *p)
{
    return fan_pipeline_wait(p, FAN_FOREVER, NULL);
}

static fan_status stop_it(fan_pipeline *p)
{
    fan_pipeline_stop(p);
    return FAN_OK;
}

/* What close frees must not be theirs any more: for the sanitizers to see. */
FAN_TEST(stage_pipeline, it_is_closed_while_threads_get_wait_and_stop)
{
    enum { ROUNDS = 20, WAITERS = 8 };
    fan_pool *pool; /* not its own: to end that takes close so long that the others are gone */
    ASSERT_I64(fan_pool_open(NULL, &pool, NULL), FAN_OK);
    for (int i = 0; i < ROUNDS; i++) {
        gate g = GATE;
        fan_pipeline *p = open_gated(&g, (fan_pipeline_options){.pool = pool});
        caller getter = {.pipeline = p, .call = get_for_ever},
               stopper = {.pipeline = p, .call = stop_it}, waiters[WAITERS];
        EXPECT_I64(fan_pipeline_put(p, NULL, FAN_NOW), FAN_OK);
        for (int w = 0; w < WAITERS; w++) {
            waiters[w] = (caller){.pipeline = p, .call = wait_for_ever};
            begin_call(&waiters[w]);
        }
        begin_call(&getter);
        EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY);
        ASSERT_I64(pthread_create(&stopper.handle, NULL, call_it, &stopper), 0);
        while (fan_pipeline_put(p, NULL, FAN_NOW) != FAN_E_CANCELLED)
            sched_yield(); /* the stop is under way */
        EXPECT_I64(fan_pipeline_close(p, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
        for (int w = 0; w < WAITERS; w++) {
            pthread_join(waiters[w].handle, NULL);
            EXPECT_I64(waiters[w].answer, FAN_OK);
        }
        pthread_join(getter.handle, NULL);
        EXPECT_I64(getter.answer, FAN_E_CLOSED);
        pthread_join(stopper.handle, NULL);
    }
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}
