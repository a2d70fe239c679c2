/* From a tree to a program. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "expression.h"

/* A node's operands, the one that needs most slots first: evaluated in this order they leave the
 * fewest intermediate values (Sethi and Ullman 1970), so that 65536 bytes of text, however nested,
 * need fewer than FANI_EXPRESSION_SLOTS. */
static unsigned order_operands(const fani_node *nodes, const fani_node *node, uint32_t ordered[3])
{
    const unsigned arity = fani_operator_arity(node->op);
    for (unsigned k = 0; k < arity; k++) {
        unsigned at = k;
        for (; at > 0 && nodes[ordered[at - 1]].need < nodes[node->operands[k]].need; at--)
            ordered[at] = ordered[at - 1];
        ordered[at] = node->operands[k];
    }
    return arity;
}

static void count_needs(const fani_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        fani_node *node = &tree->nodes[i];
        uint32_t ordered[3];
        const unsigned arity = order_operands(tree->nodes, node, ordered);
        uint32_t held = 0;
        for (unsigned k = 0; k < arity; k++) {
            const uint32_t need = tree->nodes[ordered[k]].need;
            if (node->need < held + need)
                node->need = held + need;
            held += need > 0;
        }
        if (node->op != FANI_OP_VARIABLE && node->need == 0)
            node->need = 1;
    }
}

/* The order of evaluation, last node first: each node before its operands, the operand with the
 * least need next to it. With a stack of its own: a long sum is a tree as deep as it is long. */
static uint32_t order_nodes(const fani_tree *tree, uint32_t *order, uint32_t *stack)
{
    uint32_t count = 0;
    uint32_t depth = 0;
    stack[depth++] = tree->root;
    while (depth > 0) {
        const uint32_t index = stack[--depth];
        order[count++] = index;
        uint32_t ordered[3];
        const unsigned arity = order_operands(tree->nodes, &tree->nodes[index], ordered);
        for (unsigned k = 0; k < arity; k++)
            stack[depth++] = ordered[k];
    }
    return count;
}

typedef struct compiler {
    const fani_tree *tree;
    fan_expression *expression;
    uint16_t *slot_of; /* where the value of a node is: slot or variable */
    uint32_t free;     /* bit i: slot i is free */
    uint16_t constants;
} compiler;

static uint16_t take_slot(compiler *c)
{
    const int slot = __builtin_ctz(c->free);
    c->free &= ~(UINT32_C(1) << slot);
    return (uint16_t)slot;
}

static void emit(compiler *c, uint32_t index)
{
    const fani_node *node = &c->tree->nodes[index];
    if (node->op == FANI_OP_VARIABLE) {
        c->slot_of[index] = (uint16_t)(FANI_EXPRESSION_SLOTS + node->index);
        return;
    }
    fani_instruction made = {.op = (uint16_t)node->op};
    const unsigned arity = fani_operator_arity(node->op);
    for (unsigned k = 0; k < arity; k++) {
        made.operands[k] = c->slot_of[node->operands[k]];
        if (made.operands[k] < FANI_EXPRESSION_SLOTS)
            c->free |= UINT32_C(1) << made.operands[k];
    }
    if (node->op == FANI_OP_CONSTANT) {
        c->expression->constants[c->constants] = node->value;
        made.operands[0] = c->constants++;
    } else if (node->op == FANI_OP_PARAMETER) {
        made.operands[0] = (uint16_t)node->index;
    } else if (node->op == FANI_OP_POWER) {
        c->expression->constants[c->constants] = node->value;
        made.operands[1] = c->constants++;
    }
    made.out = c->slot_of[index] = take_slot(c);
    c->expression->program[c->expression->length++] = made;
}

fan_status fani_expression_compile(const fani_tree *tree, fan_expression *expression,
                                   fan_error *error)
{
    fan_status status = FAN_OK;
    uint32_t *order = malloc(tree->count * sizeof *order);
    uint32_t *stack = malloc(tree->count * sizeof *stack);
    compiler c = {.tree = tree, .expression = expression, .free = UINT32_MAX};
    c.slot_of = malloc(tree->count * sizeof *c.slot_of);
    expression->program = malloc((tree->count + 1) * sizeof *expression->program);
    expression->constants = malloc(tree->count * sizeof *expression->constants);
    if (!order || !stack || !c.slot_of || !expression->program || !expression->constants) {
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
        goto done;
    }
    count_needs(tree);
    if (tree->nodes[tree->root].need > FANI_EXPRESSION_SLOTS) {
        status = fani_error_set(error, FAN_E_TOO_LARGE, "more than %d intermediate values at once",
                                FANI_EXPRESSION_SLOTS);
        goto done;
    }
    for (uint32_t i = order_nodes(tree, order, stack); i > 0; i--)
        emit(&c, order[i - 1]);
    if (expression->length == 0)
        expression->program[expression->length++] =
            (fani_instruction){.op = FANI_OP_COPY, .operands = {c.slot_of[tree->root]}};
done:
    free(order);
    free(stack);
    free(c.slot_of);
    return status;
}
