#include "base/stamp.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LEARN_NS = 4000000, /* until the speed is known well enough, */
    SPAN_NS = 1000000,  /* and how long a rule holds: what it is wrong by stays below 100 ns */
    TRIES = 4,
    CLOSE_TICKS = 500, /* between two looks at the counter with the clock in between */
};

_Thread_local fani_stamp_rule fani_stamp_now;

/* Whether the kernel itself takes the counter for the clock: it has found that it counts evenly,
 * and the same on all cores. */
static bool counts_for_the_kernel(void)
{
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char name[8] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, name, sizeof name - 1);
    (void)close(fd); /* nothing was written */
    return size == 4 && strcmp(name, "tsc\n") == 0;
}

/* The clock, and the counter at that time; false: the thread was held up in between, again and
 * again.
 */
static bool read_both(int64_t *ns, uint64_t *ticks)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = fani_stamp_ticks();
        *ns = fani_clock_ns();
        uint64_t between = fani_stamp_ticks() - before;
        *ticks = before + between / 2;
        if (between < CLOSE_TICKS)
            return true;
    }
    return false;
}

/* The greatest time that the rule may have given. */
static int64_t latest(const fani_stamp_rule *rule)
{
    return rule->ns + (int64_t)(rule->span * rule->scale >> 32);
}

/* Begins a rule here, where the counter can be trusted. */
static void begin_rule(fani_stamp_rule *rule, int64_t ns, uint64_t ticks)
{
    double speed = (double)(ns - rule->first_ns) / (double)(ticks - rule->first_ticks);
    rule->scale = (uint64_t)(speed * 4294967296.0);
    rule->span = (uint64_t)(SPAN_NS / speed);
    rule->ns = ns;
    rule->ticks = ticks;
}

/* The first look at both; the speed is measured from here. */
static int64_t begin(fani_stamp_rule *rule)
{
    int64_t ns = 0;
    uint64_t ticks = 0;
    bool counts = counts_for_the_kernel();
    if (counts && !read_both(&ns, &ticks))
        return ns;
    rule->state = counts ? FANI_STAMP_COUNTS : FANI_STAMP_ASKS;
    rule->first_ns = counts ? ns : fani_clock_ns();
    rule->first_ticks = ticks;
    return rule->first_ns;
}

int64_t fani_stamp_renew(uint64_t ticks)
{
    fani_stamp_rule *rule = &fani_stamp_now;
    if (rule->state == FANI_STAMP_NEW)
        return begin(rule);
    int64_t ns = fani_clock_ns();
    if (rule->state == FANI_STAMP_ASKS || (!rule->span && ns - rule->first_ns < LEARN_NS))
        return ns;
    bool backwards = (int64_t)(ticks - rule->ticks) < 0;
    int64_t least = backwards ? rule->ns : latest(rule);
    bool close = read_both(&ns, &ticks) && ticks > rule->first_ticks;
    ns = ns > least ? ns : least;
    if (close)
        begin_rule(rule, ns, ticks);
    return ns;
}
