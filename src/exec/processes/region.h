/* What the program and one worker image share: a block of memory with two rings and a few flags. */
#ifndef FANI_PROCESSES_REGION_H
#define FANI_PROCESSES_REGION_H

#include <sched.h>

#include "ring.h"

enum {
    FANI_PROCESSES_RING_BYTES = 1 << 19,
    /* A longer message travels as memory of its own, by descriptor. */
    FANI_PROCESSES_INLINE_BYTES = FANI_PROCESSES_RING_BYTES / 4 - FANI_PROCESSES_FRAME,
    /* Batches a worker has at most: enough to hide the way to the program and back, few enough that
     * a death puts little back and the last batches spread over all workers. */
    FANI_PROCESSES_WINDOW = 8,
    /* Where the worker image finds its descriptors: memory, socket, bell. */
    FANI_PROCESSES_FD_REGION = 3,
    FANI_PROCESSES_FD_SOCKET = 4,
    FANI_PROCESSES_FD_BELL = 5,
};

/* Kinds of frames. */
typedef enum fani_processes_frame_kind {
    FANI_PROCESSES_INLINE,  /* a wire message */
    FANI_PROCESSES_OUTSIDE, /* the wire message is in memory sent by the socket */
    FANI_PROCESSES_REFUSED, /* replies only: the batch can't be run; a text with NUL */
} fani_processes_frame_kind;

/* How deep the pump sleeps, so that a worker rings the bell only where that helps. */
typedef enum fani_processes_rest {
    FANI_PROCESSES_AWAKE,
    FANI_PROCESSES_NAPPING,  /* wakes by itself in a moment: ring when the work runs out */
    FANI_PROCESSES_SLEEPING, /* ring at any reply */
} fani_processes_rest;

typedef struct fani_processes_region {
    uint64_t magic;
    uint64_t size;
    int64_t parent; /* process id of the program */
    uint32_t has_mask;
    uint32_t window;
    cpu_set_t mask; /* the CPUs to run on */

    _Alignas(64) fani_processes_ends request_ends;
    fani_processes_ends reply_ends;
    _Alignas(64) _Atomic uint32_t asleep; /* the worker waits at its socket */
    _Alignas(64) _Atomic uint32_t rest;   /* fani_processes_rest of the pump */
    _Alignas(64) _Atomic uint64_t current_item;

    _Alignas(4096) unsigned char requests[FANI_PROCESSES_RING_BYTES];
    unsigned char replies[FANI_PROCESSES_RING_BYTES];
} fani_processes_region;

/* Names this layout: another build's worker program is refused, not misread. */
#define FANI_PROCESSES_MAGIC UINT64_C(0x31302d646c6f6646)

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
