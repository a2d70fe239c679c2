#include "split.h"

#include "sieve.h"
#include "wide_ecm.h"

/* What the rounds of FANI_WIDE_ROUND curves do, in turn. The last line stays. */
static const struct {
    uint32_t b1, b2;
    unsigned rounds;
} schedule[] = {
    {60, 2000, 1},     {200, 8000, 1},     {350, 14000, 2},
    {700, 30000, 3},   {1300, 60000, 4},   {2500, 120000, 6},
    {5000, 250000, 8}, {8000, 450000, 12}, {12000, 800000, 1000},
};

/* The rounds before the sieve begins, by bits. Up to 100 bits, where a number has two limbs, the
 * curves of AVX-512 are the faster way even to the larger half; without it they cost ten times as
 * much. Beyond, rounds are worth while for what random numbers have of smaller primes: found by
 * trying on such, where the optimum is flat. Between two lines all is interpolated. */
static const struct {
    unsigned bits;
    unsigned with_lanes, without;
} rounds_until[] = {
    {64, 40, 2},  {72, 40, 1},  {100, 40, 1},  {102, 4, 1},   {112, 5, 2},   {128, 8, 4},
    {144, 10, 6}, {160, 13, 8}, {180, 20, 10}, {200, 30, 12}, {208, 36, 15},
};

/* Rounds for numbers that are too long for the sieve. */
enum { ROUNDS_ALONE = 40 };

static unsigned rounds_for(size_t bits, fani_isa isa)
{
    enum { LINES = sizeof rounds_until / sizeof rounds_until[0] };
    bool lanes = isa >= FANI_ISA_AVX512;
    if (bits > FANI_SIEVE_BITS)
        return ROUNDS_ALONE;
    unsigned i = 1;
    while (i + 1 < LINES && rounds_until[i].bits < bits)
        i++;
    int low = (int)(lanes ? rounds_until[i - 1].with_lanes : rounds_until[i - 1].without);
    int high = (int)(lanes ? rounds_until[i].with_lanes : rounds_until[i].without);
    int length = (int)(rounds_until[i].bits - rounds_until[i - 1].bits);
    return (unsigned)(low + (high - low) * ((int)bits - (int)rounds_until[i - 1].bits) / length);
}

/* The line of the schedule that a round belongs to. */
static unsigned line_of(unsigned round)
{
    enum { LINES = sizeof schedule / sizeof schedule[0] };
    unsigned line = 0;
    for (; line + 1 < LINES && round >= schedule[line].rounds; line++)
        round -= schedule[line].rounds;
    return line;
}

static fan_status run_rounds(fani_wide_ecm *ecm, fani_effort *effort, unsigned last_round, bool any,
                             mpz_ptr divisor)
{
    fani_wide_plan plan = {0};
    fan_status status = FAN_OK;
    while (effort->round < last_round && status == FAN_OK && mpz_cmp_ui(divisor, 1) == 0) {
        unsigned line = line_of(effort->round);
        if (effort->cancelled && effort->cancelled(effort->context)) {
            status = FAN_E_CANCELLED;
        } else if (plan.b1 != schedule[line].b1) {
            fani_wide_plan_clear(&plan);
            if (!fani_wide_plan_make(schedule[line].b1, schedule[line].b2, &plan))
                status = FAN_E_MEMORY;
        }
        if (status == FAN_OK) {
            ecm->curve = (uint64_t)effort->round++ * FANI_WIDE_ROUND;
            status = fani_wide_ecm_round(ecm, &plan, any, divisor);
        }
    }
    fani_wide_plan_clear(&plan);
    return status;
}

fan_status fani_split_by_curves(mpz_srcptr n, fani_effort *effort, unsigned last_round, bool any,
                                mpz_ptr divisor)
{
    fani_wide_ecm ecm;
    mpz_set_ui(divisor, 1);
    if (effort->round >= last_round || !fani_wide_ecm_begin(&ecm, n, effort->isa))
        return FAN_OK;
    fan_status status = run_rounds(&ecm, effort, last_round, any, divisor);
    fani_wide_ecm_end(&ecm);
    return status;
}

fan_status fani_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    size_t bits = mpz_sizeinbase(n, 2);
    effort->method = FAN_METHOD_RHO;
    if (effort->rho_alone)
        return fani_rho_mpz(n, effort, divisor);
    bool sieved = bits <= FANI_SIEVE_BITS; /* then all primes will be found, and order is nothing */
    fan_status status =
        fani_split_by_curves(n, effort, rounds_for(bits, effort->isa), sieved, divisor);
    if (status != FAN_OK || mpz_cmp_ui(divisor, 1) != 0) {
        effort->method = FAN_METHOD_ECM;
        return status;
    }
    if (sieved) {
        status = fani_sieve_split(n, effort, effort->isa, divisor);
        if (status != FAN_E_EFFORT) {
            effort->method = FAN_METHOD_SIQS;
            return status;
        }
    }
    return fani_rho_mpz(n, effort, divisor);
}
