/* How large batches are: what must hold whatever was measured. */
#include "exec/batching.h"
#include "shim.h"

static uint64_t state = 88172645463325252;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

FAN_TEST(batching, sizes_keep_their_bounds)
{
    for (int i = 0; i < 200000; i++) {
        static const double times[] = {0, 1e-300, 0.01, 1, 40, 1e4, 1e9, 1e18};
        fani_batching known = {
            .workers = 1 + (unsigned)draw(4096),
            .item_ns = times[draw(8)] * (1 + (double)draw(100)),
            .last = draw(3) ? draw(100000) : 0,
            .most = 1 + draw(draw(2) ? 10 : 100000),
            .remaining = draw(3) ? draw(draw(2) ? 100 : 1000000000) : UINT64_MAX,
        };
        size_t items = fani_batching_items(&known);
        EXPECT_TRUE(items >= 1 && items <= known.most);
        EXPECT_TRUE(items <= 4 * (known.last ? known.last : 1));
        if (known.remaining != UINT64_MAX)
            EXPECT_TRUE(items == 1 || items * 2 * known.workers <= known.remaining);
        if (known.item_ns > 0 && items > 1)
            EXPECT_TRUE((double)items * known.item_ns <=
                        (known.workers > 4 ? 10000.0 * known.workers : 40000.0));
        if (shim_failed())
            return;
    }
}

/* Longer items never make for larger batches, and more of them left never for smaller ones. */
FAN_TEST(batching, sizes_follow_what_was_measured)
{
    fani_batching known = {.workers = 3, .last = 100000, .most = 65536, .remaining = UINT64_MAX};
    size_t before = SIZE_MAX;
    for (double item_ns = 0.1; item_ns < 1e6; item_ns *= 1.3) {
        known.item_ns = item_ns;
        size_t items = fani_batching_items(&known);
        EXPECT_TRUE(items <= before);
        before = items;
    }
    EXPECT_U64(before, 1);
    known.item_ns = 10;
    before = 0;
    for (uint64_t left = 1; left < 1000000; left = left * 5 / 4 + 1) {
        known.remaining = left;
        size_t items = fani_batching_items(&known);
        EXPECT_TRUE(items >= before);
        before = items;
    }
    EXPECT_U64(before, 4000); /* 40 us of work */
}

/* One batch that waited for a core does not make the next ones small; two are believed. */
FAN_TEST(batching, one_odd_time_changes_nothing)
{
    fani_item_time time = {0};
    fani_item_time_learn(&time, 100);
    EXPECT_TRUE(time.ns == 100);
    for (int i = 0; i < 10; i++) {
        fani_item_time_learn(&time, 1e7);
        EXPECT_TRUE(time.ns == 100);
        for (int k = 0; k < 2; k++)
            fani_item_time_learn(&time, 100);
        EXPECT_TRUE(time.ns == 100);
    }
    fani_item_time_learn(&time, 1e7);
    fani_item_time_learn(&time, 1e7);
    EXPECT_TRUE(time.ns > 2e6);
    for (int i = 0; i < 100; i++)
        fani_item_time_learn(&time, 10);
    EXPECT_TRUE(time.ns > 9.9 && time.ns < 10.1);
}

/* A task that works on many at once gets as many, unless they take too long or there are too few.
 */
FAN_TEST(batching, as_many_as_the_task_works_on_at_once)
{
    fani_batching known = {.workers = 2,
                           .item_ns = 1000,
                           .last = 512,
                           .most = 65536,
                           .remaining = UINT64_MAX,
                           .together = 512};
    EXPECT_U64(fani_batching_items(&known), 512);
    known.item_ns = 10; /* 40 us are more of them */
    EXPECT_U64(fani_batching_items(&known), 2048);
    known.item_ns = 100000; /* 10 ms are less */
    EXPECT_U64(fani_batching_items(&known), 100);
    known.item_ns = 1e9;
    EXPECT_U64(fani_batching_items(&known), 1);
    known.item_ns = 0;
    EXPECT_U64(fani_batching_items(&known), 1);
    known.item_ns = 1000;
    known.last = 8;
    EXPECT_U64(fani_batching_items(&known), 32);
    known.last = 512;
    known.remaining = 400;
    EXPECT_U64(fani_batching_items(&known), 100);
    known.remaining = UINT64_MAX;
    known.most = 300;
    EXPECT_U64(fani_batching_items(&known), 300);
}

/* A job given out to the end: each item once, and few batches. */
FAN_TEST(batching, a_whole_job_ends_in_short_batches)
{
    fani_batching known = {.workers = 4, .item_ns = 100, .most = 65536, .remaining = 100000};
    unsigned batches = 0;
    while (known.remaining && batches < 100000) {
        size_t items = fani_batching_items(&known);
        ASSERT_TRUE(items <= known.remaining);
        known.remaining -= items;
        known.last = items;
        batches++;
    }
    EXPECT_U64(known.last, 1);
    EXPECT_TRUE(batches > 250 && batches < 350);
}

FAN_TEST(batching, credit_shrinks_as_batches_grow)
{
    unsigned before = UINT32_MAX;
    EXPECT_U64(fani_batching_credit(5, 0), 5);
    for (double batch_ns = 1; batch_ns < 1e12; batch_ns *= 1.5) {
        unsigned credit = fani_batching_credit(5, batch_ns);
        EXPECT_TRUE(credit >= 5 && credit <= before);
        before = credit;
    }
    EXPECT_U64(before, 5);
    EXPECT_U64(fani_batching_credit(5, 1), 6000); /* 120 us of work each */
    EXPECT_U64(fani_batching_credit(5, 40000), 15);
    EXPECT_U64(fani_batching_credit(5, 5e6), 10);
}

FAN_TEST(batching, room_is_time_and_at_least_one_batch_in_advance)
{
    EXPECT_TRUE(fani_batching_room(5, 4, 0, 0, 0) && !fani_batching_room(5, 5, 0, 0, 0));
    EXPECT_TRUE(fani_batching_room(5, 9, 45e6, 5e6, 0) && !fani_batching_room(5, 10, 5e7, 5e6, 0));
    EXPECT_TRUE(fani_batching_room(5, 14, 14 * 4e4, 4e4, 0));
    EXPECT_TRUE(!fani_batching_room(5, 15, 15 * 4e4, 4e4, 0));
    EXPECT_TRUE(fani_batching_room(5, 15, 15 * 4e4, 4e4, 1e6)); /* a rank that ran dry */
    EXPECT_TRUE(!fani_batching_room(5, 5, 1e9, 2e8, 1e9));      /* long ones: none in advance */
}

FAN_TEST(batching, large_worlds_have_room_for_many_items)
{
    const size_t bytes = (size_t)256 << 20;
    EXPECT_U64(fani_batching_queue_items(1, bytes), 65536);
    EXPECT_U64(fani_batching_queue_items(1024, bytes), 65536);
    EXPECT_U64(fani_batching_queue_items(1025, bytes), 65600);
    EXPECT_U64(fani_batching_queue_items(10000, bytes), 640000);
    EXPECT_U64(fani_batching_queue_items(100000, bytes), 4194304);
    EXPECT_U64(fani_batching_queue_items(100000, 1), 65536);
    EXPECT_U64(fani_batching_queue_items(SIZE_MAX, SIZE_MAX), SIZE_MAX / 64);
}
