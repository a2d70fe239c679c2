/* The place of a worker, {%}. It is the name of a socket that this host can have but once: so
 * nothing has to be set up between workers that are threads, processes and ranks, and nothing is
 * left behind by one that is killed. A worker keeps its place: so there are never more than
 * workers. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "job/command_internal.h"

enum { PLACES = 1 << 16 };

/* Gives a socket the name of a place: 0, or -1 with errno. A name that begins with a NUL is no
 * file, and goes with its socket. */
static int take_name(int fd, uint64_t run, unsigned number)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                        "fanfold-place-%016llx-%u", (unsigned long long)run, number);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
    return bind(fd, (const struct sockaddr *)&address, length);
}

bool fani_command_place_take(uint64_t run, fani_command_place *place)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned number = 1;
    int result = -1;
    if (fd < 0)
        return false;
    while ((result = take_name(fd, run, number)) && errno == EADDRINUSE && number < PLACES)
        number++;
    if (result) {
        int code = errno;
        (void)close(fd); /* nothing was written */
        errno = code;
        return false;
    }
    *place = (fani_command_place){.number = number, .fd = fd};
    return true;
}

void fani_command_place_leave(fani_command_place *place)
{
    if (place->number)
        (void)close(place->fd); /* nothing was written */
    *place = (fani_command_place){0};
}
