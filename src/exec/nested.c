/* Executors for the children of a running task: each worker has a serial one of its own, on which a
 * task that waits runs its own children and nothing else. So nesting can't deadlock, and on every
 * executor a child's fault is its parent's. */
#include <time.h>

#include "exec/settle.h"
#include "fanfold/executor.h"

enum { AGAIN_NS = 50000 };

fan_executor *fani_nest_executor(void *user)
{
    fani_nest *nest = user;
    if (nest->executor || fan_executor_open(&(fan_executor_options){.kind = "serial"},
                                            &nest->executor, NULL) != FAN_OK)
        return nest->executor;
    fani_front *front = &nest->executor->front;
    front->nested = true;
    front->outer_shared = nest->shared;
    front->outer = nest->user;
    return nest->executor;
}

void fani_nest_settle(void *user)
{
    fani_nest *nest = user;
    fani_front *front = nest->executor ? &nest->executor->front : NULL;
    if (!front || !fani_front_outstanding(front))
        return;
    for (;;) {
        fani_futures_cancel_held(front);
        fani_abandon_all(front);
        if (!fani_front_outstanding(front))
            break;
        /* Its watch has one in its hands: that is posted, or ended, in a moment. */
        (void)nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
    }
    pthread_mutex_lock(&front->lock);
    front->abandoning = false;
    pthread_mutex_unlock(&front->lock);
}

void fani_nest_end(fani_nest *nest)
{
    (void)fan_executor_close(nest->executor, FAN_CLOSE_ABANDON, FAN_FOREVER);
    nest->executor = NULL;
}
