/* The weakkeys job against brute force and the scan in one go; formats, problems, files. */
#include "weakkeys_kit.h"

#include "fanfold/weakkeys.h"

#include <errno.h>
#include <fcntl.h>
#include <gmp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/job_internal.h"

/* ---- Brute force ----------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t gcd_u64(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The beginning of a key's TSV row by trying all pairs, or "" where it must not be listed. */
static void row_by_brute_force(char *row, size_t room, const char *path, const uint64_t *keys,
                               size_t count, size_t i)
{
    bool shared = false, duplicate = false;
    uint64_t rest = 1;
    for (size_t j = 0; j < count; j++) {
        if (j == i)
            continue;
        duplicate |= keys[j] == keys[i];
        shared |= keys[j] != keys[i] && gcd_u64(keys[i], keys[j]) > 1;
        rest = (uint64_t)((unsigned __int128)rest * keys[j] % keys[i]);
    }
    row[0] = '\0';
    if (shared || duplicate)
        snprintf(row, room, "%s\t%zu\t%s:%zu\t%d\t%s%s%s\t%llx\t", path, i + 1, path, i + 1,
                 64 - __builtin_clzll(keys[i]), shared ? "shared" : "",
                 shared && duplicate ? "," : "", duplicate ? "duplicate" : "",
                 (unsigned long long)gcd_u64(keys[i], rest));
}

/* Checks that the TSV lists exactly the keys it must, and that its factors make up each key. */
static void check_rows(const char *tsv, const char *path, const uint64_t *keys, size_t count)
{
    const char *line = strchr(tsv, '\n');
    ASSERT_TRUE(line != NULL);
    line++;
    for (size_t i = 0; i < count && !shim_failed(); i++) {
        char want[512], modulus[32];
        row_by_brute_force(want, sizeof want, path, keys, count, i);
        if (!want[0])
            continue;
        const char *end = strchr(line, '\n');
        SHIM_CHECK(end && !strncmp(line, want, strlen(want)), return,
                   "the next row is %.120s, expected %s", line, want);
        snprintf(modulus, sizeof modulus, "\t%llx\n", (unsigned long long)keys[i]);
        EXPECT_TRUE(!strncmp(end + 1 - strlen(modulus), modulus, strlen(modulus)));
        const char *factors = line + strlen(want);
        uint64_t product = 1, last = 0;
        while (*factors != '\t' && *factors != '-') {
            char *after;
            uint64_t factor = strtoull(factors, &after, 16);
            product *= factor;
            EXPECT_TRUE(factor >= last && factor > 1);
            last = factor;
            factors = after + (*after == ',');
        }
        if (last)
            EXPECT_U64(product, keys[i]);
        line = end + 1;
    }
    EXPECT_STR(line, "");
}

/* Enough keys for several blocks, from primes so few that all kinds of sharing come up. */
FAN_TEST(job_weakkeys, blocks_of_keys_agree_with_brute_force_on_each_executor)
{
    enum { KEYS = 900 };
    static uint64_t keys[KEYS];
    static char text[KEYS * 20], path_name[128];
    uint64_t state = 11;
    size_t used = 0;
    for (size_t i = 0; i < KEYS; i++) {
        /* Odd products: most share a small factor with many others, some nothing with any. */
        uint64_t a = next_random(&state) % 40 < 39 ? next_random(&state) >> 34 | 1 : 65537;
        uint64_t b = next_random(&state) >> 36 | 1;
        keys[i] = i % 100 == 99 ? keys[i - 50] : (a < 3 ? 3 : a) * (b < 3 ? 3 : b);
        used += (size_t)snprintf(text + used, sizeof text - used, "%llX\n",
                                 (unsigned long long)keys[i]);
    }
    snprintf(path_name, sizeof path_name, "%s", weak_file("keys", text));
    char *first = NULL;
    for (size_t e = 0; e < WEAK_EXECUTORS; e++) {
        weak_outcome o = {0};
        weak_run(&o, weak_executors[e], WEAK_SETTINGS("format=tsv"), WEAK_FILES(path_name));
        EXPECT_I64(o.status, FAN_OK);
        EXPECT_I64(o.result.exit_code, 0);
        EXPECT_U64(o.result.summary.items, KEYS);
        EXPECT_TRUE(o.result.summary.batches >= 3);
        if (!first) {
            check_rows(o.output, path_name, keys, KEYS);
            first = o.output;
        } else {
            EXPECT_STR(o.output, first);
            free(o.output);
        }
    }
    free(first);
    weak_clear();
}

/* ---- The scan in one go ---------------------------------------------------------------------- */

static void add_hex(char *out, size_t room, const fan_weakkeys_number *number)
{
    size_t used = strlen(out);
    for (size_t i = 0; i < number->size_bytes; i++)
        used += (size_t)snprintf(out + used, room - used, i ? "%02x" : "%x", number->bytes[i]);
}

/* A finding's columns from weakness to shares_with, with keys named by their place. */
static void finding_columns(char *out, size_t room, const char *path, const fan_weakkeys_finding *f)
{
    snprintf(out, room, "%s%s%s\t", f->weakness & FAN_WEAKKEYS_SHARED ? "shared" : "",
             f->weakness == (FAN_WEAKKEYS_SHARED | FAN_WEAKKEYS_DUPLICATE) ? "," : "",
             f->weakness & FAN_WEAKKEYS_DUPLICATE ? "duplicate" : "");
    add_hex(out, room, &f->gcd);
    strcat(out, "\t");
    for (size_t k = 0; k < f->factor_count; k++) {
        strcat(out, k ? "," : "");
        add_hex(out, room, &f->factors[k]);
    }
    strcat(out, f->factor_count ? "\t-\t" : "-\t-\t");
    for (size_t k = 0; k < f->shares_count && k < FAN_WEAKKEYS_SHARES_SHOWN; k++) {
        size_t used = strlen(out);
        snprintf(out + used, room - used, "%s%s:%zu", k ? "," : "", path, f->shares_with[k] + 1);
    }
    size_t used = strlen(out);
    if (f->shares_count > FAN_WEAKKEYS_SHARES_SHOWN)
        snprintf(out + used, room - used, ",+%zu", f->shares_count - FAN_WEAKKEYS_SHARES_SHOWN);
}

/* Keys of 600 bits that share primes of 300, a few hundred of them. */
static void make_large_keys(fan_weakkeys_number *keys, unsigned char (*bytes)[76], size_t count)
{
    uint64_t state = 3;
    mpz_t pool[40], key, prime;
    mpz_inits(key, prime, NULL);
    for (size_t i = 0; i < 40; i++) {
        mpz_init(pool[i]);
        for (int word = 0; word < 5; word++) {
            mpz_mul_2exp(pool[i], pool[i], 60);
            mpz_add_ui(pool[i], pool[i], next_random(&state) >> 4);
        }
        mpz_nextprime(pool[i], pool[i]);
    }
    for (size_t i = 0; i < count; i++) {
        mpz_set(prime, pool[i % 40]);
        if (i % 8 == 0)
            mpz_nextprime(pool[i % 40], prime);
        mpz_mul(key, prime, pool[next_random(&state) % 40]);
        size_t size = 0;
        mpz_export(bytes[i], &size, 1, 1, 1, 0, key);
        keys[i] = (fan_weakkeys_number){.bytes = bytes[i], .size_bytes = size};
    }
    for (size_t i = 0; i < 40; i++)
        mpz_clear(pool[i]);
    mpz_clears(key, prime, NULL);
}

FAN_TEST(job_weakkeys, large_keys_agree_with_the_scan_in_one_go)
{
    enum { KEYS = 530 };
    static fan_weakkeys_number keys[KEYS];
    static unsigned char bytes[KEYS][76];
    static char text[KEYS * 160], want[4096], path[128];
    make_large_keys(keys, bytes, KEYS);
    for (size_t i = 0; i < KEYS; i++) {
        add_hex(text, sizeof text, &keys[i]);
        strcat(text, "\n");
    }
    fan_weakkeys_report *report = NULL;
    ASSERT_I64(fan_weakkeys_scan(keys, KEYS, NULL, &report, NULL), FAN_OK);
    ASSERT_TRUE(report->finding_count > 400);
    snprintf(path, sizeof path, "%s", weak_file("keys", text));
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS("format=tsv"), WEAK_FILES(path));
    EXPECT_I64(o.status, FAN_OK);
    char *line = strtok(o.output, "\n");
    for (size_t i = 0; i < report->finding_count && !shim_failed(); i++) {
        line = strtok(NULL, "\n");
        finding_columns(want, sizeof want, path, &report->findings[i]);
        EXPECT_CONTAINS(line, want);
    }
    EXPECT_TRUE(strtok(NULL, "\n") == NULL);
    fan_weakkeys_report_free(report);
    free(o.output);
    weak_clear();
}

/* ---- Formats --------------------------------------------------------------------------------- */

/* 3 * 5, 3 * 7, 7 * 11, 29 * 31 twice, 41 * 43. */
static const char few[] = "# a comment\r\n15\r\n0x15\r\n\r\n77 # 7 * 11\r\n899\r\n1763\r\n899";

FAN_TEST(job_weakkeys, text_names_places_weakness_factors_and_partners)
{
    const char *path = weak_file("keys", few);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS("base=10"), WEAK_FILES(path));
    EXPECT_I64(o.status, FAN_OK);
    weak_expect(o.output,
                "@/keys:2: shared 4 bits, gcd 0x3, factors 0x3 * 0x5, shares with 1 key: "
                "@/keys:3\n"
                "@/keys:3: shared 5 bits, gcd 0x15, factors 0x3 * 0x7, shares with 2 keys: "
                "@/keys:2, @/keys:5\n"
                "@/keys:5: shared 7 bits, gcd 0x7, factors 0x7 * 0xb, shares with 1 key: "
                "@/keys:3\n"
                "@/keys:6: duplicate 10 bits, the same modulus, shares with 1 key: @/keys:8\n"
                "@/keys:8: duplicate 10 bits, the same modulus, shares with 1 key: @/keys:6\n");
    EXPECT_STR(o.note, "6 keys read, 6 RSA, 3 weak, 2 duplicates");
    EXPECT_STR(o.reports, "");
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_U64(o.result.output_bytes, o.size);
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, tsv_has_a_header_and_dashes_where_nothing_is)
{
    const char *path = weak_file("keys", few);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS("base=10", "format=tsv"), WEAK_FILES(path));
    weak_expect(
        o.output,
        "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\tshares_with\tmodulus\n"
        "@/keys\t2\t@/keys:2\t4\tshared\t3\t3,5\t-\t@/keys:3\tf\n"
        "@/keys\t3\t@/keys:3\t5\tshared\t15\t3,7\t-\t@/keys:2,@/keys:5\t15\n"
        "@/keys\t5\t@/keys:5\t7\tshared\t7\t7,b\t-\t@/keys:3\t4d\n"
        "@/keys\t6\t@/keys:6\t10\tduplicate\t383\t-\t-\t@/keys:8\t383\n"
        "@/keys\t8\t@/keys:8\t10\tduplicate\t383\t-\t-\t@/keys:6\t383\n");
    free(o.output);
    weak_run(&o, "serial", WEAK_SETTINGS("base=10", "format=tsv"),
             WEAK_FILES(weak_file("keys", "15\n22\n")));
    EXPECT_STR(o.output, "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\t"
                         "shares_with\tmodulus\n");
    free(o.output);
    weak_clear();
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "(none)";
}

FAN_TEST(job_weakkeys, ndjson_has_numbers_as_strings)
{
    const char *path = weak_file("keys", few);
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS("base=10", "format=ndjson"), WEAK_FILES(path));
    EXPECT_TRUE(o.size && o.output[o.size - 1] == '\n');
    char *second = strchr(o.output, '\n');
    ASSERT_TRUE(second != NULL);
    json_t *object = json_loads(second + 1, JSON_DISABLE_EOF_CHECK, NULL);
    ASSERT_TRUE(object != NULL);
    EXPECT_STR(member(object, "schema"), "fanfold.weakkeys/1");
    EXPECT_STR(member(object, "source"), path);
    EXPECT_I64(json_integer_value(json_object_get(object, "line")), 3);
    EXPECT_I64(json_integer_value(json_object_get(object, "bits")), 5);
    EXPECT_STR(member(object, "gcd"), "15");
    EXPECT_STR(member(object, "modulus"), "15");
    EXPECT_I64(json_integer_value(json_object_get(object, "shares_count")), 2);
    const json_t *factors = json_object_get(object, "factors");
    const json_t *partners = json_object_get(object, "shares_with");
    EXPECT_U64(json_array_size(factors), 2);
    EXPECT_STR(json_string_value(json_array_get(factors, 0)), "3");
    EXPECT_STR(json_string_value(json_array_get(factors, 1)), "7");
    EXPECT_U64(json_array_size(partners), 2);
    EXPECT_CONTAINS(json_string_value(json_array_get(partners, 1)), "/keys:5");
    EXPECT_STR(json_string_value(json_array_get(json_object_get(object, "weakness"), 0)), "shared");
    json_decref(object);
    free(o.output);
    weak_clear();
}

/* The shipped pair: two certificates of 2048 bits whose keys share a prime of 1024. */
FAN_TEST(job_weakkeys, shipped_certificates_are_split)
{
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS("format=tsv"),
             WEAK_FILES(FAN_TEST_SOURCE_DIR "/jobs/data/sound.pem",
                        FAN_TEST_SOURCE_DIR "/jobs/data/weak-a.pem",
                        FAN_TEST_SOURCE_DIR "/jobs/data/weak-b.pem"));
    EXPECT_I64(o.status, FAN_OK);
    EXPECT_STR(o.note, "6 keys read, 5 RSA, 2 weak");
    EXPECT_CONTAINS(o.reports, "sound.pem:");
    EXPECT_CONTAINS(o.reports, "not an RSA key");
    char *row = strstr(o.output, "/jobs/data/weak-a.pem\t");
    ASSERT_TRUE(row != NULL);
    EXPECT_CONTAINS(row, "\tweak-a.example\t2048\tshared\t");
    EXPECT_CONTAINS(row, "\tweak-b.example\t");
    char *gcd = strstr(row, "\tshared\t") + 8, *p = strchr(gcd, '\t') + 1, *q = strchr(p, ',') + 1;
    *strchr(gcd, '\t') = *strchr(p, ',') = *strchr(q, '\t') = '\0';
    char *modulus = strrchr(q + strlen(q) + 1, '\t'), *end = strchr(q + strlen(q) + 1, '\n');
    ASSERT_TRUE(modulus && end);
    *end = '\0';
    modulus = strrchr(q + strlen(q) + 1, '\t') + 1;
    mpz_t left, right, whole;
    mpz_init_set_str(left, p, 16);
    mpz_init_set_str(right, q, 16);
    mpz_init_set_str(whole, modulus, 16);
    EXPECT_TRUE(!strcmp(gcd, p) || !strcmp(gcd, q));
    EXPECT_TRUE(mpz_probab_prime_p(left, 30) && mpz_probab_prime_p(right, 30));
    mpz_mul(left, left, right);
    EXPECT_TRUE(!mpz_cmp(left, whole));
    mpz_clears(left, right, whole, NULL);
    free(o.output);
}

/* ---- Problems -------------------------------------------------------------------------------- */

static const char flawed[] = "f\n0\n15\n1\n-f\nxyz\n";

FAN_TEST(job_weakkeys, bad_entries_are_reported_and_the_rest_is_done)
{
    const char *path = weak_file("keys", flawed);
    weak_outcome o = {0};
    weak_run(&o, "serial", NULL, WEAK_FILES(path, FAN_TEST_SOURCE_DIR "/tests/data/keys/ec.pem"));
    EXPECT_I64(o.status, FAN_OK);
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_U64(o.result.summary.items, 4);
    weak_expect(o.output, "@/keys:1: shared 4 bits, gcd 0x3, factors 0x3 * 0x5, shares with 1 key: "
                          "@/keys:3\n"
                          "@/keys:2: invalid 0 bits, the number 0\n"
                          "@/keys:3: shared 5 bits, gcd 0x3, factors 0x3 * 0x7, shares with 1 key: "
                          "@/keys:1\n"
                          "@/keys:4: invalid 1 bits, the number 1\n");
    char *ec = strstr(o.reports, FAN_TEST_SOURCE_DIR);
    ASSERT_TRUE(ec != NULL);
    EXPECT_CONTAINS(ec, "/tests/data/keys/ec.pem:1: not an RSA key");
    *ec = '\0';
    weak_expect(o.reports, "@/keys:2: invalid: a modulus of 0\n"
                           "@/keys:4: invalid: a modulus of 1\n"
                           "@/keys:5: a negative number can't be a modulus\n"
                           "@/keys:6: 'x' where a hexadecimal digit was expected\n");
    EXPECT_STR(o.note, "5 keys read, 2 RSA, 2 weak, 2 invalid, 2 unreadable");
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, a_strict_job_ends_at_the_first_bad_entry)
{
    const char *path = weak_file("keys", flawed);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS("strict=true"), WEAK_FILES(path));
    EXPECT_I64(o.status, FAN_E_SYNTAX);
    EXPECT_I64(o.result.exit_code, 2);
    EXPECT_STR(o.error.file, path);
    EXPECT_U64(o.error.line, 2);
    EXPECT_STR(o.output, "");
    EXPECT_STR(o.note, "");
    free(o.output);
    weak_run(&o, "serial", WEAK_SETTINGS("strict=true"),
             WEAK_FILES(FAN_TEST_SOURCE_DIR "/tests/data/keys/ec.pem"));
    EXPECT_I64(o.result.exit_code, 2);
    EXPECT_CONTAINS(o.error.text, "not an RSA key");
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, a_file_that_is_not_there_is_exit_2_with_its_errno)
{
    const char *path = weak_file("keys", "f\n15\n");
    weak_outcome o = {0};
    weak_run(&o, "serial", NULL, WEAK_FILES("/nowhere/keys.pem", path));
    EXPECT_I64(o.result.exit_code, 2);
    EXPECT_U64(o.result.bad_inputs, 1);
    EXPECT_I64(o.first_errno, ENOENT);
    EXPECT_CONTAINS(o.reports, "/nowhere/keys.pem");
    EXPECT_CONTAINS(o.output, "/keys:2: shared");
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, without_keys_there_are_no_records)
{
    static const char header[] = "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\t"
                                 "shares_with\tmodulus\n";
    static const char *const formats[] = {"format=text", "format=tsv", "format=ndjson"};
    const char *path = weak_file("keys", "");
    for (size_t i = 0; i < 3; i++) {
        for (size_t e = 0; e < WEAK_EXECUTORS; e++) {
            weak_outcome o = {0};
            weak_run(&o, weak_executors[e], WEAK_SETTINGS(formats[i]), WEAK_FILES(path));
            EXPECT_I64(o.status, FAN_OK);
            EXPECT_I64(o.result.exit_code, 0);
            EXPECT_STR(o.output, i == 1 ? header : "");
            EXPECT_STR(o.reports, "");
            EXPECT_STR(o.note, "0 keys read, 0 RSA, 0 weak");
            free(o.output);
        }
    }
    weak_clear();
}

FAN_TEST(job_weakkeys, one_key_is_sound)
{
    const char *path = weak_file("keys", "f\n");
    weak_outcome o = {0};
    weak_run(&o, "threads", NULL, WEAK_FILES(path));
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_STR(o.output, "");
    EXPECT_STR(o.note, "1 key read, 1 RSA, 0 weak");
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, fail_on_weak_counts_all_but_duplicates)
{
    static const struct {
        const char *text;
        int exit_code;
        const char *checks;
    } cases[] = {{"f\n15\n", 1, "checks=none"}, {"f\nf\n", 0, "checks=none"},
                 {"f\n4d\n", 0, "checks=none"}, {"", 0, "checks=all"},
                 {"f\n4d\n", 1, "checks=all"},  {"0\n1\n", 0, "checks=all"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weak_outcome o = {0};
        weak_run(&o, "serial", WEAK_SETTINGS("fail-on-weak=true", cases[i].checks),
                 WEAK_FILES(weak_file("keys", cases[i].text)));
        EXPECT_I64(o.status, FAN_OK);
        EXPECT_I64(o.result.exit_code, cases[i].exit_code);
        free(o.output);
    }
    weak_clear();
}

FAN_TEST(job_weakkeys, an_output_file_is_the_owners_alone)
{
    const char *path = weak_file("keys", "f\n15\n"), *out = weak_file("out", "older\n");
    char setting[160];
    struct stat info;
    snprintf(setting, sizeof setting, "output=%s", out);
    ASSERT_I64(chmod(out, 0666), 0);
    mode_t mask = umask(0);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS(setting), WEAK_FILES(path));
    umask(mask);
    EXPECT_I64(o.result.exit_code, 0);
    ASSERT_I64(stat(out, &info), 0);
    EXPECT_U64(info.st_mode & 07777, 0600);
    EXPECT_U64((uint64_t)info.st_size, o.result.output_bytes);
    EXPECT_TRUE(info.st_size > 100);
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys, a_stopped_job_leaves_an_older_file_as_it_was)
{
    const char *path = weak_file("keys", "f\n15\n"), *out = weak_file("out", "older\n");
    char setting[160];
    struct stat info;
    snprintf(setting, sizeof setting, "output=%s", out);
    weak_outcome o = {.stop = true};
    weak_run(&o, "serial", WEAK_SETTINGS(setting), WEAK_FILES(path));
    EXPECT_I64(o.status, FAN_E_CANCELLED);
    EXPECT_I64(o.result.exit_code, 75);
    ASSERT_I64(stat(out, &info), 0);
    EXPECT_I64(info.st_size, 6);
    free(o.output);
    weak_clear();
}

/* ---- Keys and tasks -------------------------------------------------------------------------- */

FAN_TEST(job_weakkeys, values_of_keys_are_checked)
{
    fan_job *job;
    ASSERT_I64(fan_job_new("weakkeys", &job, NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "base", "10", NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "base", "8", NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_job_set(job, "strict", "yes", NULL), FAN_E_ARGUMENT);
    EXPECT_I64(fan_job_set(job, "points", "5", NULL), FAN_E_ARGUMENT);
    fan_job_free(job);
    ASSERT_I64(fan_job_new("gcd", &job, NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "base", "10", NULL), FAN_E_ARGUMENT);
    fan_job_free(job);
}

FAN_TEST(job_weakkeys, its_tasks_are_listed)
{
    static const fan_task *const wanted[] = {
        &fani_task_weakkeys_product, &fani_task_weakkeys_multiply, &fani_task_weakkeys_join,
        &fani_task_weakkeys_root,    &fani_task_weakkeys_step,     &fani_task_weakkeys_part,
        &fani_task_weakkeys_block,   &fani_task_weakkeys_check};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        bool found = false;
        for (const fan_task *const *task = fan_job_tasks(); *task; task++)
            found |= *task == wanted[i];
        SHIM_CHECK(found, (void)0, "%s is not listed", wanted[i]->name);
    }
}

/* Bytes that no job sends must fail an item, never a worker. */
FAN_TEST(job_weakkeys, tasks_refuse_foreign_bytes)
{
    fan_executor *executor;
    fan_shared unknown = {.id = 12345};
    const fan_submit_options options = {.args = &unknown, .args_size = sizeof unknown};
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
               FAN_OK);
    for (const fan_task *const *task = fan_job_tasks(); *task; task++) {
        fan_future *future;
        fan_outcome answer;
        if (strncmp((*task)->name, "weakkeys.", 9))
            continue;
        for (size_t size = 0; size < 3; size++) {
            const fan_submit_options *given = size == 1 ? NULL : &options;
            ASSERT_I64(fan_submit(executor, *task, "ab", size, given, &future), FAN_OK);
            EXPECT_I64(fan_future_result(future, FAN_FOREVER, &answer), FAN_OK);
            if (size || *task != &fani_task_weakkeys_check)
                EXPECT_I64(answer.kind, FAN_OUTCOME_FAILED);
            fan_future_release(future);
        }
    }
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}
