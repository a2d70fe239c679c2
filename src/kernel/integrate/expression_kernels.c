/* The kernels of the baseline: any machine, libm for the functions. */
#include <math.h>

#include "expression.h"

typedef double lanes __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t mask __attribute__((vector_size(64), aligned(8), may_alias));

/* Vectors as large as a cache line are cut by the compiler into what the machine has; element by
 * element the arithmetic is the same. */
#define EACH_VECTOR(statement)                                                                     \
    for (size_t i = 0; i < n; i += FANI_EXPRESSION_LANES) {                                        \
        statement;                                                                                 \
    }
#define LANES(p) (*(const lanes *)((p) + i))
#define STORE(value) (*(lanes *)(out + i) = (value))

#define UNUSED __attribute__((unused))
#define KERNEL(op)                                                                                 \
    static void kernel_##op(double *out, const double *a, UNUSED const double *b,                  \
                            UNUSED const double *c, size_t n)

#define ARITHMETIC(op, value)                                                                      \
    KERNEL(op)                                                                                     \
    {                                                                                              \
        EACH_VECTOR(STORE(value))                                                                  \
    }

/* 1.0 where the mask is set, else 0.0. */
static const int64_t one_bits = 0x3ff0000000000000;
#define TRUTH(op, condition) ARITHMETIC(op, (lanes)((mask)(condition)&one_bits))

ARITHMETIC(COPY, LANES(a))
ARITHMETIC(NEGATE, -LANES(a))
ARITHMETIC(SQUARE, LANES(a) * LANES(a))
ARITHMETIC(ADD, LANES(a) + LANES(b))
ARITHMETIC(SUBTRACT, LANES(a) - LANES(b))
ARITHMETIC(MULTIPLY, LANES(a) * LANES(b))
ARITHMETIC(DIVIDE, LANES(a) / LANES(b))
TRUTH(NOT, LANES(a) == 0.0)
TRUTH(LESS, LANES(a) < LANES(b))
TRUTH(LESS_EQUAL, LANES(a) <= LANES(b))
TRUTH(GREATER, LANES(a) > LANES(b))
TRUTH(GREATER_EQUAL, LANES(a) >= LANES(b))
TRUTH(EQUAL, LANES(a) == LANES(b))
TRUTH(NOT_EQUAL, LANES(a) != LANES(b))
TRUTH(AND, (LANES(a) != 0.0) & (LANES(b) != 0.0))
TRUTH(OR, (LANES(a) != 0.0) | (LANES(b) != 0.0))

KERNEL(SELECT)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] != 0 ? b[i] : c[i];
}

#define OPERANDS_1 const double a = pa[i];
#define OPERANDS_2                                                                                 \
    const double a = pa[i];                                                                        \
    const double b = pb[i];
#define FUNCTION(op, name, arity, value)                                                           \
    static void kernel_##op(double *out, const double *pa, UNUSED const double *pb,                \
                            UNUSED const double *pc, size_t n)                                     \
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
#define FUNCTION_ENTRY(op, name, arity, value) TABLE_##arity(op)

fani_kernel *const fani_kernels_baseline[FANI_OP_COUNT] = {FANI_OPERATORS(OPERATOR_ENTRY)
                                                               FANI_FUNCTIONS(FUNCTION_ENTRY)};
