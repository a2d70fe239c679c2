#include "std.h"

bool gcd_by_std(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    (void)a, (void)b, (void)out, (void)n;
    return false;
}
