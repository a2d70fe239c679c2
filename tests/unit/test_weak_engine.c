/* The levels of a weak-key scan over workers, and the packs that they share. */
#include "shim.h"

#include "job/weak_engine.h"
#include "kernel/gcd/weak.h"

#include <stdlib.h>

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
        ASSERT_I64(fani_weak_pack_open(&pack, elsewhere + shift, all.size), FAN_OK);
        ASSERT_U64(pack.count, 11);
        for (size_t i = 0; i < 11; i++) {
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
            uint64_t *words = malloc(all.size);
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
    EXPECT_I64(fani_weak_engine_run(&run, &keys, &got, &error), FAN_OK);
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
        EXPECT_I64(fani_weak_engine_run(&run, &keys, &gcds, NULL), FAN_E_CANCELLED);
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
        fan_job_free(job);
        fani_mpzs_free(&keys);
        fani_mpzs_free(&gcds);
    }
}
