/* The sums of a scan's panel, for the file of an instruction set that includes this one after its
 * vectors (vector_*.h) and defines SCAN_KERNELS. Lanes do not meet: the bits are the same however
 * many a register holds. */
#include <float.h>
#include <math.h>

enum { WIDTH = FANI_SCAN_LANES, NODES = FANI_PANEL_NODES };

/* What a panel's values add up to, without its length. */
typedef struct parts {
    double kronrod[WIDTH], gauss[WIDTH], absolute[WIDTH], scatter[WIDTH], probed[WIDTH];
} parts;

static inline void rules(const double (*values)[WIDTH], const fani_panel_weights *w, int lane,
                         parts *out)
{
    vec kronrod = spread(0);
    vec gauss = spread(0);
    vec absolute = spread(0);
    vec scatter = spread(0);
    for (int i = 0; i < NODES; i++) {
        const vec v = load(&values[i][lane]);
        kronrod += spread(w->kronrod[i]) * v;
        gauss += spread(w->gauss[i]) * v;
        absolute += spread(w->kronrod[i]) * magnitude(v);
    }
    const vec mean = kronrod * spread(0.5);
    for (int i = 0; i < NODES; i++)
        scatter += spread(w->kronrod[i]) * magnitude(load(&values[i][lane]) - mean);
    store(&out->kronrod[lane], kronrod);
    store(&out->gauss[lane], gauss);
    store(&out->absolute[lane], absolute);
    store(&out->scatter[lane], scatter);
}

/* The largest difference of a probe from the polynomial through the nodes. */
static inline void probe(const double (*values)[WIDTH], const fani_panel_weights *w, int lane,
                         parts *out)
{
    vec off[FANI_PANEL_PROBES] = {spread(0), spread(0), spread(0)};
    for (int i = 0; i < NODES; i++) {
        const vec v = load(&values[i][lane]);
        for (int k = 0; k < FANI_PANEL_PROBES; k++)
            off[k] += spread(w->probe[k][i]) * v;
    }
    vec largest = spread(0);
    for (int k = 0; k < FANI_PANEL_PROBES; k++) {
        off[k] = magnitude(load(&values[NODES + k][lane]) - off[k]);
        largest = greater_of(off[k], largest);
    }
    store(&out->probed[lane], largest);
}

/* The error of the better rule from that of a weaker one; see panel.c. */
static inline double smooth(double difference, double factor, double scatter)
{
    const double ratio = factor * difference / scatter;
    const double small = scatter * ratio * sqrt(ratio);
    return scatter > 0 ? (ratio >= 1 ? scatter : small) : difference;
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double conclude(double linear, double absolute, double scatter, double probed,
                              double shift)
{
    const double floor = 2 * DBL_EPSILON * absolute + shift * scatter;
    const double by_rules = smooth(linear, FANI_PANEL_GAUSS_FACTOR, scatter);
    const double by_probes = larger(by_rules, smooth(probed, FANI_PANEL_PROBE_FACTOR, scatter));
    const double surprised = larger(by_probes, larger(scatter, probed));
    const double probing = probed > FANI_PANEL_SURPRISE * (linear + floor) ? surprised : by_probes;
    const double noise = 2 * DBL_EPSILON * absolute; /* as in panel.c */
    return floor + (linear <= FANI_PANEL_WORTH_PROBING * scatter + noise ? probing : by_rules);
}

static void sum(const double (*values)[WIDTH], const fani_panel_weights *w, double half,
                double shift, fani_scan_total *total)
{
    parts p;
    for (int lane = 0; lane < WIDTH; lane += LANES) {
        rules(values, w, lane, &p);
        probe(values, w, lane, &p);
    }
#pragma omp simd
    for (int j = 0; j < WIDTH; j++) {
        const double error = conclude(fabs(p.kronrod[j] - p.gauss[j]) * half, p.absolute[j] * half,
                                      p.scatter[j] * half, p.probed[j] * 2 * half, shift);
        total->value[j] += p.kronrod[j] * half;
        total->error[j] += error;
        total->absolute[j] += p.absolute[j] * half;
    }
}

static void widen(const double *once, size_t count, double (*out)[WIDTH])
{
    for (size_t i = 0; i < count; i++) {
        const double value = once[i];
#pragma omp simd
        for (int j = 0; j < WIDTH; j++)
            out[i][j] = value;
    }
}

const fani_scan_kernels SCAN_KERNELS = {sum, widen};
