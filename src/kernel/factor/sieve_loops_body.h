/* The loops in which the sieve spends its time, over vectors of the length that the including file
 * names (VECTOR_BYTES): the compiler makes of them what its instruction set has. */
#ifndef FANI_SIEVE_LOOPS_BODY_H
#define FANI_SIEVE_LOOPS_BODY_H

#include "sieve_internal.h"

#include <string.h>

typedef uint32_t words __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint64_t doubles __attribute__((vector_size(VECTOR_BYTES), may_alias));

enum { WORDS = VECTOR_BYTES / 4 };

static inline __attribute__((always_inline)) words select_smaller(words a, words b)
{
    words less = (words)(a < b);
    return (a & less) | (b & ~less);
}

static void move(fani_sieve_base *base, unsigned j, bool forwards)
{
    const words *delta = (const words *)(base->delta + (size_t)j * base->padded);
    const words *prime = (const words *)base->prime;
    for (unsigned k = 0; k < 2; k++) {
        words *root = (words *)base->root[k];
        for (uint32_t i = 0; i < base->padded / WORDS; i++) {
            words raised = root[i] + delta[i];
            if (!forwards)
                raised = root[i] + (prime[i] - delta[i]);
            root[i] = select_smaller(raised, raised - prime[i]);
        }
    }
}

/* Adds `log` from both places on in steps, up to `end`; leaves the places where it went on. */
static inline __attribute__((always_inline)) void run(uint8_t *at, size_t end, size_t prime,
                                                      uint8_t log, uint32_t *one, uint32_t *other)
{
    size_t low = *one < *other ? *one : *other;
    size_t gap = (*one < *other ? *other : *one) - low;
    uint8_t *x = at + low, *y = x + gap;
    if (end > 3 * prime + gap) {
        const uint8_t *last = at + end - 3 * prime;
        while (y < last) {
            x[0] += log;
            y[0] += log;
            x[prime] += log;
            y[prime] += log;
            x[2 * prime] += log;
            y[2 * prime] += log;
            x[3 * prime] += log;
            y[3 * prime] += log;
            x += 4 * prime;
            y += 4 * prime;
        }
    }
    while (y < at + end) {
        *x += log;
        *y += log;
        x += prime;
        y += prime;
    }
    if (x < at + end) {
        *x += log;
        x += prime;
    }
    *one = (uint32_t)(x - at);
    *other = (uint32_t)(y - at);
}

/* Primes that have `times` multiples or one less in the interval: none is asked for, and what lies
 * beyond the interval is never read. */
static inline __attribute__((always_inline)) void strike(const fani_sieve_base *base, uint8_t *at,
                                                         uint32_t from, uint32_t to, unsigned times)
{
    for (uint32_t i = from; i < to; i++) {
        size_t prime = base->prime[i];
        uint8_t log = base->log[i];
        uint8_t *x = at + base->root[0][i], *y = at + base->root[1][i];
#pragma GCC unroll 8
        for (unsigned k = 0; k < times; k++) {
            x[k * prime] += log;
            y[k * prime] += log;
        }
    }
}

static void strike_all(const fani_sieve_base *base, uint8_t *at)
{
    const uint32_t *from = base->first_of;
    strike(base, at, from[7], from[6], 8);
    strike(base, at, from[6], from[5], 7);
    strike(base, at, from[5], from[4], 6);
    strike(base, at, from[4], from[3], 5);
    strike(base, at, from[3], from[2], 4);
    strike(base, at, from[2], from[1], 3);
    strike(base, at, from[1], from[0], 2);
    strike(base, at, from[0], base->count, 1);
}

static void fill(const fani_sieve_base *base, uint8_t *at, uint32_t interval, uint8_t start)
{
    uint32_t *next0 = base->next[0], *next1 = base->next[1];
    memset(at, start, interval);
    size_t bytes = (base->first_of[7] - base->first_sieved) * sizeof *next0;
    memcpy(next0 + base->first_sieved, base->root[0] + base->first_sieved, bytes);
    memcpy(next1 + base->first_sieved, base->root[1] + base->first_sieved, bytes);
    for (uint32_t end = FANI_SIEVE_BLOCK; end < interval + FANI_SIEVE_BLOCK;
         end += FANI_SIEVE_BLOCK) {
        uint32_t here = end < interval ? end : interval;
        for (uint32_t i = base->first_sieved; i < base->first_middle; i++)
            run(at, here, base->prime[i], base->log[i], &next0[i], &next1[i]);
    }
    for (uint32_t i = base->first_middle; i < base->first_of[7]; i++)
        run(at, interval, base->prime[i], base->log[i], &next0[i], &next1[i]);
    strike_all(base, at);
}

static uint32_t scan(const uint8_t *at, uint32_t interval, uint32_t *from, uint32_t *out,
                     uint32_t room)
{
    uint32_t found = 0, x = *from;
    for (; x < interval && found + 64 <= room; x += 64) {
        uint64_t any = 0;
        const doubles *in = (const doubles *)(at + x);
        doubles all = in[0];
        for (unsigned k = 1; k < 64 / VECTOR_BYTES; k++)
            all |= in[k];
        for (unsigned k = 0; k < VECTOR_BYTES / 8; k++)
            any |= all[k];
        if ((any & UINT64_C(0x8080808080808080)) == 0)
            continue;
        for (uint32_t k = x; k < x + 64; k++) {
            if (at[k] >= 128)
                out[found++] = k;
        }
    }
    *from = x;
    return found;
}

/* A distance that the prime divides is its multiple by a small number (Granlund and Montgomery
 * 1994). Before the root the distance wraps, and others may seem to be divided. */
static uint32_t hits(const fani_sieve_base *base, uint32_t position, uint16_t *out, uint32_t room)
{
    uint32_t found = 0;
    const words *inverse = (const words *)base->inverse, *most = (const words *)base->max_quotient;
    const words *root0 = (const words *)base->root[0], *root1 = (const words *)base->root[1];
    for (uint32_t i = 0; i < base->padded / WORDS; i++) {
        words one = (words)((position - root0[i]) * inverse[i] <= most[i]);
        words other = (words)((position - root1[i]) * inverse[i] <= most[i]);
        doubles both = (doubles)(one | other);
        uint64_t any = 0;
        for (unsigned k = 0; k < VECTOR_BYTES / 8; k++)
            any |= both[k];
        for (uint32_t k = 0; any != 0 && k < WORDS && found < room; k++) {
            if ((one[k] | other[k]) != 0)
                out[found++] = (uint16_t)(i * WORDS + k);
        }
    }
    return found;
}

#endif
