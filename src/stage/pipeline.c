/* Pipelines. A stage has no threads: where an item waits, a worker's number is free and the next
 * stage has a place for it, its step is handed to the pool. So no thread ever waits for a place,
 * any number of threads will do, and an idle pipeline holds none. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "stage/pool.h"
#include "stage/sleep.h"

enum { STAGES_MAX = 64, WORKERS_MAX = 4096, WINDOW_MAX = 1 << 20, LIMIT_MAX = 1 << 20 };

/* An item inside. */
typedef struct piece {
    fani_work work; /* first: work and piece have one address */
    fan_pipeline *pipeline;
    struct piece *next; /* in the list that it is in */
    uint64_t index;
    void *item;
    unsigned stage, worker;
    fan_outcome_kind kind;
    fan_status status;
    fan_error *error;            /* why it failed, or NULL */
    void (*on_stop)(void *user); /* of its step; the pipeline's stop_lock guards these two */
    void *on_stop_user;
} piece;

typedef struct list {
    piece *first, *last;
    size_t count;
} list;

typedef struct stage {
    fan_stage what;
    char name[24]; /* where it was given none */
    list waiting;  /* before it */
    size_t held;   /* those, and the items that the stage before works on for it */
    unsigned running;
    unsigned *workers; /* numbers: those free are the last ones from `running` on */
} stage;

struct fan_pipeline {
    fan_pipeline_options options;
    unsigned count; /* stages */
    size_t window, works;
    fan_pool *pool;
    bool own_pool;
    _Atomic bool stopped;

    pthread_mutex_t stop_lock; /* a step's on_stop is called with it held, and no other */
    pthread_mutex_t lock;      /* guards the rest; the pool's is taken inside */
    pthread_cond_t room;       /* for put */
    pthread_cond_t out;        /* something comes out, or nothing will any more: for get */
    pthread_cond_t quiet;      /* less is inside, or less runs: for wait and close */
    stage *stages;
    piece *pieces;    /* window */
    piece *spare;     /* of these, those that are not in use */
    list leaving;     /* as completed: what comes out next */
    piece **by_index; /* else: at the index modulo the window */
    uint64_t next_out;
    fan_error *given;   /* of what get gave last */
    unsigned running;   /* steps in work, or handed to the pool */
    size_t callers;     /* threads in put, get, wait and stop: close outlives them */
    bool ended, giving; /* giving: a thread calls `out` or `drop` */
    bool dropping;      /* nobody takes what comes out any more */
    bool joined;        /* the pool */
    fan_status status;  /* what `out` has answered */
    fan_error error;
    fan_pipeline_stats stats;
};

/* The pipeline that this thread runs a step or `out` of. */
static _Thread_local const fan_pipeline *inside;

static void append(list *l, piece *p)
{
    p->next = NULL;
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    l->count++;
}

static piece *take_first(list *l)
{
    piece *p = l->first;
    if (!p)
        return NULL;
    l->first = p->next;
    if (!l->first)
        l->last = NULL;
    l->count--;
    return p;
}

/* ---- Coming out ---------------------------------------------------------------------------- */

/* From here on functions work with the lock held unless they say otherwise. */

static void leave(fan_pipeline *p, piece *item, fan_outcome_kind kind)
{
    item->kind = kind;
    if (kind == FAN_OUTCOME_OK)
        p->stats.ok++;
    else if (kind == FAN_OUTCOME_CANCELLED)
        p->stats.cancelled++;
    else
        p->stats.failed++;
    if (p->by_index)
        p->by_index[item->index % p->window] = item;
    else
        append(&p->leaving, item);
}

static piece *take_leaving(fan_pipeline *p)
{
    if (!p->by_index)
        return take_first(&p->leaving);
    piece **place = &p->by_index[p->next_out % p->window], *item = *place;
    if (item) {
        *place = NULL;
        p->next_out++;
    }
    return item;
}

/* An item has come out: its place is free. */
static void set_free(fan_pipeline *p, piece *item)
{
    free(item->error);
    item->error = NULL;
    item->next = p->spare;
    p->spare = item;
    p->stats.inside--;
    if (p->callers)
        pthread_cond_signal(&p->room);
    if (p->stats.inside == 0) {
        pthread_cond_broadcast(&p->quiet);
        pthread_cond_broadcast(&p->out);
    }
}

/* Why an item is not OK. A failed one's own error is missing only where memory was. */
static const fan_error *error_of(const piece *item)
{
    static const fan_error stopped = {.status = FAN_E_CANCELLED,
                                      .text = "the pipeline was stopped before it was through"};
    static const fan_error lost = {.status = FAN_E_MEMORY,
                                   .text = "no memory for the text of its error"};
    if (item->kind == FAN_OUTCOME_OK)
        return NULL;
    if (item->kind == FAN_OUTCOME_CANCELLED)
        return &stopped;
    return item->error ? item->error : &lost;
}

static fan_passed describe(const fan_pipeline *p, const piece *item)
{
    bool ok = item->kind == FAN_OUTCOME_OK;
    return (fan_passed){.index = item->index,
                        .item = item->item,
                        .kind = item->kind,
                        .status =
                            item->kind == FAN_OUTCOME_CANCELLED ? FAN_E_CANCELLED : item->status,
                        .stage = item->stage,
                        .stage_name = ok ? "" : p->stages[item->stage].what.name,
                        .error = error_of(item)};
}

static void stop(fan_pipeline *p);
static void tell_steps(fan_pipeline *p);

/* Gives one item to `out`, or to `drop`. The lock is given back meanwhile. */
static void give(fan_pipeline *p, const piece *item)
{
    fan_error error = {0};
    fan_status status = FAN_OK;
    bool drop = p->dropping;
    pthread_mutex_unlock(&p->lock);
    const fan_pipeline *before = inside;
    inside = p;
    if (!drop) {
        fan_passed passed = describe(p, item);
        status = p->options.out(p->options.out_user, &passed, &error);
    } else if (p->options.drop) {
        p->options.drop(p->options.drop_user, item->item);
    }
    inside = before;
    pthread_mutex_lock(&p->lock);
    if (status == FAN_OK)
        return;
    if (error.status == FAN_OK)
        fani_error_set(&error, status, "%s", fan_status_text(status));
    p->status = status;
    p->error = error;
    p->dropping = true;
    stop(p);
    pthread_mutex_unlock(&p->lock);
    tell_steps(p);
    pthread_mutex_lock(&p->lock);
}

/* Gives what has come out, unless another thread does. */
static void give_all(fan_pipeline *p)
{
    if (!p->options.out && !p->dropping) {
        pthread_cond_signal(&p->out);
        return;
    }
    if (p->giving)
        return;
    p->giving = true;
    for (piece *item; (item = take_leaving(p));) {
        give(p, item);
        set_free(p, item);
    }
    p->giving = false;
    pthread_cond_broadcast(&p->quiet);
}

/* ---- Passing through ----------------------------------------------------------------------- */

static bool has_room(const fan_pipeline *p, unsigned s)
{
    return s == p->count || p->stages[s].held < p->stages[s].what.limit;
}

/* Begins every step that can begin, the last stages first: they make room. */
static void advance(fan_pipeline *p)
{
    for (unsigned s = p->count; s-- > 0;) {
        stage *at = &p->stages[s];
        while (at->waiting.first && at->running < at->what.workers && has_room(p, s + 1)) {
            piece *item = take_first(&at->waiting);
            item->worker = at->workers[at->running++];
            at->held--;
            if (s + 1 < p->count)
                p->stages[s + 1].held++;
            p->running++;
            fani_pool_post(p->pool, &item->work, (int)s);
        }
    }
    if (p->callers && p->spare && has_room(p, 0))
        pthread_cond_signal(&p->room);
}

/* Outside of the lock. */
static fan_status work_at(fan_pipeline *p, piece *item)
{
    const fan_stage *what = &p->stages[item->stage].what;
    fan_step step = {.user = what->user,
                     .index = item->index,
                     .stage = item->stage,
                     .worker = item->worker,
                     .pipeline = p,
                     .place = item};
    const fan_pipeline *before = inside;
    inside = p;
    fan_error error = {0};
    fan_status status = what->run(&step, &item->item, &error);
    inside = before;
    fan_step_on_stop(&step, NULL, NULL);
    if (status == FAN_OK)
        return FAN_OK;
    if (error.status == FAN_OK)
        fani_error_set(&error, status, "%s", fan_status_text(status));
    item->error = malloc(sizeof error);
    if (item->error)
        *item->error = error;
    return status;
}

/* Where an item goes whose step has ended. */
static void move_on(fan_pipeline *p, piece *item, fan_status status)
{
    bool last = item->stage + 1 == p->count, stopped = atomic_load(&p->stopped);
    item->status = status;
    if (status == FAN_OK && !last && !stopped) {
        append(&p->stages[++item->stage].waiting, item);
        return;
    }
    if (!last)
        p->stages[item->stage + 1].held--;
    if (status == FAN_OK && last) {
        item->stage++;
        leave(p, item, FAN_OUTCOME_OK);
    } else if (status == FAN_OK || (status == FAN_E_CANCELLED && stopped)) {
        leave(p, item, FAN_OUTCOME_CANCELLED);
    } else {
        leave(p, item, FAN_OUTCOME_FAILED);
    }
}

static void run_step(fani_work *work)
{
    piece *item = (piece *)(void *)work;
    fan_pipeline *p = item->pipeline;
    stage *at = &p->stages[item->stage];
    fan_status status = FAN_E_CANCELLED;
    if (!atomic_load(&p->stopped))
        status = work_at(p, item);
    pthread_mutex_lock(&p->lock);
    at->workers[--at->running] = item->worker;
    move_on(p, item, status);
    advance(p);
    give_all(p);
    if (--p->running == 0) /* the last thing that this thread does with it */
        pthread_cond_broadcast(&p->quiet);
    pthread_mutex_unlock(&p->lock);
}

/* What waits comes out. */
static void stop(fan_pipeline *p)
{
    if (atomic_exchange(&p->stopped, true))
        return;
    for (unsigned s = 0; s < p->count; s++) {
        stage *at = &p->stages[s];
        for (piece *item; (item = take_first(&at->waiting));) {
            at->held--;
            leave(p, item, FAN_OUTCOME_CANCELLED);
        }
    }
    pthread_cond_broadcast(&p->room);
    pthread_cond_broadcast(&p->out);
}

/* Calls what steps want to have called when the pipeline is stopped, which it is. Outside of the
 * lock. */
static void tell_steps(fan_pipeline *p)
{
    pthread_mutex_lock(&p->stop_lock);
    for (size_t i = 0; i < p->window; i++) {
        piece *item = &p->pieces[i];
        void (*on_stop)(void *) = item->on_stop;
        item->on_stop = NULL;
        if (on_stop)
            on_stop(item->on_stop_user);
    }
    pthread_mutex_unlock(&p->stop_lock);
}

/* ---- Opening ------------------------------------------------------------------------------- */

static void destroy(fan_pipeline *p)
{
    if (p->joined)
        fani_pool_leave(p->pool, p->works);
    if (p->own_pool) /* nothing of it runs: this waits for its threads' ends alone */
        (void)fan_pool_close(p->pool, FAN_CLOSE_DRAIN, FAN_FOREVER);
    for (unsigned s = 0; p->stages && s < p->count; s++)
        free(p->stages[s].workers);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->out);
    pthread_cond_destroy(&p->quiet);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->stop_lock);
    free(p->stages);
    free(p->given);
    free(p->pieces);
    free(p->by_index);
    free(p);
}

static fan_status check(const fan_stage *stages, size_t count, const fan_pipeline_options *o,
                        fan_error *error)
{
    if (!stages || !count || count > STAGES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "a pipeline has 1 to %d stages", STAGES_MAX);
    for (size_t s = 0; s < count; s++) {
        if (!stages[s].run)
            return fani_error_set(error, FAN_E_ARGUMENT, "stage %zu has no function", s);
        if (stages[s].workers > WORKERS_MAX || stages[s].limit > LIMIT_MAX)
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "stage %zu: at most %d workers, and %d items that wait", s,
                                  WORKERS_MAX, LIMIT_MAX);
    }
    if (o->window > WINDOW_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "the window is at most %d items", WINDOW_MAX);
    if (o->order != FAN_ORDER_INDEX && o->order != FAN_ORDER_COMPLETED)
        return fani_error_set(error, FAN_E_ARGUMENT, "there is no such order");
    return FAN_OK;
}

/* False: out of memory. */
static bool make_stages(fan_pipeline *p, const fan_stage *stages)
{
    p->stages = calloc(p->count, sizeof *p->stages);
    if (!p->stages)
        return false;
    for (unsigned s = 0; s < p->count; s++) {
        stage *made = &p->stages[s];
        made->what = stages[s];
        made->what.workers = stages[s].workers ? stages[s].workers : 1;
        made->what.limit = stages[s].limit ? stages[s].limit : made->what.workers;
        made->workers = malloc(made->what.workers * sizeof *made->workers);
        if (!made->workers)
            return false;
        for (unsigned i = 0; i < made->what.workers; i++)
            made->workers[i] = i;
        if (!made->what.name) {
            snprintf(made->name, sizeof made->name, "stage %u", s);
            made->what.name = made->name;
        }
        p->works += made->what.workers;
        p->window += made->what.workers + made->what.limit;
    }
    return true;
}

static bool make_pieces(fan_pipeline *p)
{
    bool ordered = p->options.order == FAN_ORDER_INDEX;
    p->window *= ordered ? 2 : 1;
    if (p->options.window)
        p->window = p->options.window;
    p->pieces = calloc(p->window, sizeof *p->pieces);
    if (ordered)
        p->by_index = calloc(p->window, sizeof(piece *));
    if (!p->pieces || (ordered && !p->by_index))
        return false;
    for (size_t i = p->window; i-- > 0;) {
        piece *item = &p->pieces[i];
        item->pipeline = p;
        item->work.run = run_step;
        item->next = p->spare;
        p->spare = item;
    }
    return true;
}

static fan_status find_pool(fan_pipeline *p, fan_error *error)
{
    enum { POOL_MAX = 4096 };
    p->pool = p->options.pool;
    if (!p->pool) {
        unsigned threads = p->works < POOL_MAX ? (unsigned)p->works + 1 : POOL_MAX;
        fan_status status = fan_pool_open(&(fan_pool_options){.threads = threads, .queue_calls = 1},
                                          &p->pool, error);
        if (status != FAN_OK)
            return status;
        p->own_pool = true;
    }
    fan_status status = fani_pool_join(p->pool, p->works);
    p->joined = status == FAN_OK;
    return p->joined ? FAN_OK
                     : fani_error_set(error, status, "the pool: %s", fan_status_text(status));
}

fan_status fan_pipeline_open_sized(const fan_stage *stages, size_t count,
                                   const fan_pipeline_options *options, size_t options_size,
                                   fan_pipeline **pipeline, fan_error *error)
{
    fan_pipeline_options o = {0};
    *pipeline = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    fan_status status = check(stages, count, &o, error);
    if (status != FAN_OK)
        return status;
    fan_pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a pipeline");
    p->options = o;
    p->count = (unsigned)count;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->stop_lock, NULL);
    (void)fani_sleep_init(&p->room); /* nothing that glibc could fail to make */
    (void)fani_sleep_init(&p->out);
    (void)fani_sleep_init(&p->quiet);
    if (!make_stages(p, stages) || !make_pieces(p))
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for a pipeline");
    if (status == FAN_OK)
        status = find_pool(p, error);
    if (status != FAN_OK) {
        destroy(p);
        return status;
    }
    *pipeline = p;
    return FAN_OK;
}

/* ---- Calls --------------------------------------------------------------------------------- */

/* Each call that gives the lock back on its way, or needs the pipeline behind it, is counted. */
static void begin_call(fan_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->callers++;
}

/* With the lock held, which it gives back: the last thing that the thread does with the pipeline.
 */
static void end_call(fan_pipeline *p)
{
    if (--p->callers == 0 && p->ended) /* close may wait for that */
        pthread_cond_broadcast(&p->quiet);
    pthread_mutex_unlock(&p->lock);
}

static void enter(fan_pipeline *p, void *item)
{
    piece *made = p->spare;
    p->spare = made->next;
    made->index = p->stats.put++;
    made->item = item;
    made->stage = 0;
    p->stats.inside++;
    p->stages[0].held++;
    append(&p->stages[0].waiting, made);
    advance(p);
}

fan_status fan_pipeline_put(fan_pipeline *pipeline, void *item, fan_deadline deadline)
{
    fan_pipeline *p = pipeline;
    fan_status status = FAN_OK;
    bool in_time = inside != p;
    begin_call(p);
    while (!p->ended && !atomic_load(&p->stopped) && !(p->spare && has_room(p, 0)) && in_time)
        in_time = fani_sleep_until(&p->room, &p->lock, deadline);
    if (atomic_load(&p->stopped))
        status = FAN_E_CANCELLED;
    else if (p->ended)
        status = FAN_E_CLOSED;
    else if (!(p->spare && has_room(p, 0)))
        status = FAN_E_TIMEOUT;
    else
        enter(p, item);
    end_call(p);
    return status;
}

void fan_pipeline_end(fan_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->ended = true;
    pthread_cond_broadcast(&pipeline->room);
    pthread_cond_broadcast(&pipeline->out);
    pthread_mutex_unlock(&pipeline->lock);
}

static bool all_is_out(const fan_pipeline *p)
{
    return !p->stats.inside && (p->ended || atomic_load(&p->stopped));
}

fan_status fan_pipeline_get(fan_pipeline *pipeline, fan_deadline deadline, fan_passed *passed)
{
    fan_pipeline *p = pipeline;
    fan_status status = FAN_OK;
    bool in_time = inside != p;
    if (p->options.out)
        return FAN_E_ARGUMENT;
    begin_call(p);
    free(p->given);
    p->given = NULL;
    piece *item;
    while (!(item = take_leaving(p)) && in_time && !all_is_out(p))
        in_time = fani_sleep_until(&p->out, &p->lock, deadline);
    if (item) {
        *passed = describe(p, item);
        p->given = item->error;
        item->error = NULL;
        set_free(p, item);
        advance(p);
    } else {
        status = all_is_out(p) ? FAN_E_CLOSED : FAN_E_TIMEOUT;
    }
    end_call(p);
    return status;
}

void fan_pipeline_stop(fan_pipeline *pipeline)
{
    begin_call(pipeline);
    stop(pipeline);
    give_all(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
    tell_steps(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    end_call(pipeline);
}

bool fan_step_cancelled(const fan_step *step)
{
    return atomic_load(&step->pipeline->stopped);
}

void fan_step_on_stop(const fan_step *step, void (*function)(void *user), void *user)
{
    piece *item = step->place;
    fan_pipeline *p = item->pipeline;
    pthread_mutex_lock(&p->stop_lock);
    bool now = function && atomic_load(&p->stopped);
    item->on_stop = now ? NULL : function;
    item->on_stop_user = user;
    if (now)
        function(user);
    pthread_mutex_unlock(&p->stop_lock);
}

fan_status fan_pipeline_wait(fan_pipeline *pipeline, fan_deadline deadline, fan_error *error)
{
    fan_pipeline *p = pipeline;
    fan_status status;
    bool in_time = true;
    if (inside == p)
        return FAN_E_ARGUMENT;
    begin_call(p);
    while (p->stats.inside && in_time)
        in_time = fani_sleep_until(&p->quiet, &p->lock, deadline);
    status = p->stats.inside ? FAN_E_TIMEOUT : p->status;
    if (status == FAN_E_TIMEOUT)
        fani_error_set(error, status, "%s", fan_status_text(status));
    else if (status != FAN_OK && error)
        *error = p->error;
    end_call(p);
    return status;
}

fan_status fan_pipeline_get_stats_sized(fan_pipeline *pipeline, fan_pipeline_stats *stats,
                                        size_t stats_size)
{
    pthread_mutex_lock(&pipeline->lock);
    fan_pipeline_stats now = pipeline->stats;
    pthread_mutex_unlock(&pipeline->lock);
    memcpy(stats, &now, stats_size < sizeof now ? stats_size : sizeof now);
    return FAN_OK;
}

fan_status fan_pipeline_close(fan_pipeline *pipeline, fan_close_mode mode, fan_deadline deadline)
{
    fan_pipeline *p = pipeline;
    bool in_time = true;
    if (!p)
        return FAN_OK;
    if (inside == p)
        return FAN_E_ARGUMENT;
    fan_pipeline_end(p);
    if (mode == FAN_CLOSE_ABANDON)
        fan_pipeline_stop(p);
    pthread_mutex_lock(&p->lock);
    p->dropping |= !p->options.out; /* nobody gets any more */
    give_all(p);
    while ((p->stats.inside || p->running || p->callers || p->giving) && in_time)
        in_time = fani_sleep_until(&p->quiet, &p->lock, deadline);
    bool busy = p->stats.inside || p->running || p->callers || p->giving;
    pthread_mutex_unlock(&p->lock);
    if (busy)
        return FAN_E_BUSY;
    destroy(p);
    return FAN_OK;
}
