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

enum { HALF = FANI_PANEL_NODES / 2 };

/* Nodes from the middle outwards; `barycentric` are the weights of polynomial interpolation. */
static const struct {
    double node[HALF + 1], kronrod[HALF + 1], gauss[HALF + 1], barycentric[HALF + 1];
} rule = {
    .node = {0, 0.14887433898163121088, 0.29439286270146019813, 0.4333953941292471908,
             0.56275713466860468334, 0.67940956829902440623, 0.78081772658641689706,
             0.86506336668898451073, 0.930157491355708226, 0.97390652851717172008,
             0.99565716302580808074},
    .kronrod = {0.14944555400291690566, 0.14773910490133849137, 0.1427759385770600808,
                0.13470921731147332593, 0.12349197626206585108, 0.1093871588022976419,
                0.093125454583697605535, 0.075039674810919952767, 0.054755896574351996031,
                0.032558162307964727479, 0.011694638867371874278},
    .gauss = {0, 0.29552422471475287017, 0, 0.26926671930999635509, 0, 0.219086362515982044, 0,
              0.14945134915058059315, 0, 0.066671344308688137594, 0},
    .barycentric = {1.0, -0.98888937044276259829, 0.95537093444930020405, -0.90037808683085153019,
                    0.82633422644112592397, -0.73404126637011411506, 0.62313967922980141567,
                    -0.4979182876073266101, 0.36639361364529626906, -0.22826495059235808907,
                    0.078253508077889129957},
};

double fani_chart_point(const fani_chart *chart, double s)
{
    return chart->base + chart->direction * (chart->scale == 0 ? s : chart->scale / s);
}

/* Where the panel's probes start: any number in (0, 1), fixed by the interval and the seed. */
static double probe_offset(const fani_panel *panel)
{
    uint64_t lo;
    uint64_t hi;
    memcpy(&lo, &panel->lo, sizeof lo);
    memcpy(&hi, &panel->hi, sizeof hi);
    const uint64_t bits = fani_philox_u64(panel->seed, lo * UINT64_C(0x9E3779B97F4A7C15) ^ hi);
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

static void place(const fani_panel *panel, double *position)
{
    static const double golden = 0.61803398874989485;
    /* Beyond the outermost nodes, where a step shows nowhere else. What is nearer to the end yet is
     * seen by nothing, and no cut next to it tells: little of the panel, but x needs digits for it.
     */
    static const double near_end = 1e-6;
    double u = probe_offset(panel);
    for (int i = 0; i <= HALF; i++) {
        position[HALF - i] = -rule.node[i];
        position[HALF + i] = rule.node[i];
    }
    const double margin = near_end * (1 + u);
    position[FANI_PANEL_NODES] = 1 - margin;
    position[FANI_PANEL_NODES + 1] = margin - 1;
    for (uint32_t i = 2; i < panel->probes; i++) {
        position[FANI_PANEL_NODES + i] = 2 * u - 1;
        u += golden;
        u -= u >= 1 ? 1 : 0;
    }
}

/* The distances from the ends of the range. */
static void distances(const fani_chart *chart, double distance, double at, double *below,
                      double *above)
{
    *below = chart->base == chart->from ? distance : at - chart->from;
    *above = chart->base == chart->to ? distance : chart->to - at;
}

size_t fani_panel_points(const fani_panel *panel, double *position, double *x, double *weight,
                         double *below, double *above)
{
    const fani_chart chart = panel->chart;
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const size_t count = FANI_PANEL_NODES + panel->probes;
    place(panel, position);
    for (size_t i = 0; i < count; i++) {
        const double s = middle + half * position[i];
        const double distance = chart.scale == 0 ? s : chart.scale / s;
        x[i] = chart.base + chart.direction * distance;
        weight[i] = chart.scale == 0 ? 1 : distance / s;
        if (below)
            distances(&chart, distance, x[i], &below[i], &above[i]);
    }
    return count;
}

/* The largest difference of a probe from the polynomial through the nodes, by the barycentric
 * formula; GROUP probes at once, the last ones repeated. */
static double probe_difference(const fani_panel *panel, const double *position,
                               const double *values)
{
    enum { GROUP = 4 };
    const double *middle = values + HALF;
    const double *u = position + FANI_PANEL_NODES;
    double largest = 0;
    for (uint32_t k = 0; k < panel->probes; k += GROUP) {
        double at[GROUP] = {0};
        double above[GROUP] = {0};
        double below[GROUP] = {0};
        for (uint32_t j = 0; j < GROUP; j++) {
            at[j] = u[k + j < panel->probes ? k + j : panel->probes - 1];
            below[j] = rule.barycentric[0] / at[j];
            above[j] = below[j] * middle[0];
        }
        for (int i = 1; i <= HALF; i++) {
            const double sum = middle[i] + middle[-i];
            const double difference = rule.node[i] * (middle[i] - middle[-i]);
            const double square = rule.node[i] * rule.node[i];
            for (uint32_t j = 0; j < GROUP; j++) {
                const double t = rule.barycentric[i] / (at[j] * at[j] - square);
                above[j] += t * (at[j] * sum + difference);
                below[j] += t * 2 * at[j];
            }
        }
        for (uint32_t j = 0; j < GROUP && k + j < panel->probes; j++) {
            const double off = fabs(values[FANI_PANEL_NODES + k + j] - above[j] / below[j]);
            if (off > largest) /* a NaN, on a node itself, says nothing */
                largest = off;
        }
    }
    return largest;
}

/* What an error of `difference` by the weaker rule makes the error of the better one. */
static double smooth_error(double difference, double factor, double spread)
{
    if (spread <= 0)
        return difference;
    const double ratio = factor * difference / spread;
    return ratio >= 1 ? spread : spread * ratio * sqrt(ratio);
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
    v->floor = 2 * DBL_EPSILON * v->absolute + fani_panel_shift(panel) * v->spread;
    v->error = smooth_error(v->linear, FANI_PANEL_GAUSS_FACTOR, v->spread);
    if (worth_probing(v)) {
        v->error = fmax(v->error, smooth_error(probed, FANI_PANEL_PROBE_FACTOR, v->spread));
        if (probed > FANI_PANEL_SURPRISE *
                         (v->linear + v->floor)) /* the flank of a peak between the nodes */
            v->error = fmax(v->error, fmax(v->spread, probed));
    }
    v->error += v->floor;
}

fani_panel_value fani_panel_judge(const fani_panel *panel, const double *position,
                                  const double *values)
{
    const double *middle = values + HALF;
    const double half = (panel->hi - panel->lo) / 2;
    double kronrod = rule.kronrod[0] * middle[0];
    double gauss = 0;
    double absolute = fabs(kronrod);
    double probed = 0;
    for (int i = 1; i <= HALF; i++) {
        const double pair = middle[i] + middle[-i];
        kronrod += rule.kronrod[i] * pair;
        gauss += rule.gauss[i] * pair;
        absolute += rule.kronrod[i] * (fabs(middle[i]) + fabs(middle[-i]));
    }
    const double mean = kronrod / 2;
    double spread = rule.kronrod[0] * fabs(middle[0] - mean);
    for (int i = 1; i <= HALF; i++)
        spread += rule.kronrod[i] * (fabs(middle[i] - mean) + fabs(middle[-i] - mean));
    fani_panel_value v = {.value = kronrod * half, .absolute = absolute * half};
    v.linear = fabs(kronrod - gauss) * half;
    v.spread = spread * half;
    if (worth_probing(&v))
        probed = 2 * half * probe_difference(panel, position, values);
    fani_panel_conclude(panel, probed, &v);
    return v;
}

/* The polynomial's value at u as a sum over the nodes, by the barycentric formula. */
static void polynomial_at(double u, double *coefficients)
{
    double total = 0;
    for (int i = 0; i < FANI_PANEL_NODES; i++) {
        const int k = i < HALF ? HALF - i : i - HALF;
        const double node = i < HALF ? -rule.node[k] : rule.node[k];
        coefficients[i] = rule.barycentric[k] / (u - node);
        total += coefficients[i];
    }
    for (int i = 0; i < FANI_PANEL_NODES; i++)
        coefficients[i] /= total;
}

void fani_panel_weights_at(const double *position, fani_panel_weights *weights)
{
    for (int i = 0; i <= HALF; i++) {
        weights->kronrod[HALF - i] = weights->kronrod[HALF + i] = rule.kronrod[i];
        weights->gauss[HALF - i] = weights->gauss[HALF + i] = rule.gauss[i];
    }
    for (int k = 0; k < FANI_PANEL_PROBES; k++)
        polynomial_at(position[FANI_PANEL_NODES + k], weights->probe[k]);
}
