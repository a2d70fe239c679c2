/* The scan of distinct moduli as a ring: a gang in which each member has a part of the moduli and a
 * tree over it (kernel/gcd/ring.h), and the products of the parts go around.
 *
 * The moduli are shared, once per host. In a step each member passes the product that it has on to
 * the next one and gets one from the member before it. Where there is an output with a journal,
 * members tell member 0 now and then where they are, and it keeps that beside the output
 * (weak_ring_store.h): no other member needs to write files. */
#ifndef FANI_WEAK_RING_H
#define FANI_WEAK_RING_H

#include "job/job_internal.h"
#include "kernel/gcd/trees.h"

typedef struct fani_weak_ring {
    size_t members;
    const char *base;     /* of the files' names; NULL: nothing is kept */
    uint64_t interval_ns; /* where members are is kept when so much time has gone by since the last
                             time, and ten times what that took; 0: after each step */
    bool resumes;         /* files of an earlier ring count */
} fani_weak_ring;

enum { FANI_WEAK_RING_UP, FANI_WEAK_RING_STEPS, FANI_WEAK_RING_ROOT, FANI_WEAK_RING_DOWN };
enum { FANI_WEAK_RING_PHASES = 4 };

/* What a member says of itself. */
typedef struct fani_weak_ring_told {
    uint64_t cpu_ns[FANI_WEAK_RING_PHASES];
    uint64_t sent_bytes; /* to the next member */
    uint64_t kept_bytes; /* to member 0, for keeping, or (member 0) from files */
    uint64_t limbs;      /* of its product */
    fan_error error;     /* of member 0: what it can't keep, which ended the ring */
} fani_weak_ring_told;

/* How many members a scan of so many moduli has, by the job's method and executor; 0: it is one of
 * levels (weak_engine.h). */
size_t fani_weak_ring_members(const fani_job_run *run, size_t count);

/* Whether the job's keys go together. FAN_E_ARGUMENT: a ring can't have limits for items. */
fan_status fani_weak_ring_check(const fan_job *job, fan_error *error);

/* Appends each modulus's gcd with the product of the others to an empty list; told: NULL, or an
 * array of one per member. What is kept stays; nobody needs it once there are gcds
 * (fani_weak_ring_store_clear). Errors: FAN_E_FAILED, FAN_E_LOST (a member's, which the text
 * names), FAN_E_CANCELLED, FAN_E_OUTPUT (a state can't be kept), FAN_E_MEMORY, and those of sharing
 * and of fan_gang; the list is then not to be used. */
fan_status fani_weak_ring_run(fani_job_run *run, const fani_weak_ring *ring,
                              const fani_mpzs *distinct, fani_mpzs *gcds, fani_weak_ring_told *told,
                              fan_error *error);

/* ---- Between the caller and the members (weak_ring_member.c) --------------------------------- */

/* What all members are told: this, then where each part begins (members + 1 numbers of 8 bytes),
 * then the base of the files' names with a zero byte, empty where nothing is kept. */
typedef struct fani_weak_ring_order {
    fan_shared moduli;
    uint64_t identity;
    uint64_t interval_ns;
    uint64_t resumes;
    uint64_t base_size;
} fani_weak_ring_order;

/* Replies with fani_weak_ring_told, then the part's gcds in the bytes of kernel/gcd/weak_codec.h;
 * without gcds where the ring was ended by what could not be kept. */
extern const fan_task fani_task_weakkeys_ring;

#endif
