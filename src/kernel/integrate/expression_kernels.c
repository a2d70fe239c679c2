/* The reference kernels: any machine, libm for the functions. They fold constants, and the others
 * are held against them. */
#include <math.h>

#include "expression.h"

typedef int64_t mask __attribute__((vector_size(16), aligned(8), may_alias));

#define EACH_PAIR(statement)                                                                       \
    for (size_t i = 0; i < n; i += 2) {                                                            \
        statement;                                                                                 \
    }
#define PAIR(p) (*(const fani_pair *)((p) + i))
#define STORE(value) (*(fani_pair *)(out + i) = (value))

#define UNUSED __attribute__((unused))
#define KERNEL(op)                                                                                 \
    static void kernel_##op(double *out, const double *a, UNUSED const double *b,                  \
                            UNUSED const double *c, size_t n)

#define ARITHMETIC(op, value)                                                                      \
    KERNEL(op)                                                                                     \
    {                                                                                              \
        EACH_PAIR(STORE(value))                                                                    \
    }

/* 1.0 where the mask is set, else 0.0. */
static const int64_t one_bits = 0x3ff0000000000000;
#define TRUTH(op, condition) ARITHMETIC(op, (fani_pair)((mask)(condition)&one_bits))

ARITHMETIC(COPY, PAIR(a))
ARITHMETIC(NEGATE, -PAIR(a))
ARITHMETIC(SQUARE, PAIR(a) * PAIR(a))
ARITHMETIC(ADD, PAIR(a) + PAIR(b))
ARITHMETIC(SUBTRACT, PAIR(a) - PAIR(b))
ARITHMETIC(MULTIPLY, PAIR(a) * PAIR(b))
ARITHMETIC(DIVIDE, PAIR(a) / PAIR(b))
TRUTH(NOT, PAIR(a) == 0.0)
TRUTH(LESS, PAIR(a) < PAIR(b))
TRUTH(LESS_EQUAL, PAIR(a) <= PAIR(b))
TRUTH(GREATER, PAIR(a) > PAIR(b))
TRUTH(GREATER_EQUAL, PAIR(a) >= PAIR(b))
TRUTH(EQUAL, PAIR(a) == PAIR(b))
TRUTH(NOT_EQUAL, PAIR(a) != PAIR(b))
TRUTH(AND, (PAIR(a) != 0.0) & (PAIR(b) != 0.0))
TRUTH(OR, (PAIR(a) != 0.0) | (PAIR(b) != 0.0))

KERNEL(SELECT)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] != 0 ? b[i] : c[i];
}

KERNEL(CONSTANT)
{
    for (size_t i = 0; i < n; i++)
        out[i] = *a;
}

KERNEL(POWER)
{
    for (size_t i = 0; i < n; i++)
        out[i] = pow(a[i], *b);
}

#define OPERANDS_1 const double a = pa[i];
#define OPERANDS_2                                                                                 \
    const double a = pa[i];                                                                        \
    const double b = pb[i];
#define FUNCTION(op, name, arity, value)                                                           \
    void fani_reference_##op(double *out, const double *pa, UNUSED const double *pb,               \
                             UNUSED const double *pc, size_t n)                                    \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            OPERANDS_##arity out[i] = value;                                                       \
        }                                                                                          \
    }
FANI_FUNCTIONS(FUNCTION)

#define TABLE_0(op)
#define TABLE_1(op) [FANI_OP_##op] = kernel_##op,
#define TABLE_2(op) TABLE_1(op)
#define TABLE_3(op) TABLE_1(op)
#define OPERATOR_ENTRY(op, arity) TABLE_##arity(op)
#define FUNCTION_ENTRY(op, name, arity, value) [FANI_OP_##op] = fani_reference_##op,

fani_kernel *const fani_kernels_reference[FANI_OP_COUNT] = {
    FANI_OPERATORS(OPERATOR_ENTRY) FANI_FUNCTIONS(FUNCTION_ENTRY)[FANI_OP_CONSTANT] =
        kernel_CONSTANT,
    [FANI_OP_PARAMETER] = kernel_CONSTANT};
