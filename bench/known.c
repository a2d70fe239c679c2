/* weakkeys --known: new keys beside known ones, and all of them at once. Each row is a run of the
 * command, serial: its CPU time, which is that of reading keys and writing the state too, and its
 * memory; new keys once more with the least --memory that is accepted. Their records are compared:
 * what is said of new keys is the same.
 *
 * Files are in $TMPDIR or /tmp: about 1 KiB a key. --workers N gives the known keys in thousands
 * (200). */
#include <fcntl.h>
#include <gmp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

/* A key is the product of so many primes just above 2^40, all different: 2041 bits. Of the new ones
 * every PLANTED_EACH-th has a prime of a known one. */
enum { KEY_PRIMES = 51, PLANTED_EACH = 500, SEGMENT = 1 << 20, BASE = 1 << 21, NAME_ROOM = 64 };

static char folder[PATH_MAX - 2 * NAME_ROOM];

static char *in_folder(const char *name)
{
    char *path = bench_alloc(PATH_MAX, 1);
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* The primes above 2^40, one after the other, by Eratosthenes's sieve. */
typedef struct primes {
    uint64_t first; /* number of the segment's first odd number */
    size_t next;
    unsigned char crossed[SEGMENT];
    uint32_t base[200000];
    size_t base_count;
} primes;

static void cross(primes *p)
{
    memset(p->crossed, 0, sizeof p->crossed);
    for (size_t i = 0; i < p->base_count; i++) {
        uint64_t prime = p->base[i], at = (p->first + prime - 1) / prime * prime;
        at += at % 2 ? 0 : prime;
        for (uint64_t k = (at - p->first) / 2; k < SEGMENT; k += prime)
            p->crossed[k] = 1;
    }
    p->next = 0;
}

static primes *primes_begin(void)
{
    primes *p = bench_alloc(1, sizeof *p);
    unsigned char *composite = calloc(BASE, 1);
    if (!composite)
        bench_fail("known: no memory");
    p->base_count = 0;
    for (uint32_t n = 3; n < BASE; n += 2) {
        if (composite[n])
            continue;
        p->base[p->base_count++] = n;
        for (uint64_t k = (uint64_t)n * n; k < BASE; k += n)
            composite[k] = 1;
    }
    free(composite);
    p->first = (UINT64_C(1) << 40) + 1;
    cross(p);
    return p;
}

static uint64_t next_prime(primes *p)
{
    for (;;) {
        for (; p->next < SEGMENT; p->next++)
            if (!p->crossed[p->next])
                return p->first + 2 * p->next++;
        p->first += 2 * (uint64_t)SEGMENT;
        cross(p);
    }
}

/* Writes `count` keys, of which some have a prime out of `shared`, which is made by the first call.
 */
static void write_keys(primes *p, const char *path, size_t count, uint64_t *shared, bool new)
{
    FILE *out = fopen(path, "w");
    mpz_t key;
    mpz_init(key);
    for (size_t i = 0; out && i < count; i++) {
        mpz_set_ui(key, 1);
        for (size_t k = 0; k < KEY_PRIMES; k++) {
            uint64_t prime = next_prime(p);
            if (k == 0 && i % PLANTED_EACH == 0 && new)
                prime = shared[i / PLANTED_EACH];
            else if (k == 0 && i % PLANTED_EACH == 0)
                shared[i / PLANTED_EACH] = prime;
            mpz_mul_ui(key, key, prime);
        }
        gmp_fprintf(out, "%Zx\n", key);
    }
    mpz_clear(key);
    if (!out || fclose(out))
        bench_fail("known: %s can't be written", path);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

typedef struct cost {
    double seconds, bytes;
} cost;

static void find_command(char command[PATH_MAX])
{
    char *slash;
    ssize_t size = readlink("/proc/self/exe", command, PATH_MAX - 1);
    command[size > 0 ? size : 0] = '\0';
    if ((slash = strrchr(command, '/')))
        snprintf(slash, PATH_MAX - (size_t)(slash - command), "/../bin/fanfold");
}

/* Runs the command on one or two files, with a state or without, with so many MiB (0: any). */
static cost scan(const char *state, const char *output, const char *one, const char *two,
                 unsigned mib)
{
    char command[PATH_MAX], memory[NAME_ROOM];
    find_command(command);
    char *argv[20] = {command,        "weakkeys", "--executor", "serial",       "--format", "tsv",
                      "--no-journal", "--quiet",  "--output",   (char *)output, (char *)one};
    size_t count = 11;
    if (two)
        argv[count++] = (char *)two;
    if (state) {
        argv[count++] = "--known";
        argv[count++] = (char *)state;
    }
    if (mib) {
        snprintf(memory, sizeof memory, "--memory=%uM", mib);
        argv[count++] = memory;
    }
    cost c;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    double ns = bench_child_peak(argv, null, null, &c.bytes);
    if (null < 0 || close(null) || ns < 0)
        bench_fail("known: %s fails", command);
    c.seconds = ns / 1e9;
    return c;
}

/* How much memory the command says that it needs, where it is told to take `mib`; that, where it
 * does not say. */
static unsigned needs(const char *state, const char *keys, unsigned mib)
{
    enum { QUOTED = 3 * PATH_MAX };
    char command[PATH_MAX], said[PATH_MAX] = "", *all = bench_alloc(QUOTED, 1);
    char *file = in_folder("said"), *argv[] = {"sh", "-c", all, NULL};
    double peak;
    find_command(command);
    snprintf(all, QUOTED, "'%s' weakkeys --known '%s' '%s' --memory %uM --executor serial 2>&1",
             command, state, keys, mib);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out = open(file, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (null < 0 || out < 0)
        bench_fail("known: %s can't be written", file);
    bool refused = bench_child_peak(argv, null, out, &peak) < 0;
    bool read = pread(out, said, sizeof said - 1, 0) > 0;
    const char *need = refused && read ? strstr(said, " need ") : NULL;
    if (close(null) || close(out) || unlink(file))
        bench_fail("known: %s can't be closed", file);
    free(file);
    free(all);
    return need ? (unsigned)strtoul(need + strlen(" need "), NULL, 10) : mib;
}

/* The least that is enough; with very little it does not say how much that is. */
static unsigned least(const char *state, const char *keys)
{
    unsigned mib = 16, more;
    while ((more = needs(state, keys, mib)) == mib && mib < 64)
        mib += 8;
    return more;
}

static void copy(const char *from, const char *to)
{
    char *argv[] = {"cp", (char *)from, (char *)to, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || bench_child_ns(argv, null, null) < 0 || close(null))
        bench_fail("known: %s can't be copied", from);
}

/* The lines of `part` are lines of `whole`, in this order; how many. */
static size_t check_records(const char *part, const char *whole)
{
    FILE *a = fopen(part, "r"), *b = fopen(whole, "r");
    char *line = NULL, *other = NULL;
    size_t room = 0, other_room = 0, lines = 0;
    while (a && b && getline(&line, &room, a) > 0) {
        do
            if (getline(&other, &other_room, b) <= 0)
                bench_fail("known: %s has a record that %s has not", part, whole);
        while (strcmp(line, other) != 0);
        lines++;
    }
    if (!a || !b || fclose(a) || fclose(b))
        bench_fail("known: no records");
    free(line);
    free(other);
    return lines;
}

static void row(bench_table *table, const char *what, size_t keys, cost c, cost whole)
{
    bench_table_row(table, "%s\t%zu\t%.2f\t%.3f\t%.0f", what, keys, c.seconds,
                    c.seconds / whole.seconds, c.bytes / (1 << 20));
}

static void measure(primes *p, size_t known, size_t added, uint64_t *shared, bench_table *table)
{
    char *old = in_folder("old"), *new = in_folder("new"), *state = in_folder("state"),
         *copied = in_folder("copied"), *whole = in_folder("whole"), *part = in_folder("part"),
         *tight = in_folder("tight");
    char what[NAME_ROOM];
    write_keys(p, new, added, shared, true);
    cost all = scan(NULL, whole, old, new, 0);
    copy(state, copied);
    unsigned mib = least(copied, new);
    copy(state, copied);
    cost some = scan(copied, part, new, NULL, 0);
    copy(state, copied);
    cost little = scan(copied, tight, new, NULL, mib);
    if (check_records(part, whole) != 2 * ((added + PLANTED_EACH - 1) / PLANTED_EACH) + 1)
        bench_fail("known: not the keys that share a prime");
    if (check_records(part, tight) != check_records(tight, part))
        bench_fail("known: other records with little memory");
    row(table, "all at once", known + added, all, all);
    row(table, "new beside known", added, some, all);
    snprintf(what, sizeof what, "the same with %uM", mib);
    row(table, what, added, little, all);
    unlink(copied), unlink(whole), unlink(part), unlink(tight), unlink(new);
    free(old), free(new), free(state), free(copied), free(whole), free(part), free(tight);
}

int main(int argc, char **argv)
{
    bench_options o;
    int code = bench_options_read(
        argc, argv, "new keys beside known ones; --workers N: known ones in thousands", &o);
    if (code >= 0)
        return code;
    size_t known = o.quick ? 1000 : (o.workers ? o.workers : 200) * (size_t)1000;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/fanfold-known-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        bench_fail("known: no folder");
    bench_table *table =
        bench_table_new("weak keys, known and new", 1, "run\tkeys\tCPU s\tpart\tMB");
    uint64_t *shared = bench_alloc(known / PLANTED_EACH + 1, sizeof *shared);
    primes *p = primes_begin();
    char *old = in_folder("old"), *state = in_folder("state"), *out = in_folder("out");
    write_keys(p, old, known, shared, false);
    cost plain = scan(NULL, out, old, NULL, 0), first = scan(state, out, old, NULL, 0);
    row(table, "known ones, no state", known, plain, plain);
    row(table, "known ones, state written", known, first, plain);
    for (size_t part = 100; part >= 10; part /= 10)
        measure(p, known, known / part, shared, table);
    bench_table_print(table, &o);
    unlink(old), unlink(state), unlink(out);
    if (rmdir(folder))
        bench_fail("known: %s stays", folder);
    free(old), free(state), free(out), free(p), free(shared);
    return 0;
}
