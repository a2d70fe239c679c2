/* Methods for several dimensions: known values, honest errors, the same bits in any order of work.
 */
#include "shim/shim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "integrate/many/problems.h"
#include "kernel/integrate/cubature.h"
#include "kernel/integrate/lattice.h"
#include "kernel/integrate/methods_many.h"
#include "kernel/integrate/symmetric.h"
#include "kernel/integrate/uniform.h"

static const fani_method *const methods[] = {
    &fani_method_cubature,   &fani_method_cubature9, &fani_method_cubature11,
    &fani_method_cubature13, &fani_method_vegas,     &fani_method_lattice,
    &fani_method_product,    &fani_method_auto_many, &fani_method_nested};
enum { METHODS = sizeof methods / sizeof methods[0] };

/* `usual` dimensions, or as many as the method can do. */
static size_t dimensions_of(const fani_method *method, size_t usual)
{
    if (method == &fani_method_cubature13)
        return 2;
    return method == &fani_method_nested || method == &fani_method_cubature11 ? 3 : usual;
}

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

/* The sum over an orbit's points of the monomial x1^a x2^b x3^c, by going through them. */
static double orbit_moment(const fani_orbit *orbit, size_t d, const unsigned *exponents)
{
    const bool has_b = orbit->shape == FANI_ORBIT_MIXED || orbit->shape == FANI_ORBIT_DOUBLE;
    static const int all_of_a[] = {0, 1, 2, 1, 3, 2};
    const int wanted_a = orbit->shape == FANI_ORBIT_CORNERS ? (int)d : all_of_a[orbit->shape];
    const double values[2] = {orbit->a, orbit->b};
    double sum = 0;
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
        if (of_a == wanted_a && of_b == has_b)
            sum += product;
    }
    return sum;
}

/* What the rule gives for a monomial less its mean over the cube; nulls[i]: null rule i's sum. */
static double moment_error(const fani_symmetric_rule *rule, size_t d, const unsigned exponents[3],
                           double nulls[FANI_ORBITS_MAX])
{
    const fani_symmetric_shape *s = &fani_symmetric_shapes[rule->shape];
    double exact = 1, sum = 0;
    for (int k = 0; k < 3; k++)
        exact *= exponents[k] % 2 ? 0 : 1.0 / (exponents[k] + 1);
    memset(nulls, 0, FANI_ORBITS_MAX * sizeof *nulls);
    for (size_t j = 0; j < s->count; j++) {
        const double moment = orbit_moment(&s->orbits[j], d, exponents);
        sum += rule->weights[j] * moment;
        for (size_t i = 0; i < rule->null_count; i++)
            nulls[i] += rule->nulls[i][j] * moment;
    }
    return sum - exact;
}

/* Exact up to the degree and not beyond, null rules likewise; points inside; as many as said. */
static void expect_degree(uint32_t shape, size_t d)
{
    const fani_symmetric_shape *s = &fani_symmetric_shapes[shape];
    const unsigned base = s->degree + 2;
    fani_symmetric_rule rule;
    double beyond = 0, beyond_null = 0, nulls[FANI_ORBITS_MAX];
    fani_symmetric_make(shape, d, &rule);
    EXPECT_TRUE(rule.null_count >= 4 && rule.null_degrees[0] + 2 == s->degree);
    for (unsigned code = 0; code < base * base * (d > 2 ? base : 1); code++) {
        const unsigned exponents[3] = {code % base, code / base % base, code / base / base};
        const unsigned degree = exponents[0] + exponents[1] + exponents[2];
        if (degree > s->degree + 1)
            continue;
        const double off = moment_error(&rule, d, exponents, nulls);
        if (degree > s->degree)
            beyond = fmax(beyond, fabs(off));
        else
            EXPECT_NEAR(off, 0, 1e-13);
        for (size_t i = 0; i < rule.null_count && degree <= rule.null_degrees[i]; i++)
            EXPECT_NEAR(nulls[i], 0, 1e-12);
        if (degree == rule.null_degrees[0] + 1)
            beyond_null = fmax(beyond_null, fabs(nulls[0]));
    }
    EXPECT_TRUE(beyond > 1e-7 && beyond_null > 1e-5);
    for (size_t j = 0; j < s->count; j++) {
        EXPECT_TRUE(s->orbits[j].a < 1 && s->orbits[j].b < 1);
        EXPECT_NEAR(orbit_moment(&s->orbits[j], d, (const unsigned[3]){0, 0, 0}),
                    (double)fani_orbit_points(&s->orbits[j], d), 0);
    }
}

FAN_TEST(integrate_many, rules_have_their_degrees)
{
    for (uint32_t shape = 0; shape < FANI_SYMMETRIC_SHAPES; shape++) {
        const fani_symmetric_shape *s = &fani_symmetric_shapes[shape];
        for (size_t d = s->least; d <= s->most && d <= 5; d++)
            expect_degree(shape, d);
    }
    EXPECT_I64(fani_symmetric_points(&fani_symmetric_shapes[FANI_SYMMETRIC_11], 3), 127);
    EXPECT_I64(fani_symmetric_points(&fani_symmetric_shapes[FANI_SYMMETRIC_13], 2), 65);
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

static fan_status third_values(void *context, const double *const *points, size_t count,
                               double *const *values)
{
    (void)context, (void)points;
    for (size_t i = 0; i < count; i++)
        values[0][i] = 1.0 / 3;
    return FAN_OK;
}

/* All points agree; yet a value is no better known than to its last digits. */
FAN_TEST(integrate_many, a_constant_is_known_up_to_rounding)
{
    for (size_t i = 0; i < METHODS; i++) {
        setting s;
        set_up(&s, third_values, NULL, dimensions_of(methods[i], 3));
        const fani_estimate e = integrate(methods[i], &s);
        EXPECT_NEAR(e.value[0], 1.0 / 3, 4 * e.error[0]); /* of random ones two deviations */
        SHIM_CHECK(e.error[0] > 0x1p-53 / 3, (void)0, "%s: error %g", methods[i]->name, e.error[0]);
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
        const size_t d = dimensions_of(methods[i], 4);
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
        const size_t d = dimensions_of(methods[i], 5);
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

/* The first item of a round that has as many regions as an item can have. */
static unsigned char *full_item(const fani_method *method, const setting *s)
{
    void *state = NULL;
    unsigned char *item = NULL;
    if (method->open(&s->f, &s->domain, &s->goal, &state, NULL) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s does not open", method->name);
    while (!item) {
        fani_round round;
        if (method->round(state, &round) != FAN_OK || round.count == 0)
            break;
        unsigned char *replies = calloc(round.count, round.reply_size);
        for (size_t i = 0; i < round.count; i++)
            method->work(&s->f, &s->domain, round.bytes + i * round.item_size,
                         replies + i * round.reply_size);
        if (round.count > 1) {
            item = malloc(round.item_size);
            memcpy(item, round.bytes, round.item_size);
        }
        method->take(state, replies);
        free(replies);
    }
    method->close(state);
    return item;
}

/* Regions are worked on in groups of lanes; the last group may have any number of them. */
static void expect_alone(const setting *s, unsigned char *item)
{
    static const char *const isas[] = {"scalar", "avx2", "avx512"};
    unsigned char all[16384], some[16384];
    fani_cubature_item *head = (fani_cubature_item *)(void *)item;
    const size_t told = fani_cubature_told_size(1), reply = fani_cubature_reply_size(1);
    ASSERT_TRUE(head->count == FANI_CUBATURE_REGIONS && reply <= sizeof all);
    ASSERT_I64(fani_cubature_work(&s->f, &s->domain, item, all), FAN_OK);
    for (size_t isa = 0; isa < 3; isa++) {
        setenv("FANFOLD_ISA", isas[isa], 1);
        for (head->count = 1; head->count <= FANI_CUBATURE_REGIONS; head->count++) {
            const size_t same = sizeof(fani_bad_values) + head->count * told;
            memset(some, 255, sizeof some);
            EXPECT_I64(fani_cubature_work(&s->f, &s->domain, item, some), FAN_OK);
            EXPECT_TRUE(memcmp(some, all, same) == 0);
            for (size_t k = same; k < reply; k++)
                EXPECT_I64(some[k], 0);
        }
        unsetenv("FANFOLD_ISA");
    }
    EXPECT_I64(fani_cubature_work(&s->f, &s->domain, item, some), FAN_E_PROTOCOL);
}

FAN_TEST(integrate_many, a_region_does_not_depend_on_those_beside_it)
{
    for (size_t i = 0; i < 4; i++) {
        bump b = make_bump(dimensions_of(methods[i], 4));
        setting s;
        set_up(&s, bump_values, &b, b.dimension);
        s.goal.rel = 1e-12;
        for (size_t k = 0; k < b.dimension; k++)
            b.scale[k] *= 1000; /* a peak, which needs many regions at once */
        unsigned char *item = full_item(methods[i], &s);
        ASSERT_TRUE(item != NULL);
        expect_alone(&s, item);
        free(item);
    }
}

FAN_TEST(integrate_many, malformed_states_are_refused)
{
    for (size_t i = 0; i < METHODS; i++) {
        bump b = make_bump(dimensions_of(methods[i], 3));
        setting s;
        void *state = NULL, *loaded = NULL;
        unsigned char *bytes = NULL;
        size_t size = 0;
        fani_round round;
        set_up(&s, bump_values, &b, b.dimension);
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
    for (size_t i = 0; i < METHODS; i++) {
        bump b = make_bump(dimensions_of(methods[i], 3)), twice = b;
        setting one, two;
        fan_integrand_batch *batch =
            methods[i] == &fani_method_product ? product_values : bump_values;
        twice.factor = -2.5;
        set_up(&one, batch, &b, b.dimension);
        set_up(&two, batch, &twice, b.dimension);
        const fani_estimate p = integrate(methods[i], &one), q = integrate(methods[i], &two);
        EXPECT_NEAR(q.value[0], -2.5 * p.value[0], 2.5 * slack(&p, &q));
        EXPECT_TRUE(p.error[0] < 1e-2 * p.value[0]);
    }
}

FAN_TEST(integrate_many, affine_maps_and_orders_of_variables)
{
    for (size_t i = 0; i < METHODS; i++) {
        const size_t d = dimensions_of(methods[i], 3);
        bump b = make_bump(d), mapped = b, turned = b;
        setting one, two, three;
        fan_integrand_batch *batch =
            methods[i] == &fani_method_product ? product_values : bump_values;
        set_up(&one, batch, &b, d);
        set_up(&two, batch, &mapped, d);
        set_up(&three, batch, &turned, d);
        for (size_t k = 0; k < d; k++) {
            mapped.scale[k] = b.scale[k] / 4; /* over [0, 4]^d */
            two.domain.to[k].value = 4;
            turned.scale[k] = b.scale[d - 1 - k];
        }
        const double larger = pow(4, (double)d);
        const fani_estimate p = integrate(methods[i], &one), q = integrate(methods[i], &two),
                            r = integrate(methods[i], &three);
        EXPECT_NEAR(q.value[0], larger * p.value[0], larger * slack(&p, &p) + slack(&q, &q));
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
    EXPECT_I64(fani_method_cubature11.open(&s.f, &s.domain, &s.goal, &state, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "cubature11 needs 3 dimensions; cubature takes 2");
    set_up(&s, bump_values, &b, 3);
    EXPECT_I64(fani_method_cubature13.open(&s.f, &s.domain, &s.goal, &state, &error),
               FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "cubature13 needs 2 dimensions; cubature and cubature9 take 3");
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
        set_up(&s, not_finite_values, &edge, dimensions_of(methods[i], 3));
        const fani_estimate e = integrate(methods[i], &s);
        EXPECT_I64(e.verdict, FANI_VERDICT_NOT_FINITE);
        EXPECT_TRUE(e.bad.count > 0 && e.bad.first_point[0] < edge);
    }
}
