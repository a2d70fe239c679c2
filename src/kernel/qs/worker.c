/* What a thread that sieves has, and how it goes through the polynomials of a coefficient. */
#include "worker.h"

#include "kernel/factor/montgomery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOG_TOP = 122, /* what a value has to make up for, in units of a byte of the sieve */
    SPARE = 8,     /* bits of limbs: a sign, and what a and the values miss their ideal by */
};

/* ---- Logarithms ----------------------------------------------------------------------------- */

/* log2 of x > 0 in units of 2^-16, by squaring: the same on every machine, as library functions
 * need not be. */
static uint32_t log2_of(uint64_t x)
{
    uint32_t log = 63 - (uint32_t)__builtin_clzll(x);
    uint64_t part = x << (63 - log) >> 32; /* 1 <= part / 2^31 < 2 */
    for (unsigned i = 0; i < 16; i++) {
        part = part * part >> 31;
        log = 2 * log + (uint32_t)(part >> 32);
        part >>= part >> 32;
    }
    return log;
}

static uint32_t log2_of_mpz(mpz_srcptr x)
{
    size_t bits = mpz_sizeinbase(x, 2);
    mpz_t top;
    mpz_init(top);
    mpz_tdiv_q_2exp(top, x, bits > 60 ? bits - 60 : 0);
    uint32_t log = log2_of(mpz_get_ui(top)) + (uint32_t)((bits > 60 ? bits - 60 : 0) << 16);
    mpz_clear(top);
    return log;
}

/* Values are at most sqrt(k n / 8) times half the interval; what may be missing of one is `slack`
 * bits. The bytes' unit is chosen so that the rest fits. */
static void set_logs(fani_qs_worker *w)
{
    uint32_t bits = (log2_of_mpz(w->qs->kn) - (3 << 16)) / 2 + log2_of(w->interval / 2);
    uint32_t slack = w->qs->params.slack << 16;
    uint32_t needed = bits > slack + (8 << 16) ? bits - slack : 8 << 16;
    w->unit = needed / LOG_TOP;
    w->first = 128 - LOG_TOP;
    w->limbs = ((bits >> 16) + SPARE) / 64 + 1;
    w->one_large = log2_of(w->qs->large_end);
    if (w->qs->params.pair != 0) {
        w->two_large = w->qs->params.pair << 16;
        w->two_large_least = 2 * log2_of(w->qs->prime[w->qs->params.base - 1]);
    }
}

static uint8_t log_byte(const fani_qs_worker *w, uint32_t prime)
{
    return (uint8_t)((log2_of(prime) + w->unit / 2) / w->unit);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void *aligned(size_t count, size_t size)
{
    size_t bytes = (count * size + 63) / 64 * 64 + 64;
    void *room = aligned_alloc(64, bytes);
    if (room)
        memset(room, 0, bytes);
    return room;
}

static uint32_t first_from(const fani_qs *qs, uint32_t least)
{
    uint32_t i = 0;
    while (i < qs->params.base && qs->prime[i] < least)
        i++;
    return i;
}

static bool allocate_short(fani_qs_short *s)
{
    s->padded = (s->count + FANI_QS_LANES - 1) / FANI_QS_LANES * FANI_QS_LANES + FANI_QS_LANES;
    s->prime = aligned(s->padded, sizeof *s->prime);
    s->inverse = aligned(s->padded, sizeof *s->inverse);
    s->quotient = aligned(s->padded, sizeof *s->quotient);
    s->step = aligned(s->padded, sizeof *s->step);
    s->delta = aligned((size_t)s->padded * (FANI_QS_ROW_ZERO + 1), sizeof *s->delta);
    s->log = aligned(s->padded, sizeof *s->log);
    bool made = s->prime && s->inverse && s->quotient && s->step && s->delta && s->log;
    for (unsigned k = 0; k < 2; k++) {
        s->start[k] = aligned(s->padded, sizeof *s->start[k]);
        s->at[k] = aligned(s->padded, sizeof *s->at[k]);
        made = made && s->start[k] && s->at[k];
    }
    return made;
}

static bool make_short(fani_qs_worker *w)
{
    const fani_qs *qs = w->qs;
    fani_qs_short *s = &w->s;
    s->count = first_from(qs, 1 << 16);
    if (!allocate_short(s))
        return false;
    s->first_sieved = first_from(qs, qs->params.small);
    for (uint32_t k = 0; k <= FANI_QS_MULTIPLES; k++) {
        uint32_t first = first_from(qs, FANI_QS_BLOCK / (k + 1) + 1);
        s->first_of[k] = first > s->first_sieved ? first : s->first_sieved;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t p = qs->prime[i];
        s->prime[i] = (uint16_t)p;
        s->inverse[i] = (uint16_t)fani_inverse_u64(p);
        s->quotient[i] = (uint16_t)(UINT16_MAX / p);
        s->step[i] = (uint16_t)(FANI_QS_BLOCK % p);
    }
    for (uint32_t i = s->count; i < s->padded; i++) {
        s->inverse[i] = 1;
        for (unsigned k = 0; k < 2; k++)
            s->start[k][i] = s->at[k][i] = UINT16_MAX;
    }
    return true;
}

/* Entries of a bucket: twelve times the spread above what is expected. A polynomial that wants more
 * is left out. */
static uint32_t capacity_of(const fani_qs *qs, uint32_t first)
{
    double expected = 0;
    for (uint32_t i = first; i < qs->params.base; i++)
        expected += 2.0 * FANI_QS_BLOCK / qs->prime[i];
    uint32_t chunk = 2 * FANI_QS_CHUNK * (qs->params.blocks * FANI_QS_BLOCK / (1U << 16) + 1);
    return ((uint32_t)(expected + 12 * sqrt(expected)) + chunk + FANI_QS_SPILL + 63) / 64 * 64;
}

static bool allocate_long(fani_qs_long *l, uint32_t blocks)
{
    l->prime = aligned(l->padded, sizeof *l->prime);
    l->root[0] = aligned(l->padded, sizeof *l->root[0]);
    l->root[1] = aligned(l->padded, sizeof *l->root[1]);
    l->delta = aligned((size_t)l->padded * (FANI_QS_ROW_ZERO + 1), sizeof *l->delta);
    l->slice_log = aligned(l->slices, sizeof *l->slice_log);
    l->slice_start = aligned((size_t)(l->slices + 1) * FANI_QS_BLOCKS_MAX, sizeof *l->slice_start);
    l->bucket = aligned((size_t)blocks * l->capacity, sizeof *l->bucket);
    l->chunk = aligned(FANI_QS_CHUNK_ROOM, sizeof *l->chunk);
    return l->prime && l->root[0] && l->root[1] && l->delta && l->slice_log && l->slice_start &&
           l->bucket && l->chunk;
}

static bool make_long(fani_qs_worker *w)
{
    const fani_qs *qs = w->qs;
    fani_qs_long *l = &w->l;
    l->first = w->s.count;
    l->count = qs->params.base - l->first;
    l->padded = (l->count + FANI_QS_LANES - 1) / FANI_QS_LANES * FANI_QS_LANES;
    l->slices = (l->count + FANI_QS_SLICE - 1) / FANI_QS_SLICE;
    l->capacity = capacity_of(qs, l->first);
    if (!allocate_long(l, w->blocks))
        return false;
    for (uint32_t i = 0; i < l->count; i++)
        l->prime[i] = qs->prime[l->first + i];
    for (uint32_t i = l->count; i < l->padded; i++)
        l->root[0][i] = l->root[1][i] = INT32_MAX; /* behind every interval, and never moved */
    for (uint32_t slice = 0; slice < l->slices; slice++)
        l->slice_log[slice] = log_byte(w, l->prime[(size_t)slice * FANI_QS_SLICE]);
    for (uint32_t mask = 0; mask < 256; mask++) {
        unsigned shift = 0;
        for (uint64_t bit = 0; bit < 8; bit++) {
            if (mask >> bit & 1) {
                l->order[mask] |= bit << shift;
                shift += 8;
            }
        }
    }
    return true;
}

static const fani_qs_loops *loops_of(fani_isa isa)
{
#ifdef __x86_64__
    if (isa >= FANI_ISA_AVX512)
        return &fani_qs_loops_avx512;
    if (isa >= FANI_ISA_AVX2)
        return &fani_qs_loops_avx2;
#endif
    (void)isa;
    return &fani_qs_loops_scalar;
}

fan_status fani_qs_worker_make(const fani_qs *qs, fani_isa isa, fani_qs_worker **out)
{
    fani_qs_worker *w = calloc(1, sizeof *w);
    if (!w)
        return FAN_E_MEMORY;
    w->qs = qs;
    w->loops = loops_of(isa);
    w->lanes = fani_lanes_of(isa);
    w->blocks = qs->params.blocks;
    w->interval = w->blocks * FANI_QS_BLOCK;
    fani_qs_leading_init(&w->leading);
    mpz_init(w->scratch);
    set_logs(w);
    w->block = aligned(FANI_QS_BLOCK + FANI_QS_BEYOND, 1);
    if (!w->block || !make_short(w) || !make_long(w)) {
        fani_qs_worker_free(w);
        return FAN_E_MEMORY;
    }
    *out = w;
    return FAN_OK;
}

void fani_qs_worker_free(fani_qs_worker *w)
{
    if (!w)
        return;
    fani_qs_short *s = &w->s;
    fani_qs_long *l = &w->l;
    void *const rooms[] = {s->prime,       s->inverse,  s->quotient, s->step,  s->delta,
                           s->log,         s->start[0], s->start[1], s->at[0], s->at[1],
                           l->prime,       l->root[0],  l->root[1],  l->delta, l->slice_log,
                           l->slice_start, l->bucket,   l->chunk,    w->block};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        free(rooms[i]);
    fani_qs_leading_clear(&w->leading);
    mpz_clear(w->scratch);
    free(w);
}

/* ---- Collecting ----------------------------------------------------------------------------- */

static void set_short_logs(fani_qs_worker *w)
{
    const fani_qs *qs = w->qs;
    for (uint32_t i = 0; i < w->s.count; i++)
        w->s.log[i] = qs->square_root[i] == 0 ? 0 : log_byte(w, qs->prime[i]);
    for (uint32_t j = 0; j < w->leading.count; j++)
        w->s.log[w->leading.index[j]] = 0;
}

/* Complements to two in as many limbs as values have. */
static void set_limbs(const fani_qs_worker *w, uint64_t *out, mpz_srcptr x)
{
    uint64_t carry = mpz_sgn(x) < 0, flip = 0 - carry;
    for (unsigned i = 0; i < w->limbs; i++) {
        out[i] = ((uint64_t)mpz_getlimbn(x, i) ^ flip) + carry;
        carry = carry != 0 && out[i] == 0;
    }
}

/* b and c of polynomial k. */
static void set_poly(fani_qs_worker *w)
{
    fani_qs_leading_b(&w->leading, w->k, w->scratch);
    set_limbs(w, w->b, w->scratch);
    mpz_mul(w->scratch, w->scratch, w->scratch);
    mpz_sub(w->scratch, w->scratch, w->qs->kn);
    mpz_divexact(w->scratch, w->scratch, w->leading.a);
    mpz_fdiv_q_2exp(w->scratch, w->scratch, 2);
    set_limbs(w, w->c, w->scratch);
}

/* Roots for polynomial k, from those of the one before. */
static bool move_roots(fani_qs_worker *w)
{
    uint32_t row = FANI_QS_ROW_ZERO;
    bool forwards = true;
    if (w->k > w->from) {
        row = (uint32_t)__builtin_ctz(w->k);
        forwards = ((w->k ^ w->k >> 1) >> row & 1) != 0; /* b loses its part twice */
        w->loops->move(&w->s, row, forwards);
    }
    for (unsigned k = 0; k < 2; k++)
        memcpy(w->s.at[k], w->s.start[k], w->s.count * sizeof *w->s.at[k]);
    return w->loops->fill(w, row, forwards);
}

static fan_status try_block(fani_qs_worker *w, uint32_t block, const fani_qs_hooks *hooks)
{
    uint16_t found[FANI_QS_FOUND_MAX];
    uint32_t from = 0;
    fan_status status = FAN_OK;
    while (from < FANI_QS_BLOCK && status == FAN_OK) {
        uint32_t count = w->loops->scan(w->block, &from, found);
        for (uint32_t i = 0; i < count && status == FAN_OK; i++)
            status = fani_qs_try(w, block, found[i], hooks);
    }
    return status;
}

static fan_status sieve_poly(fani_qs_worker *w, const fani_qs_hooks *hooks)
{
    fan_status status = FAN_OK;
    bool room = move_roots(w);
    set_poly(w);
    for (uint32_t block = 0; room && block < w->blocks && status == FAN_OK; block++) {
        if (block > 0)
            w->loops->step(&w->s);
        w->loops->sieve(w, block);
        status = try_block(w, block, hooks);
    }
    return status;
}

fan_status fani_qs_collect_some(fani_qs_worker *w, uint64_t a, uint32_t from, uint32_t to,
                                const fani_qs_hooks *hooks)
{
    if (a >= fani_qs_a_count(w->qs) || from > to || to > fani_qs_b_count(w->qs))
        return FAN_E_ARGUMENT;
    fan_status status = FAN_OK;
    w->index = a;
    w->from = w->k = from;
    fani_qs_leading_set(&w->leading, w->qs, a);
    set_limbs(w, w->a, w->leading.a);
    set_short_logs(w);
    w->is_b_raised = fani_qs_leading_b(&w->leading, from, w->scratch);
    fani_qs_begin(w);
    for (; w->k < to && status == FAN_OK; w->k++) {
        if (hooks->cancelled && hooks->cancelled(hooks->context))
            return FAN_E_CANCELLED;
        status = sieve_poly(w, hooks);
    }
    return status;
}

fan_status fani_qs_collect(fani_qs_worker *w, uint64_t a, const fani_qs_hooks *hooks)
{
    return fani_qs_collect_some(w, a, 0, fani_qs_b_count(w->qs), hooks);
}
