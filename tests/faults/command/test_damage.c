/* A run whose journal or part was damaged while it lay there: it goes on, or is refused with the
 * place and goes on with --repair; the result is right. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kept.h"

enum { WENT_ON, REPAIRED, BEGUN_AGAIN, WAYS };

/* Goes on with what lies there, in the first of these ways that is not refused. */
static int survive(const kept_job *job, const char *label)
{
    static const char *const options[WAYS] = {"--resume", "--resume --repair", "--restart"};
    static ran r;
    setting how = kept_setting("serial");
    for (int way = 0; way < WAYS; way++) {
        run(&how, kept_line(job, "serial", options[way]), &r);
        if (r.code == job->code) {
            SHIM_CHECK(way != REPAIRED || (strstr(r.err, "is damaged: ") && strstr(r.err, " lost")),
                       (void)0, "%s: repaired without a word on what is lost: %.300s", label,
                       r.err);
            return kept_expect_right(job, &r, label) ? way : -1;
        }
        SHIM_CHECK(r.code == 3 && strstr(r.err, "target.journal"), return -1,
                   "%s, %s: code %d: %.300s", label, options[way], r.code, r.err);
        SHIM_CHECK(strstr(r.err, " at byte ") || strstr(r.err, "is no journal") ||
                       strstr(r.err, "version"),
                   return -1, "%s, %s: it said: %.300s", label, options[way], r.err);
    }
    shim_fail(__FILE__, __LINE__, "%s: it could not even be begun again", label);
    return -1;
}

/* Opens the journal of a run that was killed, as it was left. */
static FILE *left_journal(void)
{
    kept_clear();
    kept_copy("then", "target");
    return fopen(in_folder("target.journal"), "r+e");
}

static int cut_at(const kept_job *job, uint64_t size)
{
    char label[100];
    kept_clear();
    kept_copy("then", "target");
    EXPECT_I64(truncate(in_folder("target.journal"), (off_t)size), 0);
    snprintf(label, sizeof label, "the journal cut to %llu bytes", (unsigned long long)size);
    return survive(job, label);
}

static int overwrite(const kept_job *job, uint64_t at, size_t size, unsigned char flip)
{
    char label[100];
    unsigned char bytes[512] = {0};
    FILE *file = left_journal();
    if (!file)
        return -1;
    if (flip) {
        fseek(file, (long)at, SEEK_SET);
        EXPECT_U64(fread(bytes, 1, 1, file), 1);
        bytes[0] ^= flip;
    }
    fseek(file, (long)at, SEEK_SET);
    EXPECT_U64(fwrite(bytes, 1, size, file), size);
    EXPECT_I64(fclose(file), 0);
    snprintf(label, sizeof label, "%zu bytes of the journal from %llu on %s", size,
             (unsigned long long)at, flip ? "flipped" : "zeroed");
    return survive(job, label);
}

static void say(const char *what, const unsigned ways[WAYS])
{
    printf("%s: %u went on, %u were repaired, %u begun again\n", what, ways[WENT_ON],
           ways[REPAIRED], ways[BEGUN_AGAIN]);
}

/* The job of these tests, killed near its end, so that little is left to be done. */
static bool prepare(kept_job *job)
{
    return kept_factor(job, 10000, 8) && kept_killed(job, 40) && kept_killed_again(job, 70);
}

/* A journal that is cut is one that was being written: only its head can't be missed. */
static void cuts(const kept_job *job, uint64_t from, uint64_t step)
{
    unsigned ways[WAYS] = {0};
    uint64_t size = kept_size("then.journal");
    for (uint64_t at = from; at < size && !shim_failed(); at += step) {
        int way = cut_at(job, at);
        if (way >= 0)
            ways[way]++;
    }
    say("cut", ways);
    SHIM_CHECK(ways[WENT_ON], (void)0, "%u, %u, %u", ways[0], ways[1], ways[2]);
}

static void flips(const kept_job *job, moments *m, unsigned flipped, unsigned zeroed)
{
    unsigned ways[WAYS] = {0};
    uint64_t size = kept_size("then.journal");
    for (unsigned i = 0; i < flipped + zeroed && !shim_failed(); i++) {
        bool flip = i < flipped;
        uint64_t length = flip ? 1 : 8 + moments_below(m, 504);
        uint64_t at = moments_below(m, size - length);
        int way = overwrite(job, at, (size_t)length,
                            flip ? (unsigned char)(1U << moments_below(m, 8)) : 0);
        if (way >= 0)
            ways[way]++;
    }
    say("damaged", ways);
    SHIM_CHECK(ways[0] + ways[1] + ways[2] == flipped + zeroed, (void)0, "%u, %u, %u", ways[0],
               ways[1], ways[2]);
}

/* The first failure that was written down and synced, by its text: what is lost there is not known
 * from what follows. */
static uint64_t place_of_failure(void)
{
    static char bytes[1 << 16];
    FILE *file = fopen(in_folder("then.journal"), "re");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    char *at = memmem(bytes, size, "no-number", 9);
    return at ? (uint64_t)(at - bytes) : 0;
}

FAN_TEST(damage, a_journal_that_is_cut_or_changed)
{
    kept_job job;
    moments m = moments_new();
    if (prepare(&job)) {
        uint64_t size = kept_size("then.journal");
        cuts(&job, moments_below(&m, size / 5), size / 5);
        flips(&job, &m, 3, 3);
    }
    tidy();
}

/* A failure that nobody else knows of is in the damaged part: its item is done again. */
FAN_TEST(damage, a_failure_that_is_lost_is_found_again)
{
    kept_job job;
    if (!kept_factor(&job, 100000, 8) || !kept_killed(&job, 60)) /* long after the first failure */
        return;
    uint64_t at = place_of_failure();
    EXPECT_TRUE(at > 0);
    EXPECT_I64(overwrite(&job, at, 1, 0x10), REPAIRED);
    tidy();
}

FAN_TEST(damage, long_a_journal_cut_at_every_byte)
{
    kept_job job;
    if (prepare(&job))
        cuts(&job, 0, 1);
    tidy();
}

FAN_TEST(damage, long_a_journal_with_bits_flipped_and_blocks_zeroed)
{
    kept_job job;
    moments m = moments_new();
    if (prepare(&job))
        flips(&job, &m, 300, 300);
    tidy();
}

/* ---- The part ---------------------------------------------------------------------------------
 */

/* How much of the part the journal speaks of: there may be more. */
static uint64_t recorded(void)
{
    static ran r;
    static const char key[] = "\"output_bytes\":";
    run(&(setting){0}, "results --format ndjson @/target", &r);
    const char *at = strstr(r.out, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* What is missing or changed of the part is done again, and that is said; what is too much goes. */
FAN_TEST(damage, a_part_that_is_cut_or_changed_or_longer)
{
    static const char *const ways[] = {"cut", "changed", "longer", "gone"};
    static ran r;
    kept_job job;
    moments m = moments_new();
    if (!prepare(&job))
        return;
    for (size_t w = 0; w < 4 && !shim_failed(); w++) {
        kept_clear();
        kept_copy("then", "target");
        uint64_t bytes = recorded();
        ASSERT_TRUE(bytes > 1 && bytes <= kept_written());
        uint64_t at = moments_below(&m, bytes - 1);
        FILE *part = fopen(kept_part(), "r+e");
        ASSERT_TRUE(part != NULL);
        fseek(part, (long)at, w == 1 ? SEEK_SET : SEEK_END);
        if (w == 1 || w == 2)
            fputc(0, part);
        if (w == 2)
            fputs("more", part);
        ASSERT_I64(fclose(part), 0);
        EXPECT_I64(w == 0 ? truncate(kept_part(), (off_t)at) : w == 3 ? unlink(kept_part()) : 0, 0);
        setting how = kept_setting("serial");
        run(&how, kept_line(&job, "serial", "--resume"), &r);
        SHIM_CHECK(w == 2 || strstr(r.err, "does not have all that its journal speaks of"), (void)0,
                   "%s: it said: %.300s", ways[w], r.err);
        kept_expect_right(&job, &r, ways[w]);
    }
    tidy();
}
