/* Integration: expressions as integrands, methods that work until a tolerance is reached, and fixed
 * grids, whose sums have bits that do not depend on how the work was spread.
 *
 *     const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
 *     fan_expression *f;
 *     fan_expression_parse("cos(x)", 6, &names, &f, NULL);
 *     fan_integral_result r;
 *     fan_integrate(&(fan_integral){.expression = f, .dimension = 1,
 *                       .ranges = &(fan_range){0, 1}, .points = 1000}, &r, NULL);
 *     fan_expression_free(f);
 */
#ifndef FANFOLD_INTEGRATE_H
#define FANFOLD_INTEGRATE_H

#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Expressions --------------------------------------------------------------------------- */

/* A compiled expression. It never changes after parsing: any number of threads may share it. */
typedef struct fan_expression fan_expression;

enum {
    FAN_EXPRESSION_LENGTH_MAX = 65536, /* bytes of text */
    FAN_EXPRESSION_NESTING_MAX = 200,  /* parentheses, signs, powers and conditions inside others */
    FAN_EXPRESSION_PARAMETERS_MAX = 256, /* named parameters */
    FAN_INTEGRAL_DIMENSION_MAX = 16,     /* variables of an expression, dimensions of an integral */
    FAN_INTEGRAL_ORDER_MAX = 131072,     /* points of a Gauss-Legendre rule a subinterval */
    FAN_INTEGRAL_BLOCK_POINTS = 4096,    /* grid points of one block of the sum */
    FAN_INTEGRAL_COMPONENTS_MAX = 64,    /* of a vector-valued integrand */
    FAN_INTEGRAL_BREAKS_MAX = 64,        /* break points of a range */
    FAN_INTEGRAL_METHOD_SIZE = 24,       /* bytes of a method's name with its NUL */
    FAN_INTEGRAL_WHY_SIZE = 120,         /* bytes of the words about a choice with their NUL */
    FAN_SCAN_BLOCK = 64,                 /* integrals of a scan that are done together */
    FAN_SCAN_COLUMNS_MAX = 15,           /* parameters that vary in a scan */
};

/* The names an expression may use beside pi, e and inf: letters, digits and underscores. They hide
 * constants of the same name. */
typedef struct fan_expression_names {
    const char *const *variables; /* "x", "y", ...: their order is that of the points */
    size_t variable_count;        /* 0..FAN_INTEGRAL_DIMENSION_MAX */
    const char *const *parameters;
    size_t parameter_count; /* 0..FAN_EXPRESSION_PARAMETERS_MAX */
} fan_expression_names;

/* Compiles text[0..length-1]. The notation is that of C on doubles, from loose to tight: ?:, ||,
 * &&,
 * == and !=, < <= > >=, + -, * / %, unary - + !, and ^ or ** for powers. Powers bind to the right
 * and tighter than signs: -x^2 is -(x^2), 2^-1 is 0.5, 2^3^2 is 2^9. 1/2 is 0.5; % is fmod;
 * comparisons and ! && || give 0 or 1 and do not chain (a < b < c is refused: write a < b && b <
 * c). Both arms of ?: are evaluated, one is taken. Numbers are those of C, also hexadecimal, with a
 * point in every locale. Functions: those of C's math.h of one or two doubles; abs is fabs; min and
 * max take two or more values and give a NaN where one is a NaN (fmin and fmax ignore it); j0 j1 y0
 * y1 are Bessel's. A product needs its *. Several expressions with commas between them make one
 * expression of several values, which computes once what they have in common.
 *
 * x^2 is x*x; other powers whose exponent is a constant and a half or whole number up to 4 are
 * products, square roots and reciprocals: within 5 ulp, and many times faster than pow.
 *
 * `names` may be NULL: none. *expression is the caller's, freed by fan_expression_free; untouched
 * on error. Errors: FAN_E_SYNTAX (does not parse, unknown name, NUL byte) and FAN_E_TOO_LARGE
 * (length, nesting), with line and column, both in bytes from 1, and what was expected;
 * FAN_E_ARGUMENT (a name that is no name or there twice); FAN_E_MEMORY. Any thread. */
FAN_API fan_status fan_expression_parse_sized(const char *text, size_t length,
                                              const fan_expression_names *names, size_t names_size,
                                              fan_expression **expression, fan_error *error);
static inline fan_status fan_expression_parse(const char *text, size_t length,
                                              const fan_expression_names *names,
                                              fan_expression **expression, fan_error *error)
{
    return fan_expression_parse_sized(text, length, names, sizeof *names, expression, error);
}

/* Frees an expression; NULL is fine. */
FAN_API void fan_expression_free(fan_expression *expression);

/* The value of an expression without variables, such as a bound: "pi/2", "-inf". `text` is
 * NUL-terminated. The value may be a NaN ("0/0"). Errors as fan_expression_parse, *value then
 * untouched. Any thread. */
FAN_API fan_status fan_expression_constant(const char *text, double *value, fan_error *error);

/* How many values it has at a point, 1..FAN_INTEGRAL_COMPONENTS_MAX: what commas separate. Any
 * thread. */
FAN_API size_t fan_expression_outputs(const fan_expression *expression);

/* values[c][i] = value c of the expression at the point (points[0][i], points[1][i], ...), i <
 * count. There is an array of values for each output. `points` has an array for each variable and
 * `parameters` a value for each parameter (NULL where there are none); `values` overlaps neither. A
 * value depends on its point alone, not on `count` or i. Uses about 80 KiB of stack, allocates
 * nothing. Any thread. The kernels are those of the instruction set that the machine had
 * (FANFOLD_ISA: that was wanted) where the expression was parsed: they differ in last bits.
 * Functions are within 4 ulp of the exact value. */
FAN_API void fan_expression_evaluate(const fan_expression *expression, const double *const *points,
                                     const double *parameters, size_t count, double *const *values);

/* Writes the line of `text` that an error of parsing names, a line feed and a caret under the
 * column; of a long line only the part around it. Bytes that would move the caret or a terminal are
 * shown as '?'. `size` counts `buffer` with its NUL; at least 16. Returns the length written; 0 (an
 * empty text) where the error has no column or `text` no such line. Any thread. */
FAN_API size_t fan_expression_caret(const char *text, size_t length, const fan_error *error,
                                    char *buffer, size_t size);

/* ---- Integrals ----------------------------------------------------------------------------- */

/* Composite rules on n subintervals of length h a dimension (a product grid in several). */
typedef enum fan_rule {
    FAN_RULE_LEFT,      /* left ends, n values, error O(h) */
    FAN_RULE_MIDPOINT,  /* middles, n values, O(h^2) */
    FAN_RULE_TRAPEZOID, /* all ends, n + 1 values, O(h^2) */
    FAN_RULE_SIMPSON,   /* weights 1 4 2 4 ... 4 1 on all ends, n + 1 values, n even, O(h^4) */
    FAN_RULE_GAUSS,     /* Gauss-Legendre of `order` points in each subinterval, O(h^(2 order)) */
} fan_rule;

/* The version of Arb, by which `fanfold integrate --rigorous` encloses integrals ("2.23.0"); NULL:
 * this build has none. Any thread. */
FAN_API const char *fan_rigorous_version(void);

/* "left", "midpoint", "trapezoid", "simpson", "gauss"; NULL outside the list. Any thread. */
FAN_API const char *fan_rule_name(fan_rule rule);

/* The rule of that name. FAN_E_ARGUMENT: none, the text lists them. Any thread. */
FAN_API fan_status fan_rule_from_name(const char *name, fan_rule *rule, fan_error *error);

/* An integrand in C. Batch: values[c][i] of component c at (points[0][i], ...,
 * points[dimension-1][i]), 1 <= count <= 256; another status than FAN_OK ends the integration with
 * it. Scalar: the value at point[0.. dimension-1]. Both may be called by several threads at once
 * where blocks are. */
typedef fan_status fan_integrand_batch(void *context, const double *const *points, size_t count,
                                       double *const *values);
typedef double fan_integrand_scalar(void *context, const double *point);

/* Bounds of one dimension, infinities included. from > to changes the sign, from == to gives 0. */
typedef struct fan_range {
    double from, to;
} fan_range;

/* Bounds of one dimension that depend on the variables before it, which they have all: "-sqrt(1 -
 * x^2)". NULL: the number of the range. Where `from` is above `to` at a point, the sign changes
 * there. */
typedef struct fan_bounds {
    const fan_expression *from, *to;
} fan_bounds;

/* What to integrate. Exactly one of expression, batch and scalar is set. `points`, `rule` and
 * `order` are of fixed grids.
 *
 * On a fixed grid a range with infinite ends is taken over t in (-1, 1) by u = t / (1 - t^2) and x
 * = sinh(u) where both are infinite, x = from + exp(u) or x = to - exp(u) where one is; `points`
 * divides (-1, 1). All derivatives of the new integrand vanish at t = -1 and t = 1, so every rule
 * converges fast on smooth functions. The grid leaves out what lies beyond |u| = 69, that is where
 * the distance from the finite end (or from 0) is above 1e30 or below 1e-30, and a finite end
 * itself: tails that decay more slowly than x^-1.5 are not fully seen. */
typedef struct fan_integral {
    const fan_expression *expression; /* as many variables as dimensions */
    fan_integrand_batch *batch;
    fan_integrand_scalar *scalar;
    void *context;            /* for batch and scalar */
    const double *parameters; /* of the expression; NULL where it has none */
    size_t dimension;         /* 1..FAN_INTEGRAL_DIMENSION_MAX */
    const fan_range *ranges;  /* one a dimension */
    uint64_t points; /* subintervals a dimension, from 1; at most 2^62 grid points in all */
    fan_rule rule;
    unsigned order;    /* FAN_RULE_GAUSS: 1..FAN_INTEGRAL_ORDER_MAX; 0: 5 */
    size_t components; /* of batch; 0: 1. An expression knows its own, a scalar function has 1 */
    const fan_bounds
        *bounds; /* NULL, or one a dimension, before its range; they have `parameters` */
} fan_integral;

/* Values that are not finite count as 0. So few of them that they may be what an end or a line of
 * the range gives (one or two, or one in a thousand) are passed over: the status is FAN_OK,
 * `not_finite` says how many there were, and the error's text, its status FAN_OK, which is the
 * first. More are an error. */
typedef struct fan_integral_result {
    double value;         /* of the first component */
    uint64_t evaluations; /* points at which the integrand was evaluated */
    uint64_t not_finite;  /* values that were an infinity or a NaN, of all components */
    fan_status status;    /* FAN_OK or FAN_E_NOT_FINITE */
    double first_value;   /* the first of these values, and its point; 0 where there is none */
    double first_point[FAN_INTEGRAL_DIMENSION_MAX];
    size_t components;
    double values[FAN_INTEGRAL_COMPONENTS_MAX]; /* of all components */
} fan_integral_result;

/* Integrates on the calling thread; the bits are those of the blocks below, folded. Errors:
 * FAN_E_ARGUMENT (a NaN bound, an odd number of subintervals for Simpson, ...), FAN_E_TOO_LARGE
 * (too many grid points), FAN_E_MEMORY, what a batch integrand answered: *result untouched;
 * FAN_E_NOT_FINITE with the first point in the text: *result is filled, and the caller decides.
 * Any thread. Source: the rules are in every textbook; Abramowitz and Stegun 25.4. The change of
 * variable is one of the kind of Iri, Moriguti and Takasawa (1970). */
FAN_API fan_status fan_integrate_sized(const fan_integral *integral, size_t integral_size,
                                       fan_integral_result *result, size_t result_size,
                                       fan_error *error);
static inline fan_status fan_integrate(const fan_integral *integral, fan_integral_result *result,
                                       fan_error *error)
{
    return fan_integrate_sized(integral, sizeof *integral, result, sizeof *result, error);
}

/* ---- Until a tolerance is reached ------------------------------------------------------------ */

/* How close, by which method, and at what cost. All zero is a goal, too. */
typedef struct fan_goal {
    /* error <= max(abs, rel * |value|) in every component, or what rounding leaves: 50 * 2^-52
     * times the integral of |f|. Both 0: rel is 1e-8 of one variable, 1e-5 of several. */
    double rel, abs;
    /* 0: 10^7 of one variable, 10^8 of several. A method may end up to one round above it. */
    uint64_t evaluations_max;
    uint64_t seed; /* of the random points: one seed, one result */
    /* NULL: "auto", which chooses. Of one variable "gauss-kronrod" and "tanh-sinh"; of several
     * "cubature", "cubature9", "cubature11" (of three), "cubature13" (of two), "vegas",
     * "lattice", "product" and "nested". */
    const char *method;
    const double *breaks; /* one variable: points inside the range where the integrand is not */
    size_t break_count;   /* smooth, in ascending order; 0..FAN_INTEGRAL_BREAKS_MAX */
} fan_goal;

typedef enum fan_verdict {
    FAN_VERDICT_REACHED,    /* the estimated error meets the goal */
    FAN_VERDICT_BUDGET,     /* evaluations_max is used up: the best value so far */
    FAN_VERDICT_ROUNDING,   /* the method can't come closer in double precision */
    FAN_VERDICT_DIVERGENT,  /* the integral seems to have no finite value */
    FAN_VERDICT_NOT_FINITE, /* values that are not finite persist: there is no value */
} fan_verdict;

/* "reached", "budget", "rounding", "divergent", "not finite"; NULL outside the list. Any thread. */
FAN_API const char *fan_verdict_name(fan_verdict verdict);

/* Values that are not finite count as 0; few of them are passed over, as on a grid. */
typedef struct fan_estimate {
    fan_verdict verdict;
    uint64_t evaluations; /* points at which the integrand was evaluated */
    uint64_t not_finite;  /* values that were an infinity or a NaN */
    double first_value;   /* the first of these values, and its point; 0 where there is none */
    double first_point[FAN_INTEGRAL_DIMENSION_MAX];
    char method[FAN_INTEGRAL_METHOD_SIZE]; /* by which `value` came, also where "auto" chose it */
    char why[FAN_INTEGRAL_WHY_SIZE];       /* what "auto" says of its choice; may be empty */
    size_t components;
    double value[FAN_INTEGRAL_COMPONENTS_MAX]; /* one a component; the rest are 0 */
    double error[FAN_INTEGRAL_COMPONENTS_MAX]; /* estimates, absolute */
} fan_estimate;

/* Integrates on the calling thread until the goal (NULL: all zero) is reached. The bits belong to
 * the integral, the goal and the instruction set; `fanfold integrate` has the same. An expression
 * of one variable that is smooth on a finite range takes one call of it and allocates nothing.
 * Nothing of the description is kept.
 *
 * Errors: FAN_E_ARGUMENT (a NaN bound, a method that is not for so many variables, a break point
 * outside, ...), FAN_E_MEMORY, what a batch integrand answered: *estimate untouched. FAN_E_EFFORT
 * (budget, rounding, divergent; the text says which) and FAN_E_NOT_FINITE with the first point in
 * the text: *estimate is filled, and the caller decides. Where values were passed over the status
 * is FAN_OK, and so is that of the error, whose text says how many. Any thread. Source: of each
 * method in docs/integration-one-variable.md and docs/integration-dimensions.md. */
FAN_API fan_status fan_integrate_to_sized(const fan_integral *integral, size_t integral_size,
                                          const fan_goal *goal, size_t goal_size,
                                          fan_estimate *estimate, size_t estimate_size,
                                          fan_error *error);
static inline fan_status fan_integrate_to(const fan_integral *integral, const fan_goal *goal,
                                          fan_estimate *estimate, fan_error *error)
{
    return fan_integrate_to_sized(integral, sizeof *integral, goal, sizeof *goal, estimate,
                                  sizeof *estimate, error);
}

/* One integral of a scan; as in fan_estimate. */
typedef struct fan_scan_row {
    double value, error;
    fan_verdict verdict;
    uint64_t evaluations, not_finite;
    double first_value, first_point;
} fan_scan_row;

/* rows[i] = the integral where the variables after the first have the values columns[0][i],
 * columns[1][i], ..., i < count: one integral for many values of parameters, on the calling thread.
 * The integral's dimension is 1; its integrand an expression of one value whose first variable is
 * that of the range, the others one a column, 1..FAN_SCAN_COLUMNS_MAX of them. Rows are done by
 * blocks of FAN_SCAN_BLOCK from the first one, each with the intervals of its middle row where
 * these are fine enough, else alone: neighbours should be alike. A row meets the goal as it would
 * alone; its bits depend on its block, so parts of a scan that begin at multiples of FAN_SCAN_BLOCK
 * may be done by several threads. The goal's method is "auto" or NULL, its evaluations_max that of
 * a row.
 *
 * Errors: FAN_E_ARGUMENT, rows untouched; FAN_E_MEMORY, where those of earlier blocks may be
 * filled; FAN_E_EFFORT (rows that did not reach the goal; the text has their number and the first):
 * all rows are filled. Any thread. Source: docs/integration-one-variable.md. */
FAN_API fan_status fan_integrate_scan_sized(const fan_integral *integral, size_t integral_size,
                                            const fan_goal *goal, size_t goal_size,
                                            const double *const *columns, size_t column_count,
                                            size_t count, fan_scan_row *rows, size_t row_size,
                                            fan_error *error);
static inline fan_status fan_integrate_scan(const fan_integral *integral, const fan_goal *goal,
                                            const double *const *columns, size_t column_count,
                                            size_t count, fan_scan_row *rows, fan_error *error)
{
    return fan_integrate_scan_sized(integral, sizeof *integral, goal, sizeof *goal, columns,
                                    column_count, count, rows, sizeof *rows, error);
}

/* ---- Fixed grids in blocks, to be spread over workers -------------------------------------------
 */

/* An integral made ready. It never changes: threads may share it. */
typedef struct fan_integral_plan fan_integral_plan;

/* A part of the sum, of a fixed layout without gaps: it may be sent as bytes between like machines.
 * All zero is the empty part. */
typedef struct fan_partial {
    double sum, sum_middle, sum_low; /* weighted values, before the scale of the grid: all three
                                        together, `sum` the nearest to it */
    uint64_t not_finite;             /* as in fan_integral_result */
    uint64_t first_index;            /* number of the grid point of the first such value */
    double first_value;
} fan_partial;

/* Checks the description and computes the grid. The plan keeps copies of all but the expression and
 * `context`, which must outlive it; freed by fan_integral_plan_free. Errors: as fan_integrate. */
FAN_API fan_status fan_integral_plan_make_sized(const fan_integral *integral, size_t integral_size,
                                                fan_integral_plan **plan, fan_error *error);
static inline fan_status fan_integral_plan_make(const fan_integral *integral,
                                                fan_integral_plan **plan, fan_error *error)
{
    return fan_integral_plan_make_sized(integral, sizeof *integral, plan, error);
}

/* Frees a plan; NULL is fine. */
FAN_API void fan_integral_plan_free(fan_integral_plan *plan);

/* The number of blocks of FAN_INTEGRAL_BLOCK_POINTS grid points, the last one shorter; 0 where two
 * bounds are equal. Grid points are numbered with the last dimension running fastest. */
FAN_API uint64_t fan_integral_plan_blocks(const fan_integral_plan *plan);

/* The number of components of the integrand: so many partials has a block. */
FAN_API size_t fan_integral_plan_components(const fan_integral_plan *plan);

/* The sums over block `block`, one of each component, in an order that is fixed by index and with
 * twice the precision of doubles: the value of a grid of 10^8 points is within an ulp of the exact
 * sum of its values. Errors: FAN_E_ARGUMENT (no such block), what a batch integrand answered;
 * `partials` is then untouched. Any thread. */
FAN_API fan_status fan_integral_plan_block(const fan_integral_plan *plan, uint64_t block,
                                           fan_partial *partials, fan_error *error);

/* `left` and `right` of one component together; every block of `left` comes before those of
 * `right`. Blocks are folded in a binary-counter tree: a stack of parts with ranks; each block is
 * pushed with rank 0, by index, and as long as the two on top have one rank they become one of the
 * next rank; at the end the two on top are combined, whatever their ranks, until one is left. Any
 * thread. */
FAN_API fan_partial fan_partial_combine(fan_partial left, fan_partial right);

/* The result from the folds of all blocks, one of each component (all zero where there are no
 * blocks). FAN_E_NOT_FINITE as
 * fan_integrate: *result is filled all the same. Any thread. */
FAN_API fan_status fan_integral_plan_finish_sized(const fan_integral_plan *plan,
                                                  const fan_partial *totals,
                                                  fan_integral_result *result, size_t result_size,
                                                  fan_error *error);
static inline fan_status fan_integral_plan_finish(const fan_integral_plan *plan,
                                                  const fan_partial *totals,
                                                  fan_integral_result *result, fan_error *error)
{
    return fan_integral_plan_finish_sized(plan, totals, result, sizeof *result, error);
}

#ifdef __cplusplus
}
#endif
#endif
