#include "base/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum {
    HOLD_NS = 100000000, /* how long a reader of our output may wait for what is ready */
    NAMES_TRIED = 100,
    LINKS_MAX = 40, /* followed from the target's name, as the system does */
};

#define TEMPORARY ".fanfold-%016llx.tmp"
#define FENCED ".fanfold-%016llx.new"

/* ---- Errors ---------------------------------------------------------------------------------- */

/* Answers the error that was kept, if any. */
static fan_status kept(const fani_writer *w, fan_error *error)
{
    if (w->failed == FAN_OK)
        return FAN_OK;
    fani_error_errno(error, w->failed, w->failed_errno, "%s can't be %s", w->name, w->failed_doing);
    fani_error_place(error, w->name, 0, 0);
    return w->failed;
}

fan_status fani_writer_fail(fani_writer *w, const char *doing, fan_error *error)
{
    w->failed = FAN_E_OUTPUT;
    w->failed_errno = errno;
    w->failed_doing = doing;
    return kept(w, error);
}

/* ---- The system's part -------------------------------------------------------------------------
 */

int fani_write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd entry = {.fd = fd, .events = POLLOUT};
            if (poll(&entry, 1, -1) < 0 && errno != EINTR)
                return -1;
        } else if (n == 0 || errno != EINTR) {
            errno = n == 0 ? ENOSPC : errno;
            return -1;
        }
    }
    return 0;
}

int fani_sync_to_disk(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

/* ---- Opening --------------------------------------------------------------------------------- */

fani_writer *fani_writer_make(const char *name, fan_error *error)
{
    fani_writer *w = calloc(1, sizeof *w);
    if (w) {
        w->fd = w->folder = -1;
        w->name = strdup(name);
        w->buffer = malloc(FANI_WRITER_BUFFER);
    }
    if (!w || !w->name || !w->buffer) {
        fani_writer_free(w);
        fani_error_set(error, FAN_E_MEMORY, "out of memory");
        return NULL;
    }
    return w;
}

fan_status fani_writer_to_fd(int fd, const char *name, fani_writer **writer, fan_error *error)
{
    fani_writer *w = fani_writer_make(name, error);
    if (!w)
        return FAN_E_MEMORY;
    w->fd = fd;
    *writer = w;
    return FAN_OK;
}

/* Opens the folder that holds the target; the target's own name follows the last slash. */
static int open_folder(const char *path, int flags)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) + 1 : 2;
    char *folder = strndup(slash ? path : "./", size);
    if (!folder)
        return -1;
    int fd = open(folder, flags | O_DIRECTORY | O_CLOEXEC);
    int open_errno = errno;
    free(folder);
    errno = open_errno;
    return fd;
}

const char *fani_writer_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void fani_writer_descriptor_path(int fd, char path[static 32])
{
    snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* A new file without a name, which vanishes with a program that is killed. -1: not here. */
static int open_nameless(const fani_writer *w)
{
    char path[32];
    int fd = openat(w->folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    fani_writer_descriptor_path(fd, path);
    if (access(path, F_OK) == 0)
        return fd;
    (void)close(fd); /* it could never get a name */
    return -1;
}

int fani_writer_make_temporary(fani_writer *w, int fd)
{
    for (int i = 0; i < NAMES_TRIED; i++) {
        uint64_t random;
        char path[32];
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            break;
        free(w->temporary);
        if (asprintf(&w->temporary, TEMPORARY, (unsigned long long)random) < 0) {
            w->temporary = NULL;
            break;
        }
        fani_writer_descriptor_path(fd, path);
        int made = fd < 0 ? openat(w->folder, w->temporary,
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666)
                          : linkat(AT_FDCWD, path, w->folder, w->temporary, AT_SYMLINK_FOLLOW);
        if (made >= 0)
            return made;
        if (errno != EEXIST && errno != EINTR)
            break;
    }
    free(w->temporary);
    w->temporary = NULL;
    return -1;
}

fan_status fani_writer_open_folder(fani_writer *w, fan_error *error)
{
    if (!*fani_writer_base_name(w->target)) {
        errno = EISDIR;
        return fani_writer_fail(w, "written", error);
    }
    w->folder = open_folder(w->target, O_RDONLY);
    return w->folder < 0 ? fani_writer_fail(w, "created", error) : FAN_OK;
}

fan_status fani_writer_open_new(fani_writer *w, fan_error *error)
{
    w->fd = open_nameless(w);
    if (w->fd < 0)
        w->fd = fani_writer_make_temporary(w, -1);
    if (w->fd < 0)
        return fani_writer_fail(w, "created", error);
    w->owned = true;
    return FAN_OK;
}

static fan_status open_beside(fani_writer *w, fan_error *error)
{
    fan_status status = fani_writer_open_folder(w, error);
    return status == FAN_OK ? fani_writer_open_new(w, error) : status;
}

/* Whether a folder lists this process's descriptors, as /dev/fd does. */
static bool is_descriptors(int folder)
{
    struct stat here, own;
    return fstat(folder, &here) == 0 && stat("/proc/self/fd", &own) == 0 &&
           here.st_dev == own.st_dev && here.st_ino == own.st_ino;
}

/* Puts what a link says in the place of the link's own name. */
static int take_link(fani_writer *w, const char *link)
{
    size_t kept_size = link[0] == '/' ? 0 : (size_t)(fani_writer_base_name(w->target) - w->target);
    char *next;
    if (asprintf(&next, "%.*s%s", (int)kept_size, w->target, link) < 0)
        return -1;
    free(w->target);
    w->target = next;
    return 0;
}

/* Follows links at the end of the target's name: renaming over a link would destroy it, and leave
 * what it led to as it was. A name of one of our descriptors (/dev/stdout leads to one) becomes
 * that descriptor: what it is open on belongs to whoever opened it. Answers -1 with errno. */
int fani_writer_follow_links(fani_writer *w)
{
    char link[PATH_MAX];
    for (int i = 0; i < LINKS_MAX; i++) {
        int folder = open_folder(w->target, O_PATH);
        if (folder < 0)
            return -1;
        const char *name = fani_writer_base_name(w->target);
        bool is_descriptor = *name >= '0' && *name <= '9' && is_descriptors(folder);
        ssize_t size = *name ? readlinkat(folder, name, link, sizeof link - 1) : -1;
        (void)close(folder); /* only looked into */
        if (is_descriptor) {
            w->fd = fcntl((int)strtol(name, NULL, 10), F_DUPFD_CLOEXEC, 0);
            w->owned = w->fd >= 0;
            return w->fd < 0 ? -1 : 0;
        }
        if (size < 0)
            return 0; /* no link, or nothing yet */
        link[size] = '\0';
        if (take_link(w, link))
            return -1;
    }
    errno = ELOOP;
    return -1;
}

static fan_status open_target(fani_writer *w, fan_error *error)
{
    struct stat info = {0};
    if (fani_writer_follow_links(w))
        return fani_writer_fail(w, "created", error);
    if (w->fd >= 0)
        return FAN_OK;
    bool exists = stat(w->target, &info) == 0;
    if (!exists || S_ISREG(info.st_mode))
        return open_beside(w, error);
    if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return fani_writer_fail(w, "written", error);
    }
    w->fd = open(w->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    w->owned = true;
    return w->fd < 0 ? fani_writer_fail(w, "opened", error) : FAN_OK;
}

static fan_status to_path(const char *path, fan_status (*open)(fani_writer *w, fan_error *error),
                          fani_writer **writer, fan_error *error)
{
    fani_writer *w = fani_writer_make(path, error);
    if (!w)
        return FAN_E_MEMORY;
    w->target = strdup(path);
    fan_status status =
        w->target ? open(w, error) : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status != FAN_OK) {
        fani_writer_free(w);
        return status;
    }
    *writer = w;
    return FAN_OK;
}

fan_status fani_writer_to_file(const char *path, fani_writer **writer, fan_error *error)
{
    return to_path(path, open_target, writer, error);
}

fan_status fani_writer_to_name(const char *path, fani_writer **writer, fan_error *error)
{
    return to_path(path, open_beside, writer, error);
}

fan_status fani_writer_to_entry(int folder, const char *entry, const char *shown,
                                fani_writer **writer, fan_error *error)
{
    fani_writer *w = fani_writer_make(shown, error);
    if (!w)
        return FAN_E_MEMORY;
    fan_status status = FAN_OK;
    w->target = strdup(entry);
    if (!w->target)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    else if ((w->folder = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        status = fani_writer_fail(w, "created", error);
    else
        status = fani_writer_open_new(w, error);
    if (status == FAN_OK)
        *writer = w;
    else
        fani_writer_free(w);
    return status;
}

int fani_writer_fd(const fani_writer *writer)
{
    return writer->fd;
}

/* Puts a new file that nobody else can open in the place of an empty one, which somebody may have
 * opened already. */
static int begin_private(fani_writer *w)
{
    if (unlinkat(w->folder, w->temporary, 0))
        return -1;
    int fd =
        openat(w->folder, w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int result = dup3(fd, w->fd, O_CLOEXEC), code = errno; /* others may know the number */
    if (close(fd) && errno != EINTR)
        return -1;
    errno = code;
    return result < 0 ? -1 : w->part.st_ino ? fstat(w->fd, &w->part) : 0;
}

fan_status fani_writer_make_private(fani_writer *writer, fan_error *error)
{
    struct stat info;
    if (writer->folder < 0 || writer->failed != FAN_OK)
        return kept(writer, error);
    bool open_to_others = fstat(writer->fd, &info) == 0 && (info.st_mode & 0077);
    if (open_to_others && writer->temporary && !info.st_size && begin_private(writer))
        return fani_writer_fail(writer, "made private", error);
    return fchmod(writer->fd, 0600) ? fani_writer_fail(writer, "made private", error) : FAN_OK;
}

fan_status fani_writer_make_executable(fani_writer *writer, fan_error *error)
{
    struct stat info;
    if (writer->folder < 0 || writer->failed != FAN_OK)
        return kept(writer, error);
    bool done = fstat(writer->fd, &info) == 0 &&
                fchmod(writer->fd, (info.st_mode & 0777) | ((info.st_mode & 0444) >> 2)) == 0;
    return done ? FAN_OK : fani_writer_fail(writer, "made executable", error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

void fani_writer_watch(fani_writer *writer,
                       void (*seen)(void *user, const void *bytes, size_t size), void *user)
{
    writer->seen = seen;
    writer->seen_user = user;
}

void fani_writer_pass_through(fani_writer *writer, fani_writer_through through, void *user)
{
    writer->through = through;
    writer->through_user = user;
}

fan_status fani_writer_pass_on(fani_writer *writer, const void *bytes, size_t size,
                               fan_error *error)
{
    return fani_write_all(writer->fd, bytes, size) ? fani_writer_fail(writer, "written", error)
                                                   : FAN_OK;
}

/* What fails on the way, and is no error of writing, is want of memory. */
static fan_status put_through(fani_writer *w, const void *bytes, size_t size, bool end,
                              fan_error *error)
{
    fan_status status = w->through(w->through_user, bytes, size, end, error);
    if (status == FAN_OK || w->failed != FAN_OK)
        return status;
    errno = ENOMEM;
    (void)fani_writer_fail(w, "compressed", error);
    w->failed = status;
    return status;
}

static fan_status put_out(fani_writer *w, const void *bytes, size_t size, fan_error *error)
{
    fan_status status = w->through ? put_through(w, bytes, size, false, error)
                                   : fani_writer_pass_on(w, bytes, size, error);
    if (status != FAN_OK)
        return status;
    if (w->seen)
        w->seen(w->seen_user, bytes, size);
    return FAN_OK;
}

fan_status fani_writer_flush(fani_writer *writer, fan_error *error)
{
    if (writer->failed != FAN_OK || !writer->used)
        return kept(writer, error);
    size_t size = writer->used;
    writer->used = 0;
    writer->waiting_since = 0;
    return put_out(writer, writer->buffer, size, error);
}

fan_status fani_writer_end(fani_writer *writer, fan_error *error)
{
    fan_status status = fani_writer_flush(writer, error);
    if (status != FAN_OK || !writer->through || writer->through_ended)
        return status;
    writer->through_ended = true;
    return put_through(writer, "", 0, true, error);
}

fan_status fani_writer_add(fani_writer *writer, const void *bytes, size_t size, fan_error *error)
{
    fani_writer *w = writer;
    if (w->failed != FAN_OK || !size)
        return kept(w, error);
    w->bytes += size;
    if (size > FANI_WRITER_BUFFER - w->used) {
        fan_status status = fani_writer_flush(w, error);
        if (status != FAN_OK)
            return status;
        if (size >= FANI_WRITER_BUFFER)
            return put_out(w, bytes, size, error);
    }
    memcpy(w->buffer + w->used, bytes, size);
    w->used += size;
    return FAN_OK;
}

fan_status fani_writer_show(fani_writer *writer, fan_error *error)
{
    return writer->folder >= 0 ? kept(writer, error) : fani_writer_flush(writer, error);
}

fan_status fani_writer_tick(fani_writer *writer, fan_error *error)
{
    if (writer->folder >= 0 || !writer->used)
        return kept(writer, error);
    int64_t now = fani_clock_ns();
    if (!writer->waiting_since)
        writer->waiting_since = now;
    return now - writer->waiting_since >= HOLD_NS ? fani_writer_flush(writer, error) : FAN_OK;
}

uint64_t fani_writer_bytes(const fani_writer *writer)
{
    return writer->bytes;
}

/* ---- Publishing ------------------------------------------------------------------------------ */

/* Linux closes the descriptor even where close is interrupted. */
static int close_own(fani_writer *w)
{
    int fd = w->fd;
    w->fd = -1;
    return w->owned && close(fd) != 0 && errno != EINTR ? -1 : 0;
}

/* Some file systems can't sync a folder and say so. */
static int sync_folder(int folder)
{
    return fani_sync_to_disk(folder) != 0 && errno != EINVAL && errno != ENOTSUP ? -1 : 0;
}

int fani_sync_folder(int folder, const char *path)
{
    int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    int result = sync_folder(fd), code = errno;
    (void)close(fd); /* only read */
    errno = code;
    return result;
}

static int rename_to(const fani_writer *w, const char *name)
{
    int result;
    do
        result = renameat(w->folder, w->temporary, w->folder, name);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Gives the file its name where nothing has that: by a link, or without links by a rename that
 * replaces nothing. -1 with errno. */
static int link_into_place(const fani_writer *w)
{
    const char *name = fani_writer_base_name(w->target);
    if (linkat(w->folder, w->temporary, w->folder, name, 0) == 0)
        return unlinkat(w->folder, w->temporary, 0);
    if (errno == EEXIST)
        return -1;
    return renameat2(w->folder, w->temporary, w->folder, name, RENAME_NOREPLACE);
}

/* ---- The fence -------------------------------------------------------------------------------
 */

void fani_writer_set_fence(fani_writer *writer, const fani_writer_fence *fence)
{
    writer->fence = *fence;
}

fan_status fani_writer_clear_fence(const char *path, uint64_t id, fan_error *error)
{
    char name[32], *target = fani_writer_target(path);
    if (!target)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    snprintf(name, sizeof name, FENCED, (unsigned long long)id);
    int folder = open_folder(target, O_PATH);
    int code = folder < 0 ? errno : EINTR;
    while (code == EINTR && folder >= 0)
        code = unlinkat(folder, name, 0) ? errno : 0;
    if (folder >= 0)
        (void)close(folder); /* a name alone was removed in it */
    free(target);
    if (!code || code == ENOENT || code == ENOTDIR)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "what a run left beside %s can't be removed", path);
    fani_error_place(error, path, 0, 0);
    return FAN_E_OUTPUT;
}

static bool is_ours(const fani_writer *w, fan_error *error)
{
    return !w->fence.still_ours || w->fence.still_ours(w->fence.user, error) == FAN_OK;
}

/* A part whose name was taken from it by one that has lost it is still ours. */
static int put_part_behind(fani_writer *w, const char *name)
{
    if (fani_writer_part_link(w, name) == 0)
        return 0;
    return errno == ESTALE && is_ours(w, NULL) ? fani_writer_part_copy(w, name) : -1;
}

static int put_behind(fani_writer *w, const char *name)
{
    char *kept_name = strdup(name);
    if (!kept_name || rename_to(w, name)) {
        free(kept_name);
        return -1;
    }
    free(w->temporary);
    w->temporary = kept_name;
    return 0;
}

/* Gives the file the name that is removed by whoever takes over. */
static int go_behind_fence(fani_writer *w)
{
    char name[32];
    if (!w->fence.still_ours)
        return 0;
    snprintf(name, sizeof name, FENCED, (unsigned long long)w->fence.id);
    return w->part.st_ino ? put_part_behind(w, name) : put_behind(w, name);
}

/* Later calls say of it that it can't be renamed: the text is of the moment. */
static fan_status ask_fence(fani_writer *w, fan_error *error)
{
    fan_status status = w->fence.still_ours ? w->fence.still_ours(w->fence.user, error) : FAN_OK;
    if (status == FAN_OK)
        return status;
    errno = ESTALE;
    (void)fani_writer_fail(w, "renamed into place", NULL);
    return w->failed = status;
}

/* The bytes are on the disk, and the file has a name, if not its own. */
static fan_status finish_file(fani_writer *w, fan_error *error)
{
    if (fani_sync_to_disk(w->fd))
        return fani_writer_fail(w, "synced", error);
    if ((!w->temporary && fani_writer_make_temporary(w, w->fd) < 0) || go_behind_fence(w))
        return fani_writer_fail(w, "given its name", error);
    return close_own(w) ? fani_writer_fail(w, "closed", error) : FAN_OK;
}

static fan_status end_moving(fani_writer *w, fan_error *error)
{
    free(w->temporary);
    w->temporary = NULL;
    if (sync_folder(w->folder))
        return fani_writer_fail(w, "synced with its folder", error);
    return fani_writer_part_drop(w) ? fani_writer_fail(w, "freed of its first name", error)
                                    : FAN_OK;
}

static fan_status move_into_place(fani_writer *w, fan_error *error)
{
    fan_status status = finish_file(w, error);
    if (status == FAN_OK)
        status = ask_fence(w, error);
    if (status != FAN_OK)
        return status;
    errno = ESTALE;
    if (fani_writer_has_its_name(w) && rename_to(w, fani_writer_base_name(w->target)) == 0)
        return end_moving(w, error);
    (void)fani_writer_fail(w, "renamed into place", error);
    (void)ask_fence(w, error); /* the better reason, if it is one */
    return w->failed;
}

fan_status fani_writer_publish(fani_writer *writer, fan_error *error)
{
    fan_status status = fani_writer_end(writer, error);
    if (status != FAN_OK)
        return status;
    if (writer->folder >= 0)
        return move_into_place(writer, error);
    return close_own(writer) ? fani_writer_fail(writer, "closed", error) : FAN_OK;
}

fan_status fani_writer_publish_new(fani_writer *writer, bool *exists, fan_error *error)
{
    *exists = false;
    fan_status status = fani_writer_end(writer, error);
    if (status == FAN_OK && writer->folder < 0)
        return fani_writer_publish(writer, error);
    if (status == FAN_OK)
        status = finish_file(writer, error);
    if (status != FAN_OK)
        return status;
    if (link_into_place(writer) == 0)
        return end_moving(writer, error);
    *exists = errno == EEXIST;
    return *exists ? FAN_OK : fani_writer_fail(writer, "given its place", error);
}

void fani_writer_free(fani_writer *writer)
{
    if (!writer)
        return;
    /* What is thrown away here needs no check: it was never promised. */
    if (writer->fd >= 0)
        (void)close_own(writer);
    if (writer->folder >= 0) {
        if (writer->temporary && !writer->stays && fani_writer_has_its_name(writer))
            (void)unlinkat(writer->folder, writer->temporary, 0);
        (void)close(writer->folder);
    }
    free(writer->name);
    free(writer->target);
    free(writer->temporary);
    free(writer->left);
    free(writer->buffer);
    free(writer);
}
