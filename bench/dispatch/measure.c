/* Rows are run one after the other, again and again, so that what else happens on the machine falls
 * on all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "spin.h"

const double bench_size_us[SIZES] = {0, 1, 10, 100};

/* ---- One run -------------------------------------------------------------------------------- */

static double cpu_ns(const row *r)
{
    const bench_target *target = r->way->target;
    return target ? bench_target_cpu_ns(target) : bench_process_ns();
}

static bool cpu_known(const row *r)
{
    return !r->way->target || r->way->target->cpu_known;
}

static void make_ready(bench *b, size_t count, uint64_t iterations)
{
    size_t from = b->ready_iterations == iterations ? b->ready_count : 0;
    for (size_t i = from; i < count; i++)
        b->items[i].iterations = iterations;
    if (from < count || b->ready_iterations != iterations)
        b->ready_count = count;
    b->ready_iterations = iterations;
}

static void check_replies(const bench *b, const row *r, size_t count)
{
    bench_spin_check check = bench_spin_check_for(b->items[0].iterations);
    for (size_t i = 0; i < count; i++)
        if (b->replies[i] != check.scale * b->items[i].seed + check.shift)
            bench_fail("%s on %s: reply %zu is wrong", r->way->path, r->way->on, i);
}

bench_times dispatch_run(bench *b, const row *r, size_t count, uint64_t iterations)
{
    make_ready(b, count, iterations);
    memset(b->replies, 0, count * sizeof *b->replies);
    bench_times own = {.wall_ns = -1, .cpu_ns = -1};
    double cpu = cpu_ns(r), wall = bench_wall_ns();
    r->way->run(r->way, b->items, b->replies, count, &own);
    bench_times times = {.wall_ns = bench_wall_ns() - wall};
    times.cpu_ns = cpu_known(r) ? cpu_ns(r) - cpu : -1;
    if (own.failure)
        snprintf(r->way->absent, sizeof r->way->absent, "%s", own.failure);
    else
        check_replies(b, r, count);
    return own.wall_ns < 0 ? times : own;
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

/* The better wall time of two runs: on a shared machine any one of them may have waited for a core.
 */
static double better_wall_ns(bench *b, const row *r, size_t count, uint64_t iterations)
{
    double first = dispatch_run(b, r, count, iterations).wall_ns;
    double second = dispatch_run(b, r, count, iterations).wall_ns;
    return first < second ? first : second;
}

/* As many items as fill the time of one repetition. In steps, because the first items of a run may
 * cost far more than the rest: workers wake up, batches grow. */
static size_t choose_count(bench *b, const row *r, uint64_t iterations)
{
    size_t count = r->way->least, most = r->way->most;
    if (count > most)
        count = most;
    for (;;) {
        double short_of = r->way->budget_ns / better_wall_ns(b, r, count, iterations);
        if (short_of < 1.5 || count == most || r->way->absent[0])
            return count;
        double next = (double)count * (short_of < 8 ? short_of : 8);
        count = next < (double)most ? (size_t)next : most;
    }
}

static void measure_size(bench *b, int size)
{
    uint64_t iterations = (uint64_t)(bench_size_us[size] * b->spin_per_us + 0.5);
    for (size_t i = 0; i < b->row_count; i++)
        if (!b->rows[i]->way->absent[0])
            b->rows[i]->count[size] = choose_count(b, b->rows[i], iterations);
    for (unsigned k = 0; k < b->options.repetitions; k++) {
        for (size_t i = 0; i < b->row_count; i++) {
            row *r = b->rows[i];
            if (r->way->absent[0])
                continue;
            bench_settle();
            bench_times times = dispatch_run(b, r, r->count[size], iterations);
            r->wall[size][k] = times.wall_ns / (double)r->count[size];
            r->cpu[size][k] = times.cpu_ns / (double)r->count[size];
        }
    }
}

void dispatch_measure(bench *b)
{
    unsigned repetitions = b->options.repetitions;
    for (int s = 0; s < SIZES; s++) {
        measure_size(b, s);
        for (size_t i = 0; i < b->row_count; i++) {
            row *r = b->rows[i];
            if (r->way->absent[0])
                continue;
            r->wall_ns[s] = bench_median(r->wall[s], repetitions);
            r->cpu_ns[s] = bench_median(r->cpu[s], repetitions);
            r->wall_least_ns[s] = r->wall[s][0]; /* sorted by the median */
            r->spread[s] = bench_spread(r->wall[s], repetitions);
        }
    }
}

/* ---- METG ----------------------------------------------------------------------------------- */

typedef struct sample {
    bool known;
    double item_ns, efficiency, cpu_efficiency;
} sample;

/* Room for all that was measured of one row: both of its searches look here first. */
typedef struct search {
    sample samples[BENCH_METG_GRID];
    unsigned steps;
} search;

enum { RUNS = 9, STEPS_MAX = 20, SECONDS_MAX = 90 };

/* About as many items as fill `budget` at this length, from what an empty one costs. */
static size_t guess_count(const bench *b, const row *r, double iterations, double budget)
{
    double item_ns = r->wall_ns[0] + iterations * 1e3 / b->spin_per_us / r->way->workers;
    double count = budget / item_ns;
    double least = 4.0 * r->way->workers;
    if (count < least)
        count = least;
    return count < (double)r->way->most ? (size_t)count : r->way->most;
}

/* How often a way is run for a sample. Runs are short and the best one counts: where others use the
 * machine too, a long one never has the cores to itself. */
static unsigned runs_of(const bench *b, const row *r)
{
    if (b->options.quick)
        return 1;
    return r->way->short_ns < 10e6 ? RUNS : RUNS / 3;
}

/* The least of several runs, each followed by one of the plain loop, whose median is useful. */
static sample take_sample(bench *b, const row *r, uint64_t iterations)
{
    double useful[RUNS], wall = 0, cpu = 0;
    unsigned runs = runs_of(b, r);
    size_t count = guess_count(b, r, (double)iterations, r->way->short_ns);
    size_t plain_count = guess_count(b, b->plain, (double)iterations, 0.5e6);
    make_ready(b, plain_count, iterations);
    bench_settle();
    for (unsigned k = 0; k < runs; k++) {
        bench_times row_times = dispatch_run(b, r, count, iterations);
        if (!k || row_times.wall_ns < wall)
            wall = row_times.wall_ns;
        if (!k || row_times.cpu_ns < cpu)
            cpu = row_times.cpu_ns;
        double before = bench_thread_ns();
        b->plain->way->run(b->plain->way, b->items, b->replies, plain_count, NULL);
        useful[k] = (bench_thread_ns() - before) / (double)plain_count;
    }
    double item_ns = bench_median(useful, runs), all_ns = item_ns * (double)count;
    return (sample){.known = true,
                    .item_ns = item_ns,
                    .efficiency = all_ns / (wall * r->way->workers),
                    .cpu_efficiency = cpu > 0 ? all_ns / cpu : 0};
}

/* Answers what both searches ask for from what is known already. The place that is still to be
 * measured, or -1 when both have ended. */
static int advance(row *r, const search *s)
{
    int place;
    while ((place = bench_metg_next(&r->metg_wall)) >= 0) {
        const sample *at = &s->samples[place];
        if (!at->known)
            return place;
        bench_metg_tell(&r->metg_wall, place, at->item_ns, at->efficiency);
    }
    while ((place = bench_metg_next(&r->metg_cpu)) >= 0) {
        const sample *at = &s->samples[place];
        if (!at->known)
            return place;
        bench_metg_tell(&r->metg_cpu, place, at->item_ns, at->cpu_efficiency);
    }
    return -1;
}

static void begin_search(const bench *b, row *r)
{
    double guess_us = r->wall_ns[0] * r->way->workers / 1e3;
    int place = bench_metg_place(guess_us * b->spin_per_us);
    r->metg_wall = bench_metg_begin(place);
    r->metg_cpu = bench_metg_begin(place);
}

/* One step of every row that has not ended, until all have or the time is up. */
void dispatch_measure_metg(bench *b)
{
    search *searches = bench_alloc(b->row_count, sizeof *searches);
    unsigned steps_max = b->options.quick ? 1 : STEPS_MAX;
    for (size_t i = 0; i < b->row_count; i++)
        begin_search(b, b->rows[i]);
    double deadline = bench_wall_ns() + SECONDS_MAX * 1e9;
    for (bool more = true; more && bench_wall_ns() < deadline;) {
        more = false;
        for (size_t i = 0; i < b->row_count; i++) {
            row *r = b->rows[i];
            search *s = &searches[i];
            if (r->way->absent[0] || r == b->plain || s->steps == steps_max)
                continue;
            int place = advance(r, s);
            if (place < 0)
                continue;
            s->samples[place] = take_sample(b, r, bench_metg_iterations(place));
            s->steps++;
            advance(r, s);
            more = true;
        }
    }
    free(searches);
}
