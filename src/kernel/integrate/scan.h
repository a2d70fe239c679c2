/* Parameter scans: the same integral for many values of parameters, 64 at once. */
#ifndef FANI_SCAN_H
#define FANI_SCAN_H

#include "base/isa.h"
#include "domain.h"
#include "panel.h"

enum {
    FANI_SCAN_LANES = 64,   /* integrals of one block, by index: blocks belong to the scan */
    FANI_SCAN_COLUMNS = 15, /* parameters that vary */
    FANI_SCAN_PANELS = 64,  /* intervals that one block may share */
    FANI_SCAN_POINTS_PANEL = FANI_PANEL_NODES + FANI_PANEL_PROBES,
};

typedef struct fani_scan {
    const fan_expression *expression; /* of x and then of the parameters that vary */
    const double *parameters;         /* its others, the same for all */
    size_t columns;                   /* parameters that vary, 1..FANI_SCAN_COLUMNS */
    fani_domain domain;               /* of x */
    fani_goal goal;                   /* of each integral */
} fani_scan;

typedef struct fani_scan_row {
    double value, error, absolute;
    uint64_t evaluations;
    uint64_t bad_count; /* values that were not finite; the first one and its x */
    double bad_value, bad_point;
    fani_verdict verdict;
    uint32_t shared; /* whether the block's intervals were enough; else it was integrated alone */
} fani_scan_row;

/* rows[i] = the integral at (columns[0][i], columns[1][i], ...), i < count <= FANI_SCAN_LANES. The
 * integral in the middle is done first, and its intervals are taken for all; an integral for which
 * they are not fine enough is done alone, by "auto". So a row depends on its block; it equals the
 * integral alone within the goal. FAN_E_ARGUMENT (no such count, a domain that "auto" refuses),
 * FAN_E_MEMORY. Any thread. */
fan_status fani_scan_block(const fani_scan *scan, const double *const *columns, size_t count,
                           fani_scan_row *rows, fan_error *error);

/* Values at the points x of a panel for all lanes; columns[k][i] is parameter k of lane i %
 * FANI_SCAN_LANES. */
void fani_scan_evaluate(const fan_expression *e, const double *parameters, const double *x,
                        const double (*columns)[FANI_POINTS_MAX],
                        double (*values)[FANI_SCAN_LANES]);

/* The integrals so far, a lane each. */
typedef struct fani_scan_total {
    double value[FANI_SCAN_LANES], error[FANI_SCAN_LANES], absolute[FANI_SCAN_LANES];
} fani_scan_total;

/* Adds a panel from its values[point][lane] at nodes and probes: what fani_panel_judge does, lane
 * by lane. `half` is half its length, `shift` as of fani_panel_shift. */
typedef void fani_scan_sum(const double (*values)[FANI_SCAN_LANES], const fani_panel_weights *w,
                           double half, double shift, fani_scan_total *total);
extern fani_scan_sum fani_scan_sum_scalar, fani_scan_sum_avx2, fani_scan_sum_avx512;
fani_scan_sum *fani_scan_sum_of(fani_isa isa);

#endif
