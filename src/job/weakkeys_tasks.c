/* The tasks of weakkeys (weak_engine.h says what they are for). Items are indices; what they work
 * on are packs (weak_pack.h) shared by the handles in the arguments:
 *
 *   product    first: the moduli. Block i gives a pack of its product and its sum
 *   multiply   first: the products of a level, second: its sums. Of pair i / 3: P P', S P' or S' P
 *   join       first, second: as before. Of pair i: P P', then S P' + S' P, with zeros above
 *   root       first, second: as before, of one node or two. Node i gives its fraction. Where
 *              `second` has one number more, that is a factor of all others
 *   step       first: the products of a level, second: the fractions of the level above. Node i,
 *              which has a sibling, gives its fraction
 *   part       first, second: as before. Of pair i the fractions of both nodes, one behind the
 *              other
 *   block      first: the moduli, second: the fractions of the blocks. Block i gives the gcds, in
 * the bytes of kernel/gcd/weak_codec.h
 *
 * Or an item is itself a pack of what it works on, and nothing is shared:
 *
 *   product    a block's moduli
 *   multiply   the two factors
 *   step       the parent's fraction, the sibling's product, and how many limbs the node's has
 *   block      a block's moduli and its fraction
 *
 * Replies of one integer are its limbs. */
#include <stdlib.h>
#include <string.h>

#include "job/weak_engine.h"
#include "kernel/gcd/reciprocal.h"
#include "kernel/gcd/scaled.h"
#include "kernel/gcd/weak.h"
#include "kernel/gcd/weak_codec.h"
#include "task/worker.h"

/* What an item works on: what it carries, or what is shared. */
typedef struct material {
    fani_weak_args args;
    fani_weak_pack first;
    fani_weak_pack second;
    fani_weak_pack carried;
    bool carries;
    uint64_t item;
} material;

typedef fan_status (*work)(fan_run *run, size_t i, const material *m);

static fan_status open_shared(const fan_run *run, fan_shared handle, fani_weak_pack *pack)
{
    fan_items shared = fan_run_shared(run, handle);
    return shared.count ? fani_weak_pack_open(pack, shared.bytes, shared.size) : FAN_E_PROTOCOL;
}

static void close_material(material *m)
{
    fani_weak_pack_close(&m->first);
    fani_weak_pack_close(&m->second);
}

/* The second pack is left empty where a task has no use for it. */
static fan_status open_material(const fan_run *run, bool both, material *m)
{
    fan_items args = fan_run_args(run);
    if (args.size != sizeof m->args)
        return FAN_E_PROTOCOL;
    memcpy(&m->args, args.bytes, sizeof m->args);
    fan_status status = open_shared(run, m->args.first, &m->first);
    if (status == FAN_OK && both)
        status = open_shared(run, m->args.second, &m->second);
    if (status != FAN_OK)
        close_material(m);
    return status;
}

static fan_status run_carried(fan_run *run, size_t i, const unsigned char *bytes, size_t size,
                              work one)
{
    material m = {.carries = true};
    fan_status status = fani_weak_pack_open(&m.carried, bytes, size);
    if (status == FAN_OK)
        status = one(run, i, &m);
    fani_weak_pack_close(&m.carried);
    return status;
}

static fan_status run_shared(fan_run *run, const fan_items *in, bool both, work one)
{
    material m = {.item = in->first};
    fan_status status = open_material(run, both, &m);
    for (size_t i = 0; i < in->count && status == FAN_OK; i++, m.item++)
        status = fan_run_cancelled(run) ? FAN_E_CANCELLED : one(run, i, &m);
    close_material(&m);
    return status;
}

static fan_status run_all(fan_run *run, const fan_items *in, bool both, work one)
{
    fan_status status = FAN_OK;
    if (!in->bytes)
        return run_shared(run, in, both, one);
    for (size_t i = 0; i < in->count && status == FAN_OK; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(in, i, &size);
        status = fan_run_cancelled(run) ? FAN_E_CANCELLED : run_carried(run, i, bytes, size, one);
    }
    return status;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* Where a block's moduli are; with `others` integers behind them where the item carries all.
 * FAN_E_PROTOCOL: there is no such block. */
static fan_status find_block(const material *m, size_t others, const fani_weak_pack **pack,
                             size_t *first, size_t *count)
{
    uint64_t size = m->args.block_keys, all = m->first.count;
    *pack = m->carries ? &m->carried : &m->first;
    *first = 0;
    *count = m->carries && m->carried.count > others ? m->carried.count - others : 0;
    if (m->carries)
        return *count ? FAN_OK : FAN_E_PROTOCOL;
    if (size == 0 || m->item > all / size || m->item * size >= all)
        return FAN_E_PROTOCOL;
    *first = (size_t)(m->item * size);
    *count = (size_t)(all - *first < size ? all - *first : size);
    return FAN_OK;
}

/* Views of a block's moduli; the caller frees the array. FAN_E_PROTOCOL: there is no such block, or
 * a modulus is 0. */
static fan_status view_block(const material *m, size_t others, mpz_ptr *moduli, size_t *count)
{
    const fani_weak_pack *pack;
    size_t first;
    fan_status status = find_block(m, others, &pack, &first, count);
    if (status != FAN_OK)
        return status;
    *moduli = malloc(*count * sizeof **moduli);
    if (!*moduli)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < *count; i++) {
        fani_weak_pack_view(pack, first + i, *moduli + i);
        if (!mpz_sgn(*moduli + i)) {
            free(*moduli);
            return FAN_E_PROTOCOL;
        }
    }
    return FAN_OK;
}

static fan_status reply_pair(fan_run *run, size_t i, mpz_srcptr a, mpz_srcptr b)
{
    fani_weak_packer packer;
    fan_status status = fani_weak_packer_begin(&packer, 2, mpz_size(a) + mpz_size(b));
    if (status == FAN_OK)
        status = fani_weak_packer_put(&packer, a, mpz_size(a));
    if (status == FAN_OK)
        status = fani_weak_packer_put(&packer, b, mpz_size(b));
    if (status == FAN_OK) {
        fan_items all = fani_weak_packer_bytes(&packer);
        status = fan_run_reply(run, i, all.bytes, all.size);
    }
    fani_weak_packer_free(&packer);
    return status;
}

static fan_status product_of_block(fan_run *run, size_t i, const material *m)
{
    mpz_ptr moduli;
    size_t count;
    mpz_t product, sum;
    fan_status status = view_block(m, 0, &moduli, &count);
    if (status != FAN_OK)
        return status;
    mpz_inits(product, sum, NULL);
    status = fani_weak_block_up(fani_multiplier_best(), moduli, count, product, sum, NULL);
    if (status == FAN_OK)
        status = reply_pair(run, i, product, sum);
    mpz_clears(product, sum, NULL);
    free(moduli);
    return status;
}

static fan_status run_product(fan_run *run, fan_items in)
{
    return run_all(run, &in, false, product_of_block);
}

static fan_status reply_list(fan_run *run, size_t i, const fani_mpzs *list)
{
    size_t size = fani_weak_encoded_size(list->values, list->count);
    unsigned char *bytes = malloc(size + 1);
    if (!bytes)
        return FAN_E_MEMORY;
    fani_weak_encode(list->values, list->count, bytes);
    fan_status status = fan_run_reply(run, i, bytes, size);
    free(bytes);
    return status;
}

static fan_status gcds_of_block(fan_run *run, size_t i, const material *m)
{
    mpz_ptr moduli;
    size_t count;
    mpz_t fraction = {0};
    fani_mpzs gcds = {0};
    const fani_weak_pack *fractions = m->carries ? &m->carried : &m->second;
    fan_status status = view_block(m, 1, &moduli, &count);
    if (status != FAN_OK)
        return status;
    uint64_t place = m->carries ? count : m->item;
    if (place >= fractions->count) {
        status = FAN_E_PROTOCOL;
    } else {
        fani_weak_pack_view(fractions, (size_t)place, fraction);
        status = fani_weak_block_down(fani_multiplier_best(), moduli, count, fraction, &gcds, NULL);
    }
    if (status == FAN_OK)
        status = reply_list(run, i, &gcds);
    fani_mpzs_free(&gcds);
    free(moduli);
    return status;
}

static fan_status run_block(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, gcds_of_block);
}

/* ---- Above the blocks ------------------------------------------------------------------------ */

/* A number somewhere in a pack. */
static fani_number operand_of(const fani_weak_pack *pack, size_t i)
{
    return (fani_number){fani_weak_pack_limbs(pack, i), fani_weak_pack_size(pack, i)};
}

/* FAN_E_PROTOCOL: there is no such pair. */
static fan_status find_pair(const material *m, fani_number *a, fani_number *b)
{
    enum { PRODUCTS, LEFT_SUM, RIGHT_SUM, EACH };
    uint64_t pair = m->item / EACH, which = m->item % EACH;
    if (m->carries ? m->carried.count != 2
                   : m->first.count != m->second.count || pair >= m->first.count / 2)
        return FAN_E_PROTOCOL;
    size_t left = (size_t)(2 * pair), right = left + 1;
    const fani_weak_pack *of = which == PRODUCTS ? &m->first : &m->second;
    *a =
        m->carries ? operand_of(&m->carried, 0) : operand_of(of, which == RIGHT_SUM ? right : left);
    *b = m->carries ? operand_of(&m->carried, 1)
                    : operand_of(&m->first, which == RIGHT_SUM ? left : right);
    return a->size && b->size ? FAN_OK : FAN_E_PROTOCOL;
}

/* Room for a reply of limbs where it stays. Other replies before it in the batch are of whole limbs
 * too. */
static fan_status room_for(fan_run *run, size_t i, size_t limbs, mp_limb_t **out)
{
    unsigned char *room = NULL;
    fan_status status = fani_run_reply_room(run, i, limbs * sizeof **out, &room);
    if (status == FAN_OK)
        *out = (mp_limb_t *)(void *)room;
    return status;
}

static fan_status multiply_pair(fan_run *run, size_t i, const material *m)
{
    fani_number a, b;
    fan_status status = find_pair(m, &a, &b);
    if (status != FAN_OK)
        return status;
    const fani_multiplier *multiplier = fani_multiplier_best();
    size_t size = a.size + b.size;
    mp_limb_t *out;
    status = room_for(run, i, size, &out);
    if (status == FAN_OK)
        status = multiplier->product(multiplier, out, a.at, a.size, b.at, b.size);
    return status == FAN_OK ? fani_run_reply_take(run, i, (size - !out[size - 1]) * sizeof *out)
                            : status;
}

static fan_status run_multiply(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, multiply_pair);
}

static fan_status join_pair(fan_run *run, size_t i, const material *m)
{
    size_t left = 2 * (size_t)m->item, size = 0;
    fani_number products[2], sums[2];
    mp_limb_t *out;
    if (m->carries || m->first.count != m->second.count || m->item >= m->first.count / 2)
        return FAN_E_PROTOCOL;
    for (size_t side = 0; side < 2; side++) {
        products[side] = operand_of(&m->first, left + side);
        sums[side] = operand_of(&m->second, left + side);
        size += products[side].size;
        if (!products[side].size || !sums[side].size || sums[side].size > products[side].size + 1)
            return FAN_E_PROTOCOL;
    }
    fan_status status = room_for(run, i, 2 * size + 1, &out);
    if (status == FAN_OK)
        status = fani_scaled_join(fani_multiplier_best(), products, sums, out, out + size);
    return status == FAN_OK ? fani_run_reply_take(run, i, (2 * size + 1) * sizeof *out) : status;
}

static fan_status run_join(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, join_pair);
}

/* An integer with zeros up to a size. */
static fan_status reply_padded(fan_run *run, size_t i, mpz_srcptr value, size_t size)
{
    mp_limb_t *out;
    size_t used = mpz_size(value);
    fan_status status = room_for(run, i, size, &out);
    if (status != FAN_OK)
        return status;
    memcpy(out, mpz_limbs_read(value), used * sizeof *out);
    memset(out + used, 0, (size - used) * sizeof *out);
    return fani_run_reply_take(run, i, size * sizeof *out);
}

/* others = what node number `node` is compared with: the other node, and what is outside. */
static fan_status find_others(const material *m, size_t node, mpz_ptr others)
{
    size_t count = m->first.count;
    mpz_t sibling = {0}, outside = {0};
    mpz_set_ui(others, 1);
    if (count == 2) {
        fani_weak_pack_view(&m->first, 1 - node, sibling);
        mpz_set(others, sibling);
    }
    if (m->second.count == count)
        return FAN_OK;
    fani_weak_pack_view(&m->second, count, outside);
    if (count == 2)
        return fani_multiply(fani_multiplier_best(), others, sibling, outside);
    mpz_set(others, outside);
    return FAN_OK;
}

static fan_status root_of(fan_run *run, size_t i, const material *m)
{
    size_t count = m->first.count, node = (size_t)m->item; /* always shared */
    mpz_t fraction, others, product = {0}, sum = {0};
    if (m->carries || count < 1 || count > 2 || m->second.count < count ||
        m->second.count > count + 1 || m->item >= count)
        return FAN_E_PROTOCOL;
    fani_weak_pack_view(&m->first, node, product);
    fani_weak_pack_view(&m->second, node, sum);
    mpz_inits(fraction, others, NULL);
    fan_status status = find_others(m, node, others);
    if (status == FAN_OK && (!mpz_sgn(product) || !mpz_sgn(sum) || !mpz_sgn(others)))
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK)
        status = fani_scaled_root(fani_multiplier_best(), fraction, sum, product, others);
    if (status == FAN_OK)
        status = reply_padded(run, i, fraction, fani_scaled_size(product));
    mpz_clears(fraction, others, NULL);
    return status;
}

static fan_status run_root(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, root_of);
}

/* FAN_E_PROTOCOL: there is no such step. */
static fan_status find_step(const material *m, fani_number *fraction, fani_number *sibling, size_t *size)
{
    size_t node = (size_t)m->item;
    if (m->carries ? m->carried.count != 3 || fani_weak_pack_size(&m->carried, 2) != 1
                   : m->item >= m->first.count || (node ^ 1) >= m->first.count ||
                         node / 2 >= m->second.count)
        return FAN_E_PROTOCOL;
    *fraction = m->carries ? operand_of(&m->carried, 0) : operand_of(&m->second, node / 2);
    *sibling = m->carries ? operand_of(&m->carried, 1) : operand_of(&m->first, node ^ 1);
    uint64_t limbs =
        m->carries ? *fani_weak_pack_limbs(&m->carried, 2) : fani_weak_pack_size(&m->first, node);
    /* A product has as many limbs as its factors, or one less. */
    uint64_t parent = fraction->size - 1, both = limbs + sibling->size;
    *size = (size_t)limbs;
    return fraction->size && limbs && limbs <= parent && sibling->size &&
                   (parent == both || parent + 1 == both)
               ? FAN_OK
               : FAN_E_PROTOCOL;
}

static fan_status step_to(fan_run *run, size_t i, const material *m)
{
    fani_number fraction, sibling;
    size_t size;
    fan_status status = find_step(m, &fraction, &sibling, &size);
    if (status != FAN_OK)
        return status;
    fani_limbs scratch = {0};
    mp_limb_t *out;
    status = room_for(run, i, size + 1, &out);
    if (status == FAN_OK)
        status = fani_scaled_step(fani_multiplier_best(), &scratch, fraction.at, fraction.size - 1,
                                  sibling.at, sibling.size, out, size);
    fani_limbs_free(&scratch);
    return status == FAN_OK ? fani_run_reply_take(run, i, (size + 1) * sizeof *out) : status;
}

static fan_status run_step(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, step_to);
}

static fan_status part_pair(fan_run *run, size_t i, const material *m)
{
    size_t left = 2 * (size_t)m->item, size = 0;
    fani_number products[2];
    if (m->carries || m->item >= m->first.count / 2 || m->item >= m->second.count)
        return FAN_E_PROTOCOL;
    for (size_t side = 0; side < 2; side++) {
        products[side] = operand_of(&m->first, left + side);
        size += products[side].size;
        if (!products[side].size)
            return FAN_E_PROTOCOL;
    }
    fani_number fraction = operand_of(&m->second, (size_t)m->item);
    if (fraction.size != size && fraction.size != size + 1)
        return FAN_E_PROTOCOL;
    mp_limb_t *out[2];
    fan_status status = room_for(run, i, size + 2, &out[0]);
    if (status != FAN_OK)
        return status;
    out[1] = out[0] + products[0].size + 1;
    status = fani_scaled_part(fani_multiplier_best(), fraction.at, fraction.size - 1, products, out);
    return status == FAN_OK ? fani_run_reply_take(run, i, (size + 2) * sizeof **out) : status;
}

static fan_status run_part(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, part_pair);
}

const fan_task fani_task_weakkeys_product = {
    .name = "weakkeys.product", .version = 3, .run = run_product};
const fan_task fani_task_weakkeys_multiply = {
    .name = "weakkeys.multiply", .version = 3, .run = run_multiply};
const fan_task fani_task_weakkeys_root = {.name = "weakkeys.root", .version = 2, .run = run_root};
const fan_task fani_task_weakkeys_step = {.name = "weakkeys.step", .version = 2, .run = run_step};
const fan_task fani_task_weakkeys_join = {.name = "weakkeys.join", .version = 1, .run = run_join};
const fan_task fani_task_weakkeys_part = {.name = "weakkeys.part", .version = 1, .run = run_part};
const fan_task fani_task_weakkeys_block = {
    .name = "weakkeys.block", .version = 3, .run = run_block};
