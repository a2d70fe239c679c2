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

/* Beyond the table of rounds factors of a quarter of its digits are looked for: that takes an
 * eighth of the sieve's time. */
enum { SHARE_BEFORE_SIEVE = 4 };

/* What is looked for before the sieve, or in its place. */
typedef struct search {
    unsigned last_round; /* of the engines' curves; 0: n is too long for them, rho comes first */
    unsigned digits;     /* of the factors that GMP-ECM's library looks for; 0: it is not asked */
    bool any;            /* the divisor of a round may depend on the instructions */
} search;

static search search_for(mpz_srcptr n, const fani_effort *effort)
{
    size_t bits = mpz_sizeinbase(n, 2);
    bool sieved = is_sieved(n, effort);
    /* All primes will be found, whichever comes first; a whole round's least is the same for any
     * number of lanes. */
    if (sieved && bits <= rounds_until[ROUND_LINES - 1].bits)
        return (search){.last_round = rounds_before_sieve(bits, effort->planned),
                        .any = !effort->pinned};
    unsigned digits =
        sieved ? (unsigned)mpz_sizeinbase(n, 10) / SHARE_BEFORE_SIEVE : effort->digits;
    return (search){.last_round = bits <= FANI_WIDE_BITS ? rounds_alone(digits) : 0,
                    .digits = digits};
}

/* Goes on to `to`; NULL: to the end. FAN_E_EFFORT: that has found nothing; *divisor = 1: nothing up
 * to `to`. */
static fan_status run_search(mpz_srcptr n, fani_effort *effort, const search *s,
                             const fani_progress *to, mpz_ptr divisor)
{
    unsigned last = to && to->round < s->last_round ? to->round : s->last_round;
    effort->method = FAN_METHOD_ECM;
    fan_status status = fani_split_by_curves(n, effort, last, s->any, divisor);
    if (status != FAN_OK || mpz_cmp_ui(divisor, 1) != 0 || last < s->last_round)
        return status;
    if (!s->last_round && !effort->at.has_rho) {
        effort->method = FAN_METHOD_RHO;
        status = fani_rho_mpz(n, effort, divisor);
        effort->at.has_rho = status == FAN_E_EFFORT;
        if (status != FAN_E_EFFORT)
            return status;
    }
    if (!s->digits)
        return FAN_E_EFFORT;
    unsigned digits = effort->digits;
    effort->digits = s->digits;
    status = fani_gmp_ecm_stretch(n, effort, to, divisor);
    effort->digits = digits;
    return status;
}

/* A round costs so many units of fani_effort.work for each of its B1: with vectors four rounds of
 * the schedule's end take as long as a curve of the library for factors of 25 digits. */
enum { ROUND_WORK = 312 };

bool fani_split_cut(mpz_srcptr n, const fani_effort *effort, uint64_t cost, fani_progress *at,
                    uint64_t *work)
{
    search s = search_for(n, effort);
    uint64_t spent = 0;
    while (at->round < s.last_round && spent < cost)
        spent += (uint64_t)schedule[line_of(at->round++)].b1 * ROUND_WORK;
    return spent > 0 || (s.digits && fani_gmp_ecm_cut(n, s.digits, cost, at, work));
}

fan_status fani_split_stretch(mpz_srcptr n, fani_effort *effort, const fani_progress *to,
                              mpz_ptr divisor)
{
    search s = search_for(n, effort);
    return run_search(n, effort, &s, to, divisor);
}

unsigned fani_split_digits(mpz_srcptr n, const fani_effort *effort)
{
    search s = search_for(n, effort);
    return s.digits ? s.digits : FANI_DIGITS_CURVES;
}

bool fani_split_ends_in_sieve(mpz_srcptr n, const fani_effort *effort)
{
    return is_sieved(n, effort);
}

/* The rounds of a number that is left to the caller which are run before: they find what random
 * numbers have of small primes. */
enum { ROUNDS_BEFORE_LEFT = ROUNDS_FEW };

static bool is_left(mpz_srcptr n, const fani_effort *effort)
{
    return effort->leave_bits && mpz_sizeinbase(n, 2) >= effort->leave_bits &&
           (effort->digits >= FANI_DIGITS_CURVES || is_sieved(n, effort));
}

/* The beginning of the search; then FAN_E_EFFORT. */
static fan_status leave(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    fani_progress to = effort->at;
    to.round = to.round < ROUNDS_BEFORE_LEFT ? ROUNDS_BEFORE_LEFT : to.round;
    fan_status status = fani_split_stretch(n, effort, &to, divisor);
    if (status == FAN_OK && mpz_cmp_ui(divisor, 1) == 0)
        status = FAN_E_EFFORT;
    effort->left = status == FAN_E_EFFORT;
    return status;
}

/* The sieve of a number in which nothing else was found. */
static fan_status sieve(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    bool large = mpz_sizeinbase(n, 2) > FANI_SIEVE_BITS;
    effort->method = FAN_METHOD_SIQS;
    fan_status status = large ? effort->sieve(n, effort, effort->isa, divisor)
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
    bool sieved = is_sieved(n, effort);
    effort->left = false;
    if (is_left(n, effort))
        return leave(n, effort, divisor);
    if (!sieved && effort->digits < FANI_DIGITS_CURVES) {
        effort->method = FAN_METHOD_RHO;
        return fani_rho_mpz(n, effort, divisor);
    }
    fan_status status = fani_split_stretch(n, effort, NULL, divisor);
    if (status == FAN_E_EFFORT && sieved)
        status = sieve(n, effort, divisor);
    return status;
}
