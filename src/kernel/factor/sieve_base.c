/* The factor base. */
#include "quadratic.h"
#include "sieve_internal.h"

#include <math.h>
#include <stdlib.h>

void fani_sieve_choose_multiplier(fani_sieve *s)
{
    s->multiplier = fani_quadratic_multiplier(s->n);
    mpz_mul_ui(s->kn, s->n, s->multiplier);
}

static void *aligned(size_t count, size_t size)
{
    void *room = aligned_alloc(64, (count * size + 63) / 64 * 64);
    return room;
}

static bool allocate(fani_sieve_base *b, uint32_t count)
{
    b->padded = (count + FANI_SIEVE_PAD - 1) / FANI_SIEVE_PAD * FANI_SIEVE_PAD;
    b->prime = aligned(b->padded, sizeof *b->prime);
    b->inverse = aligned(b->padded, sizeof *b->inverse);
    b->max_quotient = aligned(b->padded, sizeof *b->max_quotient);
    b->square_root = aligned(b->padded, sizeof *b->square_root);
    b->delta = aligned((size_t)b->padded * FANI_SIEVE_A_MAX, sizeof *b->delta);
    b->log = aligned(b->padded, sizeof *b->log);
    bool made = b->prime && b->inverse && b->max_quotient && b->square_root && b->delta && b->log;
    for (unsigned k = 0; k < 2; k++) {
        b->root[k] = aligned(b->padded, sizeof *b->root[k]);
        b->next[k] = aligned(b->padded, sizeof *b->next[k]);
        made = made && b->root[k] && b->next[k];
    }
    return made;
}

void fani_sieve_base_clear(fani_sieve_base *b)
{
    free(b->prime);
    free(b->inverse);
    free(b->max_quotient);
    free(b->square_root);
    free(b->delta);
    free(b->log);
    for (unsigned k = 0; k < 2; k++) {
        free(b->root[k]);
        free(b->next[k]);
    }
    *b = (fani_sieve_base){0};
}

uint8_t fani_sieve_log(uint32_t prime)
{
    return (uint8_t)(log2(prime) + 0.5);
}

static void describe_prime(fani_sieve_base *b, uint32_t i)
{
    uint32_t p = b->prime[i];
    b->inverse[i] = (uint32_t)fani_inverse_u64(p);
    b->max_quotient[i] = UINT32_MAX / p;
    b->log[i] = fani_sieve_log(p);
}

/* Entries that no position hits. */
static void pad(fani_sieve_base *b)
{
    for (uint32_t i = b->count; i < b->padded; i++) {
        b->prime[i] = 0;
        b->inverse[i] = 1;
        b->max_quotient[i] = 0;
        b->square_root[i] = 0;
        b->log[i] = 0;
        for (unsigned k = 0; k < 2; k++)
            b->root[k][i] = UINT32_MAX;
        for (unsigned j = 0; j < FANI_SIEVE_A_MAX; j++)
            b->delta[(size_t)j * b->padded + i] = 0;
    }
}

static uint32_t first_from(const fani_sieve_base *b, uint32_t least)
{
    uint32_t i = b->first_sieved;
    while (i < b->count && b->prime[i] < least)
        i++;
    return i;
}

static void set_classes(fani_sieve *s)
{
    fani_sieve_base *b = &s->base;
    b->first_sieved = first_from(b, s->params.small);
    for (uint32_t k = 0; k < 8; k++)
        b->first_of[k] = first_from(b, (s->params.interval + k) / (k + 1));
    b->first_middle = first_from(b, FANI_SIEVE_BLOCK / 8);
    if (b->first_middle > b->first_of[7])
        b->first_middle = b->first_of[7];
}

bool fani_sieve_base_make(fani_sieve *s)
{
    fani_sieve_base *b = &s->base;
    uint32_t count = s->params.base;
    if (!allocate(b, count) || !fani_quadratic_base(s->kn, count, b->prime, b->square_root))
        return false;
    for (b->count = 0; b->count < count; b->count++)
        describe_prime(b, b->count);
    pad(b);
    set_classes(s);
    return true;
}

/* The last multiple that is struck lies below the prime's class: k + 1 times interval / k. */
size_t fani_sieve_interval_room(const fani_sieve *s)
{
    size_t longest = s->base.prime[s->base.count - 1];
    size_t room = 2 * (size_t)s->params.interval;
    return (room > longest ? room : longest) + 64;
}
