/* An expression at all points of a panel for all lanes. What depends on x alone is computed once a
 * point, what depends on the parameters alone once a block; the bits are the same, as a value
 * depends on its operands alone. */
#include <string.h>

#include "expression.h"
#include "scan.h"

enum {
    LANES = FANI_SCAN_LANES,
    POINTS = FANI_SCAN_POINTS_PANEL,
    CALL = FANI_SCAN_CALL,
    LENGTH = FANI_SCAN_LENGTH,
    ROOM = sizeof((fani_scan_machine *)0)->room / sizeof(double),
};

/* ---- Sorting --------------------------------------------------------------------------------- */

/* Whether a program is short, has room, and reads no output again. */
static bool is_simple(const fan_expression *e)
{
    if (e->length > LENGTH || e->slots * CALL / 2 * LANES > ROOM)
        return false;
    for (size_t i = 0; i < e->length; i++)
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)e->program[i].op); k++)
            if (e->program[i].operands[k] >= FANI_EXPRESSION_OUTPUTS)
                return false;
    return true;
}

/* `source` has, of each slot, the instruction that made what is in it. */
static fani_scan_operand operand_of(const fani_scan_machine *m, uint16_t index,
                                    const uint8_t *source)
{
    if (index == FANI_EXPRESSION_VARIABLES)
        return (fani_scan_operand){.kind = FANI_SCAN_ONCE, .input = 1};
    if (index > FANI_EXPRESSION_VARIABLES)
        return (fani_scan_operand){.kind = FANI_SCAN_COLUMN,
                                   .input = 1,
                                   .at = (uint16_t)(index - FANI_EXPRESSION_VARIABLES - 1)};
    const uint8_t kind = m->kinds[source[index]];
    return (fani_scan_operand){.kind = kind, .at = kind == FANI_SCAN_BOTH ? index : source[index]};
}

static void sort(fani_scan_machine *m)
{
    uint8_t source[FANI_EXPRESSION_SLOTS];
    for (size_t i = 0; i < m->e->length; i++) {
        const fani_instruction *in = &m->e->program[i];
        m->kinds[i] = FANI_SCAN_CONSTANT;
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++) {
            m->operands[i][k] = operand_of(m, in->operands[k], source);
            m->kinds[i] |= m->operands[i][k].kind;
        }
        if (in->out < FANI_EXPRESSION_VARIABLES)
            source[in->out] = (uint8_t)i;
    }
}

/* ---- Instructions ---------------------------------------------------------------------------- */

static const double *once_of(const fani_scan_machine *m, fani_scan_operand o)
{
    return o.input ? m->x : m->once[o.at];
}

static const double *column_of(const fani_scan_machine *m, fani_scan_operand o)
{
    return o.input ? m->columns[o.at] : m->column[o.at];
}

/* Runs instruction i; numbers that stand in it are put beside its operands. */
static void run_kernel(const fani_scan_machine *m, size_t i, const double *operands[3], double *out,
                       size_t count)
{
    const fani_instruction *in = &m->e->program[i];
    if (in->op == FANI_OP_CONSTANT)
        operands[0] = &m->e->constants[in->operands[0]];
    else if (in->op == FANI_OP_PARAMETER)
        operands[0] = &m->parameters[in->operands[0]];
    else if (in->op == FANI_OP_POWER)
        operands[1] = &m->e->constants[in->operands[1]];
    m->e->kernels[in->op](out, operands[0], operands[1], operands[2], count);
}

static void run_once(fani_scan_machine *m, size_t i)
{
    const double *operands[3] = {0};
    for (unsigned k = 0; k < fani_operator_arity((fani_operator)m->e->program[i].op); k++)
        operands[k] = once_of(m, m->operands[i][k]);
    run_kernel(m, i, operands, m->once[i], POINTS);
}

static void run_column(fani_scan_machine *m, size_t i)
{
    const double *operands[3] = {0};
    for (unsigned k = 0; k < fani_operator_arity((fani_operator)m->e->program[i].op); k++)
        operands[k] = column_of(m, m->operands[i][k]);
    run_kernel(m, i, operands, m->column[i], LANES);
}

static bool is_once(fani_scan_operand o)
{
    return (o.kind & FANI_SCAN_COLUMN) == 0;
}

/* The lanes of an operand at the first of some points, and how far those of the next are. */
static const double *lanes_of(const fani_scan_machine *m, fani_scan_operand o, size_t *stride)
{
    *stride = o.kind == FANI_SCAN_BOTH ? LANES : 0;
    return o.kind == FANI_SCAN_BOTH ? m->room + o.at * m->call * LANES : column_of(m, o);
}

/* Arithmetic of one number a point with one a lane. */
static bool run_mixed(const fani_scan_machine *m, size_t i, size_t first, double (*out)[LANES])
{
    const unsigned which = (unsigned)m->e->program[i].op - FANI_OP_ADD;
    const fani_scan_operand *o = m->operands[i];
    size_t stride;
    if (which >= FANI_SCAN_MIXED || is_once(o[0]) == is_once(o[1]))
        return false;
    const unsigned side = is_once(o[1]);
    const double *lanes = lanes_of(m, o[1 - side], &stride);
    m->kernels->mixed[which][side](once_of(m, o[side]) + first, m->call, lanes, stride, out);
    return true;
}

/* Any other: for all points at once where no operand is the same at each of them. */
static void run_wide(fani_scan_machine *m, size_t i, size_t first, double (*out)[LANES])
{
    const unsigned arity = fani_operator_arity((fani_operator)m->e->program[i].op);
    const double *operands[3] = {0};
    size_t strides[3] = {0};
    bool at_once = true;
    for (unsigned k = 0; k < arity; k++) {
        const fani_scan_operand o = m->operands[i][k];
        if (is_once(o)) {
            m->kernels->widen(once_of(m, o) + first, m->call, m->wide[k]);
            operands[k] = m->wide[k][0];
            strides[k] = LANES;
        } else {
            operands[k] = lanes_of(m, o, &strides[k]);
            at_once = at_once && strides[k] > 0;
        }
    }
    const size_t turns = at_once ? 1 : m->call;
    for (size_t t = 0; t < turns; t++) {
        run_kernel(m, i, operands, out[t], at_once ? m->call * LANES : LANES);
        for (unsigned k = 0; k < arity; k++)
            operands[k] += strides[k];
    }
}

/* What is no value of both goes to an output as it is. */
static void put_narrow(const fani_scan_machine *m, size_t i, size_t first, double (*out)[LANES])
{
    if (m->kinds[i] == FANI_SCAN_COLUMN)
        for (size_t t = 0; t < m->call; t++)
            memcpy(out[t], m->column[i], sizeof out[t]);
    else
        m->kernels->widen(m->once[i] + first, m->call, out);
}

/* ---- A block --------------------------------------------------------------------------------- */

void fani_scan_begin(fani_scan_machine *m, const fani_scan_kernels *kernels,
                     const fan_expression *e, const double *parameters,
                     const double (*columns)[FANI_SCAN_LANES])
{
    m->kernels = kernels;
    m->e = e;
    m->parameters = parameters;
    m->columns = columns;
    m->sorted = is_simple(e);
    if (!m->sorted)
        return;
    m->call = e->slots * CALL * LANES <= ROOM ? CALL : CALL / 2;
    sort(m);
    for (size_t i = 0; i < e->length; i++) {
        if (m->kinds[i] == FANI_SCAN_CONSTANT)
            run_once(m, i);
        if (m->kinds[i] == FANI_SCAN_CONSTANT || m->kinds[i] == FANI_SCAN_COLUMN)
            run_column(m, i);
    }
}

/* The rest of the program for some points. */
static void run_points(fani_scan_machine *m, size_t first, double (*values)[LANES])
{
    for (size_t i = 0; i < m->e->length; i++) {
        const uint16_t slot = m->e->program[i].out;
        const bool is_output = slot >= FANI_EXPRESSION_VARIABLES;
        double(*out)[LANES] =
            is_output ? values + first : (double(*)[LANES])(m->room + slot * m->call * LANES);
        if (m->kinds[i] == FANI_SCAN_BOTH) {
            if (!run_mixed(m, i, first, out))
                run_wide(m, i, first, out);
        } else if (is_output) {
            put_narrow(m, i, first, out);
        }
    }
}

/* A long program as it is. */
static void run_plainly(const fani_scan_machine *m, const double *x, double (*values)[LANES])
{
    double wide[1][LANES];
    const double *all[FAN_INTEGRAL_DIMENSION_MAX] = {wide[0]};
    for (size_t k = 1; k < m->e->variable_count; k++)
        all[k] = m->columns[k - 1];
    for (size_t i = 0; i < POINTS; i++) {
        m->kernels->widen(x + i, 1, wide);
        fan_expression_evaluate(m->e, all, m->parameters, LANES, &(double *){values[i]});
    }
}

void fani_scan_evaluate(fani_scan_machine *m, const double *x, double (*values)[FANI_SCAN_LANES])
{
    if (!m->sorted) {
        run_plainly(m, x, values);
        return;
    }
    m->x = x;
    for (size_t i = 0; i < m->e->length; i++)
        if (m->kinds[i] == FANI_SCAN_ONCE)
            run_once(m, i);
    for (size_t first = 0; first < POINTS; first += m->call)
        run_points(m, first, values);
}
