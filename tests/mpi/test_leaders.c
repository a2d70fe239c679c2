/* Leaders: rank 0 exchanges messages with one rank of each other host. All ranks but 0 are taken
 * for one host here; the other tests run over hosts with --hosts (contract/ranks/hosts.h). */
#include <stdio.h>
#include <unistd.h>

#include "exec/mpi/testing.h"
#include "world.h"

enum { ITEMS = 3000, HOSTS_RANKS = 64 };

static struct fani_mpi_traffic traffic[HOSTS_RANKS];

static fan_executor *open_led(fan_mpi_leaders leaders, const char *local, size_t limit)
{
    static struct fani_mpi_testing testing;
    fan_mpi_options mpi = world_options();
    memset(traffic, 0, sizeof traffic);
    testing = (struct fani_mpi_testing){
        .host = the_world()->rank ? "far" : "near", .traffic = traffic, .message_limit = limit};
    mpi.testing = &testing;
    mpi.local = local;
    mpi.leaders = leaders;
    return world_open(&mpi, 2);
}

/* Items of their own messages or not, futures with arguments, ranges. */
static void work(fan_executor *executor, const int pids[], unsigned of_rank[])
{
    static uint64_t words[ITEMS], ran[ITEMS];
    int failed = 0;
    uint64_t salt = 5;
    fan_map_options one = {.batch = 1}, chosen = {.args = &salt, .args_size = sizeof salt};
    fan_summary summary;
    memset(words, 0, sizeof words);
    for (uint64_t i = 0; i < ITEMS; i++)
        words[i] = i % 10 == 0;
    EXPECT_I64(fan_map(executor, &task_where, fan_source_array(words, 8, ITEMS),
                       fan_sink_array(ran, 8, ITEMS), &one, NULL),
               FAN_OK);
    for (int r = 0; r < the_world()->size; r++)
        for (size_t i = 0; i < ITEMS; i++)
            of_rank[r] += ran[i] == (uint64_t)pids[r];
    EXPECT_I64(fan_map(executor, &task_ragged, fan_source_range(0, ITEMS),
                       fan_sink_callback(count_failed, &failed), &chosen, &summary),
               FAN_OK);
    EXPECT_I64(fan_map(executor, &task_index, fan_source_range(0, 100 * ITEMS),
                       fan_sink_callback(count_failed, &failed), NULL, &summary),
               FAN_OK);
    EXPECT_U64(summary.ok, 100 * ITEMS);
}

static void talks_to(fan_mpi_leaders leaders)
{
    const world *w = the_world();
    if (w->size < 3 || w->size > HOSTS_RANKS)
        SKIP("for three ranks or more");
    int pids[HOSTS_RANKS] = {0}, mine = getpid();
    MPI_Allgather(&mine, 1, MPI_INT, pids, 1, MPI_INT, MPI_COMM_WORLD);
    fan_executor *executor = open_led(leaders, NULL, 0);
    unsigned of_rank[HOSTS_RANKS] = {0};
    if (executor && w->rank == 0) {
        work(executor, pids, of_rank);
        for (int r = 1; r < w->size; r++) {
            bool direct = r == 1 || leaders == FAN_MPI_LEADERS_OFF;
            EXPECT_TRUE(of_rank[r] > 0); /* it worked, as itself */
            EXPECT_I64(traffic[r].sent > 0, direct);
            EXPECT_I64(traffic[r].received > 0, direct);
        }
    }
    world_close(executor);
}

FAN_TEST(mpi_leaders, carry_all_messages_of_their_hosts)
{
    talks_to(FAN_MPI_LEADERS_AUTO);
}

FAN_TEST(mpi_leaders, can_be_turned_off)
{
    talks_to(FAN_MPI_LEADERS_OFF);
}

/* Rank 0's option counts, whatever the others say. */
FAN_TEST(mpi_leaders, are_as_rank_0_says)
{
    const world *w = the_world();
    talks_to(w->rank ? FAN_MPI_LEADERS_OFF : FAN_MPI_LEADERS_ON);
}

FAN_TEST(mpi_leaders, bad_option_is_refused)
{
    fan_mpi_options mpi = world_options();
    mpi.leaders = (fan_mpi_leaders)3;
    const fan_executor_options options = {.plugin = fan_mpi_kind(), .plugin_options = &mpi};
    fan_executor *executor = NULL;
    fan_error error = {0};
    EXPECT_I64(fan_executor_open(&options, &executor, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "leaders is 3");
}

static fan_status check_echo(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    const unsigned char *const *inputs = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        size_t size = outcomes[i].size, wrong = 0;
        for (size_t b = 0; b < size; b++)
            wrong += outcomes[i].bytes[b] != inputs[outcomes[i].index][size - 1 - b];
        EXPECT_U64(wrong, 0);
        EXPECT_TRUE(size > 0);
    }
    return FAN_OK;
}

/* Messages that travel in parts on both ways: inputs, replies and arguments. */
FAN_TEST(mpi_leaders, pass_long_messages_on)
{
    enum { LONG = 12, BYTES = 40000, ROUNDS = 10 };
    static unsigned char bytes[LONG][BYTES];
    const unsigned char *inputs[LONG];
    fan_executor *executor = open_led(FAN_MPI_LEADERS_AUTO, NULL, 512);
    for (size_t i = 0; i < LONG; i++) {
        for (size_t b = 0; b < BYTES; b++)
            bytes[i][b] = pattern(i * 17 + b);
        inputs[i] = bytes[i];
    }
    fan_map_options options = {.batch = 1, .args = bytes, .args_size = 3000};
    for (int round = 0; executor && the_world()->rank == 0 && round < ROUNDS; round++) {
        bytes[0][0] = (unsigned char)round; /* other arguments each time */
        EXPECT_I64(fan_map(executor, &task_echo, fan_source_array(bytes, BYTES, LONG),
                           fan_sink_callback(check_echo, inputs), &options, NULL),
                   FAN_OK);
    }
    world_close(executor);
}

/* What is said of a crash is said of the rank where it was. */
FAN_TEST(mpi_leaders, crashes_are_counted_behind_them)
{
    const world *w = the_world();
    if (w->size < 3)
        SKIP("for three ranks or more");
    fan_executor *executor = open_led(FAN_MPI_LEADERS_AUTO, "processes", 0);
    if (executor && w->rank == 0) {
        enum { MANY = 200 };
        static uint64_t words[MANY];
        uint64_t victim = 77;
        for (uint64_t i = 0; i < MANY; i++)
            words[i] = i;
        fan_executor_stats stats = {0};
        fan_summary summary = {0};
        fan_map_options options = {.args = &victim, .args_size = sizeof victim, .batch = 1};
        EXPECT_I64(fan_map(executor, &task_mortal, fan_source_array(words, 8, MANY),
                           fan_sink_callback(count_failed, &(int){0}), &options, &summary),
                   FAN_OK);
        EXPECT_U64(summary.ok, MANY - 1);
        EXPECT_U64(summary.lost, 1);
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
        EXPECT_TRUE(stats.workers_lost >= 3); /* the crash limit */
    }
    world_close(executor);
}
