/* Runs that are killed at random moments, or whose workers, ranks or launcher are, and resumed:
 * nothing is lost, nothing is there twice, and the bytes are those of a run that was left alone. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "kept.h"

/* Once the part has `at` bytes, one is killed. A campaign's strikes are in the order of `at`. */
typedef struct strike {
    uint64_t at;
    victim_kind who;
    unsigned choice;
    const char *executor; /* of the run that is to be hit */
} strike;

static bool ends_the_run(victim_kind who)
{
    return who != VICTIM_WORKER;
}

/* Makes the next strikes, of which the first is for this run, up to one that ends it: the run that
 * the first one for another executor meets is ended by its command. How many are not to be made
 * again, since they were made or came too late. Whom they are for is looked up beforehand. */
static size_t hit(pid_t pid, const strike *strikes, size_t count, unsigned *hits, bool *ends)
{
    size_t i = 0;
    *ends = false;
    while (i < count && !*ends) {
        bool ours = !strcmp(strikes[i].executor, strikes[0].executor);
        victim_kind who = ours ? strikes[i].who : VICTIM_COMMAND;
        pid_t process = victim_of(pid, who, strikes[i].choice);
        if (!process || !kept_wait_written(pid, strikes[i].at))
            break;
        bool killed = kill(process, SIGKILL) == 0;
        *hits += killed;
        *ends = killed && ends_the_run(who);
        i += ours;
    }
    return i;
}

/* Runs, is hit, and goes on until a run comes to its end. How many strikes hit. */
static unsigned campaign(const kept_job *job, const strike *strikes, size_t count,
                         const char *label)
{
    static ran r;
    unsigned hits = 0;
    size_t next = 0;
    char said[200];
    kept_clear();
    for (unsigned runs = 1; runs <= count + 1 && !shim_failed(); runs++) {
        const char *executor = strikes[next < count ? next : count - 1].executor;
        /* One that nobody is to hit need not wait for that. */
        setting how = next < count ? kept_slow_setting(executor) : kept_setting(executor);
        bool ends;
        if (next < count)
            kept_launcher_waits(strikes[next].choice % 2);
        pid_t pid = start(&how, kept_line(job, executor, "--resume"));
        next += hit(pid, strikes + next, count - next, &hits, &ends);
        finish(pid, &r);
        snprintf(said, sizeof said, "%s, run %u on %s after %u hits", label, runs, executor, hits);
        if (!ends) {
            kept_expect_right(job, &r, said);
            return hits;
        }
        SHIM_CHECK(r.code && !r.late && !r.survivors, return hits,
                   "%s: code %d, %u processes live on: %.300s", said, r.code, r.survivors, r.err);
    }
    return hits;
}

static int by_place(const void *one, const void *two)
{
    const strike *a = one, *b = two;
    return (a->at > b->at) - (a->at < b->at);
}

/* Strikes at random places of the output; those on the same executor hit the same run as long as it
 * lives. */
static void draw(moments *m, const kept_job *job, const victim_kind *who,
                 const char *const *executors, size_t kinds, strike *strikes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strikes[i] = (strike){.at = moments_below(m, job->bytes * 6 / 10),
                              .choice = (unsigned)moments_below(m, 1000)};
    qsort(strikes, count, sizeof *strikes, by_place);
    for (size_t i = 0; i < count; i++) {
        size_t kind = moments_below(m, kinds);
        strikes[i].who = who[kind];
        strikes[i].executor = executors[kind];
    }
}

static void say_strikes(const strike *strikes, size_t count, unsigned hits)
{
    static const char *const names[] = {"command", "worker", "rank 0", "rank"};
    for (size_t i = 0; i < count; i++)
        printf("  at %llu: %s on %s\n", (unsigned long long)strikes[i].at, names[strikes[i].who],
               strikes[i].executor);
    printf("  %u of %zu hit\n", hits, count);
}

/* Campaigns until one has hit often enough: a run may be quicker than who is to hit it. Each of
 * them must end well. */
enum { CAMPAIGNS = 8 };

/* Each kind of victim once, at random places and in random order. */
static void each_once(const victim_kind *who, const char *const *executors, size_t kinds,
                      unsigned long numbers, unsigned least)
{
    kept_job job;
    strike strikes[16];
    char label[64];
    unsigned hits = 0;
    moments m = moments_new();
    snprintf(label, sizeof label, "FAULT_SEED=%llu", (unsigned long long)m.seed);
    if (!kept_factor(&job, numbers, 5))
        return;
    for (int k = 0; k < CAMPAIGNS && hits < least && !shim_failed(); k++) {
        for (size_t i = 0; i < kinds; i++)
            strikes[i] = (strike){.at = moments_below(&m, job.bytes * 6 / 10),
                                  .who = who[i],
                                  .choice = (unsigned)moments_below(&m, 1000),
                                  .executor = executors[i]};
        qsort(strikes, kinds, sizeof *strikes, by_place);
        hits = campaign(&job, strikes, kinds, label);
        say_strikes(strikes, kinds, hits);
    }
    SHIM_CHECK(hits >= least || shim_failed(), (void)0, "%s: only %u of %zu hit", label, hits,
               kinds);
}

FAN_TEST(kills, workers_and_the_command_killed_at_random)
{
    static const victim_kind who[] = {VICTIM_WORKER, VICTIM_WORKER, VICTIM_COMMAND, VICTIM_COMMAND,
                                      VICTIM_COMMAND};
    static const char *const executors[] = {"processes", "processes", "processes", "threads",
                                            "serial"};
    each_once(who, executors, 5, 20000, 3);
    tidy();
}

FAN_TEST(kills, ranks_their_workers_and_the_launcher_killed_at_random)
{
    static const victim_kind who[] = {VICTIM_WORKER, VICTIM_RANK_0, VICTIM_RANK, VICTIM_COMMAND};
    static const char *const executors[] = {"mpi", "mpi", "mpi-threads", "mpi"};
    if (!kept_has_mpi())
        SKIP("no MPI here");
    each_once(who, executors, 4, 120000, 2);
    tidy();
}

FAN_TEST(kills, long_two_hundred_at_random)
{
    static const victim_kind who[] = {VICTIM_WORKER, VICTIM_COMMAND, VICTIM_COMMAND, VICTIM_WORKER,
                                      VICTIM_RANK_0, VICTIM_RANK,    VICTIM_COMMAND, VICTIM_RANK_0};
    static const char *const executors[] = {"processes", "processes", "threads", "mpi",
                                            "mpi",       "mpi",       "mpi",     "mpi-threads"};
    enum { ROUNDS = 200, EACH = 20 };
    kept_job job;
    strike strikes[EACH];
    char label[100];
    unsigned hits = 0;
    moments m = moments_new();
    if (!kept_factor(&job, 120000, 20))
        return;
    for (unsigned made = 0; hits < ROUNDS && made < 3 * ROUNDS && !shim_failed(); made += EACH) {
        snprintf(label, sizeof label, "FAULT_SEED=%llu, campaign %u", (unsigned long long)m.seed,
                 made / EACH);
        draw(&m, &job, who, executors, kept_has_mpi() ? 8 : 3, strikes, EACH);
        hits += campaign(&job, strikes, EACH, label);
    }
    SHIM_CHECK(hits >= ROUNDS || shim_failed(), (void)0, "only %u hit", hits);
    tidy();
}

/* ---- Many, killed a few times ------------------------------------------------------------------
 */

/* One run of many factorizations, whose command is killed so often. */
static void killed_times(unsigned long numbers, size_t times, const char *executor)
{
    static const victim_kind who[] = {VICTIM_COMMAND};
    kept_job job;
    strike strikes[10];
    char label[100];
    moments m = moments_new();
    if (!kept_factor(&job, numbers, 5))
        return;
    snprintf(label, sizeof label, "FAULT_SEED=%llu, %lu numbers on %s", (unsigned long long)m.seed,
             numbers, executor);
    unsigned hits = 0;
    for (int k = 0; k < CAMPAIGNS && hits < times && !shim_failed(); k++) {
        draw(&m, &job, who, &executor, 1, strikes, times);
        hits = campaign(&job, strikes, times, label);
        say_strikes(strikes, times, hits);
    }
    SHIM_CHECK(hits >= times || shim_failed(), (void)0, "%s: only %u of %zu hit", label, hits,
               times);
}

FAN_TEST(kills, twenty_thousand_killed_three_times)
{
    killed_times(20000, 3, "processes");
    killed_times(20000, 3, "threads");
    tidy();
}

FAN_TEST(kills, long_a_million_killed_ten_times_on_processes)
{
    killed_times(1000000, 10, "processes");
    tidy();
}

FAN_TEST(kills, long_a_million_killed_ten_times_on_threads)
{
    killed_times(1000000, 10, "threads");
    tidy();
}

FAN_TEST(kills, long_a_million_killed_ten_times_over_ranks)
{
    if (!kept_has_mpi())
        SKIP("no MPI here");
    killed_times(1000000, 10, "mpi");
    tidy();
}
