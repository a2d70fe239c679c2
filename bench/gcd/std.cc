#include <numeric>

#include "std.h"

bool gcd_by_std(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = std::gcd(a[i], b[i]);
    return true;
}
