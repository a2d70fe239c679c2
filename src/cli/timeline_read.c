/* Reading a trace twice, a line at a time: once for its rows and its extent, once for the bars. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "timeline.h"

typedef struct event {
    int64_t process, thread;
    double begin, end, wait; /* microseconds of the trace */
    uint64_t item, count, failed;
    const char *task;
} event;

typedef struct reading {
    timeline_panel *panel;
    double begin, end; /* microseconds of the trace */
    bool some;
} reading;

static uint64_t count_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value)) /* indices that no double holds */
        return strtoull(json_string_value(value), NULL, 10);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static event event_of(const json_t *line)
{
    const json_t *args = json_object_get(line, "args");
    event e = {.process = (int64_t)json_integer_value(json_object_get(line, "pid")),
               .thread = (int64_t)json_integer_value(json_object_get(line, "tid")),
               .begin = json_number_value(json_object_get(line, "ts")),
               .wait = json_number_value(json_object_get(args, "wait_us")),
               .item = count_of(args, "item"),
               .count = count_of(args, "count"),
               .failed = count_of(args, "failed"),
               .task = text_of(line, "name")};
    e.end = e.begin + json_number_value(json_object_get(line, "dur"));
    return e;
}

static timeline_row *find_row(timeline_panel *panel, int64_t process, int64_t thread)
{
    for (size_t i = 0; i < panel->count; i++)
        if (panel->rows[i].process == process && panel->rows[i].thread == thread)
            return &panel->rows[i];
    return NULL;
}

/* ---- First: rows and extent ---------------------------------------------------------------- */

static void take_name(reading *r, const json_t *line)
{
    const json_t *args = json_object_get(line, "args");
    timeline_panel *panel = r->panel;
    if (!json_object_get(args, "worker"))
        return;
    if (panel->count == TIMELINE_ROWS_MAX) {
        panel->rows_left_out++;
        return;
    }
    timeline_row *row = &panel->rows[panel->count++];
    *row = (timeline_row){
        .process = (int64_t)json_integer_value(json_object_get(line, "pid")),
        .thread = (int64_t)json_integer_value(json_object_get(line, "tid")),
        .rank = (unsigned)count_of(args, "rank"),
        .worker = (unsigned)count_of(args, "worker"),
    };
    bool is_rank = strncmp(text_of(args, "executor"), "mpi", 3) == 0;
    if (is_rank)
        snprintf(row->label, sizeof row->label, "rank %u worker %u, %.40s", row->rank, row->worker,
                 text_of(args, "host"));
    else
        snprintf(row->label, sizeof row->label, "worker %u, process %llu, thread %llu", row->worker,
                 (unsigned long long)count_of(args, "process"),
                 (unsigned long long)count_of(args, "thread"));
}

static void measure(reading *r, const json_t *line)
{
    event e = event_of(line);
    timeline_panel *panel = r->panel;
    timeline_row *row = find_row(panel, e.process, e.thread);
    bool is_end = strcmp(text_of(line, "cat"), "batch") == 0;
    if (!r->some || e.begin - e.wait < r->begin)
        r->begin = e.begin - e.wait;
    if (!r->some || e.end > r->end)
        r->end = e.end;
    panel->events++;
    if (is_end && e.count) {
        panel->items += e.count;
        panel->failed += e.failed;
        if (panel->items == e.count || e.item < panel->first)
            panel->first = e.item;
        if (e.item + e.count - 1 > panel->last)
            panel->last = e.item + e.count - 1;
    }
    if (row) {
        row->events++;
        row->busy += (e.end - e.begin) * 1e-6;
        row->items += is_end ? e.count : 0;
        row->failed += is_end ? e.failed : 0;
    }
    r->some = true;
}

static void first_time(reading *r, const json_t *line, const char *phase)
{
    if (strcmp(phase, "X") == 0 || strcmp(phase, "i") == 0)
        measure(r, line);
    else if (strcmp(text_of(line, "name"), "thread_name") == 0)
        take_name(r, line);
}

/* ---- Then: the bars ------------------------------------------------------------------------ */

static bool make_bars(timeline_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        timeline_row *row = &panel->rows[i];
        row->columns = row->events > TIMELINE_EVENTS_MAX;
        row->bars_used = row->columns ? TIMELINE_COLUMNS : 0;
        row->bars = calloc(row->columns ? TIMELINE_COLUMNS : row->events + 1, sizeof *row->bars);
        if (!row->bars)
            return false;
        double width = panel->seconds / TIMELINE_COLUMNS;
        for (size_t c = 0; row->columns && c < TIMELINE_COLUMNS; c++) {
            row->bars[c].begin = width * (double)c;
            row->bars[c].end = width * (double)(c + 1);
        }
    }
    return true;
}

/* Adds a run to the columns that it touches. */
static void spread(const timeline_panel *panel, timeline_row *row, const timeline_bar *bar)
{
    double width = panel->seconds / TIMELINE_COLUMNS;
    size_t at = width > 0 ? (size_t)(bar->begin / width) : 0;
    double middle = (double)bar->first + (double)bar->count / 2;
    if (at >= TIMELINE_COLUMNS)
        at = TIMELINE_COLUMNS - 1;
    row->bars[at].failed += bar->failed;
    for (; at < TIMELINE_COLUMNS && (row->bars[at].begin < bar->end); at++) {
        timeline_bar *column = &row->bars[at];
        double from = bar->begin > column->begin ? bar->begin : column->begin;
        double to = bar->end < column->end ? bar->end : column->end;
        if (to <= from)
            continue;
        column->busy += to - from;
        column->items += (to - from) * middle;
    }
}

static void second_time(reading *r, const json_t *line, const char *phase)
{
    event e = event_of(line);
    timeline_row *row = find_row(r->panel, e.process, e.thread);
    if (!row || strcmp(phase, "X") != 0)
        return;
    timeline_bar bar = {.begin = (e.begin - r->begin) * 1e-6,
                        .end = (e.end - r->begin) * 1e-6,
                        .first = e.item,
                        .count = e.count,
                        .failed = e.failed};
    bar.busy = bar.end - bar.begin;
    snprintf(bar.task, sizeof bar.task, "%s", e.task);
    if (row->columns)
        spread(r->panel, row, &bar);
    else if (row->bars_used < row->events)
        row->bars[row->bars_used++] = bar;
}

/* ---- Lines --------------------------------------------------------------------------------- */

/* How many batches the trace lacks: its last line says so. */
static uint64_t dropped_of(const char *line, size_t size)
{
    static const char before[] = "],\"otherData\":";
    size_t head = sizeof before - 1;
    if (size < head + 2 || strncmp(line, before, head) != 0)
        return 0;
    json_t *other = json_loadb(line + head, size - head - 1, 0, NULL);
    uint64_t dropped = count_of(other, "dropped_batches");
    json_decref(other);
    return dropped;
}

static bool each_line(FILE *file, reading *r,
                      void (*take)(reading *r, const json_t *line, const char *phase))
{
    char *line = NULL;
    size_t room = 0;
    ssize_t read;
    bool whole = false;
    rewind(file);
    while ((read = getline(&line, &room, file)) > 0) {
        size_t size = (size_t)read;
        while (size && strchr(",\n", line[size - 1]))
            size--;
        if (line[0] == ']') {
            r->panel->dropped = dropped_of(line, size);
            whole = true;
        }
        json_t *object = strncmp(line, "{\"ph\"", 5) == 0 ? json_loadb(line, size, 0, NULL) : NULL;
        const char *phase = json_string_value(json_object_get(object, "ph"));
        if (phase && json_object_get(object, "args"))
            take(r, object, phase);
        json_decref(object);
    }
    free(line);
    return whole && !ferror(file);
}

static int by_worker(const void *a, const void *b)
{
    const timeline_row *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->worker != y->worker)
        return x->worker < y->worker ? -1 : 1;
    return (x->thread > y->thread) - (x->thread < y->thread);
}

bool timeline_read(const char *path, timeline_panel *panel)
{
    reading r = {.panel = panel};
    FILE *file = fopen(path, "re");
    bool good = file && each_line(file, &r, first_time);
    if (good) {
        panel->seconds = (r.end - r.begin) * 1e-6;
        qsort(panel->rows, panel->count, sizeof *panel->rows, by_worker);
        good = make_bars(panel) && each_line(file, &r, second_time);
    }
    if (!good)
        message_error("the trace %s can't be read: %s", path,
                      errno ? strerror(errno) : "it is not whole");
    if (file)
        fclose(file);
    panel->read = good;
    return good;
}

void timeline_clear(timeline_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++)
        free(panel->rows[i].bars);
    *panel = (timeline_panel){.count = 0};
}
