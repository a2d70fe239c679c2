#include "job/weak_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/state.h"
#include "job/weak_engine_internal.h"
#include "job/weak_times.h"
#include "kernel/gcd/space.h"
#include "kernel/gcd/weak_codec.h"

typedef fani_weak_engine engine;
typedef fani_weak_level level;

enum { WORD = sizeof(mp_limb_t) };

size_t fani_weak_engine_block(size_t count)
{
    size_t size = count / FANI_WEAK_BLOCKS_MAX + (count % FANI_WEAK_BLOCKS_MAX != 0);
    return size > FANI_WEAK_BLOCK_MIN ? size : FANI_WEAK_BLOCK_MIN;
}

static size_t block_count(const engine *e)
{
    return fani_weak_engine_nodes(e, 0);
}

/* ---- Levels ---------------------------------------------------------------------------------- */

/* Begins a list of a level: in its file, or in memory. */
static fan_status begin(const engine *e, level *next, fani_weak_list list, size_t number,
                        size_t count, size_t limbs, fan_error *error)
{
    if (!e->in_files)
        return fani_weak_level_begin(next, NULL, count, limbs, error);
    char *path = fani_weak_store_name(e->store, list, number);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a file");
    fan_status status = fani_weak_level_begin(next, path, count, limbs, error);
    free(path);
    return status;
}

/* Completes a list, which moves to its place; what was there is dropped. */
static fan_status finish(engine *e, level *at, level *next, fan_error *error)
{
    fan_executor *executor = e->run->executor;
    fan_status status = fani_weak_level_end(next, executor, &e->writes, error);
    if (status != FAN_OK)
        return status;
    status = fani_weak_level_drop(at, executor);
    *at = *next;
    *next = (level){0};
    return status == FAN_OK ? FAN_OK
                            : fani_error_set(error, status,
                                             "a level of the trees can't be "
                                             "dropped: %s",
                                             fan_status_text(status));
}

static fan_status drop_all(engine *e)
{
    level *others[] = {&e->moduli,        &e->sums,      &e->fractions,
                       &e->next_products, &e->next_sums, &e->next_fractions};
    fan_executor *executor = e->run->executor;
    fan_status status = FAN_OK, one;
    (void)fani_weak_writes_end(&e->writes, NULL); /* after a level's end there are none */
    for (size_t i = 0; i < FANI_WEAK_LEVELS_MAX; i++)
        if ((one = fani_weak_level_drop(&e->products[i], executor)) != FAN_OK)
            status = one;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if ((one = fani_weak_level_drop(others[i], executor)) != FAN_OK)
            status = one;
    return status;
}

static fan_status add(engine *e, level *next, mpz_srcptr value, fan_error *error)
{
    size_t size = mpz_size(value);
    return fani_weak_level_add(next, &e->writes, mpz_limbs_read(value), size, size, error);
}

/* Adds integer i of another list as it is. */
static fan_status carry(engine *e, const level *from, size_t i, level *to, fan_error *error)
{
    size_t size = fani_weak_level_size(from, i);
    mp_limb_t *limbs = malloc((size + 1) * sizeof *limbs);
    if (!limbs)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a node of the trees");
    fan_status status = fani_weak_level_read(from, i, limbs, error);
    if (status == FAN_OK)
        status = fani_weak_level_add(to, &e->writes, limbs, size, size, error);
    free(limbs);
    return status;
}

/* A node without a neighbour is on the next level as it is. */
static fan_status carry_last(engine *e, const level *from, level *to, fan_error *error)
{
    return carry(e, from, fani_weak_level_count(from) - 1, to, error);
}

static size_t largest(const level *of)
{
    size_t most = 0;
    for (size_t i = 0; i < fani_weak_level_count(of); i++) {
        size_t size = fani_weak_level_size(of, i);
        most = size > most ? size : most;
    }
    return most;
}

static fan_status bad_reply(const engine *e, uint64_t i, fan_error *error)
{
    return fani_error_set(error, FAN_E_PROTOCOL, "the reply of %s %llu is malformed", e->what,
                          (unsigned long long)i);
}

static fan_status no_memory(const engine *e, fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the reply of a %s", e->what);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static size_t limbs_of_moduli(const engine *e, size_t first, size_t count)
{
    size_t limbs = 0;
    for (size_t i = first; i < first + count; i++)
        limbs += mpz_size(e->distinct->values + i);
    return limbs;
}

static fan_status share_moduli(engine *e, fan_error *error)
{
    const fani_mpzs *distinct = e->distinct;
    if (e->in_files)
        return FAN_OK; /* items carry them */
    fan_status status = fani_weak_level_begin(&e->moduli, NULL, distinct->count,
                                              limbs_of_moduli(e, 0, distinct->count), error);
    for (size_t i = 0; i < distinct->count && status == FAN_OK; i++)
        status = add(e, &e->moduli, distinct->values + i, error);
    return status == FAN_OK ? fani_weak_level_share(&e->moduli, e->run->executor, error) : status;
}

static size_t keys_of_block(const engine *e, size_t block)
{
    size_t left = e->distinct->count - block * e->block_keys;
    return left < e->block_keys ? left : e->block_keys;
}

/* The moduli of a block, and on the way down its fraction. */
static void describe_block(void *user, uint64_t item, fani_weak_parcel *parcel)
{
    const engine *e = user;
    size_t block = (size_t)item;
    parcel->moduli = e->distinct->values + block * e->block_keys;
    parcel->moduli_count = keys_of_block(e, block);
}

static void describe_last(void *user, uint64_t item, fani_weak_parcel *parcel)
{
    const engine *e = user;
    describe_block(user, item, parcel);
    parcel->parts[0].level = &e->fractions;
    parcel->parts[0].index = (size_t)item;
    parcel->part_count = 1;
}

/* What the largest block takes. */
static fani_weak_item need_of_blocks(const engine *e)
{
    size_t most = 0;
    for (size_t block = 0; block < block_count(e); block++) {
        size_t limbs = limbs_of_moduli(e, block * e->block_keys, keys_of_block(e, block));
        most = limbs > most ? limbs : most;
    }
    uint64_t bytes = (uint64_t)2 * (most + e->block_keys) * WORD;
    return (fani_weak_item){
        .bytes = bytes, .reply = bytes, .work = fani_space_block(most, e->block_keys)};
}

/* ---- Up -------------------------------------------------------------------------------------- */

static fan_status take_block(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                             fan_error *error)
{
    fani_weak_pack pack;
    fan_status status = fani_weak_pack_open(&pack, bytes, size);
    if (status != FAN_OK || pack.count != 2) {
        fani_weak_pack_close(&pack);
        return bad_reply(e, i, error);
    }
    mpz_t product = {0}, sum = {0};
    fani_weak_pack_view(&pack, 0, product);
    fani_weak_pack_view(&pack, 1, sum);
    status = add(e, &e->next_products, product, error);
    if (status == FAN_OK)
        status = add(e, &e->next_sums, sum, error);
    fani_weak_pack_close(&pack);
    return status;
}

/* Room for a level of `count` nodes; a sum is a limb longer than its product at most. */
static fan_status begin_level(engine *e, size_t number, size_t count, size_t limbs,
                              fan_error *error)
{
    fan_status status =
        begin(e, &e->next_products, FANI_WEAK_PRODUCTS, number, count, limbs, error);
    return status == FAN_OK
               ? begin(e, &e->next_sums, FANI_WEAK_SUMS, number, count, limbs + count, error)
               : status;
}

static fan_status finish_level(engine *e, size_t number, fan_error *error)
{
    fan_status status = finish(e, &e->products[number], &e->next_products, error);
    if (status == FAN_OK)
        status = finish(e, &e->sums, &e->next_sums, error);
    e->top = number;
    return status;
}

static fan_status climb_blocks(engine *e, fan_error *error)
{
    size_t count = block_count(e);
    fani_weak_items items = {.task = &fani_task_weakkeys_product,
                             .what = "product",
                             .take = take_block,
                             .count = count,
                             .first = e->in_files ? NULL : &e->moduli,
                             .need = need_of_blocks(e),
                             .describe = describe_block};
    fan_status status = begin_level(e, 0, count, limbs_of_moduli(e, 0, e->distinct->count), error);
    if (status == FAN_OK)
        status = fani_weak_engine_map(e, &items, error);
    return status == FAN_OK ? finish_level(e, 0, error) : status;
}

/* A reply of limbs, which may lie anywhere. */
static fan_status import_limbs(mpz_ptr value, const unsigned char *bytes, size_t size)
{
    size_t limbs = size / WORD;
    if (size == 0 || size % WORD)
        return FAN_E_PROTOCOL;
    memcpy(mpz_limbs_write(value, (mp_size_t)limbs), bytes, size);
    mpz_limbs_finish(value, (mp_size_t)limbs);
    return FAN_OK;
}

/* Adds the integer that a reply's limbs begin with, but for zeros above it. */
static fan_status add_limbs(engine *e, level *next, const mp_limb_t *limbs, size_t size,
                            fan_error *error)
{
    while (size > 0 && !limbs[size - 1])
        size--;
    return fani_weak_level_add(next, &e->writes, limbs, size, size, error);
}

/* The limbs of a reply, which may lie anywhere: `copy` is to be freed. NULL: out of memory. */
static const mp_limb_t *limbs_of(const unsigned char *bytes, size_t size, mp_limb_t **copy)
{
    *copy = NULL;
    if ((uintptr_t)bytes % WORD == 0)
        return (const mp_limb_t *)(const void *)bytes;
    *copy = malloc(size);
    return *copy ? memcpy(*copy, bytes, size) : NULL;
}

/* The product and the sum of a pair. */
static fan_status take_join(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                            fan_error *error)
{
    size_t limbs = size / WORD / 2;
    mp_limb_t *copy;
    if (limbs == 0 || size != (2 * limbs + 1) * WORD)
        return bad_reply(e, i, error);
    const mp_limb_t *at = limbs_of(bytes, size, &copy);
    if (!at)
        return no_memory(e, error);
    fan_status status = add_limbs(e, &e->next_products, at, limbs, error);
    if (status == FAN_OK)
        status = add_limbs(e, &e->next_sums, at + limbs, limbs + 1, error);
    free(copy);
    return status;
}

/* The product of a pair, then the two parts of its sum. */
static fan_status take_product(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                               fan_error *error)
{
    mpz_t value;
    mpz_init(value);
    fan_status status = import_limbs(value, bytes, size);
    if (status != FAN_OK) {
        status = bad_reply(e, i, error);
    } else if (i % 3 == 0) {
        status = add(e, &e->next_products, value, error);
    } else if (i % 3 == 1) {
        mpz_swap(e->addend, value);
    } else {
        mpz_add(value, value, e->addend);
        status = add(e, &e->next_sums, value, error);
    }
    mpz_clear(value);
    return status;
}

static void describe_product(void *user, uint64_t item, fani_weak_parcel *parcel)
{
    const engine *e = user;
    const level *products = &e->products[e->top], *sums = &e->sums;
    size_t left = (size_t)(item / 3 * 2), right = left + 1, which = (size_t)(item % 3);
    parcel->parts[0].level = which == 0 ? products : sums;
    parcel->parts[0].index = which == 2 ? right : left;
    parcel->parts[1].level = products;
    parcel->parts[1].index = which == 2 ? left : right;
    parcel->part_count = 2;
}

/* A pair as one item takes a third less than in pieces, but memory for all of it at once, and a
 * reply for both of its numbers; and pieces are better where there would be workers without an
 * item. `most` is what a node below has in limbs. */
static bool by_pairs(const engine *e, size_t pairs, size_t most)
{
    return !e->in_files && pairs >= e->workers &&
           (uint64_t)(4 * most + 1) * WORD <= e->memory->reply_max;
}

static fan_status climb_level(engine *e, fan_error *error)
{
    level *below = &e->products[e->top];
    size_t count = fani_weak_level_count(below), pairs = count / 2, odd = count % 2;
    size_t most = largest(below) + 1;
    fani_weak_items whole = {.task = &fani_task_weakkeys_join,
                             .what = "pair",
                             .take = take_join,
                             .count = pairs,
                             .first = below,
                             .second = &e->sums};
    fani_weak_items items = {.task = &fani_task_weakkeys_multiply,
                             .what = "multiplication",
                             .take = take_product,
                             .count = 3 * pairs,
                             .first = below,
                             .second = &e->sums,
                             .need = {.bytes = (uint64_t)2 * most * WORD,
                                      .reply = (uint64_t)2 * most * WORD,
                                      .work = fani_space_multiply(most, most)},
                             .describe = describe_product};
    fan_status status =
        begin_level(e, e->top + 1, pairs + odd, fani_weak_level_limbs(below), error);
    if (status == FAN_OK)
        status = fani_weak_engine_map(e, by_pairs(e, pairs, most) ? &whole : &items, error);
    if (status == FAN_OK && odd)
        status = carry_last(e, below, &e->next_products, error);
    if (status == FAN_OK && odd)
        status = carry_last(e, &e->sums, &e->next_sums, error);
    return status == FAN_OK ? finish_level(e, e->top + 1, error) : status;
}

/* ---- Down ------------------------------------------------------------------------------------ */

static fan_status take_fraction(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                                fan_error *error)
{
    size_t limbs = fani_weak_level_size(&e->products[e->top], (size_t)i) + 1;
    mp_limb_t *copy;
    if (size != limbs * WORD)
        return bad_reply(e, i, error);
    const mp_limb_t *at = limbs_of(bytes, size, &copy);
    fan_status status =
        at ? fani_weak_level_add(&e->next_fractions, &e->writes, at, limbs, limbs, error)
           : no_memory(e, error);
    free(copy);
    return status;
}

/* Those of both nodes of a pair. */
static fan_status take_fractions(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                                 fan_error *error)
{
    size_t node = 2 * (size_t)i;
    size_t left = (fani_weak_level_size(&e->products[e->top], node) + 1) * WORD;
    if (size < left)
        return bad_reply(e, i, error);
    fan_status status = take_fraction(e, node, bytes, left, error);
    return status == FAN_OK ? take_fraction(e, node + 1, bytes + left, size - left, error) : status;
}

/* Room for the fractions of level `top`. */
static fan_status begin_fractions(engine *e, fan_error *error)
{
    const level *nodes = &e->products[e->top];
    size_t count = fani_weak_level_count(nodes);
    return begin(e, &e->next_fractions, FANI_WEAK_FRACTIONS, e->top, count,
                 fani_weak_level_limbs(nodes) + count, error);
}

/* Puts what the moduli outside leave behind the sums. */
static fan_status add_outside(engine *e, fan_error *error)
{
    fan_executor *executor = e->run->executor;
    level *top = &e->products[e->top];
    mpz_t residue;
    mpz_init(residue);
    fan_status status = fani_weak_level_load(top, executor, error);
    if (status == FAN_OK)
        status = e->outside->residue(e->outside->user, &top->packer, residue, error);
    size_t count = fani_weak_level_count(&e->sums);
    if (status == FAN_OK)
        status = begin(e, &e->next_sums, FANI_WEAK_SUMS, e->top + 1, count + 1,
                       fani_weak_level_limbs(&e->sums) + mpz_size(residue), error);
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = carry(e, &e->sums, i, &e->next_sums, error);
    if (status == FAN_OK)
        status = add(e, &e->next_sums, residue, error);
    mpz_clear(residue);
    return status == FAN_OK ? finish(e, &e->sums, &e->next_sums, error) : status;
}

/* The sums are not needed any more. */
static fan_status find_roots(engine *e, fan_error *error)
{
    level *top = &e->products[e->top];
    size_t most = largest(top);
    fani_weak_items items = {.task = &fani_task_weakkeys_root,
                             .what = "root",
                             .take = take_fraction,
                             .count = fani_weak_level_count(top),
                             .first = top,
                             .second = &e->sums,
                             .need = {.reply = (uint64_t)most * WORD,
                                      .work = fani_space_root(most, e->outside ? 2 * most : most)}};
    fan_status status = e->outside ? add_outside(e, error) : FAN_OK;
    if (status == FAN_OK)
        status = begin_fractions(e, error);
    if (status == FAN_OK)
        status = fani_weak_engine_map(e, &items, error);
    if (status == FAN_OK)
        status = fani_weak_level_drop(&e->sums, e->run->executor);
    return status == FAN_OK ? finish(e, &e->fractions, &e->next_fractions, error) : status;
}

static void describe_step(void *user, uint64_t item, fani_weak_parcel *parcel)
{
    const engine *e = user;
    const level *products = &e->products[e->top];
    size_t node = (size_t)item;
    parcel->parts[0].level = &e->fractions;
    parcel->parts[0].index = node / 2;
    parcel->parts[1].level = products;
    parcel->parts[1].index = node ^ 1;
    parcel->part_count = 2;
    parcel->number = fani_weak_level_size(products, node);
    parcel->has_number = true;
}

static fan_status descend_level(engine *e, fan_error *error)
{
    fan_status status = fani_weak_level_drop(&e->products[e->top--], e->run->executor);
    level *nodes = &e->products[e->top];
    size_t count = fani_weak_level_count(nodes), most = largest(nodes) + 1;
    fani_weak_items whole = {.task = &fani_task_weakkeys_part,
                             .what = "step",
                             .take = take_fractions,
                             .count = count / 2,
                             .first = nodes,
                             .second = &e->fractions};
    fani_weak_items items = {.task = &fani_task_weakkeys_step,
                             .what = "step",
                             .take = take_fraction,
                             .count = count - count % 2,
                             .first = nodes,
                             .second = &e->fractions,
                             .need = {.bytes = (uint64_t)3 * most * WORD,
                                      .reply = (uint64_t)most * WORD,
                                      .work = fani_space_step(2 * most, most)},
                             .describe = describe_step};
    if (status == FAN_OK)
        status = begin_fractions(e, error);
    if (status == FAN_OK)
        status = fani_weak_engine_map(e, by_pairs(e, count / 2, most) ? &whole : &items, error);
    if (status == FAN_OK && count % 2)
        status = carry_last(e, &e->fractions, &e->next_fractions, error);
    return status == FAN_OK ? finish(e, &e->fractions, &e->next_fractions, error) : status;
}

static fan_status take_gcds(engine *e, uint64_t i, const unsigned char *bytes, size_t size,
                            fan_error *error)
{
    (void)i;
    return fani_weak_decode(bytes, size, e->gcds, error);
}

static fan_status descend_blocks(engine *e, fan_error *error)
{
    fani_weak_items items = {.task = &fani_task_weakkeys_block,
                             .what = "block",
                             .take = take_gcds,
                             .count = block_count(e),
                             .first = e->in_files ? NULL : &e->moduli,
                             .second = &e->fractions,
                             .need = need_of_blocks(e),
                             .describe = describe_last};
    fan_status status = fani_weak_level_drop(&e->products[0], e->run->executor);
    if (status == FAN_OK)
        status = fani_weak_engine_map(e, &items, error);
    if (status == FAN_OK && e->gcds->count != e->distinct->count)
        status = fani_error_set(error, FAN_E_PROTOCOL, "%zu keys gave %zu gcds", e->distinct->count,
                                e->gcds->count);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Shares what was taken up in memory. */
static fan_status share_loaded(engine *e, bool down, fan_error *error)
{
    fan_executor *executor = e->run->executor;
    fan_status status = FAN_OK;
    e->kept_below = e->top + !down;
    if (e->in_files)
        return FAN_OK;
    for (size_t i = 0; i < e->kept_below && status == FAN_OK; i++)
        status = fani_weak_level_share(&e->products[i], executor, error);
    return status == FAN_OK
               ? fani_weak_level_share(down ? &e->fractions : &e->sums, executor, error)
               : status;
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

static fan_status climb(engine *e, bool begun, fan_error *error)
{
    fan_status status = begun ? FAN_OK : climb_blocks(e, error);
    if (status == FAN_OK && !begun)
        status = fani_weak_engine_keep(e, FANI_WEAK_SUMS, error);
    while (status == FAN_OK && fani_weak_level_count(&e->products[e->top]) > 2) {
        status = climb_level(e, error);
        if (status == FAN_OK)
            status = fani_weak_engine_keep(e, FANI_WEAK_SUMS, error);
    }
    fani_weak_times_end(e->run, FANI_WEAK_UP);
    if (status == FAN_OK)
        status = find_roots(e, error);
    fani_weak_times_end(e->run, FANI_WEAK_ROOT);
    return status == FAN_OK ? fani_weak_engine_keep(e, FANI_WEAK_FRACTIONS, error) : status;
}

static fan_status descend(engine *e, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && e->top > 0) {
        status = descend_level(e, error);
        if (status == FAN_OK)
            status = fani_weak_engine_keep(e, FANI_WEAK_FRACTIONS, error);
    }
    return status == FAN_OK ? descend_blocks(e, error) : status;
}

static fan_status scan(engine *e, fan_error *error)
{
    bool down = false, begun = fani_weak_engine_load(e, &down);
    fan_status status = share_moduli(e, error);
    note_beginning(e, begun, down);
    fani_weak_engine_count_work(e);
    if (begun)
        fani_weak_engine_skip_work(e, down);
    if (status == FAN_OK && begun)
        status = share_loaded(e, down, error);
    e->run->keeps_parts |= begun;
    if (status == FAN_OK && begun)
        status = fani_weak_engine_can_go_on(e, error);
    if (status == FAN_OK && !down)
        status = climb(e, begun, error);
    return status == FAN_OK ? descend(e, error) : status;
}

uint64_t fani_weak_engine_identity(const fani_mpzs *distinct)
{
    uint64_t identity = fani_weak_engine_block(distinct->count);
    for (size_t i = 0; i < distinct->count; i++) {
        mpz_srcptr value = distinct->values + i;
        identity = XXH3_64bits_withSeed(mpz_limbs_read(value), mpz_size(value) * WORD, identity);
    }
    return identity;
}

void fani_weak_engine_clear(const fani_weak_store *store)
{
    fani_weak_store_clear(store, FANI_WEAK_LEVELS_MAX);
}

/* How the scan is done, and who reads and writes files for it. */
static fan_status prepare(engine *e, fan_error *error)
{
    static const fan_pool_options threads = {.threads = FANI_WEAK_WRITES + 1};
    fani_weak_way way;
    fan_executor_stats stats = {.workers = 1};
    (void)fan_executor_get_stats(e->run->executor, &stats); /* else there is one */
    e->workers = stats.workers;
    fan_status status = fani_weak_choose(e->memory, e->distinct, e->block_keys, &way, error);
    e->in_files = way == FANI_WEAK_IN_FILES;
    if (status == FAN_OK && e->in_files && !e->store->base)
        status = fani_error_set(error, FAN_E_ARGUMENT, "there is no folder for levels in files");
    if (status == FAN_OK && e->in_files)
        status = fan_pool_open(&threads, &e->pool, error);
    e->writes.pool = e->pool;
    return status;
}

fan_status fani_weak_engine_run(fani_job_run *run, const fani_mpzs *distinct,
                                const fani_weak_circumstances *circumstances, fani_mpzs *gcds,
                                fan_error *error)
{
    engine e = {.run = run,
                .distinct = distinct,
                .gcds = gcds,
                .store = circumstances->store,
                .memory = circumstances->memory,
                .outside = circumstances->outside,
                .kept_ns = fani_clock_ns(),
                .block_keys = fani_weak_engine_block(distinct->count)};
    if (!distinct->count)
        return FAN_OK;
    fan_status status = prepare(&e, error);
    if (status != FAN_OK)
        return status;
    mpz_init(e.addend);
    fani_run_progress(run, 0, true);
    status = scan(&e, error);
    fan_status dropped = drop_all(&e);
    if (status == FAN_OK && dropped != FAN_OK)
        status = fani_error_set(error, dropped, "the trees over the keys can't be dropped: %s",
                                fan_status_text(dropped));
    mpz_clear(e.addend);
    (void)fan_pool_close(e.pool, FAN_CLOSE_DRAIN, FAN_FOREVER); /* it has nothing to do any more */
    return status;
}
