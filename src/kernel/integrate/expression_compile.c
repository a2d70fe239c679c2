/* From a tree to a program. */
#include <stdlib.h>

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

/* A walk over nodes with a stack of its own: a long sum is a tree as deep as it is long. */
typedef struct walk {
    const fani_tree *tree;
    uint32_t *order; /* the nodes that the roots need, each behind its operands and once */
    uint32_t count;
    uint32_t *uses;  /* of each node, by those and by the roots */
    uint32_t *stack; /* room for every operand of every node, the nodes and the roots */
    bool *seen;
} walk;

static void visit(walk *w, uint32_t root)
{
    enum { OPENED = 1u << 31 }; /* its operands have been put above it */
    uint32_t depth = 0;
    w->uses[root]++;
    w->stack[depth++] = root;
    while (depth > 0) {
        const uint32_t top = w->stack[--depth], index = top & ~(uint32_t)OPENED;
        if (top & OPENED) {
            w->order[w->count++] = index;
            continue;
        }
        if (w->seen[index])
            continue;
        w->seen[index] = true;
        uint32_t ordered[3];
        const unsigned arity = order_operands(w->tree->nodes, &w->tree->nodes[index], ordered);
        w->stack[depth++] = index | OPENED;
        for (unsigned k = arity; k > 0; k--) {
            w->uses[ordered[k - 1]]++;
            w->stack[depth++] = ordered[k - 1];
        }
    }
}

typedef struct compiler {
    const fani_tree *tree;
    fan_expression *expression;
    uint32_t *uses;    /* of a node, those to come */
    uint16_t *home_of; /* where the value of a node is: slot, variable or output */
    uint16_t free[FANI_EXPRESSION_SLOTS]; /* slots below `slots` that are free: a stack */
    uint32_t free_count, slots;
    uint16_t constants;
    bool is_full; /* more slots were asked for than there are */
} compiler;

static uint16_t take_slot(compiler *c)
{
    if (c->free_count > 0)
        return c->free[--c->free_count];
    if (c->slots == FANI_EXPRESSION_SLOTS) {
        c->is_full = true;
        return 0;
    }
    return (uint16_t)c->slots++;
}

/* Once slots have run out, several nodes share one, and none is free. */
static void use(compiler *c, uint32_t index)
{
    const uint16_t home = c->home_of[index];
    if (--c->uses[index] == 0 && home < FANI_EXPRESSION_SLOTS && !c->is_full)
        c->free[c->free_count++] = home;
}

/* A root has the first output that asks for it as its home, any other node a slot. */
static uint16_t take_home(compiler *c, uint32_t index)
{
    for (uint32_t r = 0; r < c->tree->root_count; r++) {
        if (c->tree->roots[r] == index)
            return (uint16_t)(FANI_EXPRESSION_OUTPUTS + r);
    }
    return take_slot(c);
}

static uint16_t add_constant(compiler *c, double value)
{
    c->expression->constants[c->constants] = value;
    return c->constants++;
}

static void emit(compiler *c, uint32_t index)
{
    const fani_node *node = &c->tree->nodes[index];
    if (node->op == FANI_OP_VARIABLE) {
        c->home_of[index] = (uint16_t)(FANI_EXPRESSION_VARIABLES + node->index);
        return;
    }
    fani_instruction made = {.op = (uint16_t)node->op};
    const unsigned arity = fani_operator_arity(node->op);
    for (unsigned k = 0; k < arity; k++)
        made.operands[k] = c->home_of[node->operands[k]];
    for (unsigned k = 0; k < arity; k++)
        use(c, node->operands[k]);
    if (node->op == FANI_OP_CONSTANT)
        made.operands[0] = add_constant(c, node->value);
    else if (node->op == FANI_OP_PARAMETER)
        made.operands[0] = (uint16_t)node->index;
    else if (node->op == FANI_OP_POWER)
        made.operands[1] = add_constant(c, node->value);
    made.out = c->home_of[index] = take_home(c, index);
    c->expression->program[c->expression->length++] = made;
}

/* Outputs that are a variable, or the same as an earlier one. */
static void emit_copies(compiler *c)
{
    for (uint32_t r = 0; r < c->tree->root_count; r++) {
        const uint16_t home = c->home_of[c->tree->roots[r]];
        if (home != FANI_EXPRESSION_OUTPUTS + r)
            c->expression->program[c->expression->length++] =
                (fani_instruction){.op = FANI_OP_COPY,
                                   .out = (uint16_t)(FANI_EXPRESSION_OUTPUTS + r),
                                   .operands = {home}};
    }
}

static fan_status too_many(fan_error *error)
{
    return fani_error_set(error, FAN_E_TOO_LARGE, "more than %d intermediate values at once",
                          FANI_EXPRESSION_SLOTS);
}

static fan_status compile(compiler *c, walk *w, fan_error *error)
{
    count_needs(c->tree);
    for (uint32_t r = 0; r < c->tree->root_count; r++)
        visit(w, c->tree->roots[r]);
    for (uint32_t i = 0; i < w->count; i++)
        emit(c, w->order[i]);
    emit_copies(c);
    c->expression->slots = c->slots;
    c->expression->output_count = c->tree->root_count;
    return c->is_full ? too_many(error) : FAN_OK;
}

fan_status fani_expression_compile(const fani_tree *tree, fan_expression *expression,
                                   fan_error *error)
{
    const size_t count = tree->count, outputs = tree->root_count;
    fan_status status;
    walk w = {.tree = tree,
              .order = malloc(count * sizeof *w.order),
              .uses = calloc(count, sizeof *w.uses),
              .stack = malloc((4 * count + 1) * sizeof *w.stack),
              .seen = calloc(count, sizeof *w.seen)};
    compiler *c = calloc(1, sizeof *c);
    uint16_t *home_of = malloc(count * sizeof *home_of);
    expression->program = malloc((count + outputs) * sizeof *expression->program);
    expression->constants = malloc(count * sizeof *expression->constants);
    if (w.order && w.uses && w.stack && w.seen && c && home_of && expression->program &&
        expression->constants) {
        c->tree = tree;
        c->expression = expression;
        c->uses = w.uses;
        c->home_of = home_of;
        status = compile(c, &w, error);
    } else {
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    }
    free(w.order);
    free(w.uses);
    free(w.stack);
    free(w.seen);
    free(c);
    free(home_of);
    return status;
}
