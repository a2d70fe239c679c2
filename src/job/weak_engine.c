#include "job/weak_engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/state.h"
#include "job/weak_times.h"
#include "kernel/gcd/weak_codec.h"

/* Blocks of moduli are fixed by their number alone. Small sets are cut so that there is work for
 * several workers; in large ones more blocks would only mean more levels above them, whose numbers
 * travel. */
enum { BLOCK_KEYS_MIN = 256, BLOCKS_MAX = 64, LEVELS_MAX = 8 };

_Static_assert(BLOCKS_MAX <= 1 << (LEVELS_MAX - 1), "the levels from all blocks to two nodes");

/* A pack that the workers know. */
typedef struct shared_pack {
    fani_weak_packer packer;
    fan_shared handle;
    bool is_shared;
} shared_pack;

typedef struct engine engine;

/* Takes item i's reply. */
typedef fan_status (*taker)(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                            fan_error *error);

struct engine {
    fani_job_run *run;
    const fani_mpzs *distinct;
    fani_mpzs *gcds;
    const fani_weak_store *store;
    int64_t kept_ns;   /* when levels were last kept */
    size_t kept_below; /* the products of so many levels are */
    size_t block_keys;
    shared_pack moduli;
    shared_pack products[LEVELS_MAX]; /* from the blocks up */
    shared_pack sums;                 /* of the level that is worked on */
    shared_pack fractions;
    size_t top; /* the level with one node or two */
    /* Of the level that is being made: */
    fani_weak_packer next_products, next_sums, next_fractions;
    mpz_t addend;
    /* Of the map that runs: */
    const char *what;
    taker take;
};

static size_t block_size(size_t count)
{
    size_t size = count / BLOCKS_MAX + (count % BLOCKS_MAX != 0);
    return size > BLOCK_KEYS_MIN ? size : BLOCK_KEYS_MIN;
}

static size_t block_count(const engine *e)
{
    size_t count = e->distinct->count;
    return count / e->block_keys + (count % e->block_keys != 0);
}

static size_t limbs_in(const fani_weak_packer *packer)
{
    return (size_t)packer->starts[packer->count];
}

/* ---- Shares ---------------------------------------------------------------------------------- */

static fan_status no_memory(const engine *e, fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the trees over %zu keys",
                          e->distinct->count);
}

static fan_status begin(const engine *e, fani_weak_packer *packer, size_t count, size_t limbs,
                        fan_error *error)
{
    return fani_weak_packer_begin(packer, count, limbs) == FAN_OK ? FAN_OK : no_memory(e, error);
}

/* Shares a pack, which is moved. */
static fan_status share(engine *e, shared_pack *pack, fani_weak_packer *packer, fan_error *error)
{
    pack->packer = *packer;
    *packer = (fani_weak_packer){0};
    fan_items all = fani_weak_packer_bytes(&pack->packer);
    fan_status status = fan_share(e->run->executor, all.bytes, all.size, &pack->handle);
    pack->is_shared = status == FAN_OK;
    if (status != FAN_OK)
        fani_error_set(error, status, "%zu bytes of the trees over the keys can't be shared: %s",
                       all.size, fan_status_text(status));
    return status;
}

/* Drops a pack; accepts an empty one. */
static fan_status drop(engine *e, shared_pack *pack)
{
    fan_status status = pack->is_shared ? fan_unshare(e->run->executor, pack->handle) : FAN_OK;
    fani_weak_packer_free(&pack->packer);
    *pack = (shared_pack){0};
    return status;
}

static fan_status drop_all(engine *e)
{
    fan_status status = drop(e, &e->moduli), other;
    for (size_t level = 0; level < LEVELS_MAX; level++)
        if ((other = drop(e, &e->products[level])) != FAN_OK)
            status = other;
    if ((other = drop(e, &e->sums)) != FAN_OK || (other = drop(e, &e->fractions)) != FAN_OK)
        status = other;
    fani_weak_packer_free(&e->next_products);
    fani_weak_packer_free(&e->next_sums);
    fani_weak_packer_free(&e->next_fractions);
    return status;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

/* An item without an answer ends the scan: every key's answer rests on all others. */
static fan_status item_failed(const engine *e, const fan_outcome *outcome, fan_error *error)
{
    fan_status status = FAN_E_FAILED;
    if (outcome->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (outcome->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "%s %" PRIu64 " of the scan %s: %s", e->what,
                          outcome->index, fan_outcome_name(outcome->kind), outcome->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    engine *e = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        fani_run_wrote(e->run, o->captured, "%s %" PRIu64, e->what, o->index);
        status = o->kind == FAN_OUTCOME_OK ? e->take(e, o->index, o->bytes, o->size, error)
                                           : item_failed(e, o, error);
    }
    fani_run_progress(e->run, e->gcds->count, false);
    return status;
}

static fan_status map(engine *e, const fan_task *task, const shared_pack *first,
                      const shared_pack *second, uint64_t count, fan_error *error)
{
    const fan_job *job = e->run->job;
    fani_weak_args args = {.first = first->handle, .block_keys = e->block_keys};
    fan_summary *total = &e->run->result->summary, summary = {0};
    fan_map_options options = {.args = &args,
                               .args_size = sizeof args,
                               .batch = 1,
                               .stop = e->run->events.stop,
                               .stop_user = e->run->events.user,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    if (second)
        args.second = second->handle;
    fan_status status = fan_map(e->run->executor, task, fan_source_range(0, count),
                                fan_sink_callback(put, e), &options, &summary);
    total->batches += summary.batches;
    total->run_ns += summary.run_ns;
    total->error = summary.error;
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}

static fan_status bad_reply(const engine *e, uint64_t i, fan_error *error)
{
    return fani_error_set(error, FAN_E_PROTOCOL, "the reply of %s %" PRIu64 " is malformed",
                          e->what, i);
}

/* ---- Up -------------------------------------------------------------------------------------- */

static fan_status share_moduli(engine *e, fan_error *error)
{
    const fani_mpzs *distinct = e->distinct;
    fani_weak_packer packer;
    size_t limbs = 0;
    for (size_t i = 0; i < distinct->count; i++)
        limbs += mpz_size(distinct->values + i);
    fan_status status = begin(e, &packer, distinct->count, limbs, error);
    if (status != FAN_OK)
        return status;
    for (size_t i = 0; i < distinct->count && status == FAN_OK; i++)
        status =
            fani_weak_packer_put(&packer, distinct->values + i, mpz_size(distinct->values + i));
    if (status == FAN_OK)
        status = share(e, &e->moduli, &packer, error);
    fani_weak_packer_free(&packer);
    return status;
}

static fan_status take_block(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                             fan_error *error)
{
    fani_weak_pack pack;
    fan_status status = fani_weak_pack_open(&pack, bytes, size);
    if (status == FAN_OK && pack.count == 2) {
        mpz_t product = {0}, sum = {0};
        fani_weak_pack_view(&pack, 0, product);
        fani_weak_pack_view(&pack, 1, sum);
        status = fani_weak_packer_put(&e->next_products, product, mpz_size(product));
        if (status == FAN_OK)
            status = fani_weak_packer_put(&e->next_sums, sum, mpz_size(sum));
    } else if (status == FAN_OK) {
        status = FAN_E_PROTOCOL;
    }
    fani_weak_pack_close(&pack);
    return status == FAN_OK ? FAN_OK : bad_reply(e, i, error);
}

/* Room for a level of `count` nodes; a sum is a limb longer than its product at most. */
static fan_status begin_level(engine *e, size_t count, size_t limbs, fan_error *error)
{
    fan_status status = begin(e, &e->next_products, count, limbs, error);
    return status == FAN_OK ? begin(e, &e->next_sums, count, limbs + count, error) : status;
}

static fan_status share_level(engine *e, size_t level, fan_error *error)
{
    fan_status status = share(e, &e->products[level], &e->next_products, error);
    if (status == FAN_OK)
        status = drop(e, &e->sums);
    if (status == FAN_OK)
        status = share(e, &e->sums, &e->next_sums, error);
    e->top = level;
    return status;
}

static fan_status climb_blocks(engine *e, fan_error *error)
{
    size_t count = block_count(e);
    fan_status status = begin_level(e, count, limbs_in(&e->moduli.packer), error);
    e->what = "product";
    e->take = take_block;
    if (status == FAN_OK)
        status = map(e, &fani_task_weakkeys_product, &e->moduli, NULL, count, error);
    return status == FAN_OK ? share_level(e, 0, error) : status;
}

/* A reply of limbs, which may lie anywhere. */
static fan_status import_limbs(mpz_ptr value, const unsigned char *bytes, size_t size)
{
    size_t limbs = size / sizeof(mp_limb_t);
    if (size == 0 || size % sizeof(mp_limb_t))
        return FAN_E_PROTOCOL;
    memcpy(mpz_limbs_write(value, (mp_size_t)limbs), bytes, size);
    mpz_limbs_finish(value, (mp_size_t)limbs);
    return FAN_OK;
}

/* The product of a pair, then the two parts of its sum. */
static fan_status take_product(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                               fan_error *error)
{
    mpz_t value;
    mpz_init(value);
    fan_status status = import_limbs(value, bytes, size);
    if (status == FAN_OK && i % 3 == 0) {
        status = fani_weak_packer_put(&e->next_products, value, mpz_size(value));
    } else if (status == FAN_OK && i % 3 == 1) {
        mpz_swap(e->addend, value);
    } else if (status == FAN_OK) {
        mpz_add(value, value, e->addend);
        status = fani_weak_packer_put(&e->next_sums, value, mpz_size(value));
    }
    mpz_clear(value);
    return status == FAN_OK ? FAN_OK : bad_reply(e, i, error);
}

/* A node without a neighbour is on the next level as it is. */
static fan_status carry_last(const fani_weak_packer *from, fani_weak_packer *to)
{
    mpz_t last = {0};
    fani_weak_pack pack;
    fan_status status = fani_weak_packer_open(from, &pack);
    if (status != FAN_OK)
        return status;
    fani_weak_pack_view(&pack, pack.count - 1, last);
    status = fani_weak_packer_put(to, last, fani_weak_pack_size(&pack, pack.count - 1));
    fani_weak_pack_close(&pack);
    return status;
}

static fan_status climb_level(engine *e, fan_error *error)
{
    const fani_weak_packer *below = &e->products[e->top].packer;
    size_t pairs = below->count / 2, odd = below->count % 2;
    fan_status status = begin_level(e, pairs + odd, limbs_in(below), error);
    e->what = "multiplication";
    e->take = take_product;
    if (status == FAN_OK)
        status =
            map(e, &fani_task_weakkeys_multiply, &e->products[e->top], &e->sums, 3 * pairs, error);
    if (status == FAN_OK && odd &&
        (carry_last(below, &e->next_products) || carry_last(&e->sums.packer, &e->next_sums)))
        status = fani_error_set(error, FAN_E_PROTOCOL, "a level of the tree has no room");
    return status == FAN_OK ? share_level(e, e->top + 1, error) : status;
}

/* ---- Down ------------------------------------------------------------------------------------ */

static fan_status take_fraction(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                                fan_error *error)
{
    const uint64_t *starts = e->products[e->top].packer.starts;
    size_t limbs = (size_t)(starts[i + 1] - starts[i]) + 1;
    mp_limb_t *at =
        size == limbs * sizeof *at ? fani_weak_packer_add(&e->next_fractions, limbs) : NULL;
    if (!at)
        return bad_reply(e, i, error);
    memcpy(at, bytes, size);
    return FAN_OK;
}

/* Room for the fractions of level `top`. */
static fan_status begin_fractions(engine *e, fan_error *error)
{
    const fani_weak_packer *nodes = &e->products[e->top].packer;
    return begin(e, &e->next_fractions, nodes->count, limbs_in(nodes) + nodes->count, error);
}

static fan_status share_fractions(engine *e, fan_error *error)
{
    fan_status status = drop(e, &e->fractions);
    return status == FAN_OK ? share(e, &e->fractions, &e->next_fractions, error) : status;
}

static fan_status find_roots(engine *e, fan_error *error)
{
    fan_status status = begin_fractions(e, error);
    e->what = "root";
    e->take = take_fraction;
    if (status == FAN_OK)
        status = map(e, &fani_task_weakkeys_root, &e->products[e->top], &e->sums,
                     e->products[e->top].packer.count, error);
    if (status == FAN_OK)
        status = drop(e, &e->sums);
    return status == FAN_OK ? share_fractions(e, error) : status;
}

static fan_status descend_level(engine *e, fan_error *error)
{
    fan_status status = drop(e, &e->products[e->top--]);
    size_t count = e->products[e->top].packer.count;
    if (status == FAN_OK)
        status = begin_fractions(e, error);
    e->what = "step";
    e->take = take_fraction;
    if (status == FAN_OK)
        status = map(e, &fani_task_weakkeys_step, &e->products[e->top], &e->fractions,
                     count - count % 2, error);
    if (status == FAN_OK && count % 2 && carry_last(&e->fractions.packer, &e->next_fractions))
        status = fani_error_set(error, FAN_E_PROTOCOL, "a level of the tree has no room");
    return status == FAN_OK ? share_fractions(e, error) : status;
}

static fan_status take_gcds(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                            fan_error *error)
{
    (void)i;
    return fani_weak_decode(bytes, size, e->gcds, error);
}

static fan_status descend_blocks(engine *e, fan_error *error)
{
    fan_status status = drop(e, &e->products[0]);
    e->what = "block";
    e->take = take_gcds;
    if (status == FAN_OK)
        status =
            map(e, &fani_task_weakkeys_block, &e->moduli, &e->fractions, block_count(e), error);
    if (status == FAN_OK && e->gcds->count != e->distinct->count)
        status = fani_error_set(error, FAN_E_PROTOCOL, "%zu keys gave %zu gcds", e->distinct->count,
                                e->gcds->count);
    return status;
}

/* ---- What is kept ---------------------------------------------------------------------------- */

/* There are files that a later run goes on from. */
static fan_status can_go_on(engine *e, fan_error *error)
{
    e->run->keeps_parts = e->run->state != NULL;
    return fani_state_begun(e->run, error);
}

/* Products of the levels that the way down still needs, and where the scan is: the sums of level
 * `top` on the way up, its fractions on the way down. What was there before is of no use then. */
static fan_status keep(engine *e, fani_weak_list list, const fani_weak_packer *at, fan_error *error)
{
    bool down = list == FANI_WEAK_FRACTIONS;
    size_t needed = e->top + !down;
    fan_status status = FAN_OK;
    while (status == FAN_OK && e->kept_below < needed) {
        status = fani_weak_store_save(e->store, FANI_WEAK_PRODUCTS, e->kept_below,
                                      &e->products[e->kept_below].packer, error);
        e->kept_below += status == FAN_OK;
    }
    if (status == FAN_OK)
        status = fani_weak_store_save(e->store, list, e->top, at, error);
    if (status != FAN_OK)
        return status;
    for (size_t level = 0; level < LEVELS_MAX; level++) {
        if (down || level < e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_SUMS, level);
        if (down && level >= e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_PRODUCTS, level);
        if (down && level > e->top)
            fani_weak_store_remove(e->store, FANI_WEAK_FRACTIONS, level);
    }
    return can_go_on(e, error);
}

/* Keeps a level that is done, where it is time. */
static fan_status keep_level(engine *e, fani_weak_list list, fan_error *error)
{
    int64_t now = fani_clock_ns();
    if (!e->store->base || now - e->kept_ns < (int64_t)e->store->interval_ns)
        return FAN_OK;
    const shared_pack *at = list == FANI_WEAK_SUMS ? &e->sums : &e->fractions;
    fan_status status = keep(e, list, &at->packer, error);
    e->kept_ns = fani_clock_ns();
    return status;
}

static size_t nodes_of(const engine *e, size_t level)
{
    size_t count = block_count(e);
    for (size_t k = 0; k < level; k++)
        count = count / 2 + count % 2;
    return count;
}

/* Takes up the products of the levels below `end`. False: they are not all there. */
static bool load_products(engine *e, size_t end)
{
    bool all = true;
    for (size_t level = 0; level < end && all; level++)
        all = fani_weak_store_load(e->store, FANI_WEAK_PRODUCTS, level, nodes_of(e, level),
                                   &e->products[level].packer);
    for (size_t level = 0; level < end && !all; level++)
        fani_weak_packer_free(&e->products[level].packer);
    return all;
}

/* Finds the furthest place from which an earlier scan can be gone on with, and loads what is needed
 * there. *down: on the way down. False: there is none. */
static bool load(engine *e, bool *down)
{
    for (size_t level = 0; level < LEVELS_MAX; level++) {
        *down = fani_weak_store_load(e->store, FANI_WEAK_FRACTIONS, level, nodes_of(e, level),
                                     &e->fractions.packer);
        e->top = level;
        if (*down && load_products(e, level))
            return true;
        fani_weak_packer_free(&e->fractions.packer);
    }
    for (size_t level = LEVELS_MAX; level-- > 0;) {
        *down = false;
        e->top = level;
        if (fani_weak_store_load(e->store, FANI_WEAK_SUMS, level, nodes_of(e, level),
                                 &e->sums.packer) &&
            load_products(e, level + 1))
            return true;
        fani_weak_packer_free(&e->sums.packer);
    }
    e->top = 0;
    return false;
}

/* Shares what was loaded. */
static fan_status share_loaded(engine *e, bool down, fan_error *error)
{
    fani_weak_packer packer;
    fan_status status = FAN_OK;
    e->kept_below = e->top + !down;
    for (size_t level = 0; level < e->kept_below && status == FAN_OK; level++) {
        packer = e->products[level].packer;
        status = share(e, &e->products[level], &packer, error);
    }
    shared_pack *at = down ? &e->fractions : &e->sums;
    packer = at->packer;
    return status == FAN_OK ? share(e, at, &packer, error) : status;
}

/* What a run that goes on has of an earlier one. */
static void note_beginning(const engine *e, bool begun, bool down)
{
    const fan_job_events *events = &e->run->events;
    char text[80] = "weakkeys begins anew: of a scan that was ended early nothing is there";
    if (begun)
        snprintf(text, sizeof text, "weakkeys goes on %s level %zu of the trees",
                 down ? "down from" : "up from", e->top);
    if (events->note && (begun || (e->run->state && fani_state_was_begun(e->run->state))))
        events->note(events->user, text);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static fan_status climb(engine *e, bool begun, fan_error *error)
{
    fan_status status = begun ? FAN_OK : climb_blocks(e, error);
    if (status == FAN_OK && !begun)
        status = keep_level(e, FANI_WEAK_SUMS, error);
    while (status == FAN_OK && e->products[e->top].packer.count > 2) {
        status = climb_level(e, error);
        if (status == FAN_OK)
            status = keep_level(e, FANI_WEAK_SUMS, error);
    }
    fani_weak_times_end(e->run, FANI_WEAK_UP);
    if (status == FAN_OK)
        status = find_roots(e, error);
    fani_weak_times_end(e->run, FANI_WEAK_ROOT);
    return status == FAN_OK ? keep_level(e, FANI_WEAK_FRACTIONS, error) : status;
}

static fan_status descend(engine *e, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && e->top > 0) {
        status = descend_level(e, error);
        if (status == FAN_OK)
            status = keep_level(e, FANI_WEAK_FRACTIONS, error);
    }
    return status == FAN_OK ? descend_blocks(e, error) : status;
}

static fan_status scan(engine *e, fan_error *error)
{
    bool down = false, begun = load(e, &down);
    fan_status status = share_moduli(e, error);
    note_beginning(e, begun, down);
    if (status == FAN_OK && begun)
        status = share_loaded(e, down, error);
    e->run->keeps_parts |= begun;
    if (status == FAN_OK && begun)
        status = can_go_on(e, error);
    if (status == FAN_OK && !down)
        status = climb(e, begun, error);
    return status == FAN_OK ? descend(e, error) : status;
}

uint64_t fani_weak_engine_identity(const fani_mpzs *distinct)
{
    uint64_t identity = block_size(distinct->count);
    for (size_t i = 0; i < distinct->count; i++) {
        mpz_srcptr value = distinct->values + i;
        identity = XXH3_64bits_withSeed(mpz_limbs_read(value), mpz_size(value) * sizeof(mp_limb_t),
                                        identity);
    }
    return identity;
}

void fani_weak_engine_clear(const fani_weak_store *store)
{
    fani_weak_store_clear(store, LEVELS_MAX);
}

fan_status fani_weak_engine_run(fani_job_run *run, const fani_mpzs *distinct,
                                const fani_weak_store *store, fani_mpzs *gcds, fan_error *error)
{
    engine e = {.run = run,
                .distinct = distinct,
                .gcds = gcds,
                .store = store,
                .kept_ns = fani_clock_ns(),
                .block_keys = block_size(distinct->count)};
    if (!distinct->count)
        return FAN_OK;
    mpz_init(e.addend);
    fani_run_progress(run, 0, true);
    fan_status status = scan(&e, error), dropped = drop_all(&e);
    if (status == FAN_OK && dropped != FAN_OK)
        status = fani_error_set(error, dropped, "the trees over the keys can't be dropped: %s",
                                fan_status_text(dropped));
    mpz_clear(e.addend);
    return status;
}
