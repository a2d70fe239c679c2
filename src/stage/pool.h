/* What the stage layer's own parts give to a pool: work that is part of something of theirs, so
 * that handing it over takes no memory and can't fail. */
#ifndef FANI_POOL_H
#define FANI_POOL_H

#include "fanfold/stage.h"

typedef struct fani_work {
    void (*run)(struct fani_work *work);
    /* The pool's own: where it waits, and until when. */
    size_t place;
    struct fani_work *next;
    fan_deadline due;
    int priority;
} fani_work;

/* Joins the pool: so many works may be posted, and the pool is not closed, until leave. Errors:
 * FAN_E_MEMORY, FAN_E_CLOSED; FAN_E_SYSTEM: the system gives it not a single thread. */
fan_status fani_pool_join(fan_pool *pool, size_t works);
void fani_pool_leave(fan_pool *pool, size_t works);

/* Has a work run by a thread; those of equal priority in the order in which they came. For who has
 * joined; also with locks held that its works take. */
void fani_pool_post(fan_pool *pool, fani_work *work, int priority);

/* The same once `due` has come: until then it holds no thread. */
void fani_pool_post_at(fan_pool *pool, fani_work *work, int priority, fan_deadline due);

/* Takes back a work that was posted. False: it has begun. */
bool fani_pool_take_back(fan_pool *pool, fani_work *work);

/* Whether this is one of the pool's threads. */
bool fani_pool_is_inside(const fan_pool *pool);

#endif
