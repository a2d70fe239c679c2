#include "gmp_ecm.h"

#include "base/philox.h"
#include "p_minus_1.h"

#include <ecm.h>
#include <math.h>

/* For factors of so many digits: the bounds of a curve, the degree of stage 2's polynomial
 * (negative: Dickson's), and how many curves find most such factors. All is given, nothing left to
 * the library's choice, which depends on how it was built. */
static const struct {
    unsigned digits;
    uint32_t curves, b1;
    int degree;
    double b2;
} levels[] = {
    {15, 25, 2000, 1, 150e3},        {20, 74, 11000, 1, 1.9e6},
    {25, 214, 50000, 2, 13e6},       {30, 430, 250000, -3, 129e6},
    {35, 904, 1000000, -6, 1e9},     {40, 2350, 3000000, -6, 5.7e9},
    {45, 4480, 11000000, -12, 35e9}, {FAN_FACTOR_DIGITS_MAX, 7553, 43000000, -12, 240e9},
};

enum {
    LEVELS = sizeof levels / sizeof levels[0],
    APART = 5,             /* digits from one level to the next */
    DONE_BY_WIDE_ECM = 20, /* digits of what the rounds of split.c have looked for already */
    /* A number of WORDS words has this weight. */
    WORDS = 6,
    WEIGHT = 100,
    /* p-1 goes so much farther than a curve of its level, and costs about as much. */
    P_MINUS_1_B1 = 10,
    P_MINUS_1_B2 = 500,
    HALVINGS = 24, /* of the range of a bound between too little and too much */
};

/* The root of the range of p-1's stage 2, which is not interrupted, by the number's weight. */
static const double STAGE_2_ROOT = 5e6;

/* What a multiplication costs grows with the 1.5th power of the words, from 4 to 500 of them. (A
 * square root is rounded the same way everywhere.) */
static uint64_t weight_of(mpz_srcptr n)
{
    double words = (double)mpz_size(n) / WORDS;
    return (uint64_t)(WEIGHT * sqrt(words * words * words));
}

uint64_t fani_gmp_ecm_usual_work(void)
{
    return UINT64_C(190000000) * WEIGHT;
}

/* The library's hook has no argument. */
static _Thread_local const fani_effort *polled;

static int stop_asap(void)
{
    return polled && fani_is_cancelled(polled);
}

/* How many curves of a level are due: of the last one only a part where the digits looked for lie
 * between two. */
static uint32_t curves_due(unsigned level, unsigned digits)
{
    unsigned reached = levels[level].digits;
    if (digits >= reached)
        return levels[level].curves;
    return digits + APART > reached ? levels[level].curves * (digits + APART - reached) / APART : 0;
}

typedef struct search {
    mpz_srcptr n;
    fani_effort *effort;
    uint64_t weight, key;
    ecm_params params;
    mpz_t copy, found; /* the library wants an n that may be written to */
} search;

/* Leak checkers that are part of the program are told not to look: with each curve version 7.0.5
 * loses four numbers as long as n, which nobody else can free. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static int run_library(search *s, double b1)
{
    polled = s->effort;
    if (__lsan_disable && __lsan_enable)
        __lsan_disable();
    int result = ecm_factor(s->found, s->copy, b1, s->params);
    if (__lsan_disable && __lsan_enable)
        __lsan_enable();
    polled = NULL;
    return result;
}

/* What a call of the library has found: */
typedef enum finding {
    NOTHING,
    DIVISOR, /* s->found, a proper one */
    ALL_1,   /* all primes of n at once, in stage 1 */
    ALL_2,   /* the same in stage 2 */
} finding;

static fan_status call(search *s, double b1, finding *found)
{
    int result = run_library(s, b1);
    *found = NOTHING;
    if (result > 0 && mpz_cmp_ui(s->found, 1) > 0) {
        bool all = mpz_cmp(s->found, s->n) >= 0;
        *found = !all ? DIVISOR : result == ECM_FACTOR_FOUND_STEP1 ? ALL_1 : ALL_2;
    }
    if (fani_is_cancelled(s->effort))
        return FAN_E_CANCELLED;
    return result < 0 ? FAN_E_MEMORY : FAN_OK;
}

/* A method of the library with all but its bounds. */
typedef struct way {
    int method, degree;
    uint64_t sigma;   /* of a curve */
    mpz_srcptr power; /* of p-1, whose stage 1 is done: what it ended with */
} way;

/* Without a stage 2 where b2 is below b1. */
static fan_status go(search *s, const way *w, double b1, double b2, finding *found)
{
    ecm_reset(s->params);
    s->params->method = w->method;
    s->params->S = w->degree;
    mpz_set_d(s->params->B2, b2);
    if (w->method == ECM_ECM) {
        s->params->param = ECM_PARAM_SUYAMA; /* the others' stage 1 is not interrupted */
        mpz_set_ui(s->params->sigma, w->sigma);
    } else {
        mpz_set(s->params->x, w->power);
        s->params->B1done = b1;
    }
    return call(s, b1, found);
}

/* The same; where that finds all primes of n at once, with smaller bounds, between what finds
 * nothing and what finds all. */
static fan_status go_between(search *s, const way *w, double b1, double b2, bool *proper)
{
    finding found;
    fan_status status = go(s, w, b1, b2, &found);
    bool by_1 = found == ALL_1;
    double low = by_1 ? 2 : b1, high = by_1 ? b1 : b2;
    for (int i = 0; i < HALVINGS && status == FAN_OK && high - low > 1 && found > DIVISOR; i++) {
        double bound = sqrt(low * high);
        status = go(s, w, by_1 ? bound : b1, by_1 ? 1 : bound, &found);
        if (found > DIVISOR) {
            high = bound;
        } else if (found == NOTHING) {
            low = bound;
            found = ALL_2;
        }
    }
    *proper = found == DIVISOR;
    return status;
}

static fan_status run_curve(search *s, unsigned level, uint32_t curve, bool *proper)
{
    uint64_t number = (uint64_t)level << 32 | curve;
    way w = {.method = ECM_ECM,
             .degree = levels[level].degree,
             .sigma = (fani_philox_u64(s->key, number) >> 2) + 6};
    return go_between(s, &w, levels[level].b1, levels[level].b2, proper);
}

/* The base is another one for each number: that of numbers like 3^k - 1 would have order k modulo
 * each of their primes. */
static fan_status run_p_minus_1(search *s, unsigned level, bool *proper)
{
    uint32_t b1 = levels[level].b1 * P_MINUS_1_B1;
    double root = STAGE_2_ROOT / (double)s->weight, b2 = (double)b1 * P_MINUS_1_B2;
    uint64_t number = (uint64_t)level << 32 | UINT32_MAX;
    mpz_t power;
    mpz_init(power);
    uint64_t base = (fani_philox_u64(s->key, number) >> 32) + 2;
    fan_status status = fani_p_minus_1(s->n, base, b1, s->effort, power, s->found);
    *proper = status == FAN_OK && mpz_cmp_ui(s->found, 1) > 0;
    b2 = b2 < root * root ? b2 : root * root;
    /* There is no choice of the degree in p-1. */
    way w = {.method = ECM_PM1, .degree = ECM_DEFAULT_S, .power = power};
    if (status == FAN_OK && !*proper && mpz_cmp_ui(power, 1) > 0 && b2 >= 2.0 * b1)
        status = go_between(s, &w, b1, b2, proper);
    mpz_clear(power);
    return status;
}

/* To the next level that is worth while. */
static void begin_level(fani_progress *at, unsigned level)
{
    at->level = level;
    at->run = 0;
}

static void skip_what_rounds_have_done(fani_progress *at)
{
    while (at->round > 0 && at->level < LEVELS && levels[at->level].digits <= DONE_BY_WIDE_ECM)
        begin_level(at, at->level + 1);
}

/* Takes what the run at hand costs from what is left; false when there is too little, or no run. */
static bool pay(const fani_progress *at, unsigned digits, uint64_t weight, uint64_t *work)
{
    if (at->level >= LEVELS || curves_due(at->level, digits) == 0)
        return false;
    uint64_t cost = levels[at->level].b1 * weight;
    if (*work < cost)
        return false;
    *work -= cost;
    return true;
}

static void go_on(fani_progress *at, unsigned digits)
{
    if (++at->run > curves_due(at->level, digits))
        begin_level(at, at->level + 1);
}

/* The next run: number 0 of a level is p-1, the others are curves. Where p-1 splits a number it is
 * to be asked about the parts, too. */
static fan_status run_next(search *s, bool *proper)
{
    fani_progress *at = &s->effort->at;
    if (!pay(at, s->effort->digits, s->weight, &s->effort->work))
        return FAN_E_EFFORT;
    uint32_t run = at->run;
    s->effort->method = run == 0 ? FAN_METHOD_P_MINUS_1 : FAN_METHOD_ECM;
    fan_status status =
        run == 0 ? run_p_minus_1(s, at->level, proper) : run_curve(s, at->level, run - 1, proper);
    if (run > 0 || !*proper)
        go_on(at, s->effort->digits);
    return status;
}

static void begin(search *s)
{
    ecm_init(s->params);
    s->params->repr = ECM_MOD_NOBASE2; /* its arithmetic for 2^k + 1 has globals */
    s->params->stop_asap = stop_asap;
    s->weight = weight_of(s->n);
    s->key = fani_key_of(s->n);
    mpz_init_set(s->copy, s->n);
    mpz_init(s->found);
}

static void end(search *s)
{
    mpz_clears(s->copy, s->found, NULL);
    ecm_clear(s->params);
}

static bool is_before(const fani_progress *at, const fani_progress *to)
{
    return !to || at->level < to->level || (at->level == to->level && at->run < to->run);
}

fan_status fani_gmp_ecm_stretch(mpz_srcptr n, fani_effort *effort, const fani_progress *to,
                                mpz_ptr divisor)
{
    search s = {.n = n, .effort = effort};
    bool proper = false;
    fan_status status = FAN_OK;
    mpz_set_ui(divisor, 1);
    skip_what_rounds_have_done(&effort->at);
    begin(&s);
    while (!proper && status == FAN_OK && is_before(&effort->at, to))
        status = run_next(&s, &proper);
    if (status == FAN_OK && proper)
        mpz_set(divisor, s.found);
    end(&s);
    return status;
}

fan_status fani_gmp_ecm_split(mpz_srcptr n, fani_effort *effort, mpz_ptr divisor)
{
    return fani_gmp_ecm_stretch(n, effort, NULL, divisor);
}

bool fani_gmp_ecm_cut(mpz_srcptr n, unsigned digits, uint64_t cost, fani_progress *at,
                      uint64_t *work)
{
    uint64_t weight = weight_of(n), spent = 0;
    skip_what_rounds_have_done(at);
    while (spent < cost) {
        uint64_t before = *work;
        if (!pay(at, digits, weight, work))
            break;
        spent += before - *work;
        go_on(at, digits);
    }
    return spent > 0;
}
