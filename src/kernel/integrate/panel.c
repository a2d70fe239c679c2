/* Kronrod's rule of 21 points, Gauss's of 10 inside it, and probes between them.
 *
 * Source of the rule: A. S. Kronrod, Nodes and weights of quadrature formulas, 1965; the numbers
 * below were computed anew, to 60 digits, from the orthogonality of Stieltjes's polynomial. How the
 * error follows from the difference of two rules is the reasoning of R. Piessens et al., QUADPACK,
 * 1983: for smooth integrands the error of the better rule goes as the 1.5th power of it. */
#include "panel.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/philox.h"

enum { HALF = FANI_PANEL_NODES / 2, PADDED = 24 };

/* The nodes in ascending order, and the weights of the two rules, those behind the last node 0. */
static const double nodes[FANI_PANEL_NODES] = {
    -0.99565716302580808074, -0.97390652851717172008, -0.930157491355708226,
    -0.86506336668898451073, -0.78081772658641689706, -0.67940956829902440623,
    -0.56275713466860468334, -0.4333953941292471908,  -0.29439286270146019813,
    -0.14887433898163121088, 0,                       0.14887433898163121088,
    0.29439286270146019813,  0.4333953941292471908,   0.56275713466860468334,
    0.67940956829902440623,  0.78081772658641689706,  0.86506336668898451073,
    0.930157491355708226,    0.97390652851717172008,  0.99565716302580808074,
};
static const double kronrod_weights[PADDED] = {
    0.011694638867371874278, 0.032558162307964727479, 0.054755896574351996031,
    0.075039674810919952767, 0.093125454583697605535, 0.1093871588022976419,
    0.12349197626206585108,  0.13470921731147332593,  0.1427759385770600808,
    0.14773910490133849137,  0.14944555400291690566,  0.14773910490133849137,
    0.1427759385770600808,   0.13470921731147332593,  0.12349197626206585108,
    0.1093871588022976419,   0.093125454583697605535, 0.075039674810919952767,
    0.054755896574351996031, 0.032558162307964727479, 0.011694638867371874278,
};
static const double gauss_weights[PADDED] = {
    0, 0.066671344308688137594, 0, 0.14945134915058059315, 0, 0.219086362515982044,   0,
    0.26926671930999635509,     0, 0.29552422471475287017, 0, 0.29552422471475287017, 0,
    0.26926671930999635509,     0, 0.219086362515982044,   0, 0.14945134915058059315, 0,
    0.066671344308688137594,    0,
};

/* Weights of polynomial interpolation, from the middle node outwards: 1 over the derivative of the
 * product of all x - node, there. */
static const double barycentric[HALF + 1] = {
    51082.187561523422432, -50514.63229855401554,  48802.437264367051847, -45993.282307779180035,
    42210.959943571961843, -37496.433646616344535, 31831.337971444257223, -25434.755357870021416,
    18716.187293573371578, -11660.273019880712955, 3997.360376981920775,
};

double fani_chart_point(const fani_chart *chart, double s)
{
    return chart->base + chart->direction * (chart->scale == 0 ? s : chart->scale / s);
}

/* The interval's random bits, fixed by it and the seed. */
static uint64_t random_bits(const fani_panel *panel)
{
    uint64_t lo;
    uint64_t hi;
    memcpy(&lo, &panel->lo, sizeof lo);
    memcpy(&hi, &panel->hi, sizeof hi);
    return fani_philox_u64(panel->seed, lo * UINT64_C(0x9E3779B97F4A7C15) ^ hi);
}

/* Probes are pairs at u and -u, first all u, then all -u: the polynomial's even and odd part give
 * both. Of an odd number the last u stands alone, on either side. */
static void place(const fani_panel *panel, double *position)
{
    static const double golden = 0.61803398874989485;
    static const double near_end =
        1e-4; /* beyond the outermost nodes: a step there shows nowhere else */
    const uint64_t bits = random_bits(panel);
    const double offset = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    const int pairs = (int)(panel->probes + 1) / 2;
    double *u = position + FANI_PANEL_NODES;
    memcpy(position, nodes, sizeof nodes);
    u[0] = 1 - near_end * (1 + offset);
    for (int k = 1; k < pairs; k++) {
        const double t = offset + golden * k;
        u[k] = t - (int)t;
    }
    for (int k = pairs; k < (int)panel->probes; k++)
        u[k] = -u[k - pairs];
    if (panel->probes % 2 == 1 && bits % 2 == 1)
        u[pairs - 1] = -u[pairs - 1];
}

/* The distances from the ends of the range. */
static void distances(const fani_chart *chart, const double *distance, const double *x,
                      size_t count, double *below, double *above)
{
    const bool from_base = chart->base == chart->from;
    const bool to_base = chart->base == chart->to;
    for (size_t i = 0; i < count; i++) {
        below[i] = from_base ? distance[i] : x[i] - chart->from;
        above[i] = to_base ? distance[i] : chart->to - x[i];
    }
}

size_t fani_panel_points(const fani_panel *panel, double *position, double *x, double *weight,
                         double *below, double *above)
{
    const fani_chart chart = panel->chart;
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const size_t count = FANI_PANEL_NODES + panel->probes;
    double distance[FANI_POINTS_MAX];
    place(panel, position);
    for (size_t i = 0; i < count; i++)
        distance[i] = middle + half * position[i];
    for (size_t i = 0; chart.scale != 0 && i < count; i++) {
        const double s = distance[i];
        distance[i] = chart.scale / s;
        weight[i] = distance[i] / s;
    }
    for (size_t i = 0; i < count; i++)
        x[i] = chart.base + chart.direction * distance[i];
    if (below)
        distances(&chart, distance, x, count, below, above);
    return count;
}

/* ---- Probes ---------------------------------------------------------------------------------- */

static void interpolate(const double *values, fani_panel_polynomial *p)
{
    const double *middle = values + HALF;
    p->middle = barycentric[0] * middle[0];
    for (int i = 0; i < HALF; i++) {
        const double up = middle[i + 1];
        const double down = middle[-1 - i];
        p->square[i] = nodes[HALF + 1 + i] * nodes[HALF + 1 + i];
        p->even[i] = barycentric[i + 1] * (up + down);
        p->odd[i] = barycentric[i + 1] * nodes[HALF + 1 + i] * (up - down);
    }
}

fani_panel_probe *fani_panel_probe_of(fani_isa isa)
{
#if defined(__x86_64__)
    if (isa == FANI_ISA_AVX512)
        return fani_panel_probe_avx512;
    if (isa == FANI_ISA_AVX2)
        return fani_panel_probe_avx2;
#endif
    (void)isa;
    return fani_panel_probe_scalar;
}

/* The largest difference of a probe from the polynomial through the nodes. */
static double probe_difference(const fani_panel *panel, const double *position,
                               const double *values, fani_isa isa)
{
    enum { FEW = 8 }; /* probes for which wide vectors are not worth it */
    fani_panel_polynomial p;
    interpolate(values, &p);
    fani_panel_probe *const probe =
        panel->probes <= FEW ? fani_panel_probe_scalar : fani_panel_probe_of(isa);
    return probe(&p, position + FANI_PANEL_NODES, values + FANI_PANEL_NODES, panel->probes);
}

/* ---- The verdict ----------------------------------------------------------------------------- */

/* A NaN where `b` is one. */
static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* What an error of the weaker rule, `factored` by how much weaker it is, makes the error of the
 * better one. */
static double smooth_error(double factored, double spread)
{
    const double ratio = factored / spread;
    return ratio >= 1 ? spread : spread * ratio * sqrt(ratio);
}

double fani_panel_shift(const fani_panel *panel)
{
    const fani_chart *chart = &panel->chart;
    const double largest = chart->scale == 0 ? fabs(chart->base) + panel->hi : panel->hi;
    return 0.06 * DBL_EPSILON * largest / (panel->hi - panel->lo);
}

void fani_panel_conclude(const fani_panel *panel, double probed, fani_panel_value *v)
{
    double factored = FANI_PANEL_GAUSS_FACTOR * v->linear;
    double least = 0;
    v->floor = 2 * DBL_EPSILON * v->absolute + fani_panel_shift(panel) * v->spread;
    if (v->linear <= FANI_PANEL_WORTH_PROBING * v->spread || v->spread == 0) {
        factored = larger(FANI_PANEL_PROBE_FACTOR * probed, factored);
        if (probed > FANI_PANEL_SURPRISE *
                         (v->linear + v->floor)) /* the flank of a peak between the nodes */
            least = larger(v->spread, probed);
    }
    v->error = v->floor + larger(least, v->spread > 0 ? smooth_error(factored, v->spread)
                                                       : larger(probed, v->linear));
}

/* Four doubles, as the compiler makes them of what the machine has. */
typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t quad_bits __attribute__((vector_size(32), aligned(8), may_alias));

#define QUAD(p, i) (*(const quad *)((p) + (i)))
#define MAGNITUDE(q) ((quad)((quad_bits)(q)&INT64_MAX))
#define TOTAL(q) (((q)[0] + (q)[2]) + ((q)[1] + (q)[3]))

void fani_panel_judge(const fani_panel *panel, const double *position, const double *values,
                      fani_isa isa, fani_panel_value *v)
{
    const double half = (panel->hi - panel->lo) / 2;
    quad kronrod = {0};
    quad gauss = {0};
    quad absolute = {0};
    quad scatter = {0};
    double probed = 0;
    for (int i = 0; i < PADDED; i += 4) { /* the three beyond the nodes are probes: times 0 */
        const quad at = QUAD(values, i);
        kronrod += QUAD(kronrod_weights, i) * at;
        gauss += QUAD(gauss_weights, i) * at;
        absolute += QUAD(kronrod_weights, i) * MAGNITUDE(at);
    }
    const double whole = TOTAL(kronrod);
    const double mean = whole / 2;
    const quad means = {mean, mean, mean, mean};
    for (int i = 0; i < PADDED; i += 4)
        scatter += QUAD(kronrod_weights, i) * MAGNITUDE(QUAD(values, i) - means);
    v->value = whole * half;
    v->absolute = TOTAL(absolute) * half;
    v->linear = fabs(whole - TOTAL(gauss)) * half;
    v->spread = TOTAL(scatter) * half;
    if (v->linear <= FANI_PANEL_WORTH_PROBING * v->spread || v->spread == 0)
        probed = 2 * half * probe_difference(panel, position, values, isa);
    fani_panel_conclude(panel, probed, v);
}

/* ---- Panels of many integrals ---------------------------------------------------------------- */

/* The polynomial's value at u as sums over the pairs of nodes, by the barycentric formula. */
static void polynomial_at(double u, double *middle, double *even, double *odd)
{
    double total = barycentric[0] / u;
    *middle = total;
    for (int i = 0; i < HALF; i++) {
        const double node = nodes[HALF + 1 + i];
        const double t = barycentric[i + 1] / (u * u - node * node);
        even[i] = t * u;
        odd[i] = t * node;
    }
    for (int i = 0; i < HALF; i++)
        total += 2 * even[i];
    const double scale = 1 / total;
    *middle *= scale;
    for (int i = 0; i < HALF; i++) {
        even[i] *= scale;
        odd[i] *= scale;
    }
}

void fani_panel_weights_at(const double *position, fani_panel_weights *weights)
{
    memcpy(weights->kronrod, kronrod_weights + HALF + 1, sizeof weights->kronrod);
    memcpy(weights->gauss, gauss_weights + HALF + 1, sizeof weights->gauss);
    weights->middle = kronrod_weights[HALF];
    for (int k = 0; k < 2; k++)
        polynomial_at(position[FANI_PANEL_NODES + k], &weights->probe_middle[k], weights->even[k],
                      weights->odd[k]);
}
