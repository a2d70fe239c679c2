/* The monotonic clock for less than it costs to ask the kernel's page for it: the processor's
 * counter, compared with the clock each millisecond. For traces, which look at it twice an item. */
#ifndef FANI_STAMP_H
#define FANI_STAMP_H

#include <stdint.h>

/* Where this thread's counter stood at a time of the clock, and how fast it counts. */
typedef struct fani_stamp_rule {
    uint64_t ticks; /* at the time ns, */
    int64_t ns;
    uint64_t span;        /* and the rule holds for as many more; 0: there is none */
    uint64_t scale;       /* nanoseconds a tick, times 2^32 */
    uint64_t first_ticks; /* the pair from which the speed is measured */
    int64_t first_ns;
    enum { FANI_STAMP_NEW, FANI_STAMP_COUNTS, FANI_STAMP_ASKS } state;
} fani_stamp_rule;

extern _Thread_local fani_stamp_rule fani_stamp_now __attribute__((tls_model("initial-exec")));

/* Asks the clock and renews the rule; `ticks` is the counter just now. */
int64_t fani_stamp_renew(uint64_t ticks);

/* The counter of this core, which all cores share where it is used; elsewhere anything. */
static inline uint64_t fani_stamp_ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Nanoseconds on CLOCK_MONOTONIC, within about a tenth of a microsecond. Never decreases on one
 * thread. */
static inline int64_t fani_stamp_ns(void)
{
    const fani_stamp_rule *rule = &fani_stamp_now;
    uint64_t ticks = fani_stamp_ticks(), passed = ticks - rule->ticks;
    if (passed < rule->span)
        return rule->ns + (int64_t)(passed * rule->scale >> 32);
    return fani_stamp_renew(ticks);
}

#endif
