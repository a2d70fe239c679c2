/* A byte ring in shared memory for one producer and one consumer, which need not be threads of one
 * process. Frames lie in one piece, so that a message is written and read in place. Each end keeps
 * its own position privately and checks the other's: a worker that scribbles over the ring can
 * spoil its own messages, never the memory of the reader. */
#ifndef FANI_PROCESSES_RING_H
#define FANI_PROCESSES_RING_H

#include "base/fetch.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

enum {
    FANI_PROCESSES_FRAME = 32, /* bytes of a frame's head, and what messages are aligned to */
    /* Frames begin at multiples of this: a short message and its head are one cache line. */
    FANI_PROCESSES_LINE = 64,
};

/* What both ends share beside the bytes: positions count all bytes since the start. */
typedef struct fani_processes_ends {
    _Alignas(64) _Atomic uint64_t head; /* end of what was published */
    _Alignas(64) _Atomic uint64_t tail; /* end of what was released */
} fani_processes_ends;

/* Who has a frame: the consumer begins it, or the producer takes it back before that. */
typedef enum fani_processes_claim {
    FANI_PROCESSES_WAITING,
    FANI_PROCESSES_BEGUN,
    FANI_PROCESSES_REVOKED,
} fani_processes_claim;

/* In front of each message. What the ring itself reads is `size`, `kind` and `claim`. */
typedef struct fani_processes_frame {
    uint32_t size; /* bytes of the message behind it */
    uint8_t kind;
    uint8_t flags;
    uint16_t context; /* requests: the place of their context */
    union {
        struct {                    /* requests */
            _Atomic uint32_t claim; /* fani_processes_claim */
            uint32_t controls;      /* messages to have been taken from the socket, modulo 2^32 */
        };
        uint64_t run_ns; /* replies */
    };
    uint64_t posting;
    union {
        uint64_t first;   /* requests: index of the first item */
        int64_t begun_ns; /* replies: when the run began, 0: not known */
    };
} fani_processes_frame;

/* One end. `bytes` is aligned to 64; `capacity` is a power of two. */
typedef struct fani_processes_ring {
    fani_processes_ends *ends;
    unsigned char *bytes;
    size_t capacity;
    uint64_t at;       /* this end's position */
    uint64_t far;      /* the other end's, when last looked at */
    uint64_t next;     /* where the frame in work ends */
    uint64_t released; /* consumer: the position that the producer knows of */
    bool broken;       /* producer: the consumer's position makes no sense */
} fani_processes_ring;

/* A frame as the consumer found it, its numbers read once. */
typedef struct fani_processes_message {
    fani_processes_frame *frame; /* NULL: the ring is empty */
    unsigned char *bytes;        /* aligned to 32 */
    size_t size;
    unsigned kind, flags, context;
    uint64_t posting;
} fani_processes_message;

/* Producer: room for a message of `size` bytes (at most a quarter of the capacity), or NULL while
 * there is none; `broken` is then set where there never will be. The message goes behind the frame,
 * the caller fills the rest of the frame (all but size), then publishes. */
fani_processes_frame *fani_processes_ring_reserve(fani_processes_ring *ring, size_t size);

/* Producer: shows the reserved frame to the consumer and returns its position, by which it can be
 * taken back. Who sleeps is to be woken by exchanging the flag that says so: that orders the flag
 * after this. */
static inline uint64_t fani_processes_ring_publish(fani_processes_ring *ring)
{
    uint64_t position = ring->at;
    ring->at = ring->next;
    atomic_store_explicit(&ring->ends->head, ring->at, memory_order_release);
    return position;
}

/* Producer: takes a published frame back. False: the consumer has begun it. */
bool fani_processes_ring_take_back(fani_processes_ring *ring, uint64_t position);

/* Producer: whether the frame at `position` was neither begun nor taken back. */
bool fani_processes_ring_untaken(const fani_processes_ring *ring, uint64_t position);

/* Producer: whether the consumer has begun, and not released, the frame at `position`. */
bool fani_processes_ring_begun(const fani_processes_ring *ring, uint64_t position);

/* Producer: whether the consumer has released all that was published. */
static inline bool fani_processes_ring_drained(const fani_processes_ring *ring)
{
    return atomic_load_explicit(&ring->ends->tail, memory_order_relaxed) == ring->at;
}

/* Consumer: whether a frame waits. */
static inline bool fani_processes_ring_waiting(const fani_processes_ring *ring)
{
    return atomic_load_explicit(&ring->ends->head, memory_order_acquire) != ring->at;
}

/* Consumer: whether a frame waits behind the peeked one. */
static inline bool fani_processes_ring_more(const fani_processes_ring *ring)
{
    return ring->far != ring->next ||
           atomic_load_explicit(&ring->ends->head, memory_order_acquire) != ring->next;
}

/* Consumer: the next frame. FAN_E_PROTOCOL: what is there makes no sense. */
fan_status fani_processes_ring_peek(fani_processes_ring *ring, fani_processes_message *message);

/* Consumer: claims a peeked frame; false where it was taken back. */
static inline bool fani_processes_ring_begin(const fani_processes_message *message)
{
    uint32_t waiting = FANI_PROCESSES_WAITING;
    return atomic_compare_exchange_strong(&message->frame->claim, &waiting, FANI_PROCESSES_BEGUN);
}

/* Consumer: goes on behind the peeked frame. Its memory stays as it is until the release. */
static inline void fani_processes_ring_pass(fani_processes_ring *ring)
{
    ring->at = ring->next;
}

/* Consumer: gives the room of all passed frames back. */
void fani_processes_ring_release(fani_processes_ring *ring);

/* Consumer: as release, but only where much has been passed: it costs the other end a cache line.
 */
void fani_processes_ring_release_some(fani_processes_ring *ring);

#endif
