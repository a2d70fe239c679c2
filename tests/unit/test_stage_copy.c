/* Files copied into a folder: their names, that what is right is kept and what is wrong replaced,
 * that nothing leaves the folder, and that what fails leaves nothing behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fanfold/stage.h"
#include "folder_kit.h"
#include "http_server.h"
#include "shim.h"
#include "stage/beneath.h"
#include "stage/scratch.h"

enum { HANG_MS = 120000, TEXT_SIZE = 4096 };

/* ---- A folder for a test ------------------------------------------------------------------------
 */

static void make_sub(const folder *f, const char *name)
{
    char path[PATH_SIZE];
    EXPECT_I64(mkdir(in(f, name, path), 0755), 0);
}

static void make_link(const folder *f, const char *name, const char *to)
{
    char path[PATH_SIZE];
    EXPECT_I64(symlink(to, in(f, name, path)), 0);
}

/* The text of a file, or "(none)". */
static const char *text_of(const folder *f, const char *name)
{
    static _Thread_local char text[TEXT_SIZE];
    char path[PATH_SIZE];
    FILE *file = fopen(in(f, name, path), "r");
    if (!file)
        return "(none)";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    EXPECT_I64(fclose(file), 0);
    return text;
}

static mode_t mode_of(const folder *f, const char *name)
{
    struct stat info = {0};
    char path[PATH_SIZE];
    EXPECT_I64(stat(in(f, name, path), &info), 0);
    return info.st_mode & 0777;
}

static ino_t inode_of(const folder *f, const char *name)
{
    struct stat info = {0};
    char path[PATH_SIZE];
    EXPECT_I64(stat(in(f, name, path), &info), 0);
    return info.st_ino;
}

/* How many entries a folder has, whatever their names. */
static size_t entries_of(const folder *f, const char *name)
{
    char path[PATH_SIZE];
    size_t count = 0;
    DIR *entries = opendir(in(f, name, path));
    if (!entries)
        return 0;
    for (const struct dirent *e; (e = readdir(entries));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void)closedir(entries);
    return count;
}

/* ---- Copying -----------------------------------------------------------------------------------
 */

static fan_copier *open_copier(const folder *f, fan_copier_options options)
{
    fan_copier *copier;
    fan_error error = {0};
    char path[PATH_SIZE];
    options.folder = in(f, "to", path);
    options.backoff_ms = 1;
    SHIM_CHECK(fan_copier_open(&options, &copier, &error) == FAN_OK, return NULL, "%s", error.text);
    return copier;
}

static void close_copier(fan_copier *copier)
{
    EXPECT_I64(fan_copier_close(copier, fan_deadline_in_ms(HANG_MS)), FAN_OK);
}

/* What a copier tells, joined by '|': "name", with '=' where it was kept, or "name!STATUS". */
static const char *gather(fan_copier *copier)
{
    static _Thread_local char text[TEXT_SIZE];
    fan_copied c;
    fan_status status;
    size_t used = 0;
    uint64_t index = 0;
    text[0] = '\0';
    while ((status = fan_copier_next(copier, fan_deadline_in_ms(HANG_MS), &c)) == FAN_OK) {
        EXPECT_U64(c.index, index++);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? "|" : "", c.name);
        if (c.error)
            used += (size_t)snprintf(text + used, sizeof text - used, "!%s",
                                     fan_status_name(c.error->status) + 6);
        else if (c.kept)
            used += (size_t)snprintf(text + used, sizeof text - used, "=");
    }
    EXPECT_I64(status, FAN_E_CLOSED);
    return text;
}

/* The same of one source, below the test's folder unless it is absolute or begins with "@/". */
static const char *copy(const folder *f, const char *source, fan_copier_options options)
{
    char path[PATH_SIZE], manifest[PATH_SIZE];
    fan_copier *copier = open_copier(f, options);
    if (!copier)
        return "(not opened)";
    bool listed = *source == '@';
    in(f, source + listed, path);
    snprintf(manifest, sizeof manifest, "%s%.500s", listed ? "@" : "",
             strstr(source, "://") ? source : path);
    EXPECT_I64(fan_copier_add_source(copier, manifest), FAN_OK);
    const char *text = gather(copier);
    EXPECT_I64(fan_copier_finish(copier, NULL), FAN_OK);
    close_copier(copier);
    return text;
}

FAN_TEST(stage_copy, files_folders_and_patterns_keep_their_names)
{
    folder f = make_folder();
    make_sub(&f, "data");
    make_sub(&f, "data/sub");
    make_text(&f, "data/b", "of b");
    make_text(&f, "data/sub/a", "of a");
    make_text(&f, "one", "of one");
    EXPECT_STR(copy(&f, "one", (fan_copier_options){0}), "one");
    EXPECT_STR(text_of(&f, "to/one"), "of one");
    EXPECT_STR(copy(&f, "data", (fan_copier_options){0}), "data/b|data/sub/a");
    EXPECT_STR(copy(&f, "data/", (fan_copier_options){0}), "data/b=|data/sub/a=");
    EXPECT_STR(copy(&f, "data/.", (fan_copier_options){0}), "b|sub/a");
    EXPECT_STR(copy(&f, "o*e", (fan_copier_options){0}), "one=");
    EXPECT_STR(text_of(&f, "to/data/sub/a"), "of a");
    EXPECT_STR(text_of(&f, "to/sub/a"), "of a");
    EXPECT_STR(copy(&f, "none", (fan_copier_options){0}), "none!INPUT");
    /* The folder that they go to is not one of them. */
    EXPECT_STR(copy(&f, ".", (fan_copier_options){0}), "data/b=|data/sub/a=|one=");
    remove_folder(&f);
}

/* Only its bytes tell whether a file is right. */
FAN_TEST(stage_copy, what_is_right_is_kept)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    struct timespec then[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    make_text(&f, "a", "right");
    EXPECT_STR(copy(&f, "a", (fan_copier_options){0}), "a");
    ino_t first = inode_of(&f, "to/a");
    EXPECT_STR(copy(&f, "a", (fan_copier_options){0}), "a=");
    EXPECT_U64(inode_of(&f, "to/a"), first);
    /* The same size and time, another content. */
    make_text(&f, "to/a", "wrong");
    EXPECT_I64(utimensat(AT_FDCWD, in(&f, "a", path), then, 0), 0);
    EXPECT_I64(utimensat(AT_FDCWD, in(&f, "to/a", path), then, 0), 0);
    EXPECT_STR(copy(&f, "a", (fan_copier_options){0}), "a");
    EXPECT_STR(text_of(&f, "to/a"), "right");
    EXPECT_U64(entries_of(&f, "to"), 1);
    remove_folder(&f);
}

FAN_TEST(stage_copy, manifests_say_what_files_must_be)
{
    folder f = make_folder();
    char line[256];
    uint64_t right = XXH3_64bits("of a", 4);
    make_sub(&f, "d");
    make_text(&f, "d/a", "of a");
    snprintf(line, sizeof line, "a\t4\t%016" PRIx64 "\n", right);
    make_text(&f, "d/good", line);
    snprintf(line, sizeof line, "a\t4\t%016" PRIx64 "\n", right + 1);
    make_text(&f, "d/wrong", line);
    make_text(&f, "d/long", "a\t5\n");
    EXPECT_STR(copy(&f, "@d/wrong", (fan_copier_options){0}), "a!INPUT");
    EXPECT_STR(copy(&f, "@d/long", (fan_copier_options){0}), "a!INPUT");
    EXPECT_U64(entries_of(&f, "to"), 0);
    EXPECT_STR(copy(&f, "@d/good", (fan_copier_options){.manifest = "LIST"}), "a");
    snprintf(line, sizeof line, "#fanfold manifest 1\na\t4\t%016" PRIx64 "\n", right);
    EXPECT_STR(text_of(&f, "to/LIST"), line);
    /* What its list says is known: the file itself is not even read. */
    make_text(&f, "d/a", "gone");
    EXPECT_STR(copy(&f, "@d/good", (fan_copier_options){0}), "a=");
    EXPECT_STR(copy(&f, "@to/LIST", (fan_copier_options){0}), "a=");
    make_text(&f, "to/a", "gone");
    EXPECT_STR(copy(&f, "@d/good", (fan_copier_options){0}), "a!INPUT");
    remove_folder(&f);
}

/* Nothing is read or written outside by what a list says. */
static void expect_confined(const folder *f)
{
    static const char list[] = "../secret\n/etc/hostname\nsub/../../secret\nout/secret\nto_secret\n"
                               "fifo\nproc/self/environ\ndev\nfine\n.\nsub/\n";
    make_sub(f, "d");
    make_sub(f, "outside");
    make_text(f, "secret", "secret");
    make_text(f, "outside/secret", "secret");
    make_text(f, "d/fine", "fine");
    make_text(f, "d/list", list);
    make_link(f, "d/out", "../outside");
    make_link(f, "d/to_secret", "../secret");
    make_link(f, "d/proc", "/proc");
    make_link(f, "d/dev", "/dev/zero");
    char path[PATH_SIZE];
    EXPECT_I64(mkfifo(in(f, "d/fifo", path), 0600), 0);
    EXPECT_STR(copy(f, "@d/list", (fan_copier_options){0}),
               "../secret!INPUT|/etc/hostname!INPUT|sub/../../secret!INPUT|out/secret!INPUT|"
               "to_secret!INPUT|fifo!INPUT|proc/self/environ!INPUT|dev!INPUT|fine|.!INPUT|"
               "sub/!INPUT");
    EXPECT_STR(text_of(f, "to/fine"), "fine");
    EXPECT_U64(entries_of(f, "to"), 1);
}

/* Links and others in the way of copies. */
static void expect_no_way_out(const folder *f)
{
    char path[PATH_SIZE];
    make_sub(f, "e");
    make_sub(f, "e/sub");
    make_sub(f, "e/file");
    make_text(f, "e/sub/secret", "new");
    make_text(f, "e/file/a", "new");
    make_text(f, "e/link", "new");
    make_text(f, "e/pipe", "new");
    make_text(f, "e/proc", "new");
    make_text(f, "e/whole", "new");
    make_link(f, "to/sub", "../outside");
    make_text(f, "to/file", "a file");
    make_link(f, "to/link", "../secret");
    make_link(f, "to/proc", "/proc/self/fd/1");
    EXPECT_I64(mkfifo(in(f, "to/pipe", path), 0600), 0);
    make_sub(f, "to/whole");
    EXPECT_STR(copy(f, "e/.", (fan_copier_options){0}),
               "file/a!OUTPUT|link!OUTPUT|pipe!OUTPUT|proc!OUTPUT|sub/secret!OUTPUT|whole!OUTPUT");
    EXPECT_STR(text_of(f, "outside/secret"), "secret");
    EXPECT_STR(text_of(f, "secret"), "secret");
    EXPECT_STR(text_of(f, "to/file"), "a file");
    EXPECT_U64(entries_of(f, "outside"), 1);
}

FAN_TEST(stage_copy, nothing_leaves_the_folder)
{
    folder f = make_folder();
    expect_confined(&f);
    expect_no_way_out(&f);
    remove_folder(&f);
}

/* From now on this thread, and what it starts, gets ENOSYS for openat2. */
static bool lose_openat2(int code)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

typedef struct without {
    int code;
    bool lost;
} without;

static void *do_without_openat2(void *user)
{
    without *w = user;
    w->lost = lose_openat2(w->code);
    if (!w->lost)
        return NULL;
    EXPECT_I64(syscall(SYS_openat2, 0, "", NULL, 0), -1);
    EXPECT_I64(errno, w->code);
    folder f = make_folder();
    expect_confined(&f);
    expect_no_way_out(&f);
    remove_folder(&f);
    return NULL;
}

FAN_TEST(stage_copy, nothing_leaves_the_folder_without_openat2)
{
    static const int codes[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < 2; i++) {
        pthread_t thread;
        without w = {.code = codes[i]};
        ASSERT_I64(pthread_create(&thread, NULL, do_without_openat2, &w), 0);
        EXPECT_I64(pthread_join(thread, NULL), 0);
        if (!w.lost)
            SKIP("system calls can't be filtered here");
    }
}

/* Both ways to open answer the same, but for links that stay inside. */
FAN_TEST(stage_copy, both_ways_below_a_folder_agree)
{
    static const struct {
        const char *name;
        int by_kernel, by_hand; /* errno; 0: it is opened */
    } cases[] = {{"a", 0, 0},
                 {"sub/b", 0, 0},
                 {"./sub//b", 0, 0},
                 {"none", ENOENT, ENOENT},
                 {"../a", EXDEV, EXDEV},
                 {"/etc/passwd", EXDEV, EXDEV},
                 {"link", ELOOP, ELOOP},
                 {"sub/../a", EXDEV, EXDEV},
                 {"up/a", ELOOP, ENOTDIR},
                 {"a/b", ENOTDIR, ENOTDIR},
                 {"", EXDEV, EXDEV}};
    folder f = make_folder();
    make_sub(&f, "sub");
    make_text(&f, "a", "a");
    make_text(&f, "sub/b", "b");
    make_link(&f, "link", "a");
    make_link(&f, "up", "sub");
    int top = open(f.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_TRUE(top >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = fani_beneath_open(top, cases[i].name, O_RDONLY, false);
        int code = fd < 0 ? errno : 0;
        SHIM_CHECK(code == cases[i].by_kernel || code == cases[i].by_hand, , "%s: %s",
                   cases[i].name, strerror(code));
        if (fd >= 0)
            EXPECT_I64(close(fd), 0);
        fd = fani_beneath_walk(top, cases[i].name, O_RDONLY);
        code = fd < 0 ? errno : 0;
        SHIM_CHECK(code == cases[i].by_hand, , "%s by hand: %s", cases[i].name, strerror(code));
        if (fd >= 0)
            EXPECT_I64(close(fd), 0);
    }
    EXPECT_I64(close(top), 0);
    remove_folder(&f);
}

FAN_TEST(stage_copy, names_are_given_once)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    make_sub(&f, "x");
    make_text(&f, "a", "one");
    make_text(&f, "x/a", "two");
    fan_copier *copier = open_copier(&f, (fan_copier_options){.manifest = "LIST"});
    ASSERT_TRUE(copier);
    EXPECT_I64(fan_copier_add(copier, in(&f, "a", path)), FAN_OK);
    EXPECT_I64(fan_copier_add(copier, in(&f, "x/a", path)), FAN_OK);
    EXPECT_I64(fan_copier_add(copier, "-"), FAN_OK);
    EXPECT_STR(gather(copier), "a|a!INPUT|!INPUT");
    EXPECT_STR(text_of(&f, "to/a"), "one");
    /* More may come. */
    make_text(&f, "LIST", "a file of the list's name");
    const fan_known_file known = {.source = in(&f, "x/a", path), .name = "deep/er"};
    EXPECT_I64(fan_copier_add_known(copier, &known), FAN_OK);
    fan_copied c;
    ASSERT_I64(fan_copier_next(copier, fan_deadline_in_ms(HANG_MS), &c), FAN_OK);
    EXPECT_STR(c.name, "deep/er");
    EXPECT_U64(c.index, 3);
    EXPECT_STR(text_of(&f, "to/deep/er"), "two");
    EXPECT_I64(fan_copier_add(copier, in(&f, "LIST", path)), FAN_OK);
    ASSERT_I64(fan_copier_next(copier, fan_deadline_in_ms(HANG_MS), &c), FAN_OK);
    EXPECT_TRUE(c.error != NULL);
    EXPECT_I64(fan_copier_finish(copier, NULL), FAN_OK);
    EXPECT_I64(fan_copier_add(copier, "a"), FAN_E_ARGUMENT);
    close_copier(copier);
    remove_folder(&f);
}

FAN_TEST(stage_copy, modes)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    mode_t before = umask(022);
    make_sub(&f, "d");
    make_text(&f, "d/a", "a");
    make_text(&f, "d/run", "#!/bin/sh\n");
    EXPECT_I64(chmod(in(&f, "d/run", path), 0755), 0);
    EXPECT_STR(copy(&f, "d", (fan_copier_options){0}), "d/a|d/run");
    EXPECT_U64(mode_of(&f, "to/d/a"), 0644);
    EXPECT_U64(mode_of(&f, "to/d/run"), 0755);
    EXPECT_U64(mode_of(&f, "to/d"), 0755);
    /* For their owner alone, whatever the umask; what is right and open to others is replaced. */
    umask(0);
    make_sub(&f, "s");
    make_text(&f, "s/key", "k");
    EXPECT_STR(copy(&f, "s", (fan_copier_options){.secret = true, .manifest = "LIST"}), "s/key");
    EXPECT_U64(mode_of(&f, "to/s"), 0700);
    EXPECT_U64(mode_of(&f, "to/s/key"), 0600);
    EXPECT_U64(mode_of(&f, "to/LIST"), 0600);
    EXPECT_STR(copy(&f, "s", (fan_copier_options){.secret = true}), "s/key=");
    EXPECT_I64(chmod(in(&f, "to/s/key", path), 0640), 0);
    EXPECT_STR(copy(&f, "s", (fan_copier_options){.secret = true}), "s/key");
    EXPECT_U64(mode_of(&f, "to/s/key"), 0600);
    umask(before);
    remove_folder(&f);
}

/* The gzip file of a text. */
static void make_gzip(const folder *f, const char *name, const char *text)
{
    char path[PATH_SIZE];
    gzFile file = gzopen(in(f, name, path), "w");
    ASSERT_TRUE(file != NULL);
    EXPECT_I64(gzputs(file, text), (int)strlen(text));
    EXPECT_I64(gzclose(file), Z_OK);
}

FAN_TEST(stage_copy, unpacking)
{
    folder f = make_folder();
    char path[PATH_SIZE];
    make_sub(&f, "d");
    make_gzip(&f, "d/a.gz", "what was packed");
    make_gzip(&f, "d/b.txt", "packed too");
    make_text(&f, "d/c.gz", "not packed");
    make_text(&f, "d/d", "abc");
    make_text(&f, "d/e", "");
    EXPECT_STR(copy(&f, "d/.", (fan_copier_options){.unpack = true}), "a|b.txt|c.gz|d|e");
    EXPECT_STR(text_of(&f, "to/a"), "what was packed");
    EXPECT_STR(text_of(&f, "to/b.txt"), "packed too");
    EXPECT_STR(text_of(&f, "to/c.gz"), "not packed");
    EXPECT_STR(text_of(&f, "to/d"), "abc");
    EXPECT_STR(text_of(&f, "to/e"), "");
    EXPECT_STR(copy(&f, "d/.", (fan_copier_options){.unpack = true}), "a=|b.txt=|c.gz=|d=|e=");
    EXPECT_STR(copy(&f, "d/a.gz", (fan_copier_options){0}), "a.gz");
    make_text(&f, "d/a", "in the way of what is packed");
    EXPECT_STR(copy(&f, "d/a*", (fan_copier_options){.unpack = true}), "a|a.gz!INPUT");
    EXPECT_I64(remove(in(&f, "d/a", path)), 0);
    EXPECT_I64(truncate(in(&f, "d/a.gz", path), 25), 0);
    make_text(&f, "to/a", "as it was");
    EXPECT_STR(copy(&f, "d/a.gz", (fan_copier_options){.unpack = true}), "a!INPUT");
    EXPECT_STR(text_of(&f, "to/a"), "as it was");
    EXPECT_U64(entries_of(&f, "to"), 6);
    /* Either could become c.gz. */
    make_gzip(&f, "d/c.gz.gz", "packed");
    EXPECT_STR(copy(&f, "d/c*", (fan_copier_options){.unpack = true}), "c.gz=|c.gz.gz!INPUT");
    EXPECT_STR(copy(&f, "d/c.gz", (fan_copier_options){.unpack = true, .manifest = "c.gz"}),
               "c.gz!INPUT");
    remove_folder(&f);
}

/* Fetched in pieces, gone on with and begun anew, as the server has it. */
FAN_TEST(stage_copy, fetching)
{
    static const char *const ways[] = {"plain", "twice500", "cut", "changed", "unknown", "norange"};
    enum { SIZE = 300000 };
    folder f = make_folder();
    http_server *server = http_start();
    ASSERT_TRUE(server);
    char url[128], name[64];
    unsigned char *bytes = malloc(SIZE);
    ASSERT_TRUE(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i % 251);
    make_file(&f, "expected", bytes, SIZE);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/%d", http_port(server), ways[i], SIZE);
        snprintf(name, sizeof name, "%d", SIZE);
        EXPECT_STR(copy(&f, url, (fan_copier_options){0}), name);
        /* The file of the same bytes is the same file. */
        snprintf(name, sizeof name, "to/%d", SIZE);
        fan_copier *copier = open_copier(&f, (fan_copier_options){0});
        ASSERT_TRUE(copier);
        char path[PATH_SIZE];
        const fan_known_file known = {.source = in(&f, "expected", path), .name = name + 3};
        EXPECT_I64(fan_copier_add_known(copier, &known), FAN_OK);
        snprintf(url, sizeof url, "%d=", SIZE);
        SHIM_CHECK(!strcmp(gather(copier), url), , "%s is not what was served", ways[i]);
        close_copier(copier);
        EXPECT_I64(remove(in(&f, name, path)), 0);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/missing/5", http_port(server));
    EXPECT_STR(copy(&f, url, (fan_copier_options){0}), "5!INPUT");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_port(server));
    EXPECT_STR(copy(&f, url, (fan_copier_options){0}), "!INPUT");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/plain/0", http_port(server));
    EXPECT_STR(copy(&f, url, (fan_copier_options){0}), "0");
    EXPECT_STR(text_of(&f, "to/0"), "");
    free(bytes);
    http_stop(server);
    remove_folder(&f);
}

static bool stops(void *user)
{
    (void)user;
    return true;
}

/* A copier that is stopped or closed leaves nothing that is not whole. */
FAN_TEST(stage_copy, stopping)
{
    folder f = make_folder();
    http_server *server = http_start();
    ASSERT_TRUE(server);
    char url[128];
    fan_copied c;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hang/100000", http_port(server));
    fan_copier *copier = open_copier(&f, (fan_copier_options){.stop = stops, .manifest = "LIST"});
    ASSERT_TRUE(copier);
    EXPECT_I64(fan_copier_add(copier, url), FAN_OK);
    EXPECT_I64(fan_copier_next(copier, FAN_FOREVER, &c), FAN_E_CANCELLED);
    EXPECT_I64(fan_copier_finish(copier, NULL), FAN_E_BUSY);
    close_copier(copier);
    EXPECT_U64(entries_of(&f, "to"), 0);
    http_stop(server);
    remove_folder(&f);
}

/* A thousand files through a few threads: all there, told in their order. */
FAN_TEST(stage_copy, many_at_once)
{
    folder f = make_folder();
    char name[32], path[PATH_SIZE];
    size_t wrong = 0, count = 0;
    make_sub(&f, "d");
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "d/%03d", i);
        make_text(&f, name, name);
    }
    fan_copier *copier = open_copier(&f, (fan_copier_options){.copies = 5, .verify = true});
    ASSERT_TRUE(copier);
    EXPECT_I64(fan_copier_add(copier, in(&f, "d", path)), FAN_OK);
    for (fan_copied c; fan_copier_next(copier, fan_deadline_in_ms(HANG_MS), &c) == FAN_OK;
         count++) {
        snprintf(name, sizeof name, "d/%03zu", count);
        wrong +=
            c.error || strcmp(c.name, name) != 0 || c.size != 5 || c.hash != XXH3_64bits(name, 5);
    }
    close_copier(copier);
    EXPECT_U64(count, 300);
    EXPECT_U64(wrong, 0);
    EXPECT_U64(entries_of(&f, "to/d"), 300);
    remove_folder(&f);
}

/* Private folders are removed by their whole name alone: what begins it begins others too. */
FAN_TEST(stage_copy, private_folders_are_removed_by_name)
{
    static const char *const parts[] = {"", "fanfold-", "fanfold-job-", "fanfold-stage-"};
    folder f = make_folder();
    char name[FANI_SCRATCH_NAME], *path = NULL, shorter[FANI_SCRATCH_NAME];
    make_sub(&f, "of another");
    make_text(&f, "fanfold-job-", "of another");
    for (int passing = 0; passing < 2; passing++) {
        ASSERT_I64(fani_scratch_name(passing, name, NULL), FAN_OK);
        ASSERT_I64(fani_scratch_make(f.path, name,
                                     passing ? FANI_SCRATCH_PARENT : FANI_SCRATCH_STAYS, &path,
                                     NULL),
                   FAN_OK);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            fani_scratch_remove_named(f.path, parts[i]);
        snprintf(shorter, sizeof shorter, "%.*s", (int)strlen(name) - 1, name);
        fani_scratch_remove_named(f.path, shorter);
        EXPECT_U64(entries_of(&f, "."), 3);
        fani_scratch_remove_named(f.path, name);
        EXPECT_U64(entries_of(&f, "."), 2);
        free(path);
    }
    remove_folder(&f);
}

typedef struct toucher {
    char path[PATH_SIZE];
    atomic_bool ended;
} toucher;

static void *touch(void *user)
{
    toucher *t = user;
    for (long i = 1; !atomic_load(&t->ended); i++)
        EXPECT_I64(
            utimensat(AT_FDCWD, t->path, (struct timespec[]){{.tv_sec = i}, {.tv_sec = i}}, 0), 0);
    return NULL;
}

/* One that is changed all the time is so sooner or later while it is read, though its size is the
 * same. */
FAN_TEST(stage_copy, what_is_changed_while_it_is_read)
{
    enum { SIZE = 1 << 22 };
    folder f = make_folder();
    char path[PATH_SIZE];
    pthread_t thread;
    toucher t = {0};
    unsigned char *bytes = calloc(1, SIZE);
    ASSERT_TRUE(bytes);
    make_file(&f, "a", bytes, SIZE);
    free(bytes);
    in(&f, "a", t.path);
    ASSERT_I64(pthread_create(&thread, NULL, touch, &t), 0);
    bool found = false;
    for (int tries = 0; tries < 10000 && !found; tries++) {
        found = !strcmp(copy(&f, "a", (fan_copier_options){0}), "a!INPUT");
        EXPECT_I64(unlink(in(&f, "to/a", path)), found ? -1 : 0);
    }
    atomic_store(&t.ended, true);
    EXPECT_I64(pthread_join(thread, NULL), 0);
    EXPECT_TRUE(found);
    remove_folder(&f);
}

FAN_TEST(stage_copy, bad_options)
{
    fan_copier *copier;
    fan_error error = {0};
    EXPECT_I64(fan_copier_open(&(fan_copier_options){0}, &copier, &error), FAN_E_ARGUMENT);
    EXPECT_I64(fan_copier_open(&(fan_copier_options){.folder = "/tmp", .manifest = "../x"}, &copier,
                               &error),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_copier_open(&(fan_copier_options){.folder = "/none/there"}, &copier, &error),
               FAN_E_OUTPUT);
    EXPECT_TRUE(copier == NULL);
    EXPECT_I64(fan_copier_close(NULL, FAN_NOW), FAN_OK);
}
