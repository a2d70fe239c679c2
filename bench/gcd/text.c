/* Pairs as text through the command of the same build, on one core; the answers go to /dev/null. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gcd.h"

enum { PATH_SIZE = 4096 };

/* build/<preset>/bin/fanfold beside build/<preset>/bench. */
static void find_command(char path[PATH_SIZE])
{
    char here[PATH_SIZE - 16] = "";
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    for (int up = 0; length > 0 && up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (slash)
            *slash = '\0';
    }
    snprintf(path, PATH_SIZE, "%s/bin/fanfold", here);
}

/* A file without a name; returns its size. */
static double make_pairs(FILE *file, size_t count, unsigned bits)
{
    uint64_t state = bits;
    for (size_t i = 0; i < count; i++) {
        uint64_t a = bench_random(&state) >> (64 - bits), b = bench_random(&state) >> (64 - bits);
        fprintf(file, "%" PRIu64 " %" PRIu64 "\n", a, b);
    }
    if (fflush(file) || ferror(file))
        bench_fail("a temporary file can't be written");
    return (double)ftell(file);
}

static void hold(const char *name, unsigned bits, const bench_options *options, bench_table *table)
{
    char path[PATH_SIZE];
    char *argv[] = {path, "gcd", "--executor", "serial", NULL};
    size_t count = bench_scaled(options, 2000000);
    double *times = bench_alloc(options->repetitions, sizeof *times);
    FILE *file = tmpfile();
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (!file || nowhere < 0)
        bench_fail("no temporary file");
    find_command(path);
    double bytes = make_pairs(file, count, bits), ns = 0;
    for (unsigned i = 0; i < options->repetitions && ns >= 0; i++)
        times[i] = ns = bench_child_ns(argv, fileno(file), nowhere);
    if (ns < 0) {
        bench_table_row(table, "%s\tabsent\t-\t-", name);
    } else {
        ns = bench_median(times, options->repetitions);
        bench_table_row(table, "%s\t%.0f\t%.1f\t%.0f", name, bytes / 1e6, ns / (double)count,
                        bytes / ns * 1e3);
    }
    close(nowhere);
    fclose(file);
    free(times);
}

void gcd_hold_text(const bench_options *options, bench_table *table)
{
    hold("64-bit pairs", 64, options, table);
    hold("32-bit pairs", 32, options, table);
    hold("23-bit pairs", 23, options, table);
}
