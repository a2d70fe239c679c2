/* Drawing panels: plain SVG 1.1, no scripts, no fonts of its own, readable on light paper. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "message.h"
#include "timeline.h"

enum {
    WIDTH = 1280,
    LEFT = 300,  /* names of rows end here */
    RIGHT = 110, /* figures of rows begin this far from the edge */
    PLOT = WIDTH - LEFT - RIGHT,
    HEAD = 84,  /* title and legend */
    PANEL = 46, /* a panel's title, and room around it */
    ROW = 22,
    BAR = 16,
    AXIS = 44,
    NOTE = 20,
    TICKS = 8, /* about */
    SHADES = 24,
};

typedef struct drawing {
    FILE *file;
    const compare_row *rows;
    const timeline_panel *panels;
    size_t count;
    double seconds; /* of the whole axis */
    uint64_t first; /* least and greatest index of all panels */
    uint64_t last;
    double base; /* what speed-ups refer to */
} drawing;

/* ---- Text ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(const drawing *d, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(d->file, format, arguments);
    va_end(arguments);
}

/* Text as XML has it; control characters, and bytes that may be no UTF-8, become '?'. */
static void put_text(const drawing *d, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '&')
            put(d, "&amp;");
        else if (c == '<')
            put(d, "&lt;");
        else if (c == '>')
            put(d, "&gt;");
        else if (c == '"')
            put(d, "&quot;");
        else
            fputc(c < ' ' || c >= 0x7F ? '?' : c, d->file);
    }
}

static double x_of(const drawing *d, double seconds)
{
    return LEFT + (d->seconds > 0 ? seconds / d->seconds * PLOT : 0);
}

/* A color for a place in the range of indices, from dark blue over green to yellow: told apart by
 * lightness too, for those who see no colors. */
static void color_of(const drawing *d, double item, char text[8])
{
    static const double stops[][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {243, 220, 40}};
    double range = (double)(d->last - d->first);
    double place = range > 0 ? (item - (double)d->first) / range : 0;
    place = floor(fmin(fmax(place, 0), 1) * SHADES) / SHADES * 4;
    int at = place >= 4 ? 3 : (int)place;
    double part = place - at;
    unsigned rgb[3];
    for (int i = 0; i < 3; i++)
        rgb[i] = (unsigned)lround(stops[at][i] * (1 - part) + stops[at + 1][i] * part);
    snprintf(text, 8, "#%02x%02x%02x", rgb[0] & 255, rgb[1] & 255, rgb[2] & 255);
}

/* ---- Axis ---------------------------------------------------------------------------------- */

/* A round step for about TICKS of them. */
static double tick_step(double seconds)
{
    double rough = seconds / TICKS;
    if (!(rough > 0))
        return 1;
    double step = pow(10, floor(log10(rough)));
    return rough > 5 * step   ? 10 * step
           : rough > 2 * step ? 5 * step
           : rough > step     ? 2 * step
                              : step;
}

static void draw_axis(const drawing *d, double y)
{
    double step = tick_step(d->seconds);
    for (int i = 0; i * step <= d->seconds; i++) {
        char text[32];
        compare_time_text(i * step, text, sizeof text);
        put(d, "<text x=\"%.1f\" y=\"%.1f\" class=\"axis\">%s</text>\n", x_of(d, i * step), y,
            i ? text : "0");
    }
}

static void draw_grid(const drawing *d, double top, double bottom)
{
    double step = tick_step(d->seconds);
    for (int i = 0; i * step <= d->seconds; i++)
        put(d, "<path d=\"M%.1f %.1fV%.1f\" class=\"grid\"/>\n", x_of(d, i * step), top, bottom);
}

/* ---- Bars ---------------------------------------------------------------------------------- */

/* A mark below a bar whose items failed. */
static void draw_failed(const drawing *d, double x, double y)
{
    put(d, "<path d=\"M%.2f %.1fl4 5h-8z\" class=\"failed\"/>\n", x, y + BAR - 2);
}

static void draw_bar(const drawing *d, const timeline_bar *bar, double y)
{
    char color[8], time[32];
    double x = x_of(d, bar->begin), width = x_of(d, bar->end) - x;
    color_of(d, (double)bar->first + (double)bar->count / 2, color);
    compare_time_text(bar->busy, time, sizeof time);
    put(d, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>", x, y,
        fmax(width, 0.5), BAR, color);
    put_text(d, bar->task);
    if (bar->count == 1)
        put(d, ": item %" PRIu64, bar->first);
    else
        put(d, ": items %" PRIu64 " to %" PRIu64, bar->first, bar->first + bar->count - 1);
    put(d, ", %s", time);
    if (bar->failed)
        put(d, ", %" PRIu64 " failed", bar->failed);
    put(d, "</title></rect>\n");
    if (bar->failed)
        draw_failed(d, x + width / 2, y);
}

enum { STRENGTHS = 8 };

/* How a column looks: one of STRENGTHS of its color. */
typedef struct look {
    long strength; /* 0: nothing there */
    char color[8];
} look;

static look look_of(const drawing *d, const timeline_bar *bar)
{
    look l = {.strength = 0};
    double length = bar->end - bar->begin;
    double share = length > 0 ? fmin(bar->busy / length, 1) : 0;
    if (share > 0) {
        l.strength = lround(ceil(share * STRENGTHS));
        color_of(d, bar->items / bar->busy, l.color);
    }
    return l;
}

/* Neighbours that look alike become one. */
static void draw_columns(const drawing *d, const timeline_row *row, double y)
{
    for (size_t i = 0, next; i < row->bars_used; i = next) {
        look l = look_of(d, &row->bars[i]);
        for (next = i + 1; next < row->bars_used; next++) {
            look other = look_of(d, &row->bars[next]);
            if (other.strength != l.strength || strcmp(other.color, l.color) != 0)
                break;
        }
        double x = x_of(d, row->bars[i].begin);
        if (l.strength)
            put(d,
                "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\" "
                "fill-opacity=\"%.3g\"/>\n",
                x, y, x_of(d, row->bars[next - 1].end) - x, BAR, l.color,
                (double)l.strength / STRENGTHS);
    }
    for (size_t i = 0; i < row->bars_used; i++)
        if (row->bars[i].failed)
            draw_failed(d, x_of(d, (row->bars[i].begin + row->bars[i].end) / 2), y);
}

static void draw_row(const drawing *d, const timeline_panel *panel, const timeline_row *row,
                     double y)
{
    put(d,
        "<g data-worker=\"%u\" data-rank=\"%u\" data-events=\"%" PRIu64 "\" data-items=\"%" PRIu64
        "\">\n",
        row->worker, row->rank, row->events, row->items);
    put(d, "<text x=\"%d\" y=\"%.1f\" class=\"row\">", LEFT - 8, y + BAR - 3);
    put_text(d, row->label);
    put(d, "</text>\n<rect x=\"%d\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" class=\"idle\"/>\n",
        LEFT, y, x_of(d, panel->seconds) - LEFT, BAR);
    if (row->columns)
        draw_columns(d, row, y);
    for (size_t i = 0; !row->columns && i < row->bars_used; i++)
        draw_bar(d, &row->bars[i], y);
    double share = panel->seconds > 0 ? fmin(100 * row->busy / panel->seconds, 100) : 0;
    put(d, "<text x=\"%d\" y=\"%.1f\" class=\"figure\">%.0f %% busy</text>\n</g>\n",
        WIDTH - RIGHT + 8, y + BAR - 3, share);
}

/* ---- Panels -------------------------------------------------------------------------------- */

/* Workers without a row: nothing came to them. A worker that was replaced has several rows. */
static unsigned idle_workers(const compare_row *row, const timeline_panel *panel)
{
    unsigned seen = 0;
    for (size_t i = 0; i < panel->count; i++)
        seen += i == 0 || panel->rows[i].rank != panel->rows[i - 1].rank ||
                panel->rows[i].worker != panel->rows[i - 1].worker;
    return panel->rows_left_out || seen > row->workers ? 0 : row->workers - seen;
}

static bool has_notes(const compare_row *row, const timeline_panel *panel)
{
    return !row->why[0] && panel->read &&
           (panel->rows_left_out || panel->dropped || idle_workers(row, panel));
}

static double height_of(const compare_row *row, const timeline_panel *panel)
{
    return PANEL + (panel->count ? (double)panel->count * ROW : NOTE) +
           (has_notes(row, panel) ? NOTE : 0);
}

static void draw_title(const drawing *d, const compare_row *row, const timeline_panel *panel,
                       double y)
{
    put(d, "<text x=\"16\" y=\"%.1f\" class=\"panel\">%s, %u %s%s", y, row->executor, row->workers,
        strcmp(row->executor, "mpi") == 0 ? "rank" : "worker", row->workers == 1 ? "" : "s");
    if (!row->why[0]) {
        char median[32], shown[32];
        compare_time_text(row->median, median, sizeof median);
        compare_time_text(panel->seconds, shown, sizeof shown);
        put(d,
            "<tspan class=\"detail\" dx=\"10\">median %s, speed-up %.2fx; this run: %s from first "
            "item to "
            "last, %" PRIu64 " items in %" PRIu64 " batches",
            median, row->median > 0 ? d->base / row->median : 0, shown, panel->items,
            panel->events);
        if (panel->failed)
            put(d, ", %" PRIu64 " failed", panel->failed);
        put(d, "</tspan>");
    }
    put(d, "</text>\n");
}

static void draw_notes(const drawing *d, const compare_row *row, const timeline_panel *panel,
                       double y)
{
    unsigned idle = idle_workers(row, panel);
    if (!has_notes(row, panel))
        return;
    put(d, "<text x=\"%d\" y=\"%.1f\" class=\"detail\">", LEFT, y);
    if (idle)
        put(d, "%u worker%s ran nothing. ", idle, idle == 1 ? "" : "s");
    if (panel->rows_left_out)
        put(d, "%" PRIu64 " more workers are not shown. ", panel->rows_left_out);
    if (panel->dropped)
        put(d, "%" PRIu64 " batches are missing: the disk was too slow.", panel->dropped);
    put(d, "</text>\n");
}

static void draw_panel(const drawing *d, size_t i, double y)
{
    const compare_row *row = &d->rows[i];
    const timeline_panel *panel = &d->panels[i];
    put(d, "<g data-executor=\"%s\" data-workers=\"%u\"", row->executor, row->workers);
    if (!row->why[0])
        put(d,
            " data-seconds=\"%.9g\" data-items=\"%" PRIu64 "\" data-traced-items=\"%" PRIu64
            "\" data-failed=\"%" PRIu64 "\"",
            row->median, row->items, panel->items, panel->failed);
    put(d, ">\n");
    draw_title(d, row, panel, y + 24);
    double top = y + 34, at = top;
    if (row->why[0] || !panel->read) {
        put(d, "<text x=\"%d\" y=\"%.1f\" class=\"detail\">", LEFT, at + 14);
        put_text(d, row->why[0] ? row->why : "no trace of it");
        put(d, "</text>\n");
        at += NOTE;
    } else {
        draw_grid(d, top - 4, top + (double)panel->count * ROW);
    }
    for (size_t r = 0; r < panel->count; r++) {
        draw_row(d, panel, &panel->rows[r], at);
        at += ROW;
    }
    draw_notes(d, row, panel, at + 14);
    put(d, "</g>\n");
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void draw_legend(const drawing *d, const char *title)
{
    enum { X = LEFT, Y = 44, LENGTH = 240 };
    put(d, "<text x=\"16\" y=\"26\" class=\"title\">");
    put_text(d, title);
    put(d, ": who ran what when</text>\n");
    for (int i = 0; i < SHADES; i++) {
        char color[8];
        double range = (double)(d->last - d->first);
        color_of(d, (double)d->first + range * (i + 0.5) / SHADES, color);
        put(d, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"12\" fill=\"%s\"/>\n",
            X + i * LENGTH / SHADES, Y, LENGTH / SHADES + 1, color);
    }
    put(d,
        "<text x=\"%d\" y=\"%d\" class=\"row\">item %" PRIu64 "</text>\n"
        "<text x=\"%d\" y=\"%d\" class=\"figure\">item %" PRIu64 "</text>\n",
        X - 8, Y + 11, d->first, X + LENGTH + 8, Y + 11, d->last);
    put(d, "<rect x=\"%d\" y=\"%d\" width=\"24\" height=\"12\" class=\"idle\"/>\n", X + 440, Y);
    put(d, "<text x=\"%d\" y=\"%d\" class=\"figure\">idle</text>\n", X + 472, Y + 11);
    put(d, "<path d=\"M%d %dl5 6h-10z\" class=\"failed\"/>\n", X + 532, Y + 4);
    put(d, "<text x=\"%d\" y=\"%d\" class=\"figure\">items failed</text>\n", X + 546, Y + 11);
}

static void draw_all(const drawing *d, const char *title)
{
    double height = HEAD + AXIS;
    for (size_t i = 0; i < d->count; i++)
        height += height_of(&d->rows[i], &d->panels[i]);
    put(d,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
        "width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n",
        WIDTH, height, WIDTH, height);
    put(d, "<style>text{fill:#222}.title{font-size:18px;font-weight:bold}"
           ".panel{font-size:14px;font-weight:bold}"
           ".detail{font-size:12px;font-weight:normal;fill:#444}.row{text-anchor:end}"
           ".axis{text-anchor:middle;fill:#444}.grid{stroke:#ccc;stroke-width:1}"
           ".idle{fill:#ececec}.failed{fill:#d4002a;stroke:#fff;stroke-width:.6}</style>\n"
           "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    draw_legend(d, title);
    double y = HEAD;
    draw_axis(d, y - 4);
    for (size_t i = 0; i < d->count; i++) {
        draw_panel(d, i, y);
        y += height_of(&d->rows[i], &d->panels[i]);
    }
    draw_axis(d, y + 14);
    put(d,
        "<text x=\"%d\" y=\"%.1f\" class=\"axis\">time since the first item was handed out"
        "</text>\n</svg>\n",
        LEFT + PLOT / 2, y + 34);
}

static void find_extent(drawing *d)
{
    bool some = false;
    for (size_t i = 0; i < d->count; i++) {
        const timeline_panel *panel = &d->panels[i];
        if (!panel->read || !panel->items)
            continue;
        d->seconds = fmax(d->seconds, panel->seconds);
        d->first = some && d->first < panel->first ? d->first : panel->first;
        d->last = d->last > panel->last ? d->last : panel->last;
        some = true;
    }
}

/* ---- The file -------------------------------------------------------------------------------- */

/* A new file beside the target, under a name that nobody can foresee; links are not followed. */
static FILE *open_beside(const char *path, char **beside)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random ||
        asprintf(beside, "%s.%016llx.part", path, (unsigned long long)random) < 0) {
        *beside = NULL;
        return NULL;
    }
    int fd = open(*beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(*beside);
        }
        free(*beside);
        *beside = NULL;
        errno = error;
    }
    return file;
}

/* Closes what is complete and gives it its place. */
static bool finish(FILE *file, const char *beside, const char *path)
{
    bool good = !ferror(file) && fflush(file) == 0 && (!beside || fsync(fileno(file)) == 0);
    good &= fclose(file) == 0;
    return good && (!beside || rename(beside, path) == 0);
}

/* A new file that takes the place of the old one; what is no file (a device) is written as it is.
 */
bool timeline_draw(const char *path, const char *title, const compare_row *rows,
                   const timeline_panel *panels, size_t count)
{
    drawing d = {.rows = rows, .panels = panels, .count = count, .base = compare_base(rows, count)};
    char *beside = NULL;
    find_extent(&d);
    errno = 0;
    d.file = strncmp(path, "/dev/", 5) == 0 ? fopen(path, "we") : open_beside(path, &beside);
    bool good = d.file != NULL;
    if (d.file) {
        draw_all(&d, title);
        good = finish(d.file, beside, path);
    }
    if (!good) {
        message_error("--timeline: %s can't be written: %s", path, strerror(errno));
        if (beside)
            (void)unlink(beside);
    }
    free(beside);
    return good;
}
