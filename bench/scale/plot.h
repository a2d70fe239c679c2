/* Curves over logarithmic axes, panel beside panel, as SVG text. */
#ifndef SCALE_PLOT_H
#define SCALE_PLOT_H

#include <stddef.h>
#include <stdio.h>

typedef struct scale_plot {
    const char *title, *x_title, *y_title;
    size_t panels, curves, points; /* at least 1; of curves at most 6 */
    const char *const *panel_names;
    const char *const *curve_names;
    const double *x; /* rising, above 0 */
    const char *const *x_names;
    const double *y;      /* [panel][curve][point]; what lies below y_least is drawn there */
    const double *dashed; /* to compare with, in the same form; or NULL */
    double y_least;       /* a power of ten; the axis ends at 1 */
} scale_plot;

/* Whether all was written is for the caller to see (ferror, fclose). */
void scale_plot_write(const scale_plot *plot, FILE *file);

#endif
