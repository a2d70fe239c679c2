/* Resizing over ranks: who works before and after, and that what a rank had claimed of a range, or
 * will not claim any more, is done once all the same. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "exec/executor_ops.h"
#include "exec/mpi/instance.h"
#include "exec/mpi/testing.h"
#include "world.h"

static fan_executor *open_between(unsigned workers, unsigned workers_max, bool own_hosts)
{
    static char host[32];
    static struct fani_mpi_testing testing;
    fan_mpi_options mpi = world_options();
    fan_executor *executor = NULL;
    fan_error error = {0};
    snprintf(host, sizeof host, "host-%d", the_world()->rank);
    testing.host = own_hosts ? host : NULL;
    mpi.testing = &testing;
    const fan_executor_options options = {.plugin = fan_mpi_kind(),
                                          .plugin_options = &mpi,
                                          .workers = workers,
                                          .workers_max = workers_max};
    fan_status status = fan_executor_open(&options, &executor, &error);
    SHIM_CHECK(status == FAN_OK, (void)0, "opening: %s", error.text);
    return executor;
}

/* ---- At rest ------------------------------------------------------------------------------- */

/* How many different processes ran `count` items of some milliseconds. */
static int places_of(fan_executor *executor, size_t count)
{
    enum { MOST = 64 };
    uint64_t ms[MOST], pids[MOST];
    int places = 0;
    for (size_t i = 0; i < count; i++)
        ms[i] = 4;
    EXPECT_I64(fan_map(executor, &task_where, fan_source_array(ms, sizeof *ms, count),
                       fan_sink_array(pids, sizeof *pids, count), &(fan_map_options){.batch = 1},
                       NULL),
               FAN_OK);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (pids[k] != pids[i])
            k++;
        places += k == i;
    }
    return places;
}

FAN_TEST(mpi_resize, workers_are_one_on_each_rank_in_turn)
{
    const unsigned ranks = (unsigned)the_world()->size;
    fan_executor *executor = open_between(1, 2, false);
    if (executor && the_world()->rank == 0) {
        const unsigned sizes[] = {1, ranks, 2 * ranks, ranks > 1 ? ranks - 1 : 1, ranks};
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            fan_executor_stats stats = {0};
            EXPECT_I64(fan_executor_resize(executor, sizes[k]), FAN_OK);
            EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
            EXPECT_U64(stats.workers, sizes[k]);
            EXPECT_I64(places_of(executor, 6 * (size_t)(sizes[k] < 10 ? sizes[k] : 10)),
                       sizes[k] < ranks ? sizes[k] : ranks);
        }
        EXPECT_I64(fan_executor_resize(executor, 2 * ranks + 1), FAN_E_ARGUMENT);
        EXPECT_I64(fan_executor_resize(executor, 0), FAN_E_ARGUMENT);
    }
    world_close(executor);
}

/* ---- In the middle of a range -------------------------------------------------------------- */

enum { COUNT = 400, ITEM_US = 200, SOME = 20, WAIT_MS = 120000, EVERYONE = 1 };

/* In a mapped file: holds every item until the test has seen where they are. */
typedef struct gate {
    atomic_int waiting;
    atomic_int open; /* for the process of this number, or EVERYONE */
    atomic_int ran;
} gate;

static void pause_us(long us)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static gate *map_gate(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *mapped = MAP_FAILED;
    if (fd >= 0) {
        mapped = mmap(NULL, sizeof(gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    return mapped == MAP_FAILED ? NULL : mapped;
}

static bool is_open(gate *g)
{
    int open = atomic_load(&g->open);
    return open == EVERYONE || open == (int)getpid();
}

static fan_status run_gated(fan_run *run, fan_items in)
{
    size_t size;
    const fan_items args = fan_run_args(run);
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    const char *path = (const char *)fan_items_at(&args, 0, &size);
    gate *g = out && path ? map_gate(path) : NULL;
    if (!g)
        return FAN_E_SYSTEM;
    for (size_t i = 0; i < in.count; i++) {
        atomic_fetch_add(&g->waiting, 1);
        while (!is_open(g))
            pause_us(ITEM_US);
        atomic_fetch_sub(&g->waiting, 1);
        pause_us(ITEM_US);
        atomic_fetch_add(&g->ran, 1);
        out[i] = (uint64_t)getpid();
    }
    munmap(g, sizeof *g);
    return FAN_OK;
}

const fan_task task_gated = {.name = "gated", .version = 1, .run = run_gated};

typedef struct ended {
    atomic_bool done;
    fani_replies replies;
} ended;

static void batch_done(fani_batch *batch)
{
    ended *e = batch->user;
    fani_replies_move(&e->replies, &batch->replies);
    fani_batch_free(batch);
    atomic_store(&e->done, true);
}

static void send_range(fan_executor *executor, const char *path, ended *e)
{
    fani_batch *batch = fani_batch_new();
    batch->task = &task_gated;
    batch->items = (fan_items){.count = COUNT};
    batch->args = (fan_items){.bytes = (const void *)path, .size = strlen(path) + 1, .count = 1};
    batch->divisible = true;
    batch->grain = 1;
    batch->done = batch_done;
    batch->user = e;
    EXPECT_I64(fani_front_send(fani_executor_front(executor), batch), FAN_OK);
}

/* Makes MPI move until the counter is there. */
static void await(fan_executor *executor, const atomic_int *counter, int value)
{
    fani_mpi *self = fani_executor_self(executor, &fani_mpi_ops);
    const fan_deadline late = fan_deadline_in_ms(WAIT_MS);
    while (atomic_load(counter) < value && fan_deadline_in_ms(0) < late)
        fani_mpi_ops.progress(self, fan_deadline_in_ms(1));
    EXPECT_TRUE(atomic_load(counter) >= value);
}

/* What other ranks ran of it. */
static size_t count_elsewhere(fan_executor *executor, ended *e)
{
    fani_mpi *self = fani_executor_self(executor, &fani_mpi_ops);
    const fan_deadline late = fan_deadline_in_ms(WAIT_MS);
    size_t elsewhere = 0;
    while (!atomic_load(&e->done) && fan_deadline_in_ms(0) < late)
        fani_mpi_ops.progress(self, fan_deadline_in_ms(100));
    EXPECT_TRUE(atomic_load(&e->done));
    EXPECT_U64(e->replies.count, COUNT);
    for (size_t i = 0; i < e->replies.count; i++) {
        fan_outcome outcome = fani_replies_outcome(&e->replies, i);
        uint64_t pid = 0;
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        if (outcome.size == sizeof pid)
            memcpy(&pid, outcome.bytes, sizeof pid);
        elsewhere += pid != (uint64_t)getpid();
    }
    fani_replies_clear(&e->replies);
    return elsewhere;
}

/* Every rank holds one item. Rank 0 goes on alone: the others end what they hold. Where they are
 * other hosts they hear of it by a message, which has time while rank 0 runs some. */
static void shrink(fan_executor *executor, const char *path, gate *g)
{
    ended e = {0};
    atomic_store(&g->open, 0);
    atomic_store(&g->ran, 0);
    send_range(executor, path, &e);
    await(executor, &g->waiting, the_world()->size);
    EXPECT_I64(fan_executor_resize(executor, 1), FAN_OK);
    atomic_store(&g->open, (int)getpid());
    await(executor, &g->ran, SOME);
    atomic_store(&g->open, EVERYONE);
    size_t elsewhere = count_elsewhere(executor, &e);
    EXPECT_TRUE(elsewhere + 1 >= (size_t)the_world()->size);
    EXPECT_TRUE(elsewhere < COUNT / 3);
}

/* Rank 0 holds the only item; then every rank must come to have one. */
static void grow(fan_executor *executor, const char *path, gate *g)
{
    ended e = {0};
    atomic_store(&g->open, 0);
    send_range(executor, path, &e);
    await(executor, &g->waiting, 1);
    EXPECT_I64(fan_executor_resize(executor, (unsigned)the_world()->size), FAN_OK);
    await(executor, &g->waiting, the_world()->size - 1);
    atomic_store(&g->open, EVERYONE);
    EXPECT_TRUE(count_elsewhere(executor, &e) + 2 >= (size_t)the_world()->size);
}

static void resize_in_a_range(bool own_hosts)
{
    fan_executor *executor = open_between(1, 1, own_hosts);
    char path[] = "/tmp/fan-resize-XXXXXX";
    if (executor && the_world()->rank == 0 && the_world()->size > 1) {
        int fd = mkstemp(path);
        EXPECT_TRUE(fd >= 0 && ftruncate(fd, sizeof(gate)) == 0);
        gate *g = fd >= 0 ? map_gate(path) : NULL;
        EXPECT_TRUE(g != NULL);
        if (g) {
            shrink(executor, path, g);
            grow(executor, path, g);
            munmap(g, sizeof *g);
        }
        if (fd >= 0) {
            close(fd);
            (void)unlink(path);
        }
    }
    world_close(executor);
}

FAN_TEST(mpi_resize, a_range_is_shared_anew_on_one_host)
{
    resize_in_a_range(false);
}

FAN_TEST(mpi_resize, a_range_is_shared_anew_between_hosts)
{
    resize_in_a_range(true);
}
