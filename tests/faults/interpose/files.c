/* Calls on files and descriptors, in the place of the C library's. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "interpose.h"

/* Makes the system call `real` unless the call is to fail. */
#define MEET(call, fd, path, failed, real)                                                         \
    do {                                                                                           \
        fault_action action_ = fault_meet(call, fd, path);                                         \
        if (action_ == FAULT_FAIL)                                                                 \
            return failed;                                                                         \
        long result_ = (real);                                                                     \
        if (action_ == FAULT_AFTER)                                                                \
            fault_after();                                                                         \
        return (__typeof__(failed))result_;                                                        \
    } while (0)

/* ---- Reading and writing --------------------------------------------------------------------- */

static size_t less(fault_action action, size_t size)
{
    return action == FAULT_SHORT ? (size + 1) / 2 : size;
}

#define MEET_SIZED(call, fd, size, real)                                                           \
    do {                                                                                           \
        fault_action action_ = fault_meet(call, fd, NULL);                                         \
        if (action_ == FAULT_FAIL)                                                                 \
            return -1;                                                                             \
        size = less(action_, size);                                                                \
        ssize_t result_ = (real);                                                                  \
        if (action_ == FAULT_AFTER)                                                                \
            fault_after();                                                                         \
        return result_;                                                                            \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t size)
{
    MEET_SIZED(FAULT_WRITE, fd, size, syscall(SYS_write, fd, bytes, size));
}

ssize_t read(int fd, void *bytes, size_t size)
{
    MEET_SIZED(FAULT_READ, fd, size, syscall(SYS_read, fd, bytes, size));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    MEET_SIZED(FAULT_PWRITE, fd, size, syscall(SYS_pwrite64, fd, bytes, size, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    fault_action action = fault_meet(FAULT_WRITEV, fd, NULL);
    if (action == FAULT_FAIL)
        return -1;
    if (action == FAULT_SHORT && count > 0)
        return syscall(SYS_write, fd, parts[0].iov_base, (parts[0].iov_len + 1) / 2);
    ssize_t written = syscall(SYS_writev, fd, parts, count);
    if (action == FAULT_AFTER)
        fault_after();
    return written;
}

int fsync(int fd)
{
    MEET(FAULT_FSYNC, fd, NULL, -1, fault_has_no_sync() ? 0 : syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    MEET(FAULT_FDATASYNC, fd, NULL, -1, fault_has_no_sync() ? 0 : syscall(SYS_fdatasync, fd));
}

/* As on Linux the descriptor is closed even where close fails. */
int close(int fd)
{
    fault_action action = fault_meet(FAULT_CLOSE, fd, NULL);
    int error = errno;
    int result = (int)syscall(SYS_close, fd);
    if (action == FAULT_AFTER)
        fault_after();
    if (action != FAULT_FAIL || result)
        return result;
    errno = error;
    return -1;
}

int ftruncate64(int fd, off64_t size)
{
    MEET(FAULT_FTRUNCATE, fd, NULL, -1, syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    MEET(FAULT_FALLOCATE, fd, NULL, -1, syscall(SYS_fallocate, fd, mode, offset, size));
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    return fallocate64(fd, mode, offset, size);
}

/* ---- Names ----------------------------------------------------------------------------------- */

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    MEET(FAULT_RENAME, to_folder, to, -1,
         syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    MEET(FAULT_LINK, to_folder, to, -1,
         syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    MEET(FAULT_UNLINK, folder, path, -1, syscall(SYS_unlinkat, folder, path, flags));
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* O_TMPFILE has the bit of O_DIRECTORY in it. */
static bool is_nameless(int flags)
{
    return (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_at(int folder, const char *path, int flags, unsigned mode)
{
    if (is_nameless(flags) && fault_has_no_nameless()) {
        errno = EOPNOTSUPP;
        return -1;
    }
    MEET(FAULT_OPEN, folder, path, -1, syscall(SYS_openat, folder, path, flags, mode));
}

/* The mode follows the flags where a file may be made. */
#define MODE_AFTER(flags)                                                                          \
    unsigned mode = 0;                                                                             \
    if ((flags)&O_CREAT || is_nameless(flags)) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, unsigned);                                                             \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_at(folder, path, flags, mode);
}

/* ---- Memory and descriptors of other kinds --------------------------------------------------- */

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
    MEET(FAULT_MMAP, fd, NULL, MAP_FAILED,
         syscall(SYS_mmap, at, size, protection, flags, fd, offset));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return mmap64(at, size, protection, flags, fd, offset);
}

int memfd_create(const char *name, unsigned flags)
{
    MEET(FAULT_MEMFD, -1, name, -1, syscall(SYS_memfd_create, name, flags));
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    MEET(FAULT_SOCKET, -1, NULL, -1, syscall(SYS_socketpair, domain, type, protocol, fds));
}

int eventfd(unsigned value, int flags)
{
    MEET(FAULT_EVENTFD, -1, NULL, -1, syscall(SYS_eventfd2, value, flags));
}

int pipe2(int fds[2], int flags)
{
    MEET(FAULT_PIPE, -1, NULL, -1, syscall(SYS_pipe2, fds, flags));
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    static _Atomic uint64_t next;
    if (!fault_random_counts())
        return syscall(SYS_getrandom, bytes, size, flags);
    uint64_t number = atomic_fetch_add(&next, 1);
    memset(bytes, 0, size);
    memcpy(bytes, &number, size < sizeof number ? size : sizeof number);
    return (ssize_t)size;
}
