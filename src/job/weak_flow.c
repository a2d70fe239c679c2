#include "job/weak_flow.h"

#include "base/error.h"

static size_t integers_of(const fani_weak_parcel *parcel)
{
    return parcel->moduli_count + parcel->part_count + parcel->has_number;
}

size_t fani_weak_parcel_limbs(const fani_weak_parcel *parcel)
{
    size_t limbs = parcel->has_number;
    for (size_t i = 0; i < parcel->moduli_count; i++)
        limbs += mpz_size(parcel->moduli + i);
    for (size_t i = 0; i < parcel->part_count; i++)
        limbs += fani_weak_level_size(parcel->parts[i].level, parcel->parts[i].index);
    return limbs;
}

/* ---- Filled ahead ---------------------------------------------------------------------------- */

static fan_status fill_parts(fani_weak_fill *fill, fan_error *error)
{
    const fani_weak_parcel *parcel = &fill->parcel;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < parcel->part_count && status == FAN_OK; i++) {
        const fani_weak_level *level = parcel->parts[i].level;
        size_t index = parcel->parts[i].index;
        mp_limb_t *at = fani_weak_packer_add(&fill->packer, fani_weak_level_size(level, index));
        status = at ? fani_weak_level_read(level, index, at, error) : FAN_E_ARGUMENT;
    }
    return status;
}

static fan_status fill_pack(fani_weak_fill *fill, fan_error *error)
{
    const fani_weak_parcel *parcel = &fill->parcel;
    fan_status status =
        fani_weak_packer_begin(&fill->packer, integers_of(parcel), fani_weak_parcel_limbs(parcel));
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory for an item of the scan");
    for (size_t i = 0; i < parcel->moduli_count && status == FAN_OK; i++)
        status =
            fani_weak_packer_put(&fill->packer, parcel->moduli + i, mpz_size(parcel->moduli + i));
    if (status == FAN_OK)
        status = fill_parts(fill, error);
    if (status == FAN_OK && parcel->has_number) {
        mp_limb_t *at = fani_weak_packer_add(&fill->packer, 1);
        status = at ? FAN_OK : FAN_E_ARGUMENT;
        if (at)
            *at = parcel->number;
    }
    return status;
}

static fan_status run_fill(fan_call *call, void *user, fan_error *error)
{
    (void)call;
    return fill_pack(user, error);
}

static fani_weak_fill *fill_of(fani_weak_flow *flow, uint64_t item)
{
    return &flow->fills[item % FANI_WEAK_AHEAD];
}

static fan_status begin_fill(fani_weak_flow *flow, uint64_t item, fan_error *error)
{
    fani_weak_fill *fill = fill_of(flow, item);
    fani_weak_packer_free(&fill->packer);
    fill->parcel = (fani_weak_parcel){0};
    flow->describe(flow->user, item, &fill->parcel);
    fan_status status = fan_pool_submit(flow->pool, run_fill, fill, NULL, &fill->call);
    fill->is_begun = status == FAN_OK;
    return status == FAN_OK ? FAN_OK
                            : fani_error_set(error, status,
                                             "no thread to read a level of the "
                                             "scan");
}

static fan_status end_fill(fani_weak_fill *fill, fan_error *error)
{
    fan_status status = FAN_OK;
    fan_status waited = fan_call_result(fill->call, FAN_FOREVER, &status, error);
    fan_call_release(fill->call);
    fill->call = NULL;
    fill->is_begun = false;
    return waited == FAN_OK ? status : waited;
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Item `handed_out`, and the one behind it begun: the one before is not needed any more. */
static fan_status carry(fani_weak_flow *flow, fan_items *items, fan_error *error)
{
    uint64_t item = flow->handed_out;
    fani_weak_fill *fill = fill_of(flow, item);
    fan_status status = fill->is_begun ? FAN_OK : begin_fill(flow, item, error);
    if (status == FAN_OK)
        status = end_fill(fill, error);
    if (status == FAN_OK && item + 1 < flow->count)
        status = begin_fill(flow, item + 1, error);
    if (status == FAN_OK) {
        fan_items all = fani_weak_packer_bytes(&fill->packer);
        items->bytes = all.bytes;
        items->size = all.size;
    }
    return status;
}

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items, (void)max_bytes; /* one is the least that a map asks for */
    fani_weak_flow *flow = user;
    if (flow->handed_out == flow->count)
        return FAN_OK;
    if (flow->handed_out - flow->taken >= flow->most)
        return FAN_E_BUSY;
    fan_status status = flow->describe ? carry(flow, items, error) : FAN_OK;
    items->count = status == FAN_OK;
    flow->handed_out += status == FAN_OK;
    return status;
}

fan_source fani_weak_flow_source(fani_weak_flow *flow)
{
    return fan_source_callback(pull, flow, flow->count);
}

void fani_weak_flow_end(fani_weak_flow *flow)
{
    for (size_t i = 0; i < FANI_WEAK_AHEAD; i++) {
        fani_weak_fill *fill = &flow->fills[i];
        if (fill->is_begun)
            (void)end_fill(fill, NULL); /* the map has ended without it */
        fani_weak_packer_free(&fill->packer);
    }
}
