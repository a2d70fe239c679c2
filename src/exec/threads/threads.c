/* The threads executor: one OpenMP team that runs its own loop. One parallel region per executor,
 * opened by a thread of its own, lasts as long as the executor; tasks and worksharing of OpenMP are
 * not used (omp taskloop turns serial under load, a region per map would pay its fork and join each
 * time). */
#include <errno.h>
#include <execinfo.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "team.h"

/* ---- The team ------------------------------------------------------------------------------ */

/* Tells open how many members there are; with fewer than asked for it ends the team again. */
static void report_team(fani_team *team, unsigned up)
{
    if (up < team->count)
        atomic_store(&team->ending, true);
    fani_lock_take(&team->lock);
    team->up = up;
    fani_lock_give(&team->lock);
    fani_event_notify(&team->changed);
}

static void live(fani_team *team, fani_member *member)
{
    /* OMP_PROC_BIND may have pinned the thread that opened the region; a failure costs speed only.
     */
    if (team->has_mask)
        (void)pthread_setaffinity_np(pthread_self(), sizeof team->mask, &team->mask);
    fani_member_run(member);
    fani_worker_free(member->worker);
    member->worker = NULL;
    fani_nest_end(&member->nest);
}

static void *host_team(void *self)
{
    fani_team *team = self;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(team->count) default(none) shared(team)
    {
        int number = omp_get_thread_num();
        if (number == 0)
            report_team(team, (unsigned)omp_get_num_threads());
        live(team, &team->members[number]);
    }
    return NULL;
}

/* ---- Operations ---------------------------------------------------------------------------- */

static fan_status threads_probe(fan_error *why_not)
{
    (void)why_not;
    return FAN_OK;
}

static void team_free(fani_team *team)
{
    for (unsigned i = 0; team->members && i < team->count; i++) {
        fani_worker_free(team->members[i].worker);
    }
    free(team->members);
    fani_inbox_free(&team->inbox);
    free(team);
}

static bool make_member(fani_team *team, unsigned number)
{
    fani_member *member = &team->members[number];
    const fani_worker_host host = {.shared = fani_front_shared,
                                   .user = team->front,
                                   .cancelled = &member->cancelled,
                                   .nested = fani_nest_executor,
                                   .settle = fani_nest_settle,
                                   .nest = &member->nest};
    member->nest = (fani_nest){.shared = fani_front_shared, .user = team->front};
    member->team = team;
    member->number = number;
    member->worker = fani_worker_new(&host);
    return member->worker != NULL;
}

static fani_team *team_new(fani_front *front, unsigned count, unsigned active)
{
    fani_team *team = aligned_alloc(64, sizeof *team);
    if (!team)
        return NULL;
    memset(team, 0, sizeof *team);
    team->front = front;
    team->count = count;
    atomic_init(&team->active, active);
    team->has_mask = fani_cores_mask(&team->mask);
    team->members = aligned_alloc(64, count * sizeof *team->members);
    bool whole = team->members != NULL;
    if (whole)
        memset(team->members, 0, count * sizeof *team->members);
    for (unsigned i = 0; team->members && i < count; i++)
        whole &= make_member(team, i);
    if (!whole) {
        team_free(team);
        return NULL;
    }
    return team;
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
static int start_host(fani_team *team)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = rehearse(team->count);
    if (!code)
        code = pthread_create(&team->host, NULL, host_team, team);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static unsigned wait_for_team(fani_team *team)
{
    for (;;) {
        uint32_t key = fani_event_prepare(&team->changed);
        fani_lock_take(&team->lock);
        unsigned up = team->up;
        fani_lock_give(&team->lock);
        if (up) {
            fani_event_cancel(&team->changed);
            return up;
        }
        (void)fani_event_wait(&team->changed, key, INT64_MAX);
    }
}

/* The threads of a team that ends call pthread_exit, for which the C library loads the unwinder; it
 * aborts where it has no memory for that then. So it loads it now, where want of it can be told. */
static bool load_unwinder(void)
{
    void *frame;
    return backtrace(&frame, 1) > 0;
}

static fan_status threads_open(fani_front *front, const fan_executor_options *options,
                               fani_opened *opened, void **self, fan_error *error)
{
    unsigned count =
        options->workers_max > options->workers ? options->workers_max : options->workers;
    fani_team *team = load_unwinder() ? team_new(front, count, options->workers) : NULL;
    if (!team)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %u threads", count);
    int code = start_host(team);
    if (code) {
        team_free(team);
        return fani_error_errno(error, FAN_E_SYSTEM, code, "there are not %u threads to be had",
                                count);
    }
    unsigned up = wait_for_team(team);
    if (up < count) {
        pthread_join(team->host, NULL);
        team_free(team);
        return fani_error_set(error, FAN_E_UNAVAILABLE,
                              "OpenMP gave %u of %u threads: is OMP_THREAD_LIMIT set?", up, count);
    }
    *opened = (fani_opened){.workers = options->workers,
                            .ranks = 1,
                            .capabilities = FAN_CAP_SHARES_MEMORY,
                            .depth = 2 * options->workers,
                            .submits = true,
                            .divides = true};
    *self = team;
    return FAN_OK;
}

static void threads_post(void *self, fani_batch *batch)
{
    fani_team *team = self;
    fani_lock_take(&team->lock);
    fani_inbox_push(&team->inbox, batch);
    fani_team_recount(team);
    fani_lock_give(&team->lock);
    fani_team_wake(team);
}

static fani_batch *ended_waiting(fani_batch *taken)
{
    if (taken)
        atomic_store_explicit(&taken->home, NULL, memory_order_relaxed);
    return taken;
}

static fani_batch *take_from_inbox(fani_team *team, fani_batch *batch)
{
    fani_lock_take(&team->lock);
    fani_batch *taken = ended_waiting(fani_inbox_remove(&team->inbox, batch));
    fani_team_recount(team);
    fani_lock_give(&team->lock);
    return taken;
}

static fani_batch *take_from_member(fani_member *m, fani_batch *batch, bool kill)
{
    fani_lock_take(&m->lock);
    fani_batch *taken = ended_waiting(fani_hand_remove(&m->hand, batch));
    atomic_store_explicit(&m->waiting, fani_hand_count(&m->hand), memory_order_relaxed);
    if (kill && !taken && m->running && (!batch || m->running == batch)) {
        atomic_store(&m->cancelled, true);
        if (m->division)
            fani_division_stop(m->division);
    }
    fani_lock_give(&m->lock);
    return taken;
}

static fani_batch *take_back(fani_team *team, fani_batch *batch, bool kill)
{
    fani_batch *taken;
    bool waited; /* then it may have gone from a list not yet looked at to one that was */
    do {
        waited = batch && atomic_load(&batch->home);
        taken = take_from_inbox(team, batch);
        for (unsigned i = 0; i < team->count && !taken; i++)
            taken = take_from_member(&team->members[i], batch, kill);
    } while (!taken && waited);
    return taken;
}

static bool threads_revoke(void *self, fani_batch *batch, bool kill)
{
    fani_team *team = self;
    bool any = false;
    if (!batch && kill)
        atomic_store(&team->abandoned, true);
    for (fani_batch *taken; (taken = take_back(team, batch, kill)); any = true) {
        fani_front_complete(team->front, taken, (fani_outcome){.verdict = FANI_CANCELLED});
        if (batch)
            return true;
    }
    return any;
}

static int64_t threads_begun(void *self, const fani_batch *batch)
{
    fani_team *team = self;
    int64_t begun = 0;
    for (unsigned i = 0; i < team->count && !begun; i++) {
        fani_member *m = &team->members[i];
        fani_lock_take(&m->lock);
        if (m->running == batch)
            begun = m->begun_ns;
        fani_lock_give(&m->lock);
    }
    return begun;
}

static fan_status threads_resize(void *self, unsigned workers, fan_error *error)
{
    (void)error;
    fani_team *team = self;
    atomic_store(&team->active, workers);
    fani_event_wake(&team->changed, INT32_MAX);
    fani_event_wake(&team->work, INT32_MAX);
    return FAN_OK;
}

static void threads_stats(void *self, fan_executor_stats *stats)
{
    (void)self, (void)stats; /* threads are never lost */
}

static fan_status threads_close(void *self, fan_deadline deadline)
{
    (void)deadline; /* every batch has completed: the team is idle and ends at once */
    fani_team *team = self;
    atomic_store(&team->ending, true);
    fani_event_wake(&team->changed, INT32_MAX);
    fani_event_wake(&team->work, INT32_MAX);
    pthread_join(team->host, NULL);
    team_free(team);
    return FAN_OK;
}

static const fani_executor_ops threads_ops = {
    .name = "threads",
    .summary = "an OpenMP team in this process: shared memory, nothing copied",
    .probe = threads_probe,
    .open = threads_open,
    .post = threads_post,
    .revoke = threads_revoke,
    .begun = threads_begun,
    .resize = threads_resize,
    .stats = threads_stats,
    .close = threads_close,
};

const fan_executor_kind fani_threads_kind = {.ops = &threads_ops};
