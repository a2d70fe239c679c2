#include "exec/watch.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

enum {
    LOOK_LEAST_NS = 1000000,  /* between two looks at batches with a timeout: an eighth of the */
    LOOK_MOST_NS = 100000000, /* shortest one, within these bounds */
    LOOKS_A_TIMEOUT = 8,
    WAITING_MAX = 64, /* batches in a row that have not begun: those behind them have not either */
};

/* A list of cares in the order in which they want attention. */
typedef struct list {
    fani_care *first, *last;
} list;

struct fani_watch {
    fani_front *front;
    pthread_t thread;
    fani_event news; /* a list has changed */
    list timed;      /* the front's lock guards these: by priority, as executors begin them */
    list delayed;    /* by due time */
    int64_t look_ns; /* an eighth of the shortest timeout seen */
    int64_t due;     /* when the next look was to be; FAN_FOREVER: there was no need */
    _Atomic bool ending;
};

/* ---- Lists --------------------------------------------------------------------------------- */

static list *list_of(fani_front *front, const fani_care *care)
{
    return care->listed == FANI_TIMED ? &front->watch->timed : &front->watch->delayed;
}

static void insert_behind(list *l, fani_care *before, fani_care *care)
{
    care->previous = before;
    care->next = before ? before->next : l->first;
    if (care->next)
        care->next->previous = care;
    else
        l->last = care;
    if (before)
        before->next = care;
    else
        l->first = care;
}

void fani_watch_forget(fani_front *front, fani_care *care)
{
    if (care->listed == FANI_UNLISTED)
        return;
    list *l = list_of(front, care);
    if (care->previous)
        care->previous->next = care->next;
    else
        l->first = care->next;
    if (care->next)
        care->next->previous = care->previous;
    else
        l->last = care->previous;
    care->listed = FANI_UNLISTED;
}

void fani_watch_time(fani_front *front, fani_batch *batch)
{
    pthread_mutex_lock(&front->lock);
    struct fani_watch *watch = front->watch;
    fani_care *before = watch->timed.last;
    int64_t look = batch->timeout_ns / LOOKS_A_TIMEOUT;
    bool news = !before || look < watch->look_ns;
    while (before && before->batch->priority < batch->priority)
        before = before->previous;
    insert_behind(&watch->timed, before, batch->care);
    batch->care->listed = FANI_TIMED;
    batch->care->paused_ns = 0;
    if (look < watch->look_ns)
        watch->look_ns = look > LOOK_LEAST_NS ? look : LOOK_LEAST_NS;
    pthread_mutex_unlock(&front->lock);
    if (news)
        fani_event_notify(&watch->news);
}

void fani_watch_delay(fani_front *front, fani_batch *batch, int64_t delay_ns)
{
    struct fani_watch *watch = front->watch;
    fani_care *care = batch->care, *before = watch->delayed.last;
    care->due = fani_clock_ns() + delay_ns;
    while (before && before->due > care->due)
        before = before->previous;
    insert_behind(&watch->delayed, before, care);
    care->listed = FANI_DELAYED;
    if (!before)
        fani_event_wake(&watch->news, 1);
}

fani_care *fani_watch_delayed(fani_front *front, const fani_batch *root)
{
    fani_care *care = front->watch ? front->watch->delayed.first : NULL;
    while (care && root && fani_root_of(care->batch) != root)
        care = care->next;
    return care;
}

/* ---- The thread ---------------------------------------------------------------------------- */

/* Posts what is due again. Returns when the next one is. */
static int64_t post_due(struct fani_watch *watch)
{
    fani_front *front = watch->front;
    for (;;) {
        int64_t now = fani_clock_ns();
        pthread_mutex_lock(&front->lock);
        fani_care *care = watch->delayed.first;
        int64_t due = care ? care->due : FAN_FOREVER;
        bool is_due = care && due <= now;
        if (is_due) {
            fani_watch_forget(front, care);
            fani_pin(care);
        }
        pthread_mutex_unlock(&front->lock);
        if (!is_due)
            return due;
        fani_post_pinned(front, care->batch);
    }
}

/* The first batch in the list that runs too long, or NULL. The lock is held. */
static fani_care *find_overtime(struct fani_watch *watch)
{
    fani_front *front = watch->front;
    int64_t now = fani_clock_ns();
    unsigned waiting = 0, most = 2 * atomic_load(&front->depth) + WAITING_MAX;
    for (fani_care *care = watch->timed.first; care && waiting < most; care = care->next) {
        int64_t begun = front->ops->begun(front->self, care->batch);
        waiting = begun ? 0 : waiting + 1;
        if (begun && now - begun - care->paused_ns > care->batch->timeout_ns) {
            care->begun_ns = begun;
            return care;
        }
    }
    return NULL;
}

/* A look that comes much too late was kept from coming: the program was stopped, mostly with all
 * its workers (Ctrl-Z, a batch system's suspend), or its machine is overloaded. That time counts
 * for no batch. */
static void forgive_pause(struct fani_watch *watch)
{
    fani_front *front = watch->front;
    int64_t now = fani_clock_ns(), late = now - watch->due;
    unsigned waiting = 0, most = 2 * atomic_load(&front->depth) + WAITING_MAX;
    pthread_mutex_lock(&front->lock);
    bool paused = watch->due != FAN_FOREVER && late > watch->look_ns;
    fani_care *care = paused ? watch->timed.first : NULL;
    for (; care && waiting < most; care = care->next) {
        int64_t begun = front->ops->begun(front->self, care->batch);
        waiting = begun ? 0 : waiting + 1;
        if (begun && begun < now)
            care->paused_ns += late < now - begun ? late : now - begun;
    }
    pthread_mutex_unlock(&front->lock);
}

/* Ends what runs too long: where it can be ended its completion says the rest (settle.c). */
static void end_overtime(struct fani_watch *watch)
{
    fani_front *front = watch->front;
    for (;;) {
        pthread_mutex_lock(&front->lock);
        fani_care *care = find_overtime(watch);
        if (!care) {
            pthread_mutex_unlock(&front->lock);
            return;
        }
        care->overtime = true;
        if (!(front->opened.capabilities & FAN_CAP_KILLS)) {
            fani_detach(front, care->batch); /* releases the lock */
            continue;
        }
        fani_watch_forget(front, care);
        fani_pin(care);
        pthread_mutex_unlock(&front->lock);
        front->ops->revoke(front->self, care->batch, true);
        fani_unpin(front, care);
    }
}

static int64_t next_look(struct fani_watch *watch)
{
    pthread_mutex_lock(&watch->front->lock);
    bool any = watch->timed.first != NULL;
    if (!any)
        watch->look_ns = LOOK_MOST_NS;
    int64_t look = watch->look_ns;
    pthread_mutex_unlock(&watch->front->lock);
    return any ? fani_clock_ns() + look : FAN_FOREVER;
}

static void *keep_watch(void *user)
{
    struct fani_watch *watch = user;
    while (!atomic_load(&watch->ending)) {
        uint32_t key = fani_event_prepare(&watch->news);
        fani_shard *shard = fani_front_enter(watch->front);
        int64_t due = post_due(watch);
        forgive_pause(watch);
        end_overtime(watch);
        fani_front_leave(shard);
        int64_t look = watch->due = next_look(watch);
        if (atomic_load(&watch->ending))
            fani_event_cancel(&watch->news);
        else
            (void)fani_event_wait(&watch->news, key, due < look ? due : look);
    }
    return NULL;
}

fan_status fani_watch_start(fani_front *front)
{
    fan_status status = FAN_OK;
    pthread_mutex_lock(&front->lock);
    struct fani_watch *watch = front->watch ? NULL : calloc(1, sizeof *watch);
    if (!front->watch && !watch)
        status = FAN_E_MEMORY;
    if (watch) {
        sigset_t all, before;
        watch->front = front;
        watch->look_ns = LOOK_MOST_NS;
        watch->due = FAN_FOREVER;
        sigfillset(&all); /* the program's signals are for its own threads */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (pthread_create(&watch->thread, NULL, keep_watch, watch) == 0) {
            front->watch = watch;
        } else {
            free(watch);
            status = FAN_E_SYSTEM;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_mutex_unlock(&front->lock);
    return status;
}

void fani_watch_end(struct fani_watch *watch)
{
    if (!watch)
        return;
    atomic_store(&watch->ending, true);
    fani_event_wake(&watch->news, 1);
    pthread_join(watch->thread, NULL);
    free(watch);
}
