/* Where the keys of a weakkeys job come from: forms of files mixed, compressed, in folders. */
#include "weakkeys_kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "we");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
        shim_fail(__FILE__, __LINE__, "%s can't be written", path);
}

/* A text as two gzip members. */
static void write_gzip(const char *path, const char *text)
{
    for (int half = 0; half < 2; half++) {
        gzFile file = gzopen(path, half ? "ab" : "wb");
        unsigned size = (unsigned)strlen(text) / 2;
        const char *from = half ? text + size : text;
        size = half ? (unsigned)strlen(from) : size;
        EXPECT_I64(gzwrite(file, from, size), size);
        EXPECT_I64(gzclose(file), Z_OK);
    }
}

static size_t write_zstd(const char *path, const char *text, size_t cut)
{
    char packed[4096];
    size_t size = ZSTD_compress(packed, sizeof packed, text, strlen(text), 3);
    EXPECT_TRUE(!ZSTD_isError(size));
    write_bytes(path, packed, size - cut);
    return size;
}

static const char pair[] = "{\"id\":\"json\",\"modulus\":\"f\"}\n"
                           "dns. DNSKEY 256 3 8 AQMV\n";
static const char pair_rows[] = "\tjson\t4\tshared\t3\t3,5\t-\tdns.+008+";

FAN_TEST(job_weakkeys_input, compressed_files_are_read_as_what_they_hold)
{
    char gzip[128], zstd[128];
    snprintf(gzip, sizeof gzip, "%s", weak_file("keys.gz", ""));
    snprintf(zstd, sizeof zstd, "%s", weak_file("keys.zst", ""));
    write_gzip(gzip, pair);
    write_zstd(zstd, pair, 0);
    const char *const paths[] = {gzip, zstd};
    for (size_t i = 0; i < 2; i++) {
        weak_outcome o = {0};
        weak_run(&o, "serial", WEAK_SETTINGS("format=tsv"), WEAK_FILES(paths[i]));
        EXPECT_I64(o.result.exit_code, 0);
        EXPECT_STR(o.reports, "");
        EXPECT_CONTAINS(o.output, pair_rows);
        EXPECT_CONTAINS(o.output, "\tdns.+008+");
        free(o.output);
    }
    weak_clear();
}

FAN_TEST(job_weakkeys_input, damaged_compressed_files_are_listed_and_the_rest_is_done)
{
    char damaged[128], sound[128], numbers[4000] = "f\n15\n";
    snprintf(sound, sizeof sound, "%s", weak_file("sound", pair));
    snprintf(damaged, sizeof damaged, "%s", weak_file("damaged", ""));
    size_t size = write_zstd(damaged, pair, 0);
    for (size_t cut = 1; cut + 4 < size; cut += 9) {
        write_zstd(damaged, pair, cut);
        weak_outcome o = {0};
        weak_run(&o, "serial", WEAK_SETTINGS("format=tsv"), WEAK_FILES(damaged, sound));
        EXPECT_I64(o.status, FAN_OK);
        EXPECT_CONTAINS(o.reports,
                        "damaged:0: can't be unpacked: its compressed data ends too early");
        EXPECT_CONTAINS(o.note, ", 1 unreadable");
        EXPECT_CONTAINS(o.output, "/sound\t1\tjson\t4\tshared");
        free(o.output);
        weak_run(&o, "serial", WEAK_SETTINGS("strict=true"), WEAK_FILES(damaged, sound));
        EXPECT_I64(o.result.exit_code, 2);
        EXPECT_STR(o.output, "");
        free(o.output);
    }
    /* A number that is cut off is none: half of 15 would be 1. */
    write_bytes(damaged, numbers, 5);
    write_gzip(damaged, numbers);
    EXPECT_I64(truncate(damaged, 24 + 3), 0);
    weak_outcome o = {0};
    weak_run(&o, "serial", NULL, WEAK_FILES(damaged));
    EXPECT_CONTAINS(o.reports, "can't be unpacked");
    EXPECT_TRUE(!strstr(o.reports, "invalid"));
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys_input, folders_are_gone_through_in_the_order_of_names)
{
    char below[128], path[192], dot[192];
    weak_file("b", "15\n");
    weak_file("c.csv", "id,modulus\nthe table,f\n");
    snprintf(below, sizeof below, "%s/a", weak_folder);
    ASSERT_I64(mkdir(below, 0700), 0);
    snprintf(path, sizeof path, "%s/z", below);
    write_bytes(path, "23\n", 3);
    snprintf(path, sizeof path, "%s/loop", below);
    ASSERT_I64(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/again", below);
    ASSERT_I64(symlink("../b", path), 0); /* comes first, and is the same file as ../b */
    snprintf(path, sizeof path, "%s/pipe", below);
    ASSERT_I64(mkfifo(path, 0600), 0);
    snprintf(dot, sizeof dot, "%s/nowhere", weak_folder);
    ASSERT_I64(symlink("missing", dot), 0);
    weak_outcome o = {0};
    weak_run(&o, "threads", NULL, WEAK_FILES(weak_folder));
    weak_expect(o.output,
                "@/a/again:1: shared 5 bits, gcd 0x15, factors 0x3 * 0x7, shares with 2 keys: "
                "@/a/z:1, @/c.csv:2\n"
                "@/a/z:1: shared 6 bits, gcd 0x23, factors 0x5 * 0x7, shares with 2 keys: "
                "@/a/again:1, @/c.csv:2\n"
                "@/c.csv:2: shared (the table) 4 bits, gcd 0xf, factors 0x3 * 0x5, shares with 2 "
                "keys: @/a/again:1, @/a/z:1\n");
    EXPECT_CONTAINS(o.reports, "/nowhere");
    EXPECT_I64(o.first_errno, ENOENT);
    EXPECT_I64(o.result.exit_code, 2); /* for the link that leads nowhere */
    free(o.output);
    weak_clear();
}

FAN_TEST(job_weakkeys_input, an_empty_folder_and_one_that_is_not_readable)
{
    char below[128];
    weak_file("keys", "f\n15\n");
    snprintf(below, sizeof below, "%s/empty", weak_folder);
    ASSERT_I64(mkdir(below, 0700), 0);
    weak_outcome o = {0};
    weak_run(&o, "serial", NULL, WEAK_FILES(below));
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_STR(o.output, "");
    free(o.output);
    if (geteuid() != 0) {
        ASSERT_I64(chmod(below, 0), 0);
        weak_run(&o, "serial", NULL, WEAK_FILES(weak_folder));
        EXPECT_I64(o.result.exit_code, 2);
        EXPECT_I64(o.first_errno, EACCES);
        EXPECT_CONTAINS(o.output, "/keys:2: shared");
        free(o.output);
    }
    weak_clear();
}
