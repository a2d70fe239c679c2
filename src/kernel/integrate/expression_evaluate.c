/* Running a program, a block of points an instruction. */
#include "expression.h"

enum { BLOCK = FANI_EXPRESSION_BLOCK, LANES = FANI_EXPRESSION_LANES };

typedef struct machine {
    const fan_expression *expression;
    const double *parameters;
    const double *points[FAN_INTEGRAL_DIMENSION_MAX];
    double slots[FANI_EXPRESSION_SLOTS][BLOCK];
    double tail[FAN_INTEGRAL_DIMENSION_MAX][LANES];
} machine;

static const double *operand(const machine *m, uint16_t index)
{
    return index < FANI_EXPRESSION_SLOTS ? m->slots[index]
                                         : m->points[index - FANI_EXPRESSION_SLOTS];
}

/* n is a multiple of LANES, at most BLOCK. */
static void run(machine *m, size_t n, double *values)
{
    const fan_expression *e = m->expression;
    for (size_t i = 0; i < e->length; i++) {
        const fani_instruction *in = &e->program[i];
        double *out = i + 1 < e->length ? m->slots[in->out] : values;
        const double *operands[3] = {0};
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++)
            operands[k] = operand(m, in->operands[k]);
        if (in->op == FANI_OP_CONSTANT)
            operands[0] = &e->constants[in->operands[0]];
        else if (in->op == FANI_OP_PARAMETER)
            operands[0] = &m->parameters[in->operands[0]];
        else if (in->op == FANI_OP_POWER)
            operands[1] = &e->constants[in->operands[1]];
        e->kernels[in->op](out, operands[0], operands[1], operands[2], n);
    }
}

/* Fewer points than LANES: the last one is repeated, so that every point is worked in a full vector
 * and its value can't depend on how many came with it. */
static void run_tail(machine *m, size_t n, double *values)
{
    double padded[LANES] = {0};
    for (size_t v = 0; v < m->expression->variable_count; v++) {
        for (size_t i = 0; i < LANES; i++)
            m->tail[v][i] = m->points[v][i < n ? i : n - 1];
        m->points[v] = m->tail[v];
    }
    run(m, LANES, padded);
    for (size_t i = 0; i < n; i++)
        values[i] = padded[i];
}

void fan_expression_evaluate(const fan_expression *expression, const double *const *points,
                             const double *parameters, size_t count, double *const *values)
{
    machine m;
    m.expression = expression;
    m.parameters = parameters;
    for (size_t done = 0; done < count;) {
        const size_t rest = count - done;
        const size_t n = rest < BLOCK ? rest - rest % LANES : BLOCK;
        for (size_t v = 0; v < expression->variable_count; v++)
            m.points[v] = points[v] + done;
        if (n > 0)
            run(&m, n, values[0] + done);
        else
            run_tail(&m, rest, values[0] + done);
        done += n > 0 ? n : rest;
    }
}
