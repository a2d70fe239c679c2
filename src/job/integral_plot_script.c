/* The script that gnuplot draws a picture from. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "job/integral_plot.h"
#include "job/record.h"

enum {
    TEXT_MAX = 110, /* bytes of a title */
    BARS_MAX = 60,  /* more points than that have a band, fewer have bars */
};

#define DECADES_X 100.0  /* a parameter that spans so much has an axis by decades */
#define DECADES_Y 1000.0 /* a value */

static fan_status add(fan_buffer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static fan_status add(fan_buffer *out, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return size < 0 || (size_t)size >= sizeof text ? FAN_E_MEMORY
                                                   : fani_bytes_add(out, text, (size_t)size);
}

/* ---- Strings --------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `at`; 0: there is none. */
static size_t character(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    const size_t size = *c < 0x80                 ? 1
                        : *c >= 0xc2 && *c < 0xe0 ? 2
                        : *c >= 0xe0 && *c < 0xf0 ? 3
                        : *c >= 0xf0 && *c < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < size; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    const bool is_none = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
                         (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f) ||
                         (*c == 0xef && c[1] == 0xbf && c[2] > 0xbd) || (*c == 0xc2 && c[1] < 0xa0);
    return is_none ? 0 : size;
}

fan_status fani_plot_quote(const char *text, fan_buffer *script)
{
    fan_status status = fani_bytes_add(script, "'", 1);
    size_t shown = 0;
    while (status == FAN_OK && *text && shown < TEXT_MAX) {
        const size_t size = character(text);
        const unsigned char c = (unsigned char)*text;
        if (size == 0)
            status = fani_bytes_add(script, "?", 1);
        else if (c < ' ' || c == 0x7f)
            status = fani_bytes_add(script, " ", 1);
        else if (c == '\'')
            status = fani_bytes_add(script, "''", 2);
        else
            status = fani_bytes_add(script, text, size);
        text += size ? size : 1;
        shown += size ? size : 1;
    }
    if (status == FAN_OK && *text)
        status = fani_bytes_add(script, "...", 3);
    return status == FAN_OK ? fani_bytes_add(script, "'", 1) : status;
}

static fan_status set_text(fan_buffer *out, const char *what, const char *text)
{
    fan_status status = add(out, "set %s ", what);
    if (status == FAN_OK)
        status = fani_plot_quote(text, out);
    return status == FAN_OK ? add(out, " noenhanced\n") : status;
}

/* ---- Points ---------------------------------------------------------------------------------- */

static bool has_value(const fani_plot_point *p)
{
    return p->mark != FANI_PLOT_NO_VALUE && isfinite(p->value);
}

typedef struct spread {
    double low, high;
} spread;

static void widen(spread *s, double value)
{
    s->low = value < s->low ? value : s->low;
    s->high = value > s->high ? value : s->high;
}

static bool spans(const spread *s, double factor)
{
    return s->low > 0 && s->high / s->low >= factor;
}

static spread of_values(const fani_plot_picture *p)
{
    spread s = {INFINITY, -INFINITY};
    for (size_t i = 0; i < p->count; i++)
        if (has_value(&p->points[i]))
            widen(&s, p->points[i].value);
    return s;
}

static spread of_x(const fani_plot_picture *p)
{
    spread s = {INFINITY, -INFINITY};
    for (size_t i = 0; i < p->count; i++)
        widen(&s, p->points[i].x);
    return s;
}

/* "x value low high error": one line. `least`: where a logarithmic axis ends. */
static fan_status add_point(const fani_plot_picture *p, size_t i, double least, fan_buffer *out)
{
    const fani_plot_point *point = &p->points[i];
    const double numbers[] = {point->x, point->value, p->low[i] < least ? least : p->low[i],
                              p->high[i], point->error};
    char text[FANI_DOUBLE_TEXT_SIZE];
    fan_status status = FAN_OK;
    for (size_t k = 0; status == FAN_OK && k < sizeof numbers / sizeof *numbers; k++) {
        fani_double_text(numbers[k], text);
        status = add(out, "%s%s", k ? " " : "", isnan(numbers[k]) ? "NaN" : text);
    }
    return status == FAN_OK ? add(out, "\n") : status;
}

static bool is_of(const fani_plot_point *p, fani_plot_mark mark)
{
    return mark == FANI_PLOT_NO_VALUE ? !has_value(p)
           : mark == FANI_PLOT_OK     ? has_value(p) /* all that have one */
                                      : has_value(p) && p->mark == FANI_PLOT_NOT_REACHED;
}

/* The block of data of this name; *count: points in it. */
static fan_status add_block(const fani_plot_picture *p, const char *name, fani_plot_mark mark,
                            double least, size_t *count, fan_buffer *out)
{
    fan_status status = add(out, "$%s << FANFOLD_END\n", name);
    *count = 0;
    for (size_t i = 0; status == FAN_OK && i < p->count; i++)
        if (is_of(&p->points[i], mark)) {
            status = add_point(p, i, least, out);
            ++*count;
        }
    return status == FAN_OK ? add(out, "FANFOLD_END\n") : status;
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static fan_status begin(const fani_plot_picture *p, const char *size, fan_buffer *out)
{
    fan_status status = add(out,
                            "set terminal svg size %s noenhanced font 'sans,13' "
                            "background rgb 'white'\n"
                            "set encoding utf8\n"
                            "set grid lc rgb '#dddddd'\n"
                            "set key outside bottom center horizontal noenhanced\n"
                            "set format '%%g'\n",
                            size);
    return status == FAN_OK && !p->name ? add(out, "set multiplot layout 2,1\n") : status;
}

static const char band[] = "#9ecae1", line[] = "#08519c", not_reached[] = "#e6550d",
                  no_value[] = "#cc0000";

/* The value with its error, as bars or as a band. */
static fan_status add_values(const fani_plot_picture *p, bool bars, fan_buffer *out)
{
    const char *columns = p->rows > p->count ? "least to greatest" : "error";
    return bars ? add(out,
                      "plot $rows using 1:2:3:4 with yerrorbars pt 0 lc rgb '%s' title 'error', "
                      "$rows using 1:2 with points pt 7 ps 0.5 lc rgb '%s' title 'value'",
                      band, line)
                : add(out,
                      "plot $rows using 1:3:4 with filledcurves lc rgb '%s' title '%s', "
                      "$rows using 1:2 with lines lc rgb '%s' title 'value'",
                      band, columns, line);
}

static fan_status add_marks(const fani_plot_picture *p, size_t lacking, size_t failed,
                            fan_buffer *out)
{
    const char *unit = p->rows > p->count ? " columns" : "";
    fan_status status = FAN_OK;
    if (lacking)
        status = add(out,
                     ", $lacking using 1:2 with points pt 6 ps 1 lc rgb '%s' "
                     "title 'tolerance not reached: %zu%s'",
                     not_reached, lacking, unit);
    if (status == FAN_OK && failed)
        status = add(out,
                     ", $failed using 1:(0.03) axes x1y2 with points pt 2 ps 0.7 lc rgb '%s' "
                     "title 'no value: %zu%s'",
                     no_value, failed, unit);
    return status == FAN_OK ? add(out, "\n") : status;
}

/* The value against the parameter. */
static fan_status draw_scan(const fani_plot_picture *p, fan_buffer *out)
{
    const spread x = of_x(p), y = of_values(p);
    const bool log_y = spans(&y, DECADES_Y);
    size_t values = 0, lacking = 0, failed = 0;
    const double least = log_y ? y.low / 10 : -INFINITY;
    fan_status status = add_block(p, "rows", FANI_PLOT_OK, least, &values, out);
    if (status == FAN_OK)
        status = add_block(p, "lacking", FANI_PLOT_NOT_REACHED, least, &lacking, out);
    if (status == FAN_OK)
        status = add_block(p, "failed", FANI_PLOT_NO_VALUE, least, &failed, out);
    if (status == FAN_OK)
        status =
            add(out, "set y2range [0:1]\n%s%s%s%s", spans(&x, DECADES_X) ? "set logscale x\n" : "",
                log_y ? "set logscale y\n" : "", values ? "" : "set yrange [0:1]\n",
                p->count ? "" : "set xrange [0:1]\n");
    if (status == FAN_OK)
        status = set_text(out, "xlabel", p->name);
    if (status == FAN_OK)
        status = values ? add_values(p, values <= BARS_MAX, out) : add(out, "plot NaN notitle");
    return status == FAN_OK ? add_marks(p, lacking, failed, out) : status;
}

/* Value and error against evaluations, one above the other. An error of 0 has no place on an axis
 * by decades, nor one that is infinite. */
static fan_status draw_convergence(const fani_plot_picture *p, fan_buffer *out)
{
    const spread x = of_x(p);
    size_t values = 0, errors = 0;
    fan_status status = add_block(p, "rows", FANI_PLOT_OK, -INFINITY, &values, out);
    for (size_t i = 0; i < p->count; i++)
        errors +=
            has_value(&p->points[i]) && p->points[i].error > 0 && isfinite(p->points[i].error);
    if (status == FAN_OK)
        status = add(out, "%sset xlabel 'evaluations'\n%s", spans(&x, 10) ? "set logscale x\n" : "",
                     values ? "" : "set xrange [1:10]\nset yrange [0:1]\n");
    if (status == FAN_OK)
        status = values ? add_values(p, true, out) : add(out, "plot NaN notitle");
    if (status == FAN_OK)
        status = add(out, "\nunset title\n");
    if (status != FAN_OK || !errors)
        return status;
    return add(out,
               "set logscale y\n"
               "plot $rows using 1:($5 > 0 && $5 < 1e308 ? $5 : NaN) with linespoints pt 7 ps 0.5 "
               "lc rgb '%s' title 'error estimate'\n",
               line);
}

fan_status fani_plot_script(const fani_plot_picture *picture, fan_buffer *script)
{
    fan_status status = begin(picture, picture->name ? "900,560" : "900,800", script);
    if (status == FAN_OK)
        status = set_text(script, "title", picture->title);
    if (status == FAN_OK)
        status = picture->name ? draw_scan(picture, script) : draw_convergence(picture, script);
    return status == FAN_OK && !picture->name ? add(script, "unset multiplot\n") : status;
}
