/* The sums of a scan's panel, for the file of an instruction set that includes this one after its
 * vectors (vector_*.h) and defines SCAN_KERNELS. Lanes do not meet: the bits are the same however
 * many a register holds. */
#include <float.h>
#include <math.h>

enum {
    WIDTH = FANI_SCAN_LANES,
    PAIRS = FANI_PANEL_PAIRS,
    MIDDLE = 2 * PAIRS,
    NODES = FANI_PANEL_NODES,
};

/* What a panel's values add up to, without its length. */
typedef struct parts {
    double kronrod[WIDTH], gauss[WIDTH], absolute[WIDTH], scatter[WIDTH], probed[WIDTH];
} parts;

/* The polynomials through the nodes: their even and odd parts at two probes. */
typedef struct polynomials {
    vec even[2], odd[2];
} polynomials;

/* Three probes: +u, another one, -u. */
static inline vec largest_difference(const double (*values)[WIDTH], int lane, const polynomials *p)
{
    const vec first = load(&values[NODES][lane]) - (p->even[0] + p->odd[0]);
    const vec second = load(&values[NODES + 1][lane]) - (p->even[1] + p->odd[1]);
    const vec third = load(&values[NODES + 2][lane]) - (p->even[0] - p->odd[0]);
    const vec larger_one = greater_of(magnitude(second), greater_of(magnitude(first), spread(0)));
    return greater_of(magnitude(third), larger_one);
}

static inline void add_lanes(const double (*values)[WIDTH], const fani_panel_weights *w, int lane,
                             parts *out)
{
    const vec at_middle = load(&values[MIDDLE][lane]);
    const vec zero = spread(0);
    vec kronrod = spread(w->middle) * at_middle;
    vec gauss = zero;
    vec absolute = magnitude(kronrod);
    polynomials p = {
        {spread(w->probe_middle[0]) * at_middle, spread(w->probe_middle[1]) * at_middle},
        {zero, zero}};
#pragma GCC unroll 16
    for (int i = 0; i < PAIRS; i++) {
        const vec right = load(&values[i][lane]);
        const vec left = load(&values[PAIRS + i][lane]);
        const vec both_sides = right + left;
        const vec difference = right - left;
        kronrod += spread(w->kronrod[i]) * both_sides;
        if (i % 2 == 0) /* Gauss's rule has every other node */
            gauss += spread(w->gauss[i]) * both_sides;
        absolute += spread(w->kronrod[i]) * (magnitude(right) + magnitude(left));
        for (int k = 0; k < 2; k++) {
            p.even[k] += spread(w->even[k][i]) * both_sides;
            p.odd[k] += spread(w->odd[k][i]) * difference;
        }
    }
    const vec mean = kronrod * spread(0.5);
    vec scatter = spread(w->middle) * magnitude(at_middle - mean);
#pragma GCC unroll 16
    for (int i = 0; i < PAIRS; i++) {
        const vec right = load(&values[i][lane]);
        const vec left = load(&values[PAIRS + i][lane]);
        scatter += spread(w->kronrod[i]) * (magnitude(right - mean) + magnitude(left - mean));
    }
    store(&out->kronrod[lane], kronrod);
    store(&out->gauss[lane], gauss);
    store(&out->absolute[lane], absolute);
    store(&out->scatter[lane], scatter);
    store(&out->probed[lane], largest_difference(values, lane, &p));
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

/* What fani_panel_conclude does. */
static inline double conclude(double linear, double absolute, double scatter, double probed,
                              double shift)
{
    const double floor = 2 * DBL_EPSILON * absolute + shift * scatter;
    const double by_rules = FANI_PANEL_GAUSS_FACTOR * linear;
    const double by_both = larger(FANI_PANEL_PROBE_FACTOR * probed, by_rules);
    const double noise = 2 * DBL_EPSILON * absolute; /* as in panel.c */
    const bool probing = linear <= FANI_PANEL_WORTH_PROBING * scatter + noise;
    const double factored = probing ? by_both : by_rules;
    const double small = factored >= scatter ? scatter : factored * sqrt(factored / scatter);
    const double smooth = scatter > 0 ? small : larger(probed, linear);
    const bool surprise = probing && probed > FANI_PANEL_SURPRISE * (linear + floor);
    return floor + (surprise ? larger(larger(scatter, probed), smooth) : smooth);
}

static void sum(const double (*values)[WIDTH], const fani_panel_weights *w, double half,
                double shift, fani_scan_total *total)
{
    parts p;
    for (int lane = 0; lane < WIDTH; lane += LANES)
        add_lanes(values, w, lane, &p);
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

/* One number a point with one a lane of it: `a` and `b`. */
#define MIXED(name, value)                                                                         \
    static void name(const double *once, size_t count, const double *lanes, size_t stride,         \
                     double(*out)[WIDTH])                                                          \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            const vec a = spread(once[i]);                                                         \
            for (size_t j = 0; j < WIDTH; j += LANES) {                                            \
                const vec b = load(lanes + i * stride + j);                                        \
                store(&out[i][j], value);                                                          \
            }                                                                                      \
        }                                                                                          \
    }
MIXED(add, a + b)
MIXED(subtract, a - b)
MIXED(subtract_from, b - a)
MIXED(multiply, a *b)
MIXED(divide, a / b)
MIXED(divide_into, b / a)

const fani_scan_kernels SCAN_KERNELS = {
    sum,
    widen,
    {{add, add}, {subtract, subtract_from}, {multiply, multiply}, {divide, divide_into}}};
