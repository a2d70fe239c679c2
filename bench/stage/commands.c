/* `fanfold factor` beside coreutils factor, both on one core that is the same for all, by CPU time.
 * What they print goes to /dev/null; that it is the same is seen before, for fewer numbers. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"

enum { PATH_SIZE = 4096, COMMANDS = 3, REPETITIONS = 5, BUFFER = 1 << 16 };

typedef struct stream {
    const char *name;
    size_t count;
    bool is_random;
    int input;
    double ns[COMMANDS][STAGE_REPETITIONS_MAX];
} stream;

/* The command of the same build: build/<preset>/bin/fanfold beside build/<preset>/bench. */
static void find_command(char path[PATH_SIZE])
{
    char here[PATH_SIZE - 16];
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    if (length <= 0)
        bench_fail("/proc/self/exe: %s", strerror(errno));
    here[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (!slash)
            bench_fail("no command beside %s", here);
        *slash = '\0';
    }
    snprintf(path, PATH_SIZE, "%s/bin/fanfold", here);
}

/* To the first core that this program may use; *before is where it might be. */
static void stay_on_one_core(cpu_set_t *before)
{
    cpu_set_t one;
    size_t core = 0;
    if (sched_getaffinity(0, sizeof *before, before))
        bench_fail("cores: %s", strerror(errno));
    while (!CPU_ISSET(core, before))
        core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof one, &one))
        bench_fail("core %zu: %s", core, strerror(errno));
}

static int make_numbers(bool is_random, size_t count)
{
    char buffer[BUFFER];
    int fd = stage_file();
    size_t used = 0;
    uint64_t state = 9;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = is_random ? bench_random(&state) >> 32 : i + 1;
        used += (size_t)snprintf(buffer + used, sizeof buffer - used, "%" PRIu64 "\n", n);
        if (used > BUFFER - 32 || i + 1 == count) {
            stage_write(fd, buffer, used);
            used = 0;
        }
    }
    return fd;
}

/* Ends the program where the two files are not the same. */
static void compare(int left, int right)
{
    char a[BUFFER], b[BUFFER];
    ssize_t n;
    if (lseek(left, 0, SEEK_SET) || lseek(right, 0, SEEK_SET))
        bench_fail("rewinding what was printed: %s", strerror(errno));
    while ((n = read(left, a, sizeof a)) > 0)
        if (read(right, b, (size_t)n) != n || memcmp(a, b, (size_t)n) != 0)
            bench_fail("fanfold factor and factor print different things");
    if (n < 0 || read(right, b, 1) != 0)
        bench_fail("fanfold factor and factor print different amounts");
}

static void check(char *const ours[], char *const theirs[], bool is_random)
{
    enum { FEW = 5000 };
    int input = make_numbers(is_random, FEW), left = stage_file(), right = stage_file();
    if (bench_child_ns(ours, input, left) < 0)
        bench_fail("%s does not run", ours[0]);
    if (bench_child_ns(theirs, input, right) >= 0) /* not there: nothing to hold it against */
        compare(left, right);
    (void)close(input); /* none of them has a name */
    (void)close(left);
    (void)close(right);
}

static void print_stream(bench_table *table, stream *s, unsigned repetitions)
{
    static const char *const names[COMMANDS] = {"coreutils factor", "fanfold factor",
                                                "fanfold factor --executor serial"};
    double theirs = bench_median(s->ns[0], repetitions);
    for (size_t c = 0; c < COMMANDS; c++) {
        double median = bench_median(s->ns[c], repetitions);
        if (median < 0) {
            bench_table_row(table, "%s\t%s\tabsent\t-\t-\t-", s->name, names[c]);
            continue;
        }
        char ratio[32] = "-";
        if (theirs > 0)
            snprintf(ratio, sizeof ratio, "%.2f", theirs / median);
        bench_table_row(table, "%s\t%s\t%.0f\t%.0f\t%s\t%s", s->name, names[c],
                        median / (double)s->count, 100 * bench_spread(s->ns[c], repetitions), ratio,
                        c ? "1, reach 2" : "-");
    }
}

void stage_commands(const bench_options *options)
{
    char path[PATH_SIZE];
    find_command(path);
    char *const theirs[] = {"factor", NULL}, *const ours[] = {path, "factor", NULL},
                *const serial[] = {path, "factor", "--executor", "serial", NULL};
    char *const *const commands[COMMANDS] = {theirs, ours, serial};
    static stream streams[] = {
        {.name = "seq 10000000", .count = 10000000},
        {.name = "10^6 random, 32 bits", .count = 1000000, .is_random = true}};
    enum { STREAMS = sizeof streams / sizeof *streams };
    unsigned repetitions = options->repetitions < REPETITIONS ? options->repetitions : REPETITIONS;
    bench_table *table = bench_table_new("factor on one core", 2,
                                         "numbers\tby\tCPU ns each\tspread %\tratio\tasked");
    cpu_set_t before;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0)
        bench_fail("/dev/null: %s", strerror(errno));
    stay_on_one_core(&before);
    for (size_t i = 0; i < STREAMS; i++) {
        stream *s = &streams[i];
        check(ours, theirs, s->is_random);
        s->count /= options->quick ? 1000 : 1;
        s->input = make_numbers(s->is_random, s->count);
    }
    for (unsigned n = 0; n < repetitions; n++)
        for (size_t i = 0; i < STREAMS; i++)
            for (size_t c = 0; c < COMMANDS; c++)
                streams[i].ns[c][n] = bench_child_ns(commands[c], streams[i].input, nowhere);
    for (size_t i = 0; i < STREAMS; i++) {
        print_stream(table, &streams[i], repetitions);
        (void)close(streams[i].input);
    }
    bench_table_print(table, options);
    (void)close(nowhere);
    if (sched_setaffinity(0, sizeof before, &before))
        bench_fail("cores: %s", strerror(errno));
}
