/* What a relation says, whether that is so, and its bytes. */
#include "internal.h"

#include <string.h>

bool fani_qs_is_in_range(const fani_qs *qs, const fani_qs_relation *r)
{
    int32_t half = (int32_t)(qs->params.blocks * (FANI_QS_BLOCK / 2));
    return r->a < qs->pools.count && r->b < fani_qs_b_count(qs) && r->x >= -half && r->x < half;
}

void fani_qs_leading_root(const fani_qs_leading *leading, const fani_qs *qs,
                          const fani_qs_relation *r, mpz_ptr X)
{
    fani_qs_leading_b(leading, r->b, X);
    if (r->x >= 0)
        mpz_addmul_ui(X, leading->a, 2 * (unsigned long)r->x);
    else
        mpz_submul_ui(X, leading->a, 2 * (0 - (unsigned long)r->x));
    mpz_mod(X, X, qs->n);
}

fan_status fani_qs_root(const fani_qs *qs, const fani_qs_relation *r, mpz_ptr X)
{
    if (!fani_qs_is_in_range(qs, r))
        return FAN_E_ARGUMENT;
    fani_qs_leading leading;
    fani_qs_leading_init(&leading);
    fani_qs_leading_set(&leading, qs, r->a);
    fani_qs_leading_root(&leading, qs, r, X);
    fani_qs_leading_clear(&leading);
    return FAN_OK;
}

static bool is_ordered(const fani_qs *qs, const fani_qs_relation *r)
{
    if (r->large[0] < 1 || r->large[0] > r->large[1] || r->large[1] >= qs->large_end)
        return false;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->factor[i] >= fani_qs_columns(qs) || (i > 0 && r->factor[i] < r->factor[i - 1]))
            return false;
    }
    return r->count < FANI_QS_FACTORS_MAX;
}

/* The product of the factors and the large primes; words are filled before mpz multiplies. */
static void multiply_out(const fani_qs *qs, const fani_qs_relation *r, mpz_ptr product)
{
    uint64_t word = 1;
    mpz_set_ui(product, r->large[0]);
    mpz_mul_ui(product, product, r->large[1]);
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->factor[i] == FANI_QS_SIGN) {
            mpz_neg(product, product);
            continue;
        }
        word *= fani_qs_prime(qs, r->factor[i]);
        if (word >> 32 != 0 || i + 1 == r->count) {
            mpz_mul_ui(product, product, word);
            word = 1;
        }
    }
    mpz_mul_ui(product, product, word);
}

static bool holds(const fani_qs *qs, const fani_qs_leading *leading, const fani_qs_relation *r)
{
    mpz_t left, right;
    mpz_inits(left, right, NULL);
    fani_qs_leading_root(leading, qs, r, left);
    mpz_mul(left, left, left);
    multiply_out(qs, r, right);
    mpz_sub(left, left, right);
    bool same = mpz_divisible_p(left, qs->n) != 0;
    mpz_clears(left, right, NULL);
    return same;
}

bool fani_qs_check(const fani_qs *qs, const fani_qs_relation *r)
{
    if (!fani_qs_is_in_range(qs, r) || !is_ordered(qs, r))
        return false;
    fani_qs_leading leading;
    fani_qs_leading_init(&leading);
    fani_qs_leading_set(&leading, qs, r->a);
    bool good = holds(qs, &leading, r);
    fani_qs_leading_clear(&leading);
    return good;
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

/* Numbers are in groups of seven bits, the least first, the last one without bit 7. A relation is
 * a, b, x (folded to 0, -1, 1, -2 ...), the large primes less 1 (the second as a difference), how
 * many columns follow, and those as differences. The primes of a and the 4 go without saying. */

enum { NUMBER_BYTES_MAX = 10 };

static uint8_t *put(uint8_t *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *out++ = (uint8_t)(value | 128);
    *out++ = (uint8_t)value;
    return out;
}

/* The next number, in its shortest form; false where there is none. */
static bool get(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 7 * NUMBER_BYTES_MAX && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return (byte != 0 || shift == 0) && (shift < 63 || byte == 1);
    }
    return false;
}

static bool get_u32(const uint8_t **at, const uint8_t *end, uint32_t *value)
{
    uint64_t wide;
    if (!get(at, end, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

/* The columns that every relation of a has, ascending: 2 twice and the primes of a. */
static uint32_t known_columns(const fani_qs_leading *leading, uint32_t *known)
{
    known[0] = known[1] = FANI_QS_TWO;
    for (uint32_t j = 0; j < leading->count; j++)
        known[2 + j] = FANI_QS_FIRST + leading->index[j];
    return 2 + leading->count;
}

size_t fani_qs_relation_write(const fani_qs *qs, const fani_qs_relation *r, uint8_t *out)
{
    uint32_t known[2 + FANI_QS_A_PRIMES], at = 0, last = 0;
    fani_qs_leading leading;
    fani_qs_leading_init(&leading);
    fani_qs_leading_set(&leading, qs, r->a);
    uint32_t count = known_columns(&leading, known);
    fani_qs_leading_clear(&leading);
    uint8_t *end = put(out, r->a);
    end = put(end, r->b);
    end = put(end, (uint32_t)r->x << 1 ^ (r->x < 0 ? UINT32_MAX : 0));
    end = put(end, r->large[0] - 1);
    end = put(end, r->large[1] - r->large[0]);
    end = put(end, r->count - count);
    for (uint32_t i = 0; i < r->count; i++) {
        if (at < count && known[at] == r->factor[i]) {
            at++;
            continue;
        }
        end = put(end, r->factor[i] - last);
        last = r->factor[i];
    }
    return (size_t)(end - out);
}

/* Joins the columns that are known with those that are read. */
static bool read_factors(const fani_qs_leading *leading, const uint8_t **at, const uint8_t *end,
                         uint32_t *factors, fani_qs_relation *r)
{
    uint32_t known[2 + FANI_QS_A_PRIMES], count = known_columns(leading, known), next = 0;
    uint32_t others, step, column = 0;
    if (!get_u32(at, end, &others) || others >= FANI_QS_FACTORS_MAX - count)
        return false;
    r->count = 0;
    for (uint32_t i = 0; i < others; i++) {
        if (!get_u32(at, end, &step) || step > UINT32_MAX - column)
            return false;
        column += step;
        while (next < count && known[next] <= column)
            factors[r->count++] = known[next++];
        factors[r->count++] = column;
    }
    while (next < count)
        factors[r->count++] = known[next++];
    r->factor = factors;
    return true;
}

static bool read_head(const fani_qs *qs, const uint8_t **at, const uint8_t *end,
                      fani_qs_relation *r)
{
    uint32_t x, low, more;
    if (!get(at, end, &r->a) || !get_u32(at, end, &r->b) || !get_u32(at, end, &x) ||
        !get_u32(at, end, &low) || !get_u32(at, end, &more) || low >= qs->large_end ||
        more >= qs->large_end)
        return false;
    r->x = (int32_t)(x >> 1 ^ (0 - (x & 1)));
    r->large[0] = low + 1;
    r->large[1] = more < UINT32_MAX - r->large[0] ? r->large[0] + more : UINT32_MAX;
    return fani_qs_is_in_range(qs, r);
}

fan_status fani_qs_relation_read(const fani_qs *qs, const uint8_t *bytes, size_t size,
                                 uint32_t *factors, fani_qs_relation *r, size_t *used)
{
    const uint8_t *at = bytes, *end = bytes + size;
    if (!read_head(qs, &at, end, r))
        return FAN_E_PROTOCOL;
    fani_qs_leading leading;
    fani_qs_leading_init(&leading);
    fani_qs_leading_set(&leading, qs, r->a);
    bool good =
        read_factors(&leading, &at, end, factors, r) && is_ordered(qs, r) && holds(qs, &leading, r);
    fani_qs_leading_clear(&leading);
    *used = (size_t)(at - bytes);
    return good ? FAN_OK : FAN_E_PROTOCOL;
}
