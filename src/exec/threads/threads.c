/* The threads executor: one OpenMP team that runs its own loop. One parallel region per executor,
 * opened by a thread of its own, lasts as long as the executor; tasks and worksharing of OpenMP are
 * not used (omp taskloop turns serial under load, a region per map would pay its fork and join each
 * time). */
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/cores.h"
#include "base/error.h"
#include "exec/fifo.h"
#include "task/worker.h"

typedef struct member {
    fani_worker *worker;
    fani_batch *running;    /* guarded by the lock */
    _Atomic bool cancelled; /* its running batch should end */
} member;

typedef struct threads {
    fani_front *front;
    unsigned workers;
    member *members;
    bool has_mask;
    cpu_set_t mask;
    pthread_t host; /* opens the region and is its first member */

    pthread_mutex_t lock; /* guards all below and what members say */
    pthread_cond_t changed;
    fani_fifo waiting;
    unsigned team; /* members that OpenMP gave; 0: not up yet */
    bool stopping;
} threads;

/* ---- The loop of one member ---------------------------------------------------------------- */

static fani_batch *take(threads *t, member *m)
{
    pthread_mutex_lock(&t->lock);
    while (!t->waiting.first && !t->stopping)
        pthread_cond_wait(&t->changed, &t->lock);
    m->running = fani_fifo_pop(&t->waiting);
    atomic_store(&m->cancelled, false);
    pthread_mutex_unlock(&t->lock);
    return m->running;
}

static void run_batch(threads *t, member *m, fani_batch *batch)
{
    fan_status status = fani_worker_run(m->worker, batch->task, &batch->items, &batch->args,
                                        batch->reply_limit, &batch->replies, &batch->run_ns);
    batch->begun_ns = fani_worker_begun(m->worker);
    batch->where = fani_where_here((uint32_t)(m - t->members));
    pthread_mutex_lock(&t->lock);
    m->running = NULL;
    pthread_mutex_unlock(&t->lock);
    fani_outcome outcome = {.verdict = status == FAN_OK ? FANI_DONE : FANI_FAILED,
                            .text = fan_status_text(status)};
    fani_front_complete(t->front, batch, outcome);
}

static void member_loop(threads *t, member *m)
{
    /* OMP_PROC_BIND may have pinned the thread that opened the region; a failure costs speed only.
     */
    if (t->has_mask)
        (void)pthread_setaffinity_np(pthread_self(), sizeof t->mask, &t->mask);
    for (fani_batch *batch; (batch = take(t, m));)
        run_batch(t, m, batch);
    fani_worker_free(m->worker);
    m->worker = NULL;
}

/* Tells open how many members there are; with fewer than asked for it stops the team again. */
static void report_team(threads *t, unsigned team)
{
    pthread_mutex_lock(&t->lock);
    t->team = team;
    if (team < t->workers)
        t->stopping = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void *host_team(void *self)
{
    threads *t = self;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(t->workers) default(none) shared(t)
    {
        int number = omp_get_thread_num();
        if (number == 0)
            report_team(t, (unsigned)omp_get_num_threads());
        member_loop(t, &t->members[number]);
    }
    return NULL;
}

/* ---- Operations ---------------------------------------------------------------------------- */

static fan_status threads_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static void threads_free(threads *t)
{
    for (unsigned i = 0; t->members && i < t->workers; i++)
        fani_worker_free(t->members[i].worker);
    free(t->members);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static threads *threads_new(fani_front *front, unsigned workers)
{
    threads *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->front = front;
    t->workers = workers;
    t->has_mask = fani_cores_mask(&t->mask);
    t->members = calloc(workers, sizeof *t->members);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    bool whole = t->members != NULL;
    for (unsigned i = 0; whole && i < workers; i++) {
        fani_worker_host host = {
            .shared = fani_front_shared, .user = front, .cancelled = &t->members[i].cancelled};
        t->members[i].worker = fani_worker_new(&host);
        whole = t->members[i].worker != NULL;
    }
    if (!whole) {
        threads_free(t);
        return NULL;
    }
    return t;
}

static void *pass_gate(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* OpenMP's runtime ends the program where the system has no thread left, which a library may not
 * do: as many are started by hand first, all at once, and ended. Returns an errno code. */
static int rehearse(unsigned count)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *made = reallocarray(NULL, count, sizeof *made);
    int code = made ? 0 : ENOMEM;
    unsigned started = 0;
    pthread_mutex_lock(&gate);
    while (!code && started < count) {
        code = pthread_create(&made[started], NULL, pass_gate, &gate);
        started += code == 0;
    }
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < started; i++)
        pthread_join(made[i], NULL);
    pthread_mutex_destroy(&gate);
    free(made);
    return code;
}

/* A library's threads leave the program's signals to the program: the team inherits this mask. */
static int start_host(threads *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = rehearse(t->workers);
    if (!code)
        code = pthread_create(&t->host, NULL, host_team, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static unsigned wait_for_team(threads *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->team)
        pthread_cond_wait(&t->changed, &t->lock);
    unsigned team = t->team;
    pthread_mutex_unlock(&t->lock);
    return team;
}

static fan_status threads_open(fani_front *front, const fan_executor_options *options,
                               fani_opened *opened, void **self, fan_error *error)
{
    threads *t = threads_new(front, options->workers);
    if (!t)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %u threads", options->workers);
    int code = start_host(t);
    if (code) {
        threads_free(t);
        return fani_error_errno(error, FAN_E_SYSTEM, code, "there are not %u threads to be had",
                                options->workers);
    }
    unsigned team = wait_for_team(t);
    if (team < t->workers) {
        pthread_join(t->host, NULL);
        threads_free(t);
        return fani_error_set(error, FAN_E_UNAVAILABLE,
                              "OpenMP gave %u of %u threads: is OMP_THREAD_LIMIT set?", team,
                              options->workers);
    }
    *opened = (fani_opened){.workers = t->workers,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = 4 * t->workers,
                            .submits = true};
    *self = t;
    return FAN_OK;
}

static void threads_post(void *self, fani_batch *batch)
{
    threads *t = self;
    pthread_mutex_lock(&t->lock);
    fani_fifo_push(&t->waiting, batch);
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static bool threads_revoke(void *self, fani_batch *batch, bool kill)
{
    threads *t = self;
    pthread_mutex_lock(&t->lock);
    bool waiting = fani_fifo_remove(&t->waiting, batch);
    for (unsigned i = 0; kill && !waiting && i < t->workers; i++)
        if (t->members[i].running == batch)
            atomic_store(&t->members[i].cancelled, true);
    pthread_mutex_unlock(&t->lock);
    if (waiting)
        fani_front_complete(t->front, batch, (fani_outcome){.verdict = FANI_CANCELLED});
    return waiting;
}

static void threads_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats; /* threads are never lost */
}

static fan_status threads_close(void *self, fan_deadline deadline)
{
    (void)deadline; /* every batch has completed: the team is idle and ends at once */
    threads *t = self;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->host, NULL);
    threads_free(t);
    return FAN_OK;
}

static const fani_executor_ops threads_ops = {
    .name = "threads",
    .summary = "an OpenMP team in this process: shared memory, nothing copied",
    .probe = threads_probe,
    .open = threads_open,
    .post = threads_post,
    .revoke = threads_revoke,
    .stats = threads_stats,
    .close = threads_close,
};

const fan_executor_kind fani_threads_kind = {.ops = &threads_ops};
