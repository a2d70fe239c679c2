/* The tasks of weakkeys (weak_engine.h says what they are for). Items are indices; what they work
 * on are packs (weak_pack.h) shared by the handles in the arguments:
 *
 *   product    first: the moduli. Block i gives a pack of its product and its sum
 *   multiply   first: the products of a level, second: its sums. Of pair i / 3: P P', S P' or S' P
 *   root       first, second: as before, of one node or two. Node i gives its fraction. Where
 *              `second` has one number more, that is a factor of all others
 *   step       first: the products of a level, second: the fractions of the level above. Node i,
 *              which has a sibling, gives its fraction
 *   block      first: the moduli, second: the fractions of the blocks. Block i gives the gcds, in
 * the bytes of kernel/gcd/weak_codec.h
 *
 * Replies of one integer are its limbs. */
#include <stdlib.h>
#include <string.h>

#include "job/weak_engine.h"
#include "kernel/gcd/reciprocal.h"
#include "kernel/gcd/scaled.h"
#include "kernel/gcd/weak.h"
#include "kernel/gcd/weak_codec.h"

/* What an item works on. */
typedef struct material {
    fani_weak_args args;
    fani_weak_pack first;
    fani_weak_pack second;
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

static fan_status run_all(fan_run *run, const fan_items *in, bool both, work one)
{
    material m = {.item = in->first};
    fan_status status = in->bytes ? FAN_E_PROTOCOL : open_material(run, both, &m);
    for (size_t i = 0; i < in->count && status == FAN_OK; i++, m.item++)
        status = fan_run_cancelled(run) ? FAN_E_CANCELLED : one(run, i, &m);
    close_material(&m);
    return status;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* Views of a block's moduli; the caller frees the array. FAN_E_PROTOCOL: there is no such block, or
 * a modulus is 0. */
static fan_status view_block(const material *m, mpz_ptr *moduli, size_t *count)
{
    uint64_t size = m->args.block_keys, all = m->first.count;
    if (size == 0 || m->item > all / size || m->item * size >= all)
        return FAN_E_PROTOCOL;
    size_t first = (size_t)(m->item * size);
    *count = (size_t)(all - first < size ? all - first : size);
    *moduli = malloc(*count * sizeof **moduli);
    if (!*moduli)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < *count; i++) {
        fani_weak_pack_view(&m->first, first + i, *moduli + i);
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
    fan_status status = view_block(m, &moduli, &count);
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
    fan_status status = view_block(m, &moduli, &count);
    if (status != FAN_OK)
        return status;
    if (m->item >= m->second.count) {
        status = FAN_E_PROTOCOL;
    } else {
        fani_weak_pack_view(&m->second, (size_t)m->item, fraction);
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

static fan_status multiply_pair(fan_run *run, size_t i, const material *m)
{
    enum { PRODUCTS, LEFT_SUM, RIGHT_SUM, EACH };
    uint64_t pair = m->item / EACH, which = m->item % EACH;
    if (m->first.count != m->second.count || pair >= m->first.count / 2)
        return FAN_E_PROTOCOL;
    size_t left = (size_t)(2 * pair), right = left + 1;
    const fani_weak_pack *of = which == PRODUCTS ? &m->first : &m->second;
    size_t a = which == RIGHT_SUM ? right : left, b = which == RIGHT_SUM ? left : right;
    size_t an = fani_weak_pack_size(of, a), bn = fani_weak_pack_size(&m->first, b);
    if (!an || !bn)
        return FAN_E_PROTOCOL;
    const fani_multiplier *multiplier = fani_multiplier_best();
    mp_limb_t *out = malloc((an + bn) * sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    fan_status status = multiplier->product(multiplier, out, fani_weak_pack_limbs(of, a), an,
                                            fani_weak_pack_limbs(&m->first, b), bn);
    if (status == FAN_OK)
        status = fan_run_reply(run, i, out, (an + bn - !out[an + bn - 1]) * sizeof *out);
    free(out);
    return status;
}

static fan_status run_multiply(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, multiply_pair);
}

/* An integer with zeros up to a size. */
static fan_status reply_padded(fan_run *run, size_t i, mpz_srcptr value, size_t size)
{
    mp_limb_t *out = calloc(size, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    memcpy(out, mpz_limbs_read(value), mpz_size(value) * sizeof *out);
    fan_status status = fan_run_reply(run, i, out, size * sizeof *out);
    free(out);
    return status;
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
    size_t count = m->first.count, node = (size_t)m->item;
    mpz_t fraction, others, product = {0}, sum = {0};
    if (count < 1 || count > 2 || m->second.count < count || m->second.count > count + 1 ||
        m->item >= count)
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

static fan_status step_to(fan_run *run, size_t i, const material *m)
{
    size_t node = (size_t)m->item, parent = node / 2, sibling = node ^ 1;
    if (m->item >= m->first.count || sibling >= m->first.count || parent >= m->second.count)
        return FAN_E_PROTOCOL;
    size_t size = fani_weak_pack_size(&m->first, node),
           sibling_size = fani_weak_pack_size(&m->first, sibling),
           parent_size = fani_weak_pack_size(&m->second, parent) - 1;
    /* A product has as many limbs as its factors, or one less. */
    if (!size || !sibling_size ||
        (parent_size != size + sibling_size && parent_size + 1 != size + sibling_size))
        return FAN_E_PROTOCOL;
    fani_limbs scratch = {0};
    mp_limb_t *out = malloc((size + 1) * sizeof *out);
    fan_status status =
        out ? fani_scaled_step(fani_multiplier_best(), &scratch,
                               fani_weak_pack_limbs(&m->second, parent), parent_size,
                               fani_weak_pack_limbs(&m->first, sibling), sibling_size, out, size)
            : FAN_E_MEMORY;
    if (status == FAN_OK)
        status = fan_run_reply(run, i, out, (size + 1) * sizeof *out);
    fani_limbs_free(&scratch);
    free(out);
    return status;
}

static fan_status run_step(fan_run *run, fan_items in)
{
    return run_all(run, &in, true, step_to);
}

const fan_task fani_task_weakkeys_product = {
    .name = "weakkeys.product", .version = 2, .run = run_product};
const fan_task fani_task_weakkeys_multiply = {
    .name = "weakkeys.multiply", .version = 2, .run = run_multiply};
const fan_task fani_task_weakkeys_root = {.name = "weakkeys.root", .version = 2, .run = run_root};
const fan_task fani_task_weakkeys_step = {.name = "weakkeys.step", .version = 1, .run = run_step};
const fan_task fani_task_weakkeys_block = {
    .name = "weakkeys.block", .version = 2, .run = run_block};
