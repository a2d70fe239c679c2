/* The tasks of weakkeys. Items, values and replies are lists of integers in the bytes of
 * kernel/gcd/weak_codec.h:
 *
 *   product    a block of moduli gives their product
 *   multiply   combines two products
 *   block      a block of moduli gives each one's gcd with the product of all others; the arguments
 *              are the handle of the product of all moduli */
#include <stdlib.h>
#include <string.h>

#include "job/weakkeys.h"
#include "kernel/gcd/weak_codec.h"

static fan_status reply_list(fan_run *run, size_t i, mpz_srcptr values, size_t count)
{
    size_t size = fani_weak_encoded_size(values, count);
    unsigned char *bytes = malloc(size + 1);
    if (!bytes)
        return FAN_E_MEMORY;
    fani_weak_encode(values, count, bytes);
    fan_status status = fan_run_reply(run, i, bytes, size);
    free(bytes);
    return status;
}

/* ---- The product ----------------------------------------------------------------------------- */

static fan_status product_of(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    fani_mpzs moduli = {0};
    mpz_t product;
    mpz_init(product);
    fan_status status = fani_weak_decode(bytes, size, &moduli, NULL);
    if (status == FAN_OK)
        status = fani_weak_product(product, moduli.values, moduli.count, NULL);
    if (status == FAN_OK)
        status = reply_list(run, i, product, 1);
    mpz_clear(product);
    fani_mpzs_free(&moduli);
    return status;
}

static fan_status run_product(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, product_of);
}

static fan_status multiply_pair(fan_run *run, const fan_items *in, size_t i)
{
    const unsigned char *left, *right;
    size_t left_size, right_size;
    if (!fan_items_pair(in, i, &left, &left_size, &right, &right_size))
        return FAN_E_PROTOCOL;
    fani_mpzs factors = {0};
    fan_status status = fani_weak_decode(left, left_size, &factors, NULL);
    if (status == FAN_OK)
        status = fani_weak_decode(right, right_size, &factors, NULL);
    if (status == FAN_OK && factors.count != 2)
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK) {
        mpz_mul(factors.values, factors.values, factors.values + 1);
        status = reply_list(run, i, factors.values, 1);
    }
    fani_mpzs_free(&factors);
    return status;
}

static fan_status run_multiply(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < in.count; i++)
        status = fan_run_cancelled(run) ? FAN_E_CANCELLED : multiply_pair(run, &in, i);
    return status;
}

/* ---- The gcds -------------------------------------------------------------------------------- */

/* The product of all moduli is large: it is decoded once a worker, not once a block. */
static fan_status block_start(fan_run *run)
{
    fan_shared handle;
    fan_items args = fan_run_args(run);
    if (args.size != sizeof handle)
        return FAN_E_PROTOCOL;
    memcpy(&handle, args.bytes, sizeof handle);
    fan_items shared = fan_run_shared(run, handle);
    fani_mpzs *product = calloc(1, sizeof *product);
    if (!product)
        return FAN_E_MEMORY;
    fan_status status =
        shared.count ? fani_weak_decode(shared.bytes, shared.size, product, NULL) : FAN_E_PROTOCOL;
    if (status == FAN_OK && product->count != 1)
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK) {
        fan_run_set_state(run, product);
        return FAN_OK;
    }
    fani_mpzs_free(product);
    free(product);
    return status;
}

static void block_stop(void *state)
{
    if (state)
        fani_mpzs_free(state);
    free(state);
}

static fan_status gcds_of(fan_run *run, size_t i, const unsigned char *bytes, size_t size)
{
    const fani_mpzs *product = fan_run_state(run);
    fani_mpzs moduli = {0}, gcds = {0};
    fan_error error = {0};
    if (fan_run_cancelled(run))
        return FAN_E_CANCELLED;
    fan_status status = fani_weak_decode(bytes, size, &moduli, &error);
    if (status == FAN_OK)
        status = fani_weak_block_gcds(product->values, moduli.values, moduli.count, &gcds, &error);
    if (status == FAN_OK)
        status = reply_list(run, i, gcds.values, gcds.count);
    else if (status != FAN_E_MEMORY)
        status = fan_run_fail(run, i, "%s", error.text);
    fani_mpzs_free(&moduli);
    fani_mpzs_free(&gcds);
    return status;
}

static fan_status run_block(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, gcds_of);
}

const fan_task fani_task_weakkeys_product = {
    .name = "weakkeys.product", .version = 1, .run = run_product};
const fan_task fani_task_weakkeys_multiply = {
    .name = "weakkeys.multiply", .version = 1, .run = run_multiply};
const fan_task fani_task_weakkeys_block = {.name = "weakkeys.block",
                                           .version = 1,
                                           .run = run_block,
                                           .start = block_start,
                                           .stop = block_stop};
