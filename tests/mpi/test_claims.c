/* Divisible index ranges: claimed one-sidedly within a host, handed out between hosts. The batches
 * are made by hand here, so that their grain and their end are the test's. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "exec/executor_ops.h"
#include "exec/mpi/instance.h"
#include "world.h"

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

static fani_batch *send_range(fan_executor *executor, const fan_task *task, uint64_t first,
                              size_t count, size_t grain, const void *args, size_t args_size,
                              ended *e)
{
    fani_batch *batch = fani_batch_new();
    *e = (ended){0};
    batch->task = task;
    batch->items = (fan_items){.first = first, .count = count};
    if (args)
        batch->args = (fan_items){.bytes = args, .size = args_size, .count = 1};
    batch->divisible = true;
    batch->grain = grain;
    batch->done = batch_done;
    batch->user = e;
    EXPECT_I64(fani_front_send(fani_executor_front(executor), batch), FAN_OK);
    return batch;
}

/* Makes MPI move until it is done; a minute at most. */
static void await(fan_executor *executor, ended *e)
{
    fan_deadline deadline = fan_deadline_in_ms(120000);
    void *self = fani_executor_self(executor, &fani_mpi_ops);
    while (!atomic_load(&e->done) && fan_deadline_in_ms(0) < deadline)
        fani_mpi_ops.progress(self, deadline);
    EXPECT_TRUE(atomic_load(&e->done));
}

static void expect_words(const ended *e, uint64_t first, size_t count)
{
    size_t wrong = 0;
    EXPECT_U64(e->replies.count, count);
    for (size_t i = 0; i < count && i < e->replies.count; i++) {
        fan_outcome outcome = fani_replies_outcome(&e->replies, i);
        uint64_t word = 0;
        if (outcome.kind == FAN_OUTCOME_OK && outcome.size == sizeof word)
            memcpy(&word, outcome.bytes, sizeof word);
        wrong += word != mix_value(0, first + i);
    }
    EXPECT_U64(wrong, 0);
}

static void check_range(fan_executor *executor, uint64_t first, size_t count, size_t grain)
{
    ended e;
    send_range(executor, &task_index, first, count, grain, NULL, 0, &e);
    await(executor, &e);
    expect_words(&e, first, count);
    EXPECT_TRUE(e.replies.array && !e.replies.slots);
    fani_replies_clear(&e.replies);
}

FAN_TEST(mpi_claims, every_index_once)
{
    static const size_t grains[] = {1, 7, 0}, counts[] = {2, 100, 20000};
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    for (int g = 0; g < 3 && the_world()->rank == 0; g++)
        for (int c = 0; c < 3; c++)
            check_range(executor, (uint64_t)1000 * (uint64_t)g + 5, counts[c], grains[g]);
    world_close(executor);
}

/* More ranges at once than a host has slots for. */
FAN_TEST(mpi_claims, many_ranges_at_once)
{
    enum { RANGES = 40, COUNT = 300 };
    fan_executor *executor = world_open_threads(1);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank == 0) {
        static ended all[RANGES];
        for (size_t r = 0; r < RANGES; r++)
            send_range(executor, &task_index, r * COUNT, COUNT, r % 3, NULL, 0, &all[r]);
        for (size_t r = 0; r < RANGES; r++) {
            await(executor, &all[r]);
            expect_words(&all[r], r * COUNT, COUNT);
            fani_replies_clear(&all[r].replies);
        }
    }
    world_close(executor);
}

FAN_TEST(mpi_claims, items_that_fail_and_replies_of_any_size)
{
    enum { COUNT = 3000 };
    fan_executor *executor = world_open_threads(2);
    ASSERT_TRUE(executor != NULL);
    for (size_t grain = 0; grain < 8 && the_world()->rank == 0; grain += 7) {
        ended e;
        uint64_t salt = 11 + grain;
        send_range(executor, &task_ragged, 0, COUNT, grain, &salt, sizeof salt, &e);
        await(executor, &e);
        size_t wrong = 0;
        for (size_t i = 0; i < COUNT; i++) {
            fan_outcome outcome = fani_replies_outcome(&e.replies, i);
            bool fails = ragged_fails(i);
            wrong += outcome.kind != (fails ? FAN_OUTCOME_FAILED : FAN_OUTCOME_OK);
            if (!fails && outcome.kind == FAN_OUTCOME_OK)
                wrong += outcome.size != ragged_size(i, salt) ||
                         (outcome.size && outcome.bytes[outcome.size - 1] != pattern(i));
        }
        EXPECT_U64(wrong, 0);
        fani_replies_clear(&e.replies);
    }
    world_close(executor);
}

/* After this nobody claims: what has no outcome is cancelled, and the executor is as good as new.
 */
FAN_TEST(mpi_claims, end_when_the_batch_is_taken_back)
{
    enum { COUNT = 20000 };
    fan_executor *executor = world_open_threads(1);
    ASSERT_TRUE(executor != NULL);
    if (the_world()->rank == 0) {
        ended e;
        void *self = fani_executor_self(executor, &fani_mpi_ops);
        fani_batch *batch = send_range(executor, &task_drowsy, 0, COUNT, 1, NULL, 0, &e);
        fani_mpi_ops.revoke(self, batch, true);
        await(executor, &e);
        size_t kinds[5] = {0};
        for (size_t i = 0; i < COUNT; i++)
            kinds[fani_replies_outcome(&e.replies, i).kind]++;
        EXPECT_U64(kinds[FAN_OUTCOME_OK] + kinds[FAN_OUTCOME_CANCELLED], COUNT);
        EXPECT_TRUE(kinds[FAN_OUTCOME_CANCELLED] > COUNT / 2);
        fani_replies_clear(&e.replies);
        check_range(executor, 3, 5000, 1);
    }
    world_close(executor);
}

/* Where every rank stands for a host of its own, parts travel in messages. */
FAN_TEST(mpi_claims, between_hosts)
{
    fan_mpi_options mpi = world_options();
    mpi.leaders = FAN_MPI_LEADERS_OFF;
    fan_executor *executor = world_open(&mpi, 1);
    ASSERT_TRUE(executor != NULL);
    fani_mpi *self = fani_executor_self(executor, &fani_mpi_ops);
    if (the_world()->rank == 0) {
        fani_ranges_close(self);
        self->ranges.host_count = 0;
        for (int r = 0; r < self->size; r++)
            self->peers[r].leader = r;
        EXPECT_TRUE(fani_ranges_open(self));
    }
    /* Only the slots are still shared: each rank gets memory of its own for them. */
    static fani_claim_slot mine[FANI_CLAIM_SLOTS];
    memset(mine, 0, sizeof mine);
    self->claims.slots = mine;
    MPI_Barrier(MPI_COMM_WORLD);
    if (the_world()->rank == 0) {
        check_range(executor, 7, 10000, 1);
        check_range(executor, 8, 10000, 7);
        check_range(executor, 9, 50000, 0);
    }
    world_close(executor);
}
