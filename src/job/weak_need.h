/* How much memory a weak-key scan takes: what its pieces of work need, and how many of them may be
 * on their way at the same time. All in bytes, rather too much than too little; tested against what
 * the system says (tests/cli/test_weakkeys_memory.sh). */
#ifndef FANI_WEAK_NEED_H
#define FANI_WEAK_NEED_H

#include "job/job_internal.h"
#include "kernel/gcd/trees.h"

/* What there is, and who needs it. Zero bytes: no limit. */
typedef struct fani_weak_memory {
    uint64_t limit;     /* of the program and its workers on one host; 0: none */
    uint64_t base;      /* what they take before the scan */
    unsigned workers;   /* on the host that has the most */
    unsigned copies;    /* of an item's bytes, and of its reply, while they are on their way */
    unsigned shares;    /* of what is shared */
    bool in_files;      /* levels are, whether there is room or not */
    uint64_t item_max;  /* an item's bytes; above, what it works on is shared */
    uint64_t reply_max; /* a reply's */
    size_t outside;     /* limbs of the moduli outside (weak_engine.h) */
    size_t longest;     /* product of such moduli that is read, likewise */
} fani_weak_memory;

/* Of a run: its --memory, its executor, and what the program takes now. */
fani_weak_memory fani_weak_memory_of(const fani_job_run *run);

/* What this process takes now. */
uint64_t fani_weak_memory_now(void);

/* One kind of item. */
typedef struct fani_weak_item {
    uint64_t held; /* what is in memory or shared meanwhile */
    uint64_t bytes, reply;
    uint64_t work; /* what its worker needs besides these (kernel/gcd/space.h) */
    bool direct;   /* but for the next item's bytes nothing is read ahead or written behind */
} fani_weak_item;

/* What `count` of them take at the same time. */
uint64_t fani_weak_need(const fani_weak_memory *memory, const fani_weak_item *item, size_t count);

/* How many there may be at the same time; at least one. */
size_t fani_weak_in_flight(const fani_weak_memory *memory, const fani_weak_item *item);

/* Whether items with so many bytes travel, and are not shared for. */
bool fani_weak_travels(const fani_weak_memory *memory, uint64_t bytes);

/* How a scan is done. */
typedef enum fani_weak_way {
    FANI_WEAK_IN_MEMORY,
    FANI_WEAK_IN_FILES,
} fani_weak_way;

/* How the scan of these moduli in blocks of `block_keys` fits. Errors: FAN_E_ARGUMENT (it does not;
 * the text says how much it needs), FAN_E_TOO_LARGE (a reply would be larger than one may be). */
fan_status fani_weak_choose(const fani_weak_memory *memory, const fani_mpzs *distinct,
                            size_t block_keys, fani_weak_way *way, fan_error *error);

/* Whether there is room to sort out (weak.h) the moduli that were read, which copies them. Errors:
 * FAN_E_ARGUMENT, as above. */
fan_status fani_weak_room_for_keys(const fani_weak_memory *memory, const fani_mpzs *moduli,
                                   size_t block_keys, fan_error *error);

#endif
