/* The socket between the program and one worker: what can't go through a ring. It carries
 * descriptors, wakes a sleeping worker, and its end of file tells either side that the other is
 * gone. Functions answer 0 or an errno. */
#ifndef FANI_PROCESSES_CONTROL_H
#define FANI_PROCESSES_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fani_processes_control_kind {
    FANI_PROCESSES_WAKE,   /* to a worker: look at the rings */
    FANI_PROCESSES_READY,  /* from a worker: it serves; id is the hash of its registry */
    FANI_PROCESSES_MEMORY, /* the message of posting `id`, `size` bytes, in the descriptor */
    FANI_PROCESSES_SHARE,  /* to a worker: share `id`, `size` bytes, in the descriptor */
    FANI_PROCESSES_DROP,   /* to a worker: forget share `id` */
    FANI_PROCESSES_GANG,   /* to a worker: as SHARE, to be written to */
} fani_processes_control_kind;

typedef struct fani_processes_control {
    uint64_t kind;
    uint64_t id;
    uint64_t size;
} fani_processes_control;

/* A connected pair, close-on-exec, above 5: messages keep their bounds. */
int fani_processes_control_pair(int sockets[2]);

/* Sends with a descriptor (-1: none). Without `wait`, EAGAIN where the socket is full. EPIPE: the
 * other side is gone. Never raises SIGPIPE. */
int fani_processes_control_send(int socket, const fani_processes_control *control, int fd,
                                bool wait);

/* Receives; *fd (close-on-exec) is -1 where none came. Without `wait`, EAGAIN where there is none.
 * EPIPE: the other side is gone; EPROTO: a malformed message. A descriptor that found no free
 * number here is lost: *fd is then -1. */
int fani_processes_control_receive(int socket, fani_processes_control *control, int *fd, bool wait);

/* Descriptors of large messages that came before their frames were looked at. */
enum { FANI_PROCESSES_INBOX = 16 };
typedef struct fani_processes_inbox {
    struct {
        uint64_t posting;
        size_t size;
        int fd;
    } entries[FANI_PROCESSES_INBOX];
    unsigned count;
} fani_processes_inbox;

/* Takes over the descriptor; false (and closed) where the inbox is full. */
bool fani_processes_inbox_put(fani_processes_inbox *inbox, const fani_processes_control *control,
                              int fd);

/* Hands the descriptor of a posting over (-1 where it was lost on the way); false: none came. */
bool fani_processes_inbox_take(fani_processes_inbox *inbox, uint64_t posting, int *fd,
                               size_t *size);

void fani_processes_inbox_clear(fani_processes_inbox *inbox);

#endif
