/* Whole factorizations of balanced semiprimes, each by a process of its own, which tells its CPU
 * time and its peak of memory; interleaved, every answer checked. */
#include "sieve.h"

#include <ctype.h>
#include <errno.h>
#include <flint/fmpz.h>
#include <flint/fmpz_factor.h>
#include <flint/qsieve.h>
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "primes.h"

/* ---- Children ------------------------------------------------------------------------------- */

/* A program, what it reads, and what it is told beside that. */
typedef struct contestant {
    const char *name, *isa;
    double (*run)(const struct contestant *by, mpz_srcptr n, double *peak_bytes);
    bool absent;
    double seconds, peak_bytes; /* of a length's numbers: all medians together; the most */
    double *times;              /* of the number at hand, in seconds */
} contestant;

typedef struct files {
    FILE *input, *output;
} files;

static FILE *temporary_file(void)
{
    FILE *file = tmpfile();
    if (!file)
        bench_fail("no temporary files: %s", strerror(errno));
    return file;
}

static void close_files(files f)
{
    fclose(f.input);
    fclose(f.output);
}

/* Whether some number of the output is a proper divisor of n. */
static bool has_divisor(FILE *output, mpz_srcptr n)
{
    char word[256];
    size_t length = 0;
    bool found = false;
    mpz_t divisor;
    mpz_init(divisor);
    rewind(output);
    for (int c = 0; c != EOF && !found;) {
        c = fgetc(output);
        if (c != EOF && isdigit(c) && length + 1 < sizeof word) {
            word[length++] = (char)c;
            continue;
        }
        word[length] = '\0';
        if (length > 0 && mpz_set_str(divisor, word, 10) == 0)
            found = mpz_cmp_ui(divisor, 1) > 0 && mpz_cmp(divisor, n) < 0 &&
                    mpz_divisible_p(n, divisor);
        length = 0;
    }
    mpz_clear(divisor);
    return found;
}

/* CPU time in nanoseconds; negative where the program is not there. */
static double run_child(char *const argv[], files f, mpz_srcptr n, double *peak_bytes)
{
    if (fflush(f.input) != 0)
        bench_fail("writing a temporary file: %s", strerror(errno));
    double ns = bench_child_peak(argv, fileno(f.input), fileno(f.output), peak_bytes);
    if (ns >= 0 && !has_divisor(f.output, n))
        bench_fail("%s has not found a divisor", argv[0]);
    return ns;
}

/* For those that measure themselves, without their start: milliseconds are the first line. */
static double first_line_ns(FILE *output)
{
    char line[64], *end;
    rewind(output);
    if (!fgets(line, sizeof line, output))
        bench_fail("a peer has not told its time");
    double ms = strtod(line, &end);
    if (end == line)
        bench_fail("a peer's time is no number");
    return ms * 1e6;
}

/* build/<preset>/bench/sieve itself, or what is beside that folder. */
static void own_path(char *path, size_t size, const char *beside)
{
    char here[4096];
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    if (length <= 0)
        bench_fail("can't tell where this program is");
    here[length] = '\0';
    for (int up = 0; beside && up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (!slash)
            bench_fail("can't tell what is beside this program");
        *slash = '\0';
    }
    snprintf(path, size, "%s%s", here, beside ? beside : "");
}

static double by_fanfold(const contestant *by, mpz_srcptr n, double *peak_bytes)
{
    char command[4096 + 16];
    files f = {temporary_file(), temporary_file()};
    own_path(command, sizeof command, "/bin/fanfold");
    gmp_fprintf(f.input, "%Zd\n", n);
    if (setenv("FANFOLD_ISA", by->isa, 1) != 0)
        bench_fail("no memory for the environment");
    double ns = run_child(
        (char *[]){command, "factor", "--executor", "serial", "--progress", "never", NULL}, f, n,
        peak_bytes);
    unsetenv("FANFOLD_ISA");
    close_files(f);
    return ns;
}

static double by_pari(const contestant *by, mpz_srcptr n, double *peak_bytes)
{
    files f = {temporary_file(), temporary_file()};
    (void)by;
    gmp_fprintf(f.input, "n=%Zd;\ngettime();f=factor(n);t=gettime();print(t);print(f[1,1]);quit\n",
                n);
    double ns = run_child((char *[]){"gp", "-f", "-q", "-s", "400000000", NULL}, f, n, peak_bytes);
    if (ns >= 0)
        ns = first_line_ns(f.output);
    close_files(f);
    return ns;
}

int sieve_by_flint(void)
{
    fmpz_t n;
    fmpz_factor_t found;
    fmpz_init(n);
    fmpz_factor_init(found);
    if (fmpz_read(n) <= 0)
        return 2;
    double before = bench_process_ns();
    qsieve_factor(found, n);
    printf("%.3f\n", (bench_process_ns() - before) / 1e6);
    for (slong i = 0; i < found->num; i++) {
        fmpz_print(found->p + i);
        putchar('\n');
    }
    fmpz_factor_clear(found);
    fmpz_clear(n);
    return fflush(stdout) == 0 ? 0 : 3;
}

static double by_flint(const contestant *by, mpz_srcptr n, double *peak_bytes)
{
    char self[4096 + 16];
    files f = {temporary_file(), temporary_file()};
    (void)by;
    own_path(self, sizeof self, NULL);
    gmp_fprintf(f.input, "%Zd\n", n);
    double ns = run_child((char *[]){self, "--by-flint", NULL}, f, n, peak_bytes);
    if (ns >= 0)
        ns = first_line_ns(f.output);
    close_files(f);
    return ns;
}

static double by_msieve(const contestant *by, mpz_srcptr n, double *peak_bytes)
{
    files f = {temporary_file(), temporary_file()};
    char *number = mpz_get_str(NULL, 10, n);
    (void)by;
    double ns = run_child((char *[]){"msieve", "-q", number, NULL}, f, n, peak_bytes);
    free(number);
    close_files(f);
    return ns;
}

static double by_yafu(const contestant *by, mpz_srcptr n, double *peak_bytes)
{
    files f = {temporary_file(), temporary_file()};
    char call[256];
    (void)by;
    gmp_snprintf(call, sizeof call, "siqs(%Zd)", n);
    double ns = run_child((char *[]){"yafu", call, "-threads", "1", NULL}, f, n, peak_bytes);
    close_files(f);
    return ns;
}

/* ---- Their files ---------------------------------------------------------------------------- */

/* Peers leave files behind: they run in a folder of their own. */
static const char *const left_behind[] = {"siqs.dat",   "msieve.dat",  "msieve.log",
                                          "factor.log", "session.log", "factor.json"};

static void enter_folder(char *folder, size_t size)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, size, "%s/fanfold-bench-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder) || chdir(folder) != 0)
        bench_fail("no folder for the peers' files: %s", strerror(errno));
}

static void tidy(void)
{
    for (size_t i = 0; i < sizeof left_behind / sizeof left_behind[0]; i++)
        unlink(left_behind[i]);
}

static void leave_folder(const char *folder)
{
    tidy();
    if (chdir("/") != 0 || rmdir(folder) != 0)
        fprintf(stderr, "bench: %s is left behind: %s\n", folder, strerror(errno));
}

/* ---- The contest ---------------------------------------------------------------------------- */

/* What is asked for, as parts of PARI's time (issue of the sieve: its seconds beside PARI's on the
 * machine that they are from); 0: nothing. */
static const struct {
    unsigned digits;
    double floor, reach;
} asked[] = {
    {50, 0.15 / 0.20, 0.12 / 0.20},
    {60, 0.52 / 2.12, 0.40 / 2.12},
    {70, 6.0 / 18.1, 4.8 / 18.1},
    {80, 113.0 / 227, 72.0 / 227},
};

enum { PEERS = 7, PARI = 3 };

static unsigned repetitions_of(const sieve_options *options, unsigned digits)
{
    if (options->repetitions)
        return options->repetitions;
    return digits <= 55 ? 5 : digits <= 65 ? 3 : 1;
}

static void run_number(contestant *peers, mpz_srcptr n, unsigned repetitions)
{
    for (unsigned r = 0; r < repetitions; r++) {
        for (unsigned i = 0; i < PEERS; i++) {
            double peak = 0, ns = peers[i].absent ? -1 : peers[i].run(peers + i, n, &peak);
            peers[i].absent = ns < 0;
            peers[i].times[r] = ns / 1e9;
            if (peak > peers[i].peak_bytes)
                peers[i].peak_bytes = peak;
            tidy();
        }
    }
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].seconds += bench_median(peers[i].times, repetitions);
}

static void add_rows(const contestant *peers, unsigned digits, unsigned numbers, bench_table *table)
{
    char wanted[32] = "-\t-";
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        if (asked[i].digits == digits)
            snprintf(wanted, sizeof wanted, "%.2f\t%.2f", asked[i].floor, asked[i].reach);
    }
    for (unsigned i = 0; i < PEERS; i++) {
        const contestant *by = peers + i;
        char share[16] = "-";
        if (by->absent) {
            bench_table_row(table, "C%u\t%s\tabsent\t-\t-\t-\t-", digits, by->name);
            continue;
        }
        if (!peers[PARI].absent)
            snprintf(share, sizeof share, "%.3f", by->seconds / peers[PARI].seconds);
        bench_table_row(table, "C%u\t%s\t%.3f\t%.0f\t%s\t%s", digits, by->name,
                        by->seconds / numbers, by->peak_bytes / 1e6, share,
                        by->isa ? wanted : "-\t-");
    }
}

static void hold(const sieve_options *options, unsigned digits, bench_table *table)
{
    contestant peers[PEERS] = {
        {"fanfold factor, avx512", "avx512", by_fanfold, fani_isa_machine() < FANI_ISA_AVX512, 0, 0,
         NULL},
        {"fanfold factor, avx2", "avx2", by_fanfold, fani_isa_machine() < FANI_ISA_AVX2, 0, 0,
         NULL},
        {"fanfold factor, scalar", "scalar", by_fanfold, false, 0, 0, NULL},
        {"PARI factor (gp)", NULL, by_pari, options->common.native, 0, 0, NULL},
        {"FLINT qsieve_factor", NULL, by_flint, options->common.native, 0, 0, NULL},
        {"msieve", NULL, by_msieve, options->common.native, 0, 0, NULL},
        {"YAFU siqs", NULL, by_yafu, options->common.native, 0, 0, NULL},
    };
    unsigned repetitions = repetitions_of(options, digits);
    mpz_t n;
    mpz_init(n);
    for (unsigned i = 0; i < PEERS; i++) {
        peers[i].times = bench_alloc(repetitions, sizeof *peers[i].times);
        if (peers[i].isa && options->isa && strcmp(peers[i].isa, options->isa) != 0)
            peers[i].absent = true;
    }
    for (unsigned which = 0; which < options->numbers; which++) {
        bench_semiprime(digits, which, n);
        run_number(peers, n, repetitions);
    }
    add_rows(peers, digits, options->numbers, table);
    for (unsigned i = 0; i < PEERS; i++)
        free(peers[i].times);
    mpz_clear(n);
}

void sieve_whole(const sieve_options *options)
{
    char folder[4096];
    unsigned digits;
    bench_table *table = bench_table_new("whole factorizations, CPU time of one core", 2,
                                         "number\tby\tseconds\tpeak MB\tof PARI\tfloor\treach");
    enter_folder(folder, sizeof folder);
    for (const char *at = options->digits; sieve_next_length(&at, &digits);)
        hold(options, digits, table);
    leave_folder(folder);
    bench_table_print(table, &options->common);
}
