#include "weak.h"

#include "base/error.h"

#include <string.h>

static fan_status import_keys(const fan_weakkeys_number *keys, size_t count, fani_mpzs *moduli,
                              fan_error *error)
{
    if (fani_mpzs_resize(moduli, count))
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %zu moduli", count);
    for (size_t i = 0; i < count; i++) {
        mpz_ptr modulus = moduli->values + i;
        mpz_import(modulus, keys[i].size_bytes, 1, 1, 1, 0, keys[i].bytes);
        if (keys[i].negative)
            mpz_neg(modulus, modulus);
    }
    return FAN_OK;
}

/* Reads the options that a caller's version of the struct has. */
static fan_weakkeys_options read_options(const fan_weakkeys_options *options, size_t size)
{
    fan_weakkeys_options known = {0};
    if (options)
        memcpy(&known, options, size < sizeof known ? size : sizeof known);
    return known;
}

fan_status fan_weakkeys_scan_sized(const fan_weakkeys_number *keys, size_t count,
                                   const fan_weakkeys_options *options, size_t options_size,
                                   fan_weakkeys_report **report, fan_error *error)
{
    if (!report || (!keys && count > 0))
        return fani_error_set(error, FAN_E_ARGUMENT, "no keys or no place for the report");
    fan_weakkeys_options known = read_options(options, options_size);
    fani_mpzs moduli = {0}, gcds = {0};
    fani_weak_set set = {0};
    fan_status status = import_keys(keys, count, &moduli, error);
    if (!status)
        status = fani_weak_set_build(&set, moduli.values, count, error);
    fani_mpzs_free(&moduli);
    if (!status)
        status = fani_weak_gcds(fani_multiplier_best(), set.distinct.values, set.distinct.count,
                                known.block_keys, &gcds, error);
    if (!status)
        status = fani_weak_report_build(&set, gcds.values, report, error);
    fani_weak_set_free(&set);
    fani_mpzs_free(&gcds);
    return status;
}
