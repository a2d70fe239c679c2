/* All numbers are little-endian: 4 bytes with the version, 4 with the count of entries; steps, work
 * and the bound of trial division of 8 bytes each; the number; and of each entry the nine words of
 * put_entry and its value. */
#include "unfinished.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEAD = 2 * 4 + 3 * 8, WORDS = 9, WORD = 8 };

size_t fani_unfinished_next(const fan_factorization *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].left)
            return i;
    return SIZE_MAX;
}

fan_status fani_unfinished_split(fan_factorization *f, size_t i, mpz_srcptr divisor,
                                 fan_factor_method method, fani_progress at)
{
    mpz_srcptr whole = f->entries[i].value;
    if (mpz_cmp_ui(divisor, 1) <= 0 || mpz_cmp(divisor, whole) >= 0 ||
        !mpz_divisible_p(whole, divisor))
        return FAN_E_FAILED;
    fan_status status =
        fani_factorization_add(f, divisor, f->entries[i].exponent, f->entries[i].verdict);
    if (status != FAN_OK)
        return status;
    fani_factor_entry *old = &f->entries[i], *new = &f->entries[f->count - 1];
    mpz_divexact(old->value, old->value, divisor);
    old->method = new->method = method;
    old->at = new->at = at;
    new->left = true;
    return FAN_OK;
}

void fani_unfinished_give_up(fan_factorization *f, size_t i)
{
    f->entries[i].left = false;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

size_t fani_unfinished_put(mpz_srcptr value, unsigned char *to)
{
    size_t size = (mpz_sizeinbase(value, 2) + 7) / 8;
    uint32_t head = htole32((uint32_t)size);
    if (to) {
        memcpy(to, &head, sizeof head);
        memset(to + sizeof head, 0, size);
        mpz_export(to + sizeof head, NULL, -1, 1, 0, 0, value);
    }
    return sizeof head + size;
}

static unsigned char *put_u32(unsigned char *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static unsigned char *put_u64(unsigned char *to, uint64_t value)
{
    value = htole64(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static unsigned char *put_entry(unsigned char *to, const fani_factor_entry *entry)
{
    const uint64_t words[WORDS] = {entry->exponent,
                                   (uint64_t)entry->verdict.kind,
                                   (uint64_t)entry->verdict.proof,
                                   (uint64_t)entry->method,
                                   entry->at.round,
                                   entry->at.level,
                                   entry->at.run,
                                   entry->at.has_rho,
                                   entry->left};
    for (size_t i = 0; i < WORDS; i++)
        to = put_u64(to, words[i]);
    return to + fani_unfinished_put(entry->value, to);
}

fan_status fani_unfinished_write(const fan_factorization *f, unsigned char **bytes, size_t *size)
{
    size_t all = HEAD + fani_unfinished_put(f->number, NULL);
    for (size_t i = 0; i < f->count; i++)
        all += (size_t)WORDS * WORD + fani_unfinished_put(f->entries[i].value, NULL);
    unsigned char *room = malloc(all);
    if (!room)
        return FAN_E_MEMORY;
    unsigned char *to = put_u32(room, VERSION);
    to = put_u32(to, (uint32_t)f->count);
    to = put_u64(to, f->steps);
    to = put_u64(to, f->work);
    to = put_u64(to, f->tried_below);
    to += fani_unfinished_put(f->number, to);
    for (size_t i = 0; i < f->count; i++)
        to = put_entry(to, &f->entries[i]);
    *bytes = room;
    *size = all;
    return FAN_OK;
}

static bool get_u32(const unsigned char **bytes, size_t *size, uint32_t *value)
{
    if (*size < sizeof *value)
        return false;
    memcpy(value, *bytes, sizeof *value);
    *value = le32toh(*value);
    *bytes += sizeof *value;
    *size -= sizeof *value;
    return true;
}

static bool get_u64(const unsigned char **bytes, size_t *size, uint64_t *value)
{
    if (*size < sizeof *value)
        return false;
    memcpy(value, *bytes, sizeof *value);
    *value = le64toh(*value);
    *bytes += sizeof *value;
    *size -= sizeof *value;
    return true;
}

bool fani_unfinished_get(const unsigned char **bytes, size_t *size, mpz_ptr value)
{
    uint32_t length;
    if (!get_u32(bytes, size, &length) || length > *size)
        return false;
    mpz_import(value, length, -1, 1, 0, 0, *bytes);
    *bytes += length;
    *size -= length;
    return true;
}

static bool is_known(const uint64_t words[WORDS])
{
    return words[0] > 0 && words[1] <= FAN_FACTOR_UNKNOWN && words[2] <= FAN_PROOF_N_MINUS_1 &&
           words[3] <= FAN_METHOD_SIQS && words[4] <= UINT32_MAX && words[5] <= UINT32_MAX &&
           words[6] <= UINT32_MAX && words[7] <= 1 && words[8] <= 1;
}

/* A product with more bits than the number has is not made. */
static bool get_entry(const unsigned char **bytes, size_t *size, fan_factorization *f,
                      mpz_ptr value, fan_status *status)
{
    uint64_t words[WORDS];
    for (size_t i = 0; i < WORDS; i++)
        if (!get_u64(bytes, size, &words[i]))
            return false;
    if (!is_known(words) || !fani_unfinished_get(bytes, size, value) || mpz_cmp_ui(value, 1) <= 0 ||
        words[0] > mpz_sizeinbase(f->number, 2) ||
        words[0] * (mpz_sizeinbase(value, 2) - 1) > mpz_sizeinbase(f->number, 2))
        return false;
    fani_verdict verdict = {(fan_factor_kind)words[1], (fan_factor_proof)words[2]};
    *status = fani_factorization_add(f, value, words[0], verdict);
    if (*status != FAN_OK)
        return true;
    fani_factor_entry *entry = &f->entries[f->count - 1];
    entry->method = (fan_factor_method)words[3];
    entry->at = (fani_progress){.round = (unsigned)words[4],
                                .level = (unsigned)words[5],
                                .run = (uint32_t)words[6],
                                .has_rho = words[7] != 0};
    entry->left = words[8] != 0;
    return true;
}

static fan_status read_entries(const unsigned char *bytes, size_t size, uint32_t count,
                               fan_factorization *f, mpz_ptr value)
{
    fan_status status = FAN_OK;
    for (uint32_t i = 0; i < count && status == FAN_OK; i++)
        if (!get_entry(&bytes, &size, f, value, &status))
            return FAN_E_FAILED;
    return status == FAN_OK && size ? FAN_E_FAILED : status;
}

fan_status fani_unfinished_read(const unsigned char *bytes, size_t size, fan_factorization *f)
{
    uint32_t version, count;
    uint64_t steps, work, tried;
    mpz_t value;
    mpz_init(value);
    fan_status status = FAN_E_FAILED;
    if (get_u32(&bytes, &size, &version) && version == VERSION && get_u32(&bytes, &size, &count) &&
        get_u64(&bytes, &size, &steps) && get_u64(&bytes, &size, &work) &&
        get_u64(&bytes, &size, &tried) && tried <= UINT32_MAX &&
        fani_unfinished_get(&bytes, &size, value)) {
        fani_factorization_reset(f, value);
        f->steps = steps;
        f->work = work;
        f->tried_below = (uint32_t)tried;
        status = read_entries(bytes, size, count, f, value);
    }
    mpz_clear(value);
    if (status == FAN_OK && !fani_factorization_multiplies_back(f))
        status = FAN_E_FAILED;
    return status;
}
