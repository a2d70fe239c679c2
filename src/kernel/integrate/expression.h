/* Expressions inside: operators, the tree, the program, and the kernels that run it. */
#ifndef FANI_EXPRESSION_H
#define FANI_EXPRESSION_H

#include <stdbool.h>

#include "base/isa.h"
#include "fanfold/integrate.h"
#include "grid.h"

enum {
    FANI_EXPRESSION_BLOCK = 256,  /* points an instruction: 16 slots of it fit a 32 KiB cache */
    FANI_EXPRESSION_LANES = 8,    /* tails are padded to this: the widest vector of doubles */
    FANI_EXPRESSION_SLOTS = 1024, /* intermediate values at once; a text has more only by sharing */
    FANI_EXPRESSION_ROOM =
        32 * FANI_EXPRESSION_BLOCK, /* doubles: with many slots, shorter blocks */
    FANI_EXPRESSION_VARIABLES = FANI_EXPRESSION_SLOTS, /* the first operand that is a variable */
    FANI_EXPRESSION_OUTPUTS = FANI_EXPRESSION_VARIABLES + FAN_INTEGRAL_DIMENSION_MAX,
    FANI_POWER_MAX = 4, /* exponents up to it that are halves: by multiplication and square root */
};

/* Operators without a name in an expression: operator, number of operands. */
#define FANI_OPERATORS(X)                                                                          \
    X(CONSTANT, 0)                                                                                 \
    X(PARAMETER, 0)                                                                                \
    X(VARIABLE, 0)                                                                                 \
    X(COPY, 1)                                                                                     \
    X(NEGATE, 1)                                                                                   \
    X(SQUARE, 1)                                                                                   \
    X(POWER, 1)                                                                                    \
    X(NOT, 1)                                                                                      \
    X(ADD, 2)                                                                                      \
    X(SUBTRACT, 2)                                                                                 \
    X(MULTIPLY, 2)                                                                                 \
    X(DIVIDE, 2)                                                                                   \
    X(LESS, 2)                                                                                     \
    X(LESS_EQUAL, 2)                                                                               \
    X(GREATER, 2)                                                                                  \
    X(GREATER_EQUAL, 2)                                                                            \
    X(EQUAL, 2)                                                                                    \
    X(NOT_EQUAL, 2)                                                                                \
    X(AND, 2)                                                                                      \
    X(OR, 2)                                                                                       \
    X(SELECT, 3)

/* Functions: operator, name, number of operands, what computes it from a and b. */
#define FANI_FUNCTIONS(X)                                                                          \
    X(ABS, "abs", 1, fabs(a))                                                                      \
    X(ACOS, "acos", 1, acos(a))                                                                    \
    X(ACOSH, "acosh", 1, acosh(a))                                                                 \
    X(ASIN, "asin", 1, asin(a))                                                                    \
    X(ASINH, "asinh", 1, asinh(a))                                                                 \
    X(ATAN, "atan", 1, atan(a))                                                                    \
    X(ATAN2, "atan2", 2, atan2(a, b))                                                              \
    X(ATANH, "atanh", 1, atanh(a))                                                                 \
    X(CBRT, "cbrt", 1, cbrt(a))                                                                    \
    X(CEIL, "ceil", 1, ceil(a))                                                                    \
    X(COPYSIGN, "copysign", 2, copysign(a, b))                                                     \
    X(COS, "cos", 1, cos(a))                                                                       \
    X(COSH, "cosh", 1, cosh(a))                                                                    \
    X(ERF, "erf", 1, erf(a))                                                                       \
    X(ERFC, "erfc", 1, erfc(a))                                                                    \
    X(EXP, "exp", 1, exp(a))                                                                       \
    X(EXP2, "exp2", 1, exp2(a))                                                                    \
    X(EXPM1, "expm1", 1, expm1(a))                                                                 \
    X(FABS, "fabs", 1, fabs(a))                                                                    \
    X(FDIM, "fdim", 2, fdim(a, b))                                                                 \
    X(FLOOR, "floor", 1, floor(a))                                                                 \
    X(FMAX, "fmax", 2, fani_fmax(a, b))                                                            \
    X(FMIN, "fmin", 2, fani_fmin(a, b))                                                            \
    X(FMOD, "fmod", 2, fmod(a, b))                                                                 \
    X(HYPOT, "hypot", 2, hypot(a, b))                                                              \
    X(J0, "j0", 1, j0(a))                                                                          \
    X(J1, "j1", 1, j1(a))                                                                          \
    X(LGAMMA, "lgamma", 1, lgamma_r(a, &(int){0}))                                                 \
    X(LOG, "log", 1, log(a))                                                                       \
    X(LOG10, "log10", 1, log10(a))                                                                 \
    X(LOG1P, "log1p", 1, log1p(a))                                                                 \
    X(LOG2, "log2", 1, log2(a))                                                                    \
    X(LOGB, "logb", 1, logb(a))                                                                    \
    X(MAX, "max", 2, fani_max(a, b))                                                               \
    X(MIN, "min", 2, fani_min(a, b))                                                               \
    X(NEARBYINT, "nearbyint", 1, nearbyint(a))                                                     \
    X(NEXTAFTER, "nextafter", 2, nextafter(a, b))                                                  \
    X(POW, "pow", 2, pow(a, b))                                                                    \
    X(REMAINDER, "remainder", 2, remainder(a, b))                                                  \
    X(RINT, "rint", 1, rint(a))                                                                    \
    X(ROUND, "round", 1, round(a))                                                                 \
    X(SIN, "sin", 1, sin(a))                                                                       \
    X(SINH, "sinh", 1, sinh(a))                                                                    \
    X(SQRT, "sqrt", 1, sqrt(a))                                                                    \
    X(TAN, "tan", 1, tan(a))                                                                       \
    X(TANH, "tanh", 1, tanh(a))                                                                    \
    X(TGAMMA, "tgamma", 1, tgamma(a))                                                              \
    X(TRUNC, "trunc", 1, trunc(a))                                                                 \
    X(Y0, "y0", 1, y0(a))                                                                          \
    X(Y1, "y1", 1, y1(a))

typedef enum fani_operator {
#define OPERATOR_CODE(op, arity) FANI_OP_##op,
    FANI_OPERATORS(OPERATOR_CODE)
#undef OPERATOR_CODE
#define FUNCTION_CODE(op, name, arity, body) FANI_OP_##op,
        FANI_FUNCTIONS(FUNCTION_CODE)
#undef FUNCTION_CODE
            FANI_OP_COUNT
} fani_operator;

/* Two doubles at any address of doubles: the vector that every machine has. Element by element its
 * arithmetic, and so the bits, are those of doubles. */
typedef double fani_pair __attribute__((vector_size(16), aligned(8), may_alias));

/* out[i] from a[i], b[i] and c[i], i < n, a multiple of FANI_EXPRESSION_LANES. Operands that the
 * operator lacks are NULL; `out` may be one of the others. out[i] must depend on operands i alone,
 * bit for bit. No alignment but a double's. CONSTANT and PARAMETER fill with *a; POWER has the
 * exponent in *b alone, 2 * *b a whole number that isn't 0 and at most 2 FANI_POWER_MAX either way.
 */
typedef void fani_kernel(double *out, const double *a, const double *b, const double *c, size_t n);

/* The reference: libm's functions and the compiler's arithmetic, on any machine. NULL for VARIABLE.
 */
extern fani_kernel *const fani_kernels_reference[FANI_OP_COUNT];
#define FANI_REFERENCE_KERNEL(op, name, arity, body)                                               \
    __attribute__((visibility("hidden"))) fani_kernel fani_reference_##op;
FANI_FUNCTIONS(FANI_REFERENCE_KERNEL)
#undef FANI_REFERENCE_KERNEL

/* The fastest for an instruction set that this machine has. Their values differ from set to set in
 * the last bits, at most 4 ulp from the reference. */
fani_kernel *const *fani_kernels_of(fani_isa isa);
extern fani_kernel *const fani_kernels_sse2[FANI_OP_COUNT];
extern fani_kernel *const fani_kernels_avx2[FANI_OP_COUNT];
extern fani_kernel *const fani_kernels_avx512[FANI_OP_COUNT];

/* Adds f(a[j]) (times weights[j], rounded, where there are weights; 0 to FANI_WAVE_WEIGHT_MAX),
 * j < FANI_GRID_RUN, to the lanes, with the values of the kernel of f. The a[j] ascend or descend.
 * False, and nothing is added, where they aren't in one half turn, or the first or last of them is
 * large, or no number. */
typedef bool fani_wave(fani_lanes *lanes, const double *a, const double *weights);
enum { FANI_WAVE_WEIGHT_MAX = 4 };

/* Sums of sines and cosines in one go. */
typedef struct fani_waves {
    fani_wave *sine, *cosine;
} fani_waves;

/* Those that belong to the kernels of an instruction set, or NULL. */
const fani_waves *fani_waves_of(fani_kernel *const *kernels);
extern const fani_waves fani_waves_avx2, fani_waves_avx512;

/* One node of the tree. Its operands stand before it in the array of nodes. */
typedef struct fani_node {
    fani_operator op;
    uint32_t need; /* slots that evaluating it takes */
    uint32_t operands[3];
    uint32_t index; /* of the variable or parameter; in an exact tree, where the constant stands */
    double value;   /* of the constant; the exponent of POWER */
} fani_node;

/* Nodes with one root for each output. No two nodes are equal: what is written twice is there once.
 */
typedef struct fani_tree {
    fani_node *nodes;
    uint32_t count, capacity;
    uint32_t *table; /* of indices + 1 by hash, 2 * capacity of them */
    uint32_t roots[FAN_INTEGRAL_COMPONENTS_MAX];
    uint32_t root_count;
    bool exact; /* set before parsing: constants are not folded, and know their place in the text */
} fani_tree;

/* Operands and `out` are slots, from FANI_EXPRESSION_VARIABLES on variables and from
 * FANI_EXPRESSION_OUTPUTS on outputs, which may be read again. For CONSTANT and PARAMETER
 * operands[0] is an index of constants or parameters, for POWER operands[1] one of constants. */
typedef struct fani_instruction {
    uint16_t op;
    uint16_t out;
    uint16_t operands[3];
} fani_instruction;

struct fan_expression {
    fani_isa isa; /* of the kernels */
    fani_kernel *const *kernels;
    size_t variable_count, parameter_count, output_count;
    char *variable_names; /* one after the other, each with its NUL */
    fani_instruction *program;
    size_t length, slots; /* of the program; that it uses */
    double *constants;
    fani_tree tree; /* kept for fani_expression_with_ends; without its table */
};

/* The number of operands of an operator. */
unsigned fani_operator_arity(fani_operator op);

/* The function of that name, or FANI_OP_COUNT. */
fani_operator fani_function_find(const char *name, size_t length);

/* Writes `count` names, separated by ", ", as far as they fit: those nearest to a name first (by
 * the letters to be changed, added or left out: Levenshtein 1966), others in their order. */
void fani_names_list(const char *name, size_t length, const char *const *names, size_t count,
                     char *text, size_t size);

/* The same of all functions. */
void fani_function_list(const char *name, size_t length, char *text, size_t size);

/* Finds or appends a node; *index = where it is. FAN_E_MEMORY. */
fan_status fani_tree_add(fani_tree *tree, fani_node node, uint32_t *index);
void fani_tree_clear(fani_tree *tree);

/* Parses NUL-terminated text into a tree, constants folded; to be cleared by the caller, also on
 * error. Errors as fan_expression_parse. */
fan_status fani_expression_tree(const char *text, const fan_expression_names *names,
                                fani_tree *tree, fan_error *error);

/* Sets program, length, slots, constants and output_count of `expression` from a tree. */
fan_status fani_expression_compile(const fani_tree *tree, fan_expression *expression,
                                   fan_error *error);

/* The same expression of x over from..to as one of x, its distance from the lower and from the
 * upper end: `to - x`, `x - from`, `1 - x^2` over -1:1 and their like (numbers, or parameters with
 * these values) are read from the distances, which keep the digits that x has not. The caller's,
 * freed by fan_expression_free; NULL where nothing is gained, or there is more than one variable.
 * FAN_E_MEMORY, FAN_E_TOO_LARGE. */
fan_status fani_expression_with_ends(const fan_expression *e, const double *parameters, double from,
                                     double to, fan_expression **made, fan_error *error);

/* What adds the values of an expression over ascending points up in one go: where it has one
 * variable, and is the sine or cosine of a multiple of it, plus or minus a number. Otherwise, or
 * where the kernels have no such sums, NULL. */
fani_wave *fani_expression_wave(const fan_expression *e);

/* Adds the values at FANI_GRID_RUN ascending points to the lanes, as `wave`, of that expression,
 * does. */
bool fani_expression_add(const fan_expression *e, fani_wave *wave, const double *points,
                         const double *parameters, const double *weights, fani_lanes *lanes);

/* Whether its values depend on a variable. */
bool fani_expression_varies(const fan_expression *expression);

/* Runs it from now on with the kernels of an instruction set that this machine has; before it is
 * shared. */
void fani_expression_use(fan_expression *expression, fani_isa isa);

/* The name of a variable. */
const char *fani_expression_variable(const fan_expression *expression, size_t variable);

/* A NaN where one is a NaN, unlike fmin and fmax: an integrand must not hide it. */
static inline double fani_max(double a, double b)
{
    return a > b || a != a ? a : b;
}
static inline double fani_min(double a, double b)
{
    return a < b || a != a ? a : b;
}

/* fmax and fmin; of two zeros the first, where C leaves the choice. */
static inline double fani_fmax(double a, double b)
{
    return a < b || a != a ? b : a;
}
static inline double fani_fmin(double a, double b)
{
    return a > b || a != a ? b : a;
}

#endif
