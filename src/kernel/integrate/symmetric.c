/* Weights of fully symmetric rules from the positions of their points.
 *
 * With y_j = sqrt(points of orbit j) * weight a point, the norm of y is that of the rule over all
 * its points, and each even monomial m gives a row: <row_m, y> = mean of m over the cube. The rows
 * are made orthonormal by ascending degree. A basis vector that comes from a row of degree 2k is
 * orthogonal to all rows below: it is a null rule of degree 2k - 1. The rule itself is the
 * combination that meets the right-hand sides of all rows up to its degree. */
#include "symmetric.h"

#include <math.h>
#include <string.h>

/* Positions: Genz and Malik, "An adaptive algorithm for numerical integration over an n-dimensional
 * rectangular region", 1980, for degree 7. For degree 9 those of the family with the orbits of Genz
 * and Malik, "An imbedded family of fully symmetric numerical integration rules", 1983, that solves
 * the moment equations with three and two coordinates inside the cube; bench/integrate/
 * tables/symmetric_positions.py derives them. The two orbits of AXIS alone are free. */
const fani_symmetric_shape fani_symmetric_shapes[FANI_SYMMETRIC_SHAPES] = {
    {.name = "degree 7",
     .degree = 7,
     .count = 5,
     .orbits = {{FANI_ORBIT_CENTRE, 0, 0},
                {FANI_ORBIT_AXIS, 0.35856858280031809199, 0},
                {FANI_ORBIT_AXIS, 0.94868329805051379960, 0},
                {FANI_ORBIT_PAIR, 0.94868329805051379960, 0},
                {FANI_ORBIT_CORNERS, 0.68824720161168529772, 0}}},
    {.name = "degree 9",
     .degree = 9,
     .count = 9,
     .orbits = {{FANI_ORBIT_CENTRE, 0, 0},
                {FANI_ORBIT_AXIS, 0.42978251057551014094, 0},
                {FANI_ORBIT_AXIS, 0.96, 0},
                {FANI_ORBIT_AXIS, 0.7, 0},
                {FANI_ORBIT_AXIS, 0.85, 0},
                {FANI_ORBIT_PAIR, 0.96, 0},
                {FANI_ORBIT_MIXED, 0.96, 0.42978251057551014094},
                {FANI_ORBIT_TRIPLE, 0.96, 0},
                {FANI_ORBIT_CORNERS, 0.68487617464241948634, 0}}},
};

/* Even monomials, halved exponents, by ascending degree. */
typedef struct monomial {
    unsigned parts, degree;
    unsigned exponents[4];
} monomial;
static const monomial monomials[] = {
    {0, 0, {0}},    {1, 2, {1}},    {1, 4, {2}},       {2, 4, {1, 1}},
    {1, 6, {3}},    {2, 6, {2, 1}}, {3, 6, {1, 1, 1}}, {1, 8, {4}},
    {2, 8, {3, 1}}, {2, 8, {2, 2}}, {3, 8, {2, 1, 1}}, {4, 8, {1, 1, 1, 1}},
};
enum { MONOMIALS = sizeof monomials / sizeof monomials[0] };

/* Coordinates of an orbit that are not 0, but for CORNERS; how many. */
static unsigned nonzero(const fani_orbit *orbit, double values[3])
{
    values[0] = values[1] = values[2] = orbit->a;
    switch (orbit->shape) {
    case FANI_ORBIT_AXIS:
        return 1;
    case FANI_ORBIT_MIXED:
        values[1] = orbit->b;
        return 2;
    case FANI_ORBIT_PAIR:
        return 2;
    case FANI_ORBIT_TRIPLE:
        return 3;
    case FANI_ORBIT_CENTRE:
    case FANI_ORBIT_CORNERS:
        break;
    }
    return 0;
}

size_t fani_orbit_points(const fani_orbit *orbit, size_t d)
{
    switch (orbit->shape) {
    case FANI_ORBIT_CENTRE:
        return 1;
    case FANI_ORBIT_AXIS:
        return 2 * d;
    case FANI_ORBIT_PAIR:
        return 2 * d * (d - 1);
    case FANI_ORBIT_MIXED:
        return 4 * d * (d - 1);
    case FANI_ORBIT_TRIPLE:
        return 4 * d * (d - 1) * (d - 2) / 3;
    case FANI_ORBIT_CORNERS:
        break;
    }
    return (size_t)1 << d;
}

size_t fani_symmetric_points(const fani_symmetric_shape *shape, size_t d)
{
    size_t points = 0;
    for (size_t j = 0; j < shape->count; j++)
        points += fani_orbit_points(&shape->orbits[j], d);
    return points;
}

/* x^(2 k) */
static double even_power(double x, unsigned k)
{
    double power = 1;
    for (unsigned i = 0; i < k; i++)
        power *= x * x;
    return power;
}

/* The sum of the monomial's parts from `part` on over choices of distinct values. */
static double choices(const monomial *m, unsigned part, const double values[3], unsigned count,
                      unsigned taken)
{
    if (part >= m->parts || part >= 4)
        return 1;
    double sum = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!(taken >> i & 1))
            sum += even_power(values[i], m->exponents[part]) *
                   choices(m, part + 1, values, count, taken | 1U << i);
    }
    return sum;
}

/* The mean of a monomial over an orbit. */
static double orbit_mean(const fani_orbit *orbit, const monomial *m, size_t d)
{
    if (orbit->shape == FANI_ORBIT_CORNERS)
        return even_power(orbit->a, m->degree / 2);
    double values[3];
    const unsigned count = nonzero(orbit, values);
    double mean = choices(m, 0, values, count, 0);
    for (unsigned i = 0; i < m->parts; i++)
        mean /= (double)(d - i);
    return mean;
}

static double cube_mean(const monomial *m)
{
    double mean = 1;
    for (unsigned i = 0; i < m->parts; i++)
        mean /= 2 * m->exponents[i] + 1;
    return mean;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

typedef struct basis {
    double vectors[FANI_ORBITS_MAX][FANI_ORBITS_MAX];
    double coefficients[FANI_ORBITS_MAX]; /* of the rule */
    unsigned degrees[FANI_ORBITS_MAX];
    size_t size;
} basis;

/* Adds a row unless it depends on those before. The second pass makes up for rounding. */
static void add_row(basis *b, double *row, size_t n, double right, unsigned degree)
{
    const double before = sqrt(dot(row, row, n));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < b->size; i++) {
            const double part = dot(row, b->vectors[i], n);
            right -= part * b->coefficients[i];
            for (size_t j = 0; j < n; j++)
                row[j] -= part * b->vectors[i][j];
        }
    }
    const double norm = sqrt(dot(row, row, n));
    if (b->size == n || norm <= 1e-8 * before)
        return;
    for (size_t j = 0; j < n; j++)
        b->vectors[b->size][j] = row[j] / norm;
    b->coefficients[b->size] = right / norm;
    b->degrees[b->size++] = degree;
}

void fani_symmetric_make(uint32_t shape_index, size_t d, fani_symmetric_rule *rule)
{
    const fani_symmetric_shape *shape = &fani_symmetric_shapes[shape_index];
    const size_t n = shape->count;
    double root[FANI_ORBITS_MAX];
    for (size_t j = 0; j < n; j++)
        root[j] = sqrt((double)fani_orbit_points(&shape->orbits[j], d));
    basis b = {.size = 0};
    for (size_t m = 0; m < MONOMIALS && monomials[m].degree <= shape->degree; m++) {
        double row[FANI_ORBITS_MAX];
        if (monomials[m].parts > d)
            continue;
        for (size_t j = 0; j < n; j++)
            row[j] = orbit_mean(&shape->orbits[j], &monomials[m], d) * root[j];
        add_row(&b, row, n, cube_mean(&monomials[m]), monomials[m].degree);
    }
    memset(rule, 0, sizeof *rule);
    rule->shape = shape_index;
    const double norm = sqrt(dot(b.coefficients, b.coefficients, b.size));
    for (size_t i = 0; i < b.size; i++) {
        for (size_t j = 0; j < n; j++)
            rule->weights[j] += b.coefficients[i] * b.vectors[i][j] / root[j];
    }
    for (size_t i = b.size; i-- > 1;) {
        for (size_t j = 0; j < n; j++)
            rule->nulls[rule->null_count][j] = norm * b.vectors[i][j] / root[j];
        rule->null_degrees[rule->null_count++] = b.degrees[i] - 1;
    }
}
