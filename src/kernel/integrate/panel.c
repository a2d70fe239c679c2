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

enum { PAIRS = FANI_PANEL_PAIRS, MIDDLE = 2 * PAIRS };

/* The nodes of one side, from the middle outwards, those of the other, the middle. */
static const double nodes[FANI_PANEL_NODES] = {
    0.14887433898163121088,  0.29439286270146019813,  0.4333953941292471908,
    0.56275713466860468334,  0.67940956829902440623,  0.78081772658641689706,
    0.86506336668898451073,  0.930157491355708226,    0.97390652851717172008,
    0.99565716302580808074,  -0.14887433898163121088, -0.29439286270146019813,
    -0.4333953941292471908,  -0.56275713466860468334, -0.67940956829902440623,
    -0.78081772658641689706, -0.86506336668898451073, -0.930157491355708226,
    -0.97390652851717172008, -0.99565716302580808074, 0,
};

/* The weights of the two rules at one side. */
static const double kronrod_middle = 0.14944555400291690566;
static const double kronrod_weights[PAIRS] = {
    0.14773910490133849137,  0.1427759385770600808,   0.13470921731147332593,
    0.12349197626206585108,  0.1093871588022976419,   0.093125454583697605535,
    0.075039674810919952767, 0.054755896574351996031, 0.032558162307964727479,
    0.011694638867371874278,
};
static const double gauss_weights[PAIRS] = {
    0.29552422471475287017, 0, 0.26926671930999635509,  0, 0.219086362515982044, 0,
    0.14945134915058059315, 0, 0.066671344308688137594, 0,
};

/* Weights of polynomial interpolation: 1 over the derivative of the product of all x - node, at the
 * nodes; and these times the nodes. */
static const double barycentric_middle = 51082.187561523422432;
static const double barycentric[PAIRS] = {
    -50514.63229855401554,  48802.437264367051847, -45993.282307779180035, 42210.959943571961843,
    -37496.433646616344535, 31831.337971444257223, -25434.755357870021416, 18716.187293573371578,
    -11660.273019880712955, 3997.360376981920775,
};
static const double barycentric_odd[PAIRS] = {
    -7520.3324923473870912, 14367.089213065434324, -19933.27671307768953,  23754.518869455804476,
    -25475.43579660062411,  24854.472949066992303, -22002.675100789727792, 17409.001820733789511,
    -11356.016018354463582, 3980.0004925375439404,
};

const double fani_panel_squares[PAIRS] = {
    0.022163568807217638323, 0.086667157609560795105, 0.18783156765244551038,
    0.3166955926204180672,   0.46159736149626670941,  0.60967632215158049244,
    0.74833462838728047642,  0.86519295872514442317,  0.94849392628836861283,
    0.9913331862846005699,
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

/* A number in (0, 1) for each k, far from those of its neighbours. */
static double spread_out(double offset, int k)
{
    static const double golden = 0.61803398874989485;
    const double t = offset + golden * k;
    return t - (int)t;
}

/* Not inline: a few probes need no loops. */
static __attribute__((noinline)) void place_many(double offset, int pairs, int probes, double *u)
{
    for (int k = 1; k < pairs; k++)
        u[k] = spread_out(offset, k);
    for (int k = pairs; k < probes; k++)
        u[k] = -u[k - pairs];
}

/* Probes are pairs at u and -u, first all u, then all -u: the polynomial's even and odd part give
 * both. Of an odd number the last u stands alone, on either side. */
static void place(const fani_panel *panel, double *position)
{
    /* Beyond the outermost nodes, where a step shows nowhere else. What is nearer to the end yet is
     * seen by nothing, and no cut next to it tells: little of the panel, but x needs digits for it.
     */
    static const double near_end = 1e-6;
    const uint64_t bits = random_bits(panel);
    const double offset = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    const int probes = (int)panel->probes;
    const int pairs = (probes + 1) / 2;
    double *u = position + FANI_PANEL_NODES;
    for (int i = 0; i < FANI_PANEL_NODES; i++)
        position[i] = nodes[i];
    u[0] = 1 - near_end * (1 + offset);
    u[1] = spread_out(offset, 1);
    if (pairs > 2) {
        place_many(offset, pairs, probes, u);
    } else {
        u[2] = -u[0];
        if (probes == 4)
            u[3] = -u[1];
    }
    if (probes % 2 == 1 && bits % 2 == 1)
        u[pairs - 1] = -u[pairs - 1];
}

/* The distances from the base and from the ends of the range. */
static void distances(const fani_panel *panel, const double *position, const double *x,
                      size_t count, double *below, double *above)
{
    const fani_chart *chart = &panel->chart;
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const bool from_base = chart->base == chart->from;
    const bool to_base = chart->base == chart->to;
    for (size_t i = 0; i < count; i++) {
        const double s = middle + half * position[i];
        const double distance = chart->scale == 0 ? s : chart->scale / s;
        below[i] = from_base ? distance : x[i] - chart->from;
        above[i] = to_base ? distance : chart->to - x[i];
    }
}

/* Two doubles: the vector that every machine has. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t pair_bits __attribute__((vector_size(16), aligned(8), may_alias));

#define PAIR(p, i) (*(const pair *)((p) + (i)))
#define MAGNITUDE(q) ((pair)((pair_bits)(q)&INT64_MAX))

/* x at positions of a finite chart, four at once: up to three beyond the last are written. */
static void place_finite(const fani_chart *chart, double middle, double half,
                         const double *position, size_t count, double *x)
{
    for (size_t i = 0; i < count; i += 4) {
        const pair first = middle + half * PAIR(position, i);
        const pair second = middle + half * PAIR(position, i + 2);
        *(pair *)(x + i) = chart->base + chart->direction * first;
        *(pair *)(x + i + 2) = chart->base + chart->direction * second;
    }
}

size_t fani_panel_points(const fani_panel *panel, double *position, double *x, double *weight,
                         double *below, double *above)
{
    const fani_chart chart = panel->chart;
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const size_t count = FANI_PANEL_NODES + panel->probes;
    place(panel, position);
    if (chart.scale == 0)
        place_finite(&chart, middle, half, position, count, x);
    for (size_t i = 0; chart.scale != 0 && i < count; i++) {
        const double s = middle + half * position[i];
        const double distance = chart.scale / s;
        x[i] = chart.base + chart.direction * distance;
        weight[i] = distance / s;
    }
    if (below)
        distances(panel, position, x, count, below, above);
    return count;
}

/* A NaN where `b` is one. */
static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* ---- Probes ---------------------------------------------------------------------------------- */

/* Returns how large its numbers are, all together. */
static double interpolate(const double *values, fani_panel_polynomial *p)
{
    pair size = {0, 0};
    p->middle = barycentric_middle * values[MIDDLE];
    for (int i = 0; i < PAIRS; i += 2) {
        const pair right = PAIR(values, i);
        const pair left = PAIR(values, PAIRS + i);
        const pair even = PAIR(barycentric, i) * (right + left);
        const pair odd = PAIR(barycentric_odd, i) * (right - left);
        *(pair *)(p->even + i) = even;
        *(pair *)(p->odd + i) = odd;
        size += MAGNITUDE(even) + MAGNITUDE(odd);
    }
    return fabs(p->middle) + (size[0] + size[1]);
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

/* The polynomial's even and odd part at u, by division: less work than products for a few u. */
static void parts_at(const fani_panel_polynomial *p, double u, double *even, double *odd)
{
    const double z = u * u;
    pair product = {1, 1};
    pair evens = {0, 0};
    pair odds = {0, 0};
    for (int i = 0; i < PAIRS; i += 2) {
        const pair factor = z - PAIR(fani_panel_squares, i);
        const pair inverse = 1 / factor;
        evens += PAIR(p->even, i) * inverse;
        odds += PAIR(p->odd, i) * inverse;
        product *= factor;
    }
    const double all = product[0] * product[1];
    *even = all * (z * (evens[0] + evens[1]) + p->middle);
    *odd = all * u * (odds[0] + odds[1]);
}

/* What fani_panel_probe does, for a few probes; it says nothing of one that is on a node, too. */
static double probe_few(const fani_panel_polynomial *p, const double *u, const double *values,
                        size_t count)
{
    const size_t pairs = (count + 1) / 2;
    double largest = 0;
    for (size_t k = 0; k < pairs; k++) {
        double even;
        double odd;
        parts_at(p, u[k], &even, &odd);
        largest = larger(fabs(values[k] - (even + odd)), largest);
        if (pairs + k < count)
            largest = larger(fabs(values[pairs + k] - (even - odd)), largest);
    }
    return largest;
}

/* The largest difference of a probe from the polynomial through the nodes; very large where the
 * polynomial can't be computed. */
static double probe_difference(const fani_panel *panel, const double *position,
                               const double *values, fani_isa isa)
{
    enum { FEW = 4 };
    static const double size_max = 1e300;
    fani_panel_polynomial p;
    if (!(interpolate(values, &p) < size_max))
        return size_max;
    fani_panel_probe *const probe = panel->probes <= FEW ? probe_few : fani_panel_probe_of(isa);
    return probe(&p, position + FANI_PANEL_NODES, values + FANI_PANEL_NODES, panel->probes);
}

/* ---- The verdict ----------------------------------------------------------------------------- */

/* What an error of the weaker rule, `factored` by how much weaker it is, makes the error of the
 * better one. */
static double smooth_error(double factored, double spread)
{
    return factored >= spread ? spread : factored * sqrt(factored / spread);
}

double fani_panel_shift(const fani_panel *panel)
{
    const fani_chart *chart = &panel->chart;
    const double largest = chart->scale == 0 ? fabs(chart->base) + panel->hi : panel->hi;
    return 0.06 * DBL_EPSILON * largest / (panel->hi - panel->lo);
}

/* Whether the rules agree so well that probes have something to add. Of a constant, both
 * differences are rounding alone, and their ratio means nothing. */
static bool worth_probing(const fani_panel_value *v)
{
    return v->linear <= FANI_PANEL_WORTH_PROBING * v->spread + 2 * DBL_EPSILON * v->absolute;
}

void fani_panel_conclude(const fani_panel *panel, double probed, fani_panel_value *v)
{
    double factored = FANI_PANEL_GAUSS_FACTOR * v->linear;
    double least = 0;
    v->floor = 2 * DBL_EPSILON * v->absolute + fani_panel_shift(panel) * v->spread;
    if (worth_probing(v)) {
        factored = larger(FANI_PANEL_PROBE_FACTOR * probed, factored);
        if (probed > FANI_PANEL_SURPRISE *
                         (v->linear + v->floor)) /* the flank of a peak between the nodes */
            least = larger(v->spread, probed);
    }
    v->error = v->floor + larger(least, v->spread > 0 ? smooth_error(factored, v->spread)
                                                      : larger(probed, v->linear));
}

void fani_panel_judge(const fani_panel *panel, const double *position, const double *values,
                      fani_isa isa, fani_panel_value *v)
{
    const double half = (panel->hi - panel->lo) / 2;
    const double at_middle = values[MIDDLE];
    pair kronrod = {kronrod_middle * at_middle, 0};
    pair gauss = {0};
    pair absolute = MAGNITUDE(kronrod);
    double probed = 0;
    for (int i = 0; i < PAIRS; i += 2) {
        const pair right = PAIR(values, i);
        const pair left = PAIR(values, PAIRS + i);
        kronrod += PAIR(kronrod_weights, i) * (right + left);
        gauss += PAIR(gauss_weights, i) * (right + left);
        absolute += PAIR(kronrod_weights, i) * (MAGNITUDE(right) + MAGNITUDE(left));
    }
    const double whole = kronrod[0] + kronrod[1];
    const double mean = whole / 2;
    pair scatter = {kronrod_middle * fabs(at_middle - mean), 0};
    for (int i = 0; i < PAIRS; i += 2)
        scatter += PAIR(kronrod_weights, i) *
                   (MAGNITUDE(PAIR(values, i) - mean) + MAGNITUDE(PAIR(values, PAIRS + i) - mean));
    v->value = whole * half;
    v->absolute = (absolute[0] + absolute[1]) * half;
    v->linear = fabs(whole - (gauss[0] + gauss[1])) * half;
    v->spread = (scatter[0] + scatter[1]) * half;
    if (worth_probing(v))
        probed = 2 * half * probe_difference(panel, position, values, isa);
    fani_panel_conclude(panel, probed, v);
}

/* ---- Panels of many integrals ---------------------------------------------------------------- */

/* The polynomial's value at u as sums over the pairs of nodes, by the barycentric formula. */
static void polynomial_at(double u, double *middle, double *even, double *odd)
{
    double total = barycentric_middle / u;
    *middle = total;
    for (int i = 0; i < PAIRS; i++) {
        const double t = 1 / (u * u - fani_panel_squares[i]);
        even[i] = barycentric[i] * t * u;
        odd[i] = barycentric_odd[i] * t;
    }
    for (int i = 0; i < PAIRS; i++)
        total += 2 * even[i];
    const double scale = 1 / total;
    *middle *= scale;
    for (int i = 0; i < PAIRS; i++) {
        even[i] *= scale;
        odd[i] *= scale;
    }
}

void fani_panel_weights_at(const double *position, fani_panel_weights *weights)
{
    memcpy(weights->kronrod, kronrod_weights, sizeof kronrod_weights);
    memcpy(weights->gauss, gauss_weights, sizeof gauss_weights);
    weights->middle = kronrod_middle;
    for (int k = 0; k < 2; k++)
        polynomial_at(position[FANI_PANEL_NODES + k], &weights->probe_middle[k], weights->even[k],
                      weights->odd[k]);
}
