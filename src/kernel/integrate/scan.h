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

/* The integrals so far, a lane each. */
typedef struct fani_scan_total {
    double value[FANI_SCAN_LANES], error[FANI_SCAN_LANES], absolute[FANI_SCAN_LANES];
} fani_scan_total;

/* out[i][j] = once[i] and lanes[i * stride + j] by an operator, for `count` points i and all lanes
 * j. `out` may be `lanes` where the stride is FANI_SCAN_LANES. */
typedef void fani_scan_mixed(const double *once, size_t count, const double *lanes, size_t stride,
                             double (*out)[FANI_SCAN_LANES]);

/* Operators that have such kernels, in their order in FANI_OPERATORS. */
enum { FANI_SCAN_MIXED = 4 };

/* What is done for each instruction set, with the same bits. */
typedef struct fani_scan_kernels {
    /* Adds a panel from its values[point][lane] at nodes and probes: what fani_panel_judge does,
     * lane by lane. `half` is half its length, `shift` as of fani_panel_shift. */
    void (*sum)(const double (*values)[FANI_SCAN_LANES], const fani_panel_weights *w, double half,
                double shift, fani_scan_total *total);
    /* out[i][j] = once[i] for `count` points i and all lanes j. */
    void (*widen)(const double *once, size_t count, double (*out)[FANI_SCAN_LANES]);
    /* ADD, SUBTRACT, MULTIPLY, DIVIDE with `once` on the left and on the right. */
    fani_scan_mixed *mixed[FANI_SCAN_MIXED][2];
} fani_scan_kernels;

extern const fani_scan_kernels fani_scan_scalar, fani_scan_avx2, fani_scan_avx512;
const fani_scan_kernels *fani_scan_kernels_of(fani_isa isa);

enum {
    FANI_SCAN_LENGTH = 64, /* of a program whose instructions are sorted by what they depend on */
    FANI_SCAN_CALL = 8,    /* points at once for all lanes, at most */
};

/* What a value depends on. */
typedef enum fani_scan_varies {
    FANI_SCAN_CONSTANT,
    FANI_SCAN_ONCE,   /* on x alone: computed once a point */
    FANI_SCAN_COLUMN, /* on the lane alone: computed once a block */
    FANI_SCAN_BOTH,   /* FANI_SCAN_ONCE | FANI_SCAN_COLUMN */
} fani_scan_varies;

/* An operand: the result of instruction `at`, or of kind ONCE and COLUMN where `input` is set, x or
 * column `at`. One of kind BOTH is slot `at`. */
typedef struct fani_scan_operand {
    uint8_t kind, input;
    uint16_t at;
} fani_scan_operand;

/* A block's expression at work. Some 100 KiB; on the caller's stack. */
typedef struct fani_scan_machine {
    const fani_scan_kernels *kernels;
    const fan_expression *e;
    const double *parameters;
    const double (*columns)[FANI_SCAN_LANES];
    const double *x;
    bool sorted; /* else the program is too long, and runs as it is */
    size_t call; /* points at once */
    uint8_t kinds[FANI_SCAN_LENGTH];
    fani_scan_operand operands[FANI_SCAN_LENGTH][3];
    _Alignas(64) double column[FANI_SCAN_LENGTH][FANI_SCAN_LANES];
    double once[FANI_SCAN_LENGTH][FANI_SCAN_POINTS_PANEL];
    double wide[3][FANI_SCAN_CALL][FANI_SCAN_LANES];
    double room[32 * 256];
} fani_scan_machine;

/* Makes the machine ready for a block whose parameter k is columns[k][lane], which is borrowed with
 * the rest, and computes what depends on these alone. */
void fani_scan_begin(fani_scan_machine *m, const fani_scan_kernels *kernels,
                     const fan_expression *e, const double *parameters,
                     const double (*columns)[FANI_SCAN_LANES]);

/* values[point][lane] at the points x of a panel. */
void fani_scan_evaluate(fani_scan_machine *m, const double *x, double (*values)[FANI_SCAN_LANES]);

#endif
