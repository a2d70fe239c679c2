/* The levels of a weak-key scan over workers, and the packs that they share. */
#include "shim.h"

#include "job/weak_engine.h"
#include "kernel/gcd/weak.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Packs ----------------------------------------------------------------------------------- */

static void fill(fani_weak_packer *packer, size_t count)
{
    mpz_t value;
    mpz_init(value);
    ASSERT_I64(fani_weak_packer_begin(packer, count, 10 * count), FAN_OK);
    for (size_t i = 0; i < count; i++) {
        mpz_ui_pow_ui(value, 3, 30 * i);
        ASSERT_I64(fani_weak_packer_put(packer, value, mpz_size(value) + i % 2), FAN_OK);
    }
    mpz_clear(value);
}

FAN_TEST(weak_pack, integers_come_back_from_wherever_the_bytes_lie)
{
    fani_weak_packer packer;
    fill(&packer, 11);
    fan_items all = fani_weak_packer_bytes(&packer);
    unsigned char *elsewhere = malloc(all.size + 3);
    mpz_t want, got;
    mpz_init(want);
    for (size_t shift = 0; shift < 3; shift++) {
        fani_weak_pack pack;
        memcpy(elsewhere + shift, all.bytes, all.size);
        EXPECT_I64(fani_weak_pack_open(&pack, elsewhere + shift, all.size), FAN_OK);
        EXPECT_U64(pack.count, 11);
        for (size_t i = 0; i < pack.count; i++) {
            mpz_ui_pow_ui(want, 3, 30 * i);
            fani_weak_pack_view(&pack, i, got);
            EXPECT_TRUE(!mpz_cmp(want, got));
            EXPECT_U64(fani_weak_pack_size(&pack, i), mpz_size(want) + i % 2);
        }
        fani_weak_pack_close(&pack);
    }
    mpz_clear(want);
    free(elsewhere);
    fani_weak_packer_free(&packer);
}

FAN_TEST(weak_pack, a_full_pack_takes_no_more)
{
    fani_weak_packer packer;
    mpz_t value;
    mpz_init_set_ui(value, 7);
    ASSERT_I64(fani_weak_packer_begin(&packer, 2, 3), FAN_OK);
    EXPECT_I64(fani_weak_packer_put(&packer, value, 0), FAN_E_ARGUMENT);
    EXPECT_I64(fani_weak_packer_put(&packer, value, 2), FAN_OK);
    EXPECT_I64(fani_weak_packer_put(&packer, value, 2), FAN_E_ARGUMENT);
    EXPECT_I64(fani_weak_packer_put(&packer, value, 1), FAN_OK);
    EXPECT_TRUE(fani_weak_packer_add(&packer, 0) == NULL);
    fani_weak_packer_free(&packer);
    mpz_clear(value);
}

/* Every cut, and every word changed, is refused or reads nothing outside (which ASan would see). */
FAN_TEST(weak_pack, bytes_that_are_none_are_refused)
{
    fani_weak_packer packer;
    fani_weak_pack pack;
    fill(&packer, 5);
    fan_items all = fani_weak_packer_bytes(&packer);
    for (size_t size = 0; size < all.size; size++) {
        unsigned char *part = malloc(size + 1);
        memcpy(part, all.bytes, size);
        EXPECT_I64(fani_weak_pack_open(&pack, part, size), FAN_E_PROTOCOL);
        free(part);
    }
    static const uint64_t wrong[] = {0, 1, 4, 100, UINT64_MAX / 8, UINT64_MAX};
    for (size_t word = 0; word < 7; word++) {
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            uint64_t *words = malloc(all.size + 1);
            memcpy(words, all.bytes, all.size);
            words[word] = wrong[k];
            if (fani_weak_pack_open(&pack, words, all.size) == FAN_OK) {
                mpz_t value;
                for (size_t i = 0; i < pack.count; i++) {
                    fani_weak_pack_view(&pack, i, value);
                    EXPECT_TRUE(mpz_size(value) <= all.size / 8);
                }
            }
            fani_weak_pack_close(&pack);
            free(words);
        }
    }
    fani_weak_packer_free(&packer);
}

/* ---- The engine ------------------------------------------------------------------------------ */

static const fani_weak_store nowhere;
static const fani_weak_memory no_limit = {.workers = 1, .reply_max = UINT64_MAX};

static void make_keys(fani_mpzs *list, size_t count)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, count);
    ASSERT_I64(fani_mpzs_resize(list, count), FAN_OK);
    for (size_t i = 0; i < count; i++) {
        mpz_rrandomb(list->values + i, random, i % 400 == 9 ? 9000 : 2 + i % 300);
        mpz_setbit(list->values + i, 0);
    }
    gmp_randclear(random);
}

static void check_engine(const char *kind, unsigned workers, size_t count)
{
    fan_job *job = NULL;
    fan_executor *executor = NULL;
    fan_job_result result = {0};
    fani_mpzs keys = {0}, got = {0}, want = {0};
    fan_error error = {0};
    make_keys(&keys, count);
    ASSERT_I64(fan_job_new("weakkeys", &job, NULL), FAN_OK);
    fan_executor_options options = {.kind = kind, .workers = workers};
    ASSERT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    fani_job_run run = {.job = job, .executor = executor, .result = &result};
    EXPECT_I64(fani_weak_engine_run(
                   &run, &keys, &(fani_weak_circumstances){.store = &nowhere, .memory = &no_limit},
                   &got, &error),
               FAN_OK);
    EXPECT_STR(error.text, "");
    EXPECT_I64(fani_weak_gcds(fani_multiplier_best(), keys.values, count, 0, &want, NULL), FAN_OK);
    ASSERT_U64(got.count, count);
    for (size_t i = 0; i < count; i++)
        EXPECT_TRUE(!mpz_cmp(got.values + i, want.values + i));
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    fan_job_free(job);
    fani_mpzs_free(&keys);
    fani_mpzs_free(&got);
    fani_mpzs_free(&want);
}

/* One block to nine, so that levels of each shape come up; then as many as there may be. */
FAN_TEST(weak_engine, gcds_are_those_of_one_core)
{
    static const size_t counts[] = {0,   1,    2,    256,  257,  512,  513,
                                    900, 1200, 1281, 1700, 2048, 2100, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !shim_failed(); i++) {
        check_engine("serial", 1, counts[i]);
        check_engine("threads", 1 + i % 4, counts[i]);
    }
}

static bool at_once(void *user)
{
    return --*(int *)user < 0;
}

/* Wherever it is stopped, it ends with that and leaves nothing shared (the close would wait, and
 * the leak checker tell). */
FAN_TEST(weak_engine, a_stopped_scan_ends)
{
    for (int allowed = 0; allowed < 12; allowed++) {
        int left = allowed;
        fan_job *job = NULL;
        fan_executor *executor = NULL;
        fan_job_result result = {0};
        fani_mpzs keys = {0}, gcds = {0};
        make_keys(&keys, 1700);
        ASSERT_I64(fan_job_new("weakkeys", &job, NULL), FAN_OK);
        ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
                   FAN_OK);
        fani_job_run run = {.job = job, .executor = executor, .result = &result};
        run.events = (fan_job_events){.stop = at_once, .user = &left};
        EXPECT_I64(
            fani_weak_engine_run(&run, &keys,
                                 &(fani_weak_circumstances){.store = &nowhere, .memory = &no_limit},
                                 &gcds, NULL),
            FAN_E_CANCELLED);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
        fan_job_free(job);
        fani_mpzs_free(&keys);
        fani_mpzs_free(&gcds);
    }
}

/* ---- Going on -------------------------------------------------------------------------------- */

typedef struct scene {
    fan_executor *executor;
    fan_job *job;
    fani_mpzs keys;
    fani_mpzs want;
    char folder[64];
    char base[80];
} scene;

static void begin_scene(scene *s, size_t count)
{
    *s = (scene){.folder = "/tmp/fanfold-weak-engine-XXXXXX"};
    ASSERT_TRUE(mkdtemp(s->folder) != NULL);
    snprintf(s->base, sizeof s->base, "%s/out", s->folder);
    make_keys(&s->keys, count);
    ASSERT_I64(fan_job_new("weakkeys", &s->job, NULL), FAN_OK);
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &s->executor, NULL),
               FAN_OK);
    ASSERT_I64(fani_weak_gcds(fani_multiplier_best(), s->keys.values, count, 0, &s->want, NULL),
               FAN_OK);
}

/* The folder is empty in the end. */
static void end_scene(scene *s)
{
    EXPECT_I64(fan_executor_close(s->executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    fan_job_free(s->job);
    fani_mpzs_free(&s->keys);
    fani_mpzs_free(&s->want);
    EXPECT_I64(rmdir(s->folder), 0);
}

static fani_weak_store store_of(const scene *s, bool resumes)
{
    return (fani_weak_store){
        .base = s->base, .identity = fani_weak_engine_identity(&s->keys), .resumes = resumes};
}

/* Runs until the stop was asked `allowed` times (negative: to the end), which *ended says; the
 * items that were done. */
static uint64_t run_until(scene *s, const fani_weak_store *store, int allowed, bool *ended)
{
    fan_job_result result = {0};
    fani_mpzs gcds = {0};
    int left = allowed;
    fani_job_run run = {.job = s->job, .executor = s->executor, .result = &result};
    if (allowed >= 0)
        run.events = (fan_job_events){.stop = at_once, .user = &left};
    fan_status status = fani_weak_engine_run(
        &run, &s->keys, &(fani_weak_circumstances){.store = store, .memory = &no_limit}, &gcds,
        NULL);
    *ended = status == FAN_OK;
    EXPECT_TRUE(*ended || (status == FAN_E_CANCELLED && allowed >= 0));
    if (*ended)
        EXPECT_U64(gcds.count, s->keys.count);
    for (size_t i = 0; *ended && i < gcds.count; i++)
        EXPECT_TRUE(!mpz_cmp(gcds.values + i, s->want.values + i));
    fani_mpzs_free(&gcds);
    return result.summary.batches;
}

static uint64_t run_scene(scene *s, const fani_weak_store *store)
{
    bool ended;
    return run_until(s, store, -1, &ended);
}

/* 5 blocks: 5 products, 2 pairs and 1, 2 roots, steps to 1 pair and 2, 5 blocks. */
enum { KEYS = 1100, ITEMS = 5 + 2 + 1 + 2 + 1 + 2 + 5 };

FAN_TEST(weak_engine, a_scan_goes_on_from_its_last_level)
{
    scene s;
    begin_scene(&s, KEYS);
    fani_weak_store fresh = store_of(&s, false), resumed = store_of(&s, true);
    EXPECT_U64(run_scene(&s, &nowhere), ITEMS);
    bool ended = false, less = false;
    for (int allowed = 1; !ended && !shim_failed(); allowed += 2) {
        uint64_t first = run_until(&s, &fresh, allowed, &ended), second = ended ? 0 : ITEMS;
        if (!ended)
            second = run_scene(&s, &resumed);
        EXPECT_TRUE(second <= ITEMS && first + second >= ITEMS);
        less |= second == 5;
        fani_weak_engine_clear(&fresh);
    }
    EXPECT_TRUE(less);
    end_scene(&s);
}

/* What is kept of a scan that ended just before its end: the fractions of the blocks, and no more.
 */
static void leave_fractions(scene *s, const fani_weak_store *fresh)
{
    run_scene(s, fresh);
}

static void damage(const char *path, long at)
{
    FILE *file = fopen(path, "r+e");
    ASSERT_TRUE(file != NULL);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

FAN_TEST(weak_engine, only_whole_levels_of_the_same_scan_count)
{
    scene s;
    char path[96];
    begin_scene(&s, KEYS);
    fani_weak_store fresh = store_of(&s, false), resumed = store_of(&s, true);
    fani_weak_store foreign = resumed;
    foreign.identity++;
    snprintf(path, sizeof path, "%s.scan-f0", s.base);
    leave_fractions(&s, &fresh);
    EXPECT_U64(run_scene(&s, &resumed), 5);
    EXPECT_U64(run_scene(&s, &foreign), ITEMS);
    static const long places[] = {0, 9, 17, 25, 33, 41, 49, 57, 400};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        leave_fractions(&s, &fresh);
        damage(path, places[i]);
        EXPECT_U64(run_scene(&s, &resumed), ITEMS);
    }
    leave_fractions(&s, &fresh);
    ASSERT_I64(truncate(path, 500), 0);
    EXPECT_U64(run_scene(&s, &resumed), ITEMS);
    struct stat info;
    ASSERT_I64(stat(path, &info), 0);
    EXPECT_U64(info.st_mode & 0777, 0600);
    fani_weak_engine_clear(&fresh);
    end_scene(&s);
}

/* Levels that take no time are not written one by one. */
FAN_TEST(weak_engine, a_short_scan_keeps_nothing)
{
    scene s;
    begin_scene(&s, 700);
    fani_weak_store store = store_of(&s, false);
    store.interval_ns = UINT64_C(120000000000);
    run_scene(&s, &store);
    end_scene(&s);
}

FAN_TEST(weak_engine, a_level_that_can_not_be_kept_ends_the_scan)
{
    scene s;
    fan_error error = {0};
    fan_job_result result = {0};
    fani_mpzs gcds = {0};
    begin_scene(&s, KEYS);
    fani_weak_store store = store_of(&s, false);
    store.base = "/proc/no/such/folder/out";
    fani_job_run run = {.job = s.job, .executor = s.executor, .result = &result};
    EXPECT_I64(fani_weak_engine_run(
                   &run, &s.keys, &(fani_weak_circumstances){.store = &store, .memory = &no_limit},
                   &gcds, &error),
               FAN_E_OUTPUT);
    EXPECT_CONTAINS(error.file, "/proc/no/such/folder/out.scan-p0");
    fani_mpzs_free(&gcds);
    end_scene(&s);
}
