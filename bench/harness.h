/* What the benchmarks share: options, clocks, medians, work of a known length, tables. Single
 * threaded unless said otherwise; what goes wrong ends the program with a text (bench_fail). */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_options {
    bool tsv;             /* tables as tab-separated lines, each with its table's name first */
    bool quick;           /* tiny sizes: does it run at all; the figures mean nothing */
    unsigned repetitions; /* of each row, interleaved */
    unsigned workers;     /* 0: as many as usable */
    const char *only;     /* rows of this executor alone, beside the peers; NULL: all */
    bool native;          /* no peers in other programs */
} bench_options;

/* Reads --tsv, --quick, --repetitions N, --workers N, --only NAME, --native and --help (which
 * prints `summary`). Returns -1 to go on, else the exit code. */
int bench_options_read(int argc, char **argv, const char *summary, bench_options *options);

/* Takes an option of one program alone out of the arguments, before bench_options_read sees them:
 * its value, `name` itself where it has none (`flag`), NULL where it is not there. */
const char *bench_option_take(int *argc, char **argv, const char *name, bool flag);

/* Ends the program with exit code 1 and a text on stderr. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc, or bench_fail. */
void *bench_alloc(size_t count, size_t size);

/* ---- Clocks --------------------------------------------------------------------------------- */

double bench_wall_ns(void);

/* CPU time in nanoseconds of the calling thread, of the whole process, and of another process of
 * this host (negative where it can't be read). Any thread. */
double bench_thread_ns(void);
double bench_process_ns(void);
double bench_other_process_ns(int pid);

/* Lets go of the core for a moment, so that threads that spin before they sleep have gone to sleep
 * when the next row is measured. */
void bench_settle(void);

/* Runs a program (looked for in PATH; environment kept) with these descriptors as standard input
 * and output, both from their beginning, and waits. Returns its CPU time in nanoseconds, of its
 * children too; negative where it can't be started or ends with another code than 0. */
double bench_child_ns(char *const argv[], int input, int output);

/* The same; *peak_bytes = the most memory that it had at once. */
double bench_child_peak(char *const argv[], int input, int output, double *peak_bytes);

/* ---- Numbers -------------------------------------------------------------------------------- */

/* The next of a sequence of random numbers (SplitMix64: Steele, Lea, Flood 2014). */
uint64_t bench_random(uint64_t *state);

/* The middle of `count` >= 1 values, which are sorted by it. */
double bench_median(double *values, size_t count);

/* The distance of the quartiles as a part of the median, of values sorted by bench_median. */
double bench_spread(const double *sorted, size_t count);

/* ---- Work of a known length ----------------------------------------------------------------- */

/* Steps of bench_spin that take a microsecond of CPU time here. */
double bench_spin_per_us(void);

/* ---- Tables --------------------------------------------------------------------------------- */

typedef struct bench_table bench_table;

/* A table with its columns' names, tab-separated; the first `words` columns hold words and stand to
 * the left. `name` is borrowed. Shown and freed by bench_table_print. */
bench_table *bench_table_new(const char *name, int words, const char *columns);

/* A row: cells separated by tabs. */
void bench_table_row(bench_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void bench_table_print(bench_table *table, const bench_options *options);

/* Names this machine: processor, usable cores, load at the moment. */
void bench_print_machine(const bench_options *options);

#endif
