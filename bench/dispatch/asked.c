/* The table of what was asked of dispatch, beside what was seen. A report: nothing fails by it. */
#include <stdio.h>

#include "dispatch.h"

typedef enum measure {
    EMPTY_NS,      /* of an empty item, at most */
    METG_NS,       /* at most */
    EFFICIENCY_10, /* of items of 10 us, at least */
    TIMES_PEER,    /* as fast as a peer by an empty item, at least */
} measure;

typedef struct asked {
    const char *path, *on;
    measure measure;
    double limit;
    const char *peer_path, *peer_on; /* of TIMES_PEER */
} asked;

static const asked all_asked[] = {
    {"map", "threads", EMPTY_NS, 1, NULL, NULL},
    {"map of a range", "threads", EMPTY_NS, 1, NULL, NULL},
    {"map, batch 1", "threads", METG_NS, 20, NULL, NULL},
    {"map of a range, batch 1", "threads", METG_NS, 20, NULL, NULL},
    {"submit + future", "threads", EMPTY_NS, 120, NULL, NULL},
    {"submit + future", "threads", METG_NS, 250, NULL, NULL},
    {"submit + future", "threads", TIMES_PEER, 3, "async + future", "Taskflow"},
    {"submit + future", "processes", EMPTY_NS, 150, NULL, NULL},
    {"submit + future", "processes", METG_NS, 1500, NULL, NULL},
    {"submit + future", "processes", EFFICIENCY_10, 0.95, NULL, NULL},
    {"submit + future", "processes", TIMES_PEER, 80, "submit + result", "ProcessPoolExecutor"},
    {"map, batch 1", "processes", EMPTY_NS, 150, NULL, NULL},
    {"map, batch 1", "processes", METG_NS, 1500, NULL, NULL},
    {"map, batch 1", "processes", EFFICIENCY_10, 0.95, NULL, NULL},
    {"map, batch 1", "processes", TIMES_PEER, 80, "map, chunksize 1", "ProcessPoolExecutor"},
    {"submit + future", "mpi", EMPTY_NS, 400, NULL, NULL},
    {"submit + future", "mpi", METG_NS, 1000, NULL, NULL},
    {"submit + future", "mpi", TIMES_PEER, 300, "submit + result", "mpi4py.futures"},
    {"map, batch 1", "mpi", EMPTY_NS, 400, NULL, NULL},
    {"map, batch 1", "mpi", METG_NS, 1000, NULL, NULL},
    {"map, batch 1", "mpi", TIMES_PEER, 300, "map, chunksize 1", "mpi4py.futures"},
    {"map of a range, batch 1", "mpi", EMPTY_NS, 100, NULL, NULL},
};

/* What was seen: by wall clock, and by CPU time, which does not count what other programs took of
 * the machine. Negative where it was not measured. */
typedef struct seen {
    double wall, cpu;
} seen;

/* A METG that is below the grid is as good as the smallest item; one above it is no figure. */
static double metg_ns(const bench_metg *search)
{
    double ns;
    bench_metg_state state = bench_metg_result(search, &ns);
    return state == BENCH_METG_UNKNOWN || state == BENCH_METG_ABOVE ? -1 : ns;
}

static seen look(const bench *b, const asked *a)
{
    const row *r = dispatch_find(b, a->path, a->on), *peer = NULL;
    if (!r)
        return (seen){-1, -1};
    switch (a->measure) {
    case EMPTY_NS:
        return (seen){r->wall_ns[0], r->cpu_ns[0] / r->way->workers};
    case METG_NS:
        return (seen){metg_ns(&r->metg_wall), metg_ns(&r->metg_cpu)};
    case EFFICIENCY_10:
        return (seen){dispatch_efficiency(b, r, 2), dispatch_cpu_efficiency(b, r, 2)};
    case TIMES_PEER:
        peer = dispatch_find(b, a->peer_path, a->peer_on);
        break;
    }
    if (!peer)
        return (seen){-1, -1};
    return (seen){peer->wall_ns[0] / r->wall_ns[0],
                  r->cpu_ns[0] > 0 ? peer->cpu_ns[0] / r->cpu_ns[0] : -1};
}

static bool meets(const asked *a, double value)
{
    bool at_least = a->measure == EFFICIENCY_10 || a->measure == TIMES_PEER;
    return value >= 0 && (at_least ? value >= a->limit : value <= a->limit);
}

static const char *verdict(const asked *a, seen s)
{
    if (s.wall < 0)
        return "not measured";
    if (meets(a, s.wall))
        return "ok";
    return meets(a, s.cpu) ? "MISSED, ok by CPU" : "MISSED";
}

static void describe(const asked *a, char *text, size_t size)
{
    switch (a->measure) {
    case EMPTY_NS:
        snprintf(text, size, "ns an item <= %g", a->limit);
        return;
    case METG_NS:
        snprintf(text, size, "METG ns <= %g", a->limit);
        return;
    case EFFICIENCY_10:
        snprintf(text, size, "efficiency at 10 us >= %g", a->limit);
        return;
    case TIMES_PEER:
        snprintf(text, size, "times %s >= %g", a->peer_on, a->limit);
        return;
    }
}

void dispatch_print_asked(bench *b)
{
    bench_table *table =
        bench_table_new("asked beside seen (by CPU: of submitter, pump and workers, a worker)", 3,
                        "path\ton\tasked\tseen\tby CPU\tverdict");
    for (size_t i = 0; i < sizeof all_asked / sizeof *all_asked; i++) {
        const asked *a = &all_asked[i];
        seen s = look(b, a);
        char text[64], wall[32] = "-", cpu[32] = "-";
        describe(a, text, sizeof text);
        if (s.wall >= 0)
            snprintf(wall, sizeof wall, "%.3g", s.wall);
        if (s.cpu >= 0)
            snprintf(cpu, sizeof cpu, "%.3g", s.cpu);
        bench_table_row(table, "%s\t%s\t%s\t%s\t%s\t%s", a->path, a->on, text, wall, cpu,
                        verdict(a, s));
    }
    bench_table_print(table, &b->options);
}
