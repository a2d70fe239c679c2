/* The end of the sieve over an executor: its linear algebra goes on from what it has kept. */
#include "job/sieve.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "job/kept_file.h"
#include "journal_kit.h"
#include "kernel/qs/algebra_internal.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"
#include "sieve_kit.h"

static const char *algebra_of(const kit_known *k)
{
    static char path[512];
    snprintf(path, sizeof path, "%s.algebra", k->folder.path);
    return path;
}

/* Keeps the algebra at each of its looks, or only when it is stopped. */
static fan_status sieve_keeping(kit_known *k, bool each)
{
    return kit_sieve(k, (fani_sieve_options){.state = k->folder.path,
                                             .algebra_ns = each ? 1 : UINT64_C(1) << 40});
}

static fani_kept_mark algebra_mark(const kit_known *k)
{
    return (fani_kept_mark){
        .magic = "FANALGE", .version = FANI_QS_VERSION, .identity = fani_key_of(k->n)};
}

static fani_gf2_kept algebra_head(const kit_known *k)
{
    const fani_kept_mark mark = algebra_mark(k);
    fan_buffer bytes = {0};
    fani_gf2_kept head = {0};
    EXPECT_TRUE(fani_kept_file_load(algebra_of(k), &mark, &bytes));
    if (bytes.size >= sizeof head)
        memcpy(&head, bytes.bytes, sizeof head);
    fan_buffer_clear(&bytes);
    return head;
}

/* A number whose algebra is one of Lanczos, with all of its relations in the state. */
static void algebra_begin(kit_known *k)
{
    const fani_effort effort = {0};
    kit_known_begin(k, "threads", 2);
    kit_semiprime(58, 1, k->n);
    EXPECT_I64(fani_qs_split(k->n, &effort, fani_isa_wanted(), k->divisor), FAN_OK);
    kit_expect_found(k, sieve_keeping(k, true));
}

/* The number of the start, of which only who goes on from the file can know, stays in it. */
FAN_TEST(sieve_over, the_algebra_goes_on_from_its_file)
{
    kit_known k;
    struct stat info;
    fan_buffer bytes = {0};
    algebra_begin(&k);
    const fani_kept_mark mark = algebra_mark(&k);
    EXPECT_I64(stat(algebra_of(&k), &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0600);
    fani_gf2_kept head = algebra_head(&k);
    EXPECT_U64(head.attempt, 0);
    EXPECT_TRUE(head.steps >= 16);
    head.attempt = 3;
    ASSERT_TRUE(fani_kept_file_load(algebra_of(&k), &mark, &bytes));
    memcpy(bytes.bytes, &head, sizeof head);
    EXPECT_I64(fani_kept_file_save(algebra_of(&k), &mark, bytes.bytes, bytes.size, NULL, NULL),
               FAN_OK);
    kit_expect_found(&k, sieve_keeping(&k, true));
    EXPECT_U64(algebra_head(&k).attempt, 3);
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    EXPECT_I64(stat(algebra_of(&k), &info), -1);
    EXPECT_I64(stat(k.folder.path, &info), -1);
    fan_buffer_clear(&bytes);
    kit_known_end(&k);
}

static void flip(const char *path, off_t place)
{
    FILE *file = fopen(path, "r+");
    ASSERT_TRUE(file && fseeko(file, place, SEEK_SET) == 0);
    int byte = fgetc(file);
    EXPECT_I64(fseeko(file, place, SEEK_SET), 0);
    EXPECT_TRUE(fputc(byte ^ 0x10, file) != EOF);
    EXPECT_I64(fclose(file), 0);
}

/* Damaged anywhere, cut off, of another number, a folder: as if it were not there. */
FAN_TEST(sieve_over, a_file_of_the_algebra_that_is_not_right_is_passed_over)
{
    kit_known k;
    fan_buffer bytes = {0};
    algebra_begin(&k);
    fani_kept_mark mark = algebra_mark(&k);
    off_t size = kit_size_of(algebra_of(&k));
    ASSERT_TRUE(fani_kept_file_load(algebra_of(&k), &mark, &bytes));
    const off_t places[] = {0, 8, 16, 24, 32, 40, 48, size / 2, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fan_buffer again = {0};
        EXPECT_I64(fani_kept_file_save(algebra_of(&k), &mark, bytes.bytes, bytes.size, NULL, NULL),
                   FAN_OK);
        flip(algebra_of(&k), places[i]);
        EXPECT_TRUE(!fani_kept_file_load(algebra_of(&k), &mark, &again));
        fan_buffer_clear(&again);
        if (i % 4 == 0)
            kit_expect_found(&k, sieve_keeping(&k, false));
    }
    EXPECT_I64(truncate(algebra_of(&k), size / 2), 0);
    kit_expect_found(&k, sieve_keeping(&k, false));
    EXPECT_I64(truncate(algebra_of(&k), 3), 0);
    kit_expect_found(&k, sieve_keeping(&k, false));
    mark.identity ^= 1;
    EXPECT_I64(fani_kept_file_save(algebra_of(&k), &mark, bytes.bytes, bytes.size, NULL, NULL),
               FAN_OK);
    kit_expect_found(&k, sieve_keeping(&k, false));
    kit_expect_found(&k, sieve_keeping(&k, true));
    EXPECT_U64(algebra_head(&k).attempt, 0);
    EXPECT_I64(unlink(algebra_of(&k)), 0);
    EXPECT_I64(mkdir(algebra_of(&k), 0700), 0);
    kit_expect_found(&k, sieve_keeping(&k, false));
    EXPECT_I64(sieve_keeping(&k, true), FAN_E_OUTPUT); /* can't be kept */
    EXPECT_CONTAINS(k.error.file, ".algebra");
    EXPECT_I64(rmdir(algebra_of(&k)), 0);
    fan_buffer_clear(&bytes);
    kit_known_end(&k);
}

typedef struct solving {
    bool began;
    unsigned looks, stop_at; /* looks since then; 0: never */
} solving;

/* So slow, as is_enough is, that none of the algebra's looks is left out. */
static void wait_for_look(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static void note_stage(void *user, const fani_sieve_progress *progress)
{
    solving *s = user;
    if (progress->stage != FANI_SIEVE_SOLVE || s->began)
        return;
    s->began = true;
    wait_for_look();
}

static bool is_enough(void *user)
{
    solving *s = user;
    if (!s->began)
        return false;
    wait_for_look();
    return ++s->looks == s->stop_at;
}

static fan_status solve_until(kit_known *k, unsigned stop_at, solving *s)
{
    *s = (solving){.stop_at = stop_at};
    return kit_sieve(k, (fani_sieve_options){.state = k->folder.path,
                                             .algebra_ns = UINT64_C(1) << 40,
                                             .progress = note_stage,
                                             .stop = is_enough,
                                             .user = s});
}

/* At the last look that is one of Lanczos what it has done is kept, and then nothing is left of
 * that but the end. */
FAN_TEST(sieve_over, stopped_in_the_algebra_it_goes_on)
{
    kit_known k;
    solving s;
    algebra_begin(&k);
    EXPECT_I64(unlink(algebra_of(&k)), 0);
    kit_expect_found(&k, solve_until(&k, 0, &s));
    unsigned all = s.looks, last = all;
    EXPECT_TRUE(access(algebra_of(&k), F_OK) != 0); /* it took less than the interval */
    do {
        EXPECT_I64(solve_until(&k, last--, &s), FAN_E_CANCELLED);
    } while (last > 0 && access(algebra_of(&k), F_OK) != 0);
    ASSERT_TRUE(last > 0);
    EXPECT_TRUE(algebra_head(&k).steps >= 16);
    kit_expect_found(&k, solve_until(&k, 0, &s));
    EXPECT_TRUE(s.looks < all); /* Lanczos has not begun with its first step */
    kit_known_end(&k);
}
