/* Traces: what the file says, and what happens where it can't be written. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "contract/trace_file.h"
#include "exec/trace.h"
#include "exec/trace_record.h"
#include "fanfold/executor.h"
#include "fanfold/trace.h"
#include "shim.h"

enum { MANY = 50000, THREADS = 4, A_THREAD = 5000 };

static fan_status nothing(fan_run *run, fan_items in)
{
    unsigned char *replies = fan_run_reply_array(run, 1);
    (void)in;
    return replies ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task plain_task = {.name = "plain", .version = 1, .run = nothing};
static const fan_task odd_task = {
    .name = "a\"b\\c\n\x01 \xc3\xa9 \xff \xed\xa0\x80", .version = 1, .run = nothing};

static void expect_open(const char *path, fan_trace **trace)
{
    fan_error error = {0};
    SHIM_CHECK(fan_trace_open(path, trace, &error) == FAN_OK, (void)0, "%s", error.text);
}

static void expect_close(fan_trace *trace)
{
    fan_error error = {0};
    SHIM_CHECK(fan_trace_close(trace, &error) == FAN_OK, (void)0, "%s", error.text);
}

static fan_executor *open_on(const char *kind, fan_trace *trace)
{
    fan_executor *executor = NULL;
    fan_executor_options options = {.kind = kind, .workers = 2, .trace = trace};
    EXPECT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    return executor;
}

static void map_one(fan_executor *executor, const fan_task *task, uint64_t first, uint64_t count)
{
    unsigned char *replies = malloc(count);
    ASSERT_TRUE(replies != NULL);
    EXPECT_I64(fan_map(executor, task, fan_source_range(first, count),
                       fan_sink_array(replies, 1, count), NULL, NULL),
               FAN_OK);
    free(replies);
}

FAN_TEST(trace, several_executors_share_one)
{
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    fan_error error = {0};
    trace_name(path);
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fan_executor *serial = open_on("serial", trace), *threads = open_on("threads", trace);
    map_one(serial, &plain_task, 0, 100);
    map_one(threads, &odd_task, UINT64_MAX - 99, 99);
    EXPECT_I64(fan_executor_close(serial, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    EXPECT_I64(fan_trace_close(trace, &error), FAN_E_BUSY);
    EXPECT_CONTAINS(error.text, "1 executors");
    EXPECT_I64(access(path, F_OK), -1); /* nothing is there before its time */
    EXPECT_I64(fan_executor_close(threads, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    expect_close(trace);
    if (trace_read(path, &file)) {
        trace_expect_items(&file, "plain", 0, 100, true);
        trace_expect_items(&file, "a\"b\\c\n\x01 \xc3\xa9 ? ???", UINT64_MAX - 99, 99, true);
        unsigned serial_rows = 0, threads_rows = 0;
        for (size_t i = 0; i < file.row_count; i++) {
            serial_rows += strcmp(file.rows[i].executor, "serial") == 0;
            threads_rows += strcmp(file.rows[i].executor, "threads") == 0;
            EXPECT_I64(file.rows[i].process, getpid());
        }
        EXPECT_U64(serial_rows, 1);
        EXPECT_TRUE(threads_rows == 1 || threads_rows == 2);
    }
    trace_clear(&file);
}

FAN_TEST(trace, an_empty_one_is_one)
{
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    trace_name(path);
    expect_open(path, &trace);
    expect_close(trace);
    EXPECT_TRUE(trace_read(path, &file));
    EXPECT_U64(file.count, 0);
    trace_clear(&file);
    EXPECT_I64(fan_trace_close(NULL, NULL), FAN_OK);
}

FAN_TEST(trace, bad_arguments_are_refused)
{
    fan_trace *trace = (fan_trace *)&plain_task; /* to be overwritten */
    fan_error error = {0};
    EXPECT_I64(fan_trace_open("", &trace, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(trace == NULL);
    EXPECT_I64(fan_trace_open(NULL, &trace, NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_trace_open("/tmp/x", NULL, NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_trace_open("/nowhere/trace.json", &trace, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    EXPECT_STR(error.file, "/nowhere/trace.json");
}

FAN_TEST(trace, a_full_disk_is_reported)
{
    fan_trace *trace = NULL;
    fan_error error = {0};
    expect_open("/dev/full", &trace);
    ASSERT_TRUE(trace != NULL);
    fan_executor *executor = open_on("serial", trace);
    map_one(executor, &plain_task, 0, 10);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    EXPECT_I64(fan_trace_close(trace, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ENOSPC);
    EXPECT_STR(error.file, "/dev/full");
}

static _Atomic unsigned slow_items;

/* Items from there on last until they are cancelled. */
enum { SLOW_MOST = 1000 };

static fan_status slowly(fan_run *run, fan_items in)
{
    atomic_fetch_add(&slow_items, (unsigned)in.count);
    do
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    while (in.first >= SLOW_MOST && !fan_run_cancelled(run));
    return nothing(run, in);
}

static const fan_task slow_task = {.name = "slow", .version = 1, .run = slowly};

static void set_flag(fani_batch *batch)
{
    atomic_store((_Atomic bool *)batch->user, true);
}

/* Of a range that is given up also what nobody has run is told. */
FAN_TEST(trace, has_all_of_a_range_that_is_given_up)
{
    enum { ITEMS = 3000, RUN = 20 };
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    _Atomic bool done = false;
    trace_name(path);
    expect_open(path, &trace);
    fan_executor *executor = open_on("threads", trace);
    fani_batch *batch = fani_batch_new();
    ASSERT_TRUE(trace && executor && batch);
    batch->task = &slow_task;
    batch->items.count = ITEMS;
    batch->divisible = true;
    batch->grain = 1;
    batch->done = set_flag;
    batch->user = &done;
    ASSERT_I64(fani_front_send(fani_executor_front(executor), batch), FAN_OK);
    while (atomic_load(&slow_items) < RUN)
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    (void)fani_front_revoke(fani_executor_front(executor), batch, true);
    while (!atomic_load(&done))
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    fani_batch_free(batch);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    expect_close(trace);
    EXPECT_TRUE(atomic_load(&slow_items) < ITEMS);
    if (trace_read(path, &file))
        trace_expect_items(&file, "slow", 0, ITEMS, false);
    trace_clear(&file);
}

/* ---- Records without an executor ----------------------------------------------------------- */

static fani_batch batch_of(uint64_t item, fani_where where)
{
    int64_t now = fani_clock_ns();
    return (fani_batch){.task = &plain_task,
                        .items = {.first = item, .count = 1},
                        .attempt = 1,
                        .replies = {.count = 1, .complete = true},
                        .posted_ns = now,
                        .begun_ns = now,
                        .where = where};
}

static fani_trace_source *attach(fan_trace *trace, const fani_opened *opened)
{
    fani_trace_source *source = NULL;
    EXPECT_I64(fani_trace_attach(trace, "made up", opened, &source, NULL), FAN_OK);
    return source;
}

static void add_many(fani_trace_source *source, uint64_t first, uint64_t count, uint32_t worker)
{
    for (uint64_t i = first; i < first + count; i++) {
        fani_batch batch = batch_of(
            i, (fani_where){.worker = worker, .pid = getpid(), .thread = (int32_t)worker + 1});
        fani_trace_batch(source, &batch, false);
    }
}

FAN_TEST(trace, what_memory_does_not_hold_goes_to_a_file)
{
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    trace_name(path);
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fani_trace_source *source = attach(trace, &(fani_opened){.ranks = 1});
    add_many(source, 0, MANY, 0);
    fani_trace_detach(source);
    expect_close(trace);
    if (trace_read(path, &file))
        trace_expect_items(&file, "plain", 0, MANY, true);
    EXPECT_U64(file.count, MANY);
    trace_clear(&file);
}

typedef struct adder {
    pthread_t thread;
    fani_trace_source *source;
    uint32_t number;
} adder;

static void *add_own(void *user)
{
    adder *a = user;
    add_many(a->source, (uint64_t)a->number * A_THREAD, A_THREAD, a->number);
    return NULL;
}

FAN_TEST(trace, threads_add_at_once)
{
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    adder adders[THREADS];
    trace_name(path);
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fani_trace_source *source = attach(trace, &(fani_opened){.ranks = 1});
    for (uint32_t i = 0; i < THREADS; i++) {
        adders[i] = (adder){.source = source, .number = i};
        ASSERT_I64(pthread_create(&adders[i].thread, NULL, add_own, &adders[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(adders[i].thread, NULL);
    fani_trace_detach(source);
    expect_close(trace);
    if (trace_read(path, &file))
        trace_expect_items(&file, "plain", 0, THREADS * A_THREAD, true);
    EXPECT_U64(file.row_count, THREADS);
    trace_clear(&file);
}

/* No file may grow beyond 64 KiB meanwhile. */
FAN_TEST(trace, a_temporary_file_that_fails_is_reported)
{
    char path[64];
    fan_trace *trace = NULL;
    fan_error error = {0};
    struct rlimit before, limit;
    trace_name(path);
    FILE *old = fopen(path, "we");
    ASSERT_TRUE(old != NULL);
    fputs("old\n", old);
    fclose(old);
    ASSERT_I64(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 65536, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fani_trace_source *source = attach(trace, &(fani_opened){.ranks = 1});
    EXPECT_I64(setrlimit(RLIMIT_FSIZE, &limit), 0);
    add_many(source, 0, MANY, 0);
    fani_trace_detach(source);
    EXPECT_I64(fan_trace_close(trace, &error), FAN_E_OUTPUT);
    EXPECT_I64(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    EXPECT_I64(error.errno_code, EFBIG);
    EXPECT_CONTAINS(error.text, "temporary file can't be written");
    EXPECT_STR(error.file, path);
    struct stat info = {0};
    EXPECT_I64(stat(path, &info), 0);
    EXPECT_I64(info.st_size, 4); /* as it was */
    unlink(path);
}

/* What is kept in short, and what is not, from the same thread in turns; more of them than a buffer
 * takes. */
FAN_TEST(trace, odd_records_lie_among_plain_ones)
{
    enum { TURNS = 1000, KINDS = 6 };
    const int64_t long_ns = INT64_C(5000000000);
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    trace_name(path);
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fani_trace_source *source = attach(trace, &(fani_opened){.ranks = 1});
    for (uint32_t i = 0; i < TURNS * KINDS; i++) {
        /* Each in a row of its own, as times are made up; more rows than a lane knows. */
        fani_batch batch =
            batch_of(i, (fani_where){.worker = i % 300, .pid = getpid(), .thread = (int32_t)i + 1});
        batch.run_ns = i % KINDS == 1 ? (uint64_t)long_ns : 77;
        batch.posted_ns = batch.begun_ns - (i % KINDS == 2 ? long_ns : 55);
        batch.attempt = i % KINDS == 3 ? 2 : 1;
        batch.items.count = batch.replies.count = i % KINDS == 4 ? 9 : 1;
        if (i % KINDS == 5)
            batch.begun_ns = 0;
        fani_trace_batch(source, &batch, false);
    }
    fani_trace_detach(source);
    expect_close(trace);
    EXPECT_TRUE(trace_read(path, &file));
    EXPECT_U64(file.count, (uint64_t)TURNS * KINDS);
    EXPECT_U64(file.dropped, 0);
    for (size_t i = 0; i < file.count; i++) {
        const trace_event *e = &file.events[i];
        unsigned kind = (unsigned)(e->item % KINDS);
        EXPECT_I64(e->phase, kind == 5 ? 'i' : 'X');
        EXPECT_I64(e->run_ns, kind == 5 ? 0 : kind == 1 ? long_ns : 77);
        EXPECT_I64(e->wait_ns, kind == 5 ? 0 : kind == 2 ? long_ns : 55);
        EXPECT_U64(e->attempt, kind == 3 ? 2 : 1);
        EXPECT_U64(e->count, kind == 4 ? 9 : 1);
        EXPECT_I64(e->thread, kind == 5 ? e->thread : (int64_t)e->item + 1);
    }
    trace_clear(&file);
}

/* Two ranks; the other one's clock began long after ours. */
FAN_TEST(trace, clocks_of_other_hosts_are_shifted)
{
    enum { BEHIND_NS = 1000000000 };
    static const char hosts[2][16] = {"here", "there"};
    char path[64];
    fan_trace *trace = NULL;
    trace_file file = {0};
    trace_name(path);
    int64_t from = fani_clock_ns();
    expect_open(path, &trace);
    ASSERT_TRUE(trace != NULL);
    fani_trace_source *source = attach(
        trace, &(fani_opened){.ranks = 2, .hosts = hosts[0], .hosts_stride = sizeof hosts[0]});
    for (uint32_t i = 0; i < 20; i++) {
        fani_batch batch =
            batch_of(i, (fani_where){.rank = i % 2, .pid = 7, .thread = 8, .worker = 0});
        if (i % 2)
            batch.begun_ns -= BEHIND_NS;
        fani_trace_batch(source, &batch, false);
    }
    int64_t took = fani_clock_ns() - from;
    fani_trace_detach(source);
    expect_close(trace);
    if (trace_read(path, &file)) {
        trace_expect_items(&file, "plain", 0, 20, true);
        EXPECT_U64(file.row_count, 2);
        EXPECT_STR(file.rows[0].host, "here");
        EXPECT_STR(file.rows[1].host, "there");
        EXPECT_I64(file.rows[1].process, 1);
        for (size_t i = 0; i < file.count; i++) /* in our time, which is after opening */
            EXPECT_TRUE(file.events[i].begin_ns > 0 && file.events[i].begin_ns <= 2 * took);
        EXPECT_TRUE(file.shift_ns >= BEHIND_NS && file.shift_ns <= BEHIND_NS + took);
    }
    trace_clear(&file);
}

static fan_status no_records(void *user,
                             fan_status (*visit)(void *context, const fani_trace_record *records,
                                                 size_t count, fan_error *error),
                             void *context, fan_error *error)
{
    (void)user, (void)visit, (void)context, (void)error;
    return FAN_OK;
}

FAN_TEST(trace, what_is_missing_is_counted)
{
    char path[64];
    fani_writer *writer = NULL;
    trace_file file = {0};
    trace_name(path);
    ASSERT_I64(fani_writer_to_file(path, &writer, NULL), FAN_OK);
    EXPECT_I64(
        fani_trace_format(&(fani_trace_content){.dropped = 5, .each = no_records}, writer, NULL),
        FAN_OK);
    EXPECT_I64(fani_writer_publish(writer, NULL), FAN_OK);
    fani_writer_free(writer);
    EXPECT_TRUE(trace_read(path, &file));
    EXPECT_U64(file.dropped, 5);
    trace_clear(&file);
}
