/* Running a program, a block of points an instruction. */
#include "expression.h"

enum { LANES = FANI_EXPRESSION_LANES, OUTPUTS_MAX = FAN_INTEGRAL_COMPONENTS_MAX };

typedef struct machine {
    const fan_expression *expression;
    const double *parameters;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double *values[OUTPUTS_MAX];
    size_t block; /* points at once: so many that the slots fit the room */
    _Alignas(64) double room[FANI_EXPRESSION_ROOM];
    double tail[FAN_INTEGRAL_DIMENSION_MAX][LANES];
    double tail_values[OUTPUTS_MAX][LANES];
} machine;

static double *place(machine *m, uint16_t index)
{
    if (index >= FANI_EXPRESSION_OUTPUTS)
        return m->values[index - FANI_EXPRESSION_OUTPUTS];
    return m->room + index * m->block;
}

static const double *operand(machine *m, uint16_t index)
{
    const unsigned variable = (unsigned)index - FANI_EXPRESSION_VARIABLES;
    return variable < FAN_INTEGRAL_DIMENSION_MAX ? m->points[variable] : place(m, index);
}

/* The first `length` instructions; n is a multiple of LANES, at most the block. */
static void run(machine *m, size_t length, size_t n)
{
    const fan_expression *e = m->expression;
    for (size_t i = 0; i < length; i++) {
        const fani_instruction *in = &e->program[i];
        const double *operands[3] = {0};
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++)
            operands[k] = operand(m, in->operands[k]);
        if (in->op == FANI_OP_CONSTANT)
            operands[0] = &e->constants[in->operands[0]];
        else if (in->op == FANI_OP_PARAMETER)
            operands[0] = &m->parameters[in->operands[0]];
        else if (in->op == FANI_OP_POWER)
            operands[1] = &e->constants[in->operands[1]];
        e->kernels[in->op](place(m, in->out), operands[0], operands[1], operands[2], n);
    }
}

/* Fewer points than LANES: the last one is repeated, so that every point is worked in a full vector
 * and its value can't depend on how many came with it. */
static void run_tail(machine *m, size_t n, size_t done, double *const *values)
{
    const fan_expression *e = m->expression;
    for (size_t v = 0; v < e->variable_count; v++) {
        for (size_t i = 0; i < LANES; i++)
            m->tail[v][i] = m->points[v][i < n ? i : n - 1];
        m->points[v] = m->tail[v];
    }
    for (size_t o = 0; o < e->output_count; o++)
        m->values[o] = m->tail_values[o];
    run(m, e->length, LANES);
    for (size_t o = 0; o < e->output_count; o++) {
        for (size_t i = 0; i < n; i++)
            values[o][done + i] = m->tail_values[o][i];
    }
}

/* A multiple of LANES, the whole block where the program has few slots. */
static size_t block_of(const fan_expression *expression)
{
    const size_t slots = expression->slots ? expression->slots : 1;
    const size_t fits = FANI_EXPRESSION_ROOM / slots;
    return fits < FANI_EXPRESSION_BLOCK ? fits - fits % LANES : FANI_EXPRESSION_BLOCK;
}

void fan_expression_evaluate(const fan_expression *expression, const double *const *points,
                             const double *parameters, size_t count, double *const *values)
{
    machine m;
    m.expression = expression;
    m.parameters = parameters;
    m.block = block_of(expression);
    for (size_t done = 0; done < count;) {
        const size_t rest = count - done;
        const size_t n = rest < m.block ? rest - rest % LANES : m.block;
        for (size_t v = 0; v < expression->variable_count; v++)
            m.points[v] = points[v] + done;
        for (size_t o = 0; o < expression->output_count; o++)
            m.values[o] = values[o] + done;
        if (n > 0)
            run(&m, expression->length, n);
        else
            run_tail(&m, rest, done, values);
        done += n > 0 ? n : rest;
    }
}

bool fani_expression_add(const fan_expression *e, fani_wave *wave, const double *points,
                         const double *parameters, const double *weights, fani_lanes *lanes)
{
    machine m;
    m.expression = e;
    m.parameters = parameters;
    m.block = FANI_GRID_RUN;
    m.points[0] = points;
    run(&m, e->length - 1, FANI_GRID_RUN);
    return wave(lanes, operand(&m, e->program[e->length - 1].operands[0]), weights);
}
