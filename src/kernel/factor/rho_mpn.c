/* Rho's arithmetic for n of any size: GMP's multiplication, and a Montgomery reduction word by word
 * from its public mpn functions. */
#include "montgomery.h"
#include "rho.h"

#include <assert.h>
#include <stdlib.h>

static_assert(GMP_NUMB_BITS == 64, "the words of GMP are taken as uint64_t");

typedef struct words {
    mp_size_t size;
    mp_limb_t minus_inverse;
    mp_limb_t c;
    const mp_limb_t *n;
    mp_limb_t *y;
    mp_limb_t *marked;
    mp_limb_t *saved;
    mp_limb_t *product;
    mp_limb_t *distance;
    mp_limb_t *wide; /* 2 * size words */
    mp_limb_t room[];
} words;

/* out = the residue of carry:x that is below n, for carry:x < 2n. */
static void lower(const words *w, mp_limb_t *x, mp_limb_t carry)
{
    if (carry != 0 || mpn_cmp(x, w->n, w->size) >= 0)
        mpn_sub_n(x, x, w->n, w->size);
}

/* out = w->wide / 2^(64 size) mod n. The word that a round clears takes the round's carry. */
static void reduce(const words *w, mp_limb_t *out)
{
    for (mp_size_t i = 0; i < w->size; i++) {
        mp_limb_t q = w->wide[i] * w->minus_inverse;
        w->wide[i] = mpn_addmul_1(w->wide + i, w->n, w->size, q);
    }
    lower(w, out, mpn_add_n(out, w->wide + w->size, w->wide, w->size));
}

static void step(const words *w, mp_limb_t *y)
{
    mpn_sqr(w->wide, y, w->size);
    reduce(w, y);
    lower(w, y, mpn_add_1(y, y, w->size, w->c));
}

static void set_distance(const words *w, const mp_limb_t *y)
{
    if (mpn_cmp(w->marked, y, w->size) >= 0)
        mpn_sub_n(w->distance, w->marked, y, w->size);
    else
        mpn_sub_n(w->distance, y, w->marked, w->size);
}

static void export_value(const words *w, const mp_limb_t *x, mpz_ptr out)
{
    mpz_import(out, (size_t)w->size, -1, sizeof *x, 0, 0, x);
}

static void *create(mpz_srcptr n)
{
    size_t size = mpz_size(n);
    words *w = calloc(1, sizeof *w + 8 * size * sizeof w->room[0]);
    if (!w)
        return NULL;
    w->size = (mp_size_t)size;
    mpn_copyi(w->room, mpz_limbs_read(n), w->size);
    w->n = w->room;
    w->minus_inverse = 0 - fani_inverse_u64(w->room[0]);
    w->y = w->room + size;
    w->marked = w->room + 2 * size;
    w->saved = w->room + 3 * size;
    w->product = w->room + 4 * size;
    w->distance = w->room + 5 * size;
    w->wide = w->room + 6 * size;
    return w;
}

static void start(void *state, uint64_t start_value, uint64_t c)
{
    words *w = state;
    w->c = c;
    mpn_zero(w->y, w->size);
    w->y[0] = start_value;
    mpn_zero(w->product, w->size);
    w->product[0] = 1;
}

static void mark(void *state)
{
    words *w = state;
    mpn_copyi(w->marked, w->y, w->size);
}

static void advance(void *state, uint64_t steps)
{
    words *w = state;
    for (uint64_t i = 0; i < steps; i++)
        step(w, w->y);
}

static void collect(void *state, uint64_t steps)
{
    words *w = state;
    mpn_copyi(w->saved, w->y, w->size);
    for (uint64_t i = 0; i < steps; i++) {
        step(w, w->y);
        set_distance(w, w->y);
        mpn_mul_n(w->wide, w->product, w->distance, w->size);
        reduce(w, w->product);
    }
}

static void product_out(void *state, mpz_ptr out)
{
    const words *w = state;
    export_value(w, w->product, out);
}

static void retrace(void *state, mpz_ptr out)
{
    words *w = state;
    step(w, w->saved);
    set_distance(w, w->saved);
    export_value(w, w->distance, out);
}

const fani_rho_ops fani_rho_mpn = {
    .chunk = 128,
    .create = create,
    .destroy = free,
    .start = start,
    .mark = mark,
    .advance = advance,
    .collect = collect,
    .product = product_out,
    .retrace = retrace,
};
