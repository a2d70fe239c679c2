#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"

double compare_base(const compare_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i].why[0] && strcmp(rows[i].executor, "serial") == 0)
            return rows[i].median;
    for (size_t i = 0; i < count; i++)
        if (!rows[i].why[0])
            return rows[i].median;
    return 0;
}

void compare_time_text(double seconds, char *text, size_t size)
{
    const char *unit = "s";
    double shown = seconds;
    if (seconds < 1e-6) {
        unit = "ns";
        shown = seconds * 1e9;
    } else if (seconds < 1e-3) {
        unit = "us";
        shown = seconds * 1e6;
    } else if (seconds < 1) {
        unit = "ms";
        shown = seconds * 1e3;
    }
    snprintf(text, size, "%.*f %s", shown < 10 ? 2 : shown < 100 ? 1 : 0, shown, unit);
}

static const char *verdict(const compare_row *row)
{
    return row->differs ? "DIFFERS" : "same bytes";
}

static void print_text_row(const compare_row *row, double base)
{
    printf("%-10s %7u  ", row->executor, row->workers);
    if (row->why[0]) {
        printf("%s: %s\n", row->absent ? "can't run here" : "failed", row->why);
        return;
    }
    char time[32], overhead[32] = "-";
    compare_time_text(row->median, time, sizeof time);
    if (row->overhead >= 0)
        compare_time_text(row->overhead, overhead, sizeof overhead);
    double speed_up = row->median > 0 ? base / row->median : 0;
    printf("%9s  %7.2fx  %9.0f%%  %13s  %8.1f MB  %s", time, speed_up,
           100 * speed_up / row->workers, overhead, (double)row->peak_kib / 1024, verdict(row));
    if (row->exit_code)
        printf(" (exit code %d)", row->exit_code);
    putchar('\n');
}

static void print_text(const compare_row *rows, size_t count)
{
    double base = compare_base(rows, count);
    printf("%-10s %7s  %9s  %8s  %10s  %13s  %11s  %s\n", "executor", "workers", "time", "speed-up",
           "efficiency", "overhead/item", "peak memory", "output");
    for (size_t i = 0; i < count; i++)
        print_text_row(&rows[i], base);
}

static void print_tsv(const compare_row *rows, size_t count)
{
    double base = compare_base(rows, count);
    printf("executor\tworkers\tseconds\tspeed_up\tefficiency\toverhead_seconds_per_item\t"
           "peak_kib\titems\truns\tsame\texit_code\terror\n");
    for (size_t i = 0; i < count; i++) {
        const compare_row *r = &rows[i];
        printf("%s\t%u\t", r->executor, r->workers);
        if (r->why[0]) {
            printf("\t\t\t\t\t\t\t\t\t%s\n", r->why);
            continue;
        }
        double speed_up = r->median > 0 ? base / r->median : 0;
        printf("%.9g\t%.4g\t%.4g\t", r->median, speed_up, speed_up / r->workers);
        if (r->overhead >= 0)
            printf("%.4g", r->overhead);
        printf("\t%" PRIu64 "\t%" PRIu64 "\t%zu\t%s\t%d\t\n", r->peak_kib, r->items, r->runs,
               r->differs ? "no" : "yes", r->exit_code);
    }
}

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_ndjson(const compare_row *rows, size_t count)
{
    double base = compare_base(rows, count);
    for (size_t i = 0; i < count; i++) {
        const compare_row *r = &rows[i];
        printf("{\"schema\":\"fanfold.compare/1\",\"executor\":\"%s\",\"workers\":%u,", r->executor,
               r->workers);
        if (r->why[0]) {
            printf("\"error\":");
            print_json_text(r->why);
            printf("}\n");
            continue;
        }
        double speed_up = r->median > 0 ? base / r->median : 0;
        printf("\"seconds\":%.9g,\"speed_up\":%.4g,\"efficiency\":%.4g,", r->median, speed_up,
               speed_up / r->workers);
        if (r->overhead >= 0)
            printf("\"overhead_seconds_per_item\":%.4g,", r->overhead);
        printf("\"peak_kib\":%" PRIu64 ",\"items\":%" PRIu64
               ",\"runs\":%zu,\"same\":%s,\"exit_code\":%d}\n",
               r->peak_kib, r->items, r->runs, r->differs ? "false" : "true", r->exit_code);
    }
}

void compare_print(const compare_row *rows, size_t count, const char *format)
{
    if (strcmp(format, "tsv") == 0)
        print_tsv(rows, count);
    else if (strcmp(format, "ndjson") == 0)
        print_ndjson(rows, count);
    else
        print_text(rows, count);
}
