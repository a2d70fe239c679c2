/* --plot: a picture of a scan, or of how one integral converges, by gnuplot.
 *
 * Points are kept in a file as they come: without a name, or, of a run that can be gone on with, in
 * OUTPUT.plot, so that the picture has those of earlier runs too. Used by the caller's thread of a
 * run alone. */
#ifndef FANI_INTEGRAL_PLOT_H
#define FANI_INTEGRAL_PLOT_H

#include "job/job_internal.h"
#include "kernel/integrate/method.h"

typedef struct fani_plot fani_plot;

typedef enum fani_plot_mark {
    FANI_PLOT_OK,
    FANI_PLOT_NOT_REACHED, /* a value that lacks the tolerance */
    FANI_PLOT_NO_VALUE,
} fani_plot_mark;

typedef struct fani_plot_point {
    uint64_t
        number; /* from 1, in the order in which they came: what is missing in a file is seen */
    double x, value, error;
    uint64_t mark;
} fani_plot_point;

bool fani_plot_is_asked(const fan_job *job);

/* Checks before any work that there is a gnuplot, and what it is to draw. `grid`: the integral is
 * over a fixed grid; `several`: there are more of them than one. FAN_E_ARGUMENT, FAN_E_UNSUPPORTED
 * (no gnuplot). */
fan_status fani_plot_check(const fan_job *job, bool grid, bool several, fan_error *error);

/* Sets run->plot, NULL where no picture is asked for. Points of an earlier run stay where this one
 * goes on with it. Errors: FAN_E_OUTPUT (the picture's file or that of its points can't be
 * written), FAN_E_MEMORY. */
fan_status fani_plot_open(fani_job_run *run, fan_error *error);

/* The functions from here on do nothing where `plot` is NULL.
 *
 * Keeps the first so many points of earlier runs. FAN_E_INPUT: they are not there (that run had no
 * --plot); FAN_E_OUTPUT. */
fan_status fani_plot_keep(fani_plot *plot, uint64_t points, fan_error *error);

/* Keeps those with x <= last, and the ones before them. FAN_E_OUTPUT. */
fan_status fani_plot_keep_until(fani_plot *plot, double last, fan_error *error);

/* Adds a point; its number is set. FAN_E_OUTPUT. */
fan_status fani_plot_add(fani_plot *plot, fani_plot_point point, fan_error *error);

/* Adds what a method knows after a round: of the first component. */
fan_status fani_plot_round(fani_plot *plot, const fani_method *method, const void *state,
                           fan_error *error);

/* Hands what was added to the system, before it is said that it is done. FAN_E_OUTPUT. */
fan_status fani_plot_flush(fani_plot *plot, fan_error *error);

/* Draws all points against `name`, a parameter, or as a convergence (NULL), and puts the picture in
 * its place. Errors: FAN_E_SYSTEM (gnuplot failed: with what it said), FAN_E_TIMEOUT,
 * FAN_E_CANCELLED (the run is to stop), FAN_E_OUTPUT, FAN_E_INPUT (points are missing),
 * FAN_E_MEMORY. No file is left then, and an older one as it was. */
fan_status fani_plot_draw(fani_plot *plot, const char *name, fan_error *error);

/* Frees; a picture that was not drawn leaves nothing. NULL is accepted. */
void fani_plot_free(fani_plot *plot);

/* Removes the points of a run whose output is in its place. */
void fani_plot_forget(const fani_job_run *run);

/* ---- integral_plot_script.c ------------------------------------------------------------------ */

/* What gnuplot is to be told: points sorted by x (or as they came), and the words around them. */
typedef struct fani_plot_picture {
    const fani_plot_point *points;
    const double *low, *high; /* of the error's band at each point */
    size_t count;
    uint64_t rows;    /* that the points stand for: more than `count` where each is a column */
    const char *name; /* of the parameter; NULL: a convergence */
    const char *title;
} fani_plot_picture;

/* Appends the script. FAN_E_MEMORY. */
fan_status fani_plot_script(const fani_plot_picture *picture, fan_buffer *script);

/* Appends text as a string of gnuplot's that means itself: in single quotes, control characters as
 * blanks, what is no UTF-8 as '?', and cut where it is long. FAN_E_MEMORY. */
fan_status fani_plot_quote(const char *text, fan_buffer *script);

#endif
