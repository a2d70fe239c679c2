/* The whole future: timeouts, retries, priorities, chains, kill, nesting, descriptors, resizing. */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"
#include "tasks.h"

enum { WAIT_MS = 120000, LONG_MS = 300000 };

static fan_future *submit_u64(fan_executor *executor, const fan_task *task, uint64_t x,
                              const fan_submit_options *options)
{
    fan_future *future = NULL;
    EXPECT_I64(fan_submit(executor, task, &x, sizeof x, options, &future), FAN_OK);
    return future;
}

/* The outcome of a future, which is then released; its text goes to `text` (256 bytes). */
static fan_outcome end_of(fan_future *future, char *text)
{
    fan_outcome outcome = {0};
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    snprintf(text, 256, "%s", outcome.text ? outcome.text : "(none)");
    fan_future_release(future);
    return outcome;
}

static void expect_u64(fan_future *future, uint64_t expected)
{
    fan_outcome outcome = {0};
    uint64_t got = 0;
    EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_STR(outcome.text, "");
    if (outcome.size == sizeof got)
        memcpy(&got, outcome.bytes, sizeof got);
    EXPECT_U64(got, expected);
    fan_future_release(future);
}

/* A path for files of this test, removed by forget_files. */
static void new_path(char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/fan-whole-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkstemp(path);
    EXPECT_TRUE(fd >= 0);
    if (fd >= 0)
        close(fd);
}

static void forget_files(const char *path, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        char one[300];
        snprintf(one, sizeof one, "%s.%llu", path, (unsigned long long)i);
        (void)unlink(one);
    }
    (void)unlink(path);
}

/* ---- Timeouts ------------------------------------------------------------------------------ */

static void timeouts(fan_executor *executor, void *context)
{
    (void)context;
    char text[256];
    fan_submit_options hasty = {.timeout_ms = 200}, patient = {.timeout_ms = LONG_MS};
    fan_future *slow = submit_u64(executor, &task_wait, LONG_MS, &hasty);
    fan_future *quick[20];
    for (uint64_t i = 0; i < 20; i++)
        quick[i] = submit_u64(executor, &task_square, i, &patient);
    for (uint64_t i = 0; i < 20; i++)
        expect_u64(quick[i], i * i);
    fan_outcome outcome = end_of(slow, text);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_TIMED_OUT);
    EXPECT_CONTAINS(text, "200 ms");
    EXPECT_U64(outcome.attempt, 1);
    EXPECT_TRUE(outcome.run_ns >= 200000000);
    EXPECT_U64(outcome.run_items, 1);
    expect_u64(submit_u64(executor, &task_square, 7, NULL), 49);
}

CONTRACT(timeouts_end_one_item)
{
    contract_with(target, (fan_executor_options){.workers = 2}, timeouts, NULL);
}

typedef struct tally {
    uint32_t timeout_ms;
    uint64_t seen[64];
    uint64_t ok, timed_out, other;
    uint64_t alone; /* timed out, after as long as that takes */
} tally;

static fan_status count_kinds(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    tally *t = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        t->seen[outcomes[i].index]++;
        t->ok += outcomes[i].kind == FAN_OUTCOME_OK;
        t->timed_out += outcomes[i].kind == FAN_OUTCOME_TIMED_OUT;
        if (outcomes[i].kind == FAN_OUTCOME_TIMED_OUT)
            t->alone += outcomes[i].run_items == 1 &&
                        outcomes[i].run_ns >= UINT64_C(1000000) * t->timeout_ms;
        t->other += outcomes[i].kind != FAN_OUTCOME_OK && outcomes[i].kind != FAN_OUTCOME_TIMED_OUT;
    }
    return FAN_OK;
}

/* 40 items, the eleventh far too long. False: another took too long too, as any does whose worker
 * pauses. */
static bool one_times_out(fan_executor *executor, size_t batch, uint32_t timeout_ms)
{
    uint64_t ms[40] = {0};
    tally t = {.timeout_ms = timeout_ms};
    fan_summary summary;
    fan_map_options options = {.timeout_ms = timeout_ms, .batch = batch};
    ms[11] = LONG_MS;
    EXPECT_I64(fan_map(executor, &task_wait, fan_source_array(ms, sizeof *ms, 40),
                       fan_sink_callback(count_kinds, &t), &options, &summary),
               FAN_OK);
    for (size_t i = 0; i < 40; i++)
        EXPECT_U64(t.seen[i], 1);
    EXPECT_U64(t.ok + t.timed_out, 40);
    EXPECT_TRUE(t.timed_out >= 1);
    EXPECT_U64(t.alone, t.timed_out);
    EXPECT_U64(summary.timed_out, t.timed_out);
    return t.timed_out == 1;
}

/* In batches of every size. */
static void timeouts_in_batches(fan_executor *executor, void *context)
{
    (void)context;
    for (size_t batch = 0; batch < 40; batch = batch * 3 + 1) {
        bool one = false;
        for (uint32_t ms = 150; ms < 10000 && !one && !shim_failed(); ms *= 2)
            one = one_times_out(executor, batch, ms);
        EXPECT_TRUE(one);
    }
}

CONTRACT(timeouts_in_batches_cost_the_guilty_item_alone)
{
    contract_with(target, (fan_executor_options){.workers = 2}, timeouts_in_batches, NULL);
}

/* ---- Retries ------------------------------------------------------------------------------- */

static void retries(fan_executor *executor, void *context)
{
    char path[256], text[256];
    (void)context;
    new_path(path, sizeof path);
    fan_submit_options options = {
        .args = path, .args_size = strlen(path), .retries = 2, .backoff_ms = 1};
    fan_future *good = submit_u64(executor, &task_third_time, 0, &options);
    options.retries = 1;
    fan_future *bad = submit_u64(executor, &task_third_time, 1, &options);
    fan_outcome outcome = end_of(good, text);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
    EXPECT_U64(outcome.attempt, 3);
    outcome = end_of(bad, text);
    EXPECT_I64(outcome.kind, FAN_OUTCOME_FAILED);
    EXPECT_U64(outcome.attempt, 2);
    EXPECT_STR(text, "run 2");
    forget_files(path, 2);
}

CONTRACT(retries_run_a_failed_item_again)
{
    contract_with(target, (fan_executor_options){.workers = 2}, retries, NULL);
}

static fan_status expect_attempts(void *user, const fan_outcome *outcomes, size_t count,
                                  fan_error *error)
{
    uint64_t *given = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_U64(outcomes[i].index, *given);
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        EXPECT_U64(outcomes[i].attempt, 3);
        ++*given;
    }
    return FAN_OK;
}

static void retries_in_maps(fan_executor *executor, void *context)
{
    (void)context;
    for (size_t batch = 0; batch < 30; batch = batch * 5 + 1) {
        char path[256];
        uint64_t given = 0;
        new_path(path, sizeof path);
        fan_map_options options = {
            .args = path, .args_size = strlen(path), .batch = batch, .retries = 5, .backoff_ms = 1};
        EXPECT_I64(fan_map(executor, &task_third_time, fan_source_range(0, 30),
                           fan_sink_callback(expect_attempts, &given), &options, NULL),
                   FAN_OK);
        EXPECT_U64(given, 30);
        forget_files(path, 30);
    }
}

CONTRACT(retries_in_batches_run_the_failed_items_alone)
{
    contract_with(target, (fan_executor_options){.workers = 2}, retries_in_maps, NULL);
}

/* The pauses end while the thread that asked for them is still busy with the pieces, now and then.
 */
static void retries_over_and_over(fan_executor *executor, void *context)
{
    for (int i = 0; i < 100; i++)
        retries_in_maps(executor, context);
}

CONTRACT(long_retries_in_batches_over_and_over)
{
    contract_with(target, (fan_executor_options){.workers = 2}, retries_over_and_over, NULL);
}

static void retry_backoff(fan_executor *executor, void *context)
{
    char path[256], text[256];
    (void)context;
    new_path(path, sizeof path);
    struct timespec before, after;
    fan_submit_options options = {
        .args = path, .args_size = strlen(path), .retries = 2, .backoff_ms = 40};
    clock_gettime(CLOCK_MONOTONIC, &before);
    EXPECT_I64(end_of(submit_u64(executor, &task_third_time, 0, &options), text).kind,
               FAN_OUTCOME_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double ms = 1e3 * (double)(after.tv_sec - before.tv_sec) +
                1e-6 * (double)(after.tv_nsec - before.tv_nsec);
    EXPECT_TRUE(ms >= 120); /* 40 and 80 */
    options.backoff_ms = LONG_MS;
    fan_future *waits = submit_u64(executor, &task_third_time, 1, &options);
    struct stat info = {0};
    char one[300];
    snprintf(one, sizeof one, "%s.1", path);
    for (int i = 0; i < WAIT_MS && (stat(one, &info) != 0 || info.st_size == 0); i++) {
        (void)fan_future_done(waits);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    EXPECT_I64(info.st_size, 1); /* it ran once, and now waits for a minute */
    fan_status status = FAN_E_BUSY;
    for (int i = 0; i < WAIT_MS && status == FAN_E_BUSY; i++) {
        status = fan_future_cancel(waits);
        (void)fan_future_done(waits);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    EXPECT_I64(status, FAN_OK);
    EXPECT_I64(end_of(waits, text).kind, FAN_OUTCOME_CANCELLED);
    forget_files(path, 2);
}

CONTRACT(retries_wait_longer_each_time_and_can_be_cancelled)
{
    contract_with(target, (fan_executor_options){.workers = 1}, retry_backoff, NULL);
}

/* ---- Priorities ---------------------------------------------------------------------------- */

enum { LOW = 40, PRIORITY_ROUNDS = 10 };

/* Behind forty items of 3 ms comes one of a higher priority: the order in which they ran. */
static void run_priorities(fan_executor *executor, uint64_t order[LOW + 1])
{
    char path[256], text[256];
    fan_future *futures[LOW + 1];
    new_path(path, sizeof path);
    fan_submit_options options = {.args = path, .args_size = strlen(path)};
    for (uint64_t i = 0; i < LOW; i++)
        futures[i] = submit_u64(executor, &task_log, i, &options);
    options.priority = 1;
    futures[LOW] = submit_u64(executor, &task_log, LOW, &options);
    for (size_t i = 0; i <= LOW; i++)
        EXPECT_I64(end_of(futures[i], text).kind, FAN_OUTCOME_OK);
    FILE *file = fopen(path, "rb");
    ASSERT_TRUE(file != NULL);
    EXPECT_U64(fread(order, sizeof *order, LOW + 1, file), LOW + 1);
    fclose(file);
    forget_files(path, 0);
}

/* Equals stay in order, where there is one worker in all. */
static void expect_order_of_equals(const uint64_t order[LOW + 1])
{
    uint64_t before = 0;
    for (size_t i = 0; i <= LOW; i++)
        if (order[i] != LOW)
            EXPECT_U64(order[i], before++);
}

/* It must not be among the last, but where it was submitted too late for that. */
static void priorities(fan_executor *executor, void *context)
{
    fan_executor_stats stats;
    size_t place = LOW;
    (void)context;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    for (int round = 0; round < PRIORITY_ROUNDS && place >= LOW / 2 && !shim_failed(); round++) {
        uint64_t order[LOW + 1] = {0};
        run_priorities(executor, order);
        for (place = 0; place < LOW && order[place] != LOW; place++)
            ;
        if (stats.workers == 1)
            expect_order_of_equals(order);
    }
    EXPECT_TRUE(place < LOW / 2);
}

CONTRACT(priorities_begin_first_and_equals_keep_their_order)
{
    contract_with(target, (fan_executor_options){.workers = 1}, priorities, NULL);
}

/* ---- Chains -------------------------------------------------------------------------------- */

static void chains(fan_executor *executor, void *context)
{
    char text[256];
    (void)context;
    fan_future *first = submit_u64(executor, &task_square, 3, NULL), *second = NULL, *third = NULL;
    EXPECT_I64(fan_submit(executor, &task_square, NULL, 0,
                          &(fan_submit_options){.after = &first, .after_count = 1, .feed = true},
                          &second),
               FAN_OK);
    EXPECT_I64(fan_submit(executor, &task_square, NULL, 0,
                          &(fan_submit_options){.after = &second, .after_count = 1, .feed = true},
                          &third),
               FAN_OK);
    expect_u64(third, 3 * 3 * 3 * 3 * 3 * 3 * 3 * 3);
    fan_future *both[] = {first, second}, *last = NULL;
    uint64_t x = 5;
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x,
                          &(fan_submit_options){.after = both, .after_count = 2}, &last),
               FAN_OK);
    expect_u64(last, 25); /* of futures that are done already */
    fan_future_release(first);
    fan_future_release(second);

    fan_future *bad = submit_u64(executor, &task_moody, 3, NULL), *never = NULL, *after = NULL;
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x,
                          &(fan_submit_options){.after = &bad, .after_count = 1}, &never),
               FAN_OK);
    EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x,
                          &(fan_submit_options){.after = &never, .after_count = 1}, &after),
               FAN_OK);
    EXPECT_I64(end_of(after, text).kind, FAN_OUTCOME_CANCELLED);
    EXPECT_I64(end_of(never, text).kind, FAN_OUTCOME_CANCELLED);
    EXPECT_CONTAINS(text, "bad 3");
    fan_future_release(bad);
}

CONTRACT(chains_start_when_others_are_done)
{
    contract_with(target, (fan_executor_options){.workers = 2}, chains, NULL);
}

static void chains_cancelled(fan_executor *executor, void *context)
{
    char text[256];
    (void)context;
    gate_file gate;
    gate_make(&gate);
    fan_future *slow = gate_submit(&gate, executor), *held[50];
    uint64_t x = 2;
    for (size_t i = 0; i < 50; i++)
        EXPECT_I64(fan_submit(executor, &task_square, &x, sizeof x,
                              &(fan_submit_options){.after = &slow, .after_count = 1}, &held[i]),
                   FAN_OK);
    for (size_t i = 0; i < 50; i += 2)
        EXPECT_I64(fan_future_cancel(held[i]), FAN_OK);
    gate_open(&gate);
    for (size_t i = 0; i < 50; i++) {
        if (i % 2)
            expect_u64(held[i], 4);
        else
            EXPECT_I64(end_of(held[i], text).kind, FAN_OUTCOME_CANCELLED);
    }
    fan_future_release(slow);
    gate_forget(&gate);
}

CONTRACT(chains_can_be_cancelled_while_they_wait)
{
    contract_with(target, (fan_executor_options){.workers = 1}, chains_cancelled, NULL);
}

/* ---- Kill ---------------------------------------------------------------------------------- */

static void kills(fan_executor *executor, void *context)
{
    char text[256];
    (void)context;
    fan_future *slow = submit_u64(executor, &task_obey, LONG_MS, NULL);
    for (int i = 0; i < 50 && fan_executor_capabilities(executor) & FAN_CAP_SHARES_MEMORY; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* where it can run by itself */
    EXPECT_I64(fan_future_kill(slow), FAN_OK);
    fan_future *next = submit_u64(executor, &task_square, 9, NULL);
    EXPECT_I64(end_of(slow, text).kind, FAN_OUTCOME_CANCELLED);
    expect_u64(next, 81);
    fan_future *done = submit_u64(executor, &task_square, 1, NULL);
    fan_outcome outcome;
    EXPECT_I64(fan_future_result(done, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    EXPECT_I64(fan_future_kill(done), FAN_E_BUSY);
    fan_future_release(done);
}

CONTRACT(kill_ends_what_waits_or_runs)
{
    contract_with(target, (fan_executor_options){.workers = 1}, kills, NULL);
}

/* ---- Nesting ------------------------------------------------------------------------------- */

static uint64_t squares_below(uint64_t n)
{
    return n ? (n - 1) * n * (2 * n - 1) / 6 : 0;
}

static void nested(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t sums[30], inputs[30];
    for (uint64_t i = 0; i < 30; i++)
        inputs[i] = i;
    for (size_t batch = 0; batch < 30; batch = 7 * batch + 1) {
        EXPECT_I64(fan_map(executor, &task_nest, fan_source_array(inputs, sizeof *inputs, 30),
                           fan_sink_array(sums, sizeof *sums, 30),
                           &(fan_map_options){.batch = batch}, NULL),
                   FAN_OK);
        for (uint64_t i = 0; i < 30; i++)
            EXPECT_U64(sums[i], squares_below(i));
    }
    for (uint64_t i = 0; i < 5; i++)
        expect_u64(submit_u64(executor, &task_leave_behind, i, NULL), i);
}

CONTRACT(nested_submit_and_fold_finish_with_one_worker)
{
    contract_with(target, (fan_executor_options){.workers = 1}, nested, NULL);
}

/* ---- Descriptors --------------------------------------------------------------------------- */

static void descriptors(fan_executor *executor, void *context)
{
    (void)context;
    int fd = -1;
    uint64_t rings = 0;
    fan_status status = fan_executor_fd(executor, &fd);
    if (status == FAN_E_UNSUPPORTED) /* where nothing runs outside of calls */
        return;
    ASSERT_I64(status, FAN_OK);
    struct pollfd quiet = {.fd = fd, .events = POLLIN};
    EXPECT_I64(poll(&quiet, 1, 0), 0);
    for (uint64_t i = 0; i < 100; i++) {
        fan_future *future = submit_u64(executor, &task_square, i, NULL);
        while (!fan_future_done(future)) {
            struct pollfd one = {.fd = fd, .events = POLLIN};
            ASSERT_I64(poll(&one, 1, WAIT_MS), 1);
            EXPECT_I64(read(fd, &rings, sizeof rings), (int64_t)sizeof rings);
        }
        expect_u64(future, i * i);
    }
}

CONTRACT(descriptor_is_readable_when_something_is_done)
{
    contract_with(target, (fan_executor_options){.workers = 2}, descriptors, NULL);
}

/* ---- Slow callbacks ------------------------------------------------------------------------ */

typedef struct warned {
    _Atomic int times;
    char text[200];
} warned;

static void note(void *user, const char *text)
{
    warned *w = user;
    snprintf(w->text, sizeof w->text, "%s", text);
    atomic_fetch_add(&w->times, 1);
}

static void dawdle(fan_future *future, void *user)
{
    (void)future, (void)user;
    nanosleep(&(struct timespec){.tv_nsec = 120000000}, NULL);
}

static void slow_callbacks(fan_executor *executor, void *context)
{
    warned *w = context;
    fan_future *future = submit_u64(executor, &task_square, 1, NULL);
    EXPECT_I64(fan_future_on_done(future, dawdle, NULL), FAN_OK);
    expect_u64(future, 1);
    fan_executor_stats stats = {0};
    for (int i = 0; i < WAIT_MS && !atomic_load(&w->times); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    EXPECT_I64(atomic_load(&w->times), 1);
    EXPECT_CONTAINS(w->text, "callback");
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_U64(stats.slow_callbacks, 1);
}

CONTRACT(callbacks_that_take_long_are_warned_of)
{
    warned w = {0};
    contract_with(target, (fan_executor_options){.workers = 1, .warn = note, .warn_user = &w},
                  slow_callbacks, &w);
}

/* ---- Resizing ------------------------------------------------------------------------------ */

static void resizing(fan_executor *executor, void *context)
{
    (void)context;
    uint64_t squares[500];
    fan_executor_stats stats;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    const unsigned most = stats.ranks * 3;
    const unsigned sizes[] = {3, 1, 2, most, 1};
    if (fan_executor_resize(executor, 2) == FAN_E_UNSUPPORTED) {
        EXPECT_I64(fan_executor_resize(executor, 1), FAN_OK); /* it is what there is */
        EXPECT_U64(stats.workers, 1);
        return;
    }
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        EXPECT_I64(fan_executor_resize(executor, sizes[k]), FAN_OK);
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
        EXPECT_U64(stats.workers, sizes[k]);
        EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 500),
                           fan_sink_array(squares, sizeof *squares, 500),
                           &(fan_map_options){.batch = 3}, NULL),
                   FAN_OK);
        for (uint64_t i = 0; i < 500; i++)
            EXPECT_U64(squares[i], i * i);
    }
    EXPECT_I64(fan_executor_resize(executor, most + 1), FAN_E_ARGUMENT);
    EXPECT_I64(fan_executor_resize(executor, 0), FAN_E_ARGUMENT);
}

CONTRACT(resizing_while_open_keeps_every_item)
{
    contract_with(target, (fan_executor_options){.workers = 1, .workers_max = 3}, resizing, NULL);
}

typedef struct changes {
    fan_executor *executor;
    uint64_t next;
    unsigned most;
    bool changes;
} changes;

static fan_status change_sometimes(void *user, const fan_outcome *outcomes, size_t count,
                                   fan_error *error)
{
    changes *c = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t square = 0;
        EXPECT_U64(outcomes[i].index, c->next++);
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        if (outcomes[i].size == sizeof square)
            memcpy(&square, outcomes[i].bytes, sizeof square);
        EXPECT_U64(square, outcomes[i].index * outcomes[i].index);
        if (c->changes && outcomes[i].index % 100 == 50)
            EXPECT_I64(
                fan_executor_resize(c->executor, 1 + (unsigned)(c->next / 100 * 7 % c->most)),
                FAN_OK);
    }
    return FAN_OK;
}

/* With inputs of their own, and as an index range. */
static void resizing_meanwhile(fan_executor *executor, void *context)
{
    enum { COUNT = 3000 };
    static uint64_t numbers[COUNT];
    fan_executor_stats stats;
    (void)context;
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    changes c = {.executor = executor, .most = stats.ranks * 4};
    c.changes = fan_executor_resize(executor, 2) != FAN_E_UNSUPPORTED;
    for (uint64_t i = 0; i < COUNT; i++)
        numbers[i] = i;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_array(numbers, sizeof *numbers, COUNT),
                       fan_sink_callback(change_sometimes, &c), &(fan_map_options){.batch = 1},
                       NULL),
               FAN_OK);
    EXPECT_U64(c.next, COUNT);
    c.next = 0;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, COUNT),
                       fan_sink_callback(change_sometimes, &c), NULL, NULL),
               FAN_OK);
    EXPECT_U64(c.next, COUNT);
}

CONTRACT(resizing_while_work_goes_on_keeps_every_item)
{
    contract_with(target, (fan_executor_options){.workers = 2, .workers_max = 4},
                  resizing_meanwhile, NULL);
}
