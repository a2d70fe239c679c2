/* The ring of a weak-key scan over workers, and what it keeps. */
#include "shim.h"

#include "job/weak_ring.h"
#include "job/weak_ring_store.h"
#include "kernel/gcd/ring.h"
#include "kernel/gcd/weak.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Keys ------------------------------------------------------------------------------------ */

/* From 1 bit to 65536, many even, some sharing a prime. */
static void make_keys(fani_mpzs *list, size_t count)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, count);
    ASSERT_I64(fani_mpzs_resize(list, count), FAN_OK);
    for (size_t i = 0; i < count; i++) {
        mpz_ptr key = list->values + i;
        mpz_rrandomb(key, random, i % 400 == 9 ? 65536 : 2 + i % 300);
        if (i % 7 == 0)
            mpz_mul_ui(key, key, 4294967291UL);
        if (i % 5)
            mpz_setbit(key, 0);
        if (mpz_cmp_ui(key, 2) < 0)
            mpz_set_ui(key, 2);
    }
    /* The first and the last have a prime in common that the first has thrice: who takes a product
     * twice finds it twice. */
    if (count > 1) {
        mpz_mul_ui(list->values, list->values, 2147483647);
        mpz_mul_ui(list->values, list->values, 2147483647);
        mpz_mul_ui(list->values, list->values, 2147483647);
        mpz_mul_ui(list->values + count - 1, list->values + count - 1, 2147483647);
    }
    gmp_randclear(random);
}

typedef struct scene {
    fan_executor *executor;
    fan_job *job;
    fani_mpzs keys, want;
    size_t workers;
    char folder[64], base[80];
    char note[128];
    int stops_after; /* of so many times it was asked; negative: never */
} scene;

static void begin_scene(scene *s, const char *kind, unsigned workers, size_t count)
{
    *s = (scene){.folder = "/tmp/fanfold-weak-ring-XXXXXX", .workers = workers, .stops_after = -1};
    ASSERT_TRUE(mkdtemp(s->folder) != NULL);
    snprintf(s->base, sizeof s->base, "%s/out", s->folder);
    make_keys(&s->keys, count);
    ASSERT_I64(fan_job_new("weakkeys", &s->job, NULL), FAN_OK);
    const fan_executor_options options = {.kind = kind, .workers = workers};
    ASSERT_I64(fan_executor_open(&options, &s->executor, NULL), FAN_OK);
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

static bool stop(void *user)
{
    scene *s = user;
    return s->stops_after >= 0 && s->stops_after-- == 0;
}

static void take_note(void *user, const char *text)
{
    scene *s = user;
    snprintf(s->note, sizeof s->note, "%s", text);
}

static fan_status run_scene(scene *s, const fani_weak_ring *ring, fani_weak_ring_told *told,
                            fan_error *error)
{
    fan_job_result result = {0};
    fani_mpzs got = {0};
    fani_job_run run = {.job = s->job,
                        .executor = s->executor,
                        .result = &result,
                        .events = {.stop = stop, .note = take_note, .user = s}};
    s->note[0] = '\0';
    fan_status status = fani_weak_ring_run(&run, ring, &s->keys, &got, told, error);
    if (status == FAN_OK)
        EXPECT_U64(got.count, s->keys.count);
    for (size_t i = 0; status == FAN_OK && i < got.count; i++)
        EXPECT_TRUE(!mpz_cmp(got.values + i, s->want.values + i));
    fani_mpzs_free(&got);
    return status;
}

/* ---- The same gcds --------------------------------------------------------------------------- */

static void check_ring(const char *kind, unsigned workers, size_t members, size_t count)
{
    scene s;
    fani_weak_ring_told told[8];
    fan_error error = {0};
    begin_scene(&s, kind, workers, count);
    EXPECT_I64(run_scene(&s, &(fani_weak_ring){.members = members}, told, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    uint64_t sent = 0, wanted = 0;
    for (size_t i = 0; i < members; i++) {
        sent += told[i].sent_bytes;
        wanted += told[i].limbs * 8 * (members - 1);
        EXPECT_U64(told[i].kept_bytes, 0);
    }
    EXPECT_U64(sent, wanted); /* each product is passed on by all but the last one to have it */
    end_scene(&s);
}

FAN_TEST(weak_ring, gcds_are_those_of_one_core)
{
    static const size_t counts[] = {1, 2, 3, 5, 700, 3000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !shim_failed(); i++) {
        check_ring("serial", 1, 1, counts[i]);
        for (size_t members = 1; members <= 5 && members <= counts[i]; members++)
            check_ring("threads", 5, members, counts[i]);
    }
}

FAN_TEST(weak_ring, no_keys_take_no_ring)
{
    scene s;
    begin_scene(&s, "threads", 2, 0);
    EXPECT_I64(run_scene(&s, &(fani_weak_ring){.members = 2}, NULL, NULL), FAN_OK);
    end_scene(&s);
}

/* ---- Which way ------------------------------------------------------------------------------- */

static size_t members_of(const scene *s, const char *method, const char *timeout, size_t count)
{
    fan_job *job = NULL;
    EXPECT_I64(fan_job_new("weakkeys", &job, NULL), FAN_OK);
    if (method)
        EXPECT_I64(fan_job_set(job, "method", method, NULL), FAN_OK);
    if (timeout)
        EXPECT_I64(fan_job_set(job, "timeout", timeout, NULL), FAN_OK);
    const fani_job_run run = {.job = job, .executor = s->executor};
    size_t members = fani_weak_ring_members(&run, count);
    fan_error error = {0};
    bool refused = method && !strcmp(method, "ring") && timeout;
    EXPECT_I64(fani_weak_ring_check(job, &error), refused ? FAN_E_ARGUMENT : FAN_OK);
    fan_job_free(job);
    return members;
}

/* Over ranks it is asked for in tests/cli. */
FAN_TEST(weak_ring, threads_have_levels_unless_they_are_told)
{
    scene s;
    begin_scene(&s, "threads", 3, 2);
    EXPECT_U64(members_of(&s, NULL, NULL, 1000000), 0);
    EXPECT_U64(members_of(&s, "auto", NULL, 1000000), 0);
    EXPECT_U64(members_of(&s, "levels", NULL, 1000000), 0);
    EXPECT_U64(members_of(&s, "ring", NULL, 1000000), 3);
    EXPECT_U64(members_of(&s, "ring", NULL, 2), 2);
    EXPECT_U64(members_of(&s, "ring", NULL, 0), 0);
    EXPECT_U64(members_of(&s, "ring", "5", 1000), 3);
    EXPECT_U64(members_of(&s, "levels", "5", 1000), 0);
    end_scene(&s);
}

/* ---- Going on -------------------------------------------------------------------------------- */

static size_t files_in(const scene *s)
{
    size_t count = 0;
    DIR *all = opendir(s->folder);
    const struct dirent *entry;
    while (all && (entry = readdir(all)) != NULL)
        count += entry->d_name[0] != '.';
    if (all)
        closedir(all);
    return count;
}

static void read_state(const fani_weak_ring_store *store, size_t member,
                       fani_weak_ring_state *state)
{
    fan_buffer bytes = {0};
    fani_weak_ring_state_init(state);
    ASSERT_TRUE(fani_weak_ring_store_load(store, member, &bytes));
    EXPECT_I64(fani_weak_ring_state_read(state, bytes.bytes, bytes.size), FAN_OK);
    fan_buffer_clear(&bytes);
}

static void write_state(const fani_weak_ring_store *store, size_t member,
                        const fani_weak_ring_state *state)
{
    fan_buffer bytes = {0};
    EXPECT_I64(fani_weak_ring_state_write(state, &bytes), FAN_OK);
    EXPECT_I64(fani_weak_ring_store_save(store, member, bytes.bytes, bytes.size, NULL), FAN_OK);
    fan_buffer_clear(&bytes);
}

/* What identifies the files of a ring that has run: from the head of one. */
static uint64_t identity_of(const scene *s)
{
    char path[120];
    uint64_t head[4] = {0};
    snprintf(path, sizeof path, "%s.scan-r0", s->base);
    FILE *file = fopen(path, "rb");
    EXPECT_TRUE(file != NULL);
    if (file) {
        EXPECT_U64(fread(head, sizeof head, 1, file), 1);
        fclose(file);
    }
    return head[2];
}

enum { MEMBERS = 4, KEYS = 900 };

/* A ring that keeps each step leaves its fractions. */
FAN_TEST(weak_ring, files_are_private_and_cleared)
{
    scene s;
    struct stat info;
    char other[120], path[120];
    begin_scene(&s, "threads", MEMBERS, KEYS);
    const fani_weak_ring ring = {.members = MEMBERS, .base = s.base};
    EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
    EXPECT_STR(s.note, "");
    EXPECT_U64(files_in(&s), MEMBERS);
    snprintf(path, sizeof path, "%s.scan-r%d", s.base, MEMBERS - 1);
    ASSERT_I64(stat(path, &info), 0);
    EXPECT_U64(info.st_mode & 0777, 0600);
    snprintf(other, sizeof other, "%s.scan-rest", s.base);
    fclose(fopen(other, "w"));
    fani_weak_ring_store_clear(s.base);
    EXPECT_U64(files_in(&s), 1); /* another's */
    unlink(other);
    end_scene(&s);
}

static void expect_fractions(const scene *s, const fani_weak_ring_store *store)
{
    for (size_t i = 0; i < s->workers; i++) {
        fani_weak_ring_state state;
        read_state(store, i, &state);
        EXPECT_I64(state.stage, FANI_WEAK_RING_FRACTION);
        fani_weak_ring_state_clear(&state);
    }
}

/* Members with a fraction look for none: only who has nothing kept begins anew. */
FAN_TEST(weak_ring, members_go_on_from_where_they_were)
{
    scene s;
    begin_scene(&s, "threads", MEMBERS, KEYS);
    fani_weak_ring ring = {.members = MEMBERS, .base = s.base};
    EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
    const fani_weak_ring_store store = {.base = s.base, .identity = identity_of(&s)};
    expect_fractions(&s, &store);
    ring.resumes = true;
    fani_weak_ring_told told[MEMBERS];
    EXPECT_I64(run_scene(&s, &ring, told, NULL), FAN_OK);
    EXPECT_CONTAINS(s.note, "goes on with a ring of 4 after 3 of 3 steps");
    for (size_t i = 0; i < MEMBERS; i++)
        EXPECT_U64(told[i].cpu_ns[FANI_WEAK_RING_ROOT], 0);
    /* A file of one that is damaged: it begins anew, the others pass products on. */
    char path[120];
    snprintf(path, sizeof path, "%s.scan-r2", s.base);
    EXPECT_I64(truncate(path, 100), 0);
    EXPECT_I64(run_scene(&s, &ring, told, NULL), FAN_OK);
    EXPECT_CONTAINS(s.note, "after 0 of 3 steps");
    EXPECT_TRUE(told[2].cpu_ns[FANI_WEAK_RING_ROOT] > 0);
    EXPECT_U64(told[1].cpu_ns[FANI_WEAK_RING_ROOT], 0);
    expect_fractions(&s, &store);
    fani_weak_ring_store_clear(s.base);
    end_scene(&s);
}

/* Puts a member where it is after so many products. */
static void put_back(const scene *s, const fani_weak_ring_store *store, size_t member, size_t taken)
{
    size_t first[MEMBERS + 1];
    fani_ring_member all[MEMBERS];
    fani_weak_ring_state state;
    fani_weak_ring_state_init(&state);
    fani_ring_cut(s->keys.values, s->keys.count, MEMBERS, first);
    size_t widest = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        EXPECT_I64(fani_ring_begin(&all[i], fani_multiplier_best(), s->keys.values + first[i],
                                   first[i + 1] - first[i], NULL),
                   FAN_OK);
        if (mpz_size(all[i].product) > widest)
            widest = mpz_size(all[i].product);
    }
    fani_ring_widest(&all[member], widest);
    for (size_t step = 0; step < taken; step++)
        EXPECT_I64(
            fani_ring_take(&all[member], all[(member + MEMBERS - 1 - step) % MEMBERS].product),
            FAN_OK);
    state.stage = FANI_WEAK_RING_TAKES;
    state.taken = taken;
    mpz_set(state.value, all[member].sum);
    mpz_set(state.residue, all[member].residue);
    write_state(store, member, &state);
    fani_weak_ring_state_clear(&state);
    for (size_t i = 0; i < MEMBERS; i++)
        fani_ring_end(&all[i]);
}

FAN_TEST(weak_ring, members_go_on_from_different_steps)
{
    scene s;
    begin_scene(&s, "threads", MEMBERS, KEYS);
    fani_weak_ring ring = {.members = MEMBERS, .base = s.base};
    EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
    const fani_weak_ring_store store = {.base = s.base, .identity = identity_of(&s)};
    ring.resumes = true;
    ring.interval_ns = UINT64_C(120000000000);
    for (size_t round = 0; round < 6 && !shim_failed(); round++) {
        for (size_t i = 0; i < MEMBERS; i++)
            put_back(&s, &store, i, (round + i * round / 2) % MEMBERS);
        EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
        EXPECT_CONTAINS(s.note, "goes on with a ring of 4");
    }
    fani_weak_ring_store_clear(s.base);
    end_scene(&s);
}

/* Nothing of them is used, and it is said. */
FAN_TEST(weak_ring, files_of_other_keys_or_members_do_not_count)
{
    scene s;
    fani_weak_ring_told told[MEMBERS];
    begin_scene(&s, "threads", MEMBERS, KEYS);
    fani_weak_ring ring = {.members = MEMBERS, .base = s.base};
    EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
    ring.resumes = true;
    ring.members = 3;
    EXPECT_I64(run_scene(&s, &ring, told, NULL), FAN_OK);
    for (size_t i = 0; i < 3; i++)
        EXPECT_TRUE(told[i].cpu_ns[FANI_WEAK_RING_ROOT] > 0);
    ring.members = MEMBERS;
    mpz_mul_ui(s.keys.values + 13, s.keys.values + 13, 2147483647);
    fani_mpzs_free(&s.want);
    EXPECT_I64(fani_weak_gcds(fani_multiplier_best(), s.keys.values, KEYS, 0, &s.want, NULL),
               FAN_OK);
    EXPECT_I64(run_scene(&s, &ring, told, NULL), FAN_OK);
    EXPECT_TRUE(told[0].cpu_ns[FANI_WEAK_RING_ROOT] > 0);
    fani_weak_ring_store_clear(s.base);
    end_scene(&s);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

FAN_TEST(weak_ring, a_short_ring_keeps_nothing)
{
    scene s;
    begin_scene(&s, "threads", 2, 300);
    const fani_weak_ring ring = {
        .members = 2, .base = s.base, .interval_ns = UINT64_C(120000000000)};
    EXPECT_I64(run_scene(&s, &ring, NULL, NULL), FAN_OK);
    EXPECT_U64(files_in(&s), 0);
    end_scene(&s);
}

FAN_TEST(weak_ring, what_can_not_be_kept_ends_it)
{
    scene s;
    fan_error error = {0};
    for (unsigned members = 1; members <= 3; members += 2) {
        begin_scene(&s, "threads", members, KEYS);
        const fani_weak_ring ring = {.members = members, .base = "/proc/no/such/folder/out"};
        fani_weak_ring_told told[3];
        EXPECT_I64(run_scene(&s, &ring, told, &error), FAN_E_OUTPUT);
        for (size_t i = 0; i < members; i++)
            EXPECT_U64(told[i].cpu_ns[FANI_WEAK_RING_DOWN], 0);
        EXPECT_CONTAINS(error.file, "/proc/no/such/folder/out.scan-r0");
        end_scene(&s);
    }
}

/* It is asked about every 100 ms: with enough to do, while members work. */
FAN_TEST(weak_ring, a_stopped_ring_ends)
{
    scene s;
    fan_error error = {0};
    begin_scene(&s, "threads", 2, 1);
    for (size_t i = 0; i < 40000; i++) {
        mpz_t key;
        mpz_init_set_ui(key, 3);
        mpz_mul_2exp(key, key, 2000);
        mpz_add_ui(key, key, 2 * i + 1);
        EXPECT_I64(fani_mpzs_push(&s.keys, key), FAN_OK);
        mpz_clear(key);
    }
    s.stops_after = 0;
    EXPECT_I64(run_scene(&s, &(fani_weak_ring){.members = 2}, NULL, &error), FAN_E_CANCELLED);
    EXPECT_CONTAINS(error.text, "stopped");
    end_scene(&s);
}

/* ---- States ---------------------------------------------------------------------------------- */

FAN_TEST(weak_ring, bytes_that_are_no_state_are_refused)
{
    fani_weak_ring_state state, got;
    fan_buffer bytes = {0};
    fani_weak_ring_state_init(&state);
    state.stage = FANI_WEAK_RING_TAKES;
    state.taken = 7;
    mpz_ui_pow_ui(state.value, 3, 500);
    ASSERT_I64(fani_weak_ring_state_write(&state, &bytes), FAN_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        unsigned char *part = malloc(size + 1);
        memcpy(part, bytes.bytes, size);
        fani_weak_ring_state_init(&got);
        EXPECT_I64(fani_weak_ring_state_read(&got, part, size), size ? FAN_E_PROTOCOL : FAN_OK);
        EXPECT_I64(got.stage, FANI_WEAK_RING_NEW);
        fani_weak_ring_state_clear(&got);
        free(part);
    }
    fani_weak_ring_state_init(&got);
    EXPECT_I64(fani_weak_ring_state_read(&got, bytes.bytes, bytes.size), FAN_OK);
    EXPECT_I64(got.stage, FANI_WEAK_RING_TAKES);
    EXPECT_U64(got.taken, 7);
    EXPECT_TRUE(!mpz_cmp(got.value, state.value) && !mpz_sgn(got.residue));
    fani_weak_ring_state_clear(&got);
    bytes.bytes[5 * 8] = 9; /* the stage, behind a count and four places */
    fani_weak_ring_state_init(&got);
    EXPECT_I64(fani_weak_ring_state_read(&got, bytes.bytes, bytes.size), FAN_E_PROTOCOL);
    fani_weak_ring_state_clear(&got);
    fani_weak_ring_state_clear(&state);
    fan_buffer_clear(&bytes);
}
