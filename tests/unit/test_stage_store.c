/* Replies as files: which files, what is in them, that they are whole or not there. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fanfold/stage.h"
#include "folder_kit.h"
#include "sanitized.h"
#include "shim.h"

enum { HANG_MS = 120000, TEXT = 20000 };

static fan_store *open_store(const folder *f, fan_store_options options)
{
    fan_store *store = NULL;
    fan_error error = {0};
    options.folder = f->path;
    fan_status status = fan_store_open(&options, &store, &error);
    SHIM_CHECK(status == FAN_OK, (void)0, "open: %s", error.text);
    return store;
}

static fan_status put_text(fan_store *store, uint64_t index, const char *text, fan_error *error)
{
    fan_sink sink = fan_store_sink(store);
    fan_outcome outcome = {.index = index,
                           .kind = FAN_OUTCOME_OK,
                           .bytes = (const unsigned char *)text,
                           .size = strlen(text),
                           .text = ""};
    return sink.put(sink.user, &outcome, 1, error);
}

/* The reply of an item: some are empty, some large. */
static void make_reply(uint64_t index, char text[static 64])
{
    text[0] = '\0';
    if (index % 7)
        snprintf(text, 64, "reply of item %d", (int)index);
}

static void put_many(fan_store *store, uint64_t count)
{
    char text[64];
    for (uint64_t i = 0; i < count; i++) {
        make_reply(i, text);
        EXPECT_I64(put_text(store, i, text, NULL), FAN_OK);
    }
}

/* Names and texts of all files, sorted: "name=text|...", unpacked. */
static void gather(const folder *f, char *text, size_t size)
{
    fan_files *files;
    fan_file file;
    size_t used = 0;
    text[0] = '\0';
    ASSERT_I64(fan_files_open(NULL, &files, NULL), FAN_OK);
    ASSERT_I64(fan_files_add(files, f->path), FAN_OK);
    while (fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file) == FAN_OK && used < size) {
        EXPECT_TRUE(file.error == NULL);
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s=%.*s", used ? "|" : "",
                             strrchr(file.name, '/') + 1, (int)file.size, (const char *)file.bytes);
    }
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

/* ---- A file for each item
 * ------------------------------------------------------------------------ */

FAN_TEST(stage_store, a_file_for_each_item)
{
    folder f = make_folder();
    char text[TEXT];
    fan_store_stats stats;
    fan_error error;
    fan_store *store =
        open_store(&f, (fan_store_options){.prefix = "r", .suffix = ".txt", .item_end = "\n"});
    EXPECT_I64(put_text(store, 3, "three", &error), FAN_OK);
    EXPECT_I64(put_text(store, 123456, "", &error), FAN_OK);
    EXPECT_I64(put_text(store, 0, "zero", &error), FAN_OK);
    EXPECT_I64(fan_store_finish(store, &error), FAN_OK);
    EXPECT_I64(fan_store_finish(store, &error), FAN_E_CLOSED);
    EXPECT_I64(put_text(store, 4, "late", &error), FAN_E_CLOSED);
    EXPECT_I64(fan_store_get_stats(store, &stats), FAN_OK);
    EXPECT_U64(stats.files, 3);
    EXPECT_U64(stats.items, 3);
    EXPECT_U64(stats.stored_bytes, 12);
    fan_store_free(store);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "r00000.txt=zero\n|r00003.txt=three\n|r123456.txt=\n");
    remove_folder(&f);
}

static fan_status name_it(void *user, const fan_outcome *outcome, char name[256], fan_error *error)
{
    (void)error;
    snprintf(name, 256, user, (int)outcome->index);
    return FAN_OK;
}

FAN_TEST(stage_store, names_stay_in_the_folder)
{
    static const char *const bad[] = {"../x%d", "/tmp/x%d", ".", "..", "", "a/b"};
    folder f = make_folder();
    char text[TEXT];
    fan_error error;
    fan_store *store = open_store(&f, (fan_store_options){.name = name_it, .name_user = "<%d>"});
    EXPECT_I64(put_text(store, 5, "five", &error), FAN_OK);
    EXPECT_I64(fan_store_finish(store, &error), FAN_OK);
    fan_store_free(store);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        store = open_store(
            &f, (fan_store_options){.name = name_it, .name_user = (void *)(uintptr_t)bad[i]});
        EXPECT_I64(put_text(store, 5, "five", &error), FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "item 5");
        EXPECT_I64(fan_store_finish(store, &error), FAN_E_ARGUMENT);
        fan_store_free(store);
    }
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "<5>=five");
    remove_folder(&f);
}

/* ---- Shards
 * -------------------------------------------------------------------------------------- */

/* What a manifest and its files say, by the order of the list. */
static void gather_listed(const folder *f, char *text, size_t size, uint64_t *files_seen)
{
    char path[PATH_SIZE];
    fan_files *files;
    fan_file file;
    size_t used = 0;
    text[0] = '\0';
    snprintf(path, sizeof path, "%s/LIST", f->path);
    ASSERT_I64(fan_files_open(NULL, &files, NULL), FAN_OK);
    ASSERT_I64(fan_files_add_manifest(files, path), FAN_OK);
    while (fan_files_next(files, fan_deadline_in_ms(HANG_MS), &file) == FAN_OK && used < size) {
        SHIM_CHECK(!file.error, break, "%s", file.error->text);
        used += (size_t)snprintf(text + used, size - used, "%.*s", (int)file.size,
                                 (const char *)file.bytes);
        ++*files_seen;
    }
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

static void make_shards(const folder *f, fan_store_options options, unsigned threads)
{
    enum { ITEMS = 500 };
    static char text[TEXT], expected[TEXT];
    char reply[64];
    size_t used = 0;
    uint64_t files = 0;
    fan_pool *pool;
    fan_error error;
    fan_store_stats stats;
    ASSERT_I64(fan_pool_open(&(fan_pool_options){.threads = threads}, &pool, NULL), FAN_OK);
    options.pool = pool;
    options.manifest = "LIST";
    options.item_end = ";";
    fan_store *store = open_store(f, options);
    put_many(store, ITEMS);
    EXPECT_I64(fan_store_finish(store, &error), FAN_OK);
    EXPECT_I64(fan_store_get_stats(store, &stats), FAN_OK);
    fan_store_free(store);
    EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    for (uint64_t i = 0; i < ITEMS; i++) {
        make_reply(i, reply);
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s;", reply);
    }
    gather_listed(f, text, sizeof text, &files);
    EXPECT_STR(text, expected);
    EXPECT_U64(stats.files, files);
    EXPECT_U64(stats.items, ITEMS);
    EXPECT_U64(stats.bytes, used);
    EXPECT_TRUE(options.packing == FAN_PACKING_NONE ? stats.stored_bytes == used
                                                    : stats.stored_bytes != used);
    if (options.shard_items)
        EXPECT_U64(files, (ITEMS + options.shard_items - 1) / options.shard_items);
}

/* All bytes of a file. */
static void slurp(const folder *f, const char *name, char *text, size_t size)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *file = fopen(path, "r");
    ASSERT_TRUE(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

FAN_TEST(stage_store, shards_with_a_manifest)
{
    static char first[TEXT], again[TEXT];
    for (fan_packing packing = FAN_PACKING_NONE; packing <= FAN_PACKING_ZSTD; packing++) {
        folder f = make_folder();
        const fan_store_options options = {
            .prefix = "part-", .shard_items = 170, .packing = packing, .behind_files = 3};
        make_shards(&f, options, 1);
        slurp(&f, "LIST", first, sizeof first);
        make_shards(&f, options, 4); /* in the place of the old ones, byte for byte */
        slurp(&f, "LIST", again, sizeof again);
        EXPECT_STR(first, again);
        EXPECT_CONTAINS(first, packing == FAN_PACKING_ZSTD   ? "\npart-00002.zst\t"
                               : packing == FAN_PACKING_GZIP ? "\npart-00002.gz\t"
                                                             : "\npart-00002\t");
        remove_folder(&f);
    }
    folder f = make_folder();
    make_shards(&f, (fan_store_options){.shard_bytes = 3000, .behind_files = 1, .behind_bytes = 1},
                2);
    make_shards(
        &f, (fan_store_options){.shard_items = 1000000, .packing = FAN_PACKING_GZIP, .level = 9},
        2);
    remove_folder(&f);
}

/* One of the stores that write to one folder. */
static void write_member(const folder *f, fan_store_options options, unsigned member, bool finish)
{
    char text[64];
    options.member = member;
    fan_store *store = open_store(f, options);
    for (uint64_t i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "item %d of %u", (int)i, member);
        EXPECT_I64(put_text(store, i, text, NULL), FAN_OK);
    }
    if (finish)
        EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    fan_store_free(store);
}

FAN_TEST(stage_store, several_stores_become_one)
{
    folder f = make_folder();
    char text[TEXT], again[TEXT], path[PATH_SIZE];
    fan_store_options options = {
        .folder = f.path, .prefix = "p-", .shard_items = 2, .manifest = "LIST", .members = 3};
    fan_error error = {0};
    for (unsigned i = 0; i < 3; i++)
        write_member(&f, options, i, i < 2);
    EXPECT_I64(fan_store_join(&options, &error), FAN_E_INPUT); /* one has not finished */
    EXPECT_CONTAINS(error.text, "LIST.00002");
    snprintf(path, sizeof path, "%s/LIST", f.path);
    EXPECT_TRUE(access(path, F_OK) != 0);
    write_member(&f, options, 2, true);
    EXPECT_I64(fan_store_join(&options, &error), FAN_OK);
    slurp(&f, "LIST", text, sizeof text);
    EXPECT_CONTAINS(text, "\np-00000-00000\t");
    EXPECT_CONTAINS(text, "\np-00002-00002\t");
    gather(&f, again, sizeof again);
    EXPECT_TRUE(!strstr(again, "LIST.0"));
    EXPECT_CONTAINS(again, "p-00001-00001=item 2 of 1item 3 of 1|p-00001-00002=item 4 of 1|");

    /* Who begins again takes the list away; a file that has changed is noticed. */
    write_member(&f, options, 0, true);
    EXPECT_TRUE(access(path, F_OK) != 0);
    write_member(&f, options, 1, true);
    write_member(&f, options, 2, true);
    snprintf(path, sizeof path, "%s/p-00001-00002", f.path);
    EXPECT_I64(truncate(path, 1), 0);
    EXPECT_I64(fan_store_join(&options, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "p-00001-00002 is not the file of");
    write_member(&f, options, 1, true);
    EXPECT_I64(fan_store_join(&options, NULL), FAN_OK);
    slurp(&f, "LIST", again, sizeof again);
    EXPECT_STR(text, again);
    write_member(&f, options, 0, true);
    write_member(&f, options, 1, true);
    snprintf(path, sizeof path, "%s/LIST.00002", f.path);
    FILE *list = fopen(path, "we");
    ASSERT_TRUE(list);
    EXPECT_TRUE(fputs("#fanfold manifest 1\n/dev/null\t0\n", list) >= 0);
    EXPECT_I64(fclose(list), 0);
    EXPECT_I64(fan_store_join(&options, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "/dev/null is not in the folder");
    options.members = 0;
    EXPECT_I64(fan_store_join(&options, NULL), FAN_E_ARGUMENT);
    remove_folder(&f);
}

FAN_TEST(stage_store, nothing_put_is_an_empty_manifest)
{
    folder f = make_folder();
    char text[TEXT];
    fan_store *store = open_store(&f, (fan_store_options){.shard_items = 5, .manifest = "LIST"});
    EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    fan_store_free(store);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "LIST=#fanfold manifest 1\n");
    remove_folder(&f);
}

static void expect_mode(const folder *f, const char *name, mode_t mode)
{
    char path[PATH_SIZE];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    ASSERT_I64(stat(path, &info), 0);
    EXPECT_I64(info.st_mode & 0777, mode);
}

FAN_TEST(stage_store, secrets_are_their_owner_s)
{
    folder outer = make_folder(), f = outer;
    strcat(f.path, "/made");
    fan_store *store = open_store(&f, (fan_store_options){.secret = true, .manifest = "LIST"});
    EXPECT_I64(put_text(store, 0, "key", NULL), FAN_OK);
    EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    fan_store_free(store);
    expect_mode(&f, "00000", 0600);
    expect_mode(&f, "LIST", 0600);
    expect_mode(&f, ".", 0700);
    remove_folder(&outer);
}

/* A reply of some MB through small bounds. */
FAN_TEST(stage_store, large_replies_pass_small_bounds)
{
    enum { SIZE = 3 << 20 };
    folder f = make_folder();
    char *big = malloc(SIZE + 1);
    ASSERT_TRUE(big);
    for (int i = 0; i < SIZE; i++)
        big[i] = (char)('a' + i % 23);
    big[SIZE] = '\0';
    fan_store *store = open_store(&f, (fan_store_options){.shard_items = 4,
                                                          .behind_bytes = 1000,
                                                          .manifest = "LIST",
                                                          .packing = FAN_PACKING_ZSTD,
                                                          .behind_files = 2});
    for (uint64_t i = 0; i < 5; i++)
        EXPECT_I64(put_text(store, i, big, NULL), FAN_OK);
    fan_store_stats stats;
    EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    EXPECT_I64(fan_store_get_stats(store, &stats), FAN_OK);
    EXPECT_U64(stats.bytes, UINT64_C(5) * SIZE);
    EXPECT_TRUE(stats.stored_bytes < SIZE / 10);
    fan_store_free(store);
    free(big);
    remove_folder(&f);
}

/* ---- What does not end well
 * ------------------------------------------------------------------------ */

FAN_TEST(stage_store, what_is_not_finished_is_not_there)
{
    folder f = make_folder();
    char text[TEXT];
    fan_store *store = open_store(&f, (fan_store_options){.shard_items = 1000000});
    put_many(store, 100);
    fan_store_free(store);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "");
    /* An old manifest does not outlive the files that it speaks of. */
    store = open_store(&f, (fan_store_options){.shard_items = 2, .manifest = "LIST"});
    EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    fan_store_free(store);
    fan_store_free(open_store(&f, (fan_store_options){.shard_items = 2, .manifest = "LIST"}));
    fan_store_free(NULL);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "");
    remove_folder(&f);
}

static void count_bad(void *user, const fan_outcome *outcome)
{
    (void)outcome;
    ++*(unsigned *)user;
}

FAN_TEST(stage_store, items_that_are_not_ok)
{
    folder f = make_folder();
    char text[TEXT];
    unsigned bad = 0;
    fan_error error;
    const fan_outcome failed = {.index = 7, .kind = FAN_OUTCOME_FAILED, .text = "no luck"};
    fan_store *store =
        open_store(&f, (fan_store_options){.bad = count_bad, .bad_user = &bad, .shard_items = 2});
    fan_sink sink = fan_store_sink(store);
    EXPECT_I64(put_text(store, 6, "six", &error), FAN_OK);
    EXPECT_I64(sink.put(sink.user, &failed, 1, &error), FAN_OK);
    EXPECT_I64(put_text(store, 8, "eight", &error), FAN_OK);
    EXPECT_I64(fan_store_finish(store, &error), FAN_OK);
    fan_store_free(store);
    EXPECT_U64(bad, 1);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "00000=sixeight");
    store = open_store(&f, (fan_store_options){.shard_items = 9});
    sink = fan_store_sink(store);
    EXPECT_I64(put_text(store, 6, "lost", &error), FAN_OK);
    EXPECT_I64(sink.put(sink.user, &failed, 1, &error), FAN_E_FAILED);
    EXPECT_STR(error.text, "item 7 failed: no luck");
    EXPECT_I64(fan_store_finish(store, &error), FAN_E_FAILED);
    fan_store_free(store);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "00000=sixeight"); /* the older file is as it was */
    remove_folder(&f);
}

FAN_TEST(stage_store, a_folder_that_goes_away_is_an_error_with_its_file)
{
    folder f = make_folder();
    fan_error error = {0};
    fan_store *store = open_store(&f, (fan_store_options){.prefix = "x"});
    remove_folder(&f);
    fan_status status = FAN_OK;
    for (uint64_t i = 0; i < 100 && status == FAN_OK; i++)
        status = put_text(store, i, "text", &error);
    if (status == FAN_OK)
        status = fan_store_finish(store, &error);
    EXPECT_I64(status, FAN_E_OUTPUT);
    EXPECT_CONTAINS(error.file, "/x0");
    EXPECT_TRUE(error.errno_code != 0);
    fan_store_free(store);
}

static void expect_refused(fan_store_options options, fan_status expected, const char *part)
{
    fan_store *store;
    fan_error error = {0};
    EXPECT_I64(fan_store_open(&options, &store, &error), expected);
    EXPECT_TRUE(store == NULL);
    EXPECT_CONTAINS(error.text, part);
}

FAN_TEST(stage_store, bad_options_are_refused)
{
    expect_refused((fan_store_options){0}, FAN_E_ARGUMENT, "folder");
    expect_refused((fan_store_options){.folder = "/dev/null"}, FAN_E_OUTPUT, "/dev/null");
    expect_refused((fan_store_options){.folder = "/nonexistent/x"}, FAN_E_OUTPUT, "/nonexistent");
    expect_refused((fan_store_options){.folder = "/tmp", .prefix = "../"}, FAN_E_ARGUMENT, "../");
    expect_refused((fan_store_options){.folder = "/tmp", .manifest = ".."}, FAN_E_ARGUMENT, "list");
    expect_refused((fan_store_options){.folder = "/tmp", .level = 3}, FAN_E_ARGUMENT,
                   "compression");
    expect_refused((fan_store_options){.folder = "/tmp", .packing = FAN_PACKING_GZIP, .level = 10},
                   FAN_E_ARGUMENT, "compression");
    expect_refused((fan_store_options){.folder = "/tmp", .name = name_it, .shard_items = 3},
                   FAN_E_ARGUMENT, "shards");
    expect_refused((fan_store_options){.folder = "/tmp", .members = 3, .member = 3}, FAN_E_ARGUMENT,
                   "member 3 of 3");
}

/* A reply that there is no memory for costs its file, which never appears without it. */
FAN_TEST(stage_store, a_reply_without_memory_is_not_published_empty)
{
    enum { ROUNDS = 50 };
    if (SANITIZED)
        SKIP("sanitizers end a program that asks for so much memory");
    folder f = make_folder();
    char text[TEXT];
    for (int i = 0; i < ROUNDS; i++) {
        fan_store *store = open_store(&f, (fan_store_options){0});
        fan_sink sink = fan_store_sink(store);
        fan_error error = {0};
        const fan_outcome huge = {.kind = FAN_OUTCOME_OK,
                                  .bytes = (const unsigned char *)text, /* never read */
                                  .size = SIZE_MAX / 2,
                                  .text = ""};
        EXPECT_I64(sink.put(sink.user, &huge, 1, &error), FAN_E_MEMORY);
        EXPECT_CONTAINS(error.text, "item 0");
        EXPECT_I64(fan_store_finish(store, &error), FAN_E_MEMORY);
        fan_store_free(store);
    }
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "");
    remove_folder(&f);
}

FAN_TEST(stage_store, names_that_look_like_comments_are_listed)
{
    folder f = make_folder();
    char text[TEXT];
    uint64_t files = 0;
    fan_store *store = open_store(
        &f, (fan_store_options){.name = name_it, .name_user = "#%d", .manifest = "LIST"});
    EXPECT_I64(put_text(store, 5, "five", NULL), FAN_OK);
    EXPECT_I64(fan_store_finish(store, NULL), FAN_OK);
    fan_store_free(store);
    gather_listed(&f, text, sizeof text, &files);
    EXPECT_STR(text, "five");
    EXPECT_U64(files, 1);
    remove_folder(&f);
}

FAN_TEST(stage_store, no_item_has_the_name_of_the_manifest)
{
    folder f = make_folder();
    char text[TEXT];
    fan_error error = {0};
    fan_store *store = open_store(
        &f, (fan_store_options){.name = name_it, .name_user = "LIST", .manifest = "LIST"});
    EXPECT_I64(put_text(store, 5, "five", &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "LIST");
    EXPECT_I64(fan_store_finish(store, NULL), FAN_E_ARGUMENT);
    fan_store_free(store);
    gather(&f, text, sizeof text);
    EXPECT_STR(text, "");
    remove_folder(&f);
}
