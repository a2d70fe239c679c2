/* What comes in any order is taken in its own, from memory and from a file. */
#include "stage/reorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

/* ---- A file in memory ------------------------------------------------------------------------ */

typedef struct file {
    int fd;
    int opened;
    bool fails; /* there is none */
    fani_spill *spill;
    fani_reorder_saved told[64];
    size_t told_count;
} file;

static fan_status open_file(void *user, int *fd, fan_error *error)
{
    file *f = user;
    f->opened++;
    if (error && f->fails)
        snprintf(error->text, sizeof error->text, "no file");
    *fd = f->fd;
    return f->fails ? FAN_E_OUTPUT : FAN_OK;
}

static void make_file(file *f)
{
    *f = (file){.fd = memfd_create("waiting", MFD_CLOEXEC)};
    EXPECT_TRUE(f->fd >= 0);
    f->spill = fani_spill_new(open_file, f, "waiting");
    EXPECT_TRUE(f->spill != NULL);
}

static void end_file(file *f)
{
    fani_spill_free(f->spill);
    close(f->fd);
}

static off_t size_of(const file *f)
{
    struct stat info;
    EXPECT_I64(fstat(f->fd, &info), 0);
    return info.st_size;
}

static fan_status tell(void *user, const fani_reorder_saved *saved, fan_error *error)
{
    file *f = user;
    (void)error;
    if (f->told_count < sizeof f->told / sizeof *f->told)
        f->told[f->told_count] = *saved;
    f->told_count++;
    return FAN_OK;
}

/* ---- Records ----------------------------------------------------------------------------------
 */

/* "7;8;9;" for three indices from 7 on. */
static fan_buffer text_of(uint64_t first, uint64_t count)
{
    fan_buffer b = {.bytes = malloc((size_t)24 * count + 1)};
    for (uint64_t i = 0; i < count; i++)
        b.size += (size_t)sprintf((char *)b.bytes + b.size, "%llu;", (unsigned long long)first + i);
    return b;
}

static void put(fani_reorder *r, uint64_t first, uint64_t count)
{
    fan_error error = {0};
    fan_buffer bytes = text_of(first, count);
    EXPECT_I64(fani_reorder_put(r, first, count, &bytes, &error), FAN_OK);
    EXPECT_TRUE(bytes.bytes == NULL);
    EXPECT_STR(error.text, "");
}

/* Takes what is ready and checks it; how many indices. */
static uint64_t take_all(fani_reorder *r, uint64_t limit)
{
    fani_reorder_record record;
    uint64_t taken = 0, next = fani_reorder_next(r);
    for (;;) {
        fan_error error = {0};
        EXPECT_I64(fani_reorder_take(r, limit, &record, &error), FAN_OK);
        EXPECT_STR(error.text, "");
        if (!record.count)
            return taken;
        EXPECT_TRUE(record.first >= next && record.first + record.count <= limit);
        next = record.first + record.count;
        fan_buffer expected = text_of(record.first, record.count);
        EXPECT_U64(record.size, expected.size);
        EXPECT_TRUE(record.size == expected.size &&
                    !memcmp(record.bytes, expected.bytes, record.size));
        free(expected.bytes);
        taken += record.count;
    }
}

FAN_TEST(reorder, what_comes_in_any_order_is_taken_in_its_own)
{
    enum { COUNT = 5000 };
    uint64_t firsts[COUNT], taken = 0, random = 12345;
    fani_reorder *r = fani_reorder_new(&(fani_reorder_options){.next = 10});
    for (uint64_t i = 0; i < COUNT; i++)
        firsts[i] = 10 + 3 * i;
    for (size_t i = COUNT - 1; i; i--) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        size_t other = (size_t)(random >> 33) % (i + 1);
        uint64_t kept = firsts[i];
        firsts[i] = firsts[other];
        firsts[other] = kept;
    }
    for (size_t i = 0; i < COUNT; i++) {
        put(r, firsts[i], 3);
        if (i % 7 == 0)
            taken += take_all(r, UINT64_MAX);
        EXPECT_U64(fani_reorder_waiting(r), 3 * (i + 1) - taken);
    }
    taken += take_all(r, UINT64_MAX);
    EXPECT_U64(taken, 3 * COUNT);
    EXPECT_U64(fani_reorder_next(r), 10 + 3 * COUNT);
    EXPECT_U64(fani_reorder_waiting(r), 0);
    fani_reorder_free(r);
}

FAN_TEST(reorder, what_does_not_come_is_gone_over)
{
    fani_reorder *r = fani_reorder_new(&(fani_reorder_options){0});
    EXPECT_I64(fani_reorder_skip(r, 0, 2, NULL), FAN_OK);
    EXPECT_U64(fani_reorder_next(r), 2);
    put(r, 5, 1);
    EXPECT_I64(fani_reorder_skip(r, 3, 2, NULL), FAN_OK);
    EXPECT_I64(fani_reorder_skip(r, 6, 10, NULL), FAN_OK);
    put(r, 16, 2);
    EXPECT_U64(take_all(r, UINT64_MAX), 0);
    fani_reorder_pass(r, 1); /* number 2 went by */
    EXPECT_U64(fani_reorder_next(r), 5);
    EXPECT_U64(take_all(r, 17), 1); /* the last one goes beyond */
    EXPECT_U64(fani_reorder_next(r), 16);
    EXPECT_U64(take_all(r, 18), 2);
    fan_buffer late = text_of(3, 1);
    fan_error error = {0};
    EXPECT_I64(fani_reorder_put(r, 3, 1, &late, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "index 3 comes after index 18");
    fani_reorder_free(r);
}

FAN_TEST(reorder, what_is_too_much_for_the_memory_waits_in_the_file)
{
    file f;
    make_file(&f);
    fani_reorder *r =
        fani_reorder_new(&(fani_reorder_options){.spill = f.spill, .memory_bytes = 10000});
    for (uint64_t i = 2000; i > 1; i -= 2)
        put(r, i - 1, 2);
    EXPECT_I64(f.opened, 1);
    EXPECT_TRUE(size_of(&f) > 5000);
    EXPECT_TRUE((uint64_t)size_of(&f) == fani_spill_used(f.spill));
    EXPECT_U64(fani_reorder_waiting(r), 2000);
    EXPECT_U64(take_all(r, UINT64_MAX), 0);
    put(r, 0, 1);
    EXPECT_U64(take_all(r, UINT64_MAX), 2001);
    EXPECT_U64(fani_spill_used(f.spill), 0);
    EXPECT_TRUE(fani_spill_mark(f.spill));
    EXPECT_I64(fani_spill_settle(f.spill, NULL), FAN_OK);
    EXPECT_I64(size_of(&f), 0);
    fani_reorder_free(r);
    end_file(&f);
}

FAN_TEST(reorder, without_a_file_it_is_full_when_the_memory_is)
{
    file f;
    make_file(&f);
    f.fails = true;
    fani_reorder *r =
        fani_reorder_new(&(fani_reorder_options){.spill = f.spill, .memory_bytes = 10000});
    uint64_t i = 1;
    for (; !fani_reorder_full(r) && i < 1000; i++)
        put(r, i, 1);
    EXPECT_TRUE(i > 100 && i < 200); /* some bytes and 64 each */
    put(r, i, 1);                    /* what was begun still has room */
    put(r, 0, 1);
    EXPECT_U64(take_all(r, UINT64_MAX), i + 1);
    EXPECT_TRUE(!fani_reorder_full(r));
    fani_reorder_free(r);
    end_file(&f);
}

FAN_TEST(reorder, is_full_by_bytes_and_by_records)
{
    file f;
    make_file(&f);
    fani_reorder *r = fani_reorder_new(&(fani_reorder_options){
        .spill = f.spill, .memory_bytes = 1, .bytes_max = 100, .records_max = 4});
    put(r, 10, 20);
    EXPECT_TRUE(!fani_reorder_full(r));
    put(r, 30, 20);
    EXPECT_TRUE(fani_reorder_full(r));
    fani_reorder_free(r);
    r = fani_reorder_new(
        &(fani_reorder_options){.spill = f.spill, .memory_bytes = 1, .records_max = 4});
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_TRUE(!fani_reorder_full(r));
        put(r, 10 + 2 * i, 1);
    }
    EXPECT_TRUE(fani_reorder_full(r));
    fani_reorder_free(r);
    end_file(&f);
}

/* ---- For a journal -----------------------------------------------------------------------------
 */

static fani_reorder *make_kept(file *f, uint64_t next)
{
    return fani_reorder_new(
        &(fani_reorder_options){.next = next, .spill = f->spill, .must_spill = true});
}

FAN_TEST(reorder, what_was_saved_is_told_once_and_taken_up_by_another)
{
    file f;
    make_file(&f);
    fani_reorder *r = make_kept(&f, 0);
    put(r, 5, 2);
    put(r, 9, 1);
    put(r, 7, 2); /* neighbours become one */
    put(r, 20, 3);
    EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
    EXPECT_U64(f.told_count, 2);
    EXPECT_U64(f.told[0].first, 5);
    EXPECT_U64(f.told[0].count, 5);
    put(r, 12, 1);
    EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
    EXPECT_U64(f.told_count, 3);
    EXPECT_U64(f.told[2].first, 12);
    fani_reorder_free(r);
    fani_spill_free(f.spill);

    f.spill = fani_spill_new(open_file, &f, "waiting");
    fani_spill_go_on(f.spill, f.fd, (uint64_t)size_of(&f));
    r = make_kept(&f, 4);
    EXPECT_I64(pwrite(f.fd, "x", 1, (off_t)f.told[1].place), 1);
    EXPECT_TRUE(fani_reorder_adopt(r, &f.told[2]));
    EXPECT_TRUE(!fani_reorder_adopt(r, &f.told[1])); /* not what it was */
    EXPECT_TRUE(fani_reorder_adopt(r, &f.told[0]));
    EXPECT_TRUE(!fani_reorder_adopt(r, &f.told[0])); /* it is there */
    fani_reorder_saved beyond = f.told[0];
    beyond.first = 100;
    beyond.place = 1 << 20;
    EXPECT_TRUE(!fani_reorder_adopt(r, &beyond));
    EXPECT_U64(fani_reorder_waiting(r), 6);
    fani_reorder_pass(r, 1);
    EXPECT_U64(take_all(r, UINT64_MAX), 5);
    put(r, 10, 2);
    EXPECT_U64(take_all(r, UINT64_MAX), 3);
    EXPECT_U64(fani_reorder_next(r), 13);
    EXPECT_I64(f.opened, 1); /* by the first one */
    fani_reorder_free(r);
    end_file(&f);
}

FAN_TEST(reorder, a_file_that_was_changed_is_an_error)
{
    file f;
    fani_reorder_record record;
    make_file(&f);
    fani_reorder *r = make_kept(&f, 0);
    put(r, 1, 2);
    EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
    EXPECT_I64(pwrite(f.fd, "x", 1, 0), 1);
    fani_reorder_pass(r, 1);
    fan_error error = {0};
    EXPECT_I64(fani_reorder_take(r, UINT64_MAX, &record, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "changed by somebody else");
    EXPECT_I64(ftruncate(f.fd, 1), 0);
    EXPECT_I64(fani_reorder_take(r, UINT64_MAX, &record, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "too short");
    fani_reorder_free(r);
    end_file(&f);
}

FAN_TEST(reorder, errors_of_a_file_that_must_be_are_answered)
{
    file f;
    make_file(&f);
    f.fails = true;
    fani_reorder *r = make_kept(&f, 0);
    put(r, 1, 2);
    fan_error error = {0};
    EXPECT_I64(fani_reorder_save(r, tell, &f, &error), FAN_E_OUTPUT);
    EXPECT_STR(error.text, "no file");
    f.fails = false;
    EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
    EXPECT_U64(f.told_count, 1);
    put(r, 0, 1);
    EXPECT_U64(take_all(r, UINT64_MAX), 3);
    fani_reorder_free(r);
    end_file(&f);
}

FAN_TEST(reorder, a_place_is_used_again_after_it_was_settled)
{
    file f;
    make_file(&f);
    fani_reorder *r = make_kept(&f, 0);
    off_t largest = 0;
    put(r, 1, 100);
    EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
    off_t one = size_of(&f);
    for (uint64_t i = 0; i < 50; i++) { /* something always waits */
        fani_reorder_pass(r, 1);
        put(r, 102 + 101 * i, 100);
        EXPECT_I64(fani_reorder_save(r, tell, &f, NULL), FAN_OK);
        EXPECT_U64(take_all(r, UINT64_MAX), 100);
        EXPECT_I64(fani_spill_settle(f.spill, NULL), FAN_OK);
        EXPECT_TRUE(fani_spill_mark(f.spill));
        largest = size_of(&f) > largest ? size_of(&f) : largest;
    }
    EXPECT_TRUE(largest > 2 * one && largest < 10 * one); /* of 50, which grow by their digits */
    EXPECT_U64(f.told_count, 51);
    fani_reorder_free(r);
    end_file(&f);
}
