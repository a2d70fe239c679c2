/* Tables as text, and the line that says where they were made. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/machine.h"
#include "harness.h"

enum { COLUMNS_MAX = 16, ROW_BYTES_MAX = 1024 };

struct bench_table {
    const char *name;
    int words;   /* leading columns that hold words */
    char **rows; /* row 0: the columns' names */
    size_t count;
};

static void add_row(bench_table *table, const char *text)
{
    char **rows = realloc(table->rows, (table->count + 1) * sizeof *rows);
    char *copy = strdup(text);
    if (rows && copy) {
        table->rows = rows;
        rows[table->count++] = copy;
    } else {
        bench_fail("no memory for a table");
    }
}

bench_table *bench_table_new(const char *name, int words, const char *columns)
{
    bench_table *table = bench_alloc(1, sizeof *table);
    table->name = name;
    table->words = words;
    add_row(table, columns);
    return table;
}

void bench_table_row(bench_table *table, const char *format, ...)
{
    char text[ROW_BYTES_MAX];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (length < 0 || length >= ROW_BYTES_MAX)
        bench_fail("a row of %d bytes does not fit", length);
    add_row(table, text);
}

/* The end of the cell that starts at `cell`. */
static const char *cell_end(const char *cell)
{
    return cell + strcspn(cell, "\t");
}

static void measure(const bench_table *table, int widths[COLUMNS_MAX])
{
    for (size_t r = 0; r < table->count; r++) {
        const char *cell = table->rows[r];
        for (int c = 0; c < COLUMNS_MAX; c++) {
            const char *end = cell_end(cell);
            if (end - cell > widths[c])
                widths[c] = (int)(end - cell);
            if (!*end)
                break;
            cell = end + 1;
        }
    }
}

/* Words to the left, figures to the right. */
static void print_row(const bench_table *table, const char *row, const int widths[COLUMNS_MAX])
{
    for (int c = 0; c < COLUMNS_MAX; c++) {
        const char *end = cell_end(row);
        int length = (int)(end - row);
        int pad = widths[c] - length;
        bool last = !*end;
        if (c < table->words)
            printf("%.*s%*s", length, row, last ? 0 : pad, "");
        else
            printf("%*s%.*s", pad, "", length, row);
        if (last)
            break;
        fputs("  ", stdout);
        row = end + 1;
    }
    putchar('\n');
}

void bench_table_print(bench_table *table, const bench_options *options)
{
    int widths[COLUMNS_MAX] = {0};
    measure(table, widths);
    if (!options->tsv)
        printf("\n%s\n", table->name);
    for (size_t r = 0; r < table->count; r++) {
        if (options->tsv)
            printf("%s\t%s\n", r ? table->name : "table", table->rows[r]);
        else
            print_row(table, table->rows[r], widths);
        free(table->rows[r]);
    }
    free(table->rows);
    free(table);
    fflush(stdout);
}

/* The processor's name from the kernel, or "unknown". `name` has `size` bytes. */
static void processor_name(char *name, size_t size)
{
    char line[256];
    snprintf(name, size, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
}

void bench_print_machine(const bench_options *options)
{
    char name[128];
    double load[1] = {0};
    fan_machine_info machine;
    fan_machine(&machine);
    processor_name(name, sizeof name);
    if (getloadavg(load, 1) != 1)
        load[0] = -1;
    printf("# %s, %u cores usable, load %.1f, %u repetitions%s\n", name, machine.cores_usable,
           load[0], options->repetitions, options->quick ? " (quick: figures mean nothing)" : "");
    fflush(stdout);
}
