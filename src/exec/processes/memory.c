#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FIRST_OWN_FD = 6,
    NO_EXEC_SEAL = 8, /* MFD_NOEXEC_SEAL: newer than the C library here, wanted by some kernels */
    FROZEN = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

int fani_processes_fd_above(int fd)
{
    if (fd < 0 || fd >= FIRST_OWN_FD)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    int error = errno;
    close(fd);
    errno = error;
    return moved;
}

void fani_processes_fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_memory(void)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("fanfold", flags | NO_EXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("fanfold", flags);
    fd = fani_processes_fd_above(fd);
    if (fd >= 0 && fchmod(fd, 0600) != 0) { /* it begins open to all, whatever the umask */
        int error = errno;
        fani_processes_fd_close(&fd);
        errno = error;
    }
    return fd;
}

/* Gives memory its size for good. */
static int set_size(int fd, size_t size, bool reserve)
{
    if (size > (size_t)INT64_MAX)
        return EFBIG;
    if (ftruncate(fd, (off_t)size) != 0)
        return errno;
    while (reserve && size && fallocate(fd, 0, 0, (off_t)size) != 0)
        if (errno != EINTR)
            return errno;
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0 ? 0 : errno;
}

int fani_processes_memory_new(size_t size, bool reserve, int *fd)
{
    int made = open_memory();
    if (made < 0)
        return errno;
    int error = set_size(made, size, reserve);
    if (error) {
        close(made);
        return error;
    }
    *fd = made;
    return 0;
}

/* mmap refuses a size of 0. */
static size_t mapped_size(size_t size)
{
    return size ? size : 1;
}

static int map(int fd, size_t size, int protection, bool all_now, unsigned char **bytes)
{
    int flags = MAP_SHARED | (all_now ? MAP_POPULATE : 0);
    void *at = mmap(NULL, mapped_size(size), protection, flags, fd, 0);
    if (at == MAP_FAILED)
        return errno;
    *bytes = at;
    return 0;
}

int fani_processes_memory_map(int fd, size_t size, bool all_now, unsigned char **bytes)
{
    return map(fd, size, PROT_READ | PROT_WRITE, all_now, bytes);
}

int fani_processes_memory_freeze(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0 ? 0 : errno;
}

int fani_processes_memory_map_frozen(int fd, size_t size, bool all_now, const unsigned char **bytes)
{
    struct stat stat;
    unsigned char *at = NULL;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &stat) != 0)
        return errno;
    if ((seals & FROZEN) != FROZEN || stat.st_size < 0 || (size_t)stat.st_size != size)
        return EPROTO;
    int error = map(fd, size, PROT_READ, all_now, &at);
    if (!error)
        *bytes = at;
    return error;
}

void fani_processes_memory_unmap(const unsigned char *bytes, size_t size)
{
    if (bytes)
        munmap((void *)(uintptr_t)bytes, mapped_size(size));
}

int fani_processes_memory_write(int fd, size_t at, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return ENOSPC;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int fani_processes_memory_copy(const unsigned char *bytes, size_t size, int *fd)
{
    int made = -1;
    int error = fani_processes_memory_new(size, false, &made);
    if (error)
        return error;
    error = fani_processes_memory_write(made, 0, bytes, size);
    if (!error)
        error = fani_processes_memory_freeze(made);
    if (error)
        close(made);
    else
        *fd = made;
    return error;
}
