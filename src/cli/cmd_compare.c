/* fanfold compare: the same job on every executor. Each run is a child of its own, so that every
 * row has its own memory figure and a crash costs one row. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "compare.h"
#include "fanfold/machine.h"
#include "job_command.h"
#include "message.h"
#include "signals.h"
#include "timeline.h"

enum { ROWS_MAX = 256 };

typedef struct comparison {
    const cli_options *options;
    compare_row rows[ROWS_MAX];
    size_t count;
    char self[PATH_MAX];
    char folder[256];
    bool has_reference; /* FOLDER/reference is the first good run's output */
    const compare_row *reference_row;
    fan_error no_mpi; /* status other than FAN_OK: why mpi rows can't run */
    child_mpirun mpirun;
    timeline_panel *panels; /* one a row where a timeline is asked for, else NULL */
    bool lost_trace;        /* some trace can't be read or written */
} comparison;

static void path_in(const comparison *c, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", c->folder, name);
}

/* ---- Rows -------------------------------------------------------------------------------------
 */

static bool add_row(comparison *c, const char *executor, unsigned workers)
{
    if (strcmp(executor, "serial") == 0)
        workers = 1;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->rows[i].executor, executor) == 0 && c->rows[i].workers == workers)
            return true;
    if (c->count == ROWS_MAX) {
        message_error("more than %d rows to compare", ROWS_MAX);
        return false;
    }
    compare_row *row = &c->rows[c->count++];
    snprintf(row->executor, sizeof row->executor, "%s", executor);
    row->workers = workers;
    row->seconds = calloc(c->options->repeat, sizeof *row->seconds);
    row->outside = calloc(c->options->repeat, sizeof *row->outside);
    if (!row->seconds || !row->outside)
        message_error("out of memory");
    return row->seconds && row->outside;
}

static bool add_rows(comparison *c)
{
    const cli_options *o = c->options;
    fan_machine_info machine;
    fan_machine(&machine);
    char usable[32], executor[64], workers[64];
    snprintf(usable, sizeof usable, "1,%u", machine.cores_usable);
    const char *executors = o->executors ? o->executors : "serial,threads,processes,mpi";
    while (options_next_in_list(&executors, executor, sizeof executor)) {
        const char *list = o->workers_list ? o->workers_list : usable;
        while (options_next_in_list(&list, workers, sizeof workers))
            if (!add_row(c, executor, (unsigned)strtoul(workers, NULL, 10)))
                return false;
    }
    return true;
}

/* ---- One run ----------------------------------------------------------------------------------
 */

/* What a child said on standard error: its own last line without "fanfold: ", else the last of
 * others (mpirun adds lines of its own). */
static void last_line(const char *path, char *text, size_t size)
{
    static const char own[] = "fanfold: ";
    char line[400];
    bool found_own = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        bool is_own = strncmp(line, own, strlen(own)) == 0;
        if (is_own)
            snprintf(text, size, "%s", line + strlen(own));
        else if (!found_own && line[0] && line[0] != '-' && line[0] != ' ')
            snprintf(text, size, "%s", line);
        found_own |= is_own;
    }
    fclose(file);
}

static void say_failure(compare_row *row, const child_result *result, const char *errors,
                        uint64_t limit_ms)
{
    char said[400] = "";
    last_line(errors, said, sizeof said);
    if (result->timed_out)
        snprintf(row->why, sizeof row->why, "did not end within %.0f s", (double)limit_ms * 1e-3);
    else if (result->signal_number)
        snprintf(row->why, sizeof row->why, "ended by SIG%s%s%s",
                 sigabbrev_np(result->signal_number), said[0] ? ": " : "", said);
    else
        snprintf(row->why, sizeof row->why, "exit code %d%s%s", result->exit_code,
                 said[0] ? ": " : "", said);
}

/* Whether two files hold the same bytes. */
static bool same_bytes(const char *a, const char *b)
{
    FILE *one = fopen(a, "re"), *other = fopen(b, "re");
    bool same = one && other;
    char x[8192], y[8192];
    while (same) {
        size_t n = fread(x, 1, sizeof x, one), m = fread(y, 1, sizeof y, other);
        same = n == m && memcmp(x, y, n) == 0 && !ferror(one) && !ferror(other);
        if (n < sizeof x)
            break;
    }
    if (one)
        fclose(one);
    if (other)
        fclose(other);
    return same;
}

static void check_output(comparison *c, compare_row *row, const char *output)
{
    char reference[PATH_MAX];
    path_in(c, "reference", reference);
    if (!c->has_reference) {
        c->has_reference = rename(output, reference) == 0;
        c->reference_row = row;
        if (!c->has_reference)
            snprintf(row->why, sizeof row->why, "the run left no output");
        return;
    }
    if (!same_bytes(reference, output) || row->exit_code != c->reference_row->exit_code)
        row->differs = true;
}

static void keep_figures(compare_row *row, const run_record *record, uint64_t peak, bool measured)
{
    row->items = record->items;
    if (peak > row->peak_kib)
        row->peak_kib = peak;
    if (!measured)
        return;
    double outside = record->seconds * row->workers - (double)record->run_ns * 1e-9;
    row->seconds[row->runs] = record->seconds;
    row->outside[row->runs] = outside > 0 ? outside : 0;
    if (record->run_ns == 0)
        row->outside[row->runs] = -1;
    row->runs++;
}

/* Where the trace of a row's last run goes: "run.json" becomes "run.threads-2.json". */
static void trace_path(const comparison *c, const compare_row *row, char path[PATH_MAX])
{
    const char *given = c->options->trace;
    if (!given) {
        path_in(c, "trace", path);
        return;
    }
    const char *slash = strrchr(given, '/'), *dot = strrchr(given, '.');
    if (!dot || dot == given || (slash && dot <= slash + 1))
        dot = given + strlen(given);
    int length = (int)(dot - given);
    snprintf(path, PATH_MAX, "%.*s.%s-%u%s", length, given, row->executor, row->workers, dot);
}

static void take_timeline(comparison *c, const compare_row *row, const char *trace)
{
    if (!c->panels)
        return;
    timeline_panel *panel = &c->panels[row - c->rows];
    timeline_clear(panel);
    c->lost_trace |= !timeline_read(trace, panel);
    if (!c->options->trace)
        unlink(trace);
}

/* What a command line borrows beside what outlives it. */
typedef struct line_texts {
    char workers[16];
    char ranks[16];
    char *keys[CHILD_ARGUMENTS]; /* "--key=value" */
} line_texts;

static void free_texts(line_texts *texts)
{
    for (size_t i = 0; i < CHILD_ARGUMENTS; i++)
        free(texts->keys[i]);
}

static void build_line(const comparison *c, const compare_row *row, const char *output,
                       const char *record, const char *trace, line_texts *texts,
                       child_command *line)
{
    const cli_options *o = c->options;
    bool is_mpi = strcmp(row->executor, "mpi") == 0;
    snprintf(texts->workers, sizeof texts->workers, "%u", is_mpi ? 1 : row->workers);
    if (is_mpi)
        child_add_mpirun(line, &c->mpirun, row->workers, true, texts->ranks);
    const char *const words[] = {
        c->self, "run",      "--executor", row->executor, "--workers", texts->workers, "--output",
        output,  "--record", record,       "--progress",  "never",     "--grace",      "0"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        child_add(line, words[i]);
    if (trace) {
        child_add(line, "--trace");
        child_add(line, trace);
    }
    for (size_t i = 0; i < o->setting_count && !line->overflow; i++) {
        if (i == CHILD_ARGUMENTS ||
            asprintf(&texts->keys[i], "--%s=%s", o->settings[i].key, o->settings[i].value) < 0) {
            if (i < CHILD_ARGUMENTS)
                texts->keys[i] = NULL;
            line->overflow = true;
            break;
        }
        child_add(line, texts->keys[i]);
    }
    child_add(line, "--");
    child_add(line, o->arguments[0]);
}

static void run_once(comparison *c, compare_row *row, bool measured, bool traced)
{
    char output[PATH_MAX], record_path[PATH_MAX], errors[PATH_MAX], trace[PATH_MAX];
    path_in(c, "output", output);
    path_in(c, "record", record_path);
    path_in(c, "errors", errors);
    trace_path(c, row, trace);
    unlink(output);
    unlink(record_path);
    child_command line = {.count = 0};
    line_texts texts = {.workers = ""};
    build_line(c, row, output, record_path, traced ? trace : NULL, &texts, &line);
    child_result result;
    bool started = child_run(&line, NULL, errors, c->options->time_limit_ms, &result);
    if (!started)
        snprintf(row->why, sizeof row->why, "%s: %s", line.argv[0], strerror(errno));
    free_texts(&texts);
    if (!started)
        return;
    if (signals_caught())
        return;
    run_record record;
    if (result.timed_out || result.exit_code < 0 || result.exit_code > 2 ||
        !record_read(record_path, 0, &record)) {
        say_failure(row, &result, errors, c->options->time_limit_ms);
        return;
    }
    uint64_t peak = record.peak_kib;
    for (unsigned rank = 1; rank < record.ranks; rank++) {
        run_record other;
        if (record_read(record_path, (int)rank, &other))
            peak += other.peak_kib;
    }
    row->exit_code = result.exit_code;
    if (result.exit_code != 0)
        last_line(errors, row->said, sizeof row->said);
    keep_figures(row, &record, peak > result.peak_kib ? peak : result.peak_kib, measured);
    check_output(c, row, output);
    if (traced)
        take_timeline(c, row, trace);
}

/* ---- All of them ------------------------------------------------------------------------------
 */

static void find_mpi(comparison *c)
{
    const fan_ranks *ranks = NULL;
    if (launch_load_ranks(&ranks, &c->no_mpi) == FAN_OK)
        child_find_mpirun(ranks, &c->mpirun, &c->no_mpi);
    for (size_t i = 0; i < c->count; i++) {
        compare_row *row = &c->rows[i];
        fan_error why = {0};
        bool is_mpi = strcmp(row->executor, "mpi") == 0;
        if (is_mpi)
            why = c->no_mpi;
        else
            fan_executor_probe(row->executor, &why);
        if (why.status != FAN_OK) {
            row->absent = true;
            snprintf(row->why, sizeof row->why, "%s", why.text);
        }
    }
}

/* Round 0 warms up; then every row once a round, so that what else the machine does falls on all.
 */
static void run_all(comparison *c)
{
    unsigned rounds = c->options->repeat + 1;
    bool traced = c->options->trace || c->options->timeline;
    progress_start("compare", c->options->quiet ? PROGRESS_NEVER : PROGRESS_AUTO, false);
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < c->count && !signals_caught(); i++) {
            if (!c->rows[i].why[0])
                run_once(c, &c->rows[i], round > 0, traced && round == rounds - 1);
            progress_show(round * c->count + i + 1, rounds * c->count);
        }
    progress_end();
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts the values. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    size_t middle = count / 2;
    return count % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/* Medians and overheads; the exit code. */
static int conclude(comparison *c)
{
    int code = 0;
    bool some = false;
    for (size_t i = 0; i < c->count; i++) {
        compare_row *row = &c->rows[i];
        if (row->why[0]) {
            code = row->absent ? code : 1;
            continue;
        }
        some = true;
        row->median = median(row->seconds, row->runs);
        double outside = median(row->outside, row->runs);
        row->overhead = outside >= 0 && row->items ? outside / (double)row->items : -1;
        if (row->differs)
            code = 1;
        else if (code == 0)
            code = row->exit_code;
    }
    compare_print(c->rows, c->count, c->options->format);
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].differs)
            message_error("%s with %u workers gives another output than %s", c->rows[i].executor,
                          c->rows[i].workers, c->reference_row->executor);
    if (c->reference_row && c->reference_row->exit_code)
        message_error("the runs ended with exit code %d: %s", c->reference_row->exit_code,
                      c->reference_row->said);
    if (c->panels && !timeline_draw(c->options->timeline, c->options->arguments[0], c->rows,
                                    c->panels, c->count))
        c->lost_trace = true;
    if (c->lost_trace && code == 0)
        code = 3;
    return some ? code : 4;
}

static int compare(comparison *c)
{
    if (!add_rows(c))
        return 2;
    if (!child_self(c->self, sizeof c->self)) {
        message_error("can't find my own program: %s", strerror(errno));
        return 4;
    }
    if (c->options->timeline && !(c->panels = calloc(c->count, sizeof *c->panels))) {
        message_error("out of memory");
        return 4;
    }
    signals_install(SIGNALS_NO_LIMIT, false, SIGNALS_WORKS);
    if (!child_folder_make(c->folder, sizeof c->folder))
        return 3;
    find_mpi(c);
    run_all(c);
    child_folder_remove(c->folder);
    int number = signals_caught();
    if (number) {
        message_error("stopped by signal %d (%s); there is nothing to resume from", number,
                      sigabbrev_np(number));
        return signals_code();
    }
    return conclude(c);
}

static int run(const cli_options *o)
{
    launch l = launch_read();
    if (l.size > 1) {
        message_error("compare starts mpirun by itself: run it without one");
        return 2;
    }
    if (o->argument_count == 1 && strcmp(o->arguments[0], "-") == 0) {
        message_error("compare reads the job file many times: it can't be standard input");
        return 2;
    }
    int code = 0;
    fan_job *job = job_command_prepare(o, &code);
    if (!job)
        return code;
    fan_job_free(job);
    comparison *c = calloc(1, sizeof *c);
    if (!c) {
        message_error("out of memory");
        return 4;
    }
    c->options = o;
    code = compare(c);
    for (size_t i = 0; i < c->count; i++) {
        free(c->rows[i].seconds);
        free(c->rows[i].outside);
        if (c->panels)
            timeline_clear(&c->panels[i]);
    }
    free(c->panels);
    free(c);
    return code;
}

const cli_command command_compare = {
    .name = "compare",
    .arguments = "JOB",
    .summary = "one job on every executor: time, memory, and whether the outputs are the same",
    .details =
        "Each executor runs the job once to warm up and then --repeat times, in turns, each run a\n"
        "program of its own. Columns: the median time of the work itself, without the start of\n"
        "the program; speed-up against serial; efficiency (speed-up by worker); the time that\n"
        "workers spent outside the task, by item; the sum of the peak memory of all processes;\n"
        "whether the output is the same bytes. For mpi, workers are ranks, and mpirun is started\n"
        "here. Exit code 1 when an output differs or a run fails, else that of the runs.\n"
        "\n"
        "  fanfold compare jobs/classic-gcd.job\n"
        "  fanfold compare jobs/factor-numbers.job --executors serial,threads --workers 1,2,4 "
        "--repeat 5\n"
        "  fanfold compare jobs/factor-numbers.job --timeline factor.svg\n",
    .takes = TAKES_COMPARE,
    .job_keys = true,
    .run = run,
};
