/* The MPI executor's table, its end, and fan_serve. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "check.h"
#include "instance.h"

/* ---- Probe and progress -------------------------------------------------------------------- */

static fan_status probe(fan_error *why_not)
{
    int begun = 0, ended = 0;
    fan_status status = fani_mpi_check(MPI_Initialized(&begun), "MPI_Initialized", why_not);
    if (!status)
        status = fani_mpi_check(MPI_Finalized(&ended), "MPI_Finalized", why_not);
    if (!status && (!begun || ended))
        return fani_error_set(why_not, FAN_E_UNAVAILABLE,
                              ended ? "MPI has ended: MPI_Finalize was called"
                                    : "MPI has not begun: call MPI_Init_thread first");
    return status;
}

typedef struct awaited {
    const fani_mpi *self;
    uint64_t completed;
} awaited;

static bool something_ended(const void *user)
{
    const awaited *what = user;
    uint64_t completed = atomic_load(&what->self->completed);
    return completed != what->completed || completed == atomic_load(&what->self->postings);
}

static fan_status progress(void *user, fan_deadline deadline)
{
    fani_mpi *self = user;
    awaited what = {.self = self, .completed = atomic_load(&self->completed)};
    fan_status status = fani_mpi_until_idle(self, something_ended, &what, deadline, &self->idle);
    if (status && status != FAN_E_TIMEOUT) {
        /* This thread can't drive MPI, and another that can may take over when we return; or the
         * other ranks can't be reached, and what rank 0 runs itself will end. */
        fan_deadline soon = fan_deadline_in_ms(1);
        fani_bell_wait(&self->bell, fani_bell_rings(&self->bell),
                       deadline < soon ? deadline : soon);
        return status;
    }
    return status == FAN_E_TIMEOUT ? FAN_OK : status;
}

/* ---- The end ------------------------------------------------------------------------------- */

static bool all_gone(const void *user)
{
    const fani_mpi *self = user;
    return atomic_load(&self->goodbyes) + 1 == (unsigned)self->size &&
           atomic_load(&self->link.unsent) == 0;
}

/* Other ranks: nothing more will come, from the ranks that it leads neither. */
static bool may_leave(const void *user)
{
    const fani_mpi *self = user;
    unsigned led = self->relay.leads ? self->relay.count - 1 : 0;
    return atomic_load(&self->told_to_close) && atomic_load(&self->goodbyes) >= led;
}

static bool all_sent(const void *user)
{
    const fani_mpi *self = user;
    return atomic_load(&self->link.unsent) == 0;
}

static void send_close(fani_mpi *self)
{
    if (atomic_exchange(&self->close_sent, true))
        return;
    pthread_mutex_lock(&self->drive);
    fani_relay_flush(self);
    pthread_mutex_unlock(&self->drive);
    if (self->rank != 0)
        fani_link_send(&self->link, fani_message_new(0, FANI_TAG_GOODBYE, 0));
    if (self->up != self->rank && self->up != 0)
        fani_link_send(&self->link, fani_message_new(self->up, FANI_TAG_GOODBYE, 0));
    for (int r = 1; r < self->size && self->rank == 0; r++)
        fani_link_send(&self->link, fani_message_new(r, FANI_TAG_CLOSE, 0));
    fani_bell_ring(&self->bell);
}

/* Rank 0 tells all to close and waits for their goodbyes; the others wait to be told, working on,
 * leaders for the goodbyes of their hosts too, and say goodbye. A broken link has nobody to wait
 * for; where a rank went silent, the others are told why. */
static fan_status take_leave(fani_mpi *self, fan_deadline deadline)
{
    fan_status status = FAN_OK;
    if (self->rank == 0 && fani_link_broken(&self->link, NULL) == FAN_E_LOST)
        fani_mpi_send_home(self);
    if (self->rank != 0)
        status = fani_mpi_until(self, may_leave, self, deadline);
    if (!status) {
        send_close(self);
        status = fani_mpi_until(self, self->rank == 0 ? all_gone : all_sent, self, deadline);
    }
    if (status == FAN_E_TIMEOUT)
        return FAN_E_BUSY;
    return status == FAN_E_UNSUPPORTED ? status : FAN_OK;
}

static fan_status close_executor(void *user, fan_deadline deadline)
{
    fani_mpi *self = user;
    if (deadline == FAN_FOREVER)
        fani_mpi_promise(self);
    fan_status status = self->size > 1 ? take_leave(self, deadline) : FAN_OK;
    return status ? status : fani_mpi_free(self, deadline);
}

uint64_t fani_mpi_lost_here(fani_mpi *self)
{
    fan_executor_stats stats = {0};
    if (self->isolates) /* threads are never lost */
        fan_executor_get_stats(self->inner, &stats);
    return stats.workers_lost;
}

static void stats(void *user, fan_executor_stats *out)
{
    fani_mpi *self = user;
    out->workers_lost += fani_mpi_lost_here(self);
    pthread_mutex_lock(&self->drive);
    for (int r = 1; r < self->size; r++)
        out->workers_lost += self->peers[r].workers_lost;
    pthread_mutex_unlock(&self->drive);
}

const fani_executor_ops fani_mpi_ops = {
    .name = "mpi",
    .summary = "MPI ranks, each with threads or processes of its own",
    .probe = probe,
    .open = fani_mpi_open,
    .post = fani_mpi_post,
    .revoke = fani_mpi_revoke,
    .share = fani_mpi_share_op,
    .gang = fani_mpi_gang_op,
    .progress = progress,
    .resize = fani_mpi_resize,
    .stats = stats,
    .close = close_executor,
};

const fan_executor_kind *fan_mpi_kind(void)
{
    static const fan_executor_kind kind = {.ops = &fani_mpi_ops};
    return &kind;
}

const char *fan_mpi_warning(const fan_executor *executor)
{
    const fani_mpi *self =
        executor ? fani_executor_self((fan_executor *)executor, &fani_mpi_ops) : NULL;
    return self ? self->warning : NULL;
}

/* ---- Serving ------------------------------------------------------------------------------- */

static fan_status check_serve(fan_executor *const executors[], size_t count, fan_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const fani_mpi *self =
            executors[i] ? fani_executor_self(executors[i], &fani_mpi_ops) : NULL;
        if (!self)
            return fani_error_set(error, FAN_E_ARGUMENT, "executor %zu is no MPI executor", i);
        if (self->rank == 0)
            return fani_error_set(error, FAN_E_RANK,
                                  "executor %zu: rank 0 gives out work, it does not serve", i);
        if (fani_mpi_may_wait(self))
            return fani_error_set(error, FAN_E_UNSUPPORTED,
                                  "executor %zu: MPI was initialized with MPI_THREAD_FUNNELED, so "
                                  "only the main thread may serve",
                                  i);
    }
    return FAN_OK;
}

static fani_mpi *instance(fan_executor *executor)
{
    return fani_executor_self(executor, &fani_mpi_ops);
}

typedef struct serving {
    fan_executor *const *executors;
    size_t count;
    bool *closed;
    size_t open;
    bool in_flight;
    fan_error first_error;
} serving;

/* One round over the executors that are open; closes those that rank 0 has closed. */
static bool serve_round(serving *s)
{
    bool moved = false;
    s->in_flight = false;
    for (size_t i = 0; i < s->count; i++) {
        if (s->closed[i])
            continue;
        fani_mpi *self = instance(s->executors[i]);
        fan_error why;
        moved |= !self->pumped && fani_mpi_step(self);
        s->in_flight |= fani_mpi_in_flight(self);
        bool broken = fani_link_broken(&self->link, &why) != FAN_OK;
        if (!broken && !may_leave(self))
            continue;
        if (broken && !s->first_error.status)
            s->first_error = why;
        fan_executor_close(s->executors[i], FAN_CLOSE_DRAIN, FAN_FOREVER);
        s->closed[i] = true;
        s->open--;
        moved = true;
    }
    return moved;
}

/* The bell to sleep on: of the first executor that is open. Others are heard a little later, when
 * the sleep of at most 2 ms ends. */
static fani_bell *bell(const serving *s)
{
    size_t i = 0;
    while (s->closed[i])
        i++;
    return &instance(s->executors[i])->bell;
}

fan_status fan_serve(fan_executor *const executors[], size_t count, fan_error *error)
{
    if (count == 0)
        return FAN_OK;
    if (!executors)
        return fani_error_set(error, FAN_E_ARGUMENT, "there are no executors");
    fan_status status = check_serve(executors, count, error);
    if (status)
        return status;
    bool *closed = calloc(count, sizeof *closed);
    if (!closed)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to serve %zu executors", count);
    for (size_t i = 0; i < count; i++)
        fani_mpi_promise(instance(executors[i]));
    serving s = {.executors = executors, .count = count, .closed = closed, .open = count};
    fani_idle idle = {0};
    while (s.open) {
        uint64_t seen = fani_bell_rings(bell(&s));
        if (serve_round(&s))
            idle = (fani_idle){0};
        else {
            idle.in_flight = s.in_flight;
            fani_idle_wait(&idle, bell(&s), seen, FAN_FOREVER);
        }
    }
    free(closed);
    if (s.first_error.status && error)
        *error = s.first_error;
    return s.first_error.status;
}
