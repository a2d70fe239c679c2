/* Parts: what a run has written so far, beside its target and there after it. */
#include "base/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Whether a part can be gone on with: 0 or an errno code. */
static int check_part(int fd, uint64_t keep)
{
    struct stat info;
    if (fstat(fd, &info))
        return errno;
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid())
        return EPERM;
    return (uint64_t)info.st_size < keep ? ENODATA : 0;
}

/* Goes on with what is there: -1 with errno. */
static int open_part(const fani_writer *w, uint64_t keep)
{
    int fd =
        openat(w->folder, w->temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    int code = check_part(fd, keep);
    if (!code && (ftruncate(fd, (off_t)keep) || lseek(fd, (off_t)keep, SEEK_SET) < 0))
        code = errno;
    if (!code)
        return fd;
    (void)close(fd); /* nothing was written */
    errno = code;
    return -1;
}

static int new_part(const fani_writer *w)
{
    if (unlinkat(w->folder, w->temporary, 0) && errno != ENOENT)
        return -1;
    return openat(w->folder, w->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0666);
}

/* Opens the target's folder, and answers the name of its part there; NULL: an error. */
static char *find_part(fani_writer *w, const char *suffix, fan_error *error)
{
    char *name = NULL;
    if (fani_writer_follow_links(w))
        (void)fani_writer_fail(w, "created", error);
    else if (fani_writer_open_folder(w, error) == FAN_OK &&
             asprintf(&name, "%s%s", fani_writer_base_name(w->target), suffix) < 0) {
        name = NULL;
        w->failed = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    return name;
}

static fan_status open_stays(fani_writer *w, const char *suffix, uint64_t keep, fan_error *error)
{
    w->temporary = find_part(w, suffix, error);
    if (!w->temporary)
        return w->failed;
    w->stays = true;
    w->fd = keep == UINT64_MAX ? new_part(w) : open_part(w, keep);
    w->owned = w->fd >= 0;
    if (w->fd < 0 || fstat(w->fd, &w->part))
        return fani_writer_fail(w, keep == UINT64_MAX ? "created" : "gone on with", error);
    w->bytes = keep == UINT64_MAX ? 0 : keep;
    return FAN_OK;
}

fan_status fani_writer_to_part(const char *path, const char *suffix, uint64_t keep,
                               fani_writer **writer, fan_error *error)
{
    fani_writer *w = fani_writer_make(path, error);
    if (!w)
        return FAN_E_MEMORY;
    w->target = strdup(path);
    fan_status status = w->target ? open_stays(w, suffix, keep, error)
                                  : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status != FAN_OK) {
        fani_writer_free(w);
        return status;
    }
    *writer = w;
    return FAN_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_the_part(const fani_writer *w, const char *name)
{
    struct stat now;
    return fstatat(w->folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && is_same(&now, &w->part);
}

bool fani_writer_has_its_name(const fani_writer *w)
{
    return !w->part.st_ino || is_the_part(w, w->temporary);
}

/* Copies the first bytes of a file: 0, or -1 with errno. */
static int copy_bytes(fani_writer *w, int from, uint64_t size)
{
    uint64_t done = 0;
    while (done < size) {
        size_t most = size - done < FANI_WRITER_BUFFER ? (size_t)(size - done) : FANI_WRITER_BUFFER;
        ssize_t n = pread(from, w->buffer, most, (off_t)done);
        if (n > 0 && fani_write_all(w->fd, w->buffer, (size_t)n))
            return -1;
        if (n == 0)
            errno = ENODATA;
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        done += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

/* The copy gets a name that nobody knows, and then the part's. */
static fan_status put_copy(fani_writer *w, const char *part, uint64_t keep, fan_error *error)
{
    struct stat info;
    int from = openat(w->folder, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int code = from < 0 ? errno : check_part(from, keep);
    fan_status status = FAN_OK;
    errno = code;
    if (code || fstat(from, &info) || fchmod(w->fd, info.st_mode & 07777) ||
        copy_bytes(w, from, keep) || fani_sync_to_disk(w->fd))
        status = fani_writer_fail(w, "copied", error);
    else if ((!w->temporary && fani_writer_make_temporary(w, w->fd) < 0) ||
             renameat(w->folder, w->temporary, w->folder, part))
        status = fani_writer_fail(w, "put in its place", error);
    if (from >= 0)
        (void)close(from); /* only read */
    if (status == FAN_OK) {
        free(w->temporary);
        w->temporary = NULL;
    }
    return status;
}

fan_status fani_writer_part_renew(const char *path, const char *suffix, uint64_t keep,
                                  fan_error *error)
{
    fani_writer *w = fani_writer_make(path, error);
    if (!w)
        return FAN_E_MEMORY;
    w->target = strdup(path);
    char *part = w->target ? find_part(w, suffix, error) : NULL;
    fan_status status = w->failed;
    if (!w->target)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    else if (part)
        status = fani_writer_open_new(w, error);
    if (part && status == FAN_OK)
        status = put_copy(w, part, keep, error);
    free(part);
    fani_writer_free(w);
    return status;
}

/* ---- Publishing one --------------------------------------------------------------------------
 */

static int take_second_name(fani_writer *w, const char *name)
{
    char *second = strdup(name);
    if (!second)
        return -1;
    w->left = w->temporary;
    w->temporary = second;
    w->stays = false; /* that name */
    return 0;
}

/* Where files can't have two names, or descriptors are not found as files. */
static bool says_no_links(int code)
{
    return code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK ||
           code == EXDEV || code == ENOENT || code == EACCES;
}

int fani_writer_part_link(fani_writer *w, const char *to)
{
    char path[32];
    struct stat now;
    int result;
    fani_writer_descriptor_path(w->fd, path);
    do
        result = linkat(AT_FDCWD, path, w->folder, to, AT_SYMLINK_FOLLOW);
    while (result && errno == EINTR);
    if (!result)
        return take_second_name(w, to);
    int code = errno;
    if (fstat(w->fd, &now))
        return -1;
    errno = now.st_nlink ? code : ESTALE;
    return now.st_nlink && says_no_links(code) ? 0 : -1;
}

int fani_writer_part_copy(fani_writer *w, const char *to)
{
    struct stat info;
    int from = w->fd;
    int fd = fstat(from, &info)
                 ? -1
                 : openat(w->folder, to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    w->fd = fd;
    if (fchmod(fd, info.st_mode & 07777) == 0 && copy_bytes(w, from, (uint64_t)info.st_size) == 0 &&
        fani_sync_to_disk(fd) == 0 && fstat(fd, &w->part) == 0 && take_second_name(w, to) == 0) {
        (void)close(from); /* it has no name */
        return 0;
    }
    int code = errno;
    w->fd = from;
    (void)close(fd);
    (void)unlinkat(w->folder, to, 0);
    errno = code;
    return -1;
}

int fani_writer_part_drop(fani_writer *w)
{
    if (!w->left || !is_the_part(w, w->left))
        return 0;
    return unlinkat(w->folder, w->left, 0) && errno != ENOENT ? -1 : 0;
}

void fani_writer_discard(fani_writer *writer)
{
    writer->stays = false;
}

fan_status fani_writer_remove_part(fani_writer *writer, fan_error *error)
{
    fani_writer *w = writer;
    if (!w->temporary || !fani_writer_has_its_name(w))
        return FAN_OK;
    if (unlinkat(w->folder, w->temporary, 0) && errno != ENOENT)
        return fani_writer_fail(w, "removed", error);
    free(w->temporary);
    w->temporary = NULL;
    return FAN_OK;
}

/* Where links at the end of a path lead; NULL, with errno: they can't be followed, or lead to a
 * descriptor of ours (ENOENT). */
static char *follow(const char *path)
{
    fani_writer w = {.fd = -1, .folder = -1, .target = strdup(path)};
    bool followed = w.target && fani_writer_follow_links(&w) == 0;
    if (followed && w.fd < 0)
        return w.target;
    int code = followed ? ENOENT : errno;
    if (w.fd >= 0)
        (void)close(w.fd); /* a copy */
    free(w.target);
    errno = code;
    return NULL;
}

char *fani_writer_target(const char *path)
{
    char *target = follow(path);
    return target || errno == ENOMEM ? target : strdup(path);
}

/* The path of a target's part. NULL: there can't be one, or errno says why it is not known. */
static char *part_path(const char *path, const char *suffix)
{
    char *part = NULL, *target = follow(path);
    if (target && asprintf(&part, "%s%s", target, suffix) < 0)
        part = NULL;
    int code = errno;
    free(target);
    errno = code;
    return part;
}

/* Whether there is a part; *published: it is the target too. */
static bool find_existing(const char *path, const char *suffix, bool *published)
{
    struct stat part, target;
    char *name = part_path(path, suffix);
    bool exists = name && lstat(name, &part) == 0;
    free(name);
    *published = exists && stat(path, &target) == 0 && is_same(&part, &target);
    return exists;
}

bool fani_writer_part_exists(const char *path, const char *suffix)
{
    bool published;
    return find_existing(path, suffix, &published) && !published;
}

bool fani_writer_part_is_published(const char *path, const char *suffix)
{
    bool published;
    return find_existing(path, suffix, &published) && published;
}

fan_status fani_writer_part_forget(const char *path, const char *suffix, fan_error *error)
{
    if (!fani_writer_part_is_published(path, suffix))
        return FAN_OK;
    char *part = part_path(path, suffix);
    int code = !part ? ENOMEM : unlink(part) ? errno : 0;
    free(part);
    if (!code || code == ENOENT)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "%s%s can't be removed", path, suffix);
    fani_error_place(error, path, 0, 0);
    return FAN_E_OUTPUT;
}

int fani_writer_part_open(const char *path, const char *suffix)
{
    char *part = part_path(path, suffix);
    if (!part)
        return -1;
    int fd = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int code = errno;
    free(part);
    errno = code;
    return fd;
}

/* What a path itself can't be, not what the system had not enough of when it was asked. */
static bool is_of_the_path(int code)
{
    return code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP ||
           code == ENAMETOOLONG;
}

bool fani_writer_publishes(const char *path)
{
    struct stat info;
    char *target = follow(path);
    if (!target)
        return !is_of_the_path(errno);
    bool file = stat(target, &info) ? errno == ENOENT : S_ISREG(info.st_mode);
    free(target);
    return file;
}
