/* The factorization of any number, with the sieve of large ones. */
#include "split.h"

#include <string.h>

fan_status fan_factor_mpz_sized(mpz_srcptr n, const fan_factor_options *options,
                                size_t options_size, fan_factorization *out, fan_error *error)
{
    fan_factor_options known = {0};
    if (options)
        memcpy(&known, options, options_size < sizeof known ? options_size : sizeof known);
    return fani_factor_mpz(n, &known, fani_qs_split, 0, out, error);
}
