#include "job/integral_plot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "fanfold/process.h"
#include "job/integral_run.h"
#include "job/record.h"
#include "job/state.h"

enum {
    POINTS_MAX = 10000, /* more rows are drawn as columns */
    COLUMNS = 2000,
    DRAW_MS = 600000, /* gnuplot is not waited for any longer */
};

#define DECADES 100.0 /* columns are by decades where the axis will be */

struct fani_plot {
    fani_job_run *run;
    fani_writer *writer;
    char *name; /* of the file of points; NULL: it has none */
    FILE *file;
    uint64_t count; /* points in it */
};

bool fani_plot_is_asked(const fan_job *job)
{
    return fani_job_text(job, FANI_KEY_PLOT) != NULL;
}

/* ---- Checks ---------------------------------------------------------------------------------- */

/* Whether PATH has a program of this name. */
static bool is_in_path(const char *program)
{
    const char *at = getenv("PATH");
    struct stat s;
    for (; at && *at; at += strspn(at, ":")) {
        const size_t size = strcspn(at, ":");
        char *path;
        if (asprintf(&path, "%.*s/%s", (int)size, at, program) < 0)
            return false;
        const bool is_there = stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
        free(path);
        if (is_there)
            return true;
        at += size;
    }
    return false;
}

fan_status fani_plot_check(const fan_job *job, bool grid, bool several, fan_error *error)
{
    static const fani_key others[] = {FANI_KEY_INPUT, FANI_KEY_SHARD, FANI_KEY_RETRY_FAILED};
    const char *path = fani_job_text(job, FANI_KEY_PLOT),
               *output = fani_job_text(job, FANI_KEY_OUTPUT);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (job->values[others[i]].count)
            return fani_error_set(error, FAN_E_ARGUMENT, "%s and plot exclude each other",
                                  fani_key_info(others[i])->name);
    if (several)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a plot is of one integral or of one scan, not of several integrals");
    if (grid)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a plot of one integral shows how a method converges: rule, order, "
                              "points and parts, which are for fixed grids, have no use");
    if (strcmp(path, "-") == 0 || (output && strcmp(path, output) == 0))
        return fani_error_set(error, FAN_E_ARGUMENT, "plot is '%.200s': expected a file of its own",
                              path);
    if (!is_in_path("gnuplot"))
        return fani_error_set(error, FAN_E_UNSUPPORTED,
                              "plot needs the program gnuplot, which is not in PATH: install it "
                              "(Debian: gnuplot-nox)");
    return FAN_OK;
}

/* ---- The file of points ---------------------------------------------------------------------- */

static fan_status file_failed(const fani_plot *plot, int number, fan_error *error)
{
    const char *name = plot->name ? plot->name : "(points of the plot)";
    fan_status status =
        fani_error_errno(error, FAN_E_OUTPUT, number, "the points of the plot can't be kept");
    fani_error_place(error, name, 0, 0);
    return status;
}

/* A file without a name beside the picture, where there is room for that too. */
static int open_nameless(const fani_plot *plot)
{
    const char *path = fani_job_text(plot->run->job, FANI_KEY_PLOT);
    char *template;
    if (asprintf(&template, "%s.points-XXXXXX", path) < 0)
        return -1;
    int fd = mkostemp(template, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(template);
    free(template);
    return fd;
}

static fan_status open_points(fani_plot *plot, fan_error *error)
{
    const fani_job_run *run = plot->run;
    const bool goes_on = run->state && fani_state_was_begun(run->state);
    if (run->state && asprintf(&plot->name, "%s.plot", run->output) < 0) {
        plot->name = NULL;
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    int fd = plot->name ? open(plot->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)
                        : open_nameless(plot);
    struct stat s;
    if (fd < 0)
        return file_failed(plot, errno, error);
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || (!goes_on && ftruncate(fd, 0) != 0)) {
        const int number = S_ISREG(s.st_mode) ? errno : EEXIST;
        close(fd);
        return file_failed(plot, number, error);
    }
    plot->count = goes_on ? (uint64_t)s.st_size / sizeof(fani_plot_point) : 0;
    plot->file = fdopen(fd, "r+");
    if (plot->file)
        return FAN_OK;
    close(fd);
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

fan_status fani_plot_open(fani_job_run *run, fan_error *error)
{
    if (!fani_plot_is_asked(run->job))
        return FAN_OK;
    fani_plot *plot = calloc(1, sizeof *plot);
    if (!plot)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    plot->run = run;
    run->plot = plot;
    fan_status status =
        fani_writer_to_file(fani_job_text(run->job, FANI_KEY_PLOT), &plot->writer, error);
    return status == FAN_OK ? open_points(plot, error) : status;
}

void fani_plot_free(fani_plot *plot)
{
    if (!plot)
        return;
    if (plot->file)
        (void)fclose(plot->file); /* what counts was flushed */
    fani_writer_free(plot->writer);
    free(plot->name);
    free(plot);
}

void fani_plot_forget(const fani_job_run *run)
{
    char *name;
    if (run->state && asprintf(&name, "%s.plot", run->output) >= 0) {
        (void)unlink(name); /* one that stays belongs to no run that is gone on with */
        free(name);
    }
}

static fan_status cut(fani_plot *plot, uint64_t points, fan_error *error)
{
    const off_t size = (off_t)(points * sizeof(fani_plot_point));
    if (fflush(plot->file) != 0 || ftruncate(fileno(plot->file), size) != 0 ||
        fseeko(plot->file, size, SEEK_SET) != 0)
        return file_failed(plot, errno, error);
    plot->count = points;
    return FAN_OK;
}

/* The next point; false: it is not there, or not the one of that number. */
static bool read_point(const fani_plot *plot, uint64_t number, fani_plot_point *point)
{
    return fread(point, sizeof *point, 1, plot->file) == 1 && point->number == number;
}

static fan_status missing(const fani_plot *plot, uint64_t number, fan_error *error)
{
    return fani_error_set(error, FAN_E_INPUT,
                          "point %" PRIu64 " of the plot is not in %s: was the run begun without "
                          "plot? Go on without it, or begin anew by --restart",
                          number, plot->name ? plot->name : "its file");
}

fan_status fani_plot_keep(fani_plot *plot, uint64_t points, fan_error *error)
{
    fani_plot_point last;
    if (!plot)
        return FAN_OK;
    if (points > plot->count)
        return missing(plot, plot->count + 1, error);
    if (points && (fseeko(plot->file, (off_t)((points - 1) * sizeof last), SEEK_SET) != 0 ||
                   !read_point(plot, points, &last)))
        return missing(plot, points, error);
    return cut(plot, points, error);
}

fan_status fani_plot_keep_until(fani_plot *plot, double last, fan_error *error)
{
    fani_plot_point point;
    uint64_t points = 0;
    if (!plot)
        return FAN_OK;
    rewind(plot->file);
    while (points < plot->count && read_point(plot, points + 1, &point) && point.x <= last)
        points++;
    return cut(plot, points, error);
}

fan_status fani_plot_add(fani_plot *plot, fani_plot_point point, fan_error *error)
{
    if (!plot)
        return FAN_OK;
    point.number = plot->count + 1;
    if (fwrite(&point, sizeof point, 1, plot->file) != 1)
        return file_failed(plot, errno, error);
    plot->count++;
    return FAN_OK;
}

fan_status fani_plot_round(fani_plot *plot, const fani_method *method, const void *state,
                           fan_error *error)
{
    fani_estimate e = {0};
    if (!plot)
        return FAN_OK;
    method->result(state, &e);
    const fani_plot_point point = {.x = (double)e.evaluations,
                                   .value = e.value[0],
                                   .error = e.error[0],
                                   .mark =
                                       isfinite(e.value[0]) ? FANI_PLOT_OK : FANI_PLOT_NO_VALUE};
    fan_status status = fani_plot_add(plot, point, error);
    return status == FAN_OK ? fani_plot_flush(plot, error) : status;
}

fan_status fani_plot_flush(fani_plot *plot, fan_error *error)
{
    return !plot || fflush(plot->file) == 0 ? FAN_OK : file_failed(plot, errno, error);
}

/* ---- What is drawn --------------------------------------------------------------------------- */

typedef struct drawing {
    fani_plot_point *points;
    double *low, *high;
    size_t count, room;
} drawing;

static fan_status make_room(drawing *d, size_t room, fan_error *error)
{
    d->points = calloc(room, sizeof *d->points);
    d->low = calloc(room, sizeof *d->low);
    d->high = calloc(room, sizeof *d->high);
    d->room = room;
    return d->points && d->low && d->high
               ? FAN_OK
               : fani_error_set(error, FAN_E_MEMORY, "no memory for a plot");
}

static void clear(drawing *d)
{
    free(d->points);
    free(d->low);
    free(d->high);
}

static int compare(const void *left, const void *right)
{
    const fani_plot_point *a = left, *b = right;
    const int by_x = (a->x > b->x) - (a->x < b->x);
    return by_x ? by_x : (a->number > b->number) - (a->number < b->number);
}

/* The ends of a point's error; an infinite one is left out. */
static void ends_of(const fani_plot_point *p, double *low, double *high)
{
    const double error = isfinite(p->error) ? p->error : 0;
    *low = p->value - error;
    *high = p->value + error;
}

static fan_status read_all(const fani_plot *plot, drawing *d, bool sorted, fan_error *error)
{
    rewind(plot->file);
    for (d->count = 0; d->count < plot->count; d->count++)
        if (!read_point(plot, d->count + 1, &d->points[d->count]))
            return missing(plot, d->count + 1, error);
    if (sorted)
        qsort(d->points, d->count, sizeof *d->points, compare);
    for (size_t i = 0; i < d->count; i++)
        ends_of(&d->points[i], &d->low[i], &d->high[i]);
    return FAN_OK;
}

/* ---- Columns: where there are more rows than a picture has room for -------------------------- */

typedef struct scale {
    double from, to; /* of x, or of its logarithm */
    bool decades;
} scale;

static size_t column_of(const scale *s, double x)
{
    const double at = s->decades ? log(x) : x;
    const double part = s->to > s->from ? (at - s->from) / (s->to - s->from) : 0;
    const size_t column = (size_t)(part * COLUMNS);
    return column < COLUMNS ? column : COLUMNS - 1;
}

static double middle_of(const scale *s, size_t column)
{
    const double at = s->from + (s->to - s->from) * (((double)column + 0.5) / COLUMNS);
    return s->decades ? exp(at) : at;
}

static fan_status find_scale(const fani_plot *plot, scale *s, fan_error *error)
{
    double low = INFINITY, high = -INFINITY;
    fani_plot_point p;
    rewind(plot->file);
    for (uint64_t i = 0; i < plot->count; i++) {
        if (!read_point(plot, i + 1, &p))
            return missing(plot, i + 1, error);
        low = fmin(low, p.x);
        high = fmax(high, p.x);
    }
    s->decades = low > 0 && high / low >= DECADES;
    s->from = s->decades ? log(low) : low;
    s->to = s->decades ? log(high) : high;
    return FAN_OK;
}

/* A column has the least and the greatest of its rows, and the worst of their marks but for rows
 * without a value beside others that have one: it has those in the second half of the arrays. */
static void take_in(drawing *d, const scale *s, const fani_plot_point *p)
{
    const size_t column = column_of(s, p->x);
    const bool has_value = p->mark != FANI_PLOT_NO_VALUE && isfinite(p->value);
    const size_t at = has_value ? column : COLUMNS + column;
    fani_plot_point *into = &d->points[at];
    double low = NAN, high = NAN;
    if (has_value)
        ends_of(p, &low, &high);
    if (!into->number || low < d->low[at])
        d->low[at] = low;
    if (!into->number || high > d->high[at])
        d->high[at] = high;
    into->number = 1;
    into->x = middle_of(s, column);
    into->mark = p->mark > into->mark ? p->mark : into->mark;
}

static void close_up(drawing *d)
{
    for (size_t i = 0; i < (size_t)2 * COLUMNS; i++) {
        if (!d->points[i].number)
            continue;
        d->points[d->count] = d->points[i];
        d->low[d->count] = d->low[i];
        d->high[d->count] = d->high[i];
        d->points[d->count].value = d->low[i] / 2 + d->high[i] / 2;
        d->points[d->count].error = d->high[i] / 2 - d->low[i] / 2;
        d->count++;
    }
}

static fan_status read_columns(const fani_plot *plot, drawing *d, fan_error *error)
{
    scale s = {0};
    fani_plot_point p;
    fan_status status = find_scale(plot, &s, error);
    rewind(plot->file);
    for (uint64_t i = 0; status == FAN_OK && i < plot->count; i++) {
        if (!read_point(plot, i + 1, &p))
            return missing(plot, i + 1, error);
        take_in(d, &s, &p);
    }
    close_up(d);
    return status;
}

/* ---- gnuplot --------------------------------------------------------------------------------- */

/* "exp(-p*x), over x=0:1" */
static char *title_of(const fan_job *job, uint64_t rows, size_t drawn)
{
    const char *integrand = fani_job_text(job, FANI_KEY_INTEGRAND);
    const fani_strings *over = &job->values[FANI_KEY_OVER];
    if (!integrand)
        integrand = fani_job_text(job, FANI_KEY_EXPRESSION);
    if (!integrand)
        integrand = job->arguments.count ? job->arguments.at[0] : "";
    char *title = NULL, *longer;
    int size = rows > drawn ? asprintf(&title, "%" PRIu64 " rows of %s", rows, integrand)
                            : asprintf(&title, "%s", integrand);
    for (size_t i = 0; size >= 0 && i < over->count; i++) {
        size = asprintf(&longer, "%s%s%s", title, i ? ", " : " over ", over->at[i]);
        free(title);
        title = size >= 0 ? longer : NULL;
    }
    return size >= 0 ? title : NULL;
}

/* What gnuplot said first that is not empty, or how it ended. */
static fan_status gnuplot_failed(const fan_process_result *result, fan_error *error)
{
    const char *said = (const char *)result->error;
    fan_status status = result->end == FAN_PROCESS_TIMED_OUT ? FAN_E_TIMEOUT
                        : result->end == FAN_PROCESS_STOPPED ? FAN_E_CANCELLED
                                                             : FAN_E_SYSTEM;
    while (said && strchr(" \t\r\n", *said) && *said)
        said++;
    if (said && *said)
        return fani_error_set(error, status, "gnuplot %s: %.*s", result->text,
                              (int)strcspn(said, "\n"), said);
    return fani_error_set(error, status, "gnuplot %s%s", result->text,
                          result->end == FAN_PROCESS_EXITED && result->exit_code == 0
                              ? ", but its picture is not whole"
                              : "");
}

static bool is_whole(const fan_process_result *result)
{
    static const char end[] = "</svg>";
    size_t size = result->output_size;
    while (size && result->output[size - 1] == '\n')
        size--;
    return result->end == FAN_PROCESS_EXITED && result->exit_code == 0 && size >= sizeof end - 1 &&
           memcmp(result->output + size - (sizeof end - 1), end, sizeof end - 1) == 0;
}

/* Runs it, without anybody's settings and without a shell. */
static fan_status run_gnuplot(fani_plot *plot, const fan_buffer *script, fan_error *error)
{
    static const char *const arguments[] = {"gnuplot", "--default-settings", NULL};
    static const char *const environment[] = {"LC_ALL=C.UTF-8", "GNUTERM", "GNUPLOT_LIB", NULL};
    const fan_process_options options = {.arguments = arguments,
                                         .environment = environment,
                                         .input = script->bytes,
                                         .input_size = script->size,
                                         .timeout_ms = DRAW_MS,
                                         .stop = fani_integral_stop_asked,
                                         .stop_user = plot->run};
    fan_process_result result;
    fan_status status = fan_process_run(&options, &result, error);
    if (status != FAN_OK)
        return status;
    status = is_whole(&result)
                 ? fani_writer_add(plot->writer, result.output, result.output_size, error)
                 : gnuplot_failed(&result, error);
    fan_process_result_clear(&result);
    return status == FAN_OK ? fani_writer_publish(plot->writer, error) : status;
}

static fan_status draw(fani_plot *plot, const drawing *d, const char *name, fan_error *error)
{
    fan_buffer script = {0};
    char *title = title_of(plot->run->job, plot->count, d->count);
    const fani_plot_picture picture = {.points = d->points,
                                       .low = d->low,
                                       .high = d->high,
                                       .count = d->count,
                                       .rows = plot->count,
                                       .name = name,
                                       .title = title};
    fan_status status = title ? fani_plot_script(&picture, &script) : FAN_E_MEMORY;
    status = status == FAN_OK ? run_gnuplot(plot, &script, error)
                              : fani_error_set(error, FAN_E_MEMORY, "no memory for a plot");
    fan_buffer_clear(&script);
    free(title);
    return status;
}

fan_status fani_plot_draw(fani_plot *plot, const char *name, fan_error *error)
{
    drawing d = {0};
    if (!plot)
        return FAN_OK;
    const bool in_columns = plot->count > POINTS_MAX;
    fan_status status = fani_plot_flush(plot, error);
    if (status == FAN_OK)
        status = make_room(&d, in_columns ? (size_t)2 * COLUMNS : (size_t)plot->count + 1, error);
    if (status == FAN_OK)
        status =
            in_columns ? read_columns(plot, &d, error) : read_all(plot, &d, name != NULL, error);
    if (status == FAN_OK)
        status = draw(plot, &d, name, error);
    clear(&d);
    return status;
}
