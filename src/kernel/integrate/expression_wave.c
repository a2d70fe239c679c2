/* Which expressions are a sine or cosine of points that ascend or descend with the variable. */
#include "expression.h"

static bool is_number(const fani_node *node)
{
    return node->op == FANI_OP_CONSTANT || node->op == FANI_OP_PARAMETER;
}

/* The operand that is not a number where the other one is, or the only one; else the node itself.
 * Rounded operations with one number never turn the order round on the way. */
static const fani_node *inside(const fani_tree *tree, const fani_node *node)
{
    const fani_node *first = &tree->nodes[node->operands[0]];
    const fani_node *second = &tree->nodes[node->operands[1]];
    switch (node->op) {
    case FANI_OP_NEGATE:
        return first;
    case FANI_OP_ADD:
    case FANI_OP_SUBTRACT:
    case FANI_OP_MULTIPLY:
        return is_number(second) ? first : is_number(first) ? second : node;
    case FANI_OP_DIVIDE:
        return is_number(second) ? first : node;
    default:
        return node;
    }
}

static bool is_ordered(const fani_tree *tree, const fani_node *node)
{
    const fani_node *next = inside(tree, node);
    for (; next != node; next = inside(tree, node))
        node = next;
    return node->op == FANI_OP_VARIABLE;
}

fani_wave *fani_expression_wave(const fan_expression *e)
{
    const fani_waves *waves = fani_waves_of(e->kernels);
    if (!waves || e->variable_count != 1 || e->output_count != 1)
        return NULL;
    const fani_node *root = &e->tree.nodes[e->tree.roots[0]];
    if (root->op != FANI_OP_SIN && root->op != FANI_OP_COS)
        return NULL;
    if (!is_ordered(&e->tree, &e->tree.nodes[root->operands[0]]))
        return NULL;
    return root->op == FANI_OP_SIN ? waves->sine : waves->cosine;
}
