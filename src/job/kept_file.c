#include "job/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { READ_MAX = 1 << 30, PIECE = 1 << 20 };

typedef struct head {
    fani_kept_mark mark;
    uint64_t size;
    uint64_t check;
} head;

_Static_assert(sizeof(head) == FANI_KEPT_FILE_HEAD, "what is written before the bytes");

static head head_of(const fani_kept_mark *mark, const void *bytes, size_t size)
{
    return (head){.mark = *mark, .size = size, .check = XXH3_64bits(bytes, size)};
}

static fan_status write_all(fani_writer *writer, const head *h, const void *bytes, fan_error *error)
{
    fan_status status = fani_writer_make_private(writer, error);
    if (status == FAN_OK)
        status = fani_writer_add(writer, h, sizeof *h, error);
    if (status == FAN_OK)
        status = fani_writer_add(writer, bytes, (size_t)h->size, error);
    return status == FAN_OK ? fani_writer_publish(writer, error) : status;
}

fan_status fani_kept_file_save(const char *path, const fani_kept_mark *mark, const void *bytes,
                               size_t size, const fani_writer_fence *fence, fan_error *error)
{
    const head h = head_of(mark, bytes, size);
    fani_writer *writer = NULL;
    fan_status status = fani_writer_to_name(path, &writer, error);
    if (status == FAN_OK && fence)
        fani_writer_set_fence(writer, fence);
    if (status == FAN_OK)
        status = write_all(writer, &h, bytes, error);
    fani_writer_free(writer);
    return status;
}

static bool read_all(int fd, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read(fd, at, size < READ_MAX ? size : READ_MAX);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The system confirms the size before there is memory for it. */
static bool read_file(int fd, const fani_kept_mark *mark, fan_buffer *bytes)
{
    head h, want;
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || !read_all(fd, &h, sizeof h) ||
        (uint64_t)info.st_size != h.size + sizeof h)
        return false;
    bytes->bytes = malloc(h.size ? (size_t)h.size : 1);
    if (!bytes->bytes)
        return false;
    bytes->size = bytes->capacity = (size_t)h.size;
    if (!read_all(fd, bytes->bytes, bytes->size))
        return false;
    want = head_of(mark, bytes->bytes, bytes->size);
    return !memcmp(&h, &want, sizeof h);
}

bool fani_kept_file_load(const char *path, const fani_kept_mark *mark, fan_buffer *bytes)
{
    /* Another program's FIFO of that name is not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool loaded = fd >= 0 && read_file(fd, mark, bytes);
    if (fd >= 0)
        close(fd);
    return loaded;
}

/* ---- Piece by piece -------------------------------------------------------------------------- */

/* Reads up to `size` bytes from a place on; what is missing is at the end. 0 or an errno. */
static int read_at(int fd, unsigned char *bytes, size_t size, uint64_t place, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, bytes + *got, size - *got, (off_t)(place + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        *got += (size_t)n;
    }
    return 0;
}

/* The size and the check of what stands behind the head. 0 or an errno. */
static int check_bytes(int fd, uint64_t *size, uint64_t *check)
{
    unsigned char *piece = malloc(PIECE);
    XXH3_state_t *state = XXH3_createState();
    int code = piece && state && XXH3_64bits_reset(state) == XXH_OK ? 0 : ENOMEM;
    size_t got = PIECE;
    *size = 0;
    while (!code && got == PIECE) {
        code = read_at(fd, piece, PIECE, FANI_KEPT_FILE_HEAD + *size, &got);
        if (!code && XXH3_64bits_update(state, piece, got) != XXH_OK)
            code = EINVAL;
        *size += got;
    }
    if (!code)
        *check = XXH3_64bits_digest(state);
    (void)XXH3_freeState(state);
    free(piece);
    return code;
}

int fani_kept_file_seal(int fd, const fani_kept_mark *mark)
{
    head h = {.mark = *mark};
    int code = check_bytes(fd, &h.size, &h.check);
    if (code)
        return code;
    ssize_t written = pwrite(fd, &h, sizeof h, 0);
    if (written != (ssize_t)sizeof h)
        return written < 0 ? errno : ENOSPC;
    return fsync(fd) ? errno : 0;
}

bool fani_kept_file_verify(int fd, const fani_kept_mark *mark, uint64_t *size)
{
    head h, want = {.mark = *mark};
    struct stat info;
    size_t got;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) ||
        read_at(fd, (unsigned char *)&h, sizeof h, 0, &got) || got != sizeof h ||
        memcmp(&h.mark, mark, sizeof *mark) || check_bytes(fd, &want.size, &want.check))
        return false;
    *size = h.size;
    return !memcmp(&h, &want, sizeof h);
}
