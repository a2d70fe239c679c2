/* Sums of doubles without any rounding. */
#ifndef FANI_TESTS_EXACT_SUM_H
#define FANI_TESTS_EXACT_SUM_H

#include <math.h>
#include <stdint.h>

enum { DIGITS = 70, DIGIT_BITS = 32 };

/* The sum of `digits[k] * 2^(32 k - 1088)`; digits may be any that fit for a while. */
typedef struct exact_sum {
    int64_t digits[DIGITS];
    unsigned additions;
} exact_sum;

static inline void carry(exact_sum *sum)
{
    for (int k = 0; k + 1 < DIGITS; k++) {
        const int64_t up = sum->digits[k] >> DIGIT_BITS;
        sum->digits[k] -= up * (INT64_C(1) << DIGIT_BITS);
        sum->digits[k + 1] += up;
    }
}

static inline void add_exactly(exact_sum *sum, double value)
{
    int exponent;
    const double fraction = frexp(value, &exponent);
    int64_t digits = (int64_t)(fabs(fraction) * 0x1p53); /* value = digits * 2^(exponent - 53) */
    const int at = exponent - 53 + 1088, low = at % DIGIT_BITS;
    const __int128 shifted = (__int128)digits << low;
    for (int k = 0; k < 3; k++) {
        const int64_t digit = (int64_t)(shifted >> (DIGIT_BITS * k)) & UINT32_MAX;
        sum->digits[at / DIGIT_BITS + k] += value < 0 ? -digit : digit;
    }
    if (++sum->additions % (1u << 30) == 0)
        carry(sum);
}

/* The sum, to nearly the precision of long double. */
static inline long double round_exact(exact_sum sum)
{
    long double value = 0;
    carry(&sum);
    if (sum.digits[DIGITS - 1] < 0) { /* of the other sign: else the digits would cancel */
        for (int k = 0; k < DIGITS; k++)
            sum.digits[k] = -sum.digits[k];
        carry(&sum);
        return -round_exact(sum);
    }
    for (int k = DIGITS; k > 0; k--)
        value += ldexpl((long double)sum.digits[k - 1], DIGIT_BITS * (k - 1) - 1088);
    return value;
}

static inline double ulp_of(double value)
{
    return nextafter(fabs(value), INFINITY) - fabs(value);
}

#endif
