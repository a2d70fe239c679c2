/* Levels of a weak-key scan in files: places behind 2^31, calls of the system in pieces, errors,
 * and scans that have only so much memory. */
#include "shim.h"

#include "job/weak_engine.h"
#include "kernel/gcd/weak.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Files ----------------------------------------------------------------------------------- */

static char folder[64], path[96];

static void begin_folder(void)
{
    strcpy(folder, "/tmp/fanfold-weak-files-XXXXXX");
    ASSERT_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/level", folder);
}

/* It is empty in the end. */
static void end_folder(void)
{
    EXPECT_I64(rmdir(folder), 0);
}

static fani_kept_mark mark_of(uint64_t identity)
{
    return (fani_kept_mark){.magic = "FANTEST", .version = 1, .identity = identity};
}

static void fill(mp_limb_t *limbs, size_t count, mp_limb_t seed)
{
    for (size_t i = 0; i < count; i++)
        limbs[i] = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);
}

enum { INTEGERS = 9 };

static size_t size_of(size_t i)
{
    return 1 + i * 137;
}

/* Integers of 1, 138, ... limbs, in pieces of so many bytes. */
static void write_level(fani_weak_file *file, size_t piece)
{
    mp_limb_t limbs[2000];
    uint64_t place;
    ASSERT_I64(fani_weak_file_create(file, path, INTEGERS, NULL), FAN_OK);
    file->piece = piece;
    for (size_t i = 0; i < INTEGERS; i++) {
        fill(limbs, size_of(i), i);
        ASSERT_I64(fani_weak_file_add(file, size_of(i), &place), FAN_OK);
        EXPECT_I64(fani_weak_file_write(file, place, limbs, size_of(i) * 8, NULL), FAN_OK);
    }
    EXPECT_I64(fani_weak_file_add(file, 1, &place), FAN_E_ARGUMENT);
    EXPECT_I64(fani_weak_file_finish(file, NULL), FAN_OK);
}

static void check_level(const fani_weak_file *file)
{
    mp_limb_t want[2000], got[2000];
    for (size_t i = 0; i < INTEGERS; i++) {
        fill(want, size_of(i), i);
        EXPECT_I64(fani_weak_file_read(file, i, got, NULL), FAN_OK);
        EXPECT_TRUE(!memcmp(want, got, size_of(i) * 8));
    }
}

FAN_TEST(weak_file, integers_come_back_whatever_a_call_of_the_system_takes)
{
    static const size_t pieces[] = {0, 1, 7, 8, 1000, 4096};
    begin_folder();
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        fani_weak_file file;
        struct stat info;
        write_level(&file, pieces[i]);
        check_level(&file);
        EXPECT_I64(stat(path, &info), 0);
        EXPECT_U64(info.st_mode & 0777, 0600);
        fani_weak_file_close(&file);
    }
    end_folder();
}

FAN_TEST(weak_file, what_was_sealed_is_taken_up_and_nothing_else)
{
    fani_weak_file file, again = {0};
    const fani_kept_mark mark = mark_of(3), other = mark_of(4);
    begin_folder();
    write_level(&file, 0);
    EXPECT_TRUE(!fani_weak_file_open(&again, path, &mark, INTEGERS));
    EXPECT_I64(fani_weak_file_seal(&file, &mark, NULL, NULL), FAN_OK);
    fani_weak_file_close(&file);
    EXPECT_TRUE(!fani_weak_file_open(&again, path, &other, INTEGERS));
    EXPECT_TRUE(!fani_weak_file_open(&again, path, &mark, INTEGERS + 1));
    ASSERT_TRUE(fani_weak_file_open(&again, path, &mark, INTEGERS));
    check_level(&again);
    fani_weak_file_close(&again);
    /* In memory it is the same file. */
    fan_buffer bytes = {0};
    fani_weak_packer packer;
    ASSERT_TRUE(fani_kept_file_load(path, &mark, &bytes));
    ASSERT_I64(fani_weak_packer_adopt(&packer, &bytes), FAN_OK);
    EXPECT_U64(packer.count, INTEGERS);
    fani_weak_packer_free(&packer);
    FILE *damaged = fopen(path, "r+e");
    ASSERT_TRUE(damaged != NULL);
    fseek(damaged, 3000, SEEK_SET);
    fputc('x', damaged);
    fclose(damaged);
    EXPECT_TRUE(!fani_weak_file_open(&again, path, &mark, INTEGERS));
    EXPECT_I64(unlink(path), 0);
    end_folder();
}

/* What another run has put at the name stays. */
FAN_TEST(weak_file, a_file_of_that_name_that_is_another_one_is_not_removed)
{
    fani_weak_file file, other;
    begin_folder();
    write_level(&file, 0);
    write_level(&other, 0);
    fani_weak_file_close(&file);
    EXPECT_I64(access(path, F_OK), 0);
    fani_weak_file_close(&other);
    EXPECT_I64(access(path, F_OK), -1);
    end_folder();
}

/* The first integer is a hole of 3 GiB: the second one's place does not fit into 32 bits. */
FAN_TEST(weak_file, places_behind_4_gib_are_reached)
{
    enum { LIMBS = 600 };
    fani_weak_file file;
    mp_limb_t want[LIMBS], got[LIMBS];
    uint64_t hole, place;
    begin_folder();
    ASSERT_I64(fani_weak_file_create(&file, path, 2, NULL), FAN_OK);
    ASSERT_I64(fani_weak_file_add(&file, (size_t)700 << 20, &hole), FAN_OK);
    ASSERT_I64(fani_weak_file_add(&file, LIMBS, &place), FAN_OK);
    EXPECT_TRUE(place > UINT64_C(1) << 32);
    fill(want, LIMBS, 5);
    EXPECT_I64(fani_weak_file_write(&file, place, want, sizeof want, NULL), FAN_OK);
    EXPECT_I64(fani_weak_file_finish(&file, NULL), FAN_OK);
    EXPECT_I64(fani_weak_file_read(&file, 1, got, NULL), FAN_OK);
    EXPECT_TRUE(!memcmp(want, got, sizeof want));
    fani_weak_file_close(&file);
    end_folder();
}

FAN_TEST(weak_file, errors_name_the_file)
{
    fani_weak_file file;
    fan_error error = {0};
    mp_limb_t limbs[2000];
    begin_folder();
    EXPECT_I64(fani_weak_file_create(&file, "/no/such/folder/level", 1, &error), FAN_E_OUTPUT);
    EXPECT_STR(error.file, "/no/such/folder/level");
    EXPECT_I64(error.errno_code, ENOENT);
    write_level(&file, 0);
    ASSERT_I64(truncate(path, 3000), 0);
    EXPECT_I64(fani_weak_file_read(&file, INTEGERS - 1, limbs, &error), FAN_E_INPUT);
    EXPECT_STR(error.file, path);
    fani_weak_file_close(&file);
    end_folder();
}

/* ---- Scans ----------------------------------------------------------------------------------- */

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

/* The least limit that a scan with levels in files keeps to. */
static fani_weak_memory tight(const fani_mpzs *keys, size_t block_keys, unsigned workers)
{
    fani_weak_memory memory = {.workers = workers,
                               .copies = 2,
                               .shares = 1,
                               .in_files = true,
                               .item_max = UINT64_MAX,
                               .reply_max = UINT64_MAX,
                               .limit = 1};
    fani_weak_way way = FANI_WEAK_IN_MEMORY;
    while (fani_weak_choose(&memory, keys, block_keys, &way, NULL) != FAN_OK)
        memory.limit += memory.limit / 64 + 1;
    EXPECT_I64(way, FANI_WEAK_IN_FILES);
    return memory;
}

/* As many items as have room and not one more, but always one. */
FAN_TEST(weak_need, items_on_their_way_fit_into_the_limit)
{
    fani_weak_memory memory = {.workers = 3, .copies = 2, .shares = 1, .base = 1000};
    fani_weak_item item = {.held = 50, .bytes = 400, .reply = 200, .work = 90000};
    EXPECT_TRUE(fani_weak_in_flight(&memory, &item) == SIZE_MAX);
    size_t most = 0;
    for (memory.limit = 1; memory.limit < UINT64_C(1) << 26; memory.limit += memory.limit / 9 + 1) {
        size_t count = fani_weak_in_flight(&memory, &item);
        EXPECT_TRUE(count >= 1 && count >= most);
        EXPECT_TRUE(count == 1 || fani_weak_need(&memory, &item, count) <= memory.limit);
        EXPECT_TRUE(count == 7 || fani_weak_need(&memory, &item, count + 1) > memory.limit);
        most = count;
    }
    EXPECT_U64(most, 7);
}

typedef struct scan {
    fani_mpzs keys, want;
    fan_job *job;
    fani_weak_store store;
    char base[96];
} scan;

static void begin_scan(scan *s, size_t count)
{
    *s = (scan){0};
    begin_folder();
    make_keys(&s->keys, count);
    ASSERT_I64(fan_job_new("weakkeys", &s->job, NULL), FAN_OK);
    ASSERT_I64(fani_weak_gcds(fani_multiplier_best(), s->keys.values, count, 0, &s->want, NULL),
               FAN_OK);
    snprintf(s->base, sizeof s->base, "%s/out", folder);
    s->store = (fani_weak_store){
        .base = s->base, .identity = fani_weak_engine_identity(&s->keys), .passes = true};
}

static void end_scan(scan *s)
{
    fan_job_free(s->job);
    fani_mpzs_free(&s->keys);
    fani_mpzs_free(&s->want);
    end_folder();
}

typedef struct how {
    const char *kind;
    unsigned workers;
    bool (*stop)(void *user);
    void *user;
    bool may_end; /* before it is stopped */
} how;

/* Runs it; the items that were done. */
static uint64_t run_scan(scan *s, const how *h, const fani_weak_memory *memory, fan_status expected,
                         fan_error *error)
{
    fan_executor *executor = NULL;
    fan_job_result result = {0};
    fani_mpzs gcds = {0};
    fan_executor_options options = {.kind = h->kind, .workers = h->workers};
    EXPECT_I64(fan_executor_open(&options, &executor, NULL), FAN_OK);
    fani_job_run run = {.job = s->job, .executor = executor, .result = &result};
    run.events = (fan_job_events){.stop = h->stop, .user = h->user};
    const fani_weak_circumstances circumstances = {.store = &s->store, .memory = memory};
    fan_status status = fani_weak_engine_run(&run, &s->keys, &circumstances, &gcds, error);
    EXPECT_TRUE(status == expected || (h->may_end && status == FAN_OK));
    if (status == FAN_OK)
        EXPECT_U64(gcds.count, s->keys.count);
    for (size_t i = 0; status == FAN_OK && i < gcds.count; i++)
        EXPECT_TRUE(!mpz_cmp(gcds.values + i, s->want.values + i));
    fani_mpzs_free(&gcds);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    return result.summary.batches;
}

static size_t block_keys_of(size_t count)
{
    size_t size = count / 64 + (count % 64 != 0);
    return size > 256 ? size : 256;
}

/* Items that carry what they work on, some levels shared in their place, all of them. */
FAN_TEST(weak_files, gcds_are_those_of_one_core)
{
    static const size_t counts[] = {1, 257, 513, 900, 1281, 1700, 2100};
    static const uint64_t travel[] = {UINT64_MAX, 30000, 0};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !shim_failed(); i++) {
        scan s;
        begin_scan(&s, counts[i]);
        for (size_t k = 0; k < sizeof travel / sizeof travel[0]; k++) {
            unsigned workers = 1 + (unsigned)(i + k) % 4;
            fani_weak_memory memory = tight(&s.keys, block_keys_of(counts[i]), workers);
            memory.item_max = travel[k];
            memory.limit *= 2;
            run_scan(&s, &(how){.kind = "serial", .workers = 1}, &memory, FAN_OK, NULL);
            run_scan(&s, &(how){.kind = "threads", .workers = workers}, &memory, FAN_OK, NULL);
        }
        end_scan(&s);
    }
}

static bool at_once(void *user)
{
    return --*(int *)user < 0;
}

/* Wherever it is stopped, no file is left. */
FAN_TEST(weak_files, a_stopped_scan_leaves_nothing)
{
    scan s;
    begin_scan(&s, 1700);
    fani_weak_memory memory = tight(&s.keys, 256, 1);
    for (int allowed = 0; allowed < 12 && !shim_failed(); allowed++) {
        int left = allowed;
        run_scan(&s, &(how){.kind = "serial", .workers = 1, .stop = at_once, .user = &left},
                 &memory, FAN_E_CANCELLED, NULL);
        EXPECT_I64(rmdir(folder), 0);
        EXPECT_I64(mkdir(folder, 0700), 0);
    }
    end_scan(&s);
}

/* What is kept is the levels' own files, and either way goes on from what the other one has kept.
 */
FAN_TEST(weak_files, a_scan_goes_on_from_its_last_level)
{
    static const fani_weak_memory no_limit = {.workers = 1, .reply_max = UINT64_MAX};
    scan s;
    begin_scan(&s, 1100);
    fani_weak_memory limited = tight(&s.keys, 256, 1);
    how free_run = {.kind = "serial", .workers = 1};
    uint64_t all = run_scan(&s, &free_run, &limited, FAN_OK, NULL), least = all;
    s.store.passes = false;
    for (int allowed = 2, left = -1; left < 0 && !shim_failed(); allowed += 3) {
        left = allowed;
        how stopped = {
            .kind = "serial", .workers = 1, .stop = at_once, .user = &left, .may_end = true};
        s.store.resumes = false;
        run_scan(&s, &stopped, allowed % 2 ? &limited : &no_limit, FAN_E_CANCELLED, NULL);
        s.store.resumes = true;
        uint64_t rest =
            left < 0 ? run_scan(&s, &free_run, allowed % 3 ? &limited : &no_limit, FAN_OK, NULL)
                     : all;
        least = rest < least ? rest : least;
        fani_weak_engine_clear(&s.store);
    }
    EXPECT_TRUE(least < all / 2);
    end_scan(&s);
}

FAN_TEST(weak_files, too_little_memory_is_said_before_work_begins)
{
    scan s;
    fan_error error = {0};
    begin_scan(&s, 900);
    fani_weak_memory memory = tight(&s.keys, 256, 1);
    memory.limit /= 2;
    how h = {.kind = "serial", .workers = 1};
    EXPECT_U64(run_scan(&s, &h, &memory, FAN_E_ARGUMENT, &error), 0);
    EXPECT_CONTAINS(error.text, "900 keys need ");
    end_scan(&s);
}

FAN_TEST(weak_files, numbers_that_no_reply_has_room_for_are_refused)
{
    scan s;
    fan_error error = {0};
    begin_scan(&s, 900);
    fani_weak_memory memory = {.workers = 1, .reply_max = 4000};
    how h = {.kind = "serial", .workers = 1};
    EXPECT_U64(run_scan(&s, &h, &memory, FAN_E_TOO_LARGE, &error), 0);
    EXPECT_CONTAINS(error.text, "900 keys are too many for one scan");
    memory.reply_max = 40000;
    run_scan(&s, &h, &memory, FAN_OK, NULL);
    end_scan(&s);
}

/* No file may be longer: as where the disk is full. */
FAN_TEST(weak_files, a_full_disk_ends_the_scan)
{
    scan s;
    fan_error error = {0};
    struct rlimit before, small;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    begin_scan(&s, 1700);
    how h = {.kind = "threads", .workers = 2};
    fani_weak_memory memory = tight(&s.keys, 256, 1);
    /* An OpenMP library may make a file in shared memory when it starts: before the limit. */
    run_scan(&s, &h, &memory, FAN_OK, NULL);
    ASSERT_I64(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t limit = 10; limit < 40000 && !shim_failed(); limit *= 7) {
        small = (struct rlimit){.rlim_cur = limit, .rlim_max = before.rlim_max};
        ASSERT_I64(setrlimit(RLIMIT_FSIZE, &small), 0);
        run_scan(&s, &h, &memory, FAN_E_OUTPUT, &error);
        ASSERT_I64(setrlimit(RLIMIT_FSIZE, &before), 0);
        EXPECT_I64(error.errno_code, EFBIG);
        EXPECT_CONTAINS(error.file, s.base);
    }
    (void)signal(SIGXFSZ, handler);
    end_scan(&s);
}
