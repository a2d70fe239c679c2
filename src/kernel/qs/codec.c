/* Bytes of relations, and of the number that they are of. */
#include "codec.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct fani_qs_coder {
    const fani_qs *qs;
    uint64_t a; /* that `leading` is of, where is_set */
    bool is_set;
    fani_qs_leading leading;
    mpz_t left, right;
};

static void begin(fani_qs_coder *coder, const fani_qs *qs)
{
    coder->qs = qs;
    coder->is_set = false;
    fani_qs_leading_init(&coder->leading);
    mpz_inits(coder->left, coder->right, NULL);
}

static void end(fani_qs_coder *coder)
{
    mpz_clears(coder->left, coder->right, NULL);
    fani_qs_leading_clear(&coder->leading);
}

fan_status fani_qs_coder_make(const fani_qs *qs, fani_qs_coder **coder)
{
    *coder = malloc(sizeof **coder);
    if (!*coder)
        return FAN_E_MEMORY;
    begin(*coder, qs);
    return FAN_OK;
}

void fani_qs_coder_free(fani_qs_coder *coder)
{
    if (!coder)
        return;
    end(coder);
    free(coder);
}

static void turn_to(fani_qs_coder *coder, uint64_t a)
{
    if (coder->is_set && coder->a == a)
        return;
    fani_qs_leading_set(&coder->leading, coder->qs, a);
    coder->a = a;
    coder->is_set = true;
}

/* ---- Relations ------------------------------------------------------------------------------ */

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

size_t fani_qs_coder_write(fani_qs_coder *coder, const fani_qs_relation *r, uint8_t *out)
{
    uint32_t known[2 + FANI_QS_A_PRIMES], at = 0, last = 0;
    turn_to(coder, r->a);
    uint32_t count = known_columns(&coder->leading, known);
    uint8_t *end = put(out, r->b);
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
    if (!get_u32(at, end, &r->b) || !get_u32(at, end, &x) || !get_u32(at, end, &low) ||
        !get_u32(at, end, &more) || low >= qs->large_end || more >= qs->large_end)
        return false;
    r->x = (int32_t)(x >> 1 ^ (0 - (x & 1)));
    r->large[0] = low + 1;
    r->large[1] = more < UINT32_MAX - r->large[0] ? r->large[0] + more : UINT32_MAX;
    return fani_qs_is_in_range(qs, r);
}

fan_status fani_qs_coder_parse(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes, size_t size,
                               uint32_t *factors, fani_qs_relation *r, size_t *used)
{
    const uint8_t *at = bytes, *end = bytes + size;
    *used = 0;
    r->a = a;
    if (!read_head(coder->qs, &at, end, r))
        return FAN_E_PROTOCOL;
    turn_to(coder, a);
    bool good =
        read_factors(&coder->leading, &at, end, factors, r) && fani_qs_is_ordered(coder->qs, r);
    *used = (size_t)(at - bytes);
    return good ? FAN_OK : FAN_E_PROTOCOL;
}

fan_status fani_qs_coder_read(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes, size_t size,
                              uint32_t *factors, fani_qs_relation *r, size_t *used)
{
    fan_status status = fani_qs_coder_parse(coder, a, bytes, size, factors, r, used);
    if (status == FAN_OK &&
        !fani_qs_leading_holds(&coder->leading, coder->qs, r, coder->left, coder->right))
        status = FAN_E_PROTOCOL;
    return status;
}

size_t fani_qs_relation_write(const fani_qs *qs, const fani_qs_relation *r, uint8_t *out)
{
    fani_qs_coder coder;
    begin(&coder, qs);
    uint8_t *rest = put(out, r->a);
    rest += fani_qs_coder_write(&coder, r, rest);
    end(&coder);
    return (size_t)(rest - out);
}

fan_status fani_qs_relation_read(const fani_qs *qs, const uint8_t *bytes, size_t size,
                                 uint32_t *factors, fani_qs_relation *r, size_t *used)
{
    const uint8_t *at = bytes;
    uint64_t a;
    if (!get(&at, bytes + size, &a))
        return FAN_E_PROTOCOL;
    size_t before = (size_t)(at - bytes);
    fani_qs_coder coder;
    begin(&coder, qs);
    fan_status status = fani_qs_coder_read(&coder, a, at, size - before, factors, r, used);
    end(&coder);
    *used += before;
    return status;
}

/* ---- The number ----------------------------------------------------------------------------- */

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

size_t fani_qs_encode(const fani_qs *qs, uint8_t out[FANI_QS_CODE_BYTES_MAX])
{
    const fani_qs_params *p = &qs->params;
    const uint32_t number[FANI_QS_CODE_NUMBERS] = {
        FANI_QS_VERSION, p->base, p->blocks, p->large, p->small, p->slack, p->pair, p->a_prime};
    uint8_t *at = out;
    size_t count;
    for (unsigned i = 0; i < FANI_QS_CODE_NUMBERS; i++)
        at = put_u32(at, number[i]);
    mpz_export(at, &count, -1, 1, 0, 0, qs->n);
    return (size_t)(at - out) + count;
}

fan_status fani_qs_decode(const uint8_t *bytes, size_t size, fani_qs **qs)
{
    uint32_t number[FANI_QS_CODE_NUMBERS];
    if (size <= sizeof number || size > FANI_QS_CODE_BYTES_MAX)
        return FAN_E_PROTOCOL;
    for (unsigned i = 0; i < FANI_QS_CODE_NUMBERS; i++)
        number[i] = u32_at(bytes + (size_t)4 * i);
    if (number[0] != FANI_QS_VERSION)
        return FAN_E_PROTOCOL;
    const fani_qs_params params = {.base = number[1],
                                   .blocks = number[2],
                                   .large = number[3],
                                   .small = number[4],
                                   .slack = number[5],
                                   .pair = number[6],
                                   .a_prime = number[7]};
    mpz_t n;
    mpz_init(n);
    mpz_import(n, size - sizeof number, -1, 1, 0, 0, bytes + sizeof number);
    fan_status status = fani_qs_make(n, &params, qs);
    mpz_clear(n);
    return status;
}
