#include "stage/sleep.h"

#include "base/clock.h"

int fani_sleep_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);
    if (code)
        return code;
    code = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!code)
        code = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return code;
}

bool fani_sleep_until(pthread_cond_t *condition, pthread_mutex_t *lock, fan_deadline deadline)
{
    if (deadline <= FAN_NOW)
        return false;
    if (deadline == FAN_FOREVER)
        return pthread_cond_wait(condition, lock) == 0;
    struct timespec until = fani_clock_timespec(deadline);
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}
