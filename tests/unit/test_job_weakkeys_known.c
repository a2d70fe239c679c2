/* Incremental scans beside scans of all keys: of sets with every kind of weakness, cut at random.
 */
#include "weak_plant.h"
#include "weakkeys_kit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS_MAX = 4, LINES_MAX = 2 * WEAK_PLANT_MAX };

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The lines of a text, which is cut, without the first one. */
typedef struct lines {
    char *text;
    char *at[LINES_MAX];
    size_t count;
} lines;

static void cut(lines *l, char *text)
{
    *l = (lines){.text = text};
    char *line = strchr(text, '\n');
    for (line = line ? line + 1 : text; *line; l->count++) {
        char *end = strchr(line, '\n');
        ASSERT_TRUE(end && l->count < LINES_MAX);
        *end = '\0';
        l->at[l->count] = line;
        line = end + 1;
    }
}

/* The end of a record's list of partners before "+n", or of the record. */
static const char *end_of_partners(const char *line, const char **rest)
{
    const char *plus = strstr(line, ",+");
    *rest = strrchr(line, '\t');
    return plus ? plus : *rest;
}

/* Whether two records say the same but for how many partners they do not name. */
static bool says_the_same(const char *a, const char *b)
{
    const char *rest_a, *rest_b;
    const char *end_a = end_of_partners(a, &rest_a), *end_b = end_of_partners(b, &rest_b);
    return end_a - a == end_b - b && !strncmp(a, b, (size_t)(end_a - a)) && !strcmp(rest_a, rest_b);
}

/* A record's source and line. */
static size_t place_size(const char *line)
{
    const char *tab = strchr(line, '\t');
    return (size_t)(strchr(tab + 1, '\t') - line);
}

static bool has_place(const char *line, const char *of)
{
    size_t size = place_size(of);
    return size == place_size(line) && !strncmp(line, of, size);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* A set of keys, cut into files at random; some may be empty. */
static size_t cut_set(const weak_plant *plant, unsigned seed, char paths[PARTS_MAX][128])
{
    static weak_plant part;
    size_t parts = 2 + seed % (PARTS_MAX - 1);
    srand(seed);
    unsigned char where[WEAK_PLANT_MAX];
    for (size_t i = 0; i < plant->count; i++)
        where[i] = (unsigned char)((size_t)rand() % parts);
    for (size_t p = 0; p < parts; p++) {
        char *table = NULL, name[16];
        size_t size;
        part.count = 0;
        for (size_t i = 0; i < plant->count; i++)
            if (where[i] == p)
                part.keys[part.count++] = plant->keys[i];
        FILE *out = open_memstream(&table, &size);
        weak_plant_write(&part, out);
        fclose(out);
        snprintf(name, sizeof name, "part%zu", p);
        snprintf(paths[p], sizeof paths[p], "%s", weak_file(name, table));
        free(table);
    }
    return parts;
}

static void scan(lines *l, const char *executor, const char *const *settings,
                 const char *const *files)
{
    static weak_outcome o;
    weak_run(&o, executor, settings, files);
    EXPECT_I64(o.status, FAN_OK);
    EXPECT_STR(o.error.text, "");
    cut(l, o.output);
}

/* What a run has printed, beside what a scan of all keys up to this part prints: each record is one
 * of its, in its order; what it says of new keys is there, and of others what has changed. */
static void compare(const lines *got, const lines *all, const char *part, const lines *before,
                    size_t runs)
{
    size_t next = 0;
    for (size_t i = 0; i < all->count; i++) {
        const char *line = all->at[i];
        size_t source = strcspn(line, "\t");
        bool is_new = !strncmp(line, part, source) && !part[source];
        if (next < got->count && !strcmp(got->at[next], line)) {
            next++;
            continue;
        }
        SHIM_CHECK(!is_new, return, "nothing is said of %.*s", (int)place_size(line), line);
        const char *last = NULL;
        for (size_t r = 0; r < runs; r++)
            for (size_t k = 0; k < before[r].count; k++)
                if (has_place(before[r].at[k], line))
                    last = before[r].at[k];
        SHIM_CHECK(last && says_the_same(last, line), return,
                   "last was said %.500s\nbut it is %.500s", last ? last : "nothing", line);
    }
    SHIM_CHECK(next == got->count, return, "record %zu is none of all: %.500s", next,
               got->at[next]);
}

static char *slurp(const char *path, size_t *size)
{
    FILE *in = fopen(path, "r");
    char *bytes = calloc(1, 1 << 20);
    *size = in && bytes ? fread(bytes, 1, 1 << 20, in) : 0;
    if (in)
        fclose(in);
    return bytes;
}

/* Scans parts one after the other; the state is the same whoever worked. */
static void scan_parts(const weak_plant *plant, unsigned seed)
{
    char paths[PARTS_MAX][128], known[WEAK_EXECUTORS][160];
    size_t parts = cut_set(plant, seed, paths);
    for (size_t e = 0; e < WEAK_EXECUTORS; e++) {
        static lines got[PARTS_MAX], all;
        const char *files[PARTS_MAX + 1] = {0};
        snprintf(known[e], sizeof known[e], "known=%s/state-%u-%s", weak_folder, seed,
                 weak_executors[e]);
        for (size_t p = 0; p < parts; p++) {
            files[p] = paths[p];
            scan(&got[p], weak_executors[e], WEAK_SETTINGS("format=tsv", "checks=all", known[e]),
                 WEAK_FILES(paths[p]));
            scan(&all, "threads", WEAK_SETTINGS("format=tsv", "checks=all"), files);
            compare(&got[p], &all, paths[p], got, p);
            free(all.text);
        }
        for (size_t p = 0; p < parts; p++)
            free(got[p].text);
    }
    size_t size[2];
    char *state[2];
    for (size_t e = 0; e < 2; e++)
        state[e] = slurp(strchr(known[e], '=') + 1, &size[e]);
    EXPECT_TRUE(size[0] > 1000 && size[0] == size[1] && !memcmp(state[0], state[1], size[0]));
    free(state[0]);
    free(state[1]);
}

FAN_TEST(job_weakkeys_known, parts_give_what_all_keys_at_once_give)
{
    static weak_plant plant;
    for (unsigned seed = 1; seed <= 6; seed++) {
        weak_plant_make(&plant, seed);
        scan_parts(&plant, seed);
        weak_plant_free(&plant);
        weak_clear();
    }
}

/* ---- By hand --------------------------------------------------------------------------------- */

static char setting[160]; /* known=...; of the test that runs */

static void begin_state(void)
{
    (void)weak_file("x", "");
    snprintf(setting, sizeof setting, "known=%s/state", weak_folder);
}

static void expect_run(const char *text, const char *want, const char *note)
{
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS(setting), WEAK_FILES(weak_file("keys", text)));
    EXPECT_I64(o.status, FAN_OK);
    weak_expect(o.output, want);
    EXPECT_STR(o.note, note);
    free(o.output);
}

/* 101 103, 101 107, 109 113, ... in hexadecimal. */
FAN_TEST(job_weakkeys_known, a_file_that_grows_is_read_again_and_again)
{
    begin_state();
    expect_run("28a3\n", "", "1 key read, 1 RSA, 0 weak, a new state");
    expect_run("28a3\n2a37\n",
               "@/keys:1: shared 14 bits, gcd 0x65, factors 0x65 * 0x67, shares with 1 key: "
               "@/keys:2\n"
               "@/keys:2: shared 14 bits, gcd 0x65, factors 0x65 * 0x6b, shares with 1 key: "
               "@/keys:1\n",
               "2 keys read, 2 RSA, 2 weak, 1 of them known already, 1 known before");
    expect_run("28a3\n2a37\n", "",
               "2 keys read, 2 RSA, 0 weak, 2 of them known already, 2 known before");
    expect_run("28a3\n2a37\n28a3\n",
               "@/keys:1: shared,duplicate 14 bits, gcd 0x28a3, factors 0x65 * 0x67, shares with 2 "
               "keys: @/keys:2, @/keys:3\n"
               "@/keys:2: shared 14 bits, gcd 0x65, factors 0x65 * 0x6b, shares with 2 keys: "
               "@/keys:1, @/keys:3\n"
               "@/keys:3: shared,duplicate 14 bits, gcd 0x28a3, factors 0x65 * 0x67, shares with 2 "
               "keys: @/keys:1, @/keys:2\n",
               "3 keys read, 3 RSA, 3 weak, 2 duplicates, 2 of them known already, 2 known before");
    /* Line 1 is another key now; the old one stays known. */
    expect_run("301d\n2a37\n28a3\n", "",
               "3 keys read, 3 RSA, 0 weak, 2 of them known already, 3 known before");
    weak_clear();
}

FAN_TEST(job_weakkeys_known, nothing_is_said_again_where_only_the_number_of_partners_grows)
{
    begin_state();
    char text[512] = "";
    /* 3 p for ten primes p: more partners than are named. */
    static const unsigned primes[] = {5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
    for (size_t i = 0; i < 10; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%x\n", 3 * primes[i]);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS(setting, "format=tsv"),
             WEAK_FILES(weak_file("many", text)));
    free(o.output);
    expect_run("7b\n", /* 3 * 41 */
               "@/keys:1: shared 7 bits, gcd 0x3, factors 0x3 * 0x29, shares with 10 keys: "
               "@/many:1, @/many:2, @/many:3, @/many:4, @/many:5, @/many:6, @/many:7, @/many:8 "
               "+2\n",
               "1 key read, 1 RSA, 1 weak, 10 known before");
    weak_clear();
}

FAN_TEST(job_weakkeys_known, invalid_keys_and_none_at_all_are_known_too)
{
    begin_state();
    expect_run("", "", "0 keys read, 0 RSA, 0 weak, a new state");
    expect_run("0\n1\n28a3\n",
               "@/keys:1: invalid 0 bits, the number 0\n@/keys:2: invalid 1 bits, the number 1\n",
               "3 keys read, 1 RSA, 0 weak, 2 invalid");
    weak_clear();
}

/* Indices go on where the state ends, and so do those of partners. */
FAN_TEST(job_weakkeys_known, records_have_the_index_of_all_keys)
{
    begin_state();
    expect_run("301d\n28a3\n", "", "2 keys read, 2 RSA, 0 weak, a new state");
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS(setting, "format=ndjson"),
             WEAK_FILES(weak_file("more", "2a37\n")));
    EXPECT_CONTAINS(o.output, "\"index\":1,");
    EXPECT_CONTAINS(o.output, "\"index\":2,");
    EXPECT_TRUE(!strstr(o.output, "\"index\":0,"));
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys_known, fail_on_weak_is_about_what_is_printed)
{
    begin_state();
    weak_outcome o = {0};
    for (int round = 0; round < 2; round++) {
        weak_run(&o, "threads", WEAK_SETTINGS(setting, "fail-on-weak=true"),
                 WEAK_FILES(weak_file("keys", "28a3\n2a37\n")));
        EXPECT_I64(o.result.exit_code, round ? 0 : 1);
        free(o.output);
    }
    weak_run(&o, "threads", WEAK_SETTINGS(setting, "fail-on-weak=true"),
             WEAK_FILES(weak_file("more", "2a37\n"))); /* one new key, which tells of two more */
    EXPECT_I64(o.result.exit_code, 1);
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys_known, a_state_stays_where_a_run_fails)
{
    begin_state();
    expect_run("28a3\n", "", "1 key read, 1 RSA, 0 weak, a new state");
    const char *path = strchr(setting, '=') + 1;
    size_t size[2];
    char *before = slurp(path, &size[0]);
    weak_outcome o = {.stop = true};
    weak_run(&o, "threads", WEAK_SETTINGS(setting), WEAK_FILES(weak_file("keys", "28a3\n2a37\n")));
    EXPECT_I64(o.status, FAN_E_CANCELLED);
    free(o.output);
    o.stop = false;
    weak_run(&o, "threads", WEAK_SETTINGS(setting, "strict=true"),
             WEAK_FILES(weak_file("keys", "28a3\n2a37\nno key\n")));
    EXPECT_I64(o.status, FAN_E_SYNTAX);
    free(o.output);
    char *after = slurp(path, &size[1]), name[192];
    EXPECT_TRUE(size[0] == size[1] && !memcmp(before, after, size[0]));
    snprintf(name, sizeof name, "%s.next", path);
    EXPECT_I64(access(name, F_OK), -1);
    snprintf(name, sizeof name, "%s.lock", path);
    EXPECT_I64(access(name, F_OK), -1);
    free(before);
    free(after);
    weak_clear();
}
