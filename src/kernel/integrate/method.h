/* Integration by rounds: the one shape of all adaptive and random methods.
 *
 * A method owns a state that knows the integral so far. In each round it asks for work: a number of
 * items, flat bytes each, that do not depend on each other. Work on an item is a pure function of
 * the integrand and the item's bytes: any thread, process or rank may do it, in any order. The
 * replies go back to the state by index. So the bits belong to the integral alone; the driver
 * decides where work is done (fani_integrate_rounds on the calling thread, job/integrate over an
 * executor), and a state saved between rounds is one that can be gone on with.
 *
 *     open -> { round -> work... -> take }* -> result -> close
 */
#ifndef FANI_METHOD_H
#define FANI_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"
#include "fanfold/integrate.h"

enum {
    FANI_COMPONENTS_MAX = FAN_INTEGRAL_COMPONENTS_MAX, /* of a vector-valued integrand */
    FANI_POINTS_MAX = 256,                             /* of one call of an integrand */
    FANI_FIRST_REPLY = 1024,                           /* bytes of the reply of `first` */
    FANI_CHOSEN_SIZE = 120,                            /* text about the method */
};

/* Values that were not finite: they count as 0, and the method decides whether they matter. */
typedef struct fani_bad_values {
    uint64_t count;
    double first_value, first_point[FAN_INTEGRAL_DIMENSION_MAX];
} fani_bad_values;

/* An integrand as methods see it: an expression's program or a function in C behind one call. It
 * never changes while it is used; any number of threads may share it. */
typedef struct fani_integrand fani_integrand;
struct fani_integrand {
    size_t dimension, components;
    /* values[c][i] at (points[0][i], ..., points[dimension - 1][i]), i < count <= FANI_POINTS_MAX.
     * Arrays may be read and written up to a multiple of FANI_EXPRESSION_LANES. Where
     * `wants_distances` is set (dimension 1), points[1] and points[2] are the distances from the
     * lower and the upper end of the range, exact where the point itself can't tell them. */
    fan_status (*evaluate)(const fani_integrand *f, const double *const *points, size_t count,
                           double *const *values);
    bool wants_distances;
    const struct fani_proof *proof; /* rigorous.h: what it is without rounding; NULL: not known */
    bool cheap;   /* 200 points more or less in a call are of no account: looks may be close */
    fani_isa isa; /* for what is done with its values; no bit depends on it */
    const void *context;
};

/* What is to be integrated over. Bounds of a dimension may depend on earlier ones. */
typedef struct fani_domain fani_domain;

/* When an integral is done: error <= max(abs, rel * |value|) in every component. */
typedef struct fani_goal {
    double abs, rel;
    uint64_t evaluations_max; /* the budget; a method may end up to one round above it */
    uint64_t seed;
} fani_goal;

typedef enum fani_verdict {
    FANI_VERDICT_OPEN,       /* there is a next round */
    FANI_VERDICT_REACHED,    /* the estimate meets the goal */
    FANI_VERDICT_BUDGET,     /* evaluations ran out: the best value so far */
    FANI_VERDICT_ROUNDING,   /* no further: the arithmetic's noise is above the goal */
    FANI_VERDICT_DIVERGENT,  /* the integral seems not to exist */
    FANI_VERDICT_NOT_FINITE, /* values that are not finite persist: `bad` says where */
    FANI_VERDICT_TIME,       /* by who drives the rounds, of an open one: no method's */
} fani_verdict;

/* The integral so far. */
typedef struct fani_estimate {
    double value[FANI_COMPONENTS_MAX], error[FANI_COMPONENTS_MAX];
    double absolute; /* an estimate of the integral of |f|, the largest over components */
    uint64_t evaluations;
    fani_bad_values bad;
    fani_verdict verdict;
    char chosen[FANI_CHOSEN_SIZE]; /* by auto: the method and why, in words; else empty */
} fani_estimate;

/* The work of a round, items and replies aligned as doubles are: item i is bytes[i * item_size
 * ...], its reply has reply_size bytes. Owned by the state, valid until the next call with it. */
typedef struct fani_round {
    size_t count; /* 0: there is nothing left to do */
    size_t item_size, reply_size;
    const unsigned char *bytes;
} fani_round;

typedef struct fani_method fani_method;
struct fani_method {
    const char *name; /* as the user writes it and as results name it */
    /* May be NULL. Works on the first item of the first round before anything is allocated: its
     * reply (FANI_FIRST_REPLY bytes at most; *size, 0 where there is none), and the estimate where
     * the goal is met by it alone (*done). Rounds would give the same bits. */
    fan_status (*first)(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                        fani_estimate *estimate, unsigned char *reply, size_t *size, bool *done);
    /* Begins an integral. Errors: FAN_E_ARGUMENT (a dimension or range that the method can't do,
     * with the method that can in the text), FAN_E_MEMORY. */
    fan_status (*open)(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       void **state, fan_error *error);
    /* The next round. How much it asks for depends on the integral alone, never on who works. */
    fan_status (*round)(void *state, fani_round *round);
    /* Works on one item. Any thread; no state. Replies are doubles and integers of fixed layout. */
    fan_status (*work)(const fani_integrand *f, const fani_domain *domain,
                       const unsigned char *item, unsigned char *reply);
    /* Takes all replies of the round. */
    fan_status (*take)(void *state, const unsigned char *replies);
    void (*result)(const void *state, fani_estimate *estimate);
    /* The state between two rounds as bytes, and back. `save` appends to a buffer that grows
     * (base's), `load` refuses what is malformed with FAN_E_PROTOCOL. */
    fan_status (*save)(const void *state, unsigned char **bytes, size_t *size);
    fan_status (*load)(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                       const unsigned char *bytes, size_t size, void **state);
    void (*close)(void *state); /* NULL is fine */
};

/* What a state has come to. No error is below what rounding does to the value: twice the distance
 * of doubles there, of one component of the integral of |f|. */
void fani_method_result(const fani_method *method, const void *state, size_t components,
                        fani_estimate *estimate);

/* Opens a method and runs its rounds on the calling thread until there are no more; *state is the
 * caller's to close. Errors as open, and what work answers; *state is then untouched. */
fan_status fani_rounds_run(const fani_method *method, const fani_integrand *f,
                           const fani_domain *domain, const fani_goal *goal, void **state,
                           fan_error *error);

/* The same from the reply of `first` on, of which there are `first_size` bytes (0: there is none)
 * and which has not met the goal; *estimate = the result. */
fan_status fani_integrate_after(const fani_method *method, const fani_integrand *f,
                                const fani_domain *domain, const fani_goal *goal,
                                unsigned char *first, size_t first_size, fani_estimate *estimate,
                                fan_error *error);

/* Integrates on the calling thread: rounds until the verdict is there. */
fan_status fani_integrate_rounds(const fani_method *method, const fani_integrand *f,
                                 const fani_domain *domain, const fani_goal *goal,
                                 fani_estimate *estimate, fan_error *error);

#endif
