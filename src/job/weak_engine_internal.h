/* What the parts of the engine share: weak_engine.c has the walk up and down, weak_engine_map.c
 * runs the items of a level, weak_engine_kept.c keeps levels and takes them up again. */
#ifndef FANI_WEAK_ENGINE_INTERNAL_H
#define FANI_WEAK_ENGINE_INTERNAL_H

#include "job/weak_engine.h"
#include "job/weak_flow.h"

/* Blocks of moduli are fixed by their number alone. Small sets are cut so that there is work for
 * several workers; in large ones more blocks would only mean more levels above them, whose numbers
 * travel. */
enum { FANI_WEAK_BLOCK_MIN = 256, FANI_WEAK_BLOCKS_MAX = 64, FANI_WEAK_LEVELS_MAX = 8 };

_Static_assert(FANI_WEAK_BLOCKS_MAX <= 1 << (FANI_WEAK_LEVELS_MAX - 1),
               "the levels from all blocks to two nodes");

typedef struct fani_weak_engine fani_weak_engine;

/* Takes item i's reply. */
typedef fan_status (*fani_weak_taker)(fani_weak_engine *e, uint64_t i, const unsigned char *bytes,
                                      size_t size, fan_error *error);

struct fani_weak_engine {
    fani_job_run *run;
    const fani_mpzs *distinct;
    fani_mpzs *gcds;
    const fani_weak_store *store;
    const fani_weak_memory *memory;
    const fani_weak_outside *outside; /* NULL: none */
    bool in_files;
    size_t workers;
    fan_pool *pool; /* of levels in files */
    fani_weak_writes writes;
    int64_t kept_ns;   /* when levels were last kept */
    size_t kept_below; /* the products of so many levels are */
    size_t block_keys;
    fani_weak_level moduli;                         /* where levels are in memory */
    fani_weak_level products[FANI_WEAK_LEVELS_MAX]; /* from the blocks up */
    fani_weak_level sums;                           /* of the level that is worked on */
    fani_weak_level fractions;
    size_t top; /* the level with one node or two */
    /* Of the level that is being made: */
    fani_weak_level next_products, next_sums, next_fractions;
    mpz_t addend;
    double work_done, work_all; /* in units of weak_engine_map.c */
    /* Of the map that runs: */
    const char *what;
    fani_weak_taker take;
    fani_weak_flow flow;
    double item_work;
};

/* ---- weak_engine_map.c ----------------------------------------------------------------------- */

/* The items of a level. */
typedef struct fani_weak_items {
    const fan_task *task;
    const char *what;
    fani_weak_taker take;
    uint64_t count;
    fani_weak_level *first, *second; /* what they work on where it is shared; or NULL */
    fani_weak_item need;             /* the largest one's; `held` is not looked at */
    void (*describe)(void *engine, uint64_t item,
                     fani_weak_parcel *parcel); /* NULL: they never carry anything */
} fani_weak_items;

/* Runs them in order, each reply to `take`. */
fan_status fani_weak_engine_map(fani_weak_engine *e, const fani_weak_items *items,
                                fan_error *error);

/* How much work there is, and how much of it is done once the scan has come to `top`. */
void fani_weak_engine_count_work(fani_weak_engine *e);
void fani_weak_engine_skip_work(fani_weak_engine *e, bool down);

/* ---- weak_engine_kept.c ---------------------------------------------------------------------- */

/* How many nodes a level has. */
size_t fani_weak_engine_nodes(const fani_weak_engine *e, size_t level);

/* There are files that a later run goes on from. */
fan_status fani_weak_engine_can_go_on(fani_weak_engine *e, fan_error *error);

/* Keeps a level that is done, where it is time. */
fan_status fani_weak_engine_keep(fani_weak_engine *e, fani_weak_list list, fan_error *error);

/* Takes up an earlier scan where it has come furthest. *down: on the way down. False: there is
 * none. What was taken up in memory is still to be shared. */
bool fani_weak_engine_load(fani_weak_engine *e, bool *down);

#endif
