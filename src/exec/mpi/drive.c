/* Who makes the MPI calls, and how everyone waits: local, on every rank. */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "instance.h"

/* ---- One step ------------------------------------------------------------------------------ */

/* Without other ranks no MPI call is made, and any thread may step. */
static bool step_link(fani_mpi *self)
{
    if (self->size == 1)
        return false;
    fan_error why;
    bool was_whole = !fani_link_broken(&self->link, NULL);
    bool moved = fani_link_step(&self->link);
    moved |= fani_relay_step(self);
    moved |= fani_mpi_share_step(self);
    moved |= fani_mpi_gang_step(self);
    fani_mpi_watch_step(self, moved);
    if (fani_link_broken(&self->link, &why)) {
        moved |= was_whole; /* whoever waits must hear of it */
        moved |= fani_mpi_fail_all(self, why.text);
        moved |= fani_mpi_gang_fail(self, why.text);
    }
    return moved;
}

static void tell_broken(fani_mpi *self)
{
    fan_error why = {0};
    fani_link_broken(&self->link, &why);
    if (self->rank == 0 && self->options.on_broken)
        self->options.on_broken(self->options.user, &why);
}

/* What a rank's own workers have for it. */
static void answers_came(fani_mpi *self, fani_message *message)
{
    if (self->relay.leads) {
        fani_relay_answers_came(self, message);
        return;
    }
    fani_mpi_answers_came(self, message);
    free(message);
}

bool fani_mpi_step(fani_mpi *self)
{
    pthread_mutex_lock(&self->drive);
    bool moved = fani_mpi_distribute(self);
    moved |= fani_answers_step(self);
    for (fani_message *message; (message = fani_answers_local(self)); moved = true)
        answers_came(self, message);
    fani_ranges_step(self);
    moved |= step_link(self);
    fani_batch *finished = self->finished;
    self->finished = NULL;
    self->finished_end = &self->finished;
    fani_failed *failed = self->failed;
    self->failed = NULL;
    fani_batch *members = fani_mpi_gang_take_ended(self);
    bool tell = !self->watch.told && fani_link_broken(&self->link, NULL);
    self->watch.told |= tell;
    pthread_mutex_unlock(&self->drive);
    if (tell)
        tell_broken(self);
    fani_mpi_gang_report(self, members);
    fani_mpi_report(self, finished, failed);
    if (moved)
        fani_bell_ring(&self->bell); /* in case others wait for what this step did */
    return moved;
}

void fani_mpi_push(fani_mpi *self)
{
    if (self->size == 1 || self->pumped || fani_mpi_may_wait(self) ||
        pthread_mutex_trylock(&self->drive))
        return;
    if (!fani_link_broken(&self->link, NULL)) {
        fani_mpi_distribute(self);
        fani_link_push(&self->link);
    }
    pthread_mutex_unlock(&self->drive);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

fan_status fani_mpi_may_wait(const fani_mpi *self)
{
    int is_main = 1;
    if (self->size == 1 || self->pumped || !self->main_only)
        return FAN_OK;
    if (MPI_Is_thread_main(&is_main) != MPI_SUCCESS || !is_main)
        return FAN_E_UNSUPPORTED;
    return FAN_OK;
}

bool fani_mpi_in_flight(fani_mpi *self)
{
    return fani_link_in_flight(&self->link) || fani_answers_waiting(self) ||
           fani_mpi_answers_due(self) ||
           atomic_load_explicit(&self->relay.waiting, memory_order_relaxed);
}

fan_status fani_mpi_until(fani_mpi *self, bool (*done)(const void *user), const void *user,
                          fan_deadline deadline)
{
    fani_idle idle = {0};
    return fani_mpi_until_idle(self, done, user, deadline, &idle);
}

fan_status fani_mpi_until_idle(fani_mpi *self, bool (*done)(const void *user), const void *user,
                               fan_deadline deadline, fani_idle *idle)
{
    fan_status status = fani_mpi_may_wait(self);
    while (!status) {
        uint64_t seen = fani_bell_rings(&self->bell);
        bool moved = !self->pumped && fani_mpi_step(self);
        if (moved)
            *idle = (fani_idle){0};
        if (done(user))
            break;
        status = fani_link_broken(&self->link, NULL);
        if (!status && deadline != FAN_FOREVER && fani_clock_ns() >= deadline)
            status = FAN_E_TIMEOUT;
        if (status)
            break;
        if (moved)
            continue;
        if (self->pumped)
            fani_bell_wait(&self->bell, seen, deadline);
        else {
            idle->in_flight = fani_mpi_in_flight(self);
            fani_idle_wait(idle, &self->bell, seen, deadline);
        }
    }
    return status;
}

/* ---- The pump thread ----------------------------------------------------------------------- */

static void *pump(void *user)
{
    fani_mpi *self = user;
    fani_idle idle = {0};
    while (!atomic_load(&self->pump_must_end)) {
        uint64_t seen = fani_bell_rings(&self->bell);
        if (!atomic_load(&self->pump_may_run))
            fani_bell_wait(&self->bell, seen, FAN_FOREVER);
        else if (fani_mpi_step(self))
            idle = (fani_idle){0};
        else {
            idle.in_flight = fani_mpi_in_flight(self);
            fani_idle_wait(&idle, &self->bell, seen, FAN_FOREVER);
        }
    }
    return NULL;
}

fan_status fani_mpi_pump_start(fani_mpi *self, fan_error *error)
{
    /* The program's signals are for its own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&self->pump, NULL, pump, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code)
        return fani_error_errno(error, FAN_E_SYSTEM, code, "starting the MPI progress thread");
    self->has_pump = true;
    return FAN_OK;
}

void fani_mpi_pump_end(fani_mpi *self)
{
    if (!self->has_pump)
        return;
    atomic_store(&self->pump_must_end, true);
    fani_bell_ring(&self->bell);
    pthread_join(self->pump, NULL);
    self->has_pump = false;
}
