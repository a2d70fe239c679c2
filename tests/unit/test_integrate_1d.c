/* Integrals over one variable: the problem set, properties, bits, refusals. */
#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/isa.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/methods_1d.h"

static const fani_method *const methods[] = {&fani_method_auto_1d, &fani_method_gauss_kronrod,
                                             &fani_method_tanh_sinh};
enum { METHODS = sizeof methods / sizeof *methods, BUDGET = 400000 };

static fan_expression *parse(const char *text)
{
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    fan_expression *e = NULL;
    fan_error error;
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

static fani_domain line(double from, double to)
{
    fani_domain d = {.dimension = 1};
    d.from[0].value = from;
    d.to[0].value = to;
    return d;
}

static fani_goal goal_of(double rel)
{
    return (fani_goal){.rel = rel, .evaluations_max = BUDGET, .seed = 1};
}

/* All bytes that no one sets are 0, so that estimates may be compared. */
static fani_estimate run(const fani_method *method, const fani_integrand *f, const fani_domain *d,
                         double rel)
{
    const fani_goal goal = goal_of(rel);
    fani_estimate e;
    fan_error error;
    memset(&e, 0, sizeof e);
    if (fani_integrate_rounds(method, f, d, &goal, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", method->name, error.text);
    return e;
}

static fani_estimate integrate(const fani_method *method, const char *text, double from, double to,
                               double rel)
{
    fan_expression *e = parse(text);
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_domain d = line(from, to);
    fani_integrand f;
    fan_error error;
    fani_estimate r = {.value = {NAN}};
    if (fani_integrand_make(&source, &f, &error) == FAN_OK)
        r = run(method, &f, &d, rel);
    else
        shim_fail(__FILE__, __LINE__, "%s", error.text);
    fan_expression_free(e);
    return r;
}

/* ---- The problem set ------------------------------------------------------------------------- */

enum { FIELDS = 9 };

typedef struct tally {
    unsigned count, solved[2], counted[2], lies;
} tally;

static size_t split(char *text, char *fields[FIELDS])
{
    size_t n = 0;
    text[strcspn(text, "\n")] = '\0';
    for (char *at = text; at && n < FIELDS;) {
        fields[n++] = at;
        at = strstr(at, " | ");
        if (at) {
            *at = '\0';
            at += 3;
        }
    }
    return n;
}

static void try_problem(const fani_method *method, char *const fields[FIELDS], tally *t)
{
    double from = NAN;
    double to = NAN;
    fan_expression_constant(fields[3], &from, NULL);
    fan_expression_constant(fields[4], &to, NULL);
    const double exact = strtod(fields[6], NULL);
    const fani_estimate e = integrate(method, fields[2], from, to, 1e-10);
    const double allowed = fmax(1e-10 * fabs(exact), 50 * 0x1p-52 * e.absolute);
    const double off = fabs(e.value[0] - exact);
    const bool claims = e.verdict == FANI_VERDICT_REACHED;
    t->counted[t->count % 2]++;
    t->solved[t->count % 2] += off <= allowed;
    t->count++;
    t->lies += claims && !(off <= 10 * allowed);
    if (claims)
        EXPECT_TRUE(e.error[0] <=
                    1.0000001 * fmax(1e-10 * fabs(e.value[0]), 50 * 0x1p-52 * e.absolute));
}

static tally try_all(const fani_method *method)
{
    FILE *file = fopen(FAN_TEST_SOURCE_DIR "/bench/integrate/problems_1d.txt", "r");
    char text[2000];
    tally t = {0};
    if (!file) {
        shim_fail(__FILE__, __LINE__, "the problems can't be read");
        return t;
    }
    while (fgets(text, sizeof text, file)) {
        char *fields[FIELDS];
        if (*text != '#' && split(text, fields) == FIELDS)
            try_problem(method, fields, &t);
    }
    fclose(file);
    return t;
}

FAN_TEST(integrate_1d, auto_solves_nine_of_ten_and_does_not_lie)
{
    const tally t = try_all(&fani_method_auto_1d);
    EXPECT_TRUE(t.count >= 200);
    for (int half = 0; half < 2; half++)
        EXPECT_TRUE(t.solved[half] >= 0.93 * t.counted[half]);
    EXPECT_TRUE(t.lies <= 0.01 * t.count);
}

FAN_TEST(integrate_1d, each_method_alone_keeps_its_claims)
{
    EXPECT_TRUE(try_all(&fani_method_gauss_kronrod).lies <= 2);
    EXPECT_TRUE(try_all(&fani_method_tanh_sinh).lies <= 4);
}

/* ---- Properties ------------------------------------------------------------------------------ */

static void expect_value(const char *text, double from, double to, double exact)
{
    for (size_t m = 0; m < METHODS; m++) {
        const fani_estimate e = integrate(methods[m], text, from, to, 1e-11);
        EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(e.value[0], exact, 2e-11 * fabs(exact) + 1e-14);
        EXPECT_TRUE(e.error[0] >= fabs(e.value[0] - exact) * 0.01);
    }
}

FAN_TEST(integrate_1d, values_by_hand)
{
    expect_value("exp(x)", 0, 1, M_E - 1);
    expect_value("1/sqrt(x)", 0, 4, 4);
    expect_value("exp(-x)", 0, INFINITY, 1);
    expect_value("exp(x)", -INFINITY, 1, M_E);
    expect_value("exp(-x^2)", -INFINITY, INFINITY, sqrt(M_PI));
}

FAN_TEST(integrate_1d, linear_in_the_integrand)
{
    for (size_t m = 0; m < METHODS; m++) {
        const double f = integrate(methods[m], "exp(x)*cos(x)", 0, 2, 1e-12).value[0];
        const double g = integrate(methods[m], "sqrt(x)", 0, 2, 1e-12).value[0];
        const double both =
            integrate(methods[m], "3*exp(x)*cos(x) - 5*sqrt(x)", 0, 2, 1e-12).value[0];
        EXPECT_NEAR(both, 3 * f - 5 * g, 1e-10);
    }
}

FAN_TEST(integrate_1d, ranges_add_up)
{
    static const char text[] = "1/(1 + x^2)";
    for (size_t m = 0; m < METHODS; m++) {
        const double whole = integrate(methods[m], text, -3, INFINITY, 1e-12).value[0];
        const double low = integrate(methods[m], text, -3, 0.7, 1e-12).value[0];
        const double high = integrate(methods[m], text, 0.7, INFINITY, 1e-12).value[0];
        EXPECT_NEAR(low + high, whole, 1e-10);
    }
}

FAN_TEST(integrate_1d, affine_maps_change_nothing)
{
    for (size_t m = 0; m < METHODS; m++) {
        const double plain = integrate(methods[m], "log(x)*sin(x)", 0, 3, 1e-11).value[0];
        const double scaled = integrate(methods[m], "2*log(2*x)*sin(2*x)", 0, 1.5, 1e-11).value[0];
        const double moved = integrate(methods[m], "log(x - 5)*sin(x - 5)", 5, 8, 1e-11).value[0];
        EXPECT_NEAR(scaled, plain, 1e-10);
        EXPECT_NEAR(moved, plain, 1e-9);
    }
}

FAN_TEST(integrate_1d, reversed_bounds_change_the_sign_and_equal_ones_give_zero)
{
    for (size_t m = 0; m < METHODS; m++) {
        const fani_estimate up = integrate(methods[m], "exp(x)*x", 0.5, 2, 1e-10);
        const fani_estimate down = integrate(methods[m], "exp(x)*x", 2, 0.5, 1e-10);
        const fani_estimate none = integrate(methods[m], "1/x", 0, 0, 1e-10);
        EXPECT_TRUE(up.value[0] == -down.value[0] && up.error[0] == down.error[0]);
        EXPECT_TRUE(none.value[0] == 0 && none.error[0] == 0 && none.evaluations == 0);
        EXPECT_I64(none.verdict, FANI_VERDICT_REACHED);
    }
}

FAN_TEST(integrate_1d, says_what_it_chose)
{
    EXPECT_STR(integrate(&fani_method_auto_1d, "exp(x)", 0, 1, 1e-10).chosen, "gauss-kronrod");
    EXPECT_CONTAINS(integrate(&fani_method_auto_1d, "x^(-0.9)", 0, 1, 1e-10).chosen,
                    "extrapolated");
    EXPECT_CONTAINS(integrate(&fani_method_auto_1d, "sin(x)/x", 0, INFINITY, 1e-10).chosen,
                    "zeros");
    EXPECT_CONTAINS(integrate(&fani_method_auto_1d, "abs(x - 1/3)^(-0.5)", 0, 1, 1e-10).chosen,
                    "singular points");
}

/* ---- What has no value ----------------------------------------------------------------------- */

FAN_TEST(integrate_1d, divergent_integrals_are_not_claimed)
{
    static const struct {
        const char *text;
        double from, to;
    } cases[] = {{"1/x", 0, 1},           {"x^(-1.5)", 0, 1},      {"1/x", 1, INFINITY},
                 {"1", 0, INFINITY},      {"1/(x - 0.3)^2", 0, 1}, {"sin(x)", 0, INFINITY},
                 {"exp(x)", 0, INFINITY}, {"1/(1 - x)", 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fani_estimate e =
            integrate(&fani_method_auto_1d, cases[i].text, cases[i].from, cases[i].to, 1e-8);
        if (e.verdict == FANI_VERDICT_REACHED)
            shim_fail(__FILE__, __LINE__, "%s: claims %g", cases[i].text, e.value[0]);
        EXPECT_TRUE(e.evaluations <= 2 * BUDGET);
    }
    EXPECT_I64(integrate(&fani_method_auto_1d, "1/x", 0, 1, 1e-8).verdict, FANI_VERDICT_DIVERGENT);
    EXPECT_I64(integrate(&fani_method_auto_1d, "sin(x)", 0, INFINITY, 1e-8).verdict,
               FANI_VERDICT_DIVERGENT);
}

FAN_TEST(integrate_1d, values_that_stay_nan_end_it)
{
    for (size_t m = 0; m < METHODS; m++) {
        const fani_estimate e = integrate(methods[m], "log(x)", -1, 1, 1e-8);
        EXPECT_I64(e.verdict, FANI_VERDICT_NOT_FINITE);
        EXPECT_TRUE(e.bad.count > 0 && e.bad.first_point[0] < 0 && isnan(e.bad.first_value));
        EXPECT_TRUE(e.evaluations < BUDGET);
    }
}

FAN_TEST(integrate_1d, a_single_nan_is_stepped_over)
{
    const fani_estimate e = integrate(&fani_method_auto_1d, "sin(x)/x", -1, 1, 1e-11);
    EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    EXPECT_NEAR(e.value[0], 1.892166140734366, 1e-10);
}

/* An integrand that fails where it is asked for an end. */
static fan_status inside_only(const fani_integrand *f, const double *const *points, size_t count,
                              double *const *values)
{
    (void)f;
    for (size_t i = 0; i < count; i++) {
        const double x = points[0][i];
        if (!(x > 0 && x < 1))
            return FAN_E_FAILED;
        values[0][i] = 1 / sqrt(x * (1 - x));
    }
    return FAN_OK;
}

FAN_TEST(integrate_1d, singular_ends_are_not_evaluated)
{
    const fani_integrand f = {.dimension = 1, .components = 1, .evaluate = inside_only};
    const fani_domain d = line(0, 1);
    for (size_t m = 0; m < METHODS; m++)
        EXPECT_NEAR(run(methods[m], &f, &d, 1e-8).value[0], M_PI, 1e-6);
}

static fan_status near_upper(const fani_integrand *f, const double *const *points, size_t count,
                             double *const *values)
{
    (void)f;
    for (size_t i = 0; i < count; i++)
        values[0][i] = pow(points[2][i], -0.9);
    return FAN_OK;
}

FAN_TEST(integrate_1d, distances_reach_what_x_can_not)
{
    const fani_integrand f = {
        .dimension = 1, .components = 1, .evaluate = near_upper, .wants_distances = true};
    const fani_domain d = line(0, 1);
    for (size_t m = 0; m < METHODS; m++) {
        const fani_estimate e = run(methods[m], &f, &d, 1e-10);
        EXPECT_NEAR(e.value[0], 10, 1e-8);
        EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    }
}

FAN_TEST(integrate_1d, the_budget_ends_it)
{
    fan_expression *e = parse("sin(1/x)*sin(1e5*x^2)");
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_domain d = line(0, 10);
    const fani_goal goal = {.rel = 1e-12, .evaluations_max = 5000, .seed = 1};
    for (size_t m = 0; m < METHODS; m++) {
        fani_integrand f;
        fani_estimate r;
        ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
        ASSERT_I64(fani_integrate_rounds(methods[m], &f, &d, &goal, &r, NULL), FAN_OK);
        EXPECT_I64(r.verdict, FANI_VERDICT_BUDGET);
        EXPECT_TRUE(r.evaluations < 4 * goal.evaluations_max);
    }
    fan_expression_free(e);
}

/* ---- Components and break points ------------------------------------------------------------- */

static fan_status three(void *context, const double *const *points, size_t count,
                        double *const *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        const double x = points[0][i];
        values[0][i] = exp(x);
        values[1][i] = sqrt(x);
        values[2][i] = x < 0.3 ? 1 : 0;
    }
    return FAN_OK;
}

FAN_TEST(integrate_1d, components_are_all_brought_to_the_goal)
{
    const fani_integrand_source source = {.batch = three, .dimension = 1, .components = 3};
    const fani_domain d = line(0, 1);
    fani_integrand f;
    ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    const fani_estimate e = run(&fani_method_auto_1d, &f, &d, 1e-9);
    EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    EXPECT_NEAR(e.value[0], M_E - 1, 1e-8);
    EXPECT_NEAR(e.value[1], 2.0 / 3, 1e-8);
    EXPECT_NEAR(e.value[2], 0.3, 1e-8);
}

FAN_TEST(integrate_1d, break_points_save_evaluations)
{
    fan_expression *e = parse("abs(x - 0.3)^(-0.5)");
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    fani_domain d = line(0, 1);
    fani_integrand f;
    ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    const uint64_t found = run(&fani_method_auto_1d, &f, &d, 1e-9).evaluations;
    const double at[] = {0.3};
    d.break_count = 1;
    d.breaks = at;
    for (size_t m = 0; m < 2; m++) {
        const fani_estimate r = run(methods[m], &f, &d, 1e-9);
        EXPECT_NEAR(r.value[0], 2 * (sqrt(0.3) + sqrt(0.7)), 1e-8);
        EXPECT_TRUE(r.evaluations < found / 2);
    }
    fan_expression_free(e);
}

FAN_TEST(integrate_1d, refuses_what_it_can_not_do)
{
    const fani_integrand f = {.dimension = 1, .components = 1, .evaluate = inside_only};
    const fani_goal goal = goal_of(1e-6);
    const double outside[] = {2};
    fani_domain two = line(0, 1);
    fani_domain nan = line(0, NAN);
    fani_domain broken = line(0, 1);
    fani_estimate r;
    fan_error error;
    two.dimension = 2;
    broken.break_count = 1;
    broken.breaks = outside;
    for (size_t m = 0; m < METHODS; m++) {
        EXPECT_I64(fani_integrate_rounds(methods[m], &f, &two, &goal, &r, &error), FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "1 dimension");
        EXPECT_I64(fani_integrate_rounds(methods[m], &f, &nan, &goal, &r, &error), FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "upper bound");
        EXPECT_I64(fani_integrate_rounds(methods[m], &f, &broken, &goal, &r, &error),
                   FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "break point 2");
    }
}

/* ---- Bits ------------------------------------------------------------------------------------ */

typedef struct way {
    bool backwards; /* items are worked on from the last to the first */
    bool saved;     /* the state goes through bytes between all rounds */
} way;

static fan_status through_bytes(const fani_method *m, const fani_integrand *f, const fani_domain *d,
                                const fani_goal *goal, void **state)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    fan_status status = m->save(*state, &bytes, &size);
    m->close(*state);
    *state = NULL;
    if (status == FAN_OK)
        status = m->load(f, d, goal, bytes, size, state);
    free(bytes);
    return status;
}

/* The rounds by hand. */
static fani_estimate by_hand(const fani_method *m, const fani_integrand *f, const fani_domain *d,
                             way how)
{
    const fani_goal goal = goal_of(1e-10);
    fani_estimate e;
    void *state = NULL;
    fani_round round = {.count = 1};
    fan_status status = m->open(f, d, &goal, &state, NULL);
    memset(&e, 0, sizeof e);
    while (status == FAN_OK) {
        if (how.saved)
            status = through_bytes(m, f, d, &goal, &state);
        if (status == FAN_OK)
            status = m->round(state, &round);
        if (status != FAN_OK || round.count == 0)
            break;
        unsigned char *replies = malloc(round.count * round.reply_size);
        for (size_t k = 0; replies && k < round.count; k++) {
            const size_t i = how.backwards ? round.count - 1 - k : k;
            if (status == FAN_OK)
                status = m->work(f, d, round.bytes + i * round.item_size,
                                 replies + i * round.reply_size);
        }
        if (status == FAN_OK)
            status = m->take(state, replies);
        free(replies);
    }
    EXPECT_I64(status, FAN_OK);
    if (status == FAN_OK)
        m->result(state, &e);
    m->close(state);
    return e;
}

static const struct {
    const char *text;
    double from, to;
} bit_cases[] = {
    {"exp(x)", 0, 1},
    {"exp(-x^2)*cos(3*x)", 0, 3},
    {"log(x)/sqrt(x)", 0, 1},
    {"abs(x - 1/3)^(-0.5)", 0, 1},
    {"floor(10*x)", 0, 1},
    {"sin(x)/x", 0, INFINITY},
    {"sin(x)^2/x^2", 0, INFINITY},
    {"exp(-x^2)", -INFINITY, INFINITY},
    {"1/(x*log(x)^2)", 2, INFINITY},
    {"x^2", 3, 1},
};

FAN_TEST(integrate_1d, the_same_bits_whatever_the_order_and_after_saving)
{
    static const way ways[] = {{false, false}, {true, false}, {false, true}};
    for (size_t i = 0; i < sizeof bit_cases / sizeof *bit_cases; i++) {
        fan_expression *e = parse(bit_cases[i].text);
        const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
        const fani_domain d = line(bit_cases[i].from, bit_cases[i].to);
        fani_integrand f;
        ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
        for (size_t m = 0; m < METHODS; m++) {
            const fani_estimate driven = run(methods[m], &f, &d, 1e-10);
            for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                const fani_estimate other = by_hand(methods[m], &f, &d, ways[w]);
                if (memcmp(&driven.value[0], &other.value[0], sizeof(double)) != 0 ||
                    memcmp(&driven.error[0], &other.error[0], sizeof(double)) != 0 ||
                    driven.evaluations != other.evaluations || driven.verdict != other.verdict ||
                    driven.absolute != other.absolute || driven.bad.count != other.bad.count ||
                    strcmp(driven.chosen, other.chosen) != 0)
                    shim_fail(__FILE__, __LINE__, "%s, %s, way %zu: %.17g (%llu), %.17g (%llu)",
                              methods[m]->name, bit_cases[i].text, w, driven.value[0],
                              (unsigned long long)driven.evaluations, other.value[0],
                              (unsigned long long)other.evaluations);
            }
        }
        fan_expression_free(e);
    }
}

/* States that are cut short, or whose bytes are others, are refused or at least harmless. */
FAN_TEST(integrate_1d, malformed_states_are_refused)
{
    fan_expression *e = parse("log(x)/sqrt(x)");
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_domain d = line(0, 1);
    const fani_goal goal = goal_of(1e-10);
    fani_integrand f;
    ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    for (size_t m = 0; m < METHODS; m++) {
        unsigned char *bytes = NULL;
        size_t size = 0;
        void *state = NULL;
        ASSERT_I64(fani_rounds_run(methods[m], &f, &d, &goal, &state, NULL), FAN_OK);
        ASSERT_I64(methods[m]->save(state, &bytes, &size), FAN_OK);
        methods[m]->close(state);
        for (size_t cut = 0; cut < size; cut += 1 + cut / 8)
            EXPECT_I64(methods[m]->load(&f, &d, &goal, bytes, cut, &state), FAN_E_PROTOCOL);
        for (size_t at = 0; at < size; at += 3) {
            fani_estimate r;
            bytes[at] ^= 0xff;
            if (methods[m]->load(&f, &d, &goal, bytes, size, &state) == FAN_OK) {
                methods[m]->result(state, &r);
                methods[m]->close(state);
            }
            bytes[at] ^= 0xff;
        }
        free(bytes);
    }
    fan_expression_free(e);
}
