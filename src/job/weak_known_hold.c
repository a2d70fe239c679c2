#include "job/weak_known_hold.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/writer.h"
#include "stage/journal_lock.h"

enum { BEAT_MS = 10000, MS = 1000 };

struct fani_known_hold {
    fani_journal_place place;
    fani_journal_lock lock;
    bool opened, taken, beats;
    pthread_t thread;
    pthread_mutex_t gate; /* guards `ends`, and the lock's file against two writers */
    pthread_cond_t wake;
    bool ends;
};

static struct timespec in_ms(int ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / MS;
    return time;
}

/* A beat that fails is no harm by itself: who then takes the lock over is seen by the check. */
static void *beat(void *user)
{
    fani_known_hold *hold = user;
    pthread_mutex_lock(&hold->gate);
    while (!hold->ends) {
        struct timespec until = in_ms(BEAT_MS);
        if (pthread_cond_timedwait(&hold->wake, &hold->gate, &until) == ETIMEDOUT && !hold->ends)
            (void)fani_journal_lock_beat(&hold->lock, NULL);
    }
    pthread_mutex_unlock(&hold->gate);
    return NULL;
}

/* Signals are for the program's own threads. */
static fan_status begin_beating(fani_known_hold *hold, fan_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int code = pthread_create(&hold->thread, NULL, beat, hold);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    hold->beats = !code;
    return code ? fani_error_errno(error, FAN_E_SYSTEM, code, "no thread for the lock of a state")
                : FAN_OK;
}

static void say_waiting(void *user, const char *text)
{
    const fani_job_run *run = user;
    if (run->events.note)
        run->events.note(run->events.user, text);
}

static fan_status take(const fani_job_run *run, const char *path, fani_known_hold *hold,
                       fan_error *error)
{
    const fani_journal_lock_options options = {.break_lock =
                                                   fani_job_flag(run->job, FANI_KEY_BREAK_LOCK),
                                               .beat_ms = BEAT_MS,
                                               .waiting = say_waiting,
                                               .user = (void *)(uintptr_t)run};
    char *target = fani_writer_target(path);
    if (!target)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the lock of a state");
    fan_status status =
        fani_journal_place_open(&fani_journal_system_io, target, &hold->place, error);
    free(target);
    hold->opened = status == FAN_OK;
    if (status == FAN_OK)
        status = fani_journal_lock_take(&hold->place, &options, &hold->lock, error);
    hold->taken = status == FAN_OK;
    return status == FAN_OK ? begin_beating(hold, error) : status;
}

fan_status fani_known_hold_take(const fani_job_run *run, const char *path, fani_known_hold **hold,
                                fan_error *error)
{
    pthread_condattr_t monotonic;
    fani_known_hold *h = calloc(1, sizeof *h);
    if (!h)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the lock of a state");
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->gate, NULL);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    fan_status status = take(run, path, h, error);
    if (status != FAN_OK) {
        fani_known_hold_give(h);
        return status;
    }
    *hold = h;
    return FAN_OK;
}

fan_status fani_known_hold_check(fani_known_hold *hold, fan_error *error)
{
    pthread_mutex_lock(&hold->gate);
    fan_status status = fani_journal_lock_check(&hold->lock, true, error);
    pthread_mutex_unlock(&hold->gate);
    return status;
}

void fani_known_hold_give(fani_known_hold *hold)
{
    if (!hold)
        return;
    if (hold->beats) {
        pthread_mutex_lock(&hold->gate);
        hold->ends = true;
        pthread_cond_signal(&hold->wake);
        pthread_mutex_unlock(&hold->gate);
        pthread_join(hold->thread, NULL);
    }
    if (hold->taken)
        (void)fani_journal_lock_give(&hold->lock, NULL); /* the next run finds its holder dead */
    if (hold->opened)
        fani_journal_place_close(&hold->place);
    pthread_cond_destroy(&hold->wake);
    pthread_mutex_destroy(&hold->gate);
    free(hold);
}
