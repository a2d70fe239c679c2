#include "stage/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/writer.h"

enum { BENEATH_TRIES = 100 };

/* ---- Names ----------------------------------------------------------------------------------- */

/* Whether the part of a name that begins here is "..". */
static bool is_upward(const char *part)
{
    return part[0] == '.' && part[1] == '.' && (part[2] == '/' || !part[2]);
}

const char *fani_beneath_flaw(const char *name)
{
    if (!*name)
        return "is empty";
    if (*name == '/')
        return "is absolute";
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (is_upward(part))
            return "has .. in it";
        if (!*part || !strcmp(part, "."))
            return "ends like that of a folder";
    }
    return NULL;
}

void fani_beneath_tidy(char *name)
{
    char *to = name;
    for (const char *part = name; *part;) {
        size_t size = strcspn(part, "/");
        bool counts = size && !(size == 1 && *part == '.');
        if (counts && to != name)
            *to++ = '/';
        if (counts) {
            memmove(to, part, size);
            to += size;
        }
        part += size;
        part += *part == '/';
    }
    *to = '\0';
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int open_step(int folder, const char *name, int flags)
{
    int fd;
    do {
        fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static void close_quietly(int fd)
{
    int code = errno;
    (void)close(fd); /* a folder: nothing was written */
    errno = code;
}

/* The first part of *name, which is moved behind it and its slash; false: the last one is left. */
static bool take_part(const char **name, char part[NAME_MAX + 1])
{
    const char *slash = strchr(*name, '/');
    size_t size = slash ? (size_t)(slash - *name) : 0;
    if (!slash || size > NAME_MAX)
        return false;
    memcpy(part, *name, size);
    part[size] = '\0';
    *name = slash + 1;
    return true;
}

/* A folder in another one. With O_PATH a link would be opened itself: O_DIRECTORY refuses it. */
static int open_folder(int folder, const char *name)
{
    return open_step(folder, name, O_PATH | O_DIRECTORY);
}

/* Makes a folder that is missing, unless somebody else just has. Its name is to stay too. */
static bool make_folder(int folder, const char *name, mode_t mode)
{
    return mkdirat(folder, name, mode) == 0 ? fani_sync_folder(folder, ".") == 0 : errno == EEXIST;
}

/* Goes to the folder that the last part of a name lies in, making those that are missing unless
 * `mode` is 0; *name is then that part. The answer is another descriptor than `folder`. */
static int go_down(int folder, const char **name, mode_t mode)
{
    char part[NAME_MAX + 1];
    int at = open_folder(folder, ".");
    while (at >= 0 && take_part(name, part)) {
        if (!*part || !strcmp(part, "."))
            continue;
        int next = open_folder(at, part);
        if (next < 0 && errno == ENOENT && mode && make_folder(at, part, mode))
            next = open_folder(at, part);
        close_quietly(at);
        at = next;
    }
    return at;
}

int fani_beneath_walk(int folder, const char *name, int flags)
{
    if (fani_beneath_flaw(name)) {
        errno = EXDEV;
        return -1;
    }
    int at = go_down(folder, &name, 0);
    if (at < 0)
        return -1;
    int fd = open_step(at, name, flags);
    close_quietly(at);
    return fd;
}

/* The kernel's own way. What is moved about meanwhile makes it answer EAGAIN. */
static int open_beneath(int folder, const char *name, int flags, bool links)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC | (links ? 0 : O_NOFOLLOW)),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                                      (links ? 0 : RESOLVE_NO_SYMLINKS)};
    long fd;
    int tries = 0;
    do {
        fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN) && ++tries < BENEATH_TRIES);
    return (int)fd;
}

/* An old kernel, or a filter of system calls that does not know the call, as containers have. */
static bool lacks_the_call(int code)
{
    return code == ENOSYS || code == EPERM || code == E2BIG;
}

int fani_beneath_open(int folder, const char *name, int flags, bool links)
{
    if (fani_beneath_flaw(name)) {
        errno = EXDEV;
        return -1;
    }
    int fd = open_beneath(folder, name, flags, links);
    return fd < 0 && lacks_the_call(errno) ? fani_beneath_walk(folder, name, flags) : fd;
}

int fani_beneath_parent(int folder, const char *name, mode_t mode, const char **last)
{
    *last = name;
    if (!fani_beneath_flaw(name))
        return go_down(folder, last, mode);
    errno = EXDEV;
    return -1;
}
