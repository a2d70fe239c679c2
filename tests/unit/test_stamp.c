/* Stamps: near the clock, and never backwards. */
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/stamp.h"
#include "shim.h"

enum { ROUNDS = 200000, THREADS = 3, NEAR_NS = 2000, NS_PER_MS = 1000000 };

/* How far a stamp lies outside of two looks at the clock that enclose it; 0: between them. */
static int64_t distance(int64_t before, int64_t stamp, int64_t after)
{
    return stamp < before ? before - stamp : stamp > after ? stamp - after : 0;
}

typedef struct seen {
    pthread_t thread;
    int64_t farthest;
    bool backwards;
} seen;

static void *look(void *user)
{
    seen *s = user;
    int64_t last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t before = fani_clock_ns(), stamp = fani_stamp_ns(), after = fani_clock_ns();
        int64_t far = distance(before, stamp, after);
        s->farthest = far > s->farthest ? far : s->farthest;
        s->backwards |= stamp < last;
        last = stamp;
        if (i % (ROUNDS / 4) == 0) /* a rule that is long past */
            nanosleep(&(struct timespec){.tv_nsec = 3L * NS_PER_MS}, NULL);
    }
    return NULL;
}

static bool all_are_near(void)
{
    bool near = true;
    seen all[THREADS] = {{0}};
    for (int i = 0; i < THREADS; i++)
        EXPECT_I64(pthread_create(&all[i].thread, NULL, look, &all[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        EXPECT_TRUE(!all[i].backwards);
        near &= all[i].farthest < NEAR_NS;
    }
    return near;
}

/* While the clock is set, or the machine moves, it may be further off: not each time. */
FAN_TEST(stamp, lies_near_the_clock_and_never_goes_back)
{
    bool near = false;
    for (int i = 0; i < 5 && !near && !shim_failed(); i++)
        near = all_are_near();
    EXPECT_TRUE(near);
}

/* A counter that has jumped, as when a machine moves to another host: at worst the times stand
 * still until the clock is there. */
FAN_TEST(stamp, survives_a_counter_that_jumps)
{
    int64_t until = fani_clock_ns() + INT64_C(10) * NS_PER_MS, last = fani_stamp_ns();
    while (fani_clock_ns() < until)
        last = fani_stamp_ns();
    fani_stamp_now.ticks += UINT64_C(1) << 40;
    int64_t back = fani_stamp_ns();
    EXPECT_TRUE(back >= last);
    fani_stamp_now.ticks -= UINT64_C(1) << 40;
    int64_t ahead = fani_stamp_ns(), now = fani_clock_ns();
    EXPECT_TRUE(ahead >= back);
    EXPECT_TRUE(ahead <= now + INT64_C(2) * NS_PER_MS);
}
