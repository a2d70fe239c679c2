/* A limit of memory for each worker: the item that wants more pays for it, alone. */
#include <stdlib.h>

#include "faults.h"

#define LIMIT ((size_t)24 << 20)
enum { WORKERS = 2, COUNT = 64, POLITE = 20, RUDE = 41 };

typedef struct tally {
    const uint64_t *inputs;
    uint64_t next;
    unsigned ok;
} tally;

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    tally *t = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        uint64_t x = 0;
        EXPECT_U64(o->index, t->next++);
        if (o->size == sizeof x)
            memcpy(&x, o->bytes, sizeof x);
        fan_outcome_kind expected = o->index == POLITE ? FAN_OUTCOME_FAILED
                                    : o->index == RUDE ? FAN_OUTCOME_LOST
                                                       : FAN_OUTCOME_OK;
        SHIM_CHECK(o->kind == expected, (void)0, "item %llu is %s (%s)",
                   (unsigned long long)o->index, fan_outcome_name(o->kind), o->text);
        if (o->index == POLITE)
            EXPECT_STR(o->text, "out of memory: a worker may use 24 MiB (worker_memory)");
        else if (o->index == RUDE)
            EXPECT_STR(o->text, "killed by SIGABRT, its memory used up: a worker may use 24 MiB "
                                "(worker_memory)");
        else
            EXPECT_U64(x, t->inputs[o->index]);
        t->ok += o->kind == FAN_OUTCOME_OK;
    }
    return FAN_OK;
}

static void hogs(size_t batch)
{
    uint64_t inputs[COUNT];
    tally t = {.inputs = inputs};
    if (FAULT_SANITIZED)
        SKIP("sanitizers reserve more memory than any limit");
    fan_executor *executor = fault_open_limited(WORKERS, LIMIT);
    if (!executor)
        return;
    for (size_t i = 0; i < COUNT; i++)
        inputs[i] = i;
    inputs[POLITE] = FAULT_HOG_BYTES;
    inputs[RUDE] = FAULT_HOG_BYTES + 1;
    EXPECT_I64(fan_map(executor, &task_hog, fan_source_array(inputs, sizeof *inputs, COUNT),
                       fan_sink_callback(see, &t), &(fan_map_options){.batch = batch}, NULL),
               FAN_OK);
    EXPECT_U64(t.ok, COUNT - 2);
    fault_expect_children(WORKERS);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
}

FAN_TEST(memory, who_wants_more_than_its_limit_fails_alone)
{
    hogs(1);
}

FAN_TEST(memory, who_wants_more_than_its_limit_is_found_in_a_batch)
{
    hogs(16);
}

FAN_TEST(memory, limits_that_make_no_sense_are_refused)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    EXPECT_I64(
        fan_executor_open(
            &(fan_executor_options){.kind = "processes", .workers = 1, .worker_memory = 4096},
            &executor, &error),
        FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "worker_memory is 4096 bytes");
    EXPECT_I64(fan_executor_open(
                   &(fan_executor_options){.kind = "threads", .workers = 1, .worker_memory = LIMIT},
                   &executor, &error),
               FAN_E_UNSUPPORTED);
    EXPECT_CONTAINS(error.text, "worker_memory");
    EXPECT_TRUE(!executor);
}
