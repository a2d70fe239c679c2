/* Parameter scans: a block's intervals from its middle integral, and all lanes over them. */
#include "scan.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "adaptive_method.h"
#include "base/error.h"
#include "expression.h"
#include "methods_1d.h"

enum {
    LANES = FANI_SCAN_LANES,
    POINTS = FANI_SCAN_POINTS_PANEL,
    COLUMNS = FANI_SCAN_COLUMNS + 1,
};

const fani_scan_kernels *fani_scan_kernels_of(fani_isa isa)
{
#if defined(__x86_64__)
    if (isa == FANI_ISA_AVX512)
        return &fani_scan_avx512;
    if (isa == FANI_ISA_AVX2)
        return &fani_scan_avx2;
#endif
    (void)isa;
    return &fani_scan_scalar;
}

/* ---- One integral ---------------------------------------------------------------------------- */

/* An integral of the scan as an integrand of x alone. */
typedef struct single {
    const fani_scan *scan;
    double parameters[FANI_SCAN_COLUMNS][FANI_POINTS_MAX];
} single;

static fan_status evaluate_single(const fani_integrand *f, const double *const *points,
                                  size_t count, double *const *values)
{
    const single *s = f->context;
    const double *all[COLUMNS] = {points[0]};
    for (size_t k = 0; k < s->scan->columns; k++)
        all[k + 1] = s->parameters[k];
    fan_expression_evaluate(s->scan->expression, all, s->scan->parameters, count, values);
    return FAN_OK;
}

static void set_single(single *s, const fani_scan *scan, const double *const *columns, size_t lane)
{
    s->scan = scan;
    for (size_t k = 0; k < scan->columns; k++)
        for (size_t i = 0; i < FANI_POINTS_MAX; i++)
            s->parameters[k][i] = columns[k][lane];
}

static fani_integrand integrand_of(const single *s)
{
    return (fani_integrand){.dimension = 1,
                            .components = 1,
                            .cheap = true,
                            .isa = s->scan->expression->isa,
                            .evaluate = evaluate_single,
                            .context = s};
}

/* An integral that the block's intervals are not fine enough for. */
static fan_status alone(const fani_scan *scan, const double *const *columns, size_t lane,
                        fani_scan_row *row, fan_error *error)
{
    single s;
    fani_estimate e;
    set_single(&s, scan, columns, lane);
    const fani_integrand f = integrand_of(&s);
    const fan_status status =
        fani_integrate_rounds(&fani_method_auto_1d, &f, &scan->domain, &scan->goal, &e, error);
    if (status == FAN_OK)
        *row = (fani_scan_row){.value = e.value[0],
                               .error = e.error[0],
                               .absolute = e.absolute,
                               .evaluations = e.evaluations,
                               .bad_count = e.bad.count,
                               .bad_value = e.bad.first_value,
                               .bad_point = e.bad.first_point[0],
                               .verdict = e.verdict};
    return status;
}

/* The intervals that the middle integral needs for a goal a little sharper than the scan's; none
 * where it takes more than intervals. */
static fan_status find_panels(const fani_scan *scan, const double *const *columns, size_t count,
                              fani_panel *panels, size_t *panel_count, fan_error *error)
{
    static const double sharper = 0.25;
    single s;
    void *state = NULL;
    fani_goal goal = scan->goal;
    goal.abs *= sharper;
    goal.rel *= sharper;
    set_single(&s, scan, columns, count / 2);
    fani_integrand f = integrand_of(&s);
    f.cheap = false; /* beside the lanes' panels it would not be */
    const fan_status status =
        fani_rounds_run(&fani_method_gauss_kronrod, &f, &scan->domain, &goal, &state, error);
    if (status != FAN_OK)
        return status;
    *panel_count = fani_adaptive_plain(state, panels, FANI_SCAN_PANELS);
    fani_adaptive_close(state);
    return FAN_OK;
}

/* ---- All lanes ------------------------------------------------------------------------------- */

/* A block's parameters and sums. */
typedef struct block {
    const fani_scan *scan;
    const fani_scan_kernels *kernels;
    size_t count;
    _Alignas(64) double columns[FANI_SCAN_COLUMNS][LANES];
    double values[POINTS][LANES];
    fani_scan_total total;
    fani_scan_machine machine;
} block;

/* Fewer integrals than lanes: the last one fills them. */
static void set_columns(block *b, const double *const *columns)
{
    for (size_t k = 0; k < b->scan->columns; k++)
        for (size_t j = 0; j < LANES; j++)
            b->columns[k][j] = columns[k][j < b->count ? j : b->count - 1];
}

static void add_panel(block *b, const fani_panel *panel)
{
    double position[POINTS];
    double x[POINTS];
    double weight[POINTS];
    fani_panel_weights weights;
    fani_panel_points(panel, position, x, weight, NULL, NULL);
    fani_scan_evaluate(&b->machine, x, b->values);
    for (size_t i = 0; panel->chart.scale != 0 && i < POINTS; i++)
        for (size_t j = 0; j < LANES; j++)
            b->values[i][j] *= weight[i];
    fani_panel_weights_at(position, &weights);
    b->kernels->sum((const double(*)[LANES])b->values, &weights, (panel->hi - panel->lo) / 2,
                    fani_panel_shift(panel), &b->total);
}

/* Whether a lane has reached the goal; a NaN has not. */
static bool reached(const block *b, size_t j)
{
    const fani_goal *goal = &b->scan->goal;
    const double relative = goal->rel * fabs(b->total.value[j]);
    const double rounding = 50 * DBL_EPSILON * b->total.absolute[j];
    const double wanted = relative > goal->abs ? relative : goal->abs;
    const double allowed = wanted > rounding ? wanted : rounding;
    return isfinite(b->total.value[j]) && b->total.absolute[j] > 0 && b->total.error[j] <= allowed;
}

static fan_status finish_rows(const block *b, const double *const *columns, size_t panel_count,
                              double sign, fani_scan_row *rows, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t j = 0; status == FAN_OK && j < b->count; j++) {
        if (panel_count > 0 && reached(b, j))
            rows[j] = (fani_scan_row){.value = sign * b->total.value[j],
                                      .error = b->total.error[j],
                                      .absolute = b->total.absolute[j],
                                      .evaluations = panel_count * POINTS,
                                      .verdict = FANI_VERDICT_REACHED,
                                      .shared = 1};
        else
            status = alone(b->scan, columns, j, &rows[j], error);
    }
    return status;
}

fan_status fani_scan_block(const fani_scan *scan, const double *const *columns, size_t count,
                           fani_scan_row *rows, fan_error *error)
{
    double from;
    double to;
    double sign;
    size_t panel_count = 0;
    fani_panel panels[FANI_SCAN_PANELS];
    block b;
    if (scan->expression->output_count != 1 ||
        scan->expression->variable_count != scan->columns + 1)
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "a scan's expression has one value, of one variable and the parameters");
    if (count < 1 || count > LANES || scan->columns < 1 || scan->columns > FANI_SCAN_COLUMNS)
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "a block of %zu integrals over %zu parameters; 1 to %d and 1 to %d are "
            "possible",
            count, scan->columns, LANES, (int)FANI_SCAN_COLUMNS);
    fan_status status = fani_domain_line(&scan->domain, "scan", &from, &to, &sign, error);
    if (status == FAN_OK)
        status = find_panels(scan, columns, count, panels, &panel_count, error);
    if (status != FAN_OK)
        return status;
    b.scan = scan;
    b.kernels = fani_scan_kernels_of(scan->expression->isa);
    b.count = count;
    memset(&b.total, 0, sizeof b.total);
    set_columns(&b, columns);
    fani_scan_begin(&b.machine, b.kernels, scan->expression, scan->parameters,
                    (const double(*)[LANES])b.columns);
    for (size_t i = 0; i < panel_count; i++)
        add_panel(&b, &panels[i]);
    return finish_rows(&b, columns, panel_count, sign, rows, error);
}
