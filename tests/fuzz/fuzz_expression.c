/* Expressions and lines of integrals. What is refused has a place; what is compiled has, at each
 * point, one value: alone or among others, and read back from its text. */
#include "fuzz.h"

#include <math.h>

#include "base/text.h"
#include "job/integral_spec.h"
#include "kernel/integrate/expression.h"

enum { POINTS = 13 };

static const double xs[POINTS] = {0,    1,   -1,    0.5, 2,         3.25, -7.5,
                                  1e-9, 1e9, 1e300, NAN, -INFINITY, 41};

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void require_told(const char *text, size_t size, fan_status status, const fan_error *error)
{
    char caret[300];
    REQUIRE(error->status == status && error->text[0]);
    for (size_t room = 16; room < sizeof caret; room += 71) {
        char *shown = malloc(room);
        REQUIRE(shown);
        REQUIRE(fan_expression_caret(text, size, error, shown, room) < room);
        free(shown);
    }
    if (status == FAN_E_SYNTAX)
        REQUIRE(error->line && error->column &&
                fan_expression_caret(text, size, error, caret, sizeof caret));
}

static void check_print(double value)
{
    char text[FANI_DOUBLE_TEXT_SIZE], again[FANI_DOUBLE_TEXT_SIZE];
    const char *end;
    double back;
    size_t size = fani_double_text(value, text);
    REQUIRE(size && size == strlen(text) && size < sizeof text);
    REQUIRE(fani_double_parse(text, &back, &end) && !*end && same(value, back));
    REQUIRE(fani_double_text(back, again) == size && !strcmp(text, again));
}

static void evaluate(const fan_expression *expression, size_t first, size_t count, double *values)
{
    static const double ys[POINTS] = {1, 2, -3, 0, 0.1, 7, 7.5, -0.0, 1e-300, 5, 5, INFINITY, NAN};
    const double *const points[] = {xs + first, ys + first}, parameters[] = {0.75};
    double *outputs[FAN_INTEGRAL_COMPONENTS_MAX];
    for (size_t c = 0; c < fan_expression_outputs(expression); c++)
        outputs[c] = values + c * count;
    fan_expression_evaluate(expression, points, parameters, count, outputs);
}

static void check_values(const fan_expression *expression)
{
    static double together[FAN_INTEGRAL_COMPONENTS_MAX * POINTS], again[sizeof together / 8];
    double alone[FAN_INTEGRAL_COMPONENTS_MAX];
    const size_t outputs = fan_expression_outputs(expression);
    REQUIRE(outputs >= 1 && outputs <= FAN_INTEGRAL_COMPONENTS_MAX);
    evaluate(expression, 0, POINTS, together);
    evaluate(expression, 0, POINTS, again);
    for (size_t i = 0; i < POINTS; i++) {
        evaluate(expression, i, 1, alone);
        for (size_t c = 0; c < outputs; c++) {
            const double value = together[c * POINTS + i];
            REQUIRE(same(value, again[c * POINTS + i]) && same(value, alone[c]));
            check_print(value);
        }
    }
}

static bool near(double a, double b)
{
    int exponent;
    if (same(a, b) || a == b)
        return true;
    (void)frexp(b, &exponent);
    exponent = exponent < -1021 ? -1021 : exponent;
    return isfinite(a) && isfinite(b) ? fabs(a - b) <= ldexp(6, exponent - 53)
           : isinf(a)                 ? same(copysign(1.7976931348623157e308, a), b)
                                      : same(copysign(1.7976931348623157e308, b), a);
}

/* Each instruction, on the same operands, gives nearly the same on every path: what comes of a
 * whole program need not, since 1/(a-b) makes any difference large. */
static void check_paths(const fan_expression *e)
{
    enum { LANES = FANI_EXPRESSION_LANES, OUTPUTS = FAN_INTEGRAL_COMPONENTS_MAX };
    static double places[FANI_EXPRESSION_OUTPUTS + OUTPUTS][LANES];
    for (size_t v = 0; v < 2; v++)
        memcpy(places[FANI_EXPRESSION_VARIABLES + v], xs + 3 * v, sizeof *places);
    for (size_t i = 0; i < e->length; i++) {
        const fani_instruction *in = &e->program[i];
        const double a = 0.75, *operands[3] = {0};
        double wanted[LANES], got[LANES];
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++)
            operands[k] = places[in->operands[k]];
        if (in->op == FANI_OP_CONSTANT)
            operands[0] = &e->constants[in->operands[0]];
        else if (in->op == FANI_OP_PARAMETER)
            operands[0] = &a;
        else if (in->op == FANI_OP_POWER)
            operands[1] = &e->constants[in->operands[1]];
        fani_kernels_reference[in->op](wanted, operands[0], operands[1], operands[2], LANES);
        for (fani_isa isa = FANI_ISA_SCALAR; isa <= fani_isa_machine(); isa++) {
            fani_kernels_of(isa)[in->op](got, operands[0], operands[1], operands[2], LANES);
            for (size_t l = 0; l < LANES; l++)
                REQUIRE(near(got[l], wanted[l]));
        }
        memcpy(places[in->out], wanted, sizeof wanted);
    }
}

/* The instructions stay within what the machine has. */
static void check_program(const fan_expression *e)
{
    REQUIRE(e->length > 0 && e->slots <= FANI_EXPRESSION_SLOTS);
    for (size_t i = 0; i < e->length; i++) {
        const fani_instruction *in = &e->program[i];
        REQUIRE(in->op < FANI_OP_COUNT);
        REQUIRE(in->out < e->slots || (in->out >= FANI_EXPRESSION_OUTPUTS &&
                                       in->out < FANI_EXPRESSION_OUTPUTS + e->output_count));
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++) {
            const uint16_t o = in->operands[k];
            REQUIRE(
                o < e->slots ||
                (o >= FANI_EXPRESSION_VARIABLES &&
                 o < FANI_EXPRESSION_VARIABLES + e->variable_count) ||
                (o >= FANI_EXPRESSION_OUTPUTS && o < FANI_EXPRESSION_OUTPUTS + e->output_count));
        }
    }
}

static void check_integral(const fan_expression *expression)
{
    static const fan_range ranges[] = {{0, 1}, {-INFINITY, 2}};
    const fan_integral integral = {.expression = expression,
                                   .parameters = (const double[]){0.75},
                                   .dimension = 2,
                                   .ranges = ranges,
                                   .points = 3};
    fan_integral_result result, again;
    fan_status status = fan_integrate(&integral, &result, NULL);
    REQUIRE(status == FAN_OK || status == FAN_E_NOT_FINITE);
    for (size_t c = 0; status == FAN_OK && c < result.components; c++)
        REQUIRE(isfinite(result.values[c]));
    REQUIRE(fan_integrate(&integral, &again, NULL) == status && same(result.value, again.value));
}

static void check_expression(const char *text, size_t size)
{
    const fan_expression_names names = {.variables = (const char *[]){"x", "y"},
                                        .variable_count = 2,
                                        .parameters = (const char *[]){"a"},
                                        .parameter_count = 1};
    fan_expression *expression = NULL;
    fan_error error = {0};
    fan_status status = fan_expression_parse(text, size, &names, &expression, &error);
    if (status != FAN_OK) {
        REQUIRE(!expression);
        require_told(text, size, status, &error);
        REQUIRE(fan_expression_parse(text, size, &names, &expression, NULL) == status);
        return;
    }
    check_program(expression);
    check_values(expression);
    check_paths(expression);
    check_integral(expression);
    fan_expression_free(expression);
}

/* A line of a list: "x^2; over x=0:1; parts 2". What it says travels to workers as bytes. */
static void check_line(const char *text, size_t size)
{
    char *line = strndup(text, size);
    fan_job *job;
    fan_error error = {0};
    fani_integral_spec spec;
    REQUIRE(line && fan_job_new("integrate", &job, NULL) == FAN_OK);
    fan_status status = fani_integral_from_line(job, line, &spec, &error);
    if (status != FAN_OK) {
        REQUIRE(error.text[0] && error.status == status);
        REQUIRE(error.column && error.column <= strlen(line) + 1);
    } else {
        fan_buffer bytes = {0};
        fani_ready_integral ready;
        REQUIRE(fani_integral_encode(&spec, spec.parts - 1, &bytes) == FAN_OK);
        status = fani_integral_ready(bytes.bytes, bytes.size, &ready, &error);
        REQUIRE(status == FAN_OK || error.text[0]);
        fani_integral_ready_clear(&ready);
        fan_buffer_clear(&bytes);
    }
    fani_integral_clear(&spec);
    fan_job_free(job);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *text = fuzz_copy(data, size);
    if (size && memchr(text, ';', size))
        check_line((const char *)text, size);
    else
        check_expression((const char *)text, size);
    free(text);
    return 0;
}
