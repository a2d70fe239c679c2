#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* mmap refuses 0 bytes. */
static size_t mapped(size_t size)
{
    return size ? size : 1;
}

fan_status fani_segment_create(fani_segment *segment, size_t size, fan_error *error)
{
    *segment = FANI_SEGMENT_NONE;
    int fd = memfd_create("fanfold-share", MFD_CLOEXEC);
    if (fd < 0)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "memfd_create");
    int code = fchmod(fd, 0600) ? errno : 0; /* it begins open to all, whatever the umask */
    /* Reserved now: memory that runs out later would end the process by SIGBUS. */
    if (!code)
        code = posix_fallocate(fd, 0, (off_t)mapped(size));
    void *bytes = MAP_FAILED;
    if (!code) {
        bytes = mmap(NULL, mapped(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        code = bytes == MAP_FAILED ? errno : 0;
    }
    if (code) {
        close(fd);
        return fani_error_errno(error, FAN_E_MEMORY, code, "no memory for %zu shared bytes", size);
    }
    *segment = (fani_segment){.fd = fd, .bytes = bytes, .size = size};
    return FAN_OK;
}

fan_status fani_segment_protect(const fani_segment *segment, fan_error *error)
{
    if (mprotect(segment->bytes, mapped(segment->size), PROT_READ))
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "mprotect");
    return FAN_OK;
}

static int open_with(pid_t pid, int fd, int mode)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, fd);
    return open(path, mode | O_CLOEXEC);
}

int fani_segment_open(pid_t pid, int fd)
{
    return open_with(pid, fd, O_RDONLY);
}

static fan_status map(fani_segment *segment, pid_t pid, int fd, size_t size, bool writable,
                      fan_error *error)
{
    const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    *segment = FANI_SEGMENT_NONE;
    int mine = open_with(pid, fd, writable ? O_RDWR : O_RDONLY);
    if (mine < 0)
        return fani_error_errno(error, FAN_E_SYSTEM, errno,
                                "opening the shared data of process %ld", (long)pid);
    fan_status status = FAN_OK;
    struct stat about;
    void *bytes = MAP_FAILED;
    if (fstat(mine, &about))
        status = fani_error_errno(error, FAN_E_SYSTEM, errno, "fstat");
    else if ((size_t)about.st_size < mapped(size))
        status = fani_error_set(error, FAN_E_PROTOCOL, "shared data has %zu bytes, not %zu",
                                (size_t)about.st_size, size);
    else if ((bytes = mmap(NULL, mapped(size), protection, MAP_SHARED, mine, 0)) == MAP_FAILED)
        status = fani_error_errno(error, FAN_E_SYSTEM, errno, "mapping %zu shared bytes", size);
    close(mine);
    if (!status)
        *segment = (fani_segment){.fd = -1, .bytes = bytes, .size = size};
    return status;
}

fan_status fani_segment_map(fani_segment *segment, pid_t pid, int fd, size_t size, fan_error *error)
{
    return map(segment, pid, fd, size, false, error);
}

fan_status fani_segment_map_writable(fani_segment *segment, pid_t pid, int fd, size_t size,
                                     fan_error *error)
{
    return map(segment, pid, fd, size, true, error);
}

void fani_segment_clear(fani_segment *segment)
{
    if (segment->bytes)
        munmap(segment->bytes, mapped(segment->size));
    if (segment->fd >= 0)
        close(segment->fd);
    *segment = FANI_SEGMENT_NONE;
}
