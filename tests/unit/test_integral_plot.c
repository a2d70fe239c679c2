/* What gnuplot is told of a picture: no text of the user's is a command. */
#include "shim/shim.h"

#include <math.h>

#include "job/integral_plot.h"
#include "job/record.h"

static const char *quoted(const char *text, char out[400])
{
    fan_buffer b = {0};
    fan_status status = fani_plot_quote(text, &b);
    snprintf(out, 400, "%.*s", (int)b.size, (const char *)b.bytes);
    fan_buffer_clear(&b);
    return status == FAN_OK ? out : "no memory";
}

FAN_TEST(integral_plot, text_means_itself)
{
    char out[400], longer[300];
    EXPECT_STR(quoted("a_1^2 {x} `id` $y \\n \"q\"", out), "'a_1^2 {x} `id` $y \\n \"q\"'");
    EXPECT_STR(quoted("it's ''", out), "'it''s '''''");
    EXPECT_STR(quoted("a\nset output 'x'\r\x01\x7f", out), "'a set output ''x''   '");
    EXPECT_STR(quoted("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", out),
               "'\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80'");
    /* Not UTF-8: a byte alone, a character cut short, one in more bytes than it needs, a surrogate,
     * control characters of two bytes. */
    EXPECT_STR(quoted("\xff|\xc3|\xc0\x80|\xed\xa0\x80|\xc2\x85|\xe2\x82", out), "'?|?|?"
                                                                                 "?|?"
                                                                                 "?"
                                                                                 "?|?"
                                                                                 "?|?"
                                                                                 "?'");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    quoted(longer, out);
    EXPECT_TRUE(strlen(out) < 130 && strcmp(out + strlen(out) - 4, "...'") == 0);
}

/* How often `part` is in the script of a picture. */
static int lines_of(const fani_plot_picture *picture, const char *part)
{
    fan_buffer b = {0};
    int count = 0;
    if (fani_plot_script(picture, &b) != FAN_OK || fani_bytes_add(&b, "", 1) != FAN_OK)
        count = -1;
    for (const char *at = (const char *)b.bytes; count >= 0 && (at = strstr(at, part)); at++)
        count++;
    fan_buffer_clear(&b);
    return count;
}

FAN_TEST(integral_plot, axes_by_decades)
{
    fani_plot_point points[] = {{1, 0.01, 1, 0.1, FANI_PLOT_OK}, {2, 2, 900, 0.1, FANI_PLOT_OK}};
    double low[] = {0.9, 899.9}, high[] = {1.1, 900.1};
    fani_plot_picture p = {.points = points,
                           .low = low,
                           .high = high,
                           .count = 2,
                           .rows = 2,
                           .name = "p",
                           .title = ""};
    EXPECT_I64(lines_of(&p, "set logscale x\n"), 1);
    EXPECT_I64(lines_of(&p, "set logscale y\n"), 0);
    points[1].value = high[1] = 1000;
    EXPECT_I64(lines_of(&p, "set logscale y\n"), 1);
    points[0].x = 0;
    EXPECT_I64(lines_of(&p, "set logscale x\n"), 0);
    points[0].value = -1;
    EXPECT_I64(lines_of(&p, "set logscale y\n"), 0);
}

FAN_TEST(integral_plot, a_bar_ends_on_the_axis)
{
    fani_plot_point points[] = {{1, 1, 1, 5, FANI_PLOT_OK}, {2, 2, 5000, 0, FANI_PLOT_OK}};
    double low[] = {-4, 5000}, high[] = {6, 5000};
    const fani_plot_picture p = {.points = points,
                                 .low = low,
                                 .high = high,
                                 .count = 2,
                                 .rows = 2,
                                 .name = "p",
                                 .title = ""};
    EXPECT_I64(lines_of(&p, "\n1 1 0.1 6 5\n"), 1);
    EXPECT_I64(lines_of(&p, "\n2 5000 5000 5000 0\n"), 1);
}

FAN_TEST(integral_plot, marks_are_counted)
{
    fani_plot_point points[] = {{1, 1, 1, 0, FANI_PLOT_OK},
                                {2, 2, 1, INFINITY, FANI_PLOT_NOT_REACHED},
                                {3, 3, NAN, NAN, FANI_PLOT_NO_VALUE},
                                {4, 4, INFINITY, INFINITY, FANI_PLOT_NOT_REACHED}};
    double low[] = {1, 1, NAN, NAN}, high[] = {1, 1, NAN, NAN};
    const fani_plot_picture p = {.points = points,
                                 .low = low,
                                 .high = high,
                                 .count = 4,
                                 .rows = 4,
                                 .name = "p",
                                 .title = ""};
    EXPECT_I64(lines_of(&p, "not reached: 1'"), 1);
    EXPECT_I64(lines_of(&p, "no value: 2'"), 1);
    EXPECT_I64(lines_of(&p, "noenhanced"), 4);
}
