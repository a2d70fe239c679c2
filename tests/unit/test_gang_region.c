/* What members of a gang talk over. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shim.h"
#include "task/gang_region.h"

static fani_gang_link make(size_t members)
{
    fani_gang_link link = {.region = fani_gang_region_new(members), .members = members};
    for (size_t i = 0; link.region && i < members; i++)
        fani_gang_set_state(&link, i, FANI_GANG_HERE);
    return link;
}

FAN_TEST(gang_region, sizes_are_bounded_and_checked)
{
    EXPECT_U64(fani_gang_region_size(0), 0);
    EXPECT_U64(fani_gang_region_size(4097), 0);
    EXPECT_TRUE(fani_gang_region_size(4096) > 0);
    EXPECT_TRUE(fani_gang_region_new(0) == NULL);
    fani_gang_link link = make(3);
    ASSERT_TRUE(link.region != NULL);
    size_t size = fani_gang_region_size(3);
    EXPECT_TRUE(fani_gang_region_sound(link.region, size, 2));
    EXPECT_TRUE(!fani_gang_region_sound(link.region, size, 3));
    EXPECT_TRUE(!fani_gang_region_sound(link.region, size - 1, 0));
    EXPECT_TRUE(!fani_gang_region_sound(link.region, 8, 0));
    EXPECT_TRUE(!fani_gang_region_sound(NULL, size, 0));
    link.region->members = 4;
    EXPECT_TRUE(!fani_gang_region_sound(link.region, size, 0));
    fani_gang_region_free(link.region);
    fani_gang_region_free(NULL);
}

static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)(i * 167 % 251);
}

/* Pieces of all sizes go through the ring in their order; it never holds more than it may. */
FAN_TEST(gang_region, bytes_keep_their_order_around_the_end)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    uint64_t put = 0, taken = 0;
    unsigned char bytes[9000];
    for (size_t turn = 0; turn < 400; turn++) {
        size_t size = turn * 7919 % sizeof bytes, done = 0;
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(put + i);
        ASSERT_I64(fani_gang_put(&link, 0, 1, bytes, size, &done), FAN_OK);
        put += done;
        EXPECT_TRUE(done == size || put - taken == fani_gang_capacity(&link));
        ASSERT_I64(fani_gang_take(&link, 1, 0, bytes, turn * 104729 % sizeof bytes, &done), FAN_OK);
        for (size_t i = 0; i < done; i++)
            ASSERT_TRUE(bytes[i] == byte_at(taken + i));
        taken += done;
    }
    EXPECT_TRUE(put > 4 * fani_gang_capacity(&link));
    fani_gang_region_free(link.region);
}

FAN_TEST(gang_region, positions_written_over_are_refused)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    size_t done = 0;
    char byte = 0;
    atomic_store(&fani_gang_ring_of(&link, 0, 1)->head, UINT64_C(1) << 40);
    EXPECT_I64(fani_gang_take(&link, 1, 0, &byte, 1, &done), FAN_E_PROTOCOL);
    EXPECT_I64(fani_gang_put(&link, 0, 1, &byte, 1, &done), FAN_E_PROTOCOL);
    fani_gang_region_free(link.region);
}

FAN_TEST(gang_region, what_a_returned_member_sent_is_still_there)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    size_t done = 0;
    char byte = 'x';
    EXPECT_I64(fani_gang_put(&link, 1, 0, &byte, 1, &done), FAN_OK);
    fani_gang_set_state(&link, 1, FANI_GANG_RETURNED);
    EXPECT_I64(fani_gang_wait(&link, 0, FANI_GANG_RECEIVES, 1, NULL), FAN_OK);
    EXPECT_I64(fani_gang_take(&link, 0, 1, &byte, 1, &done), FAN_OK);
    EXPECT_I64(fani_gang_wait(&link, 0, FANI_GANG_RECEIVES, 1, NULL), FAN_E_CLOSED);
    EXPECT_I64(fani_gang_wait(&link, 0, FANI_GANG_SENDS, 1, NULL), FAN_E_CLOSED);
    EXPECT_I64(fani_gang_ended(&link, NULL), FAN_OK);
    fani_gang_region_free(link.region);
}

FAN_TEST(gang_region, the_first_end_counts)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    char text[FANI_GANG_TEXT] = "";
    EXPECT_I64(fani_gang_ended(&link, text), FAN_OK);
    EXPECT_STR(text, "");
    fani_gang_end(&link, FAN_E_FAILED, "first");
    fani_gang_end(&link, FAN_E_LOST, "second");
    EXPECT_I64(fani_gang_ended(&link, text), FAN_E_FAILED);
    EXPECT_STR(text, "first");
    EXPECT_I64(fani_gang_wait(&link, 0, FANI_GANG_RECEIVES, 1, NULL), FAN_E_LOST);
    fani_gang_region_free(link.region);
}

/* A member that died while it said why. */
FAN_TEST(gang_region, half_an_end_is_one)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    char text[FANI_GANG_TEXT] = "";
    atomic_store(&link.region->ended, 1);
    EXPECT_I64(fani_gang_ended(&link, text), FAN_E_LOST);
    EXPECT_CONTAINS(text, "middle");
    EXPECT_I64(fani_gang_wait(&link, 0, FANI_GANG_RECEIVES, 1, NULL), FAN_E_LOST);
    fani_gang_region_free(link.region);
}

typedef struct waiter {
    fani_gang_link link;
    size_t self, peer;
    _Atomic bool cancelled;
    fan_status status;
} waiter;

static void *wait_for_peer(void *user)
{
    waiter *w = user;
    w->status = fani_gang_wait(&w->link, w->self, FANI_GANG_RECEIVES, w->peer, &w->cancelled);
    return NULL;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

FAN_TEST(gang_region, a_cancel_ends_a_wait)
{
    waiter w = {.link = make(2), .self = 0, .peer = 1, .status = FAN_OK};
    ASSERT_TRUE(w.link.region != NULL);
    pthread_t thread;
    ASSERT_I64(pthread_create(&thread, NULL, wait_for_peer, &w), 0);
    sleep_ms(5);
    atomic_store(&w.cancelled, true);
    pthread_join(thread, NULL);
    EXPECT_I64(w.status, FAN_E_CANCELLED);
    fani_gang_region_free(w.link.region);
}

/* Nobody is stuck while one is awake, or has not begun; members elsewhere may be. */
FAN_TEST(gang_region, stuck_is_who_waits_for_nothing)
{
    waiter w = {.link = make(3), .self = 0, .peer = 1};
    ASSERT_TRUE(w.link.region != NULL);
    uint64_t sign = 0;
    size_t waiting = 0, done = 0;
    char text[FANI_GANG_TEXT];
    pthread_t thread;
    fani_gang_set_state(&w.link, 1, FANI_GANG_ELSEWHERE);
    fani_gang_set_state(&w.link, 2, FANI_GANG_ABSENT);
    ASSERT_I64(pthread_create(&thread, NULL, wait_for_peer, &w), 0);
    sleep_ms(20);
    EXPECT_TRUE(!fani_gang_stuck(&w.link, &sign, &waiting));
    fani_gang_set_state(&w.link, 2, FANI_GANG_RETURNED);
    for (int i = 0; i < 24000 && !fani_gang_stuck(&w.link, &sign, &waiting); i++)
        sleep_ms(5);
    EXPECT_TRUE(fani_gang_stuck(&w.link, &sign, &waiting));
    EXPECT_U64(waiting, 1);
    fani_gang_describe(&w.link, text);
    EXPECT_STR(text, "0 waits to receive from 1");
    EXPECT_I64(fani_gang_ended(&w.link, NULL), FAN_OK); /* one is elsewhere: not judged here */
    EXPECT_I64(fani_gang_put(&w.link, 1, 0, "x", 1, &done), FAN_OK);
    EXPECT_TRUE(!fani_gang_stuck(&w.link, &sign, &waiting) || waiting == 0);
    pthread_join(thread, NULL);
    EXPECT_I64(w.status, FAN_OK);
    fani_gang_region_free(w.link.region);
}

FAN_TEST(gang_region, two_that_wait_for_each_other_end)
{
    fani_gang_link link = make(2);
    ASSERT_TRUE(link.region != NULL);
    waiter w[2] = {{.link = link, .self = 0, .peer = 1}, {.link = link, .self = 1, .peer = 0}};
    pthread_t threads[2];
    char text[FANI_GANG_TEXT] = "";
    for (int i = 0; i < 2; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, wait_for_peer, &w[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_I64(w[i].status, FAN_E_LOST);
    }
    EXPECT_I64(fani_gang_ended(&link, text), FAN_E_FAILED);
    EXPECT_CONTAINS(text, "deadlock");
    EXPECT_CONTAINS(text, "1 waits to receive from 0");
    fani_gang_region_free(link.region);
}
