/* What the members of a gang talk over: one block of memory with a byte ring for each ordered pair
 * of members, who waits for what, and how the gang ended. It has no pointers, so that processes may
 * map it where they like; threads use it as well. Between ranks of MPI every rank has one, and
 * whoever drives MPI carries bytes from one to the other. Waiting is by futex. Nothing here holds a
 * lock: a member may die at any instruction. */
#ifndef FANI_GANG_REGION_H
#define FANI_GANG_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

enum { FANI_GANG_TEXT = 480 };

typedef enum fani_gang_state {
    FANI_GANG_ABSENT, /* not begun */
    FANI_GANG_HERE,
    FANI_GANG_RETURNED,  /* it will not send or receive any more */
    FANI_GANG_ELSEWHERE, /* on another rank, not known to have returned */
} fani_gang_state;

typedef enum fani_gang_wait_kind {
    FANI_GANG_AWAKE,
    FANI_GANG_RECEIVES,
    FANI_GANG_SENDS,
} fani_gang_wait_kind;

typedef struct fani_gang_member {
    _Alignas(64) _Atomic uint64_t waits; /* kind, for whom, and a number that each wait has alone */
    _Atomic uint32_t door;               /* the futex */
    _Atomic uint32_t state;              /* fani_gang_state */
} fani_gang_member;

typedef struct fani_gang_region {
    uint64_t magic;
    uint64_t size; /* of all of it, in bytes */
    uint32_t members;
    uint32_t capacity; /* bytes a ring holds, a power of 2 */

    /* How the gang ended: the first to say so says it. */
    _Alignas(64) _Atomic uint32_t ended; /* 0: it goes on; 1: being said; 2: said */
    uint32_t status;                     /* fan_status: what fan_gang answers */
    char text[FANI_GANG_TEXT];

    fani_gang_member member[];
    /* behind: members x members rings, from x members + to */
} fani_gang_region;

/* A ring's positions count all bytes ever. */
typedef struct fani_gang_ring {
    _Alignas(64) _Atomic uint64_t head; /* what was put; the sender's */
    _Alignas(64) _Atomic uint64_t tail; /* what was taken; the receiver's */
    _Alignas(64) unsigned char bytes[];
} fani_gang_ring;

/* One process's view of a gang. In memory that other processes write to nothing is trusted: counts
 * come from here. */
typedef struct fani_gang_link {
    fani_gang_region *region;
    size_t members;
    /* NULL, or told that a byte was put for `peer` or taken from it, or (SIZE_MAX) that a member
     * has returned or the gang has ended. Any thread. */
    void (*moved)(void *user, size_t peer);
    void *user;
} fani_gang_link;

/* Bytes that a region for so many members takes, most of them never touched; 0: too many. */
size_t fani_gang_region_size(size_t members);

/* Writes the head of a region into zeroed memory of that size. */
void fani_gang_region_init(fani_gang_region *region, size_t members);

/* A region in this process's memory; NULL: out of memory. */
fani_gang_region *fani_gang_region_new(size_t members);
void fani_gang_region_free(fani_gang_region *region);

/* Whether `size` bytes from elsewhere are a region, with that member in it. */
bool fani_gang_region_sound(const fani_gang_region *region, size_t size, size_t member);

fani_gang_ring *fani_gang_ring_of(const fani_gang_link *link, size_t from, size_t to);

/* Bytes that a ring holds at most. */
size_t fani_gang_capacity(const fani_gang_link *link);

/* Puts as many of `size` bytes as there is room for now, and answers how many. FAN_E_PROTOCOL: the
 * ring was written over. One putter at a time. */
fan_status fani_gang_put(const fani_gang_link *link, size_t from, size_t to, const void *bytes,
                         size_t size, size_t *done);

/* Takes up to `size` bytes; as put. */
fan_status fani_gang_take(const fani_gang_link *link, size_t to, size_t from, void *bytes,
                          size_t size, size_t *done);

/* Waits until member `self` can receive from `peer`, or send to it. FAN_E_CLOSED: never, the peer
 * has returned; FAN_E_LOST, FAN_E_CANCELLED: the gang has ended, or *cancelled (may be NULL) has
 * become true. Ends the gang where nobody can go on. */
fan_status fani_gang_wait(const fani_gang_link *link, size_t self, fani_gang_wait_kind kind,
                          size_t peer, const _Atomic bool *cancelled);

/* Ends the gang for all, with what fan_gang answers and why, unless it has ended already. */
void fani_gang_end(const fani_gang_link *link, fan_status status, const char *text);

/* What ended it: FAN_OK where it has not ended. `text` gets at most FANI_GANG_TEXT bytes. */
fan_status fani_gang_ended(const fani_gang_link *link, char *text);

/* Says what a member does; those who wait look again. */
void fani_gang_set_state(const fani_gang_link *link, size_t member, fani_gang_state state);
fani_gang_state fani_gang_get_state(const fani_gang_link *link, size_t member);

/* Whether no member here can go on by itself: each has returned or waits for what is not there.
 * Members elsewhere count as such. *sign changes whenever any of them did something in between.
 * *waiting: how many wait. */
bool fani_gang_stuck(const fani_gang_link *link, uint64_t *sign, size_t *waiting);

/* Who waits for whom, as text of at most FANI_GANG_TEXT bytes. */
void fani_gang_describe(const fani_gang_link *link, char *text);

#endif
