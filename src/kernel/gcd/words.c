/* Words, many at once and what follows from their gcd. */
#include "fanfold/gcd.h"

#include "lanes.h"

enum {
    FEW = 4,     /* pairs for which the choice of instructions would cost more than it saves */
    CHUNK = 384, /* gcds that are kept for the next step */
};

void fan_gcd_u64_array(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    if (n <= FEW)
        fani_gcd_words_scalar(a, b, out, n);
    else
        fani_gcd_words_of(fani_isa_wanted())(a, b, out, n);
}

/* 1/n mod 2^64 of an odd n: 5 bits are right at first, and twice as many after each turn. */
static uint64_t inverse(uint64_t n)
{
    uint64_t x = (3 * n) ^ 2;
    for (int i = 0; i < 4; i++)
        x *= 2 - n * x;
    return x;
}

/* The first from values[i] on that `divisor` does not divide, or n. */
static size_t first_indivisible(const uint64_t *values, size_t i, size_t n, uint64_t divisor)
{
    if (divisor == 0) {
        while (i < n && values[i] == 0)
            i++;
        return i;
    }
    /* Multiples are those whose product with the inverse is a small quotient, its zeros in front.
     */
    unsigned twos = (unsigned)__builtin_ctzll(divisor);
    uint64_t factor = inverse(divisor >> twos), most = UINT64_MAX / divisor;
    for (; i < n; i++) {
        uint64_t quotient = values[i] * factor;
        quotient = quotient >> twos | quotient << (-twos & 63);
        if (quotient > most)
            break;
    }
    return i;
}

uint64_t fan_gcd_u64_list(const uint64_t *values, size_t n)
{
    uint64_t gcd = 0;
    size_t i = first_indivisible(values, 0, n, gcd);
    while (i < n && gcd != 1) {
        gcd = fan_gcd_u64(gcd, values[i]);
        i = first_indivisible(values, i + 1, n, gcd);
    }
    return gcd;
}

static bool lcm_of(uint64_t a, uint64_t b, uint64_t gcd, uint64_t *lcm)
{
    uint64_t product = 0;
    bool fits = gcd == 0 || !__builtin_mul_overflow(a / gcd, b, &product);
    *lcm = fits ? product : 0;
    return fits;
}

bool fan_lcm_u64(uint64_t a, uint64_t b, uint64_t *lcm)
{
    return lcm_of(a, b, fan_gcd_u64(a, b), lcm);
}

size_t fan_lcm_u64_array(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n)
{
    uint64_t gcd[CHUNK];
    size_t too_long = 0;
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        fan_gcd_u64_array(a + i, b + i, gcd, count);
        for (size_t k = 0; k < count; k++)
            too_long += !lcm_of(a[i + k], b[i + k], gcd[k], &out[i + k]);
    }
    return too_long;
}

bool fan_coprime_u64(uint64_t a, uint64_t b)
{
    return ((a | b) & 1) != 0 && fan_gcd_u64(a, b) == 1;
}

void fan_coprime_u64_array(const uint64_t *a, const uint64_t *b, bool *out, size_t n)
{
    uint64_t gcd[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        fan_gcd_u64_array(a + i, b + i, gcd, count);
        for (size_t k = 0; k < count; k++)
            out[i + k] = gcd[k] == 1;
    }
}

/* *last and *next are neighbours in a sequence of coefficients. The one behind the last that counts
 * may not fit; it is not used, and unsigned it does no harm. */
static void advance(uint64_t *last, uint64_t *next, uint64_t quotient)
{
    uint64_t after = *last - quotient * *next;
    *last = *next;
    *next = after;
}

uint64_t fan_gcdext_u64(uint64_t a, uint64_t b, int64_t *x, int64_t *y)
{
    uint64_t of_a = a != 0 || b != 0, of_b = 0, next_of_a = 0, next_of_b = 1;
    while (b != 0) {
        uint64_t quotient = a / b, rest = a % b;
        a = b;
        b = rest;
        advance(&of_a, &next_of_a, quotient);
        advance(&of_b, &next_of_b, quotient);
    }
    *x = (int64_t)of_a;
    *y = (int64_t)of_b;
    return a;
}
