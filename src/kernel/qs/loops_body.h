/* The loops in which the sieve spends its time, over vectors of the length that the including file
 * names (VECTOR_BYTES). */
#ifndef FANI_QS_LOOPS_BODY_H
#define FANI_QS_LOOPS_BODY_H

#include "worker.h"

#include <string.h>

typedef uint16_t halves __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(2)));
typedef uint32_t words __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(4)));
typedef uint64_t doubles __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(1)));

enum { HALVES = VECTOR_BYTES / 2, WORDS = VECTOR_BYTES / 4, DOUBLES = VECTOR_BYTES / 8 };

#define INLINE static inline __attribute__((always_inline))

/* Lanes' numbers. Vectors that are filled lane by lane would lie on the stack, where gcc 12 with
 * AddressSanitizer does not align them. */
static const uint32_t counted[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Lane by lane. Defined by the including file, as are those that follow. */
static inline halves smaller_halves(halves a, halves b);
static inline words smaller_words(words a, words b);

/* a - b mod p, for numbers below p. */
INLINE halves subtract_halves(halves a, halves b, halves p)
{
    return a - b + (p & (halves)(a < b));
}

static void move(fani_qs_short *s, uint32_t row, bool forwards)
{
    const uint16_t *delta = s->delta + (size_t)row * s->padded;
    for (uint32_t i = 0; i < s->count; i += HALVES) {
        halves p = *(const halves *)(s->prime + i), d = *(const halves *)(delta + i);
        if (forwards)
            d = (p - d) & (halves)(d != 0);
        for (unsigned k = 0; k < 2; k++) {
            halves *root = (halves *)(s->start[k] + i);
            *root = subtract_halves(*root, d, p);
        }
    }
}

static void step(fani_qs_short *s)
{
    for (uint32_t i = 0; i < s->count; i += HALVES) {
        halves p = *(const halves *)(s->prime + i), d = *(const halves *)(s->step + i);
        for (unsigned k = 0; k < 2; k++) {
            halves *root = (halves *)(s->at[k] + i);
            *root = subtract_halves(*root, d, p);
        }
    }
}

/* The products of the low halves. Defined by the including file, as are those above and below. */
static inline doubles low_product(doubles x, doubles y);

/* Bit i is bit 7 of byte i, for 64 of them. */
static inline uint64_t marks_of(const uint8_t *bytes);

/* Bit k * LANE_BITS is set where all of lane k are. */
static inline uint64_t lanes_of(halves match);

/* Whether any bit is set. */
static inline bool any_of(doubles v);

/* Stores those entries whose `at` is below `end` one after the other, and what comes after them up
 * to a vector's length undefined; returns how many. */
static inline uint32_t pack_below(const fani_qs_long *l, uint32_t *out, words entries, words at,
                                  uint32_t end);

/* Appends each entry of the chunk to the bucket of its block; behind it up to FANI_QS_SPILL words
 * may be overwritten. */
static inline void deal_chunk(const fani_qs_long *l, uint32_t *cursor, uint32_t blocks,
                              uint32_t found);

#include "begin_body.h"

/* ---- Buckets -------------------------------------------------------------------------------- */

/* Appends the positions of WORDS primes from place i on to the chunk; returns how many are there
 * then. `sure` multiples of each are in the interval, up to `most` + 1 may be. */
INLINE uint32_t list(fani_qs_long *l, uint32_t i, const uint32_t *delta, bool forwards,
                     uint32_t sure, uint32_t most, uint32_t interval, uint32_t found)
{
    words p = *(const words *)(l->prime + i), d = *(const words *)(delta + i);
    words name = (*(const words *)counted + i % FANI_QS_SLICE) << FANI_QS_PLACE_BITS;
    for (unsigned k = 0; k < 2; k++) {
        words *root = (words *)(l->root[k] + i);
        words moved = forwards ? *root + d : *root - d;
        words at = smaller_words(moved, forwards ? moved - p : moved + p);
        *root = at;
        uint32_t m = 0;
        for (; m < sure; m++, at += p, found += WORDS)
            *(words *)(l->chunk + found) = at | name;
        for (; m <= most; m++, at += p)
            found += pack_below(l, l->chunk + found, at | name, at, interval);
    }
    return found;
}

INLINE void deal_singly(const fani_qs_long *l, uint32_t *cursor, uint32_t found)
{
    for (uint32_t i = 0; i < found; i++) {
        uint32_t entry = l->chunk[i];
        l->bucket[cursor[entry / FANI_QS_BLOCK % FANI_QS_BLOCKS_MAX]++] = entry;
    }
}

/* Puts the chunk into the buckets; false where one may have no room. */
INLINE bool deal(const fani_qs_long *l, uint32_t *cursor, uint32_t blocks, uint32_t found)
{
    uint32_t most = 0;
    for (uint32_t b = 0; b < blocks; b++) {
        uint32_t used = cursor[b] - b * l->capacity;
        most = used > most ? used : most;
    }
    if (most + found + FANI_QS_SPILL > l->capacity)
        return false;
    deal_chunk(l, cursor, blocks, found);
    return true;
}

/* The primes of a chunk differ little: what the longest has for sure, all have, and the shortest
 * has the most. */
INLINE bool fill_chunk(fani_qs_worker *w, uint32_t from, uint32_t to, const uint32_t *delta,
                       bool forwards, uint32_t *cursor)
{
    fani_qs_long *l = &w->l;
    uint32_t found = 0, most = w->interval / l->prime[from];
    uint32_t sure = to > l->count ? 0 : w->interval / l->prime[to - 1];
    if (most == 0) {
        for (uint32_t i = from; i < to; i += WORDS)
            found = list(l, i, delta, forwards, 0, 0, w->interval, found);
    } else {
        for (uint32_t i = from; i < to; i += WORDS)
            found = list(l, i, delta, forwards, sure, most, w->interval, found);
    }
    return deal(l, cursor, w->blocks, found);
}

INLINE bool fill_all(fani_qs_worker *w, uint32_t row, bool forwards)
{
    fani_qs_long *l = &w->l;
    const uint32_t *delta = l->delta + (size_t)row * l->padded;
    uint32_t cursor[FANI_QS_BLOCKS_MAX];
    bool room = true;
    for (uint32_t b = 0; b < FANI_QS_BLOCKS_MAX; b++)
        cursor[b] = b * l->capacity;
    for (uint32_t from = 0; from < l->padded; from += FANI_QS_CHUNK) {
        if (from % FANI_QS_SLICE == 0)
            memcpy(fani_qs_slice(l, from / FANI_QS_SLICE), cursor, sizeof cursor);
        uint32_t to = from + FANI_QS_CHUNK < l->padded ? from + FANI_QS_CHUNK : l->padded;
        room = fill_chunk(w, from, to, delta, forwards, cursor) && room;
    }
    memcpy(fani_qs_slice(l, l->slices), cursor, sizeof cursor);
    return room;
}

static bool fill(fani_qs_worker *w, uint32_t row, bool forwards)
{
    return forwards ? fill_all(w, row, true) : fill_all(w, row, false);
}

/* ---- A block -------------------------------------------------------------------------------- */

/* A vector that is read back word by word: the compiler would take it apart by slower means. */
#define keep_in_memory(array) __asm__("" : "+m"(array))

/* Bytes may alias anything: the loops have copies of what they need. */
typedef struct striker {
    const uint16_t *prime, *x, *y, *quotient;
    const uint8_t *log;
    uint8_t *block;
} striker;

/* Primes with so many multiples in a block that they are counted at run time. */
INLINE void run(striker s, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        size_t p = s.prime[i];
        uint8_t log = s.log[i];
        uint8_t *x = s.block + s.x[i], *y = s.block + s.y[i];
        uint32_t sure = s.quotient[i] / 2U; /* a block is half of 2^16 */
        for (uint32_t m = sure / 4; m > 0; m--, x += 4 * p, y += 4 * p) {
            x[0] += log;
            y[0] += log;
            x[p] += log;
            y[p] += log;
            x[2 * p] += log;
            y[2 * p] += log;
            x[3 * p] += log;
            y[3 * p] += log;
        }
        for (uint32_t m = sure % 4; m > 0; m--, x += p, y += p) {
            x[0] += log;
            y[0] += log;
        }
        uint8_t *end = s.block + FANI_QS_BLOCK, *beyond = end + i % FANI_QS_BEYOND;
        *(x < end ? x : beyond) += log;
        *(y < end ? y : beyond) += log;
    }
}

/* Primes with `sure` multiples in a block, and one more by chance: what misses the block goes
 * behind it, so that no branch depends on chance. */
INLINE void strike(striker s, const uint32_t *first_of, uint32_t sure, halves beyond)
{
    for (uint32_t from = first_of[sure], end = first_of[sure - 1]; from < end; from += HALVES) {
        uint16_t last_x[HALVES], last_y[HALVES];
        halves most = *(const halves *)(s.prime + from) * (uint16_t)sure;
        *(halves *)last_x = smaller_halves(*(const halves *)(s.x + from) + most, beyond);
        *(halves *)last_y = smaller_halves(*(const halves *)(s.y + from) + most, beyond);
        keep_in_memory(last_x);
        keep_in_memory(last_y);
        uint32_t count = end - from < HALVES ? end - from : HALVES;
        for (uint32_t k = 0; k < count; k++) {
            size_t p = s.prime[from + k];
            uint8_t log = s.log[from + k];
            uint8_t *x = s.block + s.x[from + k], *y = s.block + s.y[from + k];
#pragma GCC unroll 16
            for (unsigned m = 0; m < sure; m++, x += p, y += p) {
                *x += log;
                *y += log;
            }
            s.block[last_x[k]] += log;
            s.block[last_y[k]] += log;
        }
    }
}

/* Primes above the length of a block: at most one position each. Arrays are padded beyond `count`
 * by primes that are never there. */
INLINE void strike_once(striker s, uint32_t first, uint32_t count, halves beyond)
{
    for (uint32_t from = first; from < count; from += FANI_QS_LANES) {
        uint8_t log = s.log[from];
        for (uint32_t i = from; i < from + FANI_QS_LANES; i += HALVES) {
            uint16_t x[HALVES], y[HALVES];
            *(halves *)x = smaller_halves(*(const halves *)(s.x + i), beyond);
            *(halves *)y = smaller_halves(*(const halves *)(s.y + i), beyond);
            keep_in_memory(x);
            keep_in_memory(y);
#pragma GCC unroll 32
            for (unsigned k = 0; k < HALVES; k++) {
                s.block[x[k]] += log;
                s.block[y[k]] += log;
            }
        }
    }
}

INLINE void empty_bucket(const fani_qs_long *l, uint8_t *block, uint32_t b)
{
    for (uint32_t slice = 0; slice < l->slices; slice++) {
        const uint32_t *start = fani_qs_slice(l, slice) + b;
        const uint32_t *entry = l->bucket + start[0], *end = l->bucket + start[FANI_QS_BLOCKS_MAX];
        uint8_t log = l->slice_log[slice];
        for (; end - entry >= 8; entry += 8) {
#pragma GCC unroll 8
            for (unsigned k = 0; k < 8; k++)
                block[entry[k] % FANI_QS_BLOCK] += log;
        }
        for (; entry < end; entry++)
            block[*entry % FANI_QS_BLOCK] += log;
    }
}

static void sieve(fani_qs_worker *w, uint32_t b)
{
    const fani_qs_short *s = &w->s;
    const striker k = {s->prime, s->at[0], s->at[1], s->quotient, s->log, w->block};
    uint32_t first_of[FANI_QS_MULTIPLES + 1], count = s->count;
    uint16_t clipped[HALVES];
    for (unsigned i = 0; i < HALVES; i++)
        clipped[i] = (uint16_t)(FANI_QS_BLOCK + i);
    const halves beyond = *(const halves *)clipped;
    memcpy(first_of, s->first_of, sizeof first_of);
    memset(w->block, w->first, FANI_QS_BLOCK);
    run(k, s->first_sieved, first_of[16]);
    strike(k, first_of, 16, beyond);
    strike(k, first_of, 15, beyond);
    strike(k, first_of, 14, beyond);
    strike(k, first_of, 13, beyond);
    strike(k, first_of, 12, beyond);
    strike(k, first_of, 11, beyond);
    strike(k, first_of, 10, beyond);
    strike(k, first_of, 9, beyond);
    strike(k, first_of, 8, beyond);
    strike(k, first_of, 7, beyond);
    strike(k, first_of, 6, beyond);
    strike(k, first_of, 5, beyond);
    strike(k, first_of, 4, beyond);
    strike(k, first_of, 3, beyond);
    strike(k, first_of, 2, beyond);
    strike(k, first_of, 1, beyond);
    strike_once(k, first_of[0], count, beyond);
    empty_bucket(&w->l, w->block, b);
}

static uint32_t scan(const uint8_t *block, uint32_t *from, uint16_t *out)
{
    uint32_t found = 0, x = *from;
    for (; x < FANI_QS_BLOCK && found + 64 <= FANI_QS_FOUND_MAX; x += 64) {
        for (uint64_t marks = marks_of(block + x); marks != 0; marks &= marks - 1)
            out[found++] = (uint16_t)(x + (uint32_t)__builtin_ctzll(marks));
    }
    *from = x;
    return found;
}

/* ---- Which primes divide a value ------------------------------------------------------------ */

/* Appends the indices of lanes that match, whose bits are all set. */
INLINE uint32_t take(halves match, uint32_t i, uint32_t *out, uint32_t found)
{
    uint64_t lanes = lanes_of(match);
    for (; lanes != 0 && found < FANI_QS_HITS_MAX; lanes &= lanes - 1)
        out[found++] = i + (uint32_t)__builtin_ctzll(lanes) / LANE_BITS;
    return found;
}

/* A distance that a prime below 2^15 divides is its multiple by a small number (Granlund and
 * Montgomery 1994). `from` and `to` are multiples of FANI_QS_LANES. */
INLINE uint32_t hits_by_product(const fani_qs_short *s, uint32_t from, uint32_t to, uint32_t x,
                                uint32_t *out, uint32_t found)
{
    uint16_t here = (uint16_t)x;
    for (uint32_t i = from; i < to; i += HALVES) {
        halves p = *(const halves *)(s->prime + i), inverse = *(const halves *)(s->inverse + i);
        halves most = *(const halves *)(s->quotient + i), end = p + here;
        halves one = (end - *(const halves *)(s->at[0] + i)) * inverse;
        halves other = (end - *(const halves *)(s->at[1] + i)) * inverse;
        found = take((halves)(smaller_halves(one, other) <= most), i, out, found);
    }
    return found;
}

static uint32_t hits_small(const fani_qs_worker *w, uint32_t x, uint32_t *out)
{
    uint32_t to = (w->s.first_sieved + FANI_QS_LANES - 1) / FANI_QS_LANES * FANI_QS_LANES;
    return hits_by_product(&w->s, 0, to, x, out, 0);
}

/* Primes above the length of a block are there or not. */
INLINE uint32_t hits_short(const fani_qs_short *s, uint32_t x, uint32_t *out, uint32_t found)
{
    uint16_t here = (uint16_t)x;
    uint32_t from = (s->first_sieved + FANI_QS_LANES - 1) / FANI_QS_LANES * FANI_QS_LANES;
    uint32_t to = (s->first_of[0] + FANI_QS_LANES - 1) / FANI_QS_LANES * FANI_QS_LANES;
    found = hits_by_product(s, from, to, x, out, found);
    for (uint32_t i = s->first_of[0]; i < s->count; i += HALVES) {
        halves one = (halves)(*(const halves *)(s->at[0] + i) == here);
        halves other = (halves)(*(const halves *)(s->at[1] + i) == here);
        found = take(one | other, i, out, found);
    }
    return found;
}

INLINE uint32_t hits_long(const fani_qs_long *l, uint32_t b, uint32_t x, uint32_t *out,
                          uint32_t found)
{
    for (uint32_t slice = 0; slice < l->slices; slice++) {
        const uint32_t *start = fani_qs_slice(l, slice) + b;
        uint32_t i = start[0], end = start[FANI_QS_BLOCKS_MAX];
        for (; i < end; i += WORDS) { /* what follows is initialized, if no entry of this slice */
            words match = (words)(*(const words *)(l->bucket + i) % FANI_QS_BLOCK == x);
            if (!any_of((doubles)match))
                continue;
            for (unsigned k = 0; k < WORDS; k++) {
                if (match[k] != 0 && i + k < end && found < FANI_QS_HITS_MAX)
                    out[found++] =
                        l->first + slice * FANI_QS_SLICE + (l->bucket[i + k] >> FANI_QS_PLACE_BITS);
            }
        }
    }
    return found;
}

static uint32_t hits(const fani_qs_worker *w, uint32_t block, uint32_t x, uint32_t *out)
{
    return hits_long(&w->l, block, x, out, hits_short(&w->s, x, out, 0));
}

#endif
