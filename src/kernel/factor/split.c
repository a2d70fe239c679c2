#include "split.h"

#include "gmp_ecm.h"
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

enum { ROUND_LINES = sizeof rounds_until / sizeof rounds_until[0] };

/* The rounds that find most prime factors of so many digits, for what the sieve does not take. */
enum { DIGITS_FEW = FANI_DIGITS_CURVES, ROUNDS_FEW = 17, DIGITS_MANY = 20, ROUNDS_MANY = 40 };

static unsigned rounds_alone(unsigned digits)
{
    if (digits >= DIGITS_MANY)
        return ROUNDS_MANY;
    return ROUNDS_FEW +
           (ROUNDS_MANY - ROUNDS_FEW) * (digits - DIGITS_FEW) / (DIGITS_MANY - DIGITS_FEW);
}

static unsigned rounds_before_sieve(size_t bits, fani_isa isa)
{
    bool lanes = isa >= FANI_ISA_AVX512;
    unsigned i = 1;
    while (i + 1 < ROUND_LINES && rounds_until[i].bits < bits)
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
    while (effort->at.round < last_round && status == FAN_OK && mpz_cmp_ui(divisor, 1) == 0) {
        unsigned line = line_of(effort->at.round);
        if (fani_is_cancelled(effort)) {
            status = FAN_E_CANCELLED;
        } else if (plan.b1 != schedule[line].b1) {
            fani_wide_plan_clear(&plan);
            if (!fani_wide_plan_make(schedule[line].b1, schedule[line].b2, &plan))
                status = FAN_E_MEMORY;
        }
        if (status == FAN_OK) {
            ecm->curve = (uint64_t)effort->at.round++ * FANI_WIDE_ROUND;
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
    if (effort->at.round >= last_round || !fani_wide_ecm_begin(&ecm, n, effort->isa))
        return FAN_OK;
    fan_status status = run_rounds(&ecm, effort, last_round, any, divisor);
    fani_wide_ecm_end(&ecm);
    return status;
}

/* Whether the sieve is to split n: it finds all, so it is for who wants factors of half its digits.
 */
static bool is_sieved(mpz_srcptr n, const fani_effort *effort)
{
    if (mpz_sizeinbase(n, 2) > FAN_FACTOR_FULL_BITS)
        return false;
    return effort->usual || !fani_has_more_digits(n, 2 * (size_t)effort->digits);
}

/* What finds factors of effort->digits digits. */
static fan_status split_some(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    fan_status status;
    if (mpz_sizeinbase(n, 2) <= FANI_WIDE_BITS) {
        effort->method = FAN_METHOD_ECM;
        status = fani_split_by_curves(n, effort, rounds_alone(effort->digits), false, divisor);
        if (status != FAN_OK || mpz_cmp_ui(divisor, 1) != 0)
            return status;
    } else {
        effort->method = FAN_METHOD_RHO;
        status = fani_rho_mpz(n, effort, divisor);
        if (status != FAN_E_EFFORT)
            return status;
    }
    return fani_gmp_ecm_split(n, effort, divisor);
}

/* Beyond the table of rounds factors of a quarter of its digits are looked for: that takes an
 * eighth of the sieve's time. */
enum { SHARE_BEFORE_SIEVE = 4 };

/* What is worth while before the sieve. FAN_E_EFFORT: it has found nothing. */
static fan_status search_before_sieve(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    size_t bits = mpz_sizeinbase(n, 2);
    unsigned digits = effort->digits;
    fan_status status;
    if (bits > rounds_until[ROUND_LINES - 1].bits) {
        effort->digits = (unsigned)mpz_sizeinbase(n, 10) / SHARE_BEFORE_SIEVE;
        status = split_some(n, effort, divisor);
        effort->digits = digits;
        return status;
    }
    effort->method = FAN_METHOD_ECM;
    /* All primes will be found, whichever comes first; a whole round's least is the same for any
     * number of lanes. */
    status = fani_split_by_curves(n, effort, rounds_before_sieve(bits, effort->planned),
                                  !effort->pinned, divisor);
    return status == FAN_OK && mpz_cmp_ui(divisor, 1) == 0 ? FAN_E_EFFORT : status;
}

/* Curves, few enough, then the sieve. */
static fan_status split_all(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    fan_status status = search_before_sieve(n, effort, divisor);
    if (status != FAN_E_EFFORT)
        return status;
    bool large = mpz_sizeinbase(n, 2) > FANI_SIEVE_BITS;
    effort->method = FAN_METHOD_SIQS;
    status = large ? effort->sieve(n, effort, effort->isa, divisor)
                   : fani_sieve_split(n, effort, effort->isa, divisor);
    if (status != FAN_E_EFFORT || large)
        return status;
    effort->method = FAN_METHOD_RHO;
    fani_effort endless = *effort; /* a tiny number without polynomials: rho ends */
    endless.steps = UINT64_MAX;
    return fani_rho_mpz(n, &endless, divisor);
}

fan_status fani_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    if (is_sieved(n, effort))
        return split_all(n, effort, divisor);
    if (effort->digits < FANI_DIGITS_CURVES) {
        effort->method = FAN_METHOD_RHO;
        return fani_rho_mpz(n, effort, divisor);
    }
    return split_some(n, effort, divisor);
}
