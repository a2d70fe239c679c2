/* When a batch began is told on this host's clock, whatever the clock of the one who ran it says.
 */
#include "exec/timed.h"

#include <time.h>

#include "base/clock.h"
#include "shim/shim.h"

#define MS INT64_C(1000000)

enum { STRIDE = 8 };

/* When it would have begun that ended just now, on this host's clock. */
static int64_t ago(int64_t run_ns)
{
    return fani_clock_ns() - run_ns;
}

/* The same of what was looked at last: the calendar's clock may be set while a test runs, and what
 * lies between its reading and that of the other one is nobody's promise. */
static int64_t began_here(const fani_timed *timed)
{
    return timed->began_ns - timed->calendar_ns;
}

/* A batch that ran for 50 ms, until `late_ns` ago, on a clock that is ahead by so much. */
static int64_t look(fani_timed *timed, uint32_t rank, int64_t ahead_ns, int64_t late_ns)
{
    fani_batch batch = {.where = {.rank = rank, .worker = 3, .pid = 1}, .run_ns = 50 * MS};
    batch.items.count = 1;
    batch.begun_ns = fani_clock_ns() - 50 * MS - late_ns + ahead_ns;
    fani_timed_look(timed, &batch);
    return began_here(timed);
}

FAN_TEST(timed, clocks_of_other_hosts_are_made_this_ones)
{
    static const char hosts[3][STRIDE] = {"here", "here", "there"};
    const fani_opened opened = {.ranks = 3, .hosts = hosts[0], .hosts_stride = STRIDE};
    fani_timed timed = {0};
    int64_t before = ago(0);
    ASSERT_I64(fani_timed_begin(&timed, &opened), FAN_OK);
    /* The same clock: exactly. The time between is that of this test. */
    int64_t began = look(&timed, 1, 0, 200 * MS);
    EXPECT_STR(timed.worker, "here/1.3");
    EXPECT_TRUE(began >= before - 250 * MS && began <= ago(250 * MS));
    /* Another one, of which nothing is known but that it has answered by now. */
    before = ago(0);
    began = look(&timed, 2, INT64_C(-7777777777777), 200 * MS);
    EXPECT_STR(timed.worker, "there/2.3");
    EXPECT_TRUE(began >= before - 50 * MS && began <= ago(50 * MS));
    /* What has answered more quickly says better how the clocks differ. */
    int64_t asked = fani_clock_ns();
    (void)look(&timed, 2, INT64_C(-7777777777777), 0);
    int64_t took = fani_clock_ns() - asked + MS;
    before = ago(0);
    began = look(&timed, 2, INT64_C(-7777777777777), 200 * MS);
    EXPECT_TRUE(began >= before - 250 * MS && began <= ago(250 * MS) + took);
    fani_timed_end(&timed);
}

/* To a minute; a clock that is set between two readings is not each time. */
static bool is_today(void)
{
    const fani_opened opened = {.workers = 1};
    fani_timed timed = {0};
    fani_batch batch = {.items = {.count = 1}, .where = {.pid = 1}, .run_ns = MS};
    EXPECT_I64(fani_timed_begin(&timed, &opened), FAN_OK);
    int64_t before = (int64_t)time(NULL) - 60;
    fani_timed_look(&timed, &batch);
    int64_t began = timed.began_ns / 1000000000;
    bool today = began >= before && began <= (int64_t)time(NULL) + 60;
    fani_timed_end(&timed);
    return today;
}

FAN_TEST(timed, the_calendar_is_that_of_today)
{
    bool today = false;
    for (int i = 0; i < 5 && !today; i++)
        today = is_today();
    EXPECT_TRUE(today);
}

FAN_TEST(timed, what_is_not_known_is_not_made_up)
{
    const fani_opened opened = {.workers = 1};
    fani_timed timed = {0};
    fani_batch batch = {.items = {.count = 1}};
    ASSERT_I64(fani_timed_begin(&timed, &opened), FAN_OK);
    fani_timed_look(&timed, &batch);
    EXPECT_STR(timed.worker, "");
    EXPECT_I64(timed.began_ns, 0);
    /* A run that was ended from outside, after so long. */
    batch.where.pid = 1;
    batch.run_ns = 90 * MS;
    int64_t before = ago(90 * MS);
    fani_timed_look(&timed, &batch);
    EXPECT_TRUE(began_here(&timed) >= before && began_here(&timed) <= ago(90 * MS));
    /* A worker that was looking for work before the batch came. */
    before = ago(60 * MS);
    batch.begun_ns = fani_clock_ns() - 90 * MS;
    batch.posted_ns = batch.begun_ns + 30 * MS;
    fani_timed_look(&timed, &batch);
    EXPECT_TRUE(began_here(&timed) >= before && began_here(&timed) <= ago(60 * MS));
    EXPECT_U64(timed.run_ns, 60 * MS);
    batch.begun_ns = 0;
    batch.items.count = 2; /* of several it is the sum of their runs */
    fani_timed_look(&timed, &batch);
    EXPECT_I64(timed.began_ns, 0);
    fani_timed_end(&timed);
}
