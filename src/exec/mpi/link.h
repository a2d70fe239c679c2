/* Messages over a communicator, without ever waiting in MPI: sends are queued by any thread, and
 * one thread at a time steps the link, which starts sends, matches what has come, and hands over
 * what is complete. Local throughout: nothing here is collective. */
#ifndef FANI_MPI_LINK_H
#define FANI_MPI_LINK_H

#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

/* One message; its memory ends by free(). `bytes` is aligned to 16 unless it is borrowed. */
typedef struct fani_message {
    struct fani_message *next;
    int peer;
    int tag;
    size_t size;
    unsigned char *bytes;
    bool borrowed;              /* `bytes` belongs to someone else */
    uint64_t number;            /* for the owner's use */
    struct fani_message *whole; /* of a part: the long message that it belongs to */
    size_t missing; /* of a long message: bytes that are not yet sent, or have not yet landed */
} fani_message;

/* Room for `size` bytes; NULL: out of memory. */
fani_message *fani_message_new(int peer, int tag, size_t size);

/* A message that sends (or receives into) memory of another, which must stay until it is gone. */
fani_message *fani_message_borrow(int peer, int tag, unsigned char *bytes, size_t size);

typedef struct fani_link_user {
    /* Where the bytes of an arriving message go; NULL: into memory of its own. */
    unsigned char *(*place)(void *user, int peer, int tag, size_t size);
    /* A complete message, which the function then owns. Called by whoever steps the link. */
    void (*handle)(void *user, fani_message *message);
    /* A part of a long message has come. */
    void (*heard)(void *user, int peer);
    void *user;
} fani_link_user;

/* Requests and their messages, side by side as MPI_Testsome wants them. */
typedef struct fani_flights {
    MPI_Request *requests;
    fani_message **messages;
    int *done;
    MPI_Status *statuses;
    int count;
    int capacity;
    size_t bytes;
} fani_flights;

typedef struct fani_link {
    MPI_Comm comm;
    fani_link_user user;

    pthread_mutex_t lock; /* guards the outbox and why_broken */
    fani_message *outbox;
    fani_message **outbox_end;
    fan_error why_broken;
    atomic_bool broken;
    atomic_size_t unsent;   /* messages queued or on their way */
    atomic_size_t borrowed; /* those of them with borrowed bytes */
    atomic_bool in_flight;

    struct fani_mpi_traffic *traffic; /* for each peer; NULL: not counted */

    /* Only for whoever steps. */
    size_t limit;           /* longer messages travel in parts of this size */
    fani_message *next_out; /* taken from the outbox, waiting for room */
    size_t cut;             /* bytes of next_out that have left in parts */
    fani_message *growing;  /* long messages of which parts are still to be matched; by `number`
                               bytes matched so far */
    unsigned heads;         /* heads of long messages that are landing: nothing overtakes them */
    fani_flights sends;
    fani_flights receives;
} fani_link;

enum {
    /* MPI counts in ints. Parts are much smaller, so that neither heartbeats nor other messages
     * wait long for one, and several are on their way at once. */
    FANI_LINK_LIMIT = 16 << 20,
};

/* `comm` is borrowed. FAN_E_SYSTEM. */
fan_status fani_link_init(fani_link *link, MPI_Comm comm, const fani_link_user *user,
                          fan_error *error);

/* Frees everything; nothing may be under way unless the link is broken: then what MPI may still
 * read or write is left alone. */
void fani_link_destroy(fani_link *link);

/* A message to receive `size` bytes into: where the link's user wants them, or its own memory.
 * NULL: out of memory, and the link is broken. Whoever steps. */
fani_message *fani_link_room(fani_link *link, int peer, int tag, size_t size);

/* Queues a message, which then belongs to the link. NULL breaks the link: out of memory. Any
 * thread. */
void fani_link_send(fani_link *link, fani_message *message);

/* Sends a short message past those that wait, on a broken link too. NULL breaks the link: out of
 * memory. Whoever steps. */
void fani_link_send_now(fani_link *link, fani_message *message);

/* Marks the link as unusable, with the first reason given. Any thread. */
void fani_link_break(fani_link *link, fan_status status, const char *text);

/* Copies the reason; FAN_OK where it is not broken. Any thread. */
fan_status fani_link_broken(fani_link *link, fan_error *error);

/* Whether messages are on their way, which move only while MPI is asked. Any thread. */
bool fani_link_in_flight(const fani_link *link);

/* Starts the sends that there is room for. Like fani_link_step. */
void fani_link_push(fani_link *link);

/* Does what can be done now; true when something was. One thread at a time, where MPI calls are
 * allowed. */
bool fani_link_step(fani_link *link);

#endif
