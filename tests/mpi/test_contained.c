/* Processes inside the ranks: a fault costs one item, the ranks and the job go on. And replies come
 * back while others of the same rank still run. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static fan_executor *open_processes(unsigned workers)
{
    fan_mpi_options mpi = world_options();
    mpi.local = "processes";
    return world_open(&mpi, workers);
}

/* ---- Faults -------------------------------------------------------------------------------- */

typedef struct mourning {
    const char *text;
    uint64_t victim;
    int lost;
    int ok;
} mourning;

static fan_status check_fault(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    mourning *m = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        uint64_t expected = mix_value(outcomes[i].index, 0);
        if (outcomes[i].index == m->victim) {
            EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_LOST);
            EXPECT_CONTAINS(outcomes[i].text, m->text);
            m->lost++;
        } else {
            EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
            m->ok += outcomes[i].size == 8 && memcmp(outcomes[i].bytes, &expected, 8) == 0;
        }
    }
    return FAN_OK;
}

static void run_with_fault(fan_executor *executor, uint64_t fault, const char *text)
{
    enum { ITEMS = 60 };
    uint64_t words[ITEMS], args[2] = {41, fault};
    mourning m = {.text = text, .victim = args[0]};
    for (uint64_t i = 0; i < ITEMS; i++)
        words[i] = i;
    fan_map_options options = {.args = args, .args_size = sizeof args, .batch = 4};
    EXPECT_I64(fan_map(executor, &task_fault, fan_source_array(words, 8, ITEMS),
                       fan_sink_callback(check_fault, &m), &options, NULL),
               FAN_OK);
    EXPECT_I64(m.lost, 1);
    EXPECT_I64(m.ok, ITEMS - 1);
}

FAN_TEST(mpi_contained, each_fault_costs_its_item)
{
    static const char *const texts[] = {
        [FAULT_SEGV] = "SIGSEGV",        [FAULT_ABORT] = "SIGABRT",    [FAULT_EXIT] = "code 0",
        [FAULT_EXIT_AT_ONCE] = "code 3", [FAULT_OVERFLOW] = "SIGSEGV",
    };
    fan_executor *executor = open_processes(1);
    if (executor && the_world()->rank == 0) {
        fan_executor_stats before = {0}, after = {0};
        for (uint64_t fault = 0; fault < FAULTS; fault++) {
            EXPECT_I64(fan_executor_get_stats(executor, &before), FAN_OK);
            run_with_fault(executor, fault, texts[fault]);
            EXPECT_I64(fan_executor_get_stats(executor, &after), FAN_OK);
            EXPECT_TRUE(after.workers_lost >= before.workers_lost + 3); /* the crash limit */
        }
    }
    world_close(executor);
}

/* ---- The environment ----------------------------------------------------------------------- */

/* A worker that took itself for a rank would wait for MPI, or end the job. */
FAN_TEST(mpi_contained, workers_do_not_look_like_ranks)
{
    fan_executor *executor = open_processes(1);
    if (executor && the_world()->rank == 0) {
        uint64_t found[40];
        EXPECT_TRUE(count_launcher_variables() > 0); /* mpirun has set some here */
        EXPECT_I64(fan_map(executor, &task_launcher, fan_source_range(0, 40),
                           fan_sink_array(found, sizeof *found, 40), NULL, NULL),
                   FAN_OK);
        for (int i = 0; i < 40; i++)
            EXPECT_U64(found[i], 0);
    }
    world_close(executor);
}

/* ---- Replies ------------------------------------------------------------------------------- */

enum { MIXED = 60, LONG_MS = 500, SHORT_MS = 20 };

typedef struct arrivals {
    struct {
        uint64_t pid;
        bool is_long;
        double at_ms;
    } at[MIXED];
    int count;
} arrivals;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static fan_status note_arrival(void *user, const fan_outcome *outcomes, size_t count,
                               fan_error *error)
{
    arrivals *a = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        a->at[a->count].is_long = outcomes[i].index % 10 == 1;
        a->at[a->count].at_ms = now_ms();
        memcpy(&a->at[a->count++].pid, outcomes[i].bytes, sizeof(uint64_t));
    }
    return FAN_OK;
}

/* How many short items of other ranks came in the middle of a long one of the same rank. */
static int count_streamed(const arrivals *a)
{
    int streamed = 0;
    for (int s = 0; s < a->count; s++)
        for (int l = 0; l < a->count; l++) {
            double later = a->at[l].at_ms - a->at[s].at_ms;
            streamed += a->at[l].is_long && !a->at[s].is_long && a->at[s].pid == a->at[l].pid &&
                        a->at[s].pid != (uint64_t)getpid() && later > LONG_MS / 10.0 &&
                        later < LONG_MS * 0.9;
        }
    return streamed;
}

FAN_TEST(mpi_contained, replies_come_while_others_of_their_rank_run)
{
    if (the_world()->size != 3)
        SKIP("for three ranks");
    fan_executor *executor = world_open_threads(2);
    if (executor && the_world()->rank == 0) {
        uint64_t ms[MIXED];
        int streamed = 0;
        for (int i = 0; i < MIXED; i++)
            ms[i] = i % 10 == 1 ? LONG_MS : SHORT_MS;
        fan_map_options options = {.batch = 1, .order = FAN_ORDER_COMPLETED};
        for (int i = 0; i < 10 && !streamed && !shim_failed(); i++) { /* machines pause */
            arrivals a = {.count = 0};
            EXPECT_I64(fan_map(executor, &task_where, fan_source_array(ms, 8, MIXED),
                               fan_sink_callback(note_arrival, &a), &options, NULL),
                       FAN_OK);
            EXPECT_I64(a.count, MIXED);
            streamed = count_streamed(&a);
        }
        EXPECT_TRUE(streamed > 0);
    }
    world_close(executor);
}
