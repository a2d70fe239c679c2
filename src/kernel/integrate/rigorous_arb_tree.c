/* Trees of expressions in ball arithmetic. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "expression_lex.h"
#include "rigorous_arb_functions.h"
#include "rigorous_balls.h"

/* A number as it is written. What Arb can't read is within an ulp of its double. */
static void read_number(arb_t out, const char *text, double value, slong bits)
{
    fani_token token = {0};
    char *copy =
        fani_token_read(text, text, &token, NULL) == FAN_OK ? strndup(text, token.length) : NULL;
    if (!copy || strpbrk(copy, "xX") || arb_set_str(out, copy, bits)) {
        arb_t ulp;
        arb_init(ulp);
        arb_set_d(out, value);
        arb_set_d(ulp, value);
        arb_mul_2exp_si(ulp, ulp, -52);
        arb_add_error(out, ulp);
        arb_set_d(ulp, 0x1p-1074);
        arb_add_error(out, ulp);
        arb_clear(ulp);
    }
    free(copy);
}

static void set_constant(acb_t out, const char *text, double value, slong bits)
{
    acb_zero(out);
    if (*text == 'p')
        arb_const_pi(acb_realref(out), bits);
    else if (*text == 'e')
        arb_const_e(acb_realref(out), bits);
    else if (isalpha((unsigned char)*text))
        acb_indeterminate(out); /* infinity */
    else
        read_number(acb_realref(out), text, value, bits);
}

static bool node_varies(const fani_balls *balls, const fani_node *node)
{
    bool varies = node->op == FANI_OP_VARIABLE;
    for (unsigned k = 0; k < fani_operator_arity(node->op); k++)
        varies |= balls->varies[node->operands[k]];
    return varies;
}

/* sin(u) / u, which is holomorphic at u = 0 too. */
static bool is_sinc(const fani_tree *tree, const fani_node *node)
{
    const fani_node *above = &tree->nodes[node->operands[0]];
    return node->op == FANI_OP_DIVIDE && above->op == FANI_OP_SIN &&
           above->operands[0] == node->operands[1];
}

static void apply(fani_balls *balls, uint32_t i, fani_ball_call call)
{
    const fani_node *node = &balls->tree->nodes[i];
    const acb_struct *operands[3] = {NULL, NULL, NULL};
    for (unsigned k = 0; k < fani_operator_arity(node->op); k++)
        operands[k] = balls->values + node->operands[k];
    if (is_sinc(balls->tree, node))
        acb_sinc(balls->values + i, operands[1], call.bits);
    else
        fani_ball_operator(node->op, balls->values + i, operands, node->value, call);
}

fan_status fani_balls_make(const fani_proof *proof, size_t tree, slong bits, fani_balls *balls)
{
    const fani_tree *t = &proof->trees[tree];
    *balls = (fani_balls){.tree = t, .bits = bits, .varies = calloc(t->count, sizeof(bool))};
    if (!balls->varies)
        return FAN_E_MEMORY;
    balls->values = _acb_vec_init(t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        const fani_node *node = &t->nodes[i];
        acb_ptr value = balls->values + i;
        balls->varies[i] = node_varies(balls, node);
        if (node->op == FANI_OP_CONSTANT)
            set_constant(value, proof->texts[tree] + node->index, node->value, bits);
        else if (node->op == FANI_OP_PARAMETER)
            acb_set_d(value, proof->parameters[node->index]);
        else if (!balls->varies[i])
            apply(balls, i, (fani_ball_call){.analytic = false, .bits = bits});
    }
    return FAN_OK;
}

void fani_balls_clear(fani_balls *balls)
{
    if (balls->values)
        _acb_vec_clear(balls->values, balls->tree->count);
    free(balls->varies);
    *balls = (fani_balls){0};
}

void fani_balls_evaluate(fani_balls *balls, const acb_t z, bool analytic, acb_t out)
{
    const fani_tree *t = balls->tree;
    const fani_ball_call call = {.analytic = analytic, .bits = balls->bits};
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->nodes[i].op == FANI_OP_VARIABLE)
            acb_set(balls->values + i, z);
        else if (balls->varies[i])
            apply(balls, i, call);
    }
    acb_set(out, balls->values + t->roots[0]);
    balls->evaluations++;
}

uint64_t fani_balls_cost(const fani_tree *tree)
{
    enum { SIMPLE = 1, FUNCTION = 5, SPECIAL = 200 };
    uint64_t cost = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        const fani_operator op = tree->nodes[i].op;
        const bool special = op == FANI_OP_TGAMMA || op == FANI_OP_LGAMMA || op == FANI_OP_J0 ||
                             op == FANI_OP_J1 || op == FANI_OP_Y0 || op == FANI_OP_Y1 ||
                             op == FANI_OP_ERF || op == FANI_OP_ERFC;
        cost += special ? SPECIAL : op > FANI_OP_SELECT ? FUNCTION : SIMPLE;
    }
    return cost;
}
