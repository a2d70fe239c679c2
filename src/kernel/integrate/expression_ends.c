/* Expressions of x over a range, with the distances from its ends in place of differences that lose
 * digits near them. */
#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "expression.h"

enum { X = 0, BELOW = 1, ABOVE = 2, VARIABLES = 3 };

typedef struct rewriter {
    fani_tree tree;
    const double *parameters;
    double from, to;
    fan_status status;
} rewriter;

static uint32_t add(rewriter *w, fani_node node)
{
    uint32_t index = 0;
    if (w->status == FAN_OK)
        w->status = fani_tree_add(&w->tree, node, &index);
    return index;
}

static uint32_t variable(rewriter *w, uint32_t which)
{
    return add(w, (fani_node){.op = FANI_OP_VARIABLE, .index = which});
}

static uint32_t negative(rewriter *w, uint32_t operand)
{
    return add(w, (fani_node){.op = FANI_OP_NEGATE, .operands = {operand}});
}

static const fani_node *node_at(const rewriter *w, uint32_t index)
{
    assert(w->tree.nodes);
    return &w->tree.nodes[index];
}

static bool is_x(const rewriter *w, uint32_t index)
{
    const fani_node *node = node_at(w, index);
    return node->op == FANI_OP_VARIABLE && node->index == X;
}

/* x^2, or x*x. */
static bool is_square(const rewriter *w, uint32_t index)
{
    const fani_node *node = node_at(w, index);
    return (node->op == FANI_OP_SQUARE && is_x(w, node->operands[0])) ||
           (node->op == FANI_OP_MULTIPLY && is_x(w, node->operands[0]) &&
            is_x(w, node->operands[1]));
}

static bool is_number(const rewriter *w, uint32_t index, double *value)
{
    const fani_node *node = node_at(w, index);
    if (node->op == FANI_OP_CONSTANT)
        *value = node->value;
    else if (node->op == FANI_OP_PARAMETER && w->parameters)
        *value = w->parameters[node->index];
    else
        return false;
    return true;
}

/* c - x where c is an end. */
static bool difference(rewriter *w, double c, uint32_t *index)
{
    if (c == w->to)
        *index = variable(w, ABOVE);
    else if (c == w->from)
        *index = negative(w, variable(w, BELOW));
    else
        return false;
    return true;
}

/* x + c where -c is an end. */
static bool sum(rewriter *w, double c, uint32_t *index)
{
    if (-c == w->from)
        *index = variable(w, BELOW);
    else if (-c == w->to)
        *index = negative(w, variable(w, ABOVE));
    else
        return false;
    return true;
}

/* r - x or r + x, by a distance where one tells it. */
static uint32_t factor(rewriter *w, double r, bool plus)
{
    uint32_t index;
    if (plus ? sum(w, r, &index) : difference(w, r, &index))
        return index;
    const uint32_t number = add(w, (fani_node){.op = FANI_OP_CONSTANT, .value = r});
    return add(w, (fani_node){.op = plus ? FANI_OP_ADD : FANI_OP_SUBTRACT,
                              .operands = {number, variable(w, X)}});
}

/* c - x^2 where an end is a root: (r - x) (r + x). */
static bool difference_of_squares(rewriter *w, double c, uint32_t *index)
{
    const double r = w->to * w->to == c ? w->to : w->from;
    if (r * r != c || r == 0)
        return false;
    const uint32_t minus = factor(w, r, false), plus = factor(w, r, true);
    *index = add(w, (fani_node){.op = FANI_OP_MULTIPLY, .operands = {minus, plus}});
    return true;
}

/* Whether a node whose operands are rewritten is a difference that a distance tells; then *index is
 * what stands for it. */
static bool replace(rewriter *w, const fani_node *node, uint32_t *index)
{
    const uint32_t left = node->operands[0], right = node->operands[1];
    double c;
    if (node->op == FANI_OP_ADD)
        return (is_x(w, left) && is_number(w, right, &c) && sum(w, c, index)) ||
               (is_x(w, right) && is_number(w, left, &c) && sum(w, c, index));
    if (node->op != FANI_OP_SUBTRACT)
        return false;
    if (is_number(w, left, &c))
        return (is_x(w, right) && difference(w, c, index)) ||
               (is_square(w, right) && difference_of_squares(w, c, index));
    if (!is_number(w, right, &c))
        return false;
    if (is_x(w, left))
        return sum(w, -c, index);
    if (!is_square(w, left) || !difference_of_squares(w, c, index))
        return false;
    *index = negative(w, *index);
    return true;
}

static bool is_end(const rewriter *w, double c)
{
    return c == w->from || c == w->to;
}

static bool is_squared_end(const rewriter *w, double c)
{
    return c == w->from * w->from || c == w->to * w->to;
}

/* Whether `replace` would take a node: what it does, without adding anything. */
static bool is_distance(const rewriter *w, const fani_node *node)
{
    const uint32_t left = node->operands[0], right = node->operands[1];
    double c;
    if (node->op == FANI_OP_ADD)
        return (is_x(w, left) && is_number(w, right, &c) && is_end(w, -c)) ||
               (is_x(w, right) && is_number(w, left, &c) && is_end(w, -c));
    if (node->op != FANI_OP_SUBTRACT)
        return false;
    if (is_number(w, left, &c))
        return (is_x(w, right) && is_end(w, c)) || (is_square(w, right) && is_squared_end(w, c));
    return is_number(w, right, &c) &&
           ((is_x(w, left) && is_end(w, c)) || (is_square(w, left) && is_squared_end(w, c)));
}

/* Most expressions have no such node: they are spared the copy. A node is replaced for its operands
 * alone, so the first one is among those of the tree as it is. */
static bool has_distance(const fan_expression *e, const double *parameters, double from, double to)
{
    const rewriter look = {.tree = e->tree, .parameters = parameters, .from = from, .to = to};
    for (uint32_t i = 0; i < e->tree.count; i++)
        if (is_distance(&look, &e->tree.nodes[i]))
            return true;
    return false;
}

static void rewrite(rewriter *w, const fani_tree *old, uint32_t *now)
{
    for (uint32_t i = 0; w->status == FAN_OK && i < old->count; i++) {
        fani_node node = old->nodes[i];
        node.need = 0;
        for (unsigned k = 0; k < fani_operator_arity(node.op); k++)
            node.operands[k] = now[node.operands[k]];
        if (!replace(w, &node, &now[i]))
            now[i] = add(w, node);
    }
    w->tree.root_count = old->root_count;
    for (uint32_t r = 0; r < old->root_count; r++)
        w->tree.roots[r] = now[old->roots[r]];
}

static bool has_distances(const fan_expression *e)
{
    for (size_t i = 0; i < e->length; i++) {
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)e->program[i].op); k++) {
            const uint16_t operand = e->program[i].operands[k];
            if (operand == FANI_EXPRESSION_VARIABLES + BELOW ||
                operand == FANI_EXPRESSION_VARIABLES + ABOVE)
                return true;
        }
    }
    return false;
}

static fan_status compile(rewriter *w, const fan_expression *e, fan_expression *copy,
                          fan_error *error)
{
    uint32_t *now = malloc(e->tree.count * sizeof *now);
    if (now)
        rewrite(w, &e->tree, now);
    if (!now || w->status != FAN_OK) {
        free(now);
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    }
    free(now);
    copy->isa = e->isa;
    copy->kernels = e->kernels;
    copy->variable_count = VARIABLES;
    copy->parameter_count = e->parameter_count;
    return fani_expression_compile(&w->tree, copy, error);
}

fan_status fani_expression_with_ends(const fan_expression *e, const double *parameters, double from,
                                     double to, fan_expression **made, fan_error *error)
{
    *made = NULL;
    if (e->variable_count != 1 || !has_distance(e, parameters, from, to))
        return FAN_OK;
    rewriter w = {.parameters = parameters, .from = from, .to = to};
    fan_expression *copy = calloc(1, sizeof *copy);
    if (!copy)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    const fan_status status = compile(&w, e, copy, error);
    fani_tree_clear(&w.tree);
    if (status == FAN_OK && has_distances(copy))
        *made = copy;
    else
        fan_expression_free(copy);
    return status;
}
