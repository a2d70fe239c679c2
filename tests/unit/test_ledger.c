/* What counts of a ledger's records, and that a ledger stays small. */
#include "job/ledger_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/job_internal.h"
#include "job/ledger_compact.h"
#include "job/state.h"
#include "journal_kit.h"
#include "shim/shim.h"

/* ---- Writing --------------------------------------------------------------------------------- */

static fani_journal *open_ledger(const char *path)
{
    static const fani_journal_fact facts[] = {{"task", "factor, version 1"}};
    fani_journal_options options = {.identity = facts, .identity_count = 1, .resume = true};
    fani_journal *journal = NULL;
    fan_error error = {0};
    EXPECT_I64(fani_journal_open(&options, path, &journal, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    return journal;
}

static void append(fani_journal *journal, uint32_t kind, fan_status put, fan_buffer *buffer)
{
    EXPECT_I64(put, FAN_OK);
    EXPECT_I64(
        fani_journal_append(journal, kind, buffer->bytes, buffer->size, FAN_FOREVER, NULL, NULL),
        FAN_OK);
    fan_buffer_clear(buffer);
}

static void fail(fani_journal *journal, uint64_t index, const char *text)
{
    fan_buffer buffer = {0};
    fani_ledger_failure failure = {
        .index = index, .outcome = FAN_OUTCOME_FAILED, .attempt = 1, .file = "in", .text = text};
    append(journal, FANI_LEDGER_FAILED, fani_ledger_put_failure(&failure, &buffer), &buffer);
}

static void mend(fani_journal *journal, uint64_t index)
{
    fan_buffer buffer = {0};
    append(journal, FANI_LEDGER_MENDED, fani_ledger_put_index(index, &buffer), &buffer);
}

static void state(fani_journal *journal, uint64_t done)
{
    fan_buffer buffer = {0};
    fani_ledger_state now = {.done = done, .read = done + 1, .read_hash = done * 3};
    append(journal, FANI_LEDGER_STATE, fani_ledger_put_state(&now, &buffer), &buffer);
}

/* A pass over what failed has come so far. */
static void pass(fani_journal *journal, uint64_t retries, uint64_t again)
{
    fan_buffer buffer = {0};
    fani_ledger_state now = {.done = 10, .read = 10, .retries = retries, .again = again};
    append(journal, FANI_LEDGER_STATE, fani_ledger_put_state(&now, &buffer), &buffer);
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct told {
    char text[4096]; /* "3 text; 6 again; " */
    uint64_t failures;
    fani_ledger_seen seen;
} told;

static void take_fact(void *user, const char *key, const char *value)
{
    told *t = user;
    size_t used = strlen(t->text);
    snprintf(t->text + used, sizeof t->text - used, "%s=%s; ", key, value);
}

static fan_status take_seen(void *user, const fani_ledger_seen *seen, fan_error *error)
{
    told *t = user;
    (void)error;
    t->seen = *seen;
    return FAN_OK;
}

static fan_status take_failure(void *user, const fani_ledger_failure *failure, fan_error *error)
{
    told *t = user;
    size_t used = strlen(t->text);
    (void)error;
    t->failures++;
    snprintf(t->text + used, sizeof t->text - used, "%llu %s; ", (unsigned long long)failure->index,
             failure->text);
    return FAN_OK;
}

static void read_ledger(const char *path, told *t)
{
    fan_error error = {0};
    *t = (told){.text = ""};
    fani_ledger_visitor visitor = {
        .fact = take_fact, .seen = take_seen, .failure = take_failure, .user = t};
    EXPECT_I64(fani_ledger_read(path, &visitor, &error), FAN_OK);
    EXPECT_STR(error.text, "");
}

/* ---- What counts ----------------------------------------------------------------------------- */

/* Three openings: the first ends behind its last STATE, the second has to do two items again, the
 * third does again what had failed. */
static void three_openings(const char *path, bool compact)
{
    fani_journal *journal = open_ledger(path);
    fail(journal, 3, "three");
    fail(journal, 4, "four");
    state(journal, 5);
    fail(journal, 6, "void");
    fail(journal, 7, "void");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);

    journal = open_ledger(path);
    fail(journal, 6, "six");
    fail(journal, 9, "not yet");
    state(journal, 8);
    if (compact)
        EXPECT_I64(fani_ledger_compact(journal, path, FAN_FOREVER, NULL), FAN_OK);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);

    journal = open_ledger(path);
    mend(journal, 3);
    fail(journal, 4, "four again");
    state(journal, 8);
    mend(journal, 6); /* the run ends before its output has it */
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
}

FAN_TEST(ledger, a_failure_counts_once_a_state_says_that_its_item_is_done)
{
    kit_folder k;
    told t;
    kit_make(&k);
    fani_journal *journal = open_ledger(k.path);
    read_ledger(k.path, &t);
    EXPECT_STR(t.text, "task=factor, version 1; ");
    EXPECT_TRUE(!t.seen.has_state);
    fail(journal, 3, "three");
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, NULL), FAN_OK);
    read_ledger(k.path, &t);
    EXPECT_U64(t.failures, 0);
    state(journal, 4);
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, NULL), FAN_OK);
    read_ledger(k.path, &t);
    EXPECT_STR(t.text, "task=factor, version 1; 3 three; ");
    EXPECT_TRUE(t.seen.has_state);
    EXPECT_U64(t.seen.state.done, 4);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, what_was_done_again_counts_as_done_last)
{
    kit_folder k;
    told t;
    kit_make(&k);
    three_openings(k.path, false);
    read_ledger(k.path, &t);
    EXPECT_STR(t.text, "task=factor, version 1; 6 six; 4 four again; ");
    EXPECT_U64(t.seen.state.done, 8);
    kit_remove(&k);
}

FAN_TEST(ledger, a_state_that_goes_back_voids_what_was_said_beyond_it)
{
    kit_folder k;
    told t;
    kit_make(&k);
    fani_journal *journal = open_ledger(k.path);
    fail(journal, 2, "two");
    state(journal, 4);
    fail(journal, 5, "five");
    fail(journal, 7, "seven");
    state(journal, 9);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path); /* of the output there is what four items came to */
    state(journal, 4);
    fail(journal, 7, "seven again");
    state(journal, 8);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    read_ledger(k.path, &t);
    EXPECT_STR(t.text, "task=factor, version 1; 2 two; 7 seven again; ");
    EXPECT_U64(t.seen.state.done, 8);
    kit_remove(&k);
}

FAN_TEST(ledger, a_compacted_one_says_the_same)
{
    kit_folder k;
    told t;
    kit_make(&k);
    three_openings(k.path, true);
    read_ledger(k.path, &t);
    EXPECT_STR(t.text, "task=factor, version 1; 6 six; 4 four again; ");
    EXPECT_U64(t.seen.state.done, 8);
    EXPECT_U64(t.seen.state.read_hash, 24);
    kit_remove(&k);
}

/* ---- Passes over what failed ------------------------------------------------------------------
 */

/* What counts of what was appended so far. */
static void says(fani_journal *journal, const char *path, const char *text)
{
    told t;
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, NULL), FAN_OK);
    read_ledger(path, &t);
    EXPECT_STR(t.text, text);
}

/* All is done once: three failures of 10 items. */
static fani_journal *first_pass(const char *path)
{
    fani_journal *journal = open_ledger(path);
    fail(journal, 2, "two");
    fail(journal, 5, "five");
    fail(journal, 8, "eight");
    state(journal, 10);
    return journal;
}

FAN_TEST(ledger, in_a_pass_over_what_failed_its_records_count_once_it_says_so)
{
    kit_folder k;
    kit_make(&k);
    fani_journal *journal = first_pass(k.path);
    pass(journal, 1, 0);
    mend(journal, 2); /* of the 10 items that are done this one is not done again yet */
    says(journal, k.path, "task=factor, version 1; 2 two; 5 five; 8 eight; ");
    pass(journal, 1, 3);
    fail(journal, 5, "five again");
    says(journal, k.path, "task=factor, version 1; 5 five; 8 eight; ");
    pass(journal, 1, 6);
    says(journal, k.path, "task=factor, version 1; 8 eight; 5 five again; ");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, a_pass_over_what_failed_that_was_killed_is_gone_on_with)
{
    kit_folder k;
    kit_make(&k);
    fani_journal *journal = first_pass(k.path);
    pass(journal, 1, 0);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path);
    mend(journal, 2); /* void: the opening ends before it says so */
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path);
    says(journal, k.path, "task=factor, version 1; 2 two; 5 five; 8 eight; ");
    fail(journal, 2, "two again");
    mend(journal, 5);
    pass(journal, 1, 6);
    mend(journal, 8); /* void */
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path);
    says(journal, k.path, "task=factor, version 1; 8 eight; 2 two again; ");
    fail(journal, 8, "eight again");
    pass(journal, 1, 10);
    says(journal, k.path, "task=factor, version 1; 2 two again; 8 eight again; ");
    pass(journal, 2, 0); /* the next pass, in the same opening */
    mend(journal, 2);
    says(journal, k.path, "task=factor, version 1; 2 two again; 8 eight again; ");
    pass(journal, 2, 3);
    says(journal, k.path, "task=factor, version 1; 8 eight again; ");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, a_pass_over_what_failed_that_was_taken_back_says_nothing)
{
    kit_folder k;
    kit_make(&k);
    fani_journal *journal = first_pass(k.path);
    pass(journal, 1, 0);
    mend(journal, 2);
    mend(journal, 5);
    state(journal, 10); /* its input was another one */
    says(journal, k.path, "task=factor, version 1; 2 two; 5 five; 8 eight; ");
    pass(journal, 1, 0);
    mend(journal, 2);
    pass(journal, 1, 3);
    says(journal, k.path, "task=factor, version 1; 5 five; 8 eight; ");
    pass(journal, 1, 0); /* its output is not there: back to its beginning */
    says(journal, k.path, "task=factor, version 1; 2 two; 5 five; 8 eight; ");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, what_other_openings_said_of_a_pass_that_went_back_is_void)
{
    kit_folder k;
    kit_make(&k);
    fani_journal *journal = first_pass(k.path);
    pass(journal, 1, 0);
    mend(journal, 2);
    mend(journal, 5);
    pass(journal, 1, 6);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path);
    pass(journal, 1, 3);
    says(journal, k.path, "task=factor, version 1; 5 five; 8 eight; ");
    state(journal, 10); /* and the pass is taken back */
    says(journal, k.path, "task=factor, version 1; 2 two; 5 five; 8 eight; ");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, compacted_in_the_middle_of_a_pass_it_says_the_same)
{
    kit_folder k;
    kit_make(&k);
    fani_journal *journal = first_pass(k.path);
    pass(journal, 1, 0);
    fail(journal, 2, "two again");
    mend(journal, 5);
    pass(journal, 1, 6);
    EXPECT_I64(fani_ledger_compact(journal, k.path, FAN_FOREVER, NULL), FAN_OK);
    says(journal, k.path, "task=factor, version 1; 8 eight; 2 two again; ");
    mend(journal, 8);
    says(journal, k.path, "task=factor, version 1; 8 eight; 2 two again; ");
    pass(journal, 1, 10);
    says(journal, k.path, "task=factor, version 1; 2 two again; ");
    pass(journal, 2, 0);
    EXPECT_I64(fani_ledger_compact(journal, k.path, FAN_FOREVER, NULL), FAN_OK);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    journal = open_ledger(k.path);
    mend(journal, 2);
    says(journal, k.path, "task=factor, version 1; 2 two again; ");
    pass(journal, 2, 3);
    says(journal, k.path, "task=factor, version 1; ");
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}

FAN_TEST(ledger, records_of_another_kind_are_refused)
{
    kit_folder k;
    fan_error error = {0};
    fani_ledger_visitor nobody = {.user = NULL};
    kit_make(&k);
    EXPECT_I64(fani_ledger_read(k.path, &nobody, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, k.path);
    fani_journal *journal = open_ledger(k.path);
    EXPECT_I64(fani_journal_append(journal, 77, "?", 1, FAN_FOREVER, NULL, NULL), FAN_OK);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    error = (fan_error){0};
    EXPECT_I64(fani_ledger_read(k.path, &nobody, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "another Fanfold");
    kit_remove(&k);
}

/* ---- A run's ledger stays small ----------------------------------------------------------------
 */

enum { TICKS = 10000, EVERY = 100, SIZE_BOUND = 200000 };

static void open_run(fani_job_run *run, fan_job **job, const char *output, fan_job_result *result)
{
    fan_error error = {0};
    ASSERT_I64(fan_job_new("factor", job, NULL), FAN_OK);
    EXPECT_I64(fan_job_set(*job, "output", output, NULL), FAN_OK);
    EXPECT_I64(fan_job_set(*job, "resume", "true", NULL), FAN_OK);
    *result = (fan_job_result){0};
    *run = (fani_job_run){.job = *job, .result = result, .slice = {1, 1}};
    EXPECT_I64(fani_state_open(run, &error), FAN_OK);
    EXPECT_STR(error.text, "");
}

static void close_run(fani_job_run *run, fan_job *job)
{
    EXPECT_I64(fani_state_close(run, NULL), FAN_OK);
    fani_writer_free(run->writer);
    fan_job_free(job);
}

static void tick(fani_job_run *run, uint64_t index)
{
    fani_ledger_failure failure = {
        .index = index, .outcome = FAN_OUTCOME_LOST, .attempt = 1, .file = "", .text = "gone"};
    run->result->summary.items++;
    if (index % EVERY == 0) {
        run->result->summary.lost++;
        EXPECT_I64(fani_state_failed(run->state, &failure, NULL), FAN_OK);
    } else {
        run->result->summary.ok++;
    }
    EXPECT_I64(fani_writer_add(run->writer, "x\n", 2, NULL), FAN_OK);
    EXPECT_I64(fani_state_tick(run, index + 1, true, NULL), FAN_OK);
}

FAN_TEST(ledger, of_a_long_run_is_bounded_and_resumes)
{
    kit_folder k;
    fani_job_run run;
    fan_job *job;
    fan_job_result result;
    char path[KIT_PATH + 16];
    struct stat info;
    off_t largest = 0;
    told t;
    kit_make(&k);
    snprintf(path, sizeof path, "%s.journal", k.path);
    for (uint64_t i = 0; i < TICKS; i += TICKS / 2) {
        open_run(&run, &job, k.path, &result);
        ASSERT_TRUE(run.state != NULL && run.writer != NULL);
        EXPECT_U64(fani_state_done(run.state), i);
        for (uint64_t j = i; j < i + TICKS / 2; j++) {
            tick(&run, j);
            EXPECT_I64(stat(path, &info), 0);
            largest = info.st_size > largest ? info.st_size : largest;
        }
        close_run(&run, job);
    }
    EXPECT_TRUE(largest > 0 && largest < SIZE_BOUND); /* a STATE a tick are above a million */
    open_run(&run, &job, k.path, &result);
    EXPECT_U64(fani_state_done(run.state), TICKS);
    EXPECT_U64(result.summary.lost, TICKS / EVERY);
    EXPECT_U64(result.summary.ok, TICKS - TICKS / EVERY);
    read_ledger(path, &t);
    EXPECT_U64(t.failures, TICKS / EVERY);
    EXPECT_U64(t.seen.state.output_bytes, 2 * TICKS);
    close_run(&run, job);
    kit_remove(&k);
}
