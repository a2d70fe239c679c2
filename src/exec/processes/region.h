/* What the program and one worker image share: a block of memory with two rings and a few flags. */
#ifndef FANI_PROCESSES_REGION_H
#define FANI_PROCESSES_REGION_H

#include <sched.h>

#include "ring.h"

enum {
    FANI_PROCESSES_RING_BYTES = 1 << 19,
    /* A longer message travels as memory of its own, by descriptor. */
    FANI_PROCESSES_INLINE_BYTES = FANI_PROCESSES_RING_BYTES / 4 - FANI_PROCESSES_FRAME,
    /* Batches a worker has at most. Mostly it gets fewer: see dispatch.c. */
    FANI_PROCESSES_WINDOW = 1024,
    FANI_PROCESSES_WINDOW_FIRST = 16, /* before its times are known */
    FANI_PROCESSES_CONTEXTS = 8,      /* contexts a worker remembers */
    /* Where the worker image finds its descriptors: memory, socket, bell. */
    FANI_PROCESSES_FD_REGION = 3,
    FANI_PROCESSES_FD_SOCKET = 4,
    FANI_PROCESSES_FD_BELL = 5,
};

/* What is the same for many batches travels ahead of them, once: the task by name, the arguments,
 * the limit of a reply. Short messages then need little more than their frame; the others are wire
 * messages that carry everything. */
typedef enum fani_processes_request_kind {
    FANI_PROCESSES_WIRE,         /* a wire message */
    FANI_PROCESSES_WIRE_OUTSIDE, /* a wire message in memory sent by the socket */
    FANI_PROCESSES_CONTEXT,      /* a wire message without items: what goes by this place now */
    FANI_PROCESSES_ITEM,         /* one input */
    FANI_PROCESSES_ITEMS,        /* a fani_processes_count and its inputs, all of one size */
    FANI_PROCESSES_RANGE,        /* a fani_processes_count: indices without inputs */
} fani_processes_request_kind;

typedef struct fani_processes_count {
    uint64_t count;
    uint64_t size; /* of an input */
} fani_processes_count;

/* Flags of a request. */
enum {
    FANI_PROCESSES_EXACT = 1 /* its own times are wanted: it has a limit of time, or is traced */
};

typedef enum fani_processes_reply_kind {
    FANI_PROCESSES_ANSWER,         /* a wire message */
    FANI_PROCESSES_ANSWER_OUTSIDE, /* the same, in memory sent by the socket */
    FANI_PROCESSES_ARRAY,          /* every item is answered: the replies, all of one size */
    FANI_PROCESSES_REFUSED,        /* the batch can't be run; a text with NUL */
} fani_processes_reply_kind;

/* Of fani_processes_region.ring_at. In a position, a bit says that a worker which has run out of
 * work should wait as long as it can before it rings: somebody is likely to come unasked. */
#define FANI_PROCESSES_NEVER UINT64_MAX
#define FANI_PROCESSES_PATIENT UINT64_C(1)
/* And another bit that a thread sleeps on `calls`, to be woken instead of the pump. */
#define FANI_PROCESSES_CALL UINT64_C(2)

typedef struct fani_processes_region {
    uint64_t magic;
    uint64_t size;
    int64_t parent; /* process id of the program */
    uint32_t has_mask;
    uint32_t window;
    cpu_set_t mask;        /* the CPUs to run on */
    uint64_t memory_limit; /* bytes of its own that the worker may use; 0: no limit */

    _Alignas(64) fani_processes_ends request_ends;
    fani_processes_ends reply_ends;
    _Alignas(64) _Atomic uint32_t asleep; /* the worker waits at its socket */
    /* The bell is wanted when a reply waits and requests beyond this position have been passed. The
     * pump names the middle of what a worker has, so that it sleeps long and comes in time. */
    _Alignas(64) _Atomic uint64_t ring_at;
    _Atomic uint32_t calls;
    _Alignas(64) _Atomic uint64_t current_item;
    _Atomic int32_t pid; /* of the worker */
    /* Ending a batch that runs: see revoke.c. Postings; 0: none. */
    _Atomic uint64_t running;
    _Atomic int64_t begun_ns; /* when that began, on the monotonic clock */
    _Alignas(64) _Atomic uint64_t condemned;
    _Atomic bool cancelled; /* what fan_run_cancelled tells */

    _Alignas(4096) unsigned char requests[FANI_PROCESSES_RING_BYTES];
    unsigned char replies[FANI_PROCESSES_RING_BYTES];
} fani_processes_region;

/* Names this layout: another build's worker program is refused, not misread. */
#define FANI_PROCESSES_MAGIC UINT64_C(0x34302d646c6f6646)

/* Makes a region and its memory's descriptor. The mask is the worker's; NULL leaves its CPUs
 * alone. Answers 0 or an errno. */
int fani_processes_region_new(const cpu_set_t *mask, fani_processes_region **region, int *fd);

/* Maps the region behind an inherited descriptor after checking that it is one: EPROTO. */
int fani_processes_region_attach(int fd, fani_processes_region **region);

void fani_processes_region_free(fani_processes_region *region);

/* The rings, as either end sees them before the first message. */
fani_processes_ring fani_processes_region_requests(fani_processes_region *region);
fani_processes_ring fani_processes_region_replies(fani_processes_region *region);

#endif
