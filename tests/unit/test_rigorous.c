/* Integrals with proof: the exact value lies in every enclosure, whatever came before. */
#include "shim/shim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <acb.h>

#include "base/philox.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/rigorous.h"
#include "kernel/integrate/rigorous_arb_functions.h"

enum { BUDGET = 100000 };

static const char *const just_x[] = {"x"};
static const fan_expression_names of_x = {.variables = just_x, .variable_count = 1};

static fani_proof *prove(const char *text, const char *from, const char *to)
{
    fani_proof *proof = NULL;
    fan_error error = {0};
    const char *const texts[] = {text, from, to};
    if (fani_proof_make(texts, &of_x, NULL, &proof, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" over %s:%s: %s", text, from, to, error.text);
    return proof;
}

static fani_domain over(double from, double to)
{
    fani_domain d = {.dimension = 1};
    d.from[0].value = from;
    d.to[0].value = to;
    return d;
}

static fani_estimate enclose(const char *text, const char *from, const char *to,
                             const fani_goal *goal)
{
    fani_proof *proof = prove(text, from, to);
    const fani_integrand f = {.dimension = 1, .components = 1, .proof = proof};
    const fani_domain d = over(0, 1); /* the texts of the bounds count */
    fan_error error = {0};
    fani_estimate e = {.error = {-1}};
    if (proof && fani_integrate_rounds(&fani_method_rigorous, &f, &d, goal, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\": %s", text, error.text);
    fani_proof_free(proof);
    return e;
}

static fani_goal goal_of(double rel)
{
    return (fani_goal){.rel = rel, .evaluations_max = BUDGET};
}

/* Whether `exact`, a decimal number that is right in its last digit but one, lies in value +-
 * error.
 */
static bool holds(const fani_estimate *e, const char *exact)
{
    arb_t truth, ball, error;
    arb_init(truth);
    arb_init(ball);
    arb_init(error);
    bool is_in = !isfinite(e->error[0]);
    if (!is_in) {
        EXPECT_TRUE(arb_set_str(truth, exact, 200) == 0);
        arb_set_d(error, fabs(strtod(exact, NULL)) * 1e-23);
        arb_add_error(truth, error);
        arb_set_d(ball, e->value[0]);
        arb_set_d(error, e->error[0]);
        arb_add_error(ball, error);
        is_in = arb_overlaps(ball, truth);
    }
    arb_clear(truth);
    arb_clear(ball);
    arb_clear(error);
    return is_in && e->error[0] >= 0;
}

/* ---- The problem set ------------------------------------------------------------------------- */

typedef struct tally {
    unsigned finite, reached, missed;
} tally;

static void solve(char *line, tally *t)
{
    enum { FIELDS = 9 };
    char *fields[FIELDS] = {NULL}, *at = line;
    const fani_goal goal = goal_of(1e-10);
    for (size_t i = 0; i < FIELDS && at; i++) {
        fields[i] = at;
        at = strstr(at, " | ");
        if (at) {
            *at = '\0';
            at += 3;
        }
    }
    if (!fields[FIELDS - 1] || strstr(fields[3], "inf") || strstr(fields[4], "inf"))
        return;
    const fani_estimate e = enclose(fields[2], fields[3], fields[4], &goal);
    t->finite++;
    t->reached += e.verdict == FANI_VERDICT_REACHED;
    if (!holds(&e, fields[6])) {
        t->missed++;
        shim_fail(__FILE__, __LINE__, "%s: %s: %.17g +- %g misses %s", fields[0], fields[2],
                  e.value[0], e.error[0], fields[6]);
    }
}

FAN_TEST(rigorous, problems_with_known_values)
{
    char line[2000];
    tally t = {0};
    FILE *file = fopen(FAN_TEST_SOURCE_DIR "/bench/integrate/problems_1d.txt", "r");
    ASSERT_TRUE(file != NULL);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line && *line != '#')
            solve(line, &t);
    }
    fclose(file);
    printf("rigorous: of %u problems over finite ranges %u are proven to 1e-10, %u are missed\n",
           t.finite, t.reached, t.missed);
    EXPECT_TRUE(t.finite >= 150);
    EXPECT_TRUE(t.reached >= 90);
}

/* ---- Closed forms ---------------------------------------------------------------------------- */

typedef struct known {
    const char *text, *from, *to, *exact;
} known;

FAN_TEST(rigorous, numbers_mean_what_is_written)
{
    /* Of the doubles next to 0.1 and pi these integrals differ in the 17th digit and before. */
    static const known all[] = {
        {"1e15*(x-0.1)", "0.1-1e-9", "0.1+1e-9", "0"},
        {"1/3", "0", "3e-1", "0.1"},
        {"cos(x)", "0", "pi", "0"},
        {"1e4*sin(200*pi*x)", "0", "1", "0"},
        {"log(x)", "1", "e", "1"},
        {"x", "-1/3", "1/3", "0"},
        {"0.1*x^0.5", "0", "1", "0.0666666666666666666666666666"},
        {"x^2.000000000000000000000000", "0", "1", "0.333333333333333333333333333"},
        {"x^0x1p1", "0", "1", "0.333333333333333333333333333"},
        {"10^-2*x^-2", "1/10", "1", "0.09"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const fani_goal goal = {.abs = 1e-14, .rel = 1e-15, .evaluations_max = BUDGET};
        const fani_estimate e = enclose(all[i].text, all[i].from, all[i].to, &goal);
        EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
        if (!holds(&e, all[i].exact))
            shim_fail(__FILE__, __LINE__, "%s: %.17g +- %g", all[i].text, e.value[0], e.error[0]);
    }
}

FAN_TEST(rigorous, kinks_steps_and_cuts)
{
    static const known all[] = {
        {"abs(x-0.3)", "0", "1", "0.29"},
        {"x < 0.3 ? 1 : 2", "0", "1", "1.7"},
        {"x >= 0.3 && !(x > 0.6)", "0", "1", "0.3"},
        {"x < 0.1 || x == 0.5 || x != x", "0", "1", "0.1"},
        {"floor(10*x)", "0", "1", "4.5"},
        {"ceil(10*x) + trunc(4*x - 2)", "0", "1", "5.5"},
        {"round(3*x)", "0", "1", "1.5"},
        {"min(x, 0.5, 1 - x)", "0", "1", "0.25"},
        {"fdim(x, 0.5)", "0", "1", "0.125"},
        {"fmod(5*x, 2)", "0", "1", "0.9"},
        {"5*x % 2", "-1", "0", "-0.9"},
        {"copysign(x^2, x)", "-1", "2", "2.33333333333333333333333333"},
        {"cbrt(x)", "-1", "8", "11.25"},
        {"sqrt(x)", "0", "4", "5.33333333333333333333333333"},
        {"x^(1/3)", "0", "1", "0.75"},
        {"sqrt(1-x^2)", "-1", "1", "1.57079632679489661923132169"},
        {"asin(x)+acos(x)", "-1", "1", "3.14159265358979323846264338"},
        {"acosh(x)", "1", "2", "0.901864986280756123722646353"},
        {"atan2(x, -1) + atan(x)", "-1", "2", "3.14159265358979323846264338"}, /* pi, -pi below 0 */
        {"hypot(x, 0)", "-1", "2", "2.5"},
        {"sin(x)/x", "-1", "1", "1.89216614073436602988270663"},
    };
    const fani_goal goal = goal_of(1e-8);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const fani_estimate e = enclose(all[i].text, all[i].from, all[i].to, &goal);
        if (e.verdict != FANI_VERDICT_REACHED || !holds(&e, all[i].exact))
            shim_fail(__FILE__, __LINE__, "%s: %.17g +- %g (%d)", all[i].text, e.value[0],
                      e.error[0], (int)e.verdict);
    }
}

FAN_TEST(rigorous, what_is_not_enclosed_is_not_claimed)
{
    static const char *const all[] = {"1/x",          "1/sqrt(x)",  "log(x)",     "sqrt(x-0.5)",
                                      "asin(2*x)",    "acosh(x)",   "tan(4*x)",   "(x-0.5)^0.5",
                                      "sqrt(-1-x)^2", "log(x-0.3)", "atanh(2*x)", "0*log(x-2)",
                                      "y0(x-0.5)"};
    const fani_goal goal = {.rel = 1e-3, .evaluations_max = 30000};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const fani_estimate e = enclose(all[i], "0", "1", &goal);
        if (e.verdict == FANI_VERDICT_REACHED || isfinite(e.error[0]) || e.value[0] != 0)
            shim_fail(__FILE__, __LINE__, "%s: %.17g +- %g (%d)", all[i], e.value[0], e.error[0],
                      (int)e.verdict);
    }
}

FAN_TEST(rigorous, ends_honestly)
{
    fani_goal goal = {.rel = 1e-12, .evaluations_max = 3000};
    fani_estimate e = enclose("sin(1/x)", "1e-6", "1", &goal);
    EXPECT_I64(e.verdict, FANI_VERDICT_BUDGET);
    EXPECT_TRUE(e.evaluations >= 3000 && e.evaluations < 40000);
    EXPECT_TRUE(holds(&e, "0.50406706190692837"));
    goal = goal_of(1e-10);
    e = enclose("x^3", "-1", "1", &goal); /* 0: no part of it is small enough */
    EXPECT_I64(e.verdict, FANI_VERDICT_ROUNDING);
    EXPECT_TRUE(e.error[0] < 1e-20 && holds(&e, "0"));
    goal.abs = 1e-15;
    e = enclose("x^3", "-1", "1", &goal);
    EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    e = enclose("x", "2", "2", &goal);
    EXPECT_TRUE(e.verdict == FANI_VERDICT_REACHED && e.value[0] == 0 && e.error[0] == 0);
    e = enclose("exp(x)", "1", "0", &goal);
    EXPECT_TRUE(holds(&e, "-1.71828182845904523536028747"));
}

FAN_TEST(rigorous, refusals)
{
    fani_proof *proof = NULL;
    fan_error error = {0};
    const char *const steps[] = {"nextafter(x, 1)", "0", "1"};
    const char *const several[] = {"x, x", "0", "1"};
    EXPECT_I64(fani_proof_make(steps, &of_x, NULL, &proof, &error), FAN_E_UNSUPPORTED);
    EXPECT_CONTAINS(error.text, "nextafter");
    EXPECT_I64(fani_proof_make(several, &of_x, NULL, &proof, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "vector of 2");
    const fani_domain half = over(0, INFINITY);
    EXPECT_I64(fani_rigorous_check(&half, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "finite ranges");
}

/* ---- The same bits --------------------------------------------------------------------------- */

static const char rough[] = "sqrt(abs(sin(50*x)))*exp(-x)";

FAN_TEST(rigorous, bits_do_not_depend_on_what_came_before)
{
    const fani_goal goal = goal_of(1e-9), fine = goal_of(1e-15);
    const fani_estimate first = enclose(rough, "0", "pi", &goal);
    (void)enclose("exp(x)*erf(x)*pi", "0", "pi", &fine);
    const fani_estimate again = enclose(rough, "0", "pi", &goal);
    EXPECT_TRUE(first.value[0] == again.value[0] && first.error[0] == again.error[0] &&
                first.evaluations == again.evaluations);
}

/* Runs it with its state saved and loaded before each round. */
FAN_TEST(rigorous, goes_on_from_saved_states)
{
    const fani_goal goal = goal_of(1e-9);
    const fani_method *m = &fani_method_rigorous;
    fani_proof *proof = prove(rough, "0", "pi");
    const fani_integrand f = {.dimension = 1, .components = 1, .proof = proof};
    const fani_domain d = over(0, 1);
    void *state = NULL;
    unsigned rounds = 0;
    fani_round round = {0};
    ASSERT_TRUE(proof && m->open(&f, &d, &goal, &state, NULL) == FAN_OK);
    for (;; rounds++) {
        unsigned char *bytes = NULL;
        size_t size = 0;
        void *other = NULL;
        ASSERT_TRUE(m->save(state, &bytes, &size) == FAN_OK);
        EXPECT_I64(m->load(&f, &d, &goal, bytes, size - 1, &other), FAN_E_PROTOCOL);
        ASSERT_TRUE(m->load(&f, &d, &goal, bytes, size, &other) == FAN_OK);
        m->close(state);
        free(bytes);
        state = other;
        ASSERT_TRUE(m->round(state, &round) == FAN_OK);
        if (!round.count)
            break;
        unsigned char *replies = calloc(round.count, round.reply_size);
        ASSERT_TRUE(replies != NULL);
        for (size_t i = round.count; i > 0; i--) /* in any order */
            EXPECT_I64(m->work(&f, &d, round.bytes + (i - 1) * round.item_size,
                               replies + (i - 1) * round.reply_size),
                       FAN_OK);
        EXPECT_I64(m->take(state, replies), FAN_OK);
        free(replies);
    }
    fani_estimate e = {0};
    m->result(state, &e);
    m->close(state);
    fani_proof_free(proof);
    const fani_estimate whole = enclose(rough, "0", "pi", &goal);
    EXPECT_TRUE(rounds > 2);
    EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    EXPECT_TRUE(e.value[0] == whole.value[0] && e.error[0] == whole.error[0] &&
                e.evaluations == whole.evaluations);
}

/* ---- Each function --------------------------------------------------------------------------- */

static double uniform(uint64_t *counter, double low, double high)
{
    return low + (high - low) * ((double)(fani_philox_u64(1, (*counter)++) >> 11) * 0x1p-53);
}

typedef struct box {
    double middle[3], radius[3];
} box;

/* Often about a half of a whole number, where functions have kinks, steps and ends. */
static box box_at(uint64_t *counter)
{
    box b;
    for (size_t k = 0; k < 3; k++) {
        b.middle[k] = uniform(counter, -4, 4);
        b.radius[k] = exp2(floor(uniform(counter, -30, 1)));
        if (uniform(counter, 0, 1) < 0.4)
            b.middle[k] = rint(2 * b.middle[k]) / 2;
        if (uniform(counter, 0, 1) < 0.2)
            b.radius[k] = 0;
    }
    return b;
}

static void set_box(acb_t z, const box *b, size_t k, bool analytic)
{
    mag_t radius;
    mag_init(radius);
    mag_set_d(radius, b->radius[k]);
    acb_set_d(z, b->middle[k]);
    arb_add_error_mag(acb_realref(z), radius);
    if (analytic)
        arb_add_error_mag(acb_imagref(z), radius);
    mag_clear(radius);
}

/* The value in doubles at a point. */
static double value_at(fani_operator op, const double x[3], double exponent)
{
    double in[3][FANI_EXPRESSION_LANES], out[FANI_EXPRESSION_LANES];
    for (size_t i = 0; i < FANI_EXPRESSION_LANES; i++)
        for (size_t k = 0; k < 3; k++)
            in[k][i] = op == FANI_OP_POWER && k == 1 ? exponent : x[k];
    fani_kernels_reference[op](out, in[0], in[1], in[2], FANI_EXPRESSION_LANES);
    return out[0];
}

static bool contains(const acb_t ball, double value)
{
    arb_t v;
    arb_init(v);
    arb_set_d(v, fabs(value) * 1e-12 + 1e-13); /* what libm and doubles are off by */
    mag_t error;
    mag_init(error);
    arb_get_mag(error, v);
    arb_set_d(v, value);
    arb_add_error_mag(v, error);
    const bool is_in = arb_overlaps(acb_realref(ball), v) && arb_contains_zero(acb_imagref(ball));
    mag_clear(error);
    arb_clear(v);
    return is_in;
}

/* Values at the middle, the ends and between them lie in the enclosure; where there is none,
 * because it is infinite or, of an analytic one, not defined, the enclosure is not finite. */
static void check_points(fani_operator op, const box *b, double exponent, const acb_t ball,
                         bool analytic, uint64_t *counter)
{
    for (int point = 0; point < 5; point++) {
        double x[3];
        for (size_t k = 0; k < 3; k++)
            x[k] = b->middle[k] + b->radius[k] * (point < 3 ? point - 1 : uniform(counter, -1, 1));
        const double value = value_at(op, x, exponent);
        const bool bad = isnan(value)   ? analytic && acb_is_finite(ball)
                         : isinf(value) ? acb_is_finite(ball)
                                        : acb_is_finite(ball) && !contains(ball, value);
        if (bad)
            shim_fail(__FILE__, __LINE__,
                      "operator %d at %.17g, %.17g, %.17g (box %g, %g; analytic %d; exponent %g): "
                      "%.17g is not in %.17g",
                      (int)op, x[0], x[1], x[2], b->radius[0], b->radius[1], analytic, exponent,
                      value, arf_get_d(arb_midref(acb_realref(ball)), ARF_RND_NEAR));
    }
}

static bool has_enclosure(fani_operator op)
{
    return op != FANI_OP_CONSTANT && op != FANI_OP_PARAMETER && op != FANI_OP_VARIABLE &&
           op != FANI_OP_NEXTAFTER && op != FANI_OP_LOGB;
}

/* Finite results of an operator, which is what makes an integral end. */
static unsigned try_operator(fani_operator op, bool analytic, uint64_t *counter)
{
    enum { BOXES = 400 };
    acb_t z[3], out;
    unsigned finite = 0;
    acb_init(out);
    for (size_t k = 0; k < 3; k++)
        acb_init(z[k]);
    for (int i = 0; i < BOXES; i++) {
        const box b = box_at(counter);
        const double exponents[] = {-2, -0.5, 0.5, 1.5, 3, 3.5};
        const double exponent = exponents[i % 6];
        for (size_t k = 0; k < 3; k++)
            set_box(z[k], &b, k, analytic);
        const acb_struct *const operands[3] = {z[0], z[1], z[2]};
        fani_ball_operator(op, out, operands, exponent,
                           (fani_ball_call){.analytic = analytic, .bits = 80});
        finite += acb_is_finite(out) != 0;
        check_points(op, &b, exponent, out, analytic, counter);
    }
    acb_clear(out);
    for (size_t k = 0; k < 3; k++)
        acb_clear(z[k]);
    return finite;
}

FAN_TEST(rigorous, functions_enclose_their_values)
{
    uint64_t counter = 0;
    for (int op = 0; op < FANI_OP_COUNT; op++) {
        if (!has_enclosure((fani_operator)op))
            continue;
        const unsigned real = try_operator((fani_operator)op, false, &counter);
        const unsigned boxes = try_operator((fani_operator)op, true, &counter);
        if (real < 20 || boxes < 20)
            shim_fail(__FILE__, __LINE__, "operator %d: finite %u and %u times only", op, real,
                      boxes);
    }
    flint_cleanup();
}
