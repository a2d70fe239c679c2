/* Integers of several words, many at once. */
#include "limbs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "fanfold/gcd.h"
#include "lanes.h"

enum {
    LONGEST = 640, /* limbs; GMP's methods for longer numbers are faster than lanes */
    WORTH = 3,     /* pairs from which on a vector of 8 is faster than one after the other */
};

/* What a call works with. */
typedef struct workshop {
    uint64_t *scratch; /* NULL: without lanes */
    size_t longest;    /* limbs that fit there */
} workshop;

static fan_status workshop_open(workshop *w, size_t limbs)
{
    enum { ALIGNMENT = 64 };
    *w = (workshop){.longest = limbs < LONGEST ? limbs : LONGEST};
    if (fani_isa_wanted() < FANI_ISA_AVX512)
        return FAN_OK;
    size_t bytes = fani_gcd_limbs_scratch(w->longest) * sizeof *w->scratch;
    w->scratch = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return w->scratch ? FAN_OK : FAN_E_MEMORY;
}

void fani_gcd_limbs_scalar(fani_gcd_pair *pairs, size_t count)
{
    mpz_t a, b, gcd;
    mpz_init(gcd);
    for (size_t i = 0; i < count; i++) {
        fani_gcd_pair *p = &pairs[i];
        mpz_gcd(gcd, mpz_roinit_n(a, p->a, (mp_size_t)p->a_size),
                mpz_roinit_n(b, p->b, (mp_size_t)p->b_size));
        p->out_size = mpz_size(gcd);
        memcpy(p->out, mpz_limbs_read(gcd), p->out_size * sizeof *p->out);
    }
    mpz_clear(gcd);
}

#ifndef __x86_64__
size_t fani_gcd_limbs_scratch(size_t limbs)
{
    return limbs;
}

void fani_gcd_limbs_avx512(fani_gcd_pair *pairs, size_t count, size_t rounds, uint64_t *scratch)
{
    (void)rounds;
    (void)scratch;
    fani_gcd_limbs_scalar(pairs, count);
}
#endif

/* At most a group, of up to `limbs` limbs. */
static void gcd_group(const workshop *w, fani_gcd_pair *pairs, size_t count, size_t limbs)
{
    if (!w->scratch || limbs > w->longest || count < WORTH) {
        fani_gcd_limbs_scalar(pairs, count);
        return;
    }
    fani_gcd_limbs_avx512(pairs, count, 0, w->scratch);
}

static void gcd_limbs(const workshop *w, const mp_limb_t *a, const mp_limb_t *b, mp_limb_t *out,
                      size_t limbs, size_t count)
{
    fani_gcd_pair pairs[FANI_GCD_GROUP];
    for (size_t i = 0; i < count; i++)
        pairs[i] = (fani_gcd_pair){.a = a + i * limbs,
                                   .b = b + i * limbs,
                                   .a_size = limbs,
                                   .b_size = limbs,
                                   .out = out + i * limbs};
    gcd_group(w, pairs, count, limbs);
    for (size_t i = 0; i < count; i++)
        memset(pairs[i].out + pairs[i].out_size, 0, (limbs - pairs[i].out_size) * sizeof *out);
}

fan_status fan_gcd_limbs_array(const mp_limb_t *a, const mp_limb_t *b, mp_limb_t *out, size_t limbs,
                               size_t n)
{
    if (limbs <= 1) {
        if (limbs == 1)
            fan_gcd_u64_array(a, b, out, n);
        return FAN_OK;
    }
    workshop w;
    fan_status status = workshop_open(&w, limbs);
    for (size_t i = 0; status == FAN_OK && i < n; i += FANI_GCD_GROUP) {
        size_t count = n - i < FANI_GCD_GROUP ? n - i : FANI_GCD_GROUP, at = i * limbs;
        gcd_limbs(&w, a + at, b + at, out + at, limbs, count);
    }
    free(w.scratch);
    return status;
}

/* ---- GMP's integers -------------------------------------------------------------------------- */

typedef struct place {
    size_t limbs; /* of the longer one */
    size_t index;
} place;

static int by_limbs(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->limbs != y->limbs)
        return x->limbs < y->limbs ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Where out is a or b, making room moves its limbs: the pair is filled afterwards. */
static void mpz_pair(mpz_srcptr a, mpz_srcptr b, mpz_ptr out, size_t limbs, fani_gcd_pair *pair)
{
    pair->out = mpz_limbs_modify(out, (mp_size_t)(limbs ? limbs : 1));
    pair->a = mpz_limbs_read(a);
    pair->b = mpz_limbs_read(b);
    pair->a_size = mpz_size(a);
    pair->b_size = mpz_size(b);
}

/* Those of one limb. */
static void gcd_words(fani_gcd_pair *pairs, size_t count)
{
    uint64_t a[FANI_GCD_GROUP], b[FANI_GCD_GROUP];
    for (size_t i = 0; i < count; i++) {
        a[i] = pairs[i].a_size ? pairs[i].a[0] : 0;
        b[i] = pairs[i].b_size ? pairs[i].b[0] : 0;
    }
    fan_gcd_u64_array(a, b, a, count);
    for (size_t i = 0; i < count; i++) {
        pairs[i].out[0] = a[i];
        pairs[i].out_size = a[i] != 0;
    }
}

/* One after the other, each where it is. */
static void gcd_singly(const place *places, size_t count, mpz_srcptr a, mpz_srcptr b, mpz_ptr out)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = places[i].index;
        mpz_gcd(&out[at], &a[at], &b[at]);
    }
}

static void gcd_places(const workshop *w, const place *places, size_t count, mpz_srcptr a,
                       mpz_srcptr b, mpz_ptr out)
{
    fani_gcd_pair pairs[FANI_GCD_GROUP];
    size_t limbs = places[count - 1].limbs;
    if (limbs > 1 && (!w->scratch || limbs > w->longest)) {
        gcd_singly(places, count, a, b, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = places[i].index;
        mpz_pair(&a[at], &b[at], &out[at], places[i].limbs, &pairs[i]);
    }
    if (limbs <= 1)
        gcd_words(pairs, count);
    else
        gcd_group(w, pairs, count, limbs);
    for (size_t i = 0; i < count; i++)
        mpz_limbs_finish(&out[places[i].index], (mp_size_t)pairs[i].out_size);
}

/* Those of one length together: a group takes as long as its longest. */
static void fill_places(place *places, mpz_srcptr a, mpz_srcptr b, size_t n)
{
    bool is_sorted = true;
    for (size_t i = 0; i < n; i++) {
        size_t a_size = mpz_size(&a[i]), b_size = mpz_size(&b[i]);
        places[i] = (place){a_size > b_size ? a_size : b_size, i};
        is_sorted = is_sorted && (i == 0 || places[i - 1].limbs <= places[i].limbs);
    }
    if (!is_sorted)
        qsort(places, n, sizeof *places, by_limbs);
}

fan_status fan_gcd_mpz_array(mpz_srcptr a, mpz_srcptr b, mpz_ptr out, size_t n)
{
    workshop w;
    if (n == 0)
        return FAN_OK;
    place *places = calloc(n, sizeof *places);
    if (!places)
        return FAN_E_MEMORY;
    fill_places(places, a, b, n);
    fan_status status = workshop_open(&w, places[n - 1].limbs);
    for (size_t i = 0; status == FAN_OK && i < n; i += FANI_GCD_GROUP)
        gcd_places(&w, places + i, n - i < FANI_GCD_GROUP ? n - i : FANI_GCD_GROUP, a, b, out);
    free(w.scratch);
    free(places);
    return status;
}
