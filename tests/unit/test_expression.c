/* Expressions: their meaning against C, their errors, and what hostile text gets. */
#include "shim/shim.h"

#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fanfold/integrate.h"
#include "kernel/integrate/expression.h"

static const char *const variables[] = {"x", "y", "z"};
static const char *const parameters[] = {"p", "q"};
static const fan_expression_names names = {
    .variables = variables, .variable_count = 3, .parameters = parameters, .parameter_count = 2};
/* Volatile: else the compiler computes functions itself, rounded better than libm does. */
static const volatile double x = 0.75, y = -2.5, z = 3;
static const volatile double p = 0.125, q = 7;

static bool same(double a, double b)
{
    return a == b ? signbit(a) == signbit(b) : isnan(a) && isnan(b);
}

static double value_of(const char *text)
{
    fan_expression *e = NULL;
    fan_error error;
    double value = NAN;
    if (fan_expression_parse(text, strlen(text), &names, &e, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "\"%s\" does not parse: column %u: %s", text, error.column,
                  error.text);
    else
        fan_expression_evaluate(e,
                                (const double *const[]){&(double){x}, &(double){y}, &(double){z}},
                                (const double[]){p, q}, 1, (double *[]){&value});
    fan_expression_free(e);
    return value;
}

static void expect_value(int line, const char *text, double wanted)
{
    const double value = value_of(text);
    if (!same(value, wanted))
        shim_fail(__FILE__, line, "%s is %.17g, expected %.17g", text, value, wanted);
}

/* Vector functions may differ from libm's by 4 ulp: test_expression_kernels.c. */
static void expect_close(int line, const char *text, double wanted)
{
    const double value = value_of(text);
    if (!(fabs(value - wanted) <= 4 * DBL_EPSILON * fabs(wanted)))
        shim_fail(__FILE__, line, "%s is %.17g, expected %.17g", text, value, wanted);
}

/* The same text is compiled by the C compiler and by us. */
#define LIKE_C(expression) expect_close(__LINE__, #expression, expression)
#define SAME_IN_C(expression) expect_value(__LINE__, #expression, expression)
#define VALUE(text, wanted) expect_value(__LINE__, text, wanted)

/* Leaving parentheses out is the point. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wparentheses"
FAN_TEST(expression, precedence_is_that_of_c)
{
    SAME_IN_C(x + y * z);
    SAME_IN_C((x + y) * z);
    SAME_IN_C(x - y - z);
    SAME_IN_C(x - (y - z));
    SAME_IN_C(x / y / z);
    SAME_IN_C(x / y * z);
    SAME_IN_C(x * y / z);
    SAME_IN_C(-x - -y);
    SAME_IN_C(- -x);
    SAME_IN_C(+x);
    SAME_IN_C(-x * y + z / p - q);
    SAME_IN_C(x + y < z);
    SAME_IN_C(x<y == z> p);
    SAME_IN_C(x < y != z >= p);
    SAME_IN_C(x <= x && y >= z);
    SAME_IN_C(x > y || y > z && z < x);
    SAME_IN_C((x > y || y > z) && z < x);
    SAME_IN_C(x == x);
    SAME_IN_C(x != x);
    SAME_IN_C(x > 0 ? y : z);
    SAME_IN_C(y > 0 ? y : z);
    SAME_IN_C(y > 0 ? 1 : x > 0 ? 2 : 3);
    SAME_IN_C(y < 0 ? x > 1 ? 1 : 2 : 3);
    SAME_IN_C(x < 0 || y < 0 ? 5 : 6);
    SAME_IN_C(x + (y > 0 ? 1 : 2) * 3);
    SAME_IN_C(0.1 + 0.2 + 0.3);
    SAME_IN_C(0.1 + (0.2 + 0.3));
    SAME_IN_C(1e-3 + .5 + 2. + 0x1p-4 + 1E2);
}

#pragma GCC diagnostic pop

FAN_TEST(expression, powers_bind_right_and_above_signs)
{
    VALUE("-x^2", -(x * x));
    VALUE("(-x)^2", x * x);
    VALUE("2^3^2", 512);
    VALUE("2**3**2", 512);
    VALUE("(2^3)^2", 64);
    VALUE("2^-1", 0.5);
    VALUE("-2^-2", -0.25);
    VALUE("2^-2^2", 0.0625);
    VALUE("2*x^3", 2 * (x * x * x));
    LIKE_C(pow(z, x));
    VALUE("x^3", x * x * x);
    VALUE("pow(x, -3)", 1 / (x * x * x));
    VALUE("z^2.5", sqrt(z) * (z * z));
    VALUE("z^0.5", sqrt(z));
    VALUE("!x^2", 0);
    VALUE("!x + 1", 1);
    VALUE("!!x", 1);
    VALUE("2^3^2", 512);
    LIKE_C(pow(x, pow(y, z)));
    VALUE("y^2", 6.25);
    VALUE("y^2^1", 6.25);
    VALUE("1/2", 0.5);
    VALUE("7%4", 3);
    VALUE("-7.5%2", -1.5);
    VALUE("2*7%4", 2);
}

FAN_TEST(expression, functions_are_those_of_c)
{
    LIKE_C(sin(x));
    LIKE_C(cos(x));
    LIKE_C(tan(x));
    LIKE_C(asin(x));
    LIKE_C(acos(x));
    LIKE_C(atan(y));
    LIKE_C(atan2(y, x));
    LIKE_C(sinh(y));
    LIKE_C(cosh(y));
    LIKE_C(tanh(y));
    LIKE_C(asinh(y));
    LIKE_C(acosh(z));
    LIKE_C(atanh(x));
    LIKE_C(exp(y));
    LIKE_C(exp2(y));
    LIKE_C(expm1(x));
    LIKE_C(log(x));
    LIKE_C(log2(x));
    LIKE_C(log10(x));
    LIKE_C(log1p(x));
    SAME_IN_C(sqrt(x));
    LIKE_C(cbrt(y));
    LIKE_C(pow(x, y));
    SAME_IN_C(fabs(y));
    SAME_IN_C(floor(y));
    SAME_IN_C(ceil(y));
    SAME_IN_C(round(y));
    SAME_IN_C(rint(y));
    SAME_IN_C(trunc(y));
    SAME_IN_C(fmod(y, x));
    SAME_IN_C(remainder(y, x));
    SAME_IN_C(copysign(x, y));
    SAME_IN_C(fdim(x, y));
    LIKE_C(hypot(x, y));
    LIKE_C(erf(x));
    LIKE_C(erfc(x));
    SAME_IN_C(tgamma(z));
    SAME_IN_C(lgamma(z));
    SAME_IN_C(j0(x));
    SAME_IN_C(j1(x));
    SAME_IN_C(y0(x));
    SAME_IN_C(y1(x));
    SAME_IN_C(fmin(x, y));
    SAME_IN_C(fmax(x, y));
    SAME_IN_C(logb(y));
    SAME_IN_C(nearbyint(y));
    SAME_IN_C(nextafter(x, y));
    VALUE("abs(y)", 2.5);
    VALUE("min(x, y)", y);
    VALUE("max(x, y)", x);
    VALUE("min(3, 2, 1, 2)", 1);
    VALUE("max(1, x, z, y)", 3);
    VALUE("min(1, 0/0)", NAN);
    VALUE("min(0/0, 1)", NAN);
    VALUE("max(1, 0/0)", NAN);
    VALUE("max(0/0, 1)", NAN);
    VALUE("fmin(1, 0/0)", 1);
    VALUE("sqrt(-1)", NAN);
    VALUE("1/0", INFINITY);
    VALUE("-1/0", -INFINITY);
}

FAN_TEST(expression, truth_of_not_a_number_is_that_of_c)
{
    VALUE("0/0 ? 1 : 2", 1);
    VALUE("!(0/0)", 0);
    VALUE("0/0 && 1", 1);
    VALUE("0/0 || 0", 1);
    VALUE("0/0 == 0/0", 0);
    VALUE("0/0 != 0/0", 1);
    VALUE("x*0/0 != x*0/0", 1);
    VALUE("0 && 0/0", 0);
}

FAN_TEST(expression, constants_and_names)
{
    VALUE("pi", M_PI);
    VALUE("e", M_E);
    VALUE("-inf", -INFINITY);
    VALUE("p + q*x", p + q * x);
    VALUE("\t x +\r\n y ", x + y);
    fan_expression *own = NULL;
    const fan_expression_names hide = {.variables = (const char *[]){"e", "_a1"},
                                       .variable_count = 2};
    ASSERT_I64(fan_expression_parse("e-_a1", 5, &hide, &own, NULL), FAN_OK);
    double value = 0;
    fan_expression_evaluate(own, (const double *const[]){&(double){x}, &(double){z}}, NULL, 1,
                            (double *[]){&value});
    EXPECT_NEAR(value, x - z, 0);
    fan_expression_free(own);
}

FAN_TEST(expression, bounds_are_constants)
{
    double value = 1;
    fan_error error;
    ASSERT_I64(fan_expression_constant("pi/2", &value, NULL), FAN_OK);
    EXPECT_NEAR(value, M_PI / 2, 0);
    ASSERT_I64(fan_expression_constant("-inf", &value, NULL), FAN_OK);
    EXPECT_TRUE(value == -INFINITY);
    ASSERT_I64(fan_expression_constant("inf - inf", &value, NULL), FAN_OK);
    EXPECT_TRUE(isnan(value));
    value = 5;
    EXPECT_I64(fan_expression_constant("x", &value, &error), FAN_E_SYNTAX);
    EXPECT_STR(error.text, "unknown name \"x\"; known: pi, e, inf");
    EXPECT_NEAR(value, 5, 0);
}

/* Every tail length, every offset: a value may depend on its point alone. */
FAN_TEST(expression, values_do_not_depend_on_the_batch)
{
    enum { N = 600 };
    static const char text[] = "exp(-x^2)*cos(3*x) + (x > 0.5 ? sqrt(x) : 1/(1+x)) % 0.3";
    static double points[N], whole[N], part[N];
    fan_expression *e = NULL;
    ASSERT_I64(fan_expression_parse(text, strlen(text), &names, &e, NULL), FAN_OK);
    for (int i = 0; i < N; i++)
        points[i] = i / 300.0;
    fan_expression_evaluate(e, (const double *const[]){points, points, points}, NULL, N,
                            (double *[]){whole});
    for (size_t size = 1; size <= 300; size += size < 20 ? 1 : 37) {
        for (size_t at = 0; at < N; at += size) {
            const double *here = points + at;
            const size_t n = N - at < size ? N - at : size;
            fan_expression_evaluate(e, (const double *const[]){here, here, here}, NULL, n,
                                    (double *[]){part + at});
        }
        for (size_t i = 0; i < N; i++)
            EXPECT_TRUE(same(whole[i], part[i]));
    }
    fan_expression_free(e);
}

/* ---- Several values -------------------------------------------------------------------------- */

enum { SEVERAL = 70 };

/* The values of each expression alone, and of all of them with commas between. */
static void check_together(const char *const *texts, size_t count)
{
    static double points[3][SEVERAL], alone[FAN_INTEGRAL_COMPONENTS_MAX][SEVERAL];
    static double values[FAN_INTEGRAL_COMPONENTS_MAX][SEVERAL];
    double *all[FAN_INTEGRAL_COMPONENTS_MAX];
    char text[4000] = "";
    fan_expression *e = NULL;
    const double *const at[] = {points[0], points[1], points[2]};
    for (size_t i = 0; i < 3 * (size_t)SEVERAL; i++)
        points[i / SEVERAL][i % SEVERAL] = 0.03 * (double)i - 1;
    for (size_t c = 0; c < count; c++) {
        strcat(strcat(text, c ? ", " : ""), texts[c]);
        all[c] = values[c];
        ASSERT_I64(fan_expression_parse(texts[c], strlen(texts[c]), &names, &e, NULL), FAN_OK);
        fan_expression_evaluate(e, at, (const double[]){p, q}, SEVERAL, (double *[]){alone[c]});
        fan_expression_free(e);
    }
    ASSERT_I64(fan_expression_parse(text, strlen(text), &names, &e, NULL), FAN_OK);
    ASSERT_U64(fan_expression_outputs(e), count);
    for (size_t n = 1; n <= SEVERAL; n += 23) {
        memset(values, 0, sizeof values);
        fan_expression_evaluate(e, at, (const double[]){p, q}, n, all);
        for (size_t c = 0; c < count; c++) {
            for (size_t i = 0; i < SEVERAL; i++)
                EXPECT_TRUE(i < n ? same(values[c][i], alone[c][i]) : values[c][i] == 0);
        }
    }
    fan_expression_free(e);
}

FAN_TEST(expression, several_values_are_those_of_each_alone)
{
    check_together((const char *[]){"x", "y", "x"}, 3);
    check_together((const char *[]){"2", "p", "2", "x + y", "y + x", "(x+y)*p"}, 6);
    check_together((const char *[]){"exp(x*y)", "exp(x*y)*z", "sin(exp(x*y)*z)", "x", "z^3"}, 5);
    check_together((const char *[]){"max(x, min(y, z))", "x < y ? z : q", "min(y, z) % 0.3"}, 3);
}

/* What is written twice is computed once: a program of its distinct nodes. */
FAN_TEST(expression, what_is_shared_is_computed_once)
{
    fan_expression *one = NULL, *ten = NULL;
    static const char single[] = "exp(-x^2)*cos(3*x)";
    static const char shared[] =
        "exp(-x^2)*cos(3*x), cos(3*x)*exp(-x^2), 2*(exp(-x^2)*cos(3*x)), cos(3*x), exp(-x^2)";
    ASSERT_I64(fan_expression_parse(single, strlen(single), &names, &one, NULL), FAN_OK);
    ASSERT_I64(fan_expression_parse(shared, strlen(shared), &names, &ten, NULL), FAN_OK);
    EXPECT_U64(ten->length, one->length + 3); /* a copy, 2, and its product */
    fan_expression_free(one);
    fan_expression_free(ten);
}

/* A thousand intermediate values that are used again, in the same order, at the very end. */
FAN_TEST(expression, what_is_shared_needs_slots)
{
    char *text = malloc(FAN_EXPRESSION_LENGTH_MAX + 1);
    ASSERT_TRUE(text);
    for (int count = 900; count <= 1100; count += 200) {
        char *at = text;
        for (int again = 0; again < 2; again++) {
            for (int i = 0; i < count; i++)
                at += sprintf(at, "%scos(x+%d)*%d", i || again ? "+" : "", i, again ? 3 : 2);
        }
        fan_expression *e = NULL;
        fan_error error;
        const fan_status status = fan_expression_parse(text, strlen(text), &names, &e, &error);
        EXPECT_I64(status, count < 1000 ? FAN_OK : FAN_E_TOO_LARGE);
        double wanted = 0, value = 0;
        for (int i = 0; i < count; i++)
            wanted += 5 * cos(x + i);
        if (status == FAN_OK) {
            fan_expression_evaluate(
                e, (const double *const[]){&(double){x}, &(double){y}, &(double){z}}, NULL, 1,
                (double *[]){&value});
            EXPECT_NEAR(value, wanted, 1e-10);
        } else {
            EXPECT_CONTAINS(error.text, "more than 1024 intermediate values");
        }
        fan_expression_free(e);
    }
    free(text);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static void expect_error(int line, const char *text, size_t length, fan_status status,
                         unsigned at_line, unsigned column, const char *part)
{
    fan_expression *untouched = (fan_expression *)&names;
    fan_expression *e = untouched;
    fan_error error = {.status = FAN_OK};
    const fan_status got = fan_expression_parse(text, length, &names, &e, &error);
    if (got != status || e != untouched || error.status != status)
        shim_fail(__FILE__, line, "\"%.60s\" gives %s", text, fan_status_name(got));
    else if (error.line != at_line || error.column != column || !strstr(error.text, part))
        shim_fail(__FILE__, line, "\"%.60s\": %u:%u: %s, expected %u:%u: ...%s", text, error.line,
                  error.column, error.text, at_line, column, part);
}

#define ERROR(text, column, part)                                                                  \
    expect_error(__LINE__, text, strlen(text), FAN_E_SYNTAX, 1, column, part)

FAN_TEST(expression, errors_name_the_column_and_what_was_expected)
{
    ERROR("", 1, "empty");
    ERROR("   ", 1, "empty");
    ERROR("1+", 3, "expected a number, a name or \"(\", found the end");
    ERROR("1+*2", 3, "found \"*\"");
    ERROR("(1", 3, "expected an operator or \")\", found the end");
    ERROR("1)", 2, "no \"(\" is open");
    ERROR("()", 2, "expected a number");
    ERROR("2x", 2, "a product needs its \"*\"");
    ERROR("2 (x)", 3, "a product needs its \"*\"");
    ERROR("x(2)", 1, "\"x\" is no function");
    ERROR("sin x", 5, "expected \"(\" after the function's name");
    ERROR("sin", 4, "expected \"(\"");
    ERROR("sin()", 5, "expected a number");
    ERROR("sin(1,2)", 6, "sin takes 1 value, found \",\"");
    ERROR("atan2(1)", 8, "atan2 takes 2 values, found \")\"");
    ERROR("atan2(1,2,3)", 10, "expected \")\": atan2 takes 2 values");
    ERROR("max(1)", 6, "max takes at least 2 values");
    ERROR("max(1,2", 8, "expected an operator, \",\" or \")\", found the end");
    ERROR("x + foo", 5, "unknown name \"foo\"; known: x, y, z, p, q, pi, e, inf");
    ERROR("1 + foo(2)", 5, "unknown function \"foo\"; known: abs, acos");
    ERROR("1+foo(2)", 3, "y0, y1");
    ERROR("0 < x < 1", 7, "comparisons don't chain");
    ERROR("x == y == z", 8, "comparisons don't chain");
    ERROR("x = 1", 3, "expected \"==\"");
    ERROR("x & y", 3, "expected \"&&\"");
    ERROR("x | y", 3, "expected \"||\"");
    ERROR("x ? y", 6, "expected an operator or \":\", found the end");
    ERROR("x ? y :", 8, "expected a number");
    ERROR("1 + coz(2)", 5, "unknown function \"coz\"; known: cos, abs, acos");
    ERROR("zz + 1", 1, "unknown name \"zz\"; known: z, x, y, p, q, pi, e, inf");
    ERROR("x, y,", 6, "expected a number, a name");
    ERROR("x, y)", 5, "expected an operator or the end");
    ERROR("1e999", 1, "too large for a double");
    ERROR("1 + .", 5, "expected a digit");
    ERROR("1 $ 2", 3, "\"$\" means nothing");
    ERROR("\xc3\xa9", 1, "0xc3");
    ERROR("1e", 2, "found \"e\"");
    expect_error(__LINE__, "1 +\n  2 +\n foo", 14, FAN_E_SYNTAX, 3, 2, "unknown name \"foo\"");
}

FAN_TEST(expression, hostile_text_is_refused_within_bounds)
{
    enum { MILLION = 1000000 };
    expect_error(__LINE__, "1 + \0 2", 7, FAN_E_SYNTAX, 1, 5, "NUL");
    char *text = malloc(MILLION);
    ASSERT_TRUE(text);
    memset(text, '(', MILLION);
    expect_error(__LINE__, text, MILLION, FAN_E_TOO_LARGE, 1, 1, "1000000 bytes");
    expect_error(__LINE__, text, FAN_EXPRESSION_LENGTH_MAX, FAN_E_TOO_LARGE, 1, 201, "200 deep");
    expect_error(__LINE__, text, 200, FAN_E_SYNTAX, 1, 201, "found the end");
    memset(text, '-', MILLION);
    expect_error(__LINE__, text, FAN_EXPRESSION_LENGTH_MAX, FAN_E_TOO_LARGE, 1, 201, "200 deep");
    memset(text, '!', MILLION);
    expect_error(__LINE__, text, FAN_EXPRESSION_LENGTH_MAX, FAN_E_TOO_LARGE, 1, 201, "200 deep");
    static const char *const chains[] = {"x^", "x?x:", "abs(", "2**"};
    for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
        const size_t size = strlen(chains[c]);
        for (size_t i = 0; i + size <= FAN_EXPRESSION_LENGTH_MAX; i++)
            text[i] = chains[c][i % size];
        fan_expression *e = NULL;
        fan_error error;
        EXPECT_I64(fan_expression_parse(text, 60000, &names, &e, &error), FAN_E_TOO_LARGE);
        EXPECT_CONTAINS(error.text, "200 deep");
    }
    free(text);
}

/* Trees as deep as they are long, both ways, within the longest text. */
FAN_TEST(expression, sums_long_and_nested_are_computed)
{
    static const size_t terms = 32000;
    static const size_t deep = 199;
    char *text = malloc(2 * terms + 1);
    ASSERT_TRUE(text);
    for (size_t i = 0; i < terms; i++) {
        text[2 * i] = 'z';
        text[2 * i + 1] = i + 1 < terms ? '+' : '\0';
    }
    VALUE(text, 3.0 * 32000);
    text[0] = '\0';
    char *at = text;
    for (size_t i = 0; i < deep; i++)
        at = stpcpy(at, "p+z*(");
    *at++ = 'x';
    memset(at, ')', deep);
    at[deep] = '\0';
    double horner = x;
    for (size_t i = 0; i < deep; i++)
        horner = p + z * horner;
    VALUE(text, horner);
    free(text);
}

/* Perfect trees of + and of ?: need the most intermediate values for their length. */
static char *perfect(char *at, int depth, bool ternary)
{
    if (depth == 0) {
        *at++ = 'p';
        return at;
    }
    *at++ = '(';
    at = perfect(at, depth - 1, ternary);
    *at++ = ternary ? '?' : '+';
    at = perfect(at, depth - 1, ternary);
    if (ternary) {
        *at++ = ':';
        at = perfect(at, depth - 1, ternary);
    }
    *at++ = ')';
    return at;
}

FAN_TEST(expression, the_widest_trees_fit_the_slots)
{
    char *text = malloc(FAN_EXPRESSION_LENGTH_MAX + 1);
    ASSERT_TRUE(text);
    *perfect(text, 13, false) = '\0';
    VALUE(text, 8192 * p);
    *perfect(text, 8, true) = '\0';
    VALUE(text, p);
    free(text);
}

FAN_TEST(expression, names_given_must_be_names)
{
    static const char *const bad[] = {"", "1x", "a b", "a-b", " a", "a ", "\xc3\xa9"};
    fan_expression *e = NULL;
    fan_error error;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const fan_expression_names given = {.variables = &bad[i], .variable_count = 1};
        EXPECT_I64(fan_expression_parse("1", 1, &given, &e, &error), FAN_E_ARGUMENT);
        EXPECT_CONTAINS(error.text, "is no name");
    }
    const fan_expression_names twice = {
        .variables = variables, .variable_count = 1, .parameters = variables, .parameter_count = 1};
    EXPECT_I64(fan_expression_parse("1", 1, &twice, &e, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "\"x\" is there twice");
    const fan_expression_names many = {.variables = variables, .variable_count = 17};
    EXPECT_I64(fan_expression_parse("1", 1, &many, &e, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(!e);
}

/* ---- The caret ------------------------------------------------------------------------------- */

static void expect_caret(int line, const char *text, unsigned at_line, unsigned column, size_t size,
                         const char *wanted)
{
    char buffer[512];
    memset(buffer, '#', sizeof buffer);
    const fan_error error = {.line = at_line, .column = column};
    const size_t length = fan_expression_caret(text, strlen(text), &error, buffer, size);
    if (length >= size || buffer[length] != '\0' || buffer[size] != '#')
        shim_fail(__FILE__, line, "the caret writes %zu of %zu bytes", length, size);
    else if (strcmp(buffer, wanted) != 0)
        shim_fail(__FILE__, line, "the caret is\n%s\nexpected\n%s", buffer, wanted);
}

FAN_TEST(expression, the_caret_stands_under_the_column)
{
    expect_caret(__LINE__, "x+$", 1, 3, 300, "x+$\n  ^");
    expect_caret(__LINE__, "x+", 1, 3, 300, "x+\n  ^");
    expect_caret(__LINE__, "", 1, 1, 300, "\n^");
    expect_caret(__LINE__, "1+\nfoo\n", 2, 1, 300, "foo\n^");
    expect_caret(__LINE__, "1+\r\nfoo\r\n", 2, 2, 300, "foo\n ^");
    expect_caret(__LINE__, "\xc3\xa9+$", 1, 4, 300, "\xc3\xa9+$\n  ^");
    expect_caret(__LINE__, "\t\x1b[1m$", 1, 6, 300, "??[1m$\n     ^");
    expect_caret(__LINE__, "abcdefghijklmnopqrstuvwxyz", 1, 20, 16, "qrstuv\n   ^");
    expect_caret(__LINE__, "x", 1, 0, 300, "");
    expect_caret(__LINE__, "x", 2, 1, 300, "");
    expect_caret(__LINE__, "x", 1, 3, 300, "");
}

FAN_TEST(expression, the_caret_shows_a_window_of_a_long_line)
{
    char text[1001];
    memset(text, 'x', 1000);
    text[700] = '$';
    text[1000] = '\0';
    const fan_error error = {.line = 1, .column = 701};
    char buffer[300];
    fan_expression_caret(text, 1000, &error, buffer, sizeof buffer);
    const char *caret = strchr(buffer, '^');
    const char *line_end = strchr(buffer, '\n');
    ASSERT_TRUE(caret && line_end && line_end - buffer == 100);
    EXPECT_TRUE(buffer[caret - line_end - 1] == '$');
}

/* ---- Numbers as text ------------------------------------------------------------------------- */

static void expect_text(int line, double value, const char *wanted)
{
    char text[FANI_DOUBLE_TEXT_SIZE];
    const size_t length = fani_double_text(value, text);
    double back = 1;
    const char *end = text;
    if (strcmp(text, wanted) != 0 || length != strlen(wanted))
        shim_fail(__FILE__, line, "%.17g is written %s, expected %s", value, text, wanted);
    else if (!fani_double_parse(text, &back, &end) || *end || !same(back, value))
        shim_fail(__FILE__, line, "%s reads back as %.17g", text, back);
}

FAN_TEST(expression, doubles_are_written_shortest)
{
    expect_text(__LINE__, 0, "0");
    expect_text(__LINE__, -0.0, "-0");
    expect_text(__LINE__, 1, "1");
    expect_text(__LINE__, -100000, "-100000");
    expect_text(__LINE__, 0.1, "0.1");
    expect_text(__LINE__, 0.1 + 0.2, "0.30000000000000004");
    expect_text(__LINE__, 1.0007851925466296, "1.0007851925466296");
    expect_text(__LINE__, 1e14, "100000000000000");
    expect_text(__LINE__, 1e15, "1e+15");
    expect_text(__LINE__, 123456789012345678.0, "1.2345678901234568e+17");
    expect_text(__LINE__, 0.0001, "0.0001");
    expect_text(__LINE__, 0.00001, "1e-05");
    expect_text(__LINE__, 1.7976931348623157e308, "1.7976931348623157e+308");
    expect_text(__LINE__, INFINITY, "inf");
    expect_text(__LINE__, -INFINITY, "-inf");
    expect_text(__LINE__, NAN, "nan");
}

/* The promise itself, against printf in the C locale. */
FAN_TEST(expression, doubles_are_written_as_printf_does)
{
    uint64_t bits = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 2)
            value = (double)(int64_t)(bits >> 30) / 1024;
        if (!isfinite(value))
            continue;
        char wanted[64];
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(wanted, sizeof wanted, "%.*g", precision, value);
            if (strtod(wanted, NULL) == value)
                break;
        }
        expect_text(__LINE__, value, wanted);
    }
}

FAN_TEST(expression, numbers_are_read_from_their_start)
{
    double value = 7;
    const char *end = NULL;
    EXPECT_TRUE(!fani_double_parse(" 1", &value, &end));
    EXPECT_TRUE(!fani_double_parse("", &value, &end));
    EXPECT_TRUE(!fani_double_parse("x", &value, &end));
    EXPECT_TRUE(value == 7 && !end);
    EXPECT_TRUE(fani_double_parse("1,5", &value, &end) && value == 1 && *end == ',');
    EXPECT_TRUE(fani_double_parse("-2.5e1x", &value, &end) && value == -25 && *end == 'x');
    EXPECT_TRUE(fani_double_parse("0x.8p1", &value, &end) && value == 1 && !*end);
}

FAN_TEST(expression, the_locale_changes_nothing)
{
    static const char *const wanted[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    locale_t comma = (locale_t)0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && !comma; i++)
        comma = newlocale(LC_ALL_MASK, wanted[i], (locale_t)0);
    if (!comma)
        SKIP("no locale with a decimal comma is installed");
    const locale_t before = uselocale(comma);
    char printed[16];
    snprintf(printed, sizeof printed, "%.1f", 0.5);
    VALUE("1.5 + .25", 1.75);
    expect_text(__LINE__, 1.5, "1.5");
    expect_text(__LINE__, 1.5e-7, "1.5e-07");
    uselocale(before);
    freelocale(comma);
    EXPECT_STR(printed, "0,5"); /* else nothing was tested */
}
