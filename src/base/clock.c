#include "base/clock.h"

#include "fanfold/executor.h"

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

int64_t fani_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail: the clock exists and the pointer is good */
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct timespec fani_clock_timespec(int64_t deadline)
{
    return (struct timespec){.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
}

fan_deadline fan_deadline_in_ms(uint64_t ms)
{
    int64_t now = fani_clock_ns();
    if (ms > (uint64_t)(FAN_FOREVER - now) / NS_PER_MS)
        return FAN_FOREVER;
    return now + (int64_t)ms * NS_PER_MS;
}
