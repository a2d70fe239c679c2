/* One panel of Filon-Clenshaw-Curtis integration.
 *
 * f is interpolated at the zeros of T_28, which lie inside: an end where f is infinite is not met.
 * The coefficients' decline and four points beside the nodes tell how far the polynomial is off. */
#include "filon_panel.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/philox.h"

enum { N = FANI_FILON_NODES, BEYOND = 64 /* moments that are solved for beyond the last one */ };

/* ---- Moments --------------------------------------------------------------------------------- */

/* exp(i a b) with the product as exact as if it had twice the digits. */
static double complex turn(double a, double b)
{
    const double product = a * b;
    const double rest = fma(a, b, -product);
    return (cos(product) + I * sin(product)) * (cos(rest) + I * sin(rest));
}

/* Integration by parts of T_n = (T'_(n+1) / (n+1) - T'_(n-1) / (n-1)) / 2 gives
 *     y_n + s_n theta/2 (y_(n+1) / (n+1) - y_(n-1) / (n-1)) = right_n,
 * s_n = 1 for odd n, -1 for even n; without the term of n-1 for n = 1. */
static double right_side(int n, double complex end)
{
    if (n == 1)
        return cimag(end) / 2;
    return -2 * (n % 2 == 0 ? creal(end) : cimag(end)) / ((double)n * n - 1);
}

static double sign_of(int n)
{
    return n % 2 == 0 ? -1 : 1;
}

/* Upwards, while that is stable: n < theta. Sets y[0..last]; last >= 2 needs theta >= 2. */
static void upwards(double theta, double complex end, int last, double *y)
{
    y[0] = theta == 0 ? 2 : 2 * cimag(end) / theta;
    if (last < 1)
        return;
    y[1] = 2 * (cimag(end) / theta - creal(end)) / theta;
    for (int n = 1; n < last; n++) {
        const double before = n == 1 ? 0 : y[n - 1] / (n - 1);
        y[n + 1] = (n + 1) * (before + sign_of(n) * 2 / theta * (right_side(n, end) - y[n]));
    }
}

/* The rest, as the solution of a tridiagonal system that is diagonally dominant: n > known, which
 * is theta or nearly. Far
 * beyond, a moment is nearly its right side. */
static void by_elimination(double theta, double complex end, int known, double *y)
{
    double upper[N + BEYOND + 1] = {0};
    double right[N + BEYOND + 1] = {0};
    double upper_before = 0;
    double right_before = y[known];
    for (int n = known + 1; n < N + BEYOND; n++) {
        const double t = sign_of(n) * theta / 2;
        const double lower = n == 1 ? 0 : -t / (n - 1);
        const double pivot = 1 - lower * upper_before;
        upper[n] = upper_before = t / (n + 1) / pivot;
        right[n] = right_before = (right_side(n, end) - lower * right_before) / pivot;
    }
    double next = right_side(N + BEYOND, end);
    for (int n = N + BEYOND - 1; n > known; n--) {
        next = right[n] - upper[n] * next;
        if (n < N)
            y[n] = next;
    }
}

void fani_filon_moments(double w, double h, double *y)
{
    const double theta = w * h;
    const double complex end = turn(w, h);
    const int last = theta >= N - 1 ? N - 1 : theta < 2 ? 0 : (int)theta;
    upwards(theta, end, last, y);
    if (last < N - 1)
        by_elimination(theta, end, last, y);
}

/* ---- Points ---------------------------------------------------------------------------------- */

/* Any number in (0, 1), fixed by the panel and the seed. */
static double probe_offset(const fani_filon_panel *panel)
{
    uint64_t lo;
    uint64_t hi;
    memcpy(&lo, &panel->lo, sizeof lo);
    memcpy(&hi, &panel->hi, sizeof hi);
    const uint64_t bits = fani_philox_u64(panel->seed, lo * UINT64_C(0x9E3779B97F4A7C15) ^ hi);
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

void fani_filon_points(const fani_filon_panel *panel, double *position, double *x, double *below,
                       double *above)
{
    static const double golden = 0.61803398874989485;
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const double u = probe_offset(panel);
    for (int j = 0; j < N; j++)
        position[j] = cos((2 * j + 1) * M_PI / (2 * N));
    position[N] = 1 - 1e-4 * (1 + u);
    position[N + 1] = -position[N];
    position[N + 2] = 2 * u - 1;
    position[N + 3] = 2 * fmod(u + golden, 1) - 1;
    for (int j = 0; j < FANI_FILON_POINTS; j++) {
        const double s = middle + half * position[j];
        x[j] = panel->base + panel->direction * s;
        below[j] = panel->base == panel->from ? s : x[j] - panel->from;
        above[j] = panel->base == panel->to ? s : panel->to - x[j];
    }
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* The coefficients of the polynomial through the nodes; cos(m pi / 2N) by symmetry. */
static void transform(const double *values, double *c)
{
    double cosine[4 * N];
    for (int m = 0; m < 4 * N; m++) {
        const int back = m <= 2 * N ? m : 4 * N - m;
        cosine[m] = back <= N ? cos(back * M_PI / (2 * N)) : -cos((2 * N - back) * M_PI / (2 * N));
    }
    for (int k = 0; k < N; k++) {
        double sum = 0;
        for (int j = 0; j < N; j++)
            sum += values[j] * cosine[k * (2 * j + 1) % (4 * N)];
        c[k] = (k == 0 ? 1.0 : 2.0) / N * sum;
    }
}

static double polynomial_at(const double *c, double u)
{
    double last = 0;
    double before = 0;
    for (int k = N - 1; k > 0; k--) {
        const double next = c[k] + 2 * u * last - before;
        before = last;
        last = next;
    }
    return c[0] + u * last - before;
}

/* The integral from the coefficients: with x = centre + direction * h * u the weight is that at the
 * centre, turned. */
static double integral(const fani_filon_panel *panel, const fani_domain *domain, const double *c,
                       const double *y)
{
    const double w = fabs(domain->frequency);
    const double sum = panel->lo + panel->hi;
    const double part = sum - panel->lo; /* the sum's rounding, for the phase: Knuth's two-sum */
    const double rest = (panel->lo - (sum - part)) + (panel->hi - part);
    double complex phase = turn(w, panel->base) * turn(panel->direction * w, sum / 2);
    phase *= turn(panel->direction * w, rest / 2);
    double even = 0;
    double odd = 0;
    for (int k = N - 1; k >= 0; k--)
        *(k % 2 == 0 ? &even : &odd) += c[k] * y[k];
    odd *= panel->direction;
    const double half = (panel->hi - panel->lo) / 2;
    if (domain->weight == FANI_WEIGHT_COS)
        return half * (creal(phase) * even - cimag(phase) * odd);
    return copysign(half, domain->frequency) * (cimag(phase) * even + creal(phase) * odd);
}

static double largest(const double *values, int from, int to)
{
    double most = 0;
    for (int i = from; i < to; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

/* What rounding does to a value of f: that of the value and that of x. */
static double noise_of(const fani_filon_panel *panel, bool exact, double peak, const double *c)
{
    const bool at_end = panel->base == panel->from || panel->base == panel->to;
    const double x = (exact && at_end ? 0 : fabs(panel->base)) + panel->hi;
    double slope = 0;
    for (int k = 1; k < N; k++)
        slope += k * fabs(c[k]);
    return DBL_EPSILON * (2 * peak + 0.25 * x * slope / (panel->hi - panel->lo));
}

/* What the coefficients beyond the last one add up to, if they go on declining as they do; *smooth
 * where that is fast. */
static double tail_of(const double *c, double noise, bool *smooth)
{
    const double late = largest(c, N - 4, N);
    const double early = largest(c, N - 16, N - 12);
    *smooth = true;
    if (late <= 2 * noise)
        return 0;
    const double decline = late < early ? fmin(pow(late / early, 1.0 / 12), 0.95) : 0.95;
    *smooth = decline < 0.8;
    return late * decline / (1 - decline);
}

/* How far the probes are off. Beyond the outermost nodes little can be wrong. */
static double probed(const double *c, const double *position, const double *values, double noise)
{
    double most = 0;
    for (int i = N; i < FANI_FILON_POINTS; i++) {
        const double off = fabs(values[i] - polynomial_at(c, position[i]));
        if (off > 8 * noise)
            most = fmax(most, i < N + 2 ? 0.02 * off : off);
    }
    return most;
}

/* The integral of |f * weight|: over many periods the weight's mean is 2 / pi. */
static double absolute_of(const fani_filon_panel *panel, const fani_domain *domain,
                          const double *position, const double *values)
{
    const double middle = (panel->lo + panel->hi) / 2;
    const double half = (panel->hi - panel->lo) / 2;
    const bool many = fabs(domain->frequency) * half > M_PI;
    double sum = 0;
    for (int j = 0; j < N; j++) {
        const double x = panel->base + panel->direction * (middle + half * position[j]);
        const double t = domain->frequency * x;
        const double weight = many ? M_2_PI : domain->weight == FANI_WEIGHT_COS ? cos(t) : sin(t);
        sum += fabs(values[j] * weight) * sqrt(1 - position[j] * position[j]);
    }
    sum *= half * M_PI / N;
    /* Towards infinity |f| may have no integral: there only what half-waves leave counts. */
    return panel->chain < 0 ? sum : fmin(sum, 4 * largest(values, 0, N) / fabs(domain->frequency));
}

/* The most that an error of f by 1 in the panel makes of the integral over -1..1: by parts, a
 * polynomial e of degree 32 or so has |integral| <= 66 max|e| / theta. */
static double most_of(const fani_filon_panel *panel, const fani_domain *domain, bool smooth)
{
    const double w = fabs(domain->frequency);
    const double theta = w * (panel->hi - panel->lo) / 2;
    const double most = smooth ? fmin(2, 2 * (FANI_FILON_POINTS + 1) / theta) : 2;
    const double largest_sine = fmin(1, w * (fabs(panel->base) + panel->hi));
    return domain->weight == FANI_WEIGHT_SIN ? most * largest_sine : most;
}

fani_filon_value fani_filon_judge(const fani_filon_panel *panel, const fani_domain *domain,
                                  bool exact, const double *position, const double *moments,
                                  const double *values)
{
    double c[N];
    bool smooth;
    transform(values, c);
    const double half = (panel->hi - panel->lo) / 2;
    const double peak = largest(values, 0, FANI_FILON_POINTS);
    const double noise = noise_of(panel, exact, peak, c);
    const double tail = tail_of(c, noise, &smooth);
    const double off = probed(c, position, values, noise);
    fani_filon_value v = {.value = integral(panel, domain, c, moments), .peak = peak};
    v.error = half * tail * most_of(panel, domain, smooth);
    if (off > 4 * tail) /* something between the nodes that they do not know of */
        v.error = fmax(v.error, 4 * half * off * most_of(panel, domain, false));
    v.floor = half * noise * most_of(panel, domain, true) + 4 * DBL_EPSILON * fabs(v.value);
    v.absolute = absolute_of(panel, domain, position, values);
    return v;
}
