/* The sums of a scan's panel, for the file of an instruction set that defines SCAN_SUM. Lanes do
 * not meet: the bits are the same however many a register holds. */
#include <float.h>
#include <math.h>

#include "scan.h"

enum { LANES = FANI_SCAN_LANES, NODES = FANI_PANEL_NODES };

static void rules(const double (*values)[LANES], const fani_panel_weights *w, double *kronrod,
                  double *gauss, double *absolute)
{
    for (int i = 0; i < NODES; i++) {
        const double k = w->kronrod[i];
        const double g = w->gauss[i];
        const double *v = values[i];
#pragma omp simd
        for (int j = 0; j < LANES; j++) {
            kronrod[j] += k * v[j];
            gauss[j] += g * v[j];
            absolute[j] += k * fabs(v[j]);
        }
    }
}

static void spreads(const double (*values)[LANES], const fani_panel_weights *w,
                    const double *kronrod, double *spread)
{
    for (int i = 0; i < NODES; i++) {
        const double k = w->kronrod[i];
        const double *v = values[i];
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            spread[j] += k * fabs(v[j] - kronrod[j] / 2);
    }
}

static void probe(const double (*values)[LANES], const double *coefficients, const double *at_probe,
                  double *probed)
{
    double polynomial[LANES] = {0};
    for (int i = 0; i < NODES; i++) {
        const double c = coefficients[i];
        const double *v = values[i];
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            polynomial[j] += c * v[j];
    }
#pragma omp simd
    for (int j = 0; j < LANES; j++) {
        const double off = fabs(at_probe[j] - polynomial[j]);
        probed[j] = off > probed[j] ? off : probed[j];
    }
}

/* The error of the better rule from that of a weaker one; see panel.c. */
static inline double smooth(double difference, double factor, double spread)
{
    const double ratio = factor * difference / spread;
    const double small = spread * ratio * sqrt(ratio);
    return spread > 0 ? (ratio >= 1 ? spread : small) : difference;
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double conclude(double linear, double absolute, double spread, double probed,
                              double shift)
{
    const double floor = 2 * DBL_EPSILON * absolute + shift * spread;
    const double by_rules = smooth(linear, FANI_PANEL_GAUSS_FACTOR, spread);
    const double by_probes = larger(by_rules, smooth(probed, FANI_PANEL_PROBE_FACTOR, spread));
    const double surprised = larger(by_probes, larger(spread, probed));
    const double probing = probed > FANI_PANEL_SURPRISE * (linear + floor) ? surprised : by_probes;
    return floor +
           (linear <= FANI_PANEL_WORTH_PROBING * spread || spread == 0 ? probing : by_rules);
}

void SCAN_SUM(const double (*values)[LANES], const fani_panel_weights *w, double half, double shift,
              fani_scan_total *total)
{
    double kronrod[LANES] = {0};
    double gauss[LANES] = {0};
    double absolute[LANES] = {0};
    double spread[LANES] = {0};
    double probed[LANES] = {0};
    rules(values, w, kronrod, gauss, absolute);
    spreads(values, w, kronrod, spread);
    for (int k = 0; k < FANI_PANEL_PROBES; k++)
        probe(values, w->probe[k], values[NODES + k], probed);
#pragma omp simd
    for (int j = 0; j < LANES; j++) {
        const double error = conclude(fabs(kronrod[j] - gauss[j]) * half, absolute[j] * half,
                                      spread[j] * half, probed[j] * 2 * half, shift);
        total->value[j] += kronrod[j] * half;
        total->error[j] += error;
        total->absolute[j] += absolute[j] * half;
    }
}
