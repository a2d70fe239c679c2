/* An expression at all points of a panel for all lanes. What depends on x alone is computed once a
 * point, not once a lane; the bits are the same, as a value depends on its operands alone. */
#include "expression.h"
#include "scan.h"

enum {
    LANES = FANI_SCAN_LANES,
    POINTS = FANI_SCAN_POINTS_PANEL,
    CALL = FANI_EXPRESSION_BLOCK / LANES, /* points of a panel at once for all lanes */
    LENGTH = 64,                          /* of a program that this is done for */
    ALL_LANES = -1,                       /* a slot that differs from lane to lane */
};

typedef struct machine {
    const fan_expression *e;
    const double *parameters;
    const double *x;
    const double (*columns)[FANI_POINTS_MAX];
    double (*values)[LANES];
    int source[FANI_EXPRESSION_VARIABLES]; /* of a slot: the instruction that made it, or ALL_LANES
                                            */
    bool uniform[LENGTH];
    double once[LENGTH][POINTS]; /* results of uniform instructions */
    double wide[3][FANI_EXPRESSION_BLOCK];
    double room[FANI_EXPRESSION_ROOM];
} machine;

static bool is_variable(uint16_t index)
{
    return index >= FANI_EXPRESSION_VARIABLES &&
           index < FANI_EXPRESSION_VARIABLES + FAN_INTEGRAL_DIMENSION_MAX;
}

/* An operand that is the same for all lanes, at each point; NULL where it differs. */
static const double *uniform_operand(const machine *m, uint16_t index)
{
    if (is_variable(index))
        return index == FANI_EXPRESSION_VARIABLES ? m->x : NULL;
    return m->source[index] == ALL_LANES ? NULL : m->once[m->source[index]];
}

/* Numbers that stand in the instruction. */
static void immediate(const machine *m, const fani_instruction *in, const double *operands[3])
{
    if (in->op == FANI_OP_CONSTANT)
        operands[0] = &m->e->constants[in->operands[0]];
    else if (in->op == FANI_OP_PARAMETER)
        operands[0] = &m->parameters[in->operands[0]];
    else if (in->op == FANI_OP_POWER)
        operands[1] = &m->e->constants[in->operands[1]];
}

static void note_result(machine *m, size_t i)
{
    const uint16_t out = m->e->program[i].out;
    if (out < FANI_EXPRESSION_VARIABLES)
        m->source[out] = m->uniform[i] ? (int)i : ALL_LANES;
}

/* Runs what does not differ between lanes. */
static void run_once(machine *m)
{
    for (size_t i = 0; i < m->e->length; i++) {
        const fani_instruction *in = &m->e->program[i];
        const double *operands[3] = {0};
        m->uniform[i] = true;
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++) {
            operands[k] = uniform_operand(m, in->operands[k]);
            m->uniform[i] = m->uniform[i] && operands[k];
        }
        immediate(m, in, operands);
        if (m->uniform[i])
            m->e->kernels[in->op](m->once[i], operands[0], operands[1], operands[2], POINTS);
        note_result(m, i);
    }
}

/* A uniform result at CALL points from `first` on, for all lanes. */
static void widen(const double *once, size_t first, double *out)
{
    for (size_t i = 0; i < CALL; i++) {
        const double value = once[first + i];
        for (size_t j = 0; j < LANES; j++)
            out[i * LANES + j] = value;
    }
}

static const double *wide_operand(machine *m, uint16_t index, size_t first, double *memory)
{
    const double *once = uniform_operand(m, index);
    if (once) {
        widen(once, first, memory);
        return memory;
    }
    return is_variable(index) ? m->columns[index - FANI_EXPRESSION_VARIABLES - 1]
                              : m->room + (size_t)index * FANI_EXPRESSION_BLOCK;
}

/* Runs the rest for CALL points. */
static void run_lanes(machine *m, size_t first)
{
    for (size_t i = 0; i < m->e->length; i++) {
        const fani_instruction *in = &m->e->program[i];
        const bool slot = in->out < FANI_EXPRESSION_VARIABLES;
        const double *operands[3] = {0};
        double *out = slot ? m->room + (size_t)in->out * FANI_EXPRESSION_BLOCK : m->values[first];
        if (m->uniform[i] && !slot)
            widen(m->once[i], first, out);
        if (!m->uniform[i]) {
            for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++)
                operands[k] = wide_operand(m, in->operands[k], first, m->wide[k]);
            immediate(m, in, operands);
            m->e->kernels[in->op](out, operands[0], operands[1], operands[2],
                                  FANI_EXPRESSION_BLOCK);
        }
        note_result(m, i);
    }
}

/* A long program as it is. */
static void run_plainly(const fan_expression *e, const double *parameters, const double *x,
                        const double (*columns)[FANI_POINTS_MAX], double (*values)[LANES])
{
    double wide[FANI_POINTS_MAX];
    const double *all[FAN_INTEGRAL_DIMENSION_MAX] = {wide};
    for (size_t k = 1; k < e->variable_count; k++)
        all[k] = columns[k - 1];
    for (size_t i = 0; i < POINTS; i += CALL) {
        widen(x, i, wide);
        fan_expression_evaluate(e, all, parameters, FANI_POINTS_MAX, &(double *){values[i]});
    }
}

/* Whether a program is short and reads no output again. */
static bool simple(const fan_expression *e)
{
    if (e->length > LENGTH || e->slots * FANI_EXPRESSION_BLOCK > FANI_EXPRESSION_ROOM)
        return false;
    for (size_t i = 0; i < e->length; i++)
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)e->program[i].op); k++)
            if (e->program[i].operands[k] >= FANI_EXPRESSION_OUTPUTS)
                return false;
    return true;
}

void fani_scan_evaluate(const fan_expression *e, const double *parameters, const double *x,
                        const double (*columns)[FANI_POINTS_MAX], double (*values)[FANI_SCAN_LANES])
{
    machine m;
    if (!simple(e)) {
        run_plainly(e, parameters, x, columns, values);
        return;
    }
    m.e = e;
    m.parameters = parameters;
    m.x = x;
    m.columns = columns;
    m.values = values;
    run_once(&m);
    for (size_t i = 0; i < POINTS; i += CALL)
        run_lanes(&m, i);
}
