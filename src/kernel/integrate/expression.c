/* Expressions for those who use them: parsing, constants, showing where an error is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "expression_lex.h"

/* ---- Names that the caller gives ------------------------------------------------------------- */

static bool is_name(const char *name)
{
    fani_token token;
    return name && fani_token_read(name, name, &token, NULL) == FAN_OK &&
           token.kind == FANI_TOKEN_NAME && token.at == name && !name[token.length];
}

static const char *name_at(const fan_expression_names *names, size_t i)
{
    return i < names->variable_count ? names->variables[i]
                                     : names->parameters[i - names->variable_count];
}

static fan_status check_names(const fan_expression_names *names, fan_error *error)
{
    if (names->variable_count > FAN_INTEGRAL_DIMENSION_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu variables, at most %d are possible",
                              names->variable_count, FAN_INTEGRAL_DIMENSION_MAX);
    if (names->parameter_count > FAN_EXPRESSION_PARAMETERS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "%zu parameters, at most %d are possible",
                              names->parameter_count, FAN_EXPRESSION_PARAMETERS_MAX);
    const size_t count = names->variable_count + names->parameter_count;
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(names, i);
        if (!is_name(name))
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "\"%.80s\" is no name: letters, digits and _ make one",
                                  name ? name : "");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(name, name_at(names, k)) == 0)
                return fani_error_set(error, FAN_E_ARGUMENT, "the name \"%.80s\" is there twice",
                                      name);
        }
    }
    return FAN_OK;
}

static fan_status keep_names(fan_expression *e, const fan_expression_names *names, fan_error *error)
{
    e->variable_count = names->variable_count;
    e->parameter_count = names->parameter_count;
    size_t size = 1;
    for (size_t i = 0; i < names->variable_count; i++)
        size += strlen(names->variables[i]) + 1;
    e->variable_names = malloc(size);
    if (!e->variable_names)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    char *at = e->variable_names;
    for (size_t i = 0; i < names->variable_count; i++)
        at = stpcpy(at, names->variables[i]) + 1;
    return FAN_OK;
}

const char *fani_expression_variable(const fan_expression *expression, size_t variable)
{
    const char *at = expression->variable_names;
    for (size_t i = 0; i < variable; i++)
        at += strlen(at) + 1;
    return at;
}

/* ---- Parsing --------------------------------------------------------------------------------- */

static fan_status check_text(const char *text, size_t length, fan_error *error)
{
    if (length > FAN_EXPRESSION_LENGTH_MAX)
        return fani_syntax_error(error, FAN_E_TOO_LARGE, text, text,
                                 "the expression has %zu bytes, at most %d are possible", length,
                                 FAN_EXPRESSION_LENGTH_MAX);
    const char *nul = memchr(text, '\0', length);
    if (nul)
        return fani_syntax_error(error, FAN_E_SYNTAX, text, nul,
                                 "a NUL byte means nothing in an expression");
    return FAN_OK;
}

static fan_status build(const char *text, const fan_expression_names *names, fan_expression *made,
                        fan_error *error)
{
    fani_tree *tree = &made->tree;
    fan_status status = fani_expression_tree(text, names, tree, error);
    free(tree->table);
    tree->table = NULL;
    fani_expression_use(made, fani_isa_wanted());
    if (status == FAN_OK)
        status = keep_names(made, names, error);
    if (status == FAN_OK)
        status = fani_expression_compile(tree, made, error);
    return status;
}

fan_status fan_expression_parse_sized(const char *text, size_t length,
                                      const fan_expression_names *names, size_t names_size,
                                      fan_expression **expression, fan_error *error)
{
    fan_expression_names known = {0};
    if (names)
        memcpy(&known, names, names_size < sizeof known ? names_size : sizeof known);
    fan_status status = check_names(&known, error);
    if (status == FAN_OK)
        status = check_text(text, length, error);
    if (status != FAN_OK)
        return status;
    char *terminated = strndup(text, length);
    fan_expression *made = calloc(1, sizeof *made);
    if (!terminated || !made)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    else
        status = build(terminated, &known, made, error);
    free(terminated);
    if (status == FAN_OK)
        *expression = made;
    else
        fan_expression_free(made);
    return status;
}

void fan_expression_free(fan_expression *expression)
{
    if (!expression)
        return;
    free(expression->variable_names);
    free(expression->program);
    free(expression->constants);
    fani_tree_clear(&expression->tree);
    free(expression);
}

bool fani_expression_varies(const fan_expression *expression)
{
    for (size_t i = 0; i < expression->length; i++) {
        const fani_instruction *in = &expression->program[i];
        for (unsigned k = 0; k < fani_operator_arity((fani_operator)in->op); k++) {
            if (in->operands[k] >= FANI_EXPRESSION_VARIABLES &&
                in->operands[k] < FANI_EXPRESSION_OUTPUTS)
                return true;
        }
    }
    return false;
}

void fani_expression_use(fan_expression *expression, fani_isa isa)
{
    expression->isa = isa;
    expression->kernels = fani_kernels_of(isa);
}

size_t fan_expression_outputs(const fan_expression *expression)
{
    return expression->output_count;
}

fan_status fan_expression_constant(const char *text, double *value, fan_error *error)
{
    fan_expression *expression = NULL;
    fan_status status = fan_expression_parse(text, strlen(text), NULL, &expression, error);
    if (status == FAN_OK && expression->output_count != 1)
        status = fani_syntax_error(error, FAN_E_SYNTAX, text, text, "expected one value, found %zu",
                                   expression->output_count);
    if (status == FAN_OK)
        fan_expression_evaluate(expression, NULL, NULL, 1, &value);
    fan_expression_free(expression);
    return status;
}

/* ---- The caret ------------------------------------------------------------------------------- */

static bool find_line(const char *text, size_t length, uint32_t number, const char **line,
                      size_t *line_length)
{
    const char *end = text + length;
    const char *at = text;
    for (uint32_t i = 1; i < number; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *line = at;
    *line_length = (size_t)((stop ? stop : end) - at);
    return true;
}

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t fan_expression_caret(const char *text, size_t length, const fan_error *error, char *buffer,
                            size_t size)
{
    enum { WIDTH = 100, BEFORE = 60 }; /* of the line shown, and of that before the column */
    const char *line;
    size_t line_length;
    buffer[0] = '\0';
    if (error->column == 0 || !find_line(text, length, error->line, &line, &line_length) ||
        error->column - 1 > line_length)
        return 0;
    if (line_length > error->column && line[line_length - 1] == '\r')
        line_length--;
    const size_t width = (size - 3) / 2 < WIDTH ? (size - 3) / 2 : WIDTH;
    const size_t before = width * BEFORE / WIDTH;
    const size_t column = error->column - 1;
    size_t first = column > before ? column - before : 0;
    if (line_length <= width)
        first = 0;
    while (first > 0 && first < column && continues_character(line[first]))
        first++;
    size_t end = line_length - first > width ? first + width : line_length;
    while (end > column && end < line_length && continues_character(line[end]))
        end--;
    size_t used = 0;
    for (size_t i = first; i < end; i++) {
        const unsigned char c = (unsigned char)line[i];
        buffer[used++] = c < ' ' || c == 0x7f ? '?' : line[i];
    }
    buffer[used++] = '\n';
    for (size_t i = first; i < column; i++) {
        if (!continues_character(line[i]))
            buffer[used++] = ' ';
    }
    buffer[used++] = '^';
    buffer[used] = '\0';
    return used;
}
