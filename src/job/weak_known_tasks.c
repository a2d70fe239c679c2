/* The tasks of an incremental scan (weak_known_pass.h says what they are for). Numbers travel as
 * packs (weak_pack.h), one of them as its limbs:
 *
 *   modulus   an item: the nodes at the top of the tree over the new moduli. Their product, and its
 *             reciprocal (0 where it needs none), as a pack
 *   reduce    shared: such a pack. An item: numbers. Their product modulo that one; where that is
 *             0, the modulus itself
 *   product   an item: moduli. Their product
 *   meet      shared: a pack of one number. An item: moduli. For each that has a factor in common
 *             with it, its place (from 1) and that factor, in the bytes of kernel/gcd/weak_codec.h
 */
#include <stdlib.h>
#include <string.h>

#include "job/weak_known_pass.h"
#include "kernel/gcd/modulus.h"
#include "kernel/gcd/reciprocal.h"
#include "kernel/gcd/weak_codec.h"
#include "kernel/gcd/weak_meet.h"

/* A pack with views of its numbers. */
typedef struct numbers {
    fani_weak_pack pack;
    mpz_ptr values;
    size_t count;
} numbers;

static void close_numbers(numbers *n)
{
    free(n->values);
    fani_weak_pack_close(&n->pack);
}

/* FAN_E_PROTOCOL: no pack, of fewer numbers than `least`, or one is 0 though none may be. */
static fan_status open_numbers(const unsigned char *bytes, size_t size, size_t least, bool positive,
                               numbers *n)
{
    *n = (numbers){0};
    fan_status status = fani_weak_pack_open(&n->pack, bytes, size);
    if (status != FAN_OK)
        return status;
    n->count = n->pack.count;
    n->values = malloc((n->count + 1) * sizeof *n->values);
    if (!n->values)
        status = FAN_E_MEMORY;
    else if (n->count < least)
        status = FAN_E_PROTOCOL;
    for (size_t i = 0; i < n->count && status == FAN_OK; i++) {
        fani_weak_pack_view(&n->pack, i, n->values + i);
        if (positive && !mpz_sgn(n->values + i))
            status = FAN_E_PROTOCOL;
    }
    if (status != FAN_OK)
        close_numbers(n);
    return status;
}

static fan_status open_shared(const fan_run *run, size_t least, numbers *n)
{
    fan_shared handle;
    fan_items args = fan_run_args(run);
    if (args.size != sizeof handle)
        return FAN_E_PROTOCOL;
    memcpy(&handle, args.bytes, sizeof handle);
    fan_items shared = fan_run_shared(run, handle);
    return shared.count ? open_numbers(shared.bytes, shared.size, least, false, n) : FAN_E_PROTOCOL;
}

static fan_status reply_number(fan_run *run, size_t i, mpz_srcptr value)
{
    return fan_run_reply(run, i, mpz_limbs_read(value), mpz_size(value) * sizeof(mp_limb_t));
}

/* ---- The modulus ----------------------------------------------------------------------------- */

static fan_status reply_modulus(fan_run *run, size_t i, const fani_modulus *m)
{
    fani_weak_packer packer;
    fan_status status =
        fani_weak_packer_begin(&packer, 2, mpz_size(m->value) + mpz_size(m->reciprocal));
    if (status == FAN_OK)
        status = fani_weak_packer_put(&packer, m->value, mpz_size(m->value));
    if (status == FAN_OK)
        status = fani_weak_packer_put(&packer, m->reciprocal, mpz_size(m->reciprocal));
    if (status == FAN_OK) {
        fan_items all = fani_weak_packer_bytes(&packer);
        status = fan_run_reply(run, i, all.bytes, all.size);
    }
    fani_weak_packer_free(&packer);
    return status;
}

static fan_status make_modulus(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    const fani_multiplier *multiplier = fani_multiplier_best();
    fani_modulus m = {0};
    numbers nodes;
    mpz_t product, next;
    fan_status status = open_numbers(bytes, size, 1, true, &nodes);
    if (status != FAN_OK)
        return status;
    mpz_inits(product, next, NULL);
    mpz_set(product, nodes.values);
    for (size_t k = 1; k < nodes.count && status == FAN_OK; k++) {
        status = fani_multiply(multiplier, next, product, nodes.values + k);
        mpz_swap(product, next);
    }
    if (status == FAN_OK)
        status = fani_modulus_open(&m, multiplier, product, NULL);
    if (status == FAN_OK)
        status = reply_modulus(run, i, &m);
    fani_modulus_close(&m);
    mpz_clears(product, next, NULL);
    close_numbers(&nodes);
    return status;
}

static fan_status run_modulus(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, make_modulus);
}

/* ---- Remainders ------------------------------------------------------------------------------ */

static fan_status reduce_item(fan_run *run, size_t i, fani_modulus *m, const unsigned char *bytes,
                              size_t size)
{
    numbers factors;
    mpz_t residue;
    fan_status status = open_numbers(bytes, size, 1, true, &factors);
    if (status != FAN_OK)
        return status;
    mpz_init(residue);
    status = fani_modulus_product(m, residue, factors.values, factors.count);
    if (status == FAN_OK)
        status = reply_number(run, i, mpz_sgn(residue) ? residue : m->value);
    mpz_clear(residue);
    close_numbers(&factors);
    return status;
}

static fan_status run_reduce(fan_run *run, fan_items in)
{
    numbers shared;
    fani_modulus m = {0};
    fan_status status = open_shared(run, 2, &shared);
    if (status != FAN_OK)
        return status;
    if (!mpz_sgn(shared.values))
        status = FAN_E_PROTOCOL;
    else
        status = fani_modulus_open(&m, fani_multiplier_best(), shared.values, shared.values + 1);
    for (size_t i = 0, size; i < in.count && status == FAN_OK; i++) {
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        status = fan_run_cancelled(run) ? FAN_E_CANCELLED : reduce_item(run, i, &m, bytes, size);
    }
    fani_modulus_close(&m);
    close_numbers(&shared);
    return status;
}

/* ---- Products -------------------------------------------------------------------------------- */

/* The first half of the numbers become the products of all, two by two; nothing of a level stays
 * when its products are there. */
static fan_status multiply_pairs(const fani_multiplier *multiplier, fani_mpzs *list)
{
    size_t half = list->count / 2, odd = list->count % 2;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < half && status == FAN_OK; i++) {
        mpz_ptr a = list->values + 2 * i, b = a + 1;
        mpz_t product;
        mpz_init(product);
        status = fani_multiply(multiplier, product, a, b);
        mpz_realloc2(a, 1);
        mpz_realloc2(b, 1);
        mpz_swap(list->values + i, product);
        mpz_clear(product);
    }
    if (odd)
        mpz_swap(list->values + half, list->values + 2 * half);
    return status == FAN_OK ? fani_mpzs_resize(list, half + odd) : status;
}

/* The product of each two moduli, which are borrowed. */
static fan_status multiply_first(const fani_multiplier *multiplier, const numbers *moduli,
                                 fani_mpzs *list)
{
    size_t half = moduli->count / 2;
    fan_status status = fani_mpzs_resize(list, half + moduli->count % 2);
    for (size_t i = 0; i < half && status == FAN_OK; i++)
        status = fani_multiply(multiplier, list->values + i, moduli->values + 2 * i,
                               moduli->values + 2 * i + 1);
    if (status == FAN_OK && moduli->count % 2)
        mpz_set(list->values + half, moduli->values + 2 * half);
    return status;
}

static fan_status multiply_moduli(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    fani_multiplier multiplier;
    fani_mpzs list = {0};
    numbers moduli;
    fan_status status = open_numbers(bytes, size, 1, true, &moduli);
    if (status != FAN_OK)
        return status;
    status = fani_multiplier_open(&multiplier, fani_multiplier_best());
    if (status == FAN_OK) {
        status = multiply_first(&multiplier, &moduli, &list);
        while (status == FAN_OK && list.count > 1)
            status = multiply_pairs(&multiplier, &list);
        fani_multiplier_close(&multiplier);
    }
    if (status == FAN_OK)
        status = reply_number(run, i, list.values);
    fani_mpzs_free(&list);
    close_numbers(&moduli);
    return status;
}

static fan_status run_product(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, multiply_moduli);
}

/* ---- Common factors -------------------------------------------------------------------------- */

static fan_status reply_met(fan_run *run, size_t i, fani_mpzs *gcds)
{
    fani_mpzs met = {0};
    mpz_t place;
    fan_status status = FAN_OK;
    mpz_init(place);
    for (size_t k = 0; k < gcds->count && status == FAN_OK; k++) {
        if (mpz_cmp_ui(gcds->values + k, 1) <= 0)
            continue;
        mpz_set_ui(place, k + 1);
        status = fani_mpzs_push(&met, place);
        if (status == FAN_OK)
            status = fani_mpzs_push(&met, gcds->values + k);
    }
    size_t size = fani_weak_encoded_size(met.values, met.count);
    unsigned char *bytes = malloc(size + 1);
    if (status == FAN_OK && !bytes)
        status = FAN_E_MEMORY;
    if (status == FAN_OK) {
        fani_weak_encode(met.values, met.count, bytes);
        status = fan_run_reply(run, i, bytes, size);
    }
    free(bytes);
    mpz_clear(place);
    fani_mpzs_free(&met);
    return status;
}

static fan_status meet_moduli(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    numbers moduli, number;
    fani_mpzs gcds = {0};
    fan_status status = open_shared(run, 1, &number);
    if (status != FAN_OK)
        return status;
    status = mpz_sgn(number.values) ? open_numbers(bytes, size, 1, true, &moduli) : FAN_E_PROTOCOL;
    if (status == FAN_OK) {
        status = fani_weak_meet(fani_multiplier_best(), moduli.values, moduli.count, number.values,
                                &gcds);
        if (status == FAN_OK)
            status = reply_met(run, i, &gcds);
        fani_mpzs_free(&gcds);
        close_numbers(&moduli);
    }
    close_numbers(&number);
    return status;
}

static fan_status run_meet(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, meet_moduli);
}

const fan_task fani_task_known_modulus = {
    .name = "weakkeys.known-modulus", .version = 1, .run = run_modulus};
const fan_task fani_task_known_reduce = {
    .name = "weakkeys.known-reduce", .version = 1, .run = run_reduce};
const fan_task fani_task_known_product = {
    .name = "weakkeys.known-product", .version = 1, .run = run_product};
const fan_task fani_task_known_meet = {
    .name = "weakkeys.known-meet", .version = 1, .run = run_meet};
