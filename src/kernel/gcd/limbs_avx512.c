/* gcd of integers in the lanes of AVX-512: divsteps (Bernstein, Yang 2019), 52 at a time.
 *
 * A step on (e, f, g), f odd: where g is odd and e >= 0, f and g change places and e its sign, else
 * e grows by one; then an odd g becomes g - f; then g is halved. It looks at the lowest bits alone,
 * so that 52 steps on one word give a matrix by which the long numbers are then multiplied once.
 * There is no choice but by mask, and no pair waits for another to find its quotients.
 *
 * Bernstein and Yang prove how many steps are enough for g + f in place of g - f where nothing is
 * swapped. With g - f alone a step takes 6 instructions instead of 8, for 3 in 100 more steps, but
 * nothing is proven: pairs that are not done after many more rounds than any needs are left to GMP.
 *
 * In a lane of 64 bits stands, from the top: the bits of f (or g) that are still to be looked at, v
 * (r) and u (q), in one number: f 2^(64 - n) + v 2^23 + u. A step adds and doubles whole lanes.
 * What is halved on paper stays, and the bit that is looked at moves up. v 2^23 + u may be negative
 * and then borrows from the bits above it; half a unit of those is added before one is looked at.
 *
 * Long numbers have limbs of 52 bits, as many as the multiplication of AVX512_IFMA takes, in two's
 * complement; limb i of a vector's lanes stands together. */
#include "limbs.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

enum {
    LANES = 8,
    VECTORS = FANI_GCD_GROUP / LANES,
    BITS = 52,   /* of a limb, and steps of a round */
    FIRST = 17,  /* steps of its first and second part; the third has the rest */
    FIELD = 23,  /* bits of u, with its sign */
    PADDING = 2, /* limbs read behind the end of a number */
};

#define MASK ((UINT64_C(1) << BITS) - 1)
#define INLINE static inline __attribute__((always_inline))

/* (f, g) becomes (u f + v g, q f + r g) / 2^steps. */
typedef struct matrix {
    __m512i u, v, q, r;
} matrix;

INLINE __m512i all(int64_t x)
{
    return _mm512_set1_epi64(x);
}

INLINE __m512i low_product(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_madd52lo_epu64(sum, a, b);
}

INLINE __m512i high_product(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_madd52hi_epu64(sum, a, b);
}

/* The lower number of a lane, then the one above it, which ends below the upper `steps` bits. */
INLINE void take_apart(__m512i lane, unsigned steps, __m512i *low, __m512i *high)
{
    *low = _mm512_srai_epi64(_mm512_slli_epi64(lane, 64 - FIELD), 64 - FIELD);
    *high =
        _mm512_srai_epi64(_mm512_slli_epi64(_mm512_sub_epi64(lane, *low), steps), steps + FIELD);
}

/* So many steps on the low words f and g of each vector; the matrix times `sign`. y has that half
 * unit on top. e is kept less the steps done, so that it need not grow. */
INLINE void part(__m512i *e, const __m512i *f, const __m512i *g, int vectors, unsigned steps,
                 int64_t sign, matrix *m)
{
    const __m512i one = all(1), two = all(2), half = all(INT64_C(1) << (63 - steps));
    const __m512i y_start = all((INT64_C(1) << (63 - steps)) + sign * (1 << FIELD));
    __m512i bit = all(INT64_C(1) << (64 - steps)), below = all(-1), turn = all(-1);
    __m512i x[VECTORS], y[VECTORS];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        x[k] = _mm512_add_epi64(_mm512_slli_epi64(f[k], 64 - steps), all(sign));
        y[k] = _mm512_add_epi64(_mm512_slli_epi64(g[k], 64 - steps), y_start);
    }
    for (unsigned i = 0; i < steps; i++) {
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            __mmask8 odd = _mm512_test_epi64_mask(y[k], bit);
            __mmask8 swap = _mm512_mask_cmpgt_epi64_mask(odd, e[k], below);
            __m512i less = _mm512_mask_sub_epi64(y[k], odd, y[k], x[k]);
            x[k] = _mm512_mask_sub_epi64(x[k], swap, y[k], half);
            x[k] = _mm512_add_epi64(x[k], x[k]);
            y[k] = less;
            e[k] = _mm512_mask_sub_epi64(e[k], swap, turn, e[k]);
        }
        bit = _mm512_add_epi64(bit, bit);
        below = _mm512_sub_epi64(below, one);
        turn = _mm512_sub_epi64(turn, two);
    }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        take_apart(x[k], steps, &m[k].u, &m[k].v);
        take_apart(_mm512_sub_epi64(y[k], half), steps, &m[k].q, &m[k].r);
        e[k] = _mm512_add_epi64(e[k], all((int64_t)steps));
    }
}

/* The low words after so many steps; that many bits fewer of them count. */
INLINE void move_words(__m512i *f, __m512i *g, int vectors, unsigned steps, const matrix *m)
{
    const __m512i zero = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        __m512i new_f = low_product(low_product(zero, m[k].u, f[k]), m[k].v, g[k]);
        __m512i new_g = low_product(low_product(zero, m[k].q, f[k]), m[k].r, g[k]);
        f[k] = _mm512_srli_epi64(new_f, steps);
        g[k] = _mm512_srli_epi64(new_g, steps);
    }
}

INLINE __m512i sum_of_short(__m512i a, __m512i b, __m512i c, __m512i d)
{
    return _mm512_add_epi64(_mm512_mul_epi32(a, b), _mm512_mul_epi32(c, d));
}

INLINE __m512i sum_of_long(__m512i a, __m512i b, __m512i c, __m512i d)
{
    return _mm512_add_epi64(_mm512_mullo_epi64(a, b), _mm512_mullo_epi64(c, d));
}

/* The matrix of a round from the lowest limbs, which are lost. It is the negative one: its entries
 * are at least -2^52 and less than 2^52, and the sign of f and g together matters to nothing. */
INLINE void round_matrix(__m512i *e, __m512i *f, __m512i *g, int vectors, matrix *m)
{
    matrix second[VECTORS], third[VECTORS];
    part(e, f, g, vectors, FIRST, 1, m);
    move_words(f, g, vectors, FIRST, m);
    part(e, f, g, vectors, FIRST, 1, second);
    move_words(f, g, vectors, FIRST, second);
    part(e, f, g, vectors, BITS - 2 * FIRST, -1, third);
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        matrix a = m[k], b = second[k], c = third[k], ba;
        ba.u = sum_of_short(b.u, a.u, b.v, a.q);
        ba.v = sum_of_short(b.u, a.v, b.v, a.r);
        ba.q = sum_of_short(b.q, a.u, b.r, a.q);
        ba.r = sum_of_short(b.q, a.v, b.r, a.r);
        m[k].u = sum_of_long(c.u, ba.u, c.v, ba.q);
        m[k].v = sum_of_long(c.u, ba.v, c.v, ba.r);
        m[k].q = sum_of_long(c.q, ba.u, c.r, ba.q);
        m[k].r = sum_of_long(c.q, ba.v, c.r, ba.r);
    }
}

/* One row of a matrix: a factor is its lower 52 bits, less 2^52 where it is negative. */
typedef struct row {
    __m512i of_f, of_g;
    __mmask8 negative_f, negative_g;
} row;

INLINE row row_of(__m512i of_f, __m512i of_g)
{
    return (row){of_f, of_g, _mm512_movepi64_mask(of_f), _mm512_movepi64_mask(of_g)};
}

/* What of limb i - 1 of f and g goes into limb i of the sum of products. */
INLINE __m512i from_below(const row *x, __m512i f, __m512i g)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum = _mm512_maskz_sub_epi64(x->negative_f, zero, f);
    sum = _mm512_mask_sub_epi64(sum, x->negative_g, sum, g);
    return high_product(high_product(sum, x->of_f, f), x->of_g, g);
}

/* All ones where a limb is the top one of a negative number. */
INLINE __m512i sign_of(__m512i top)
{
    return _mm512_srai_epi64(_mm512_slli_epi64(top, 64 - BITS), 63);
}

/* The top limb, which also has what the signs of f and g are worth. */
INLINE __m512i top_limb(const row *x, __m512i f, __m512i g, __m512i carry)
{
    __m512i sum = _mm512_add_epi64(carry, from_below(x, f, g));
    sum = _mm512_sub_epi64(sum, _mm512_and_si512(sign_of(f), x->of_f));
    sum = _mm512_sub_epi64(sum, _mm512_and_si512(sign_of(g), x->of_g));
    return _mm512_and_si512(sum, all((int64_t)MASK));
}

/* f and g, `size` limbs each, times a matrix, without their lowest limb, which becomes 0. Returns
 * the lanes whose top limb is more than the sign of those below. */
INLINE __mmask8 multiply(__m512i *f, __m512i *g, size_t size, const matrix *m)
{
    const __m512i zero = _mm512_setzero_si512(), mask = all((int64_t)MASK);
    const row x = row_of(m->u, m->v), y = row_of(m->q, m->r);
    __m512i f_below = f[0], g_below = g[0], new_f = zero, new_g = zero;
    __m512i carry_f = low_product(low_product(zero, x.of_f, f_below), x.of_g, g_below);
    __m512i carry_g = low_product(low_product(zero, y.of_f, f_below), y.of_g, g_below);
    carry_f = _mm512_srai_epi64(carry_f, BITS);
    carry_g = _mm512_srai_epi64(carry_g, BITS);
    for (size_t i = 1; i < size; i++) {
        __m512i sum_f = from_below(&x, f_below, g_below), sum_g = from_below(&y, f_below, g_below);
        f_below = f[i];
        g_below = g[i];
        sum_f = low_product(low_product(sum_f, x.of_f, f_below), x.of_g, g_below);
        sum_g = low_product(low_product(sum_g, y.of_f, f_below), y.of_g, g_below);
        sum_f = _mm512_add_epi64(sum_f, carry_f);
        sum_g = _mm512_add_epi64(sum_g, carry_g);
        f[i - 1] = new_f = _mm512_and_si512(sum_f, mask);
        g[i - 1] = new_g = _mm512_and_si512(sum_g, mask);
        carry_f = _mm512_srai_epi64(sum_f, BITS);
        carry_g = _mm512_srai_epi64(sum_g, BITS);
    }
    __m512i top_f = top_limb(&x, f_below, g_below, carry_f);
    __m512i top_g = top_limb(&y, f_below, g_below, carry_g);
    f[size - 1] = top_f;
    g[size - 1] = top_g;
    new_f = _mm512_and_si512(sign_of(new_f), mask);
    new_g = _mm512_and_si512(sign_of(new_g), mask);
    return _mm512_cmpneq_epi64_mask(new_f, top_f) | _mm512_cmpneq_epi64_mask(new_g, top_g);
}

/* Whether all of them are 0: mostly the lowest limb says no. */
INLINE bool are_zero(const __m512i *g, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (_mm512_test_epi64_mask(g[i], g[i]))
            return false;
    return true;
}

/* One round of all vectors, `stride` apart. Returns whether a lane needs its top limb. */
INLINE bool one_round(__m512i *e, __m512i *f, __m512i *g, size_t stride, size_t size, int vectors)
{
    __mmask8 more = 0;
    __m512i low_f[VECTORS], low_g[VECTORS];
    matrix m[VECTORS];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        low_f[k] = f[(size_t)k * stride];
        low_g[k] = g[(size_t)k * stride];
    }
    round_matrix(e, low_f, low_g, vectors, m);
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++)
        more |= multiply(f + (size_t)k * stride, g + (size_t)k * stride, size, &m[k]);
    return more != 0;
}

/* Rounds until no lane has a g, or there are no more. Returns the limbs that f has then. */
INLINE size_t all_rounds(__m512i *f, __m512i *g, size_t stride, int vectors, size_t rounds)
{
    size_t size = stride;
    __m512i e[VECTORS];
    for (int k = 0; k < vectors; k++)
        e[k] = _mm512_setzero_si512();
    for (; rounds > 0; rounds--) {
        int done = 0;
        while (done < vectors && are_zero(g + (size_t)done * stride, size))
            done++;
        if (done == vectors)
            break;
        bool more = one_round(e, f, g, stride, size, vectors);
        size -= size > 1 && !more;
    }
    return size;
}

/* The loops are made for each number of vectors. */
static size_t rounds_of(int vectors, __m512i *f, __m512i *g, size_t size, size_t rounds)
{
    switch (vectors) {
    case 1:
        return all_rounds(f, g, size, 1, rounds);
    case 2:
        return all_rounds(f, g, size, 2, rounds);
    case 3:
        return all_rounds(f, g, size, 3, rounds);
    default:
        return all_rounds(f, g, size, VECTORS, rounds);
    }
}

/* ---- Into lanes and back --------------------------------------------------------------------- */

/* The numbers of a group in lanes. */
typedef struct group {
    uint64_t *f, *g;  /* limb i of lane k of vector v at [(v * size + i) * LANES + k] */
    mp_limb_t *plain; /* f and g of a vector's lanes, `stride` limbs each; or a gcd */
    size_t stride;
    size_t lanes, size;            /* limbs of 52 bits */
    unsigned twos[FANI_GCD_GROUP]; /* that a pair shares */
    size_t whole[FANI_GCD_GROUP];  /* and limbs of zeros before them */
    bool is_done[FANI_GCD_GROUP];
} group;

static size_t limbs_used(const mp_limb_t *limbs, size_t size)
{
    while (size > 0 && limbs[size - 1] == 0)
        size--;
    return size;
}

/* Limbs of `bits` bits and a sign. */
static size_t lane_limbs(size_t bits)
{
    return bits / BITS + 1;
}

/* Limbs of GMP's from which so many are cut. */
static size_t plain_limbs(size_t size)
{
    return size * BITS / GMP_NUMB_BITS + PADDING;
}

size_t fani_gcd_limbs_scratch(size_t limbs)
{
    size_t size = lane_limbs(limbs * GMP_NUMB_BITS);
    return 2 * (size * FANI_GCD_GROUP + plain_limbs(size) * LANES);
}

/* A number less its lowest zeros, with zeros above. */
static void make_plain(mp_limb_t *plain, size_t stride, const mp_limb_t *limbs, size_t used,
                       size_t whole, unsigned twos)
{
    size_t size = used > whole ? used - whole : 0;
    if (size && twos)
        mpn_rshift(plain, limbs + whole, (mp_size_t)size, twos);
    else if (size)
        memcpy(plain, limbs + whole, size * sizeof *limbs);
    for (size_t i = size; i < stride; i++)
        plain[i] = 0;
}

/* Eight numbers, cut into the limbs of their lanes. A limb begins at a byte, or half a byte on. */
static void cut(const mp_limb_t *plain, size_t stride, __m512i *limbs, size_t size)
{
    const __m512i mask = all((int64_t)MASK), each = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    __m512i at = _mm512_mullo_epi64(each, all((int64_t)(stride * sizeof *plain)));
    for (size_t i = 0; i < size; i++) {
        const unsigned char *from = (const unsigned char *)plain + i * BITS / 8;
        __m512i word = _mm512_i64gather_epi64(at, from, 1);
        word = i % 2 ? _mm512_srli_epi64(word, 4) : word;
        limbs[i] = _mm512_and_si512(word, mask);
    }
}

static uint64_t *lane_of(const group *at, uint64_t *words, size_t lane)
{
    return words + lane / LANES * at->size * LANES + lane % LANES;
}

static size_t trailing_zeros(const mp_limb_t *limbs, size_t used)
{
    return used ? mpn_scan1(limbs, 0) : SIZE_MAX;
}

/* The pair without its common power of two: one of both is odd and becomes f. */
static void plain_pair(group *at, const fani_gcd_pair *p, size_t lane)
{
    size_t a_used = limbs_used(p->a, p->a_size), b_used = limbs_used(p->b, p->b_size);
    size_t a_zeros = trailing_zeros(p->a, a_used), b_zeros = trailing_zeros(p->b, b_used);
    size_t shared = a_zeros < b_zeros ? a_zeros : b_zeros;
    mp_limb_t *f = at->plain + lane % LANES * at->stride, *g = f + LANES * at->stride;
    bool a_first = a_zeros <= b_zeros;
    at->is_done[lane] = shared == SIZE_MAX;
    shared = at->is_done[lane] ? 0 : shared;
    size_t whole = shared / GMP_NUMB_BITS;
    unsigned twos = shared % GMP_NUMB_BITS;
    at->whole[lane] = whole;
    at->twos[lane] = twos;
    make_plain(a_first ? f : g, at->stride, p->a, a_used, whole, twos);
    make_plain(a_first ? g : f, at->stride, p->b, b_used, whole, twos);
}

/* All pairs, and in the lanes that are left pairs of zeros. */
static void put_pairs(group *at, const fani_gcd_pair *pairs, size_t count)
{
    static const mp_limb_t zero;
    const fani_gcd_pair nobody = {.a = &zero, .b = &zero};
    for (size_t first = 0; first < at->lanes; first += LANES) {
        for (size_t i = first; i < first + LANES; i++)
            plain_pair(at, i < count ? &pairs[i] : &nobody, i);
        cut(at->plain, at->stride, (__m512i *)(void *)lane_of(at, at->f, first), at->size);
        cut(at->plain + LANES * at->stride, at->stride,
            (__m512i *)(void *)lane_of(at, at->g, first), at->size);
    }
}

/* |f| of a lane as limbs of GMP's size, into at->plain. */
static size_t get(const group *at, size_t lane, size_t size)
{
    const uint64_t *f = lane_of(at, at->f, lane);
    uint64_t flip = f[(size - 1) * LANES] >> (BITS - 1) ? MASK : 0, carry = flip & 1, low = 0;
    size_t out = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t limb = (f[i * LANES] ^ flip) + carry;
        carry = limb >> BITS;
        limb &= MASK;
        low |= limb << bits;
        bits += BITS;
        if (bits >= GMP_NUMB_BITS) {
            at->plain[out++] = low;
            bits -= GMP_NUMB_BITS;
            low = limb >> (BITS - bits);
        }
    }
    at->plain[out++] = low;
    return limbs_used(at->plain, out);
}

static void get_pair(const group *at, fani_gcd_pair *p, size_t lane, size_t size)
{
    size_t used = get(at, lane, size), whole = at->whole[lane];
    mp_limb_t *out = p->out, over = 0;
    if (at->is_done[lane])
        used = whole = 0;
    for (size_t i = 0; i < whole; i++)
        out[i] = 0;
    if (used && at->twos[lane])
        over = mpn_lshift(out + whole, at->plain, (mp_size_t)used, at->twos[lane]);
    else
        memcpy(out + whole, at->plain, used * sizeof *out);
    if (over)
        out[whole + used] = over;
    p->out_size = whole + used + (over != 0);
}

static size_t bits_of(const mp_limb_t *limbs, size_t size)
{
    size_t used = limbs_used(limbs, size);
    return used ? mpn_sizeinbase(limbs, (mp_size_t)used, 2) : 0;
}

static size_t most_bits(const fani_gcd_pair *pairs, size_t count)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        size_t a = bits_of(pairs[i].a, pairs[i].a_size), b = bits_of(pairs[i].b, pairs[i].b_size);
        most = a > most ? a : most;
        most = b > most ? b : most;
    }
    return most;
}

static bool has_g(const group *at, size_t lane, size_t size)
{
    uint64_t any = 0;
    const uint64_t *g = lane_of(at, at->g, lane);
    for (size_t i = 0; i < size; i++)
        any |= g[i * LANES];
    return any != 0;
}

void fani_gcd_limbs_avx512(fani_gcd_pair *pairs, size_t count, size_t rounds, uint64_t *scratch)
{
    size_t bits = most_bits(pairs, count);
    group at = {.lanes = (count + LANES - 1) / LANES * LANES, .size = lane_limbs(bits)};
    at.f = scratch;
    at.g = at.f + at.size * at.lanes;
    at.plain = at.g + at.size * at.lanes;
    at.stride = plain_limbs(at.size);
    put_pairs(&at, pairs, count);
    rounds = rounds ? rounds : 3 * bits / BITS + 4;
    size_t size = rounds_of((int)(at.lanes / LANES), (__m512i *)(void *)at.f,
                            (__m512i *)(void *)at.g, at.size, rounds);
    for (size_t i = 0; i < count; i++) {
        if (has_g(&at, i, size))
            fani_gcd_limbs_scalar(&pairs[i], 1);
        else
            get_pair(&at, &pairs[i], i, size);
    }
}
