/* Weights of fully symmetric rules from the positions of their points.
 *
 * With y_j = sqrt(points of orbit j) * weight a point, the norm of y is that of the rule over all
 * its points, and each even polynomial m of a basis gives a row: <row_m, y> = mean of m over the
 * cube. The rows are made orthonormal by ascending degree. A basis vector that comes from a row of
 * degree 2k is orthogonal to all rows below: it is a null rule of degree 2k - 1. The rule itself is
 * the combination that meets the right-hand sides of all rows up to its degree. */
#include "symmetric.h"

#include <math.h>
#include <string.h>

/* Positions: Genz and Malik, "An adaptive algorithm for numerical integration over an n-dimensional
 * rectangular region", 1980, for degree 7. For degree 9 those of the family with the orbits of Genz
 * and Malik, "An imbedded family of fully symmetric numerical integration rules", 1983, that solves
 * the moment equations with three and two coordinates inside the cube; bench/integrate/
 * tables/symmetric_positions.py derives them. The two orbits of AXIS alone are free. For degrees 11
 * and 13, with as many orbits of each kind as the rules of Berntsen, Espelid and Genz, "An adaptive
 * algorithm for the approximate calculation of multiple integrals", 1991,
 * symmetric_positions_low.py derives them. */
const fani_symmetric_shape fani_symmetric_shapes[FANI_SYMMETRIC_SHAPES] = {
    {.degree = 7,
     .least = 2,
     .most = FANI_SYMMETRIC_DIMENSION_MAX,
     .count = 5,
     .orbits = {{FANI_ORBIT_CENTRE, 0, 0},
                {FANI_ORBIT_AXIS, 0.35856858280031809199, 0},
                {FANI_ORBIT_AXIS, 0.94868329805051379960, 0},
                {FANI_ORBIT_PAIR, 0.94868329805051379960, 0},
                {FANI_ORBIT_CORNERS, 0.68824720161168529772, 0}}},
    {.degree = 9,
     .least = 3,
     .most = FANI_SYMMETRIC_DIMENSION_MAX,
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
    {.degree = 11,
     .least = 3,
     .most = 3,
     .count = 13,
     .orbits = {{FANI_ORBIT_CENTRE, 0, 0},
{FANI_ORBIT_AXIS, 0.5, 0},
{FANI_ORBIT_AXIS, 0.985, 0},
{FANI_ORBIT_AXIS, 0.125, 0},
{FANI_ORBIT_AXIS, 0.61, 0},
{FANI_ORBIT_AXIS, 0.845, 0},
{FANI_ORBIT_MIXED, 0.98974736226631145891, 0.44958130346197489951},
{FANI_ORBIT_PAIR, 0.93959122969984420054, 0},
{FANI_ORBIT_PAIR, 0.74560083802979986609, 0},
{FANI_ORBIT_DOUBLE, 0.92, 0.395},
{FANI_ORBIT_CORNERS, 0.9, 0},
{FANI_ORBIT_CORNERS, 0.39, 0},
{FANI_ORBIT_CORNERS, 0.665, 0}}},
{.degree = 13,
     .least = 2,
     .most = 2,
     .count = 14,
     .orbits = {{FANI_ORBIT_CENTRE, 0, 0},
                {FANI_ORBIT_AXIS, 0.43, 0},
                {FANI_ORBIT_AXIS, 0.955, 0},
                {FANI_ORBIT_AXIS, 0.165, 0},
                {FANI_ORBIT_AXIS, 0.83, 0},
                {FANI_ORBIT_AXIS, 0.59303297378532626586, 0},
                {FANI_ORBIT_MIXED, 0.82, 0.33},
                {FANI_ORBIT_MIXED, 0.985, 0.43},
                {FANI_ORBIT_MIXED, 0.95307660798433498583, 0.67575511785932798301},
                {FANI_ORBIT_PAIR, 0.3, 0},
                {FANI_ORBIT_PAIR, 0.52, 0},
                {FANI_ORBIT_PAIR, 0.64, 0},
                {FANI_ORBIT_PAIR, 0.84, 0},
                {FANI_ORBIT_PAIR, 0.965, 0}}},
};

/* Products of q_k(x) = x^2 T_(2k - 2)(x), T being Chebyshev's polynomials: they span what even
 * monomials span and are 0 where a coordinate is, as those are, but can be told apart. Exponents
 * are the k; by ascending degree. Five coordinates are not needed up to degree 9, four not beyond.
 */
typedef struct monomial {
    unsigned parts, degree;
    unsigned exponents[4];
} monomial;
static const monomial monomials[] = {
    {0, 0, {0}},        {1, 2, {1}},          {1, 4, {2}},  {2, 4, {1, 1}},  {1, 6, {3}},
    {2, 6, {2, 1}},     {3, 6, {1, 1, 1}},    {1, 8, {4}},  {2, 8, {3, 1}},  {2, 8, {2, 2}},
    {3, 8, {2, 1, 1}},  {4, 8, {1, 1, 1, 1}}, {1, 10, {5}}, {2, 10, {4, 1}}, {2, 10, {3, 2}},
    {3, 10, {3, 1, 1}}, {3, 10, {2, 2, 1}},   {1, 12, {6}}, {2, 12, {5, 1}}, {2, 12, {4, 2}},
    {2, 12, {3, 3}},
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
    case FANI_ORBIT_DOUBLE:
        values[2] = orbit->b;
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
    case FANI_ORBIT_DOUBLE:
        return 4 * d * (d - 1) * (d - 2);
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

/* q_k(x), k >= 1. */
static double basis_value(double x, unsigned k)
{
    const double u = x * x;
    double before = 1, value = 1, next = 2 * u - 1; /* T_(2n)(x) = T_n(2 x^2 - 1) */
    for (unsigned n = 1; n < k; n++) {
        value = next;
        next = 2 * (2 * u - 1) * value - before;
        before = value;
    }
    return u * value;
}

/* The mean of T_m for an even m. */
static double chebyshev_mean(int m)
{
    return 1.0 / (1 - m * m);
}

/* The mean of q_k: x^2 T_m is (T_(m + 2) + 2 T_m + T_|m - 2|) / 4. */
static double basis_mean(unsigned k)
{
    const int m = 2 * (int)k - 2;
    return (chebyshev_mean(m + 2) + 2 * chebyshev_mean(m) + chebyshev_mean(m - 2)) / 4;
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
            sum += basis_value(values[i], m->exponents[part]) *
                   choices(m, part + 1, values, count, taken | 1U << i);
    }
    return sum;
}

/* The mean of a monomial over an orbit. */
static double orbit_mean(const fani_orbit *orbit, const monomial *m, size_t d)
{
    double values[3], mean = 1;
    const unsigned count = nonzero(orbit, values);
    if (orbit->shape == FANI_ORBIT_CORNERS) {
        for (unsigned i = 0; i < m->parts; i++)
            mean *= basis_value(orbit->a, m->exponents[i]);
        return mean;
    }
    mean = choices(m, 0, values, count, 0);
    for (unsigned i = 0; i < m->parts; i++)
        mean /= (double)(d - i);
    return mean;
}

static double cube_mean(const monomial *m)
{
    double mean = 1;
    for (unsigned i = 0; i < m->parts; i++)
        mean *= basis_mean(m->exponents[i]);
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
