/* Fully symmetric rules on the cube [-1, 1]^d: points in orbits, weights, and null rules.
 *
 * An orbit is all points that follow from one by permuting coordinates and changing signs; a rule
 * has one weight for each orbit. Nothing here is tabulated but the positions: the weights follow
 * from them by Gram-Schmidt over the moments (symmetric.c). */
#ifndef FANI_SYMMETRIC_H
#define FANI_SYMMETRIC_H

#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

enum {
    FANI_ORBITS_MAX = 14,
    FANI_SYMMETRIC_DIMENSION_MAX = 12, /* the corners of a cube are 2^d points */
};

typedef enum fani_orbit_shape {
    FANI_ORBIT_CENTRE,  /* (0, 0, ...) */
    FANI_ORBIT_AXIS,    /* (a, 0, ...) */
    FANI_ORBIT_PAIR,    /* (a, a, 0, ...) */
    FANI_ORBIT_MIXED,   /* (a, b, 0, ...) */
    FANI_ORBIT_TRIPLE,  /* (a, a, a, 0, ...) */
    FANI_ORBIT_DOUBLE,  /* (a, a, b, 0, ...) */
    FANI_ORBIT_CORNERS, /* (a, a, ..., a) */
} fani_orbit_shape;

typedef struct fani_orbit {
    fani_orbit_shape shape;
    double a, b;
} fani_orbit;

/* Where the points are. The first three orbits are the centre and two of AXIS, which tell the
 * fourth differences; `orbits[2].a` is the farther one. */
typedef struct fani_symmetric_shape {
    unsigned degree;
    size_t least, most; /* dimensions that it is for */
    size_t count;
    fani_orbit orbits[FANI_ORBITS_MAX];
} fani_symmetric_shape;

enum {
    FANI_SYMMETRIC_7, /* Genz and Malik's */
    FANI_SYMMETRIC_9,
    FANI_SYMMETRIC_11,
    FANI_SYMMETRIC_13,
    FANI_SYMMETRIC_SHAPES
};
extern const fani_symmetric_shape fani_symmetric_shapes[FANI_SYMMETRIC_SHAPES];

/* Weights a point, for the mean over the cube. nulls[i] gives 0 for every polynomial of degree
 * up to null_degrees[i] and has the norm of the rule; degrees descend. */
typedef struct fani_symmetric_rule {
    double weights[FANI_ORBITS_MAX];
    double nulls[FANI_ORBITS_MAX - 1][FANI_ORBITS_MAX];
    uint32_t null_degrees[FANI_ORBITS_MAX - 1];
    uint32_t null_count, shape;
} fani_symmetric_rule;

/* The number of points of an orbit in d dimensions. */
size_t fani_orbit_points(const fani_orbit *orbit, size_t d);

/* The number of points of a shape. */
size_t fani_symmetric_points(const fani_symmetric_shape *shape, size_t d);

/* The weights for a shape in d dimensions, `least` to `most` of them. */
void fani_symmetric_make(uint32_t shape, size_t d, fani_symmetric_rule *rule);

#endif
