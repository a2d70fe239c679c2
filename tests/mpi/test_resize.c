/* Resizing over ranks: who works before and after, and that what a rank had claimed of a range, or
 * will not claim any more, is done once all the same. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

enum { COUNT = 800, ITEM_US = 200, SOON = 20 };

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

/* Items of slot 0 that were claimed on rank 0's host. */
static uint64_t claimed(const fani_mpi *self)
{
    return atomic_load(&self->claims.slots[0].word) & (((uint64_t)1 << FANI_CLAIM_OFFSET_BITS) - 1);
}

/* Runs a range, and resizes once it has been begun; counts what other ranks ran. */
static void run_resized(fan_executor *executor, unsigned workers, size_t *elsewhere)
{
    const uint64_t us = ITEM_US, own = (uint64_t)getpid();
    fani_mpi *self = fani_executor_self(executor, &fani_mpi_ops);
    const fan_deadline late = fan_deadline_in_ms(60000);
    fani_batch *batch = fani_batch_new();
    ended e = {0};
    batch->task = &task_place;
    batch->items = (fan_items){.count = COUNT};
    batch->args = (fan_items){.bytes = (const void *)&us, .size = sizeof us, .count = 1};
    batch->divisible = true;
    batch->grain = 1;
    batch->done = batch_done;
    batch->user = &e;
    EXPECT_I64(fani_front_send(fani_executor_front(executor), batch), FAN_OK);
    while (claimed(self) < SOON && fan_deadline_in_ms(0) < late)
        fani_mpi_ops.progress(self, fan_deadline_in_ms(1));
    EXPECT_TRUE(claimed(self) < COUNT); /* it runs */
    EXPECT_I64(fan_executor_resize(executor, workers), FAN_OK);
    while (!atomic_load(&e.done) && fan_deadline_in_ms(0) < late)
        fani_mpi_ops.progress(self, fan_deadline_in_ms(100));
    EXPECT_TRUE(atomic_load(&e.done));
    EXPECT_U64(e.replies.count, COUNT);
    *elsewhere = 0;
    for (size_t i = 0; i < COUNT; i++) {
        fan_outcome outcome = fani_replies_outcome(&e.replies, i);
        uint64_t pid = 0;
        EXPECT_I64(outcome.kind, FAN_OUTCOME_OK);
        if (outcome.size == sizeof pid)
            memcpy(&pid, outcome.bytes, sizeof pid);
        *elsewhere += pid != own;
    }
    fani_replies_clear(&e.replies);
}

static void resize_in_a_range(bool own_hosts)
{
    const unsigned ranks = (unsigned)the_world()->size;
    fan_executor *executor = open_between(1, 1, own_hosts);
    if (executor && the_world()->rank == 0 && ranks > 1) {
        size_t elsewhere;
        run_resized(executor, 1, &elsewhere);
        EXPECT_TRUE(elsewhere > 0 && elsewhere < COUNT / 3);
        run_resized(executor, ranks, &elsewhere);
        EXPECT_TRUE(elsewhere > COUNT / 8);
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
