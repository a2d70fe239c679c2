#include "job/weak_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { WORD = sizeof(uint64_t), PIECE_MAX = 1 << 30 };

_Static_assert(sizeof(off_t) == 8, "places behind 2^31");

static fan_status fail(const fani_weak_file *file, fan_status status, int code, const char *what,
                       fan_error *error)
{
    fani_error_errno(error, status, code, "a level of the scan, %s, can't be %s", file->path, what);
    fani_error_place(error, file->path, 0, 0);
    return status;
}

/* Behind the head of the file and of the pack. */
static uint64_t first_place(size_t count)
{
    return FANI_KEPT_FILE_HEAD + ((uint64_t)count + 2) * WORD;
}

static size_t piece_of(const fani_weak_file *file, size_t size)
{
    size_t most = file->piece ? file->piece : PIECE_MAX;
    return size < most ? size : most;
}

/* ---- Made ------------------------------------------------------------------------------------ */

fan_status fani_weak_file_create(fani_weak_file *file, const char *path, size_t count,
                                 fan_error *error)
{
    *file = (fani_weak_file){.path = strdup(path),
                             .fd = -1,
                             .starts = calloc(count + 1, sizeof *file->starts),
                             .count = count};
    fan_status status = FAN_OK;
    if (!file->path || !file->starts) {
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for a level of the scan");
    } else {
        /* Who still has an older one open goes on with a file that has no name any more. */
        (void)unlink(path);
        file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file->fd < 0)
            status = fail(file, FAN_E_OUTPUT, errno, "made", error);
    }
    if (status != FAN_OK)
        fani_weak_file_close(file);
    return status;
}

fan_status fani_weak_file_add(fani_weak_file *file, size_t limbs, uint64_t *place)
{
    if (file->next == file->count)
        return FAN_E_ARGUMENT;
    uint64_t start = file->starts[file->next++];
    file->starts[file->next] = start + limbs;
    *place = first_place(file->count) + start * WORD;
    return FAN_OK;
}

fan_status fani_weak_file_write(const fani_weak_file *file, uint64_t place, const void *bytes,
                                size_t size, fan_error *error)
{
    for (const unsigned char *at = bytes; size;) {
        ssize_t n = pwrite(file->fd, at, piece_of(file, size), (off_t)place);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(file, FAN_E_OUTPUT, n ? errno : ENOSPC, "written", error);
        at += n;
        place += (uint64_t)n;
        size -= (size_t)n;
    }
    return FAN_OK;
}

fan_status fani_weak_file_finish(const fani_weak_file *file, fan_error *error)
{
    uint64_t count = file->count, place = FANI_KEPT_FILE_HEAD;
    if (file->next != file->count)
        return fani_error_set(error, FAN_E_PROTOCOL, "a level of the tree is not complete");
    fan_status status = fani_weak_file_write(file, place, &count, sizeof count, error);
    return status == FAN_OK ? fani_weak_file_write(file, place + sizeof count, file->starts,
                                                   (file->count + 1) * WORD, error)
                            : status;
}

fan_status fani_weak_file_seal(fani_weak_file *file, const fani_kept_mark *mark,
                               const fani_writer_fence *fence, fan_error *error)
{
    fan_status status = FAN_OK;
    if (file->sealed)
        return FAN_OK;
    if (fence)
        status = fence->still_ours(fence->user, error);
    int code = status == FAN_OK ? fani_kept_file_seal(file->fd, mark) : 0;
    if (code)
        status = fail(file, FAN_E_OUTPUT, code, "kept", error);
    file->sealed = status == FAN_OK;
    return status;
}

/* ---- Read ------------------------------------------------------------------------------------ */

/* `size` bytes from a place on. */
static fan_status read_at(const fani_weak_file *file, uint64_t place, void *to, size_t size,
                          fan_error *error)
{
    for (unsigned char *at = to; size;) {
        ssize_t n = pread(file->fd, at, piece_of(file, size), (off_t)place);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, FAN_E_INPUT, errno, "read", error);
        if (n == 0) {
            fani_error_set(error, FAN_E_INPUT, "a level of the scan, %s, has become too short",
                           file->path);
            fani_error_place(error, file->path, 0, 0);
            return FAN_E_INPUT;
        }
        at += n;
        place += (uint64_t)n;
        size -= (size_t)n;
    }
    return FAN_OK;
}

fan_status fani_weak_file_read(const fani_weak_file *file, size_t i, mp_limb_t *to,
                               fan_error *error)
{
    uint64_t start = file->starts[i], limbs = file->starts[i + 1] - start;
    return read_at(file, first_place(file->count) + start * WORD, to, (size_t)limbs * WORD, error);
}

/* Whether the integers are where the file says, and all of it. */
static bool is_sound(const fani_weak_file *file, uint64_t size)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->starts[i] > file->starts[i + 1])
            return false;
    uint64_t words = size / WORD - file->count - 2;
    return size % WORD == 0 && file->starts[0] == 0 && file->starts[file->count] == words;
}

static bool read_starts(fani_weak_file *file, const fani_kept_mark *mark, size_t count)
{
    uint64_t size, there;
    if (!fani_kept_file_verify(file->fd, mark, &size) || size / WORD < 2 ||
        size / WORD - 2 < count ||
        read_at(file, FANI_KEPT_FILE_HEAD, &there, sizeof there, NULL) != FAN_OK || there != count)
        return false;
    file->count = file->next = count;
    file->starts = calloc(count + 1, sizeof *file->starts);
    return file->starts &&
           read_at(file, FANI_KEPT_FILE_HEAD + sizeof there, file->starts,
                   (count + 1) * sizeof *file->starts, NULL) == FAN_OK &&
           is_sound(file, size);
}

bool fani_weak_file_open(fani_weak_file *file, const char *path, const fani_kept_mark *mark,
                         size_t count)
{
    /* Another program's FIFO of that name is not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    *file = (fani_weak_file){.path = strdup(path), .fd = fd, .sealed = true};
    if (file->path && read_starts(file, mark, count))
        return true;
    fani_weak_file_close(file);
    return false;
}

/* ---- Closed ---------------------------------------------------------------------------------- */

/* Another run may have given the name to a file of its own. */
static void remove_own(const fani_weak_file *file)
{
    struct stat own, named;
    if (fstat(file->fd, &own) == 0 && lstat(file->path, &named) == 0 &&
        own.st_dev == named.st_dev && own.st_ino == named.st_ino)
        (void)unlink(file->path); /* where that fails, the next run removes it */
}

void fani_weak_file_close(fani_weak_file *file)
{
    if (file->path && file->fd >= 0) {
        if (!file->sealed)
            remove_own(file);
        (void)close(file->fd); /* what was to stay is synced */
    }
    free(file->path);
    free(file->starts);
    *file = (fani_weak_file){0};
}
