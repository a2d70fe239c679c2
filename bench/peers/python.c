/* Python's pools, each driven by a script in a program of its own (see driver.py). The scripts and
 * the library of the work lie in the folder "peers" beside this program. */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "spin.h"
#include "ways.h"

enum { PATH_BYTES = 1024 };

typedef struct script {
    const char *file, *name;
    bench_ground ground;
    bool under_mpirun;
    const char *submit, *single, *chosen; /* the paths' names; NULL: it has no such way */
} script;

static const script scripts[] = {
    {.file = "pool_threads.py",
     .name = "ThreadPoolExecutor",
     .ground = BENCH_IN_MEMORY,
     .submit = "submit + result"},
    {.file = "pool_processes.py",
     .name = "ProcessPoolExecutor",
     .ground = BENCH_PROCESSES,
     .submit = "submit + result",
     .single = "map, chunksize 1",
     .chosen = "map, chunksize n/(4 w)"},
    {.file = "pool_loky.py",
     .name = "joblib/loky",
     .ground = BENCH_PROCESSES,
     .submit = "submit + result",
     .single = "Parallel, batch 1",
     .chosen = "Parallel, batch auto"},
    {.file = "pool_mpi4py.py",
     .name = "mpi4py.futures",
     .ground = BENCH_RANKS,
     .under_mpirun = true,
     .submit = "submit + result",
     .single = "map, chunksize 1",
     .chosen = "map, chunksize n/(4 w)"},
};

/* ---- One run -------------------------------------------------------------------------------- */

static void run_mode(const bench_way *way, const char *mode, const bench_item *items,
                     uint64_t *replies, size_t count, bench_times *times)
{
    enum { PATIENCE_SECONDS = 60 };
    char line[128];
    snprintf(line, sizeof line, "%s %zu %" PRIu64 "\n", mode, count, items->iterations);
    char *at =
        bench_child_tell(way->self, line) ? bench_child_hear(way->self, PATIENCE_SECONDS) : NULL;
    if (!at) {
        times->failure = "it ended in the middle, or did not answer for a minute";
        return;
    }
    times->wall_ns = strtod(at, &at);
    times->cpu_ns = strtod(at, &at);
    for (size_t i = 0; i < count; i++)
        replies[i] = strtoull(at, &at, 16);
}

static void run_submit(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    run_mode(way, "submit", items, replies, count, times);
}

static void run_single(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    run_mode(way, "single", items, replies, count, times);
}

static void run_chosen(const bench_way *way, const bench_item *items, uint64_t *replies,
                       size_t count, bench_times *times)
{
    run_mode(way, "chosen", items, replies, count, times);
}

/* ---- Starting ------------------------------------------------------------------------------- */

/* The distribution's own Python, whose modules its packages install, before another one. */
static char *find_python(void)
{
    static char own[] = "/usr/bin/python3", any[] = "python3";
    return access(own, X_OK) ? any : own;
}

static char *find_mpirun(void)
{
    static char own[] = "/usr/bin/mpirun.openmpi", any[] = "mpirun"; /* mpi4py's, on Debian */
    return access(own, X_OK) ? any : own;
}

/* The folder of the scripts; "" where it can't be told. */
static void find_folder(char *folder, size_t size)
{
    char program[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    folder[0] = '\0';
    if (length <= 0)
        return;
    program[length] = '\0';
    int written = snprintf(folder, size, "%s/peers", dirname(program));
    if (written < 0 || (size_t)written >= size)
        folder[0] = '\0';
}

static bench_child *start(const script *s, const char *folder, unsigned workers, char *why,
                          unsigned size)
{
    static char n_option[] = "-n", oversubscribe[] = "--oversubscribe", bind_to[] = "--bind-to",
                none[] = "none";
    char path[PATH_BYTES + 64], library[PATH_BYTES + 64], count[16], ranks[16];
    char *argv[16];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, s->file);
    snprintf(library, sizeof library, "%s/libbench_spin.so", folder);
    snprintf(count, sizeof count, "%u", workers);
    snprintf(ranks, sizeof ranks, "%u", workers + 1);
    if (access(path, R_OK)) {
        snprintf(why, size, "%.180s: %s", path, strerror(errno));
        return NULL;
    }
    if (s->under_mpirun) {
        argv[n++] = find_mpirun();
        argv[n++] = n_option;
        argv[n++] = ranks;
        argv[n++] = oversubscribe;
        argv[n++] = bind_to;
        argv[n++] = none;
    }
    argv[n++] = find_python();
    argv[n++] = path;
    argv[n++] = library;
    argv[n++] = count;
    argv[n] = NULL;
    return bench_child_start(argv, why, size);
}

/* Waits until the script is ready; NULL, with the reason, where it is not. */
static bench_child *begin(const script *s, const char *folder, unsigned workers, char *why,
                          unsigned size)
{
    enum { PATIENCE_SECONDS = 20 };
    bench_child *child = start(s, folder, workers, why, size);
    const char *line = NULL;
    if (!child)
        return NULL;
    do /* every rank that lacks a module says so */
        line = bench_child_hear(child, PATIENCE_SECONDS);
    while (line && !*line);
    if (line && !strncmp(line, "ready", 5))
        return child;
    if (line && !strncmp(line, "absent ", 7))
        snprintf(why, size, "%s (make bench-peers)", line + 7);
    else
        snprintf(why, size, "its script %s", line ? "says something else" : "does not start");
    bench_child_end(child);
    return NULL;
}

/* ---- Ways ----------------------------------------------------------------------------------- */

static void add(bench_ways *ways, const script *s, bench_sort sort, const char *path,
                bench_child *child, const char *why)
{
    static void (*const runs[BENCH_SORTS])(const bench_way *, const bench_item *, uint64_t *,
                                           size_t, bench_times *) = {
        [BENCH_CHOSEN] = run_chosen, [BENCH_SINGLE] = run_single, [BENCH_FUTURE] = run_submit};
    if (!path)
        return;
    if (!child) {
        bench_ways_add_absent(ways, sort, s->ground, path, s->name, why);
        return;
    }
    bench_way *way = bench_ways_add(ways, sort, s->ground, path, s->name);
    way->run = runs[sort];
    way->self = child;
    way->budget_ns = 60e6; /* what an item costs is hidden by what a call costs otherwise */
    way->short_ns = 40e6;
    way->most = ways->quick ? 16 : 16384;
}

void bench_ways_of_python(bench_ways *ways)
{
    char folder[PATH_BYTES];
    find_folder(folder, sizeof folder);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const script *s = &scripts[i];
        char why[256] = "not in a quick run";
        bench_child *child = NULL;
        if (!ways->quick || s->ground == BENCH_IN_MEMORY)
            child = begin(s, folder, ways->workers, why, sizeof why);
        if (child)
            bench_ways_at_end(ways, bench_child_end, child);
        add(ways, s, BENCH_CHOSEN, s->chosen, child, why);
        add(ways, s, BENCH_SINGLE, s->single, child, why);
        add(ways, s, BENCH_FUTURE, s->submit, child, why);
    }
}
