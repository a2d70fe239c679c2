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
    fani_bad_values bad;
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

/* What a panel says, a lane each. */
typedef struct fani_scan_panel {
    double value[FANI_SCAN_LANES], linear[FANI_SCAN_LANES], absolute[FANI_SCAN_LANES];
    double spread[FANI_SCAN_LANES], probed[FANI_SCAN_LANES];
} fani_scan_panel;

/* The sums of a panel over nodes and probes, values[point][lane]; weights[] of the nodes by the two
 * rules, and of the polynomial at each probe. */
typedef void fani_scan_sum(const double (*values)[FANI_SCAN_LANES], const fani_panel_weights *w,
                           double half, fani_scan_panel *out);
extern fani_scan_sum fani_scan_sum_scalar, fani_scan_sum_avx2, fani_scan_sum_avx512;
fani_scan_sum *fani_scan_sum_of(fani_isa isa);

#endif
