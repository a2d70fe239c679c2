/* Many short items at a time: what travels with them, and what they wait for. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract.h"
#include "tasks.h"

enum { WAIT_MS = 120000, SHORT = 3000, BEHIND = 60 };

/* ---- Arguments ----------------------------------------------------------------------------- */

enum { KINDS = 12, ARGS_STEP = 17, ARGS_MAX = KINDS * ARGS_STEP, ITEMS = 600 };

/* Arguments of a kind: none, then ever more bytes; two kinds differ in their last byte only. */
static size_t make_args(unsigned kind, unsigned char args[ARGS_MAX])
{
    size_t size = (size_t)(kind == KINDS - 1 ? kind - 1 : kind) * ARGS_STEP;
    for (size_t i = 0; i < size; i++)
        args[i] = (unsigned char)(i * 7 + size);
    if (kind == KINDS - 1)
        args[size - 1]++;
    return size;
}

/* The kinds follow each other in turn, in runs and at random. */
static unsigned kind_of(unsigned i)
{
    return i < ITEMS / 3 ? i % KINDS : i < 2 * ITEMS / 3 ? i / 30 % KINDS : i * 2654435761U % KINDS;
}

static void expect_args(fan_future *future, unsigned i)
{
    unsigned char expected[ARGS_MAX + sizeof i];
    fan_outcome outcome = {0};
    size_t size = make_args(kind_of(i), expected);
    memcpy(expected + size, &i, sizeof i);
    ASSERT_I64(fan_future_result(future, fan_deadline_in_ms(WAIT_MS), &outcome), FAN_OK);
    SHIM_CHECK(outcome.size == size + sizeof i && !memcmp(outcome.bytes, expected, outcome.size),
               (void)0, "item %u has the reply to other arguments", i);
}

static void mix_arguments(fan_executor *executor, void *context)
{
    (void)context;
    fan_future *futures[ITEMS] = {NULL};
    unsigned char args[ARGS_MAX];
    for (unsigned i = 0; i < ITEMS; i++) {
        fan_submit_options options = {.args = args, .args_size = make_args(kind_of(i), args)};
        EXPECT_I64(fan_submit(executor, &task_args, &i, sizeof i, &options, &futures[i]), FAN_OK);
    }
    for (unsigned i = 0; i < ITEMS; i++) {
        if (futures[i])
            expect_args(futures[i], i);
        fan_future_release(futures[i]);
    }
}

CONTRACT(arguments_in_turn)
{
    for (unsigned workers = 1; workers <= 2; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, mix_arguments, NULL);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static void submit_squares(fan_executor *executor, fan_future *futures[], uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        EXPECT_I64(fan_submit(executor, &task_square, &i, sizeof i, NULL, &futures[i]), FAN_OK);
}

static void release_all(fan_future *futures[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        fan_future_release(futures[i]);
}

/* After many short items a worker may be thought to be quick, and be given many in advance. */
static void long_among_short(fan_executor *executor, void *context)
{
    static fan_future *futures[SHORT];
    const char *path = context;
    fan_future *gate = NULL;
    submit_squares(executor, futures, SHORT);
    EXPECT_I64(fan_wait_all(futures, SHORT, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    release_all(futures, SHORT);
    EXPECT_I64(fan_submit(executor, &task_gate, path, strlen(path), NULL, &gate), FAN_OK);
    submit_squares(executor, futures, BEHIND);
    /* The gate opens only afterwards. */
    EXPECT_I64(fan_wait_all(futures, BEHIND, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    FILE *file = fopen(path, "w");
    EXPECT_TRUE(file && fclose(file) == 0);
    EXPECT_I64(fan_wait_all(&gate, 1, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    release_all(futures, BEHIND);
    fan_future_release(gate);
}

CONTRACT(short_items_pass_one_that_lasts)
{
    char path[] = "/tmp/fanfold-gate-XXXXXX";
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    close(fd);
    unlink(path);
    if (!strcmp(target->name, "processes") || !strcmp(target->name, "threads"))
        contract_with(target, (fan_executor_options){.workers = 2}, long_among_short, path);
    unlink(path);
}
