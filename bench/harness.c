#include "harness.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spin.h"

extern char **environ;

_Noreturn void bench_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        bench_fail("no memory for %zu times %zu bytes", count, size);
    return memory;
}

/* ---- Options -------------------------------------------------------------------------------- */

static unsigned read_count(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = text ? strtoul(text, &end, 10) : 0;
    if (!text || errno || *end || value < 1 || value > 1000) {
        fprintf(stderr, "bench: %s wants a number from 1 to 1000\n", name);
        exit(2);
    }
    return (unsigned)value;
}

int bench_options_read(int argc, char **argv, const char *summary, bench_options *options)
{
    *options = (bench_options){.repetitions = 0};
    for (int i = 1; i < argc; i++) {
        const char *at = argv[i];
        if (!strcmp(at, "--tsv")) {
            options->tsv = true;
        } else if (!strcmp(at, "--quick")) {
            options->quick = true;
        } else if (!strcmp(at, "--native")) {
            options->native = true;
        } else if (!strcmp(at, "--repetitions")) {
            options->repetitions = read_count(at, argv[++i]);
        } else if (!strcmp(at, "--workers")) {
            options->workers = read_count(at, argv[++i]);
        } else if (!strcmp(at, "--only") && argv[i + 1]) {
            options->only = argv[++i];
        } else {
            bool help = !strcmp(at, "--help");
            fprintf(help ? stdout : stderr,
                    "%s\nOptions: --tsv --quick --repetitions N --workers N --only NAME --native\n",
                    summary);
            return help ? 0 : 2;
        }
    }
    if (!options->repetitions)
        options->repetitions = options->quick ? 1 : 9;
    return -1;
}

const char *bench_option_take(int *argc, char **argv, const char *name, bool flag)
{
    const int words = flag ? 1 : 2;
    for (int i = 1; i + words <= *argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        const char *found = argv[i + words - 1];
        for (int k = i; k + words <= *argc; k++)
            argv[k] = argv[k + words];
        *argc -= words;
        return found;
    }
    return NULL;
}

/* ---- Clocks --------------------------------------------------------------------------------- */

static double read_clock(clockid_t clock)
{
    struct timespec at;
    if (clock_gettime(clock, &at))
        return -1;
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

double bench_wall_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double bench_thread_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double bench_process_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_other_process_ns(int pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) ? -1 : read_clock(clock);
}

void bench_settle(void)
{
    struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
}

static double timeval_ns(struct timeval at)
{
    return (double)at.tv_sec * 1e9 + (double)at.tv_usec * 1e3;
}

double bench_child_ns(char *const argv[], int input, int output)
{
    double peak;
    return bench_child_peak(argv, input, output, &peak);
}

double bench_child_peak(char *const argv[], int input, int output, double *peak_bytes)
{
    posix_spawn_file_actions_t actions;
    struct rusage used;
    pid_t pid;
    int state;
    bool emptied = ftruncate(output, 0) == 0 || errno == EINVAL; /* no file: a device */
    if (lseek(input, 0, SEEK_SET) || !emptied || lseek(output, 0, SEEK_SET))
        bench_fail("rewinding a child's files: %s", strerror(errno));
    if (posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) ||
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO))
        bench_fail("no memory for a child");
    int code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code || wait4(pid, &state, 0, &used) != pid || !WIFEXITED(state) || WEXITSTATUS(state))
        return -1;
    *peak_bytes = 1024.0 * (double)used.ru_maxrss;
    return timeval_ns(used.ru_utime) + timeval_ns(used.ru_stime);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_spread(const double *sorted, size_t count)
{
    double median = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return (sorted[count - 1 - count / 4] - sorted[count / 4]) / median;
}

/* ---- Work of a known length ----------------------------------------------------------------- */

double bench_spin_per_us(void)
{
    enum { TIMES = 9, STEPS = 1000000 };
    double rates[TIMES];
    static volatile uint64_t kept; /* the sum must not be thrown away */
    for (int i = 0; i < TIMES; i++) {
        double before = bench_thread_ns();
        kept = bench_spin((uint64_t)i, STEPS);
        rates[i] = STEPS * 1e3 / (bench_thread_ns() - before);
    }
    (void)kept;
    return bench_median(rates, TIMES);
}
