/* Files as items: which ones, in what order, read ahead within bounds, checked, unpacked; and what
 * happens to those that can't be read. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "fanfold/stage.h"
#include "folder_kit.h"
#include "shim.h"
#include "stage/manifest.h"
#include "stage/whole.h"

enum { HANG_MS = 120000 };

/* ---- A folder for a test ------------------------------------------------------------------------
 */

static void make_big(const folder *f, const char *name, size_t size)
{
    unsigned char *bytes = malloc(size);
    ASSERT_TRUE(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i % 251);
    make_file(f, name, bytes, size);
    free(bytes);
}

static fan_files *open_files(fan_files_options options)
{
    fan_files *files;
    fan_error error;
    EXPECT_I64(fan_files_open(&options, &files, &error), FAN_OK);
    return files;
}

static void close_files(fan_files *files)
{
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

static fan_status next(fan_files *files, fan_file *file)
{
    return fan_files_next(files, fan_deadline_in_ms(HANG_MS), file);
}

/* All that a list gives, as "name=bytes" joined by '|', names without the folder; of a file that
 * can't be read "name!STATUS". */
static void gather(fan_files *files, const folder *f, char *text, size_t size)
{
    fan_file file;
    fan_status status;
    size_t used = 0, skip = strlen(f->path) + 1;
    uint64_t index = 0;
    text[0] = '\0';
    while ((status = next(files, &file)) == FAN_OK) {
        bool below = !strncmp(file.name, f->path, skip - 1) && file.name[skip - 1] == '/';
        EXPECT_U64(file.index, index++);
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "|" : "",
                                 file.name + (below ? skip : 0));
        if (file.error)
            used += (size_t)snprintf(text + used, size - used, "!%s",
                                     fan_status_name(file.error->status));
        else
            used += (size_t)snprintf(text + used, size - used, "=%.*s", (int)file.size,
                                     (const char *)file.bytes);
    }
    EXPECT_I64(status, FAN_E_CLOSED);
    EXPECT_I64(next(files, &file), FAN_E_CLOSED);
}

/* ---- Which files --------------------------------------------------------------------------------
 */

FAN_TEST(stage_files, folders_are_read_in_the_order_of_names)
{
    folder f = make_folder();
    char path[PATH_SIZE], target[PATH_SIZE], text[1000];
    make_text(&f, "b", "2");
    make_text(&f, "B", "1");
    make_text(&f, ".hidden", "0");
    EXPECT_I64(mkdir(in(&f, "a", path), 0700), 0);
    EXPECT_I64(mkdir(in(&f, "a/empty", path), 0700), 0);
    EXPECT_I64(mkdir(in(&f, "a/z", path), 0700), 0);
    make_text(&f, "a/z/1", "deep");
    make_text(&f, "a/b", "");
    EXPECT_I64(symlink(in(&f, "b", target), in(&f, "c", path)), 0); /* to a file */
    EXPECT_I64(symlink(f.path, in(&f, "d", path)), 0);              /* to a folder */
    EXPECT_I64(symlink("/nonexistent/x", in(&f, "e", path)), 0);    /* to nothing */
    EXPECT_I64(mkfifo(in(&f, "fifo", path), 0600), 0);
    fan_files *files = open_files((fan_files_options){.ahead_files = 2});
    EXPECT_I64(fan_files_add(files, in(&f, "b", path)),
               FAN_OK); /* what is named twice comes twice */
    EXPECT_I64(fan_files_add(files, f.path), FAN_OK);
    EXPECT_I64(fan_files_add(files, in(&f, "none", path)), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_STR(text, "b=2|.hidden=0|B=1|a/b=|a/z/1=deep|b=2|c=2|e!FAN_E_INPUT|none!FAN_E_INPUT");
    EXPECT_I64(fan_files_add(files, "late"), FAN_E_ARGUMENT);
    close_files(files);
    remove_folder(&f);
}

FAN_TEST(stage_files, patterns)
{
    folder f = make_folder();
    char path[PATH_SIZE], text[1000];
    make_text(&f, "x2.txt", "2");
    make_text(&f, "x10.txt", "10");
    make_text(&f, "y.txt", "no");
    EXPECT_I64(mkdir(in(&f, "x3.txt", path), 0700), 0);
    make_text(&f, "x3.txt/in", "below");
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_glob(files, in(&f, "x*.txt", path)), FAN_OK);
    EXPECT_I64(fan_files_add_glob(files, in(&f, "none*", path)), FAN_OK);
    EXPECT_I64(fan_files_add_glob(files, in(&f, "[y]*", path)), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_STR(text, "x10.txt=10|x2.txt=2|x3.txt/in=below|none*!FAN_E_INPUT|y.txt=no");
    close_files(files);
    remove_folder(&f);
}

FAN_TEST(stage_files, an_empty_list_and_bad_options)
{
    fan_file file;
    fan_error error;
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(next(files, &file), FAN_E_CLOSED);
    close_files(files);
    EXPECT_I64(fan_files_open(&(fan_files_options){.ahead_files = 5000}, &files, &error),
               FAN_E_ARGUMENT);
    EXPECT_TRUE(files == NULL);
    EXPECT_I64(fan_files_open(&(fan_files_options){.file_max = SIZE_MAX}, &files, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "largest file");
    EXPECT_I64(fan_files_close(NULL, FAN_NOW), FAN_OK);
}

/* ---- Manifests ----------------------------------------------------------------------------------
 */

static void expect_line(const char *name, bool has_size, bool has_hash, const char *expected)
{
    fani_manifest_entry entry = {
        .name = name, .size = 12, .hash = 0xABC, .has_size = has_size, .has_hash = has_hash};
    fani_manifest_entry back;
    char *line = fani_manifest_line(&entry);
    ASSERT_TRUE(line);
    EXPECT_STR(line, expected);
    EXPECT_I64(fani_manifest_parse(line, &back, NULL), FAN_OK);
    EXPECT_STR(back.name, name);
    EXPECT_TRUE(back.has_size == has_size && back.has_hash == has_hash);
    EXPECT_U64(back.size, has_size ? 12 : 0);
    EXPECT_U64(back.hash, has_hash ? 0xABC : 0);
    free(line);
}

FAN_TEST(stage_files, lines_of_a_manifest)
{
    expect_line("a b", true, true, "a b\t12\t0000000000000abc\n");
    expect_line("a", true, false, "a\t12\n");
    expect_line("a\tb\nc\\d\re", false, true, "a\\tb\\nc\\\\d\\re\t-\t0000000000000abc\n");
    expect_line("a", false, false, "a\t-\n");
}

static void expect_refused(const char *text, uint32_t column)
{
    char line[100];
    fani_manifest_entry entry;
    fan_error error = {0};
    snprintf(line, sizeof line, "%s", text);
    EXPECT_I64(fani_manifest_parse(line, &entry, &error), FAN_E_SYNTAX);
    EXPECT_U64(error.column, column);
    EXPECT_TRUE(error.text[0]);
}

FAN_TEST(stage_files, wrong_lines_of_a_manifest)
{
    expect_refused("\t12\n", 1);
    expect_refused("a\t-1\n", 3);
    expect_refused("a\t18446744073709551616\n", 3);
    expect_refused("a\t1\tabc\n", 5);
    expect_refused("a\t1\tABCDEF0123456789\n", 5);
    expect_refused("a\t1\t0123456789abcdef\tx\n", 21);
    expect_refused("a\\x\n", 2);
    expect_refused("a\\", 2);
}

FAN_TEST(stage_files, manifests_are_held_to)
{
    folder f = make_folder();
    char path[PATH_SIZE], text[1000], list[1000];
    fan_file file;
    make_text(&f, "a", "abc");
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add(files, in(&f, "a", path)), FAN_OK);
    ASSERT_I64(next(files, &file), FAN_OK);
    EXPECT_U64(file.stored_size, 3);
    unsigned long long hash = file.stored_hash;
    close_files(files);
    snprintf(list, sizeof list,
             "#fanfold manifest 1\na\t3\t%016llx\r\n\na\t4\na\t-\t%016llx\n%s/a\na\tx\nmissing\na",
             hash, hash + 1, f.path);
    make_text(&f, "list", list);
    files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_manifest(files, in(&f, "list", path)), FAN_OK);
    EXPECT_I64(fan_files_add_manifest(files, in(&f, "no list", path)), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_STR(text, "a=abc|a!FAN_E_INPUT|a!FAN_E_INPUT|a=abc|list!FAN_E_SYNTAX|"
                     "missing!FAN_E_INPUT|a=abc|no list!FAN_E_INPUT");
    close_files(files);
    files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_manifest(files, in(&f, "list", path)), FAN_OK);
    for (int i = 0; i < 5; i++) {
        ASSERT_I64(next(files, &file), FAN_OK);
        if (i == 1)
            EXPECT_CONTAINS(file.error->text, "has 3 bytes, not the 4 of its list");
        if (i == 2)
            EXPECT_CONTAINS(file.error->text, "has the hash");
        if (i == 4) {
            EXPECT_U64(file.error->line, 7);
            EXPECT_U64(file.error->column, 3);
            EXPECT_STR(file.error->file, path);
        }
    }
    close_files(files);
    remove_folder(&f);
}

/* ---- Compressed files
 * ---------------------------------------------------------------------------- */

FAN_TEST(stage_files, compressed_files_are_unpacked_or_kept)
{
    enum { SIZE = 700000 };
    folder f = make_folder();
    char path[PATH_SIZE];
    fan_file file;
    unsigned char *plain = calloc(1, SIZE);
    ASSERT_TRUE(plain);
    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (unsigned char)(i / 1000);
    gzFile packed = gzopen(in(&f, "p", path), "w");
    ASSERT_TRUE(packed);
    EXPECT_I64(gzwrite(packed, plain, SIZE), SIZE);
    EXPECT_I64(gzclose(packed), Z_OK);
    for (int keep = 0; keep < 2; keep++) {
        fan_files *files = open_files((fan_files_options){.keep_packed = keep});
        EXPECT_I64(fan_files_add(files, path), FAN_OK);
        ASSERT_I64(next(files, &file), FAN_OK);
        ASSERT_TRUE(file.error == NULL);
        EXPECT_U64(file.size, keep ? file.stored_size : SIZE);
        EXPECT_TRUE(file.stored_size < SIZE / 10);
        if (!keep && file.size == SIZE)
            EXPECT_TRUE(!memcmp(file.bytes, plain, SIZE));
        close_files(files);
    }
    fan_files *files = open_files((fan_files_options){.file_max = SIZE - 1});
    EXPECT_I64(fan_files_add(files, path), FAN_OK);
    ASSERT_I64(next(files, &file), FAN_OK);
    EXPECT_TRUE(file.error && file.error->status == FAN_E_TOO_LARGE); /* as unpacked */
    close_files(files);
    EXPECT_I64(truncate(path, 300), 0);
    files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add(files, path), FAN_OK);
    ASSERT_I64(next(files, &file), FAN_OK);
    EXPECT_CONTAINS(file.error ? file.error->text : "", "ends too early");
    close_files(files);
    free(plain);
    remove_folder(&f);
}

/* ---- Bounds
 * -------------------------------------------------------------------------------------- */

static void expect_big(const fan_file *file, size_t size)
{
    size_t wrong = 0;
    ASSERT_TRUE(file->error == NULL);
    ASSERT_U64(file->size, size);
    for (size_t i = 0; i < size; i++)
        wrong += file->bytes[i] != (unsigned char)(i % 251);
    EXPECT_U64(wrong, 0);
}

FAN_TEST(stage_files, files_that_wait_for_room_are_read_all_the_same)
{
    enum { COUNT = 12, SIZE = 600000 };
    folder f = make_folder();
    char name[16];
    fan_pool *pool;
    fan_file file;
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%02d", i);
        make_big(&f, name, SIZE + (size_t)i);
    }
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        ASSERT_I64(fan_pool_open(&(fan_pool_options){.threads = threads}, &pool, NULL), FAN_OK);
        fan_files *files =
            open_files((fan_files_options){.pool = pool, .ahead_files = 5, .ahead_bytes = 300000});
        EXPECT_I64(fan_files_add(files, f.path), FAN_OK);
        for (size_t i = 0; i < COUNT; i++) {
            ASSERT_I64(next(files, &file), FAN_OK);
            expect_big(&file, SIZE + i);
        }
        EXPECT_I64(next(files, &file), FAN_E_CLOSED);
        EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, FAN_NOW), FAN_E_BUSY);
        close_files(files);
        EXPECT_I64(fan_pool_close(pool, FAN_CLOSE_DRAIN, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    }
    remove_folder(&f);
}

FAN_TEST(stage_files, the_largest_size_counts)
{
    folder f = make_folder();
    char text[1000];
    make_text(&f, "ten", "0123456789");
    make_text(&f, "eleven", "0123456789a");
    make_big(&f, "huge", 1 << 20);
    fan_files *files = open_files((fan_files_options){.file_max = 10});
    EXPECT_I64(fan_files_add(files, f.path), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_STR(text, "eleven!FAN_E_TOO_LARGE|huge!FAN_E_TOO_LARGE|ten=0123456789");
    close_files(files);
    remove_folder(&f);
}

/* ---- Faults
 * -------------------------------------------------------------------------------------- */

FAN_TEST(stage_files, a_file_that_becomes_shorter_while_it_is_read)
{
    enum { SIZE = 3 << 20 };
    folder f = make_folder();
    char path[PATH_SIZE];
    fan_error error = {0};
    fani_whole whole = {0};
    fani_whole_step step;
    make_big(&f, "a", SIZE);
    const fani_whole_options options = {.max = 2 * SIZE, .stop_fd = -1};
    const fani_listed listed = {.name = (char *)(uintptr_t)in(&f, "a", path)};
    ASSERT_I64(fani_whole_begin(&whole, &options, &listed, &error), FANI_WHOLE_MORE);
    ASSERT_I64(fani_whole_read(&whole, &error), FANI_WHOLE_MORE);
    EXPECT_I64(truncate(path, SIZE / 2), 0);
    while ((step = fani_whole_read(&whole, &error)) == FANI_WHOLE_MORE)
        continue;
    EXPECT_I64(step, FANI_WHOLE_FAILED);
    EXPECT_I64(error.status, FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "became shorter while it was read: 1572864 of 3145728 bytes");
    EXPECT_STR(error.file, path);
    fani_whole_end(&whole);
    free(whole.bytes.bytes);
    remove_folder(&f);
}

FAN_TEST(stage_files, an_error_of_reading_is_one_file_s)
{
    folder f = make_folder();
    char text[1000], path[PATH_SIZE];
    make_text(&f, "list", "/proc/self/mem\n.\na\n"); /* memory at 0 is EIO, a folder EISDIR */
    make_text(&f, "a", "fine");
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_manifest(files, in(&f, "list", path)), FAN_OK);
    fan_file file;
    ASSERT_I64(next(files, &file), FAN_OK);
    ASSERT_TRUE(file.error);
    EXPECT_I64(file.error->errno_code, EIO);
    ASSERT_I64(next(files, &file), FAN_OK);
    ASSERT_TRUE(file.error);
    EXPECT_I64(file.error->errno_code, EISDIR);
    ASSERT_I64(next(files, &file), FAN_OK);
    snprintf(text, sizeof text, "%.*s", (int)file.size, (const char *)file.bytes);
    EXPECT_STR(text, "fine");
    close_files(files);
    remove_folder(&f);
}

typedef struct writer {
    const char *path;
    pthread_t thread;
} writer;

/* Writes in pieces, so that reads are short. */
static void *write_slowly(void *user)
{
    const writer *w = user;
    int fd = open(w->path, O_WRONLY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < 50; i++) {
        EXPECT_I64(write(fd, "0123456789", 10), 10);
        if (i % 10 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

FAN_TEST(stage_files, a_fifo_is_read_to_its_end)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    fan_file file;
    writer w = {.path = in(&f, "fifo", path)};
    EXPECT_I64(mkfifo(path, 0600), 0);
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add(files, path), FAN_OK);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(5), &file), FAN_E_TIMEOUT);
    ASSERT_I64(pthread_create(&w.thread, NULL, write_slowly, &w), 0);
    ASSERT_I64(next(files, &file), FAN_OK);
    ASSERT_TRUE(file.error == NULL);
    EXPECT_U64(file.size, 500);
    pthread_join(w.thread, NULL);
    close_files(files);
    remove_folder(&f);
}

static bool third_time(void *user)
{
    return ++*(int *)user >= 3;
}

FAN_TEST(stage_files, a_fifo_that_never_ends_can_be_left)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    fan_file file;
    int asked = 0;
    EXPECT_I64(mkfifo(in(&f, "fifo", path), 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC); /* so that there is always a writer */
    ASSERT_TRUE(fd >= 0);
    EXPECT_I64(write(fd, "some", 4), 4);
    fan_files *files = open_files((fan_files_options){.stop = third_time, .stop_user = &asked});
    EXPECT_I64(fan_files_add(files, path), FAN_OK);
    EXPECT_I64(fan_files_next(files, FAN_FOREVER, &file), FAN_E_CANCELLED);
    EXPECT_I64(asked, 3);
    close_files(files); /* while it is being read */
    close(fd);
    remove_folder(&f);
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static bool a_fifo_costs_nothing(void)
{
    enum { WATCHED_MS = 100 };
    folder f = make_folder();
    char path[PATH_SIZE];
    fan_file file;
    EXPECT_I64(mkfifo(in(&f, "fifo", path), 0600), 0);
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add(files, path), FAN_OK);
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(10), &file), FAN_E_TIMEOUT);
    int64_t before = cpu_ns();
    EXPECT_I64(fan_files_next(files, fan_deadline_in_ms(WATCHED_MS), &file), FAN_E_TIMEOUT);
    int64_t used = cpu_ns() - before;
    close_files(files);
    remove_folder(&f);
    return used < (int64_t)WATCHED_MS * 1000000 / 10;
}

/* Where a machine stands still under a thread, that may count as its time: but not each time. */
FAN_TEST(stage_files, waiting_for_a_fifo_uses_no_cpu)
{
    bool nothing = false;
    for (int i = 0; i < 10 && !nothing && !shim_failed(); i++)
        nothing = a_fifo_costs_nothing();
    EXPECT_TRUE(nothing);
}

/* ---- Standard input
 * ------------------------------------------------------------------------------ */

FAN_TEST(stage_files, standard_input_is_read_from_where_it_stands)
{
    folder f = make_folder();
    char path[PATH_SIZE], text[1000];
    make_text(&f, "in", "a line\nthe rest");
    int before = dup(STDIN_FILENO), fd = open(in(&f, "in", path), O_RDONLY | O_CLOEXEC);
    ASSERT_TRUE(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    EXPECT_I64(lseek(fd, 7, SEEK_SET), 7); /* as a shell's read leaves it */
    for (int again = 0; again < 2; again++) {
        fan_files *files = open_files((fan_files_options){0});
        EXPECT_I64(fan_files_add(files, "-"), FAN_OK);
        gather(files, &f, text, sizeof text);
        EXPECT_STR(text, again ? "-=" : "-=the rest");
        close_files(files);
    }
    if (before >= 0)
        EXPECT_I64(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    close(before);
    remove_folder(&f);
}

FAN_TEST(stage_files, a_file_named_as_standard_input_is_a_file)
{
    folder f = make_folder();
    char text[1000];
    make_text(&f, "-", "here");
    make_text(&f, "list", "-\n");
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_TRUE(before >= 0 && chdir(f.path) == 0);
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_glob(files, "[-]"), FAN_OK);
    EXPECT_I64(fan_files_add_manifest(files, "list"), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_STR(text, "./-=here|./-=here");
    close_files(files);
    EXPECT_I64(fchdir(before), 0);
    close(before);
    remove_folder(&f);
}

FAN_TEST(stage_files, a_manifest_that_is_a_fifo_is_refused)
{
    folder f = make_folder();
    char path[PATH_SIZE], text[1000];
    EXPECT_I64(mkfifo(in(&f, "list", path), 0600), 0);
    fan_files *files = open_files((fan_files_options){0});
    EXPECT_I64(fan_files_add_manifest(files, path), FAN_OK);
    EXPECT_I64(fan_files_add_manifest(files, f.path), FAN_OK);
    gather(files, &f, text, sizeof text);
    EXPECT_CONTAINS(text, "list!FAN_E_INPUT|");
    close_files(files);
    remove_folder(&f);
}
