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

/* How many letters of `name` must be changed, added or left out; long names are unlike any. */
static unsigned distance(const char *name, size_t length, const char *other)
{
    enum { LONG = 32 };
    unsigned row[LONG + 1];
    const size_t width = strlen(other);
    if (length > LONG || width > LONG)
        return LONG;
    for (size_t j = 0; j <= width; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= length; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            const unsigned changed = corner + (name[i - 1] != other[j - 1]);
            const unsigned longer = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = changed < longer ? changed : longer;
        }
    }
    return row[width];
}

void fani_names_list(const char *name, size_t length, const char *const *names, size_t count,
                     char *text, size_t size)
{
    const unsigned near = (unsigned)(length + 1) / 3; /* what is farther off is not meant */
    size_t used = 0;
    for (unsigned off = 0; off <= near + 1; off++) {
        for (size_t i = 0; i < count && used < size; i++) {
            const unsigned d = distance(name, length, names[i]);
            if (d == off || (off == near + 1 && d > off))
                used +=
                    (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i]);
        }
    }
}

void fani_function_list(const char *name, size_t length, char *text, size_t size)
{
    fani_names_list(name, length, functions, FUNCTION_COUNT, text, size);
}
