/* Merging the outputs of shards: what comes out is what one run would have written, and what does
 * not fit is refused by name. The outputs and journals are made here, without runs. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fanfold/results.h"
#include "job/job_internal.h"
#include "job/ledger.h"
#include "job/output_hash.h"
#include "job/shard.h"
#include "journal_kit.h"
#include "shim/shim.h"

enum { LINES = 4000, LONG = 70000 };

static const char header[] = "index\tn\tstatus\n";

/* What the shards of a test are, and what is wrong with shard 2. */
typedef struct setting {
    uint64_t shards, items;
    bool tsv;
    uint64_t more_items;    /* that its state speaks of */
    const char *task;       /* another one in its journal */
    const char *says_shard; /* the same */
    const char *header;     /* the same in its output */
    bool running, missing;
    int tail; /* bytes behind its output, or (below 0) cut off there */
} setting;

typedef struct scene {
    kit_folder folder;
    char output[KIT_PATH];
    setting set;
} scene;

/* ---- Making shards ---------------------------------------------------------------------------
 */

/* Item i of the whole input: ok, not ok with a line, not ok without one; a few are long. */
static bool is_ok(uint64_t i)
{
    return i % 7 != 3 && i % 11 != 5;
}

static bool has_line(const setting *set, uint64_t i)
{
    return set->tsv || i % 11 != 5;
}

static size_t put_line(uint64_t i, FILE *to)
{
    int size = fprintf(to, "%" PRIu64 "\titem %" PRIu64 "\t", i, i * i);
    for (int k = i % 1000 == 17 ? LONG : (int)(i % 40); k; k--, size++)
        putc('a' + k % 26, to);
    putc('\n', to);
    return (size_t)size + 1;
}

static void append(fani_journal *journal, uint32_t kind, const fan_buffer *bytes)
{
    ASSERT_I64(
        fani_journal_append(journal, kind, bytes->bytes, bytes->size, FAN_FOREVER, NULL, NULL),
        FAN_OK);
}

/* Writes a shard's items, and of those not ok their records; answers the bytes. */
static uint64_t put_items(const setting *set, fani_slice slice, uint64_t items, FILE *to,
                          fani_journal *journal)
{
    uint64_t bytes = 0;
    fan_buffer record = {0};
    if (set->tsv && items)
        bytes +=
            (uint64_t)fprintf(to, "%s", set->header && slice.number == 2 ? set->header : header);
    for (uint64_t p = 0; p < items; p++) {
        uint64_t i = fani_slice_index(slice, p), at = bytes;
        if (has_line(set, i))
            bytes += put_line(i, to);
        fani_ledger_failure failure = {.index = p,
                                       .outcome = FAN_OUTCOME_FAILED,
                                       .attempt = 1,
                                       .output_at = at,
                                       .output_size = bytes - at,
                                       .file = "",
                                       .text = "failed"};
        if (!is_ok(i) && fani_ledger_put_failure(&failure, &record) == FAN_OK)
            append(journal, FANI_LEDGER_FAILED, &record);
    }
    fan_buffer_clear(&record);
    return bytes;
}

static uint64_t hash_of(const char *output, uint64_t bytes)
{
    fani_output_hash *hash = fani_output_hash_new();
    int fd = open(output, O_RDONLY);
    EXPECT_TRUE(fd >= 0 && fani_output_hash_read(hash, fd, bytes));
    EXPECT_I64(close(fd), 0);
    uint64_t value = fani_output_hash_value(hash);
    fani_output_hash_free(hash);
    return value;
}

static void put_state(const char *output, uint64_t items, uint64_t bytes, bool finished,
                      fani_journal *journal)
{
    fan_buffer record = {0};
    fani_ledger_state state = {.done = items,
                               .output_bytes = bytes,
                               .output_hash = hash_of(output, bytes),
                               .ok = items,
                               .read = items,
                               .finished = finished};
    ASSERT_I64(fani_ledger_put_state(&state, &record), FAN_OK);
    append(journal, FANI_LEDGER_STATE, &record);
    fan_buffer_clear(&record);
}

static fani_journal *open_ledger(const scene *s, const char *output, uint64_t number)
{
    char shard[32], *path = fani_ledger_path(output);
    bool odd = number == 2;
    snprintf(shard, sizeof shard, "%" PRIu64 "/%" PRIu64, number, s->set.shards);
    const fani_journal_fact facts[] = {
        {"task", odd && s->set.task ? s->set.task : "factor, version 1"},
        {"shard", odd && s->set.says_shard ? s->set.says_shard : shard},
        {"format", "tsv"}};
    fani_journal_options options = {.identity = facts, .identity_count = s->set.tsv ? 3 : 2};
    fani_journal *journal = NULL;
    EXPECT_I64(fani_journal_open(&options, path, &journal, NULL), FAN_OK);
    free(path);
    return journal;
}

static void change_size(const char *output, uint64_t bytes, int tail)
{
    if (tail < 0)
        EXPECT_I64(truncate(output, (off_t)bytes + tail), 0);
    if (tail <= 0)
        return;
    FILE *file = fopen(output, "a");
    ASSERT_TRUE(file != NULL);
    for (int i = 0; i < tail; i++)
        putc('\n', file);
    EXPECT_I64(fclose(file), 0);
}

static void make_shard(const scene *s, uint64_t number)
{
    const setting *set = &s->set;
    fani_slice slice = {.number = number, .count = set->shards};
    uint64_t items = fani_slice_share(slice, set->items);
    bool odd = number == 2;
    char *output = fani_shard_output_of(s->output, number);
    fani_journal *journal = open_ledger(s, output, number);
    FILE *file = fopen(output, "w");
    ASSERT_TRUE(journal && file);
    uint64_t bytes = put_items(set, slice, items, file, journal);
    EXPECT_I64(fclose(file), 0);
    put_state(output, items + (odd ? set->more_items : 0), bytes, !(odd && set->running), journal);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    if (odd)
        change_size(output, bytes, set->tail);
    free(output);
}

static void make_pin(const scene *s)
{
    char *path = fani_ledger_run_json_path(s->output);
    FILE *file = fopen(path, "w");
    ASSERT_TRUE(file != NULL);
    fprintf(file,
            "{\"schema\": \"fanfold.shards/1\", \"shards\": %" PRIu64
            ", \"identity\": {\"task\": \"factor, version 1\"%s}}\n",
            s->set.shards, s->set.tsv ? ", \"format\": \"tsv\"" : "");
    EXPECT_I64(fclose(file), 0);
    free(path);
}

static void make_scene(scene *s, const setting *set)
{
    s->set = *set;
    kit_make(&s->folder);
    snprintf(s->output, sizeof s->output, "%s/out", s->folder.folder);
    make_pin(s);
    for (uint64_t i = 1; i <= set->shards && !shim_failed(); i++)
        if (i != 2 || !set->missing)
            make_shard(s, i);
}

/* ---- What comes out --------------------------------------------------------------------------
 */

static void expect_whole(const scene *s)
{
    char *expected = NULL;
    size_t size = 0, got_size;
    FILE *to = open_memstream(&expected, &size);
    ASSERT_TRUE(to != NULL);
    if (s->set.tsv && s->set.items)
        fputs(header, to);
    for (uint64_t i = 0; i < s->set.items; i++)
        if (has_line(&s->set, i))
            put_line(i, to);
    EXPECT_I64(fclose(to), 0);
    unsigned char *got = malloc(size + 1);
    ASSERT_TRUE(got != NULL);
    got_size = kit_load(s->output, got, size + 1);
    EXPECT_U64(got_size, size);
    EXPECT_TRUE(got_size == size && memcmp(got, expected, size) == 0);
    free(got);
    free(expected);
}

static void expect_merged(const setting *set)
{
    scene s;
    fan_error error = {0};
    make_scene(&s, set);
    EXPECT_I64(fan_results_merge(s.output, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    if (!shim_failed())
        expect_whole(&s);
    kit_remove(&s.folder);
}

/* An older output stays as it was. */
static void expect_refused(const setting *set, fan_status status, const char *why)
{
    scene s;
    unsigned char old[8] = "";
    fan_error error = {0};
    make_scene(&s, set);
    kit_store(s.output, "old", 3);
    EXPECT_I64(fan_results_merge(s.output, &error), status);
    EXPECT_CONTAINS(error.text, why);
    EXPECT_CONTAINS(error.text, "/out.shard-2");
    EXPECT_U64(kit_load(s.output, old, sizeof old), 3);
    EXPECT_STR((const char *)old, "old");
    kit_remove(&s.folder);
}

FAN_TEST(merge, gives_the_bytes_of_one_run)
{
    static const uint64_t shards[] = {1, 2, 3, 7};
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        expect_merged(&(setting){.shards = shards[i], .items = LINES});
        expect_merged(&(setting){.shards = shards[i], .items = LINES, .tsv = true});
    }
}

FAN_TEST(merge, few_items_and_none)
{
    for (uint64_t items = 0; items < 7; items++) {
        expect_merged(&(setting){.shards = 5, .items = items});
        expect_merged(&(setting){.shards = 5, .items = items, .tsv = true});
    }
}

/* More shards than descriptors. */
FAN_TEST(merge, opens_few_files)
{
    struct rlimit before, few;
    scene s;
    fan_error error = {0};
    make_scene(&s, &(setting){.shards = 60, .items = LINES, .tsv = true});
    ASSERT_I64(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 40;
    ASSERT_I64(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_I64(fan_results_merge(s.output, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    ASSERT_I64(setrlimit(RLIMIT_NOFILE, &before), 0);
    if (!shim_failed())
        expect_whole(&s);
    kit_remove(&s.folder);
}

FAN_TEST(merge, refuses_what_does_not_fit)
{
    const setting base = {.shards = 3, .items = 100};
    setting set = base;
    set.tail = -1;
    expect_refused(&set, FAN_E_INPUT, "another size");
    set = base;
    set.tail = 1;
    expect_refused(&set, FAN_E_INPUT, "another size");
    set = base;
    set.more_items = 2; /* with one they would be of 101 */
    expect_refused(&set, FAN_E_INPUT, "different inputs");
    set = base;
    set.task = "factor, version 2";
    expect_refused(&set, FAN_E_INPUT, "another run");
    set = base;
    set.says_shard = "2/4";
    expect_refused(&set, FAN_E_INPUT, "another run");
    set = base;
    set.tsv = true;
    set.header = "index\tm\tstatus\n";
    expect_refused(&set, FAN_E_INPUT, "another header");
}

FAN_TEST(merge, refuses_what_has_not_finished)
{
    expect_refused(&(setting){.shards = 3, .items = 100, .running = true}, FAN_E_BUSY,
                   "not finished");
    expect_refused(&(setting){.shards = 3, .items = 100, .missing = true}, FAN_E_ARGUMENT,
                   "no run");
}

/* Lines that are too few or too many are seen, though the sizes are right; and other bytes. */
FAN_TEST(merge, counts_lines_and_looks_at_bytes)
{
    static const char *const why[] = {"ends too early", "more lines", "other bytes"};
    for (int how = 0; how < 3; how++) {
        scene s;
        fan_error error = {0};
        char *output;
        unsigned char bytes[10000];
        make_scene(&s, &(setting){.shards = 3, .items = 100});
        output = fani_shard_output_of(s.output, 2);
        size_t size = kit_load(output, bytes, sizeof bytes);
        unsigned char *end = memchr(bytes, '\n', size);
        ASSERT_TRUE(end != NULL);
        *(how ? bytes : end) = how == 1 ? '\n' : ' ';
        kit_store(output, bytes, size);
        EXPECT_I64(fan_results_merge(s.output, &error), FAN_E_INPUT);
        EXPECT_CONTAINS(error.text, "out.shard-2 does not fit its journal");
        EXPECT_CONTAINS(error.text, why[how]);
        EXPECT_TRUE(!kit_exists(&s.folder, "out"));
        free(output);
        kit_remove(&s.folder);
    }
}

FAN_TEST(merge, what_is_not_in_shards_is_refused)
{
    kit_folder folder;
    char output[KIT_PATH];
    fan_error error = {0};
    kit_make(&folder);
    snprintf(output, sizeof output, "%s/out", folder.folder);
    EXPECT_I64(fan_results_merge(output, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "nothing to merge");
    kit_remove(&folder);
}

/* ---- Results of all of them ------------------------------------------------------------------
 */

typedef struct told {
    uint64_t failures, missing, wrong;
    fan_results results;
} told;

static fan_status take_shard(void *user, uint64_t number, const char *output,
                             const fan_results *results, fan_error *error)
{
    told *t = user;
    (void)output, (void)error;
    t->missing += results ? 0 : number;
    return FAN_OK;
}

static fan_status take_summary(void *user, const fan_results *results, fan_error *error)
{
    told *t = user;
    (void)error;
    t->results = *results;
    return FAN_OK;
}

static fan_status take_failure(void *user, const fan_results_failure *failure, fan_error *error)
{
    told *t = user;
    (void)error;
    t->failures++;
    t->wrong += is_ok(failure->index) || failure->index >= 100;
    return FAN_OK;
}

FAN_TEST(merge, results_add_up)
{
    scene s;
    told t = {0};
    fan_error error = {0};
    fan_results_visitor visitor = {
        .summary = take_summary, .failure = take_failure, .shard = take_shard, .user = &t};
    make_scene(&s, &(setting){.shards = 3, .items = 100, .missing = true});
    EXPECT_I64(fan_results_read(s.output, &visitor, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    EXPECT_U64(t.results.shards, 3);
    EXPECT_U64(t.results.shards_begun, 2);
    EXPECT_U64(t.results.shards_finished, 2);
    EXPECT_TRUE(!t.results.finished);
    EXPECT_U64(t.results.done, 67);
    EXPECT_U64(t.missing, 2);
    uint64_t failures = 0;
    for (uint64_t i = 0; i < 100; i++)
        failures += !is_ok(i) && i % 3 != 1;
    EXPECT_U64(t.failures, failures);
    EXPECT_U64(t.wrong, 0);
    kit_remove(&s.folder);
}
