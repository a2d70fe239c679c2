/* Adaptive integration over one variable, inside.
 *
 * The range is cut into intervals. Each has a panel's value and error, and is cut further where the
 * error is too large. Beside the smooth parts there are chains: the intervals at the end of a chart
 * (a singular end, or infinity) shrink by a factor of 4 a turn, and what they leave behind, shell
 * by shell, is a sequence whose limit is found by extrapolation. A tail that oscillates is cut at
 * its zeros instead: a chain, too. */
#ifndef FANI_ADAPTIVE_H
#define FANI_ADAPTIVE_H

#include "domain.h"
#include "panel.h"

enum {
    FANI_ITEM_PANELS = 8, /* panels of one item: 192 points a call */
    FANI_ITEMS_INLINE = 2,
    FANI_ITEM_ZEROS = 16,   /* zeros that one item finds */
    FANI_BREAKS_MAX = 16,   /* found by itself */
    FANI_SCAN_POINTS = 256, /* of a look at a tail */
};

typedef enum fani_item_kind {
    FANI_ITEM_PANEL,
    FANI_ITEM_SCAN,    /* how the integrand goes to infinity */
    FANI_ITEM_ZERO,    /* the next zeros of a tail */
    FANI_ITEM_LOCATE,  /* the point of a short interval that is singular */
    FANI_ITEM_STRETCH, /* of tanh-sinh's, which has items of its own */
} fani_item_kind;

typedef struct fani_item {
    uint32_t kind, count;
    fani_panel panels[FANI_ITEM_PANELS]; /* `count` of them; others than PANEL use the first one */
} fani_item;

/* Followed by count x components fani_panel_value, or by what the kind says. */
typedef struct fani_item_reply {
    uint64_t evaluations, bad_count;
    double bad_value, bad_point;
    uint32_t bad[FANI_ITEM_PANELS]; /* nodes of each panel that were not finite */
    union {
        double numbers[4 * FANI_ITEM_PANELS];
        fani_panel_value values[FANI_ITEM_PANELS];
    };
} fani_item_reply;

/* Of a SCAN: numbers[0] the scale of the integrand, [1] a fani_tail, [2] its period if it has one.
 * Of a ZERO: numbers[0] how many, [1] the next step, [2...] the zeros as distances from the base.
 * Of a LOCATE: numbers[0] the point, [1] |f| there, infinite where it is not finite. */

typedef struct fani_interval {
    double lo, hi;
    uint32_t chart;
    int32_t level; /* of the chain's shell that it is a part of; -1: none */
    uint32_t bad;
    uint16_t depth;
    uint8_t tip;    /* touches the base of its chart */
    uint8_t stuck;  /* how often cutting did not help */
    uint8_t rough;  /* the last cut said that the integrand is not smooth here */
    uint8_t frozen; /* not to be cut again */
    uint8_t waits;  /* for its first panel */
    uint8_t unused[5];
} fani_interval;

/* What a tail does on its way to infinity. */
typedef enum fani_tail {
    FANI_TAIL_PLAIN,
    FANI_TAIL_ZEROS,   /* oscillates: is cut at its zeros */
    FANI_TAIL_PERIODS, /* swings without changing its sign: is cut at whole periods */
} fani_tail;

typedef struct fani_chain {
    fani_chart chart;
    uint32_t levels;     /* shells so far */
    uint32_t oscillates; /* a fani_tail */
    double cursor, step; /* of such a tail: the last cut, and how to find the next ones */
    double drop;         /* what the extrapolation leaves of the tip's error, 1: it is not used */
} fani_chain;

typedef enum fani_phase {
    FANI_PHASE_START,
    FANI_PHASE_SCAN,
    FANI_PHASE_REFINE,
    FANI_PHASE_LOCATE,
    FANI_PHASE_DONE,
} fani_phase;

/* What is saved besides the arrays. */
typedef struct fani_adaptive_core {
    fani_goal goal;
    double from, to, sign; /* from <= to */
    uint32_t components, distances;
    uint32_t probes, probes_root; /* of a panel that is to look closely; of one alone at first */
    uint32_t phase, verdict;
    uint32_t interval_count, chain_count, record_count, break_count;
    uint32_t restarts, verified;
    uint64_t evaluations, rounds;
    fani_bad_values bad;
    double found[FANI_BREAKS_MAX], strength[FANI_BREAKS_MAX]; /* singular points, |f| there */
    uint32_t found_count, unused;
    uint32_t tail[2];                                      /* fani_tail, to -inf and inf */
    double scale[2], period[2];                            /* of these tails */
    double earlier_value, earlier_error, earlier_absolute; /* before the last beginning anew; of one
                                                              component only */
} fani_adaptive_core;

/* The tip's value before it was cut. */
typedef struct fani_record {
    uint32_t chain, level;
    double value[]; /* one a component */
} fani_record;

/* A cut of this round: the interval and its new neighbour, and where its old values are. */
typedef struct fani_cut {
    uint32_t left, right;
} fani_cut;

typedef struct fani_adaptive {
    fani_adaptive_core core;
    fani_interval *intervals;
    fani_panel_value *values; /* interval x component */
    fani_chain *chains;
    unsigned char *records; /* of record_size bytes */
    const double *breaks;   /* the user's */
    size_t interval_room, chain_room, record_room, record_size;
    fani_item *items; /* `few` at first */
    size_t item_count, item_room;
    uint32_t *fresh; /* intervals that this round works on, in the order of the items' panels */
    size_t fresh_count, fresh_room;
    fani_cut *cuts;
    fani_panel_value *before; /* cut x component */
    size_t cut_count, cut_room;
    double *sums; /* scratch */
    size_t sums_room;
    size_t reply_size;
    double value[FANI_COMPONENTS_MAX], error[FANI_COMPONENTS_MAX], absolute[FANI_COMPONENTS_MAX];
    bool diverges;                    /* a chain has not shrunk so far */
    bool surely;                      /* for so long that no peak explains it */
    fani_item few[FANI_ITEMS_INLINE]; /* an easy integral needs no more */
} fani_adaptive;

/* Works on one item; `reply` has reply_size bytes. */
fan_status fani_adaptive_work(const fani_integrand *f, const fani_domain *domain,
                              const unsigned char *item, unsigned char *reply);

/* Whether the integrand times the distance goes up and down as a tail does that swings: the first
 * of the scan's points where it does, else `count`. */
size_t fani_adaptive_first_swing(const double *mass, size_t count);

/* The period of a tail whose swings begin at a distance of `first` from the chart's base; 0: none
 * that is found. Adds to *evaluations. Errors: the integrand's. */
fan_status fani_adaptive_period(const fani_integrand *f, const fani_chart *chart, double first,
                                double *period, uint64_t *evaluations);

/* Sets value, error, absolute and the chains' `drop` from the intervals. FAN_E_MEMORY. */
fan_status fani_adaptive_sum(fani_adaptive *a);

/* max(abs, rel * |value|, 50 * 2^-52 * integral of |f|) of a component. */
double fani_adaptive_allowed(const fani_adaptive *a, size_t component);

/* Adds an interval whose values are zero. FAN_E_MEMORY. */
fan_status fani_adaptive_add(fani_adaptive *a, const fani_interval *interval, uint32_t *index);
fan_status fani_adaptive_add_chain(fani_adaptive *a, const fani_chain *chain, uint32_t *index);

/* Asks for an interval's panel, or for another kind of work, in this round. */
fan_status fani_adaptive_ask(fani_adaptive *a, uint32_t interval, uint32_t probes);
fan_status fani_adaptive_ask_other(fani_adaptive *a, fani_item_kind kind, const fani_panel *panel);

/* Cuts the range at the points known so far and asks for all panels. */
fan_status fani_adaptive_pieces(fani_adaptive *a);

/* Makes room for `count` elements of `size` bytes. FAN_E_MEMORY. */
fan_status fani_adaptive_room(void **array, size_t *room, size_t count, size_t size);

#endif
