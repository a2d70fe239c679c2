#include "plot.h"

#include <math.h>

enum {
    PANEL_WIDTH = 300,
    PANEL_HEIGHT = 300,
    GAP = 24,
    LEFT = 64,
    TOP = 64,
    BOTTOM = 92,
    RIGHT = 16,
    COLOURS = 6,
};

/* Told apart without colours by their order, and by those who see few of them by their lightness.
 */
static const char *const colours[COLOURS] = {"#1b9e77", "#377eb8", "#d95f02",
                                             "#7b2d8b", "#333333", "#a6761d"};

static double x_place(const scale_plot *plot, size_t panel, double x)
{
    double from = log10(plot->x[0]), to = log10(plot->x[plot->points - 1]);
    double part = to > from ? (log10(x) - from) / (to - from) : 0.5;
    return (double)(LEFT + panel * (PANEL_WIDTH + GAP)) + 8 + part * (PANEL_WIDTH - 16);
}

static double y_place(const scale_plot *plot, double y)
{
    double least = log10(plot->y_least), at = y > plot->y_least ? log10(y) : least;
    return TOP + PANEL_HEIGHT * at / least;
}

static void text(FILE *file, double x, double y, const char *anchor, int size, const char *words)
{
    fprintf(file,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" "
            "fill=\"#222\">%s</text>\n",
            x, y, anchor, size, words);
}

static void line(FILE *file, double x1, double y1, double x2, double y2)
{
    fprintf(file,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\" "
            "stroke-width=\"1\"/>\n",
            x1, y1, x2, y2);
}

static void y_grid(const scale_plot *plot, FILE *file, size_t panel)
{
    static const double steps[] = {1, 0.5, 0.2};
    double left = (double)(LEFT + panel * (PANEL_WIDTH + GAP));
    for (int decade = 0; pow(10, -decade) >= plot->y_least * 0.999; decade++)
        for (int i = 0; i < 3; i++) {
            double y = steps[i] * pow(10, -decade);
            char name[16];
            if (y < plot->y_least * 0.999)
                continue;
            snprintf(name, sizeof name, "%g", y);
            line(file, left, y_place(plot, y), left + PANEL_WIDTH, y_place(plot, y));
            if (panel == 0)
                text(file, left - 6, y_place(plot, y) + 4, "end", 12, name);
        }
}

static void frame(const scale_plot *plot, FILE *file, size_t panel)
{
    double left = (double)(LEFT + panel * (PANEL_WIDTH + GAP)), foot = TOP + PANEL_HEIGHT;
    y_grid(plot, file, panel);
    for (size_t i = 0; i < plot->points; i++) {
        double x = x_place(plot, panel, plot->x[i]);
        line(file, x, TOP, x, foot);
        text(file, x, foot + 16, "middle", 11, plot->x_names[i]);
    }
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
            "stroke=\"#444\"/>\n",
            left, TOP, PANEL_WIDTH, PANEL_HEIGHT);
    text(file, left + PANEL_WIDTH / 2.0, TOP - 8, "middle", 13, plot->panel_names[panel]);
    text(file, left + PANEL_WIDTH / 2.0, foot + 36, "middle", 12, plot->x_title);
}

/* `style` is what a dashed line has and a full one not. */
static void curve(const scale_plot *plot, FILE *file, const double *all, size_t panel, size_t which,
                  const char *style)
{
    const double *y = all + (panel * plot->curves + which) * plot->points;
    fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" %s points=\"", colours[which % COLOURS],
            style);
    for (size_t i = 0; i < plot->points; i++)
        fprintf(file, "%.1f,%.1f ", x_place(plot, panel, plot->x[i]), y_place(plot, y[i]));
    fputs("\"/>\n", file);
}

static void legend(const scale_plot *plot, FILE *file, double width)
{
    double y = TOP + PANEL_HEIGHT + 66, x = LEFT;
    for (size_t c = 0; c < plot->curves; c++) {
        fprintf(file,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"2.5\"/>\n",
                x, y - 4, x + 26, y - 4, colours[c % COLOURS]);
        text(file, x + 32, y, "start", 12, plot->curve_names[c]);
        x += 140;
    }
    if (plot->dashed && x < width)
        text(file, x, y, "start", 12, "dashed: the ideal greedy schedule");
}

void scale_plot_write(const scale_plot *plot, FILE *file)
{
    double width = (double)(LEFT + plot->panels * (PANEL_WIDTH + GAP) - GAP + RIGHT);
    double height = TOP + PANEL_HEIGHT + BOTTOM, middle = TOP + PANEL_HEIGHT / 2.0;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height);
    text(file, LEFT, 24, "start", 15, plot->title);
    fprintf(file, "<g transform=\"rotate(-90 16 %.1f)\">\n", middle);
    text(file, 16, middle, "middle", 12, plot->y_title);
    fputs("</g>\n", file);
    for (size_t p = 0; p < plot->panels; p++) {
        frame(plot, file, p);
        for (size_t c = 0; c < plot->curves && plot->dashed; c++)
            curve(plot, file, plot->dashed, p, c,
                  "stroke-width=\"1.2\" stroke-dasharray=\"5 4\" opacity=\"0.8\"");
        for (size_t c = 0; c < plot->curves; c++)
            curve(plot, file, plot->y, p, c, "stroke-width=\"2.2\"");
    }
    legend(plot, file, width);
    fputs("</svg>\n", file);
}
