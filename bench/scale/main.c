/* How the executor over MPI ranks would scale: tables and a plot from a simulation of its dispatch
 * (simulation.h), which needs neither MPI nor more than one core. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "plot.h"
#include "schedules.h"
#include "simulation.h"

enum { LIST_MAX = 12, CURVES_MAX = 6, ITEMS_AT_MOST = 1000000 };

typedef struct numbers {
    double of[LIST_MAX];
    size_t count;
} numbers;

typedef struct settings {
    bench_options bench;
    numbers ranks, durations;
    scale_system system; /* but for ranks, workers and shape */
    numbers workers;
    bool shapes[SCALE_SHAPES];
    scale_law law;
    double law_shape;
    uint64_t items, seed;
    const char *table, *svg;
    bool quick;
} settings;

static const char usage[] =
    "Usage: scale [options]\n"
    "Simulates the dispatch of a map over MPI ranks and prints what part of the cores' time is\n"
    "used, beside schedules that cost nothing.\n"
    "  --table NAME         grid (item durations x ranks), laws (distributions of durations),\n"
    "                       cores (the same cores as ranks x workers), batches (fixed sizes); "
    "default: all\n"
    "  --ranks N,...        1 to 16777216; default 100,1000,10000,100000\n"
    "  --durations T,...    mean durations of items with unit (ns us ms s); default 10us to 10s\n"
    "  --workers N,...      of each rank, 1 to 4096; the table cores takes several; default 1\n"
    "  --ranks-a-host N     default 64\n"
    "  --law NAME[:SHAPE]   constant uniform exponential lognormal pareto; default exponential\n"
    "  --shape NAME,...     flat (rank 0 and every rank), leaders (one for each host relays), "
    "split\n"
    "                       (leaders split batches among their host's ranks); default: all\n"
    "  --items N            default: 100 a worker, or as many as 1 s needs, up to 1 million, but "
    "at\n"
    "                       least 20 a worker\n"
    "  --batch N            items a batch, 1 to 65536; default: chosen\n"
    "  --least T            what if: a batch has at least so much work for each worker in the "
    "world\n"
    "  --queue-items N      of the executor; default 64 a worker, at least 65536\n"
    "  --seed N  --spare-core  --completed  --learn-own\n"
    "                       ranks have a core for dispatch; outcomes as they come; batch times\n"
    "                       learned from rank 0 alone, not from all ranks\n"
    "  --costs FILE         name=ns lines, or what `mpirun -n 2 dispatch --tsv` printed\n"
    "  --set NAME=NS        one cost\n"
    "  --svg FILE           writes the grid as a plot too\n"
    "  --tsv  --quick       tab-separated; tiny sizes\n";

/* ---- Options -------------------------------------------------------------------------------- */

static double number(const char *option, const char *text, const char **rest, double least,
                     double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value >= least && value <= most))
        bench_fail("%s: %s is not a number from %.15g to %.15g", option, text, least, most);
    *rest = end;
    return value;
}

static double whole(const char *option, const char *text, double least, double most)
{
    const char *rest;
    double value = number(option, text, &rest, least, most);
    if (*rest || floor(value) < value)
        bench_fail("%s: %s is not a whole number from %.15g to %.15g", option, text, least, most);
    return value;
}

static double unit_ns(const char *option, const char *name)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(name, units[i].name))
            return units[i].ns;
    bench_fail("%s: \"%s\" is not a unit (ns us ms s)", option, name);
}

static double duration(const char *option, const char *text)
{
    const char *rest;
    double value = number(option, text, &rest, 1e-3, 1e9);
    return value * unit_ns(option, rest);
}

/* Calls `take` for each part of a list that commas separate. */
static void split(const char *option, const char *text, void (*take)(settings *, const char *),
                  settings *s)
{
    char part[64];
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (length == 0 || length >= sizeof part)
            bench_fail("%s: an empty or overlong part in \"%s\"", option, text);
        snprintf(part, sizeof part, "%.*s", (int)length, at);
        take(s, part);
        at += length;
        if (!*at)
            return;
    }
}

static void add_number(const char *option, numbers *to, double value)
{
    if (to->count == LIST_MAX)
        bench_fail("%s: more than %d values", option, LIST_MAX);
    to->of[to->count++] = value;
}

static void take_ranks(settings *s, const char *part)
{
    add_number("--ranks", &s->ranks, whole("--ranks", part, 1, 1 << 24));
}

static void take_workers(settings *s, const char *part)
{
    add_number("--workers", &s->workers, whole("--workers", part, 1, 4096));
}

static void take_duration(settings *s, const char *part)
{
    add_number("--durations", &s->durations, duration("--durations", part));
}

static void take_shape(settings *s, const char *part)
{
    for (int i = 0; i < SCALE_SHAPES; i++)
        if (!strcmp(part, scale_shape_name((scale_shape)i))) {
            s->shapes[i] = true;
            return;
        }
    bench_fail("--shape: there is no \"%s\" (flat, leaders, split)", part);
}

static void take_table(settings *s, const char *name)
{
    if (strcmp(name, "grid") != 0 && strcmp(name, "laws") != 0 && strcmp(name, "cores") != 0 &&
        strcmp(name, "batches") != 0)
        bench_fail("--table: there is no \"%s\" (grid, laws, cores, batches)", name);
    s->table = name;
}

static void take_costs(settings *s, bool file, const char *text)
{
    fan_error error = {0};
    fan_status status = file ? scale_costs_read(&s->system.costs, text, &error)
                             : scale_costs_set(&s->system.costs, text, &error);
    if (status && error.line)
        bench_fail("--costs: %s:%u: %s", text, error.line, error.text);
    if (status)
        bench_fail("%s: %s", file ? "--costs" : "--set", error.text);
}

enum {
    TABLE,
    RANKS,
    DURATIONS,
    WORKERS,
    RANKS_A_HOST,
    LAW,
    SHAPE,
    ITEMS,
    BATCH,
    QUEUE_ITEMS,
    LEAST,
    SEED,
    SPARE_CORE,
    COMPLETED,
    LEARN_OWN,
    COSTS,
    SET,
    SVG,
    TSV,
    QUICK,
    HELP,
};

static const struct option options[] = {
    {"table", required_argument, NULL, TABLE},
    {"ranks", required_argument, NULL, RANKS},
    {"durations", required_argument, NULL, DURATIONS},
    {"workers", required_argument, NULL, WORKERS},
    {"ranks-a-host", required_argument, NULL, RANKS_A_HOST},
    {"law", required_argument, NULL, LAW},
    {"shape", required_argument, NULL, SHAPE},
    {"items", required_argument, NULL, ITEMS},
    {"batch", required_argument, NULL, BATCH},
    {"queue-items", required_argument, NULL, QUEUE_ITEMS},
    {"least", required_argument, NULL, LEAST},
    {"seed", required_argument, NULL, SEED},
    {"spare-core", no_argument, NULL, SPARE_CORE},
    {"completed", no_argument, NULL, COMPLETED},
    {"learn-own", no_argument, NULL, LEARN_OWN},
    {"costs", required_argument, NULL, COSTS},
    {"set", required_argument, NULL, SET},
    {"svg", required_argument, NULL, SVG},
    {"tsv", no_argument, NULL, TSV},
    {"quick", no_argument, NULL, QUICK},
    {"help", no_argument, NULL, HELP},
    {0},
};

static void take_flag(settings *s, int option)
{
    switch (option) {
    case SPARE_CORE:
        s->system.spare_core = true;
        break;
    case COMPLETED:
        s->system.completed = true;
        break;
    case LEARN_OWN:
        s->system.learn_own = true;
        break;
    case TSV:
        s->bench.tsv = true;
        break;
    case QUICK:
        s->quick = true;
        break;
    case HELP:
        fputs(usage, stdout);
        exit(fflush(stdout) ? 1 : 0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void take_count(settings *s, int option, const char *text)
{
    if (option == RANKS_A_HOST)
        s->system.ranks_a_host = (uint32_t)whole("--ranks-a-host", text, 1, 1 << 24);
    else if (option == ITEMS)
        s->items = (uint64_t)whole("--items", text, 1, 1e9);
    else if (option == BATCH)
        s->system.batch = (uint32_t)whole("--batch", text, 1, 65536);
    else if (option == QUEUE_ITEMS)
        s->system.queue_items = (size_t)whole("--queue-items", text, 1, 1e12);
    else
        s->seed = (uint64_t)whole("--seed", text, 0, 1e15);
}

static void take_option(settings *s, int option, const char *text)
{
    switch (option) {
    case TABLE:
        take_table(s, text);
        break;
    case RANKS:
        split("--ranks", text, take_ranks, s);
        break;
    case DURATIONS:
        split("--durations", text, take_duration, s);
        break;
    case WORKERS:
        split("--workers", text, take_workers, s);
        break;
    case SHAPE:
        split("--shape", text, take_shape, s);
        break;
    case LAW:
        if (!scale_law_read(text, &s->law, &s->law_shape))
            bench_fail("--law: no such law or shape: %s", text);
        break;
    case COSTS:
    case SET:
        take_costs(s, option == COSTS, text);
        break;
    case LEAST:
        s->system.least_ns = duration("--least", text);
        break;
    case SVG:
        s->svg = text;
        break;
    case RANKS_A_HOST:
    case ITEMS:
    case BATCH:
    case QUEUE_ITEMS:
    case SEED:
        take_count(s, option, text);
        break;
    default:
        take_flag(s, option);
    }
}

static void fill_in(settings *s)
{
    bool any = false;
    for (int i = 0; i < SCALE_SHAPES; i++)
        any = any || s->shapes[i];
    for (int i = 0; i < SCALE_SHAPES; i++)
        s->shapes[i] = s->shapes[i] || !any;
    if (!s->ranks.count)
        s->ranks = s->quick ? (numbers){{10, 100}, 2} : (numbers){{1e2, 1e3, 1e4, 1e5}, 4};
    if (!s->durations.count)
        s->durations = s->quick ? (numbers){{1e5, 1e7}, 2}
                                : (numbers){{1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10}, 7};
    if (s->quick && !s->items)
        s->items = 2000;
}

static void read_options(settings *s, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(s, option, optarg);
    if (optind < argc)
        bench_fail("%s: not an option", argv[optind]);
    fill_in(s);
}

/* ---- Runs ----------------------------------------------------------------------------------- */

/* Enough for the run to last, few enough for the table to be ready while one waits. */
static uint64_t items_for(const settings *s, double workers, double mean_ns)
{
    double wanted = fmax(100, 1e9 / mean_ns) * workers;
    return s->items ? s->items : (uint64_t)fmax(fmin(wanted, ITEMS_AT_MOST), 20 * workers);
}

static scale_workload workload_for(const settings *s, scale_law law, double workers, double mean_ns)
{
    return (scale_workload){.law = law,
                            .shape = law == s->law ? s->law_shape : 0,
                            .mean_ns = mean_ns,
                            .seed = s->seed,
                            .count = items_for(s, workers, mean_ns)};
}

static scale_result simulate(const settings *s, const scale_workload *work, double ranks,
                             double workers, scale_shape shape)
{
    scale_result result;
    scale_system system = s->system;
    system.ranks = (uint32_t)ranks;
    system.workers = (uint32_t)workers;
    system.shape = shape;
    fan_status status = scale_simulate(&system, work, NULL, &result);
    if (status)
        bench_fail("simulating %.0f ranks of %.0f workers: %s", ranks, workers,
                   fan_status_text(status));
    return result;
}

static scale_schedules ideal(const scale_workload *work, double workers)
{
    scale_schedules made;
    if (!scale_schedules_make(work, (uint32_t)workers, &made))
        bench_fail("no memory for a schedule on %.0f workers", workers);
    return made;
}

static const char *time_name(double ns, char *text, size_t size)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;
    for (; ns >= 1000 && unit < 3; unit++)
        ns /= 1000;
    snprintf(text, size, "%g %s", ns, units[unit]);
    return text;
}

/* ---- Tables --------------------------------------------------------------------------------- */

static bool wanted(const settings *s, const char *table)
{
    return !s->table || !strcmp(s->table, table);
}

/* What the grid found: [shape][ranks][duration]. */
typedef struct grid {
    double efficiency[SCALE_SHAPES * CURVES_MAX * LIST_MAX];
    double greedy[SCALE_SHAPES * CURVES_MAX * LIST_MAX];
} grid;

static void plot_grid(const settings *s, const grid *g, size_t shapes)
{
    const char *shape_names[SCALE_SHAPES], *rank_names[CURVES_MAX], *duration_names[LIST_MAX];
    char ranks[CURVES_MAX][32], durations[LIST_MAX][32], title[128];
    static const char *const words[SCALE_SHAPES] = {"flat: rank 0 and every rank",
                                                    "leaders: one for each host relays",
                                                    "split: leaders split whole-host batches"};
    for (int i = 0, n = 0; i < SCALE_SHAPES; i++)
        if (s->shapes[i])
            shape_names[n++] = words[i];
    for (size_t r = 0; r < s->ranks.count; r++) {
        snprintf(ranks[r], sizeof ranks[r], "%.0f ranks", s->ranks.of[r]);
        rank_names[r] = ranks[r];
    }
    for (size_t d = 0; d < s->durations.count; d++)
        duration_names[d] = time_name(s->durations.of[d], durations[d], sizeof durations[d]);
    snprintf(title, sizeof title,
             "Simulated efficiency of a map over MPI ranks, %s durations of items",
             scale_law_name(s->law));
    FILE *file = fopen(s->svg, "w");
    if (!file)
        bench_fail("--svg: %s: %s", s->svg, strerror(errno));
    scale_plot_write(&(scale_plot){.title = title,
                                   .x_title = "mean duration of an item",
                                   .y_title = "efficiency: useful part of all cores' time",
                                   .panels = shapes,
                                   .curves = s->ranks.count,
                                   .points = s->durations.count,
                                   .panel_names = shape_names,
                                   .curve_names = rank_names,
                                   .x = s->durations.of,
                                   .x_names = duration_names,
                                   .y = g->efficiency,
                                   .dashed = g->greedy,
                                   .y_least = 0.001},
                     file);
    bool failed = ferror(file);
    if (fclose(file) || failed)
        bench_fail("--svg: %s can't be written", s->svg);
}

static double greedy_efficiency(const scale_workload *work, double workers)
{
    scale_schedules best = ideal(work, workers);
    return best.sum_ns / workers / best.greedy_ns;
}

static void grid_cell(const settings *s, bench_table *table, grid *g, size_t *at, scale_shape shape,
                      double ranks, double mean_ns)
{
    char name[32];
    double workers = s->workers.count ? s->workers.of[0] : 1, all = ranks * workers;
    scale_workload work = workload_for(s, s->law, all, mean_ns);
    scale_result r = simulate(s, &work, ranks, workers, shape);
    size_t cells = s->ranks.count * s->durations.count;
    double greedy = *at < cells ? greedy_efficiency(&work, all) : g->greedy[*at % cells];
    bench_table_row(table, "%s\t%s\t%.0f\t%llu\t%.4f\t%.4f\t%.3f\t%.2f\t%.0f\t%.3g",
                    scale_shape_name(shape), time_name(mean_ns, name, sizeof name), ranks,
                    (unsigned long long)r.items, r.efficiency, greedy, r.efficiency / greedy,
                    r.dispatcher_busy,
                    r.makespan_ns > 0 ? (double)r.messages / r.makespan_ns * 1e9 : 0,
                    (double)r.items / (double)r.batches);
    g->efficiency[*at] = r.efficiency;
    g->greedy[(*at)++] = greedy;
}

static void print_grid(const settings *s)
{
    grid *g = bench_alloc(1, sizeof *g);
    size_t at = 0, shapes = 0;
    if (s->ranks.count > CURVES_MAX)
        bench_fail("--ranks: more than %d values for a grid", CURVES_MAX);
    bench_table *table = bench_table_new("durations x ranks", 2,
                                         "shape\titem\tranks\titems\tefficiency\tgreedy\t"
                                         "of greedy\trank 0 busy\tmessages/s\titems/batch");
    for (int i = 0; i < SCALE_SHAPES; i++) {
        if (!s->shapes[i])
            continue;
        shapes++;
        for (size_t r = 0; r < s->ranks.count; r++)
            for (size_t d = 0; d < s->durations.count; d++)
                grid_cell(s, table, g, &at, (scale_shape)i, s->ranks.of[r], s->durations.of[d]);
    }
    bench_table_print(table, &s->bench);
    if (s->svg)
        plot_grid(s, g, shapes);
    free(g);
}

/* "" where a shape was not asked for. */
static const char *efficiency_of(const settings *s, const scale_workload *work, double ranks,
                                 double workers, scale_shape shape, char *text, size_t size)
{
    text[0] = '-';
    text[1] = '\0';
    if (s->shapes[shape])
        snprintf(text, size, "%.4f", simulate(s, work, ranks, workers, shape).efficiency);
    return text;
}

static void print_laws(const settings *s)
{
    char cells[SCALE_SHAPES][16], name[32];
    double workers = s->workers.count ? s->workers.of[0] : 1;
    double ranks = s->ranks.of[s->ranks.count / 2], all = ranks * workers;
    bench_table *table = bench_table_new("efficiency by distribution", 2,
                                         "law\titem\tranks\tbound\tgreedy\tblock\tcyclic\tflat\t"
                                         "leaders\tsplit");
    for (int law = 0; law < SCALE_LAWS; law++)
        for (size_t d = 0; d < s->durations.count; d++) {
            scale_workload work = workload_for(s, (scale_law)law, all, s->durations.of[d]);
            scale_schedules best = ideal(&work, all);
            double even = best.sum_ns / all;
            for (int i = 0; i < SCALE_SHAPES; i++)
                efficiency_of(s, &work, ranks, workers, (scale_shape)i, cells[i], sizeof cells[i]);
            bench_table_row(table, "%s\t%s\t%.0f\t%.4f\t%.4f\t%.4f\t%.4f\t%s\t%s\t%s",
                            scale_law_name((scale_law)law),
                            time_name(s->durations.of[d], name, sizeof name), ranks,
                            even / best.bound_ns, even / best.greedy_ns, even / best.block_ns,
                            even / best.cyclic_ns, cells[0], cells[1], cells[2]);
        }
    bench_table_print(table, &s->bench);
}

/* The same cores, as many ranks of one worker or fewer of more. */
static void print_cores(const settings *s)
{
    static const numbers usual = {{1, 4, 16, 64}, 4};
    const numbers *workers = s->workers.count ? &s->workers : &usual;
    double cores = s->ranks.of[s->ranks.count / 2];
    char cells[SCALE_SHAPES][16], name[32];
    bench_table *table = bench_table_new("the same cores as ranks x workers", 1,
                                         "item\tranks\tworkers\tflat\tleaders\tsplit");
    for (size_t d = 0; d < s->durations.count; d++)
        for (size_t w = 0; w < workers->count; w++) {
            settings changed = *s;
            double each = workers->of[w], ranks = fmax(1, floor(cores / each));
            double a_host = floor(s->system.ranks_a_host / each);
            changed.system.ranks_a_host = a_host > 1 ? (uint32_t)a_host : 1;
            scale_workload work = workload_for(s, s->law, ranks * each, s->durations.of[d]);
            for (int i = 0; i < SCALE_SHAPES; i++)
                efficiency_of(&changed, &work, ranks, each, (scale_shape)i, cells[i],
                              sizeof cells[i]);
            bench_table_row(table, "%s\t%.0f\t%.0f\t%s\t%s\t%s",
                            time_name(s->durations.of[d], name, sizeof name), ranks, each, cells[0],
                            cells[1], cells[2]);
        }
    bench_table_print(table, &s->bench);
}

/* Batches of a fixed size beside those that Fanfold chooses. */
static void print_batches(const settings *s)
{
    static const uint32_t sizes[] = {0, 1, 8, 64, 512, 4096};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    double workers = s->workers.count ? s->workers.of[0] : 1;
    char cells[SIZES][16], name[32];
    bench_table *table = bench_table_new("efficiency of a flat world by items a batch", 1,
                                         "item\tranks\tchosen\t1\t8\t64\t512\t4096\tgreedy");
    for (size_t r = 0; r < s->ranks.count; r++)
        for (size_t d = 0; d < s->durations.count; d++) {
            double ranks = s->ranks.of[r], all = ranks * workers;
            settings changed = *s;
            scale_workload work = workload_for(s, s->law, all, s->durations.of[d]);
            for (int i = 0; i < SIZES; i++) {
                changed.system.batch = sizes[i];
                snprintf(cells[i], sizeof cells[i], "%.4f",
                         simulate(&changed, &work, ranks, workers, SCALE_FLAT).efficiency);
            }
            bench_table_row(table, "%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%.4f",
                            time_name(s->durations.of[d], name, sizeof name), ranks, cells[0],
                            cells[1], cells[2], cells[3], cells[4], cells[5],
                            greedy_efficiency(&work, all));
        }
    bench_table_print(table, &s->bench);
}

int main(int argc, char **argv)
{
    settings s = {.system = {.ranks_a_host = 64, .item_bytes = 16, .reply_bytes = 8},
                  .law = SCALE_EXPONENTIAL,
                  .seed = 1};
    s.system.costs = scale_costs_default();
    read_options(&s, argc, argv);
    scale_costs_print(&s.system.costs, stdout);
    if (wanted(&s, "grid"))
        print_grid(&s);
    if (wanted(&s, "laws"))
        print_laws(&s);
    if (wanted(&s, "cores"))
        print_cores(&s);
    if (wanted(&s, "batches"))
        print_batches(&s);
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
