#include "factor_internal.h"

#include <stdlib.h>
#include <string.h>

fan_status fan_factorization_create(fan_factorization **out)
{
    fan_factorization *f = calloc(1, sizeof *f);
    if (!f)
        return FAN_E_MEMORY;
    mpz_init_set_ui(f->number, 1);
    *out = f;
    return FAN_OK;
}

void fan_factorization_destroy(fan_factorization *factorization)
{
    if (!factorization)
        return;
    while (factorization->count > 0)
        mpz_clear(factorization->entries[--factorization->count].value);
    free(factorization->entries);
    mpz_clear(factorization->number);
    free(factorization);
}

mpz_srcptr fan_factorization_number(const fan_factorization *factorization)
{
    return factorization->number;
}

size_t fan_factorization_count(const fan_factorization *factorization)
{
    return factorization->count;
}

mpz_srcptr fan_factorization_value(const fan_factorization *factorization, size_t i)
{
    return factorization->entries[i].value;
}

uint64_t fan_factorization_exponent(const fan_factorization *factorization, size_t i)
{
    return factorization->entries[i].exponent;
}

fan_factor_kind fan_factorization_kind(const fan_factorization *factorization, size_t i)
{
    return factorization->entries[i].verdict.kind;
}

fan_factor_proof fan_factorization_proof(const fan_factorization *factorization, size_t i)
{
    return factorization->entries[i].verdict.proof;
}

fan_factor_method fan_factorization_method(const fan_factorization *factorization, size_t i)
{
    return factorization->entries[i].method;
}

bool fan_factorization_complete(const fan_factorization *factorization)
{
    for (size_t i = 0; i < factorization->count; i++) {
        if (factorization->entries[i].verdict.kind != FAN_FACTOR_PRIME)
            return false;
    }
    return true;
}

void fani_factorization_reset(fan_factorization *f, mpz_srcptr n)
{
    mpz_set(f->number, n); /* first, as n may be one of the entries */
    while (f->count > 0)
        mpz_clear(f->entries[--f->count].value);
    f->tried_below = 0;
    f->steps = f->work = 0;
}

fan_status fani_factorization_add(fan_factorization *f, mpz_srcptr value, uint64_t exponent,
                                  fani_verdict verdict)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 8 : 2 * f->capacity;
        fani_factor_entry *entries = reallocarray(f->entries, capacity, sizeof *entries);
        if (!entries)
            return FAN_E_MEMORY;
        f->entries = entries;
        f->capacity = capacity;
    }
    fani_factor_entry *entry = &f->entries[f->count++];
    mpz_init_set(entry->value, value);
    entry->exponent = exponent;
    entry->verdict = verdict;
    entry->method = FAN_METHOD_NONE;
    entry->at = (fani_progress){0};
    entry->left = false;
    return FAN_OK;
}

void fani_factorization_found_by(fan_factorization *f, fan_factor_method method)
{
    f->entries[f->count - 1].method = method;
}

void fani_factorization_remove(fan_factorization *f, size_t i)
{
    mpz_clear(f->entries[i].value);
    f->count--;
    if (i != f->count)
        f->entries[i] = f->entries[f->count];
}

static int compare_entries(const void *left, const void *right)
{
    const fani_factor_entry *a = left;
    const fani_factor_entry *b = right;
    if (a->verdict.kind != b->verdict.kind)
        return a->verdict.kind < b->verdict.kind ? -1 : 1;
    return mpz_cmp(a->value, b->value);
}

/* Of several that found the same prime the first in their order is kept, so that it does not depend
 * on that of sorting. */
static void join_equal(fan_factorization *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (kept > 0 && compare_entries(&f->entries[kept - 1], &f->entries[i]) == 0) {
            f->entries[kept - 1].exponent += f->entries[i].exponent;
            if (f->entries[i].method < f->entries[kept - 1].method)
                f->entries[kept - 1].method = f->entries[i].method;
            mpz_clear(f->entries[i].value);
        } else {
            f->entries[kept++] = f->entries[i];
        }
    }
    f->count = kept;
}

/* 0 has no entries, as 1. */
bool fani_factorization_multiplies_back(const fan_factorization *f)
{
    if (f->count == 0)
        return mpz_cmp_ui(f->number, 1) <= 0;
    mpz_t product, power;
    mpz_init_set_ui(product, 1);
    mpz_init(power);
    for (size_t i = 0; i < f->count; i++) {
        mpz_pow_ui(power, f->entries[i].value, f->entries[i].exponent);
        mpz_mul(product, product, power);
    }
    bool equal = mpz_cmp(product, f->number) == 0;
    mpz_clears(product, power, NULL);
    return equal;
}

bool fani_factorization_finish(fan_factorization *f)
{
    if (f->count > 1)
        qsort(f->entries, f->count, sizeof *f->entries, compare_entries);
    join_equal(f);
    return fani_factorization_multiplies_back(f);
}

/* Room for an entry's text: a blank, a mark and the digits, as often as it divides. */
static bool add_text_size(const fani_factor_entry *entry, size_t *size)
{
    size_t once = mpz_sizeinbase(entry->value, 10) + 2;
    size_t all;
    return !__builtin_mul_overflow(once, entry->exponent, &all) &&
           !__builtin_add_overflow(*size, all, size);
}

/* Writes the entry's text once, then copies it; returns the end. */
static char *print_entry(const fani_factor_entry *entry, char *to)
{
    char *once = to;
    if (entry->verdict.kind != FAN_FACTOR_PRIME)
        *to++ = entry->verdict.kind == FAN_FACTOR_COMPOSITE ? 'c' : '?';
    mpz_get_str(to, 10, entry->value);
    to += strlen(to);
    *to++ = ' ';
    size_t length = (size_t)(to - once);
    for (uint64_t k = 1; k < entry->exponent; k++) {
        memcpy(to, once, length);
        to += length;
    }
    return to;
}

fan_status fan_factorization_text(const fan_factorization *factorization, char **text)
{
    size_t size = 2; /* mpz_get_str may write one digit more than it keeps, and NUL */
    for (size_t i = 0; i < factorization->count; i++) {
        if (!add_text_size(&factorization->entries[i], &size))
            return FAN_E_MEMORY;
    }
    char *written = malloc(size);
    if (!written)
        return FAN_E_MEMORY;
    char *end = written;
    for (size_t i = 0; i < factorization->count; i++)
        end = print_entry(&factorization->entries[i], end);
    if (end > written)
        end--;
    *end = '\0';
    *text = written;
    return FAN_OK;
}
