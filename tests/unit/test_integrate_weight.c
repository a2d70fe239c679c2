/* Integrals with an oscillating weight: closed forms, cost, claims, bits, refusals. */
#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/integrate/filon_panel.h"
#include "kernel/integrate/integrand.h"
#include "kernel/integrate/methods_1d.h"

typedef struct problem {
    const char *text;
    double from, to;
    fani_weight weight;
    double frequency;
} problem;

static fani_domain domain_of(const problem *p)
{
    fani_domain d = {.dimension = 1, .weight = p->weight, .frequency = p->frequency};
    d.from[0].value = p->from;
    d.to[0].value = p->to;
    return d;
}

static fan_expression *parse(const char *text)
{
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    fan_expression *e = NULL;
    fan_error error;
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: %s", text, error.text);
    return e;
}

/* The rounds by hand; `saved`: the state goes through bytes between all rounds. */
static fan_status go(const fani_integrand *f, const fani_domain *d, const fani_goal *goal,
                     bool saved, fani_estimate *e)
{
    const fani_method *m = &fani_method_filon;
    void *state = NULL;
    fani_round round = {.count = 1};
    fan_status status = m->open(f, d, goal, &state, NULL);
    while (status == FAN_OK && (status = m->round(state, &round)) == FAN_OK && round.count > 0) {
        unsigned char *replies = malloc(round.count * round.reply_size);
        for (size_t i = round.count; status == FAN_OK && i-- > 0;)
            status =
                m->work(f, d, round.bytes + i * round.item_size, replies + i * round.reply_size);
        if (status == FAN_OK)
            status = m->take(state, replies);
        free(replies);
        unsigned char *bytes = NULL;
        size_t size = 0;
        if (status == FAN_OK && saved && (status = m->save(state, &bytes, &size)) == FAN_OK) {
            m->close(state);
            state = NULL;
            status = m->load(f, d, goal, bytes, size, &state);
        }
        free(bytes);
    }
    if (status == FAN_OK)
        m->result(state, e);
    m->close(state);
    return status;
}

static fani_estimate solve(const problem *p, bool saved)
{
    fan_expression *e = parse(p->text);
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_domain d = domain_of(p);
    const fani_goal goal = {.rel = 1e-10, .evaluations_max = 400000, .seed = 1};
    fani_integrand f;
    fani_estimate r;
    memset(&r, 0, sizeof r);
    EXPECT_TRUE(fani_integrand_make(&source, &f, NULL) == FAN_OK);
    EXPECT_TRUE(go(&f, &d, &goal, saved, &r) == FAN_OK);
    fan_expression_free(e);
    return r;
}

static void expect(const problem *p, double exact)
{
    const fani_estimate e = solve(p, false);
    const double allowed = fmax(1e-10 * fabs(exact), 50 * 0x1p-52 * e.absolute);
    if (e.verdict != FANI_VERDICT_REACHED || !(fabs(e.value[0] - exact) <= allowed))
        shim_fail(__FILE__, __LINE__,
                  "%s, frequency %g: %.17g, not %.17g; error %g, verdict %d, %d evaluations",
                  p->text, p->frequency, e.value[0], exact, e.error[0], (int)e.verdict,
                  (int)e.evaluations);
}

FAN_TEST(integrate_weight, moments_are_those_of_the_first_polynomials)
{
    const double thetas[] = {1e-9, 0.1, 0.7, 1.99, 2, 2.01, 5, 13.5, 26.9, 27, 28, 31.4, 1000, 1e9};
    for (size_t i = 0; i < sizeof thetas / sizeof *thetas; i++) {
        const double t = thetas[i];
        double y[FANI_FILON_NODES];
        fani_filon_moments(t, 1, y);
        /* By Simpson's rule, as another way; its error is below that of 40 points a period. */
        for (int k = 0; t < 100 && k < FANI_FILON_NODES; k++) {
            enum { CUTS = 4000 };
            double sum = 0;
            for (int j = 0; j <= CUTS; j++) {
                const double a = M_PI * j / CUTS;
                const double weight = j == 0 || j == CUTS ? 0.5 : 1;
                const double turned = t * cos(a);
                sum += weight * cos(k * a) * (k % 2 == 0 ? cos(turned) : sin(turned)) * sin(a);
            }
            EXPECT_NEAR(y[k], sum * M_PI / CUTS, 2e-6);
        }
        EXPECT_NEAR(y[0], 2 * sin(t) / t, 1e-15);
        EXPECT_NEAR(y[2] + y[0], 4 * (sin(t) / t) + 8 * (cos(t) - sin(t) / t) / t / t,
                    t < 0.01 ? 10 : 1e-12);
    }
}

FAN_TEST(integrate_weight, closed_forms_at_any_frequency_for_the_same_points)
{
    const double frequencies[] = {0, 0.3, 1, -3, 10, 55, 100, 1000, 12345.6, 1e6, 1e8};
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++) {
        const double w = frequencies[i];
        const problem c = {"exp(-x)", 0, 1, FANI_WEIGHT_COS, w};
        const problem s = {"exp(-x)", 0, 1, FANI_WEIGHT_SIN, w};
        expect(&c, (1 + exp(-1) * (w * sin(w) - cos(w))) / (1 + w * w));
        expect(&s, (w - exp(-1) * (sin(w) + w * cos(w))) / (1 + w * w));
        EXPECT_TRUE(solve(&c, false).evaluations <= 256);
    }
    expect(&(problem){"x^2", 0, 1, FANI_WEIGHT_SIN, 1000},
           (2000 * sin(1000) + (2 - 1e6) * cos(1000) - 2) / 1e9);
}

/* The antiderivative of exp(-x) cos(w x), with more digits than the phase w x has as a double. */
static long double primitive(long double w, long double x)
{
    return expl(-x) * (w * sinl(w * x) - cosl(w * x)) / (1 + w * w);
}

FAN_TEST(integrate_weight, large_phases_keep_their_digits)
{
    const double w = 1e8 / 3;
    const fani_estimate e = solve(&(problem){"exp(-x)", 0, 0.75, FANI_WEIGHT_COS, w}, false);
    EXPECT_I64(e.verdict, FANI_VERDICT_REACHED);
    EXPECT_NEAR(w * e.value[0], (double)(w * (primitive(w, 0.75) - primitive(w, 0))), 2e-11);
}

FAN_TEST(integrate_weight, singular_ends_and_steps_are_cut_out)
{
    expect(&(problem){"log(x)", 0, 1, FANI_WEIGHT_SIN, 10 * M_PI}, -0.128136848399167419);
    expect(&(problem){"x < 0.3 ? 1 : 0", 0, 1, FANI_WEIGHT_COS, 200}, sin(60) / 200);
}

FAN_TEST(integrate_weight, infinite_ranges)
{
    const double frequencies[] = {0.5, 1, 3, 8};
    for (size_t i = 0; i < 4; i++) {
        const double w = frequencies[i];
        expect(&(problem){"1/(1 + x^2)", 0, INFINITY, FANI_WEIGHT_COS, w}, M_PI_2 * exp(-w));
        expect(&(problem){"x/(1 + x^2)", -INFINITY, INFINITY, FANI_WEIGHT_SIN, w}, M_PI * exp(-w));
        expect(&(problem){"exp(-x)", 0, INFINITY, FANI_WEIGHT_SIN, w}, w / (1 + w * w));
    }
    expect(&(problem){"1/sqrt(x)", 0, INFINITY, FANI_WEIGHT_COS, M_PI_2}, 1);
    expect(&(problem){"1/x", 0, INFINITY, FANI_WEIGHT_SIN, 7}, M_PI_2);
    expect(&(problem){"exp(-(x - 50)^2)", 0, INFINITY, FANI_WEIGHT_COS, 2},
           sqrt(M_PI) * exp(-1) * cos(100));
}

FAN_TEST(integrate_weight, what_does_not_die_away_is_not_claimed)
{
    const fani_estimate one = solve(&(problem){"1", 0, INFINITY, FANI_WEIGHT_COS, 1}, false);
    EXPECT_I64(one.verdict, FANI_VERDICT_DIVERGENT);
    const fani_estimate slow =
        solve(&(problem){"1/log(2 + x)", 0, INFINITY, FANI_WEIGHT_COS, 1}, false);
    EXPECT_TRUE(slow.verdict != FANI_VERDICT_REACHED && slow.error[0] > 1e-4);
}

FAN_TEST(integrate_weight, bits_do_not_depend_on_saving_and_reversed_bounds_turn_the_sign)
{
    const problem p = {"1/sqrt(x)", 0, INFINITY, FANI_WEIGHT_COS, 1};
    const problem q = {"1/sqrt(x)", INFINITY, 0, FANI_WEIGHT_COS, 1};
    const fani_estimate a = solve(&p, false);
    const fani_estimate b = solve(&p, true);
    EXPECT_TRUE(a.value[0] == b.value[0] && a.error[0] == b.error[0]);
    EXPECT_TRUE(a.evaluations == b.evaluations && a.verdict == b.verdict);
    EXPECT_TRUE(solve(&q, false).value[0] == -a.value[0]);
}

FAN_TEST(integrate_weight, refusals)
{
    const fani_integrand f = {.dimension = 1, .components = 1};
    const fani_goal goal = {.rel = 1e-6, .evaluations_max = 1000};
    const problem plain = {"1", 0, 1, FANI_WEIGHT_NONE, 0};
    const problem nan = {"1", 0, 1, FANI_WEIGHT_COS, NAN};
    const problem still = {"1", 0, INFINITY, FANI_WEIGHT_COS, 0};
    const problem good = {"1", 0, 1, FANI_WEIGHT_COS, 1};
    const problem far = {"1", 0, 1e250, FANI_WEIGHT_COS, 1e60};
    const problem *bad[] = {&plain, &nan, &still, &far};
    void *state = NULL;
    fan_error error;
    for (int i = 0; i < 4; i++) {
        const fani_domain d = domain_of(bad[i]);
        EXPECT_I64(fani_method_filon.open(&f, &d, &goal, &state, &error), FAN_E_ARGUMENT);
    }
    const fani_domain d = domain_of(&good);
    EXPECT_I64(fani_method_auto_1d.open(&f, &d, &goal, &state, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "filon");
}

/* ---- Another method as the truth ------------------------------------------------------------- */

/* The plain integral of "(f)*cos(w*x)" or with sin, sharper than the goal. */
static fani_estimate plainly(const problem *p)
{
    char text[300];
    snprintf(text, sizeof text, "(%s)*%s(%.17g*x)", p->text,
             p->weight == FANI_WEIGHT_COS ? "cos" : "sin", p->frequency);
    fan_expression *e = parse(text);
    const fani_integrand_source source = {.expression = e, .dimension = 1, .components = 1};
    const fani_goal goal = {.rel = 1e-13, .evaluations_max = 4000000, .seed = 2};
    fani_domain d = domain_of(p);
    fani_integrand f;
    fani_estimate r;
    memset(&r, 0, sizeof r);
    d.weight = FANI_WEIGHT_NONE;
    EXPECT_TRUE(fani_integrand_make(&source, &f, NULL) == FAN_OK);
    EXPECT_TRUE(fani_integrate_rounds(&fani_method_gauss_kronrod, &f, &d, &goal, &r, NULL) ==
                FAN_OK);
    fan_expression_free(e);
    return r;
}

FAN_TEST(integrate_weight, claims_hold_against_gauss_kronrod)
{
    static const char *const texts[] = {"sqrt(abs(x - 0.3))",
                                        "1/(1e-4 + (x - 0.6)^2)",
                                        "exp(-1000*(x - 0.1234)^2)",
                                        "x^(-0.5)",
                                        "(2 - x)^0.3",
                                        "sin(40*x)",
                                        "x < 0.7 ? x : 2",
                                        "1/(1 + 25*x^2)",
                                        "log(x)^2",
                                        "exp(3*x)*cos(7*x)",
                                        "abs(sin(9*x))",
                                        "tanh(200*(x - 1.1))",
                                        "x^20",
                                        "exp(-1/x)",
                                        "floor(5*x)",
                                        "max(0, x - 1.99)",
                                        "exp(-1e6*(x - 0.77)^2)",
                                        "cos(40*x)^2"};
    static const double frequencies[] = {0.01, 1, 12.5, 40, 80, 333};
    unsigned claims = 0;
    unsigned all = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < 12; k++) {
            const problem p = {texts[i], 0, 2, k % 2 ? FANI_WEIGHT_SIN : FANI_WEIGHT_COS,
                               frequencies[k / 2]};
            const fani_estimate e = solve(&p, false);
            const fani_estimate t = plainly(&p);
            const double allowed =
                10 * fmax(1e-10 * fabs(t.value[0]), 50 * 0x1p-52 * e.absolute) + t.error[0];
            const bool claim = e.verdict == FANI_VERDICT_REACHED;
            all++;
            claims += claim;
            if (claim && !(fabs(e.value[0] - t.value[0]) <= allowed))
                shim_fail(__FILE__, __LINE__, "%s, frequency %g: %.17g, not %.17g", p.text,
                          p.frequency, e.value[0], t.value[0]);
        }
    EXPECT_TRUE(claims >= 0.95 * all);
}

static fan_status two(void *context, const double *const *points, size_t count,
                      double *const *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = exp(-points[0][i]);
        values[1][i] = points[0][i] < 0.3 ? 1 : 0;
    }
    return FAN_OK;
}

FAN_TEST(integrate_weight, components_and_break_points)
{
    const fani_integrand_source source = {.batch = two, .dimension = 1, .components = 2};
    const problem p = {NULL, 0, 1, FANI_WEIGHT_COS, 50};
    const fani_goal goal = {.rel = 1e-10, .evaluations_max = 400000, .seed = 1};
    const double at[] = {0.3};
    fani_domain d = domain_of(&p);
    fani_integrand f;
    fani_estimate e[2];
    ASSERT_I64(fani_integrand_make(&source, &f, NULL), FAN_OK);
    for (int i = 0; i < 2; i++) {
        d.break_count = (size_t)i;
        d.breaks = at;
        ASSERT_I64(fani_integrate_rounds(&fani_method_filon, &f, &d, &goal, &e[i], NULL), FAN_OK);
        EXPECT_I64(e[i].verdict, FANI_VERDICT_REACHED);
        EXPECT_NEAR(e[i].value[0], (1 + exp(-1) * (50 * sin(50) - cos(50))) / 2501, 1e-12);
        EXPECT_NEAR(e[i].value[1], sin(15) / 50, 1e-11);
    }
    EXPECT_TRUE(e[1].evaluations <= 256 && e[0].evaluations > 1000);
}
