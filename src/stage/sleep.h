/* Sleeping on condition variables until a deadline of the monotonic clock. */
#ifndef FANI_SLEEP_H
#define FANI_SLEEP_H

#include <pthread.h>
#include <stdbool.h>

#include "fanfold/executor.h"

/* A condition that fani_sleep_until takes. 0, or what pthread_cond_init answers. */
int fani_sleep_init(pthread_cond_t *condition);

/* Sleeps until the condition is signalled, with the lock given back meanwhile. False: the deadline
 * has passed; what was waited for may have come true all the same. */
bool fani_sleep_until(pthread_cond_t *condition, pthread_mutex_t *lock, fan_deadline deadline);

#endif
