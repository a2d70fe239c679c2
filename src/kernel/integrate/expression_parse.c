/* From text to a tree, by recursive descent; nesting is bounded, so the C stack is too. */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "expression_lex.h"

typedef struct parser {
    const char *text;
    fani_token token; /* the next one */
    unsigned nesting;
    const fan_expression_names *names;
    fani_tree *tree;
    fan_error *error;
} parser;

/* Every parse_ function stores the node that it made in *node. */
static fan_status parse_conditional(parser *p, uint32_t *node);

static fan_status next(parser *p)
{
    return fani_token_read(p->text, p->token.at + p->token.length, &p->token, p->error);
}

static fan_status expected(parser *p, const char *what)
{
    char found[FANI_TOKEN_TEXT_SIZE];
    return fani_syntax_error(p->error, FAN_E_SYNTAX, p->text, p->token.at, "expected %s, found %s",
                             what, fani_token_text(&p->token, found));
}

static fan_status enter(parser *p)
{
    if (++p->nesting > FAN_EXPRESSION_NESTING_MAX)
        return fani_syntax_error(p->error, FAN_E_TOO_LARGE, p->text, p->token.at,
                                 "nested more than %d deep", FAN_EXPRESSION_NESTING_MAX);
    return FAN_OK;
}

/* ---- The tree -------------------------------------------------------------------------------- */

static fan_status append(parser *p, fani_node node, uint32_t *index)
{
    return fani_tree_add(p->tree, node, index) == FAN_OK
               ? FAN_OK
               : fani_error_set(p->error, FAN_E_MEMORY, "out of memory for an expression");
}

/* Where the same constant stood first: then both are one node. */
static uint32_t first_place(const parser *p, const char *at, size_t length)
{
    const fani_tree *tree = p->tree;
    for (uint32_t i = 0; i < tree->count; i++) {
        const char *other = p->text + tree->nodes[i].index;
        if (tree->nodes[i].op == FANI_OP_CONSTANT && strncmp(other, at, length) == 0 &&
            !isalnum((unsigned char)other[length]) && other[length] != '.' && other[length] != '_')
            return tree->nodes[i].index;
    }
    return (uint32_t)(at - p->text);
}

/* A constant of an exact tree, or else a number alone. */
static fan_status make_written(parser *p, const fani_token *token, double value, uint32_t *node)
{
    fani_node made = {.op = FANI_OP_CONSTANT, .value = value};
    if (p->tree->exact)
        made.index = first_place(p, token->at, token->length);
    return append(p, made, node);
}

static fan_status make_constant(parser *p, double value, uint32_t *node)
{
    return append(p, (fani_node){.op = FANI_OP_CONSTANT, .value = value}, node);
}

/* By the reference: the nearest value that there is, and the same whatever the machine. */
static double fold(fani_operator op, const double operands[3])
{
    double padded[3][FANI_EXPRESSION_LANES];
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < FANI_EXPRESSION_LANES; i++)
            padded[k][i] = operands[k];
    }
    double out[FANI_EXPRESSION_LANES];
    fani_kernels_reference[op](out, padded[0], padded[1], padded[2], FANI_EXPRESSION_LANES);
    return out[0];
}

static fan_status make(parser *p, fani_operator op, const uint32_t operands[3], uint32_t *node)
{
    const fani_node *nodes = p->tree->nodes;
    const unsigned arity = fani_operator_arity(op);
    double values[3] = {0};
    unsigned constants = 0;
    assert(arity <= 3);
    for (unsigned k = 0; k < arity; k++) {
        values[k] = nodes[operands[k]].value;
        constants += nodes[operands[k]].op == FANI_OP_CONSTANT;
    }
    if (constants == arity && !p->tree->exact)
        return make_constant(p, fold(op, values), node);
    fani_node made = {.op = op};
    for (unsigned k = 0; k < arity; k++)
        made.operands[k] = operands[k];
    return append(p, made, node);
}

static fan_status make_2(parser *p, fani_operator op, uint32_t left, uint32_t right, uint32_t *node)
{
    return make(p, op, (const uint32_t[3]){left, right, 0}, node);
}

/* Whether a power can be had from a few products and a square root. */
static bool is_short_power(const parser *p, const fani_node *node)
{
    const double exponent = node->value;
    enum { EXACT = 15 }; /* digits that no two doubles share */
    if (p->tree->exact && strspn(p->text + node->index, "0123456789.") > EXACT)
        return false;
    return fabs(exponent) <= FANI_POWER_MAX && exponent != 0 && 2 * exponent == rint(2 * exponent);
}

/* x^2 is x*x: correctly rounded, and many times faster than pow. Other exponents up to
 * FANI_POWER_MAX that are halves are products, too. */
static fan_status make_power(parser *p, uint32_t base, uint32_t exponent, uint32_t *node)
{
    const fani_node *nodes = p->tree->nodes;
    const fani_node *e = &nodes[exponent];
    if (e->op != FANI_OP_CONSTANT || nodes[base].op == FANI_OP_CONSTANT || !is_short_power(p, e))
        return make_2(p, FANI_OP_POW, base, exponent, node);
    if (e->value == 1) {
        *node = base;
        return FAN_OK;
    }
    if (e->value == 2)
        return make_2(p, FANI_OP_SQUARE, base, 0, node);
    return append(p, (fani_node){.op = FANI_OP_POWER, .operands = {base}, .value = e->value}, node);
}

/* A call of a function, or an operator of two operands. */
static fan_status make_call(parser *p, fani_operator op, const uint32_t operands[3], uint32_t *node)
{
    return op == FANI_OP_POW ? make_power(p, operands[0], operands[1], node)
                             : make(p, op, operands, node);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static size_t find(const char *const *names, size_t count, const fani_token *name)
{
    size_t i = 0;
    while (i < count &&
           (strlen(names[i]) != name->length || memcmp(names[i], name->at, name->length) != 0))
        i++;
    return i;
}

static fan_status unknown_name(parser *p, const fani_token *name)
{
    static const char *const constants[] = {"pi", "e", "inf"};
    const char *all[FAN_INTEGRAL_DIMENSION_MAX + FAN_EXPRESSION_PARAMETERS_MAX + 3];
    char known[400] = "";
    char found[FANI_TOKEN_TEXT_SIZE];
    size_t count = 0;
    if (fani_function_find(name->at, name->length) != FANI_OP_COUNT)
        return expected(p, "\"(\" after the function's name");
    for (size_t i = 0; i < p->names->variable_count; i++)
        all[count++] = p->names->variables[i];
    for (size_t i = 0; i < p->names->parameter_count; i++)
        all[count++] = p->names->parameters[i];
    for (size_t i = 0; i < 3; i++)
        all[count++] = constants[i];
    fani_names_list(name->at, name->length, all, count, known, sizeof known);
    return fani_syntax_error(p->error, FAN_E_SYNTAX, p->text, name->at,
                             "unknown name %s; known: %s", fani_token_text(name, found), known);
}

static fan_status parse_name(parser *p, const fani_token *name, uint32_t *node)
{
    static const struct {
        const char *name;
        double value;
    } constants[] = {{"pi", M_PI}, {"e", M_E}, {"inf", INFINITY}};
    const fan_expression_names *names = p->names;
    size_t i = find(names->variables, names->variable_count, name);
    if (i < names->variable_count)
        return append(p, (fani_node){.op = FANI_OP_VARIABLE, .index = (uint32_t)i}, node);
    i = find(names->parameters, names->parameter_count, name);
    if (i < names->parameter_count)
        return append(p, (fani_node){.op = FANI_OP_PARAMETER, .index = (uint32_t)i}, node);
    for (i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (find(&constants[i].name, 1, name) == 0)
            return make_written(p, name, constants[i].value, node);
    }
    return unknown_name(p, name);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static fan_status unknown_function(parser *p, const fani_token *name)
{
    uint32_t ignored;
    char found[FANI_TOKEN_TEXT_SIZE];
    fan_error none;
    parser probe = *p;
    probe.error = &none;
    if (parse_name(&probe, name, &ignored) == FAN_OK)
        return fani_syntax_error(p->error, FAN_E_SYNTAX, p->text, name->at,
                                 "%s is no function; a product needs its \"*\"",
                                 fani_token_text(name, found));
    char known[420] = "";
    fani_function_list(name->at, name->length, known, sizeof known);
    return fani_syntax_error(p->error, FAN_E_SYNTAX, p->text, name->at,
                             "unknown function %s; known: %s", fani_token_text(name, found), known);
}

/* min and max of more than two values are calls in calls. */
static bool takes_more(fani_operator op, unsigned count)
{
    return count < fani_operator_arity(op) || op == FANI_OP_MIN || op == FANI_OP_MAX;
}

static fan_status wrong_count(parser *p, const fani_token *name, fani_operator op)
{
    char wanted[96];
    const unsigned arity = fani_operator_arity(op);
    snprintf(wanted, sizeof wanted, "%s: %.*s takes %s%u value%s",
             p->token.kind == ',' ? "\")\"" : "\",\" and another value", (int)name->length,
             name->at, takes_more(op, arity) ? "at least " : "", arity, arity == 1 ? "" : "s");
    return expected(p, wanted);
}

/* From behind the "(" up to the ")". */
static fan_status parse_arguments(parser *p, const fani_token *name, fani_operator op,
                                  uint32_t *node)
{
    const unsigned arity = fani_operator_arity(op);
    uint32_t arguments[3] = {0};
    unsigned count = 0;
    fan_status status;
    for (;;) {
        status = parse_conditional(p, &arguments[count ? 1 : 0]);
        if (status == FAN_OK && count > 0)
            status = make_call(p, op, arguments, &arguments[0]);
        count++;
        if (status != FAN_OK || p->token.kind != ',' || !takes_more(op, count))
            break;
        status = next(p);
        if (status != FAN_OK)
            return status;
    }
    if (status != FAN_OK)
        return status;
    if (count < arity || p->token.kind == ',')
        return wrong_count(p, name, op);
    if (p->token.kind != ')')
        return expected(p, takes_more(op, count) ? "an operator, \",\" or \")\""
                                                 : "an operator or \")\"");
    *node = arguments[0];
    return arity == 1 ? make(p, op, arguments, node) : FAN_OK;
}

/* The token is the "(" behind the name. */
static fan_status parse_call(parser *p, const fani_token *name, uint32_t *node)
{
    const fani_operator op = fani_function_find(name->at, name->length);
    if (op == FANI_OP_COUNT)
        return unknown_function(p, name);
    fan_status status = enter(p);
    if (status == FAN_OK)
        status = next(p);
    if (status == FAN_OK)
        status = parse_arguments(p, name, op, node);
    if (status == FAN_OK)
        status = next(p);
    p->nesting--;
    return status;
}

/* ---- The grammar, from tight to loose -------------------------------------------------------- */

static fan_status parse_parentheses(parser *p, uint32_t *node)
{
    fan_status status = enter(p);
    if (status == FAN_OK)
        status = next(p);
    if (status == FAN_OK)
        status = parse_conditional(p, node);
    if (status == FAN_OK && p->token.kind != ')')
        status = expected(p, "an operator or \")\"");
    if (status == FAN_OK)
        status = next(p);
    p->nesting--;
    return status;
}

static fan_status parse_primary(parser *p, uint32_t *node)
{
    const fani_token token = p->token;
    if (token.kind == '(')
        return parse_parentheses(p, node);
    if (token.kind != FANI_TOKEN_NUMBER && token.kind != FANI_TOKEN_NAME)
        return expected(p, "a number, a name or \"(\"");
    fan_status status = next(p);
    if (status != FAN_OK)
        return status;
    if (token.kind == FANI_TOKEN_NUMBER)
        return make_written(p, &token, token.value, node);
    return p->token.kind == '(' ? parse_call(p, &token, node) : parse_name(p, &token, node);
}

static fan_status parse_unary(parser *p, uint32_t *node);

static fan_status parse_power(parser *p, uint32_t *node)
{
    uint32_t base = 0;
    uint32_t exponent = 0;
    fan_status status = parse_primary(p, &base);
    if (status != FAN_OK || p->token.kind != FANI_TOKEN_POWER) {
        *node = base;
        return status;
    }
    status = enter(p);
    if (status == FAN_OK)
        status = next(p);
    if (status == FAN_OK)
        status = parse_unary(p, &exponent);
    if (status == FAN_OK)
        status = make_power(p, base, exponent, node);
    p->nesting--;
    return status;
}

static fan_status parse_unary(parser *p, uint32_t *node)
{
    const int sign = p->token.kind;
    if (sign != '-' && sign != '+' && sign != '!')
        return parse_power(p, node);
    uint32_t operand = 0;
    fan_status status = enter(p);
    if (status == FAN_OK)
        status = next(p);
    if (status == FAN_OK)
        status = parse_unary(p, &operand);
    p->nesting--;
    if (status != FAN_OK)
        return status;
    *node = operand;
    return sign == '+' ? FAN_OK
                       : make_2(p, sign == '-' ? FANI_OP_NEGATE : FANI_OP_NOT, operand, 0, node);
}

typedef struct binary {
    int token;
    int level; /* higher binds tighter */
    fani_operator op;
} binary;

enum { LEVEL_NONE = 0, LEVEL_EQUALITY = 3, LEVEL_RELATION = 4 };

static const binary binaries[] = {
    {FANI_TOKEN_OR, 1, FANI_OP_OR},
    {FANI_TOKEN_AND, 2, FANI_OP_AND},
    {FANI_TOKEN_EQUAL, LEVEL_EQUALITY, FANI_OP_EQUAL},
    {FANI_TOKEN_NOT_EQUAL, LEVEL_EQUALITY, FANI_OP_NOT_EQUAL},
    {'<', LEVEL_RELATION, FANI_OP_LESS},
    {'>', LEVEL_RELATION, FANI_OP_GREATER},
    {FANI_TOKEN_LESS_EQUAL, LEVEL_RELATION, FANI_OP_LESS_EQUAL},
    {FANI_TOKEN_GREATER_EQUAL, LEVEL_RELATION, FANI_OP_GREATER_EQUAL},
    {'+', 5, FANI_OP_ADD},
    {'-', 5, FANI_OP_SUBTRACT},
    {'*', 6, FANI_OP_MULTIPLY},
    {'/', 6, FANI_OP_DIVIDE},
    {'%', 6, FANI_OP_FMOD},
};

static const binary *binary_of(int token)
{
    static const binary none = {0, LEVEL_NONE, FANI_OP_COUNT};
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (binaries[i].token == token)
            return &binaries[i];
    }
    return &none;
}

/* Operators of at least `level` (from 1), by climbing precedences. */
static fan_status parse_binary(parser *p, int level, uint32_t *node)
{
    uint32_t left = 0;
    int before = LEVEL_NONE;
    fan_status status = parse_unary(p, &left);
    while (status == FAN_OK) {
        const binary *b = binary_of(p->token.kind);
        if (b->level < level || b->level == LEVEL_NONE)
            break;
        if (b->level == before && (before == LEVEL_EQUALITY || before == LEVEL_RELATION))
            return fani_syntax_error(
                p->error, FAN_E_SYNTAX, p->text, p->token.at,
                "comparisons don't chain: write a < b && b < c, or parentheses");
        uint32_t right = 0;
        status = next(p);
        if (status == FAN_OK)
            status = parse_binary(p, b->level + 1, &right);
        if (status == FAN_OK)
            status = make_2(p, b->op, left, right, &left);
        before = b->level;
    }
    *node = left;
    return status;
}

/* The token is the "?". */
static fan_status parse_arms(parser *p, uint32_t condition, uint32_t *node)
{
    uint32_t operands[3] = {condition, 0, 0};
    fan_status status = next(p);
    if (status == FAN_OK)
        status = parse_conditional(p, &operands[1]);
    if (status == FAN_OK && p->token.kind != ':')
        status = expected(p, "an operator or \":\"");
    if (status == FAN_OK)
        status = next(p);
    if (status == FAN_OK)
        status = parse_conditional(p, &operands[2]);
    return status == FAN_OK ? make(p, FANI_OP_SELECT, operands, node) : status;
}

static fan_status parse_conditional(parser *p, uint32_t *node)
{
    fan_status status = parse_binary(p, 1, node);
    if (status != FAN_OK || p->token.kind != '?')
        return status;
    status = enter(p);
    if (status == FAN_OK)
        status = parse_arms(p, *node, node);
    p->nesting--;
    return status;
}

static fan_status left_over(parser *p)
{
    switch (p->token.kind) {
    case ')':
        return expected(p, "an operator or the end (no \"(\" is open)");
    case '(':
    case FANI_TOKEN_NAME:
    case FANI_TOKEN_NUMBER:
        return expected(p, "an operator (a product needs its \"*\") or the end");
    default:
        return expected(p, "an operator or the end");
    }
}

fan_status fani_expression_tree(const char *text, const fan_expression_names *names,
                                fani_tree *tree, fan_error *error)
{
    parser p = {.text = text, .token = {.at = text}, .names = names, .tree = tree, .error = error};
    fan_status status = next(&p);
    if (status == FAN_OK && p.token.kind == FANI_TOKEN_END)
        return fani_syntax_error(error, FAN_E_SYNTAX, text, text, "the expression is empty");
    for (bool more = true; status == FAN_OK && more;) {
        status = parse_conditional(&p, &tree->roots[tree->root_count++]);
        more = status == FAN_OK && p.token.kind == ',';
        if (more && tree->root_count == FAN_INTEGRAL_COMPONENTS_MAX)
            status = fani_syntax_error(error, FAN_E_TOO_LARGE, text, p.token.at,
                                       "more than %d components", FAN_INTEGRAL_COMPONENTS_MAX);
        else if (more)
            status = next(&p);
    }
    if (status == FAN_OK && p.token.kind != FANI_TOKEN_END)
        status = left_over(&p);
    return status;
}
