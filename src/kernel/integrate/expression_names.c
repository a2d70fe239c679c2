/* What operators and functions there are. */
#include <stdio.h>
#include <string.h>

#include "expression.h"

static const unsigned char arities[FANI_OP_COUNT] = {
#define OPERATOR_ARITY(op, arity) arity,
    FANI_OPERATORS(OPERATOR_ARITY)
#undef OPERATOR_ARITY
#define FUNCTION_ARITY(op, name, arity, value) arity,
        FANI_FUNCTIONS(FUNCTION_ARITY)
#undef FUNCTION_ARITY
};

static const char *const functions[] = {
#define FUNCTION_NAME(op, name, arity, value) name,
    FANI_FUNCTIONS(FUNCTION_NAME)
#undef FUNCTION_NAME
};

enum {
    FUNCTION_COUNT = sizeof functions / sizeof *functions,
    FUNCTION_FIRST = FANI_OP_COUNT - FUNCTION_COUNT, /* functions follow the operators */
};

unsigned fani_operator_arity(fani_operator op)
{
    return arities[op];
}

fani_operator fani_function_find(const char *name, size_t length)
{
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        if (strlen(functions[i]) == length && memcmp(functions[i], name, length) == 0)
            return (fani_operator)(FUNCTION_FIRST + i);
    }
    return FANI_OP_COUNT;
}

void fani_function_list(char *text, size_t size)
{
    size_t used = strlen(text);
    for (unsigned i = 0; i < FUNCTION_COUNT && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ", %s" : "%s", functions[i]);
}
