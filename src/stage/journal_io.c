#include "stage/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static int open_at(int folder, const char *name, int flags, mode_t mode)
{
    return openat(folder, name, flags, mode);
}

/* Some network file systems interrupt these. */
static int link_at(int folder, const char *from, const char *to)
{
    int code;
    do
        code = linkat(folder, from, folder, to, 0);
    while (code && errno == EINTR);
    return code;
}

static int link_fd(int fd, int folder, const char *to)
{
    char path[32];
    int code;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    do
        code = linkat(AT_FDCWD, path, folder, to, AT_SYMLINK_FOLLOW);
    while (code && errno == EINTR);
    return code;
}

static int rename_at(int folder, const char *from, const char *to)
{
    int code;
    do
        code = renameat(folder, from, folder, to);
    while (code && errno == EINTR);
    return code;
}

static int unlink_at(int folder, const char *name)
{
    return unlinkat(folder, name, 0);
}

const fani_journal_io fani_journal_system_io = {
    .open_at = open_at,
    .write = write,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .truncate = ftruncate,
    .link_at = link_at,
    .link_fd = link_fd,
    .rename_at = rename_at,
    .unlink_at = unlink_at,
    .close = close,
};

int fani_journal_write_all(const fani_journal_io *io, int fd, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    while (size) {
        ssize_t n = io->write(fd, from, size);
        if (n > 0) {
            from += n;
            size -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            errno = n == 0 ? ENOSPC : errno;
            return -1;
        }
    }
    return 0;
}

int fani_journal_sync_data(const fani_journal_io *io, int fd)
{
    int code;
    do {
        code = io->fdatasync(fd);
    } while (code && errno == EINTR);
    return code;
}

int fani_journal_sync_folder(const fani_journal_io *io, int folder)
{
    int code;
    do {
        code = io->fsync(folder);
    } while (code && errno == EINTR);
    return code && errno != EINVAL && errno != ENOTSUP ? -1 : 0;
}

int fani_journal_close_fd(const fani_journal_io *io, int fd)
{
    return io->close(fd) != 0 && errno != EINTR ? -1 : 0;
}

fan_status fani_journal_place_open(const fani_journal_io *io, const char *path,
                                   fani_journal_place *place, fan_error *error)
{
    const char *slash = strrchr(path, '/');
    *place = (fani_journal_place){.io = io, .folder = -1};
    place->path = strdup(path);
    place->name = strdup(slash ? slash + 1 : path);
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
    fan_status status = FAN_OK;
    if (!place->path || !place->name || !folder)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    else if (!*place->name)
        status = fani_journal_place_error(place, FAN_E_OUTPUT, EISDIR, "opened", error);
    else if ((place->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        status = fani_journal_place_error(place, FAN_E_OUTPUT, errno, "opened", error);
    free(folder);
    if (status != FAN_OK)
        fani_journal_place_close(place);
    return status;
}

void fani_journal_place_close(fani_journal_place *place)
{
    if (place->folder >= 0)
        (void)close(place->folder); /* only looked into */
    free(place->path);
    free(place->name);
    *place = (fani_journal_place){.folder = -1};
}

fan_status fani_journal_place_error(const fani_journal_place *place, fan_status status,
                                    int errno_code, const char *doing, fan_error *error)
{
    fani_error_errno(error, status, errno_code, "%s can't be %s", place->path, doing);
    fani_error_place(error, place->path, 0, 0);
    return status;
}
