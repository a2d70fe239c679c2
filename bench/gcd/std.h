/* C++'s gcd, for the benchmark in C. */
#ifndef BENCH_GCD_STD_H
#define BENCH_GCD_STD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out[i] = std::gcd(a[i], b[i]); false where it was built without a C++ compiler. */
bool gcd_by_std(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
