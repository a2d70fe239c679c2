/* Crashes by the thousand leave nothing behind in the program. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

enum { WORKERS = 4, ROUND = 100, ROUNDS = 105, WARM = 5 };

typedef struct belongings {
    size_t files, mappings, pages;
} belongings;

static belongings look_once(void)
{
    belongings b = {0};
    char line[4096];
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        b.files++;
    if (d)
        closedir(d);
    FILE *file = fopen("/proc/self/maps", "re");
    while (file && fgets(line, sizeof line, file))
        b.mappings += strstr(line, "memfd:") != NULL;
    if (file)
        fclose(file);
    file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%*u %zu", &b.pages) != 1)
        b.pages = 0;
    if (file)
        fclose(file);
    return b;
}

/* Once the pool is at rest: two looks in a row find the same. */
static belongings look(void)
{
    fault_expect_children(WORKERS);
    belongings b = look_once();
    for (int i = 0; i < 100; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        belongings again = look_once();
        bool same = again.files == b.files && again.mappings == b.mappings;
        b = again;
        if (same)
            break;
    }
    return b;
}

static fan_status count_lost(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    uint64_t *lost = user;
    (void)error;
    for (size_t i = 0; i < count; i++)
        *lost += outcomes[i].kind == FAN_OUTCOME_LOST;
    return FAN_OK;
}

FAN_TEST(cycles, long_ten_thousand_crashes_leave_nothing)
{
    fault_order orders[ROUND];
    fault_marks marks;
    uint64_t lost = 0;
    belongings before = {0}, after;
    fan_executor *executor = NULL;
    ASSERT_I64(
        fan_executor_open(
            &(fan_executor_options){.kind = "processes", .workers = WORKERS, .crash_limit = 1},
            &executor, NULL),
        FAN_OK);
    if (!fault_marks_open(&marks, 1))
        return;
    for (size_t i = 0; i < ROUND; i++)
        orders[i] = (fault_order){.stage = FAULT_RUN, .kind = FAULT_SEGV};
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT_I64(fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, ROUND),
                           fan_sink_callback(count_lost, &lost),
                           &(fan_map_options){
                               .args = marks.path, .args_size = strlen(marks.path), .batch = 1},
                           NULL),
                   FAN_OK);
        if (round == WARM)
            before = look();
    }
    EXPECT_U64(lost, (uint64_t)ROUND * ROUNDS);
    EXPECT_U64(marks.counts[0], (uint64_t)ROUND * ROUNDS);
    after = look();
    EXPECT_U64(after.files, before.files);
    EXPECT_U64(after.mappings, before.mappings);
    /* What the allocator keeps may vary; 10 000 crashes with a page each would be 39 MiB. */
    SHIM_CHECK(after.pages <= before.pages + 512, (void)0, "%zu pages grew to %zu", before.pages,
               after.pages);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_marks_close(&marks);
}
