#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

/* Room for one descriptor, aligned as the headers inside want it. */
typedef union descriptor_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} descriptor_room;

int fani_processes_control_pair(int sockets[2])
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    for (int i = 0; i < 2; i++) {
        pair[i] = fani_processes_fd_above(pair[i]);
        if (pair[i] < 0) {
            int error = errno;
            fani_processes_fd_close(&pair[1 - i]);
            return error;
        }
    }
    memcpy(sockets, pair, sizeof pair);
    return 0;
}

static void attach(struct msghdr *message, descriptor_room *room, int fd)
{
    memset(room, 0, sizeof *room);
    message->msg_control = room->bytes;
    message->msg_controllen = sizeof room->bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

int fani_processes_control_send(int socket, const fani_processes_control *control, int fd,
                                bool wait)
{
    descriptor_room room;
    struct iovec part = {.iov_base = (void *)(uintptr_t)control, .iov_len = sizeof *control};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0)
        attach(&message, &room, fd);
    ssize_t n;
    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n == sizeof *control ? 0 : EPROTO;
    return errno == ECONNRESET ? EPIPE : errno;
}

static int attached(struct msghdr *message)
{
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

int fani_processes_control_receive(int socket, fani_processes_control *control, int *fd, bool wait)
{
    descriptor_room room;
    struct iovec part = {.iov_base = control, .iov_len = sizeof *control};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    ssize_t n;
    *fd = -1;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? EPIPE : errno;
    if (n == 0)
        return EPIPE;
    *fd = attached(&message);
    if (n == sizeof *control && !(message.msg_flags & MSG_TRUNC))
        return 0;
    fani_processes_fd_close(fd);
    return EPROTO;
}

bool fani_processes_inbox_put(fani_processes_inbox *inbox, const fani_processes_control *control,
                              int fd)
{
    if (inbox->count == FANI_PROCESSES_INBOX) {
        fani_processes_fd_close(&fd);
        return false;
    }
    inbox->entries[inbox->count].posting = control->id;
    inbox->entries[inbox->count].size = control->size;
    inbox->entries[inbox->count++].fd = fd;
    return true;
}

bool fani_processes_inbox_take(fani_processes_inbox *inbox, uint64_t posting, int *fd, size_t *size)
{
    for (unsigned i = 0; i < inbox->count; i++) {
        if (inbox->entries[i].posting != posting)
            continue;
        *fd = inbox->entries[i].fd;
        *size = inbox->entries[i].size;
        inbox->entries[i] = inbox->entries[--inbox->count];
        return true;
    }
    return false;
}

void fani_processes_inbox_clear(fani_processes_inbox *inbox)
{
    while (inbox->count)
        fani_processes_fd_close(&inbox->entries[--inbox->count].fd);
}
