/* The nodes of expressions, each there once. */
#include <stdlib.h>
#include <string.h>

#include "expression.h"

/* FNV-1a (Fowler, Noll, Vo) over what tells nodes apart. */
static uint64_t hash(const fani_node *node)
{
    uint64_t bits, h = 0xcbf29ce484222325;
    memcpy(&bits, &node->value, sizeof bits);
    const uint64_t parts[] = {node->op,          node->operands[0], node->operands[1],
                              node->operands[2], node->index,       bits};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        h = (h ^ parts[i]) * 0x100000001b3;
    return h ^ h >> 29;
}

static bool equal(const fani_node *a, const fani_node *b)
{
    return a->op == b->op && a->index == b->index &&
           memcmp(a->operands, b->operands, sizeof a->operands) == 0 &&
           memcmp(&a->value, &b->value, sizeof a->value) == 0;
}

/* The place of an equal node, or the free one where it belongs. */
static uint32_t *find(const fani_tree *tree, const fani_node *node)
{
    const size_t mask = 2 * (size_t)tree->capacity - 1; /* capacities are powers of 2 */
    size_t at = hash(node) & mask;
    while (tree->table[at] && !equal(&tree->nodes[tree->table[at] - 1], node))
        at = (at + 1) & mask;
    return &tree->table[at];
}

static fan_status grow(fani_tree *tree)
{
    const uint32_t capacity = tree->capacity ? tree->capacity * 2 : 32;
    fani_node *nodes = realloc(tree->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return FAN_E_MEMORY;
    tree->nodes = nodes;
    uint32_t *table = calloc(2 * (size_t)capacity, sizeof *table);
    if (!table)
        return FAN_E_MEMORY;
    free(tree->table);
    tree->table = table;
    tree->capacity = capacity;
    for (uint32_t i = 0; i < tree->count; i++)
        *find(tree, &nodes[i]) = i + 1;
    return FAN_OK;
}

/* a + b is b + a. */
static void order_operands(fani_node *node)
{
    if ((node->op != FANI_OP_ADD && node->op != FANI_OP_MULTIPLY) ||
        node->operands[0] <= node->operands[1])
        return;
    const uint32_t first = node->operands[0];
    node->operands[0] = node->operands[1];
    node->operands[1] = first;
}

fan_status fani_tree_add(fani_tree *tree, fani_node node, uint32_t *index)
{
    order_operands(&node);
    if (tree->count == tree->capacity || !tree->table) {
        const fan_status status = grow(tree);
        if (status != FAN_OK)
            return status;
    }
    uint32_t *place = find(tree, &node);
    if (!*place) {
        tree->nodes[tree->count] = node;
        *place = ++tree->count;
    }
    *index = *place - 1;
    return FAN_OK;
}

void fani_tree_clear(fani_tree *tree)
{
    free(tree->nodes);
    free(tree->table);
    *tree = (fani_tree){0};
}
