/* A group of processes that runs out of memory: the kernel ends the worker that took it, and what
 * that cost says so. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define GROUPS "/sys/fs/cgroup/memory"
enum { WORKERS = 2, COUNT = 16, HOG = 7 };

static bool put(const char *group, const char *name, const char *value)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    FILE *file = fopen(path, "we");
    bool good = file && fputs(value, file) >= 0;
    return (file ? fclose(file) == 0 : false) && good;
}

/* Moves this process, and what it starts later. */
static bool enter(const char *group)
{
    char number[32];
    snprintf(number, sizeof number, "%d\n", (int)getpid());
    return put(group, "cgroup.procs", number);
}

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    unsigned *ok = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        *ok += o->kind == FAN_OUTCOME_OK;
        if (o->index != HOG)
            continue;
        EXPECT_STR(fan_outcome_name(o->kind), fan_outcome_name(FAN_OUTCOME_LOST));
        EXPECT_CONTAINS(o->text, "the system ran out of memory (OOM killer)");
    }
    return FAN_OK;
}

FAN_TEST(oom, the_kernels_kill_is_named_and_costs_one_item)
{
    char group[128];
    uint64_t inputs[COUNT] = {0};
    unsigned ok = 0;
    if (FAULT_SANITIZED)
        SKIP("sanitizers need more memory than the group has");
    snprintf(group, sizeof group, GROUPS "/fanfold-oom-%d", (int)getpid());
    if (geteuid() != 0 || mkdir(group, 0755))
        SKIP("no group of processes with a limit of memory can be made here");
    if (!put(group, "memory.limit_in_bytes", "96M") || !enter(group)) {
        rmdir(group);
        SKIP("the memory of a group of processes can't be limited here");
    }
    fan_executor *executor = fault_open(WORKERS);
    inputs[HOG] = FAULT_HOG_BYTES;
    if (executor) {
        EXPECT_I64(fan_map(executor, &task_hog, fan_source_array(inputs, sizeof *inputs, COUNT),
                           fan_sink_callback(see, &ok), &(fan_map_options){.batch = 1}, NULL),
                   FAN_OK);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)),
                   FAN_OK);
    }
    EXPECT_U64(ok, COUNT - 1);
    EXPECT_TRUE(enter(GROUPS));
    EXPECT_I64(rmdir(group), 0);
}
