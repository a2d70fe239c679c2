/* Map, submit and fold over ranks: the bytes are those of the serial executor. */
#include <stdlib.h>

#include "world.h"

enum { ITEMS = 20000 };

static uint64_t *make_words(size_t count)
{
    uint64_t *words = malloc(count * sizeof *words);
    for (size_t i = 0; words && i < count; i++)
        words[i] = mix_value(i, 12345);
    return words;
}

static void map_words(fan_executor *executor, const fan_task *task, fan_source source,
                      const fan_map_options *options, uint64_t *out, uint64_t count)
{
    fan_summary summary = {0};
    fan_status status =
        fan_map(executor, task, source, fan_sink_array(out, sizeof *out, count), options, &summary);
    if (status)
        shim_fail(__FILE__, __LINE__, "map: %s: %s", fan_status_name(status), summary.error.text);
    EXPECT_U64(summary.ok, count);
}

static void compare_with_serial(fan_executor *executor, const fan_task *task, fan_source source,
                                const fan_map_options *options, uint64_t count)
{
    fan_executor *serial = NULL;
    uint64_t *got = calloc(count + 1, sizeof *got), *expected = calloc(count + 1, sizeof *expected);
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &serial, NULL), FAN_OK);
    map_words(serial, task, source, NULL, expected, count);
    map_words(executor, task, source, options, got, count);
    EXPECT_TRUE(memcmp(got, expected, count * sizeof *got) == 0);
    EXPECT_I64(fan_executor_close(serial, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    free(got);
    free(expected);
}

FAN_TEST(mpi_map, words_in_batches_of_any_size)
{
    static const size_t batches[] = {0, 1, 7, 1000, ITEMS};
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        uint64_t *words = make_words(ITEMS);
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
            for (int order = 0; order < 2; order++) {
                fan_map_options options = {.batch = batches[b], .order = (fan_order)order};
                compare_with_serial(executor, &task_mix,
                                    fan_source_array(words, sizeof *words, ITEMS), &options, ITEMS);
            }
        free(words);
    }
    world_close(executor);
}

FAN_TEST(mpi_map, a_million_tiny_items)
{
    enum { MILLION = 1000000 };
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0)
        compare_with_serial(executor, &task_index, fan_source_range(0, MILLION), NULL, MILLION);
    world_close(executor);
}

FAN_TEST(mpi_map, no_items)
{
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0)
        compare_with_serial(executor, &task_index, fan_source_range(0, 0), NULL, 0);
    world_close(executor);
}

/* Items of 0 to 40 bytes: offsets, empty inputs and replies of many sizes. */
typedef struct texts {
    unsigned char bytes[64 * 40];
    uint64_t offsets[65];
    uint64_t given, count;
} texts;

static fan_status pull_texts(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                             fan_error *error)
{
    texts *t = user;
    size_t most = max_items < 64 ? max_items : 64, used = 0, n = 0;
    (void)error, (void)max_bytes;
    t->offsets[0] = 0;
    for (; n < most && t->given < t->count; n++, t->given++) {
        for (size_t size = (size_t)(t->given % 41); size > 0; size--, used++)
            t->bytes[used] = pattern(t->given + size);
        t->offsets[n + 1] = used;
    }
    *items = (fan_items){.bytes = t->bytes, .offsets = t->offsets, .count = n};
    return FAN_OK;
}

static fan_status check_backwards(void *user, const fan_outcome *outcomes, size_t count,
                                  fan_error *error)
{
    uint64_t *next = user;
    (void)error;
    for (size_t i = 0; i < count; i++, ++*next) {
        EXPECT_U64(outcomes[i].index, *next);
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        EXPECT_U64(outcomes[i].size, *next % 41);
        for (size_t b = 0; b < outcomes[i].size; b++)
            EXPECT_U64(outcomes[i].bytes[b], pattern(*next + b + 1));
    }
    return FAN_OK;
}

FAN_TEST(mpi_map, texts_of_many_sizes_come_in_order)
{
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        texts t = {.count = 5000};
        uint64_t next = 0;
        EXPECT_I64(fan_map(executor, &task_echo, fan_source_callback(pull_texts, &t, UINT64_MAX),
                           fan_sink_callback(check_backwards, &next), NULL, NULL),
                   FAN_OK);
        EXPECT_U64(next, 5000);
    }
    world_close(executor);
}

static fan_status check_picky(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    uint64_t *seen = user;
    (void)error;
    for (size_t i = 0; i < count; i++, ++*seen) {
        bool bad = outcomes[i].index % 7 == 3;
        EXPECT_I64(outcomes[i].kind, bad ? FAN_OUTCOME_FAILED : FAN_OUTCOME_OK);
        if (bad)
            EXPECT_CONTAINS(outcomes[i].text, "is not to my taste");
    }
    return FAN_OK;
}

FAN_TEST(mpi_map, failed_items_bring_their_text)
{
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        uint64_t words[700], seen = 0;
        fan_summary summary = {0};
        for (uint64_t i = 0; i < 700; i++)
            words[i] = i;
        EXPECT_I64(fan_map(executor, &task_picky, fan_source_array(words, sizeof *words, 700),
                           fan_sink_callback(check_picky, &seen), NULL, &summary),
                   FAN_OK);
        EXPECT_U64(seen, 700);
        EXPECT_U64(summary.failed, 100);
        EXPECT_U64(summary.ok, 600);
    }
    world_close(executor);
}

/* Long items, so that each rank gets some whatever the speed of messages. */
FAN_TEST(mpi_map, every_rank_works)
{
    enum { LONG_ITEMS = 60 };
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        uint64_t ms[LONG_ITEMS], pids[LONG_ITEMS], different = 0;
        for (int i = 0; i < LONG_ITEMS; i++)
            ms[i] = 10;
        map_words(executor, &task_where, fan_source_array(ms, sizeof *ms, LONG_ITEMS),
                  &(fan_map_options){.batch = 1}, pids, LONG_ITEMS);
        for (int i = 0; i < LONG_ITEMS; i++) {
            int before = 0;
            while (pids[before] != pids[i])
                before++;
            different += before == i;
        }
        EXPECT_U64(different, (unsigned)the_world()->size);
        fan_executor_stats stats = {0};
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
        EXPECT_U64(stats.ranks, (unsigned)the_world()->size);
        EXPECT_U64(stats.workers, (unsigned)the_world()->size);
        EXPECT_U64(stats.items_done, LONG_ITEMS);
    }
    world_close(executor);
}

/* ---- Submit -------------------------------------------------------------------------------- */

static void submit_all(fan_executor *executor)
{
    enum { FUTURES = 3000 };
    fan_future **futures = calloc(FUTURES, sizeof(fan_future *));
    for (uint64_t i = 0; i < FUTURES; i++)
        EXPECT_I64(fan_submit(executor, &task_mix, &i, sizeof i, NULL, &futures[i]), FAN_OK);
    EXPECT_I64(fan_wait_all(futures, FUTURES, fan_deadline_in_ms(120000)), FAN_OK);
    for (uint64_t i = 0; i < FUTURES; i++) {
        fan_outcome outcome = {0};
        uint64_t word = 0;
        EXPECT_I64(fan_future_result(futures[i], FAN_FOREVER, &outcome), FAN_OK);
        EXPECT_U64(outcome.size, sizeof word);
        memcpy(&word, outcome.bytes, outcome.size == sizeof word ? sizeof word : 0);
        EXPECT_U64(word, mix_value(i, 0));
        fan_future_release(futures[i]);
    }
    free(futures);
}

FAN_TEST(mpi_submit, many_futures)
{
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0)
        submit_all(executor);
    world_close(executor);
}

FAN_TEST(mpi_submit, empty_input_and_reply)
{
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        for (int i = 0; i < 20; i++) {
            fan_future *future = NULL;
            fan_outcome outcome = {.size = 1};
            EXPECT_I64(fan_submit(executor, &task_echo, NULL, 0, NULL, &future), FAN_OK);
            EXPECT_I64(fan_future_result(future, FAN_FOREVER, &outcome), FAN_OK);
            EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
            EXPECT_U64(outcome.size, 0);
            fan_future_release(future);
        }
    }
    world_close(executor);
}

/* Enough of them that every rank gets one, both ways. */
FAN_TEST(mpi_submit, payloads_of_100_mb)
{
    enum { BIG = 100000000 };
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        size_t count = (size_t)the_world()->size;
        unsigned char *bytes = malloc(BIG);
        uint64_t size = BIG;
        fan_future *there[16], *back[16];
        for (size_t i = 0; i < BIG; i++)
            bytes[i] = pattern(i);
        uint64_t expected = digest(bytes, BIG);
        for (size_t i = 0; i < count; i++) {
            EXPECT_I64(fan_submit(executor, &task_digest, bytes, BIG, NULL, &there[i]), FAN_OK);
            EXPECT_I64(fan_submit(executor, &task_grow, &size, sizeof size, NULL, &back[i]),
                       FAN_OK);
        }
        for (size_t i = 0; i < count; i++) {
            fan_outcome outcome = {0};
            EXPECT_I64(fan_future_result(there[i], FAN_FOREVER, &outcome), FAN_OK);
            EXPECT_TRUE(outcome.size == 8 && memcmp(outcome.bytes, &expected, 8) == 0);
            EXPECT_I64(fan_future_result(back[i], FAN_FOREVER, &outcome), FAN_OK);
            EXPECT_TRUE(outcome.size == BIG && memcmp(outcome.bytes, bytes, BIG) == 0);
            fan_future_release(there[i]);
            fan_future_release(back[i]);
        }
        free(bytes);
    }
    world_close(executor);
}

/* ---- Fold ---------------------------------------------------------------------------------- */

static uint64_t fold_range(fan_executor *executor)
{
    fan_buffer result = {0};
    fan_error error = {0};
    uint64_t value = 0;
    fan_fold_plan plan = {.leaf_items = 64, .combine = &task_combine};
    EXPECT_I64(fan_fold(executor, &task_index, fan_source_range(0, 10007), &plan, &result, &error),
               FAN_OK);
    EXPECT_STR(error.text, "");
    EXPECT_U64(result.size, sizeof value);
    if (result.size == sizeof value)
        memcpy(&value, result.bytes, sizeof value);
    fan_buffer_clear(&result);
    return value;
}

FAN_TEST(mpi_fold, the_tree_is_that_of_serial)
{
    fan_executor *executor = world_open_threads(2), *serial = NULL;
    if (executor && the_world()->rank == 0) {
        EXPECT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &serial, NULL),
                   FAN_OK);
        EXPECT_U64(fold_range(executor), fold_range(serial));
        EXPECT_I64(fan_executor_close(serial, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    }
    world_close(executor);
}
