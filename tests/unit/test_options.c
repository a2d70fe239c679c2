/* Options out of their range are refused by name, on every executor, before anything is opened. */
#include <limits.h>

#include "fanfold/executor.h"
#include "shim/shim.h"

static const fan_executor_kind *no_plugin(void)
{
    static int something;
    return (const void *)&something;
}

static void refused(fan_executor_options options, const char *kind, fan_status expected,
                    const char *first, const char *second)
{
    fan_executor *executor = (void *)&executor;
    fan_error error = {0};
    options.kind = kind;
    fan_status status = fan_executor_open(&options, &executor, &error);
    if (status != expected)
        shim_fail(__FILE__, __LINE__, "%s on %s: %s", first, kind ? kind : "(none)",
                  fan_status_name(status));
    EXPECT_TRUE(executor == NULL);
    EXPECT_I64(error.status, expected);
    EXPECT_CONTAINS(error.text, first);
    EXPECT_CONTAINS(error.text, second);
}

FAN_TEST(options, of_executors_are_refused_by_name)
{
    static const struct {
        fan_executor_options options;
        const char *name, *value;
    } cases[] = {
        {{.workers = 4097}, "workers", "4097"},
        {{.workers = UINT_MAX}, "workers", "4294967295"},
        {{.workers_max = 4097}, "workers_max", "4097"},
        {{.workers = 3, .workers_max = 2}, "workers_max", "is 2"},
        {{.workers = 4096, .workers_max = 4095}, "workers_max", "4095"},
        {{.crash_limit = 1001}, "crash_limit", "1001"},
        {{.crash_limit = UINT_MAX}, "crash_limit", "4294967295"},
        {{.reply_limit = (size_t)UINT32_MAX + 1}, "reply_limit", "4294967296"},
        {{.reply_limit = SIZE_MAX}, "reply_limit", "18446744073709551615"},
        {{.worker_memory = 1}, "worker_memory", "16777216"},
        {{.heartbeat_ms = 99}, "heartbeat_ms", "99"},
        {{.heartbeat_ms = 86400001}, "heartbeat_ms", "86400000"},
        {{.worker_memory = ((size_t)16 << 20) - 1}, "worker_memory", "16777215"},
    };
    static const char *const kinds[] = {NULL, "serial", "threads", "processes", "skeleton"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            refused(cases[i].options, kinds[k], FAN_E_ARGUMENT, cases[i].name, cases[i].value);
    const fan_executor_options both = {.plugin = no_plugin()};
    refused(both, "threads", FAN_E_ARGUMENT, "kind", "plugin");
    refused((fan_executor_options){0}, "", FAN_E_UNKNOWN_EXECUTOR, "\"\"", "threads");
    refused((fan_executor_options){0}, "Threads", FAN_E_UNKNOWN_EXECUTOR, "Threads", "threads");
    refused((fan_executor_options){.worker_memory = (size_t)64 << 20}, "serial", FAN_E_UNSUPPORTED,
            "worker_memory", "processes");
}

FAN_TEST(options, without_a_place_for_the_executor)
{
    fan_error error = {0};
    EXPECT_I64(fan_executor_open(&(fan_executor_options){0}, NULL, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "place");
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.workers = 5000}, NULL, NULL),
               FAN_E_ARGUMENT);
}

/* The ends of the ranges are within; no options at all are the defaults. */
FAN_TEST(options, at_the_ends_of_their_ranges)
{
    static const fan_executor_options good[] = {
        {.workers = 1, .workers_max = 1},
        {.workers = 1, .crash_limit = 1000},
        {.workers = 1, .crash_limit = 1},
        {.workers = 1, .reply_limit = UINT32_MAX},
        {.workers = 1, .reply_limit = 1},
        {.workers = 1, .queue_items = 1, .queue_bytes = 1},
        {.workers = 1, .queue_items = SIZE_MAX, .queue_bytes = SIZE_MAX},
        {.workers_max = 1}, /* however many cores there are */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        fan_executor *executor = NULL;
        fan_executor_stats stats = {0};
        EXPECT_I64(fan_executor_open(&good[i], &executor, NULL), FAN_OK);
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
        EXPECT_U64(stats.workers, 1);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(30000)),
                   FAN_OK);
    }
    fan_executor *executor = NULL;
    EXPECT_I64(fan_executor_open(NULL, &executor, NULL), FAN_OK);
    EXPECT_STR(fan_executor_name(executor), "threads");
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(30000)), FAN_OK);
}
