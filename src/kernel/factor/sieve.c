#include "sieve.h"

#include "sieve_internal.h"

#include <math.h>
#include <stdlib.h>

enum {
    EXCESS = 10,     /* rows more than columns */
    SCAN_ROOM = 512, /* positions looked at in one go */
    POLLED = 16,     /* polynomials between two looks at the cancel hook */
};

/* Values are at most sqrt(k n / 8) times half the interval; what may be left of one to be looked at
 * is `slack` bits. Bit 7 is set where the logarithms make up for the others. */
static void set_start(fani_sieve *s)
{
    double bits = ((double)mpz_sizeinbase(s->kn, 2) - 3) / 2 + log2(s->params.interval / 2.0);
    double needed = bits - s->params.slack;
    s->start = (uint8_t)(128 - (needed < 1 ? 1 : needed > 127 ? 127 : needed));
}

static bool make(fani_sieve *s)
{
    fani_sieve_choose_multiplier(s);
    s->params = fani_sieve_params_for((unsigned)mpz_sizeinbase(s->n, 2));
    if (!fani_sieve_base_make(s))
        return false;
    s->large_max = s->params.large * s->base.prime[s->base.count - 1];
    set_start(s);
    s->interval = aligned_alloc(64, (fani_sieve_interval_room(s) + 63) / 64 * 64);
    return s->interval != NULL;
}

static fan_status sieve_poly(fani_sieve *s)
{
    uint32_t found[SCAN_ROOM], from = 0;
    fan_status status = FAN_OK;
    s->loops->fill(&s->base, s->interval, s->params.interval, s->start);
    while (from < s->params.interval && status == FAN_OK) {
        uint32_t count = s->loops->scan(s->interval, s->params.interval, &from, found, SCAN_ROOM);
        for (uint32_t i = 0; i < count && status == FAN_OK; i++)
            status = fani_sieve_try(s, found[i]);
    }
    return status;
}

/* Polynomials until there are `wanted` rows. */
static fan_status collect(fani_sieve *s, const fani_effort *effort, size_t wanted)
{
    fan_status status = FAN_OK;
    for (unsigned made = 0; s->relations.row_count < wanted && status == FAN_OK; made++) {
        if (made % POLLED == 0 && fani_is_cancelled(effort))
            return FAN_E_CANCELLED;
        status = fani_sieve_next_poly(s);
        if (status == FAN_OK)
            status = sieve_poly(s);
    }
    return status;
}

static const fani_sieve_loops *loops_of(fani_isa isa)
{
#ifdef __x86_64__
    if (isa >= FANI_ISA_AVX512)
        return &fani_sieve_loops_avx512;
    if (isa >= FANI_ISA_AVX2)
        return &fani_sieve_loops_avx2;
#endif
    (void)isa;
    return &fani_sieve_loops_scalar;
}

fan_status fani_sieve_split(mpz_srcptr n, const fani_effort *effort, fani_isa isa, mpz_ptr divisor)
{
    fani_sieve s = {.n = n, .loops = loops_of(isa)};
    mpz_init(s.kn);
    mpz_set_ui(divisor, 1);
    fan_status status = make(&s) ? FAN_OK : FAN_E_MEMORY;
    size_t wanted = s.base.count + FANI_SIEVE_COLUMNS + EXCESS;
    /* Each dependency splits n with a chance of half or more. */
    while (status == FAN_OK && mpz_cmp_ui(divisor, 1) == 0) {
        status = collect(&s, effort, wanted);
        if (status == FAN_OK)
            status = fani_sieve_finish(&s, effort, divisor);
        wanted = s.relations.row_count + EXCESS;
    }
    fani_sieve_base_clear(&s.base);
    fani_sieve_relations_clear(&s.relations);
    free(s.poly.used);
    free(s.interval);
    mpz_clear(s.kn);
    return status;
}
