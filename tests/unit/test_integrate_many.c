/* Methods for several dimensions: known values, honest errors, the same bits in any order of work.
 */
#include "shim/shim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "integrate/many/problems.h"
#include "kernel/integrate/lattice.h"
#include "kernel/integrate/methods_many.h"
#include "kernel/integrate/symmetric.h"
#include "kernel/integrate/uniform.h"

static const fani_method *const methods[] = {
    &fani_method_cubature, &fani_method_cubature9, &fani_method_vegas, &fani_method_lattice,
    &fani_method_product,  &fani_method_auto_many, &fani_method_nested};
enum { METHODS = sizeof methods / sizeof methods[0] };

/* ---- Integrands ------------------------------------------------------------------------------ */

typedef struct bump {
    double scale[FAN_INTEGRAL_DIMENSION_MAX];
    double factor;
    size_t dimension;
} bump;

/* factor / (1 + sum of scales * x)^2: smooth, no product, and made of operations that round the
 * same way everywhere. */
static fan_status bump_values(void *context, const double *const *points, size_t count,
                              double *const *values)
{
    const bump *b = context;
    for (size_t i = 0; i < count; i++) {
        double sum = 1;
        for (size_t k = 0; k < b->dimension; k++)
            sum += b->scale[k] * points[k][i];
        values[0][i] = b->factor / (sum * sum);
    }
    return FAN_OK;
}

/* A product of 1 / (1 + scale x). */
static fan_status product_values(void *context, const double *const *points, size_t count,
                                 double *const *values)
{
    const bump *b = context;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = b->factor;
        for (size_t k = 0; k < b->dimension; k++)
            values[0][i] /= 1 + b->scale[k] * points[k][i];
    }
    return FAN_OK;
}

static fan_status not_finite_values(void *context, const double *const *points, size_t count,
                                    double *const *values)
{
    const double edge = *(const double *)context;
    for (size_t i = 0; i < count; i++)
        values[0][i] = points[0][i] < edge ? NAN : 1;
    return FAN_OK;
}

typedef struct setting {
    fani_integrand_source source;
    fani_integrand f;
    fani_domain domain;
    fani_goal goal;
} setting;

static void set_up(setting *s, fan_integrand_batch *batch, void *context, size_t dimension)
{
    *s = (setting){.goal = {.rel = 1e-6, .evaluations_max = 200000, .seed = 7}};
    s->source = (fani_integrand_source){
        .batch = batch, .context = context, .dimension = dimension, .components = 1};
    s->domain.dimension = dimension;
    for (size_t k = 0; k < dimension; k++)
        s->domain.to[k].value = 1;
    if (fani_integrand_make(&s->source, &s->f, NULL) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "no integrand");
}

static bump make_bump(size_t dimension)
{
    bump b = {.factor = 1, .dimension = dimension};
    for (size_t k = 0; k < dimension; k++)
        b.scale[k] = 0.5 + (double)k;
    return b;
}

static fani_estimate integrate(const fani_method *method, const setting *s)
{
    fani_estimate e = {.verdict = FANI_VERDICT_OPEN};
    fan_error error = {0};
    if (fani_integrate_rounds(method, &s->f, &s->domain, &s->goal, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", method->name, error.text);
    return e;
}

/* ---- Rules and numbers ----------------------------------------------------------------------- */

/* The sum of a rule over an orbit's points of the monomial x1^a x2^b x3^c, by going through them.
 */
static double orbit_moment(const fani_orbit *orbit, size_t d, const unsigned *exponents)
{
    double sum = 0,
           values[3] = {orbit->a, orbit->shape == FANI_ORBIT_MIXED ? orbit->b : orbit->a, orbit->a};
    static const int nonzero[] = {0, 1, 2, 2, 3};
    size_t combinations = 1;
    for (size_t k = 0; k < d; k++)
        combinations *= 5;
    for (size_t code = 0; code < combinations; code++) { /* each coordinate: 0, +-a, +-b */
        double product = 1;
        int of_a = 0, of_b = 0;
        size_t rest = code;
        for (size_t k = 0; k < d; k++, rest /= 5) {
            const size_t digit = rest % 5;
            of_a += digit == 1 || digit == 2;
            of_b += digit >= 3;
            const double x = digit == 0 ? 0 : (digit % 2 ? 1 : -1) * values[digit >= 3];
            for (unsigned e = 0; k < 3 && e < exponents[k]; e++)
                product *= x;
        }
        const bool corners = orbit->shape == FANI_ORBIT_CORNERS && of_a == (int)d;
        const bool mixed = orbit->shape == FANI_ORBIT_MIXED && of_a == 1 && of_b == 1;
        const bool others = orbit->shape < FANI_ORBIT_CORNERS && orbit->shape != FANI_ORBIT_MIXED &&
                            of_b == 0 && of_a == nonzero[orbit->shape];
        if (corners || mixed || (others && of_b == 0))
            sum += product;
    }
    return sum;
}

FAN_TEST(integrate_many, rules_have_their_degrees)
{
    for (uint32_t shape = 0; shape < FANI_SYMMETRIC_SHAPES; shape++) {
        const fani_symmetric_shape *s = &fani_symmetric_shapes[shape];
        for (size_t d = shape == 0 ? 2 : 3; d <= 5; d++) {
            fani_symmetric_rule rule;
            fani_symmetric_make(shape, d, &rule);
            EXPECT_TRUE(rule.null_count >= 4);
            for (unsigned code = 0; code < 1000; code++) {
                const unsigned exponents[3] = {code / 100, code / 10 % 10, d > 2 ? code % 10 : 0};
                const unsigned degree = exponents[0] + exponents[1] + exponents[2];
                double exact = 1, sum = 0, nulls[FANI_ORBITS_MAX] = {0};
                if (degree > s->degree)
                    continue;
                for (int k = 0; k < 3; k++)
                    exact *= exponents[k] % 2 ? 0 : 1.0 / (exponents[k] + 1);
                for (size_t j = 0; j < s->count; j++) {
                    const double moment = orbit_moment(&s->orbits[j], d, exponents);
                    sum += rule.weights[j] * moment;
                    for (size_t i = 0; i < rule.null_count; i++)
                        nulls[i] += rule.nulls[i][j] * moment;
                }
                EXPECT_NEAR(sum, exact, 1e-13);
                for (size_t i = 0; i < rule.null_count && degree <= rule.null_degrees[i]; i++)
                    EXPECT_NEAR(nulls[i], 0, 1e-12);
            }
        }
    }
}

/* Of degree 7: the sum of x_k^6 and of products of the first ones. */
static fan_status polynomial_values(void *context, const double *const *points, size_t count,
                                    double *const *values)
{
    const bump *b = context;
    for (size_t i = 0; i < count; i++) {
        const double x = points[0][i], y = points[1][i], z = points[2][i];
        values[0][i] = x * x * y * y * z * z * z + x * x * x * x * y * y + x * y * z;
        for (size_t k = 0; k < b->dimension; k++)
            values[0][i] += pow(points[k][i], 6);
    }
    return FAN_OK;
}

FAN_TEST(integrate_many, cubature_is_exact_for_polynomials)
{
    for (size_t d = 3; d <= 7; d++) {
        const double exact = 1.0 / 36 + 1.0 / 15 + 1.0 / 8 + (double)d / 7;
        for (size_t i = 0; i < 2; i++) {
            bump b = make_bump(d);
            setting s;
            set_up(&s, polynomial_values, &b, d);
            s.goal.rel = 1e-2;
            EXPECT_NEAR(integrate(methods[i], &s).value[0], exact, 1e-13);
        }
    }
}

FAN_TEST(integrate_many, random_numbers_are_philox_of_the_sample)
{
    enum { COUNT = 64 };
    double values[6][COUNT], *u[6];
    static const char *const sets[] = {"scalar", "avx2", "avx512"};
    const uint64_t seed = UINT64_C(0x123456789ABCDEF0), first = UINT64_C(0x3FFFFFFE0);
    for (int k = 0; k < 6; k++)
        u[k] = values[k];
    for (int set = 0; set < 3; set++) {
        setenv("FANFOLD_ISA", sets[set], 1);
        fani_uniform(seed, 9, first, 6, COUNT, u);
        for (uint32_t i = 0; i < COUNT; i++) {
            for (uint32_t k = 0; k < 6; k++) {
                const uint64_t sample = first + i, number = sample / 32 * 8 + sample % 8;
                const uint32_t counter[4] = {(uint32_t)number, (uint32_t)(number >> 32), k, 9};
                const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
                uint32_t out[4];
                fani_philox(counter, key, out);
                EXPECT_NEAR(values[k][i], (out[sample / 8 % 4] + 0.5) * 0x1p-32, 0);
            }
        }
    }
    unsetenv("FANFOLD_ISA");
}

FAN_TEST(integrate_many, lattice_points_are_spread_along_each_axis)
{
    for (size_t k = 0; k < FAN_INTEGRAL_DIMENSION_MAX; k++) {
        EXPECT_U64(fani_lattice_vector[k] % 2, 1);
        EXPECT_TRUE(fani_lattice_vector[k] < 1U << FANI_LATTICE_DIGITS);
        for (size_t other = 0; other < k; other++)
            EXPECT_TRUE(fani_lattice_vector[k] != fani_lattice_vector[other]);
    }
}

/* ---- The same bits --------------------------------------------------------------------------- */

/* Goes through all rounds with items worked on from the last to the first. Where `keep`, the state
 * is saved and loaded before every round. */
static void integrate_oddly(const fani_method *method, const setting *s, bool keep,
                            fani_estimate *estimate)
{
    void *state = NULL;
    fani_round round;
    if (method->open(&s->f, &s->domain, &s->goal, &state, NULL) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s does not open", method->name);
    for (;;) {
        if (keep) {
            unsigned char *bytes = NULL;
            size_t size = 0;
            void *loaded = NULL;
            if (method->save(state, &bytes, &size) != FAN_OK ||
                method->load(&s->f, &s->domain, &s->goal, bytes, size, &loaded) != FAN_OK)
                shim_fail(__FILE__, __LINE__, "%s is not saved and loaded", method->name);
            method->close(state);
            state = loaded;
            free(bytes);
        }
        if (method->round(state, &round) != FAN_OK)
            shim_fail(__FILE__, __LINE__, "%s has no round", method->name);
        if (round.count == 0)
            break;
        unsigned char *replies = malloc(round.count * round.reply_size);
        for (size_t i = round.count; replies && i-- > 0;) {
            if (method->work(&s->f, &s->domain, round.bytes + i * round.item_size,
                             replies + i * round.reply_size) != FAN_OK)
                shim_fail(__FILE__, __LINE__, "%s does not work", method->name);
        }
        if (!replies || method->take(state, replies) != FAN_OK)
            shim_fail(__FILE__, __LINE__, "%s does not take", method->name);
        free(replies);
    }
    method->result(state, estimate);
    method->close(state);
}

static uint64_t bits(double x)
{
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    return word;
}

static void expect_same(const char *name, const fani_estimate *a, const fani_estimate *b)
{
    if (bits(a->value[0]) != bits(b->value[0]) || bits(a->error[0]) != bits(b->error[0]) ||
        a->evaluations != b->evaluations || a->verdict != b->verdict)
        shim_fail(__FILE__, __LINE__, "%s: %.17g +- %.3g (%llu), %.17g +- %.3g (%llu)", name,
                  a->value[0], a->error[0], (unsigned long long)a->evaluations, b->value[0],
                  b->error[0], (unsigned long long)b->evaluations);
}

FAN_TEST(integrate_many, order_of_work_and_saved_states_leave_the_bits)
{
    for (size_t i = 0; i < METHODS; i++) {
        const size_t d = methods[i] == &fani_method_nested ? 3 : 4;
        bump b = make_bump(d);
        setting s;
        fani_estimate plain, odd;
        set_up(&s, methods[i] == &fani_method_product ? product_values : bump_values, &b, d);
        s.goal.rel = 1e-9;
        plain = integrate(methods[i], &s);
        EXPECT_TRUE(plain.evaluations > 1000);
        integrate_oddly(methods[i], &s, false, &odd);
        expect_same(methods[i]->name, &plain, &odd);
        integrate_oddly(methods[i], &s, true, &odd);
        expect_same(methods[i]->name, &plain, &odd);
    }
}

FAN_TEST(integrate_many, instruction_sets_give_the_same_bits)
{
    for (size_t i = 0; i < METHODS; i++) {
        const size_t d = methods[i] == &fani_method_nested ? 3 : 5;
        bump b = make_bump(d);
        setting s;
        set_up(&s, methods[i] == &fani_method_product ? product_values : bump_values, &b, d);
        setenv("FANFOLD_ISA", "scalar", 1);
        const fani_estimate scalar = integrate(methods[i], &s);
        setenv("FANFOLD_ISA", "avx2", 1);
        const fani_estimate avx2 = integrate(methods[i], &s);
        unsetenv("FANFOLD_ISA");
        const fani_estimate most = integrate(methods[i], &s);
        expect_same(methods[i]->name, &scalar, &avx2);
        expect_same(methods[i]->name, &scalar, &most);
    }
}

FAN_TEST(integrate_many, malformed_states_are_refused)
{
    bump b = make_bump(3);
    for (size_t i = 0; i < METHODS; i++) {
        setting s;
        void *state = NULL, *loaded = NULL;
        unsigned char *bytes = NULL;
        size_t size = 0;
        fani_round round;
        set_up(&s, bump_values, &b, 3);
        ASSERT_I64(methods[i]->open(&s.f, &s.domain, &s.goal, &state, NULL), FAN_OK);
        ASSERT_I64(methods[i]->round(state, &round), FAN_OK);
        unsigned char *replies = calloc(round.count, round.reply_size);
        ASSERT_TRUE(replies != NULL);
        for (size_t j = 0; j < round.count; j++)
            ASSERT_I64(methods[i]->work(&s.f, &s.domain, round.bytes + j * round.item_size,
                                        replies + j * round.reply_size),
                       FAN_OK);
        ASSERT_I64(methods[i]->take(state, replies), FAN_OK);
        ASSERT_I64(methods[i]->save(state, &bytes, &size), FAN_OK);
        for (size_t cut = 0; cut < size; cut += size / 7 + 1)
            EXPECT_I64(methods[i]->load(&s.f, &s.domain, &s.goal, bytes, cut, &loaded),
                       FAN_E_PROTOCOL);
        memset(bytes, 0xFF, size);
        EXPECT_I64(methods[i]->load(&s.f, &s.domain, &s.goal, bytes, size, &loaded),
                   FAN_E_PROTOCOL);
        methods[i]->close(state);
        free(bytes);
        free(replies);
    }
}

/* ---- Values ---------------------------------------------------------------------------------- */

static double slack(const fani_estimate *a, const fani_estimate *b)
{
    return 2 * (a->error[0] + b->error[0]) + 1e-13 * (fabs(a->value[0]) + fabs(b->value[0]));
}

FAN_TEST(integrate_many, linear_in_the_integrand)
{
    bump b = make_bump(3), twice = b;
    twice.factor = -2.5;
    for (size_t i = 0; i < METHODS; i++) {
        setting one, two;
        fan_integrand_batch *batch =
            methods[i] == &fani_method_product ? product_values : bump_values;
        set_up(&one, batch, &b, 3);
        set_up(&two, batch, &twice, 3);
        const fani_estimate p = integrate(methods[i], &one), q = integrate(methods[i], &two);
        EXPECT_NEAR(q.value[0], -2.5 * p.value[0], 2.5 * slack(&p, &q));
        EXPECT_TRUE(p.error[0] < 1e-2 * p.value[0]);
    }
}

FAN_TEST(integrate_many, affine_maps_and_orders_of_variables)
{
    bump b = make_bump(3), mapped = b, turned = b;
    for (size_t k = 0; k < 3; k++) {
        mapped.scale[k] = b.scale[k] / 4; /* over [0, 4]^3 */
        turned.scale[k] = b.scale[2 - k];
    }
    for (size_t i = 0; i < METHODS; i++) {
        setting one, two, three;
        fan_integrand_batch *batch =
            methods[i] == &fani_method_product ? product_values : bump_values;
        set_up(&one, batch, &b, 3);
        set_up(&two, batch, &mapped, 3);
        set_up(&three, batch, &turned, 3);
        for (size_t k = 0; k < 3; k++)
            two.domain.to[k].value = 4;
        const fani_estimate p = integrate(methods[i], &one), q = integrate(methods[i], &two),
                            r = integrate(methods[i], &three);
        EXPECT_NEAR(q.value[0], 64 * p.value[0], 64 * slack(&p, &p) + slack(&q, &q));
        EXPECT_NEAR(r.value[0], p.value[0], slack(&p, &r));
    }
}

/* The integral of 1 / (1 + sum a x)^2 over the unit square, by its antiderivative. */
static double bump_exact(double a, double b)
{
    return (log1p(a) + log1p(b) - log1p(a + b)) / (a * b);
}

/* Claims on two standard errors: at least 90 % of 1000 seeds lie within. */
static void expect_coverage(const fani_method *method, uint64_t evaluations)
{
    bump b = {.scale = {3, 5}, .factor = 1, .dimension = 2};
    const double exact = bump_exact(3, 5);
    int within = 0;
    setting s;
    set_up(&s, bump_values, &b, 2);
    s.goal.rel = 0;
    s.goal.evaluations_max = evaluations;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        s.goal.seed = seed;
        const fani_estimate e = integrate(method, &s);
        within += fabs(e.value[0] - exact) <= e.error[0];
    }
    if (within < 900)
        shim_fail(__FILE__, __LINE__, "%s: %d of 1000 within", method->name, within);
    EXPECT_TRUE(within < 1000);
}

FAN_TEST(integrate_many, random_claims_hold_for_nine_of_ten_seeds)
{
    expect_coverage(&fani_method_vegas, 40000);
    expect_coverage(&fani_method_lattice, 4096);
}

FAN_TEST(integrate_many, the_set_is_solved_without_lies)
{
    many_problem *problems = NULL;
    const size_t count = many_problems_read(FAN_PROBLEMS_ND, &problems);
    size_t good = 0;
    ASSERT_TRUE(count >= 60);
    for (size_t i = 0; i < count; i++) {
        const many_problem *p = &problems[i];
        const fani_goal goal = {.rel = 1e-5, .evaluations_max = 10000000, .seed = 1};
        fani_estimate e;
        ASSERT_I64(
            fani_integrate_rounds(&fani_method_auto_many, &p->f, &p->domain, &goal, &e, NULL),
            FAN_OK);
        const double noise = 50 * 0x1p-52 * e.absolute;
        const double most = fmax(1e-5 * fabs(p->exact), noise);
        const double off = fabs(e.value[0] - p->exact);
        EXPECT_TRUE(e.chosen[0] != '\0');
        good += e.verdict == FANI_VERDICT_REACHED && off <= most;
        if (e.verdict == FANI_VERDICT_REACHED && off > 10 * most)
            shim_fail(__FILE__, __LINE__, "%s: %.12g, not %.12g", p->name, e.value[0], p->exact);
    }
    EXPECT_TRUE(4 * good >= 3 * count);
    many_problems_free(problems, count);
}

/* ---- What can't be done ---------------------------------------------------------------------- */

FAN_TEST(integrate_many, dimensions_beyond_a_method_name_another)
{
    bump b = make_bump(13);
    setting s;
    void *state = NULL;
    fan_error error = {0};
    set_up(&s, bump_values, &b, 13);
    EXPECT_I64(fani_method_cubature.open(&s.f, &s.domain, &s.goal, &state, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "vegas");
    set_up(&s, bump_values, &b, 2);
    EXPECT_I64(fani_method_cubature9.open(&s.f, &s.domain, &s.goal, &state, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "cubature takes 2");
    set_up(&s, bump_values, &b, 1);
    EXPECT_I64(fani_method_cubature.open(&s.f, &s.domain, &s.goal, &state, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "gauss-kronrod");
    set_up(&s, bump_values, &b, 13);
    const fani_estimate e = integrate(&fani_method_auto_many, &s);
    EXPECT_TRUE(e.value[0] > 0 && e.error[0] < 1e-2 * e.value[0]);
}

FAN_TEST(integrate_many, values_that_are_not_finite)
{
    double edge = 0.5;
    for (size_t i = 0; i < METHODS; i++) {
        setting s;
        set_up(&s, not_finite_values, &edge, 3);
        const fani_estimate e = integrate(methods[i], &s);
        EXPECT_I64(e.verdict, FANI_VERDICT_NOT_FINITE);
        EXPECT_TRUE(e.bad.count > 0 && e.bad.first_point[0] < edge);
    }
}
