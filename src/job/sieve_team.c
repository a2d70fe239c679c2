/* The threads are the workers of an executor, each with one item as long as the team lasts. A round
 * is one word: how many parts it has, and how many were claimed. Claiming is an addition to it, so
 * who was late for a round finds that nothing of it is left, or is in time for the next one. */
#include "job/sieve_team.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "fanfold/executor.h"

enum {
    SPINS = 2000,   /* of a helper, or of the caller at a round's end, before it yields its core */
    YIELDS = 200,   /* before it sleeps: where a step has no parts for a while */
    NAP_NS = 50000, /* that it sleeps at a time */
};

struct fani_sieve_team {
    _Alignas(64) _Atomic uint64_t round; /* parts << 32 | claimed */
    _Atomic bool ended;
    _Alignas(64) _Atomic unsigned done; /* parts of the round */
    unsigned helpers;
    fani_qs_team lent;
    fan_executor *executor;
    fan_future *helper[FANI_QS_PARTS_MAX];
    /* Written by the caller before it opens a round, read by who has claimed a part of that. */
    void (*part)(void *work, unsigned i);
    void *work;
};

/* ---- Rounds ---------------------------------------------------------------------------------- */

static bool has_parts(uint64_t round)
{
    return (uint32_t)round < round >> 32;
}

/* Does what is left of the round. */
static bool help(fani_sieve_team *team)
{
    bool helped = false;
    while (has_parts(atomic_load_explicit(&team->round, memory_order_relaxed))) {
        uint64_t round = atomic_fetch_add_explicit(&team->round, 1, memory_order_acq_rel);
        if (!has_parts(round))
            break;
        team->part(team->work, (uint32_t)round);
        atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
        helped = true;
    }
    return helped;
}

static void pause_for(unsigned waited)
{
    if (waited < SPINS)
        fani_cpu_relax();
    else if (waited < SPINS + YIELDS)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

static void run_parts(void *context, unsigned parts, void (*part)(void *work, unsigned i),
                      void *work)
{
    fani_sieve_team *team = context;
    team->part = part;
    team->work = work;
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    atomic_store_explicit(&team->round, (uint64_t)parts << 32, memory_order_release);
    help(team);
    for (unsigned waited = 0; atomic_load_explicit(&team->done, memory_order_acquire) < parts;
         waited += waited < SPINS)
        pause_for(waited);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static fan_status serve(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    fani_sieve_team *team;
    if (size != sizeof team)
        return FAN_E_PROTOCOL;
    memcpy(&team, input, sizeof team);
    for (unsigned waited = 0; !atomic_load(&team->ended) && !fan_run_cancelled(run);) {
        if (help(team))
            waited = 0;
        else if (waited < SPINS + YIELDS)
            waited++;
        pause_for(waited);
    }
    return fan_run_reply(run, i, NULL, 0);
}

static fan_status run_helper(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, serve);
}

/* Runs in this program's threads alone, so no worker image needs to know of it. */
static const fan_task helper_task = {.name = "factor.sieve.team", .version = 1, .run = run_helper};

fani_sieve_team *fani_sieve_team_open(unsigned threads)
{
    if (threads > FANI_QS_PARTS_MAX)
        threads = FANI_QS_PARTS_MAX;
    fani_sieve_team *team = threads > 1 ? aligned_alloc(64, sizeof *team) : NULL;
    if (!team)
        return NULL;
    memset(team, 0, sizeof *team);
    team->lent = (fani_qs_team){.parts = threads, .run = run_parts, .context = team};
    const fan_executor_options options = {.kind = "threads", .workers = threads - 1};
    fan_status status = fan_executor_open(&options, &team->executor, NULL);
    while (status == FAN_OK && team->helpers + 1 < threads) {
        status = fan_submit(team->executor, &helper_task, &team, sizeof team, NULL,
                            &team->helper[team->helpers]);
        team->helpers += status == FAN_OK;
    }
    if (team->helpers > 0)
        return team;
    fani_sieve_team_close(team);
    return NULL;
}

const fani_qs_team *fani_sieve_team_lent(const fani_sieve_team *team)
{
    return team ? &team->lent : NULL;
}

void fani_sieve_team_close(fani_sieve_team *team)
{
    if (!team)
        return;
    atomic_store(&team->ended, true);
    for (unsigned i = 0; i < team->helpers; i++)
        fan_future_release(team->helper[i]);
    if (team->executor)
        (void)fan_executor_close(team->executor, FAN_CLOSE_DRAIN, FAN_FOREVER);
    free(team);
}
