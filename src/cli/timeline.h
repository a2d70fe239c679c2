/* compare --timeline: who ran what when, one panel a run, one row a worker. A trace
 * (fanfold/trace.h) is read into a panel of bounded size; the panels are drawn as SVG. */
#ifndef CLI_TIMELINE_H
#define CLI_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare.h"

enum {
    TIMELINE_ROWS_MAX = 64,  /* rows a panel shows */
    TIMELINE_COLUMNS = 1000, /* parts of the run's time, where a row has more than these events: */
    TIMELINE_EVENTS_MAX = 400,
};

/* A run, in seconds since the first item was handed out; or a column of many. */
typedef struct timeline_bar {
    double begin, end;
    double busy;  /* of its time, seconds */
    double items; /* a column: of its items, the index in the middle, weighted by time */
    uint64_t first, count;
    uint64_t failed;
    char task[48]; /* "" for a column */
} timeline_bar;

typedef struct timeline_row {
    int64_t process, thread; /* of the trace */
    unsigned rank, worker;
    char label[160];
    uint64_t events, items, failed;
    double busy;
    bool columns; /* bars are columns */
    timeline_bar *bars;
    size_t bars_used;
} timeline_row;

typedef struct timeline_panel {
    bool read;
    timeline_row rows[TIMELINE_ROWS_MAX];
    size_t count;
    uint64_t rows_left_out, dropped;
    double seconds; /* from the first item handed out to the last one's end */
    uint64_t events, items, failed;
    uint64_t first, last; /* least and greatest index */
} timeline_panel;

/* Reads a trace; its memory is the panel's. False: said why. */
bool timeline_read(const char *path, timeline_panel *panel);

void timeline_clear(timeline_panel *panel);

/* Draws `count` panels with the figures of the table's rows, whole or not at all. False: said why.
 */
bool timeline_draw(const char *path, const char *title, const compare_row *rows,
                   const timeline_panel *panels, size_t count);

#endif
