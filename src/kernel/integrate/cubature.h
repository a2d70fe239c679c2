/* Adaptive cubature inside: regions, the work on a group of them, and their rules.
 *
 * Regions are boxes of the unit cube. Those of an item are worked on in groups of
 * FANI_CUBATURE_LANES, point by point: a point of the rule is one vector of a point in each region,
 * so that all sums are sums of vectors and the bits of a region don't depend on its neighbours.
 * What the sums tell is worked out in the same lanes. */
#ifndef FANI_CUBATURE_H
#define FANI_CUBATURE_H

#include "domain.h"
#include "symmetric.h"

enum {
    FANI_CUBATURE_LANES = 8,
    FANI_CUBATURE_REGIONS = 32, /* of an item */
};

/* Sums over points: the centre, each axis of the two orbits that tell fourth differences, and all
 * other orbits. */
enum { FANI_CUBATURE_SLOTS = 2 * FANI_SYMMETRIC_DIMENSION_MAX + FANI_ORBITS_MAX };

/* A group of regions: for dimension k and lane l, centre[k * FANI_CUBATURE_LANES + l] and half the
 * width. The last group of an item may have fewer than FANI_CUBATURE_LANES; numbers of lanes beyond
 * are finite and mean nothing. */
typedef struct fani_cubature_group {
    const fani_integrand *f;
    const fani_domain *domain;
    const fani_symmetric_rule *rule;
    size_t count;
    const double *centre, *half;
    double *sums;       /* room for components * FANI_CUBATURE_SLOTS * FANI_CUBATURE_LANES */
    unsigned char *out; /* what each region's points tell, one after the other */
    fani_bad_values *bad;
} fani_cubature_group;

/* Evaluates all points of the rule in a group's regions and says what they tell. */
typedef fan_status fani_cubature_group_work(const fani_cubature_group *group);
fani_cubature_group_work fani_cubature_group_baseline, fani_cubature_group_avx2,
    fani_cubature_group_avx512;

/* The slot of an orbit; for the two orbits of axes that of axis 0. */
static inline size_t fani_cubature_slot(size_t orbit, size_t d)
{
    return orbit <= 1 ? orbit : orbit == 2 ? 1 + d : orbit + 2 * d - 2;
}

/* What a region's points tell: the head of a reply, before value[components] and
 * error[components]. */
typedef struct fani_cubature_told {
    double absolute; /* of |f|, the largest over components */
    uint64_t axis;   /* to split across */
} fani_cubature_told;

/* The head of an item; centre[d][FANI_CUBATURE_REGIONS] and half[d][...] follow, in groups: group
 * g's lanes stand at [(g * d + k) * FANI_CUBATURE_LANES]. */
typedef struct fani_cubature_item {
    uint64_t count;
    fani_symmetric_rule rule;
} fani_cubature_item;

size_t fani_cubature_item_size(size_t d);
size_t fani_cubature_reply_size(size_t components);
size_t fani_cubature_told_size(size_t components);

/* The `work` of the method. */
fan_status fani_cubature_work(const fani_integrand *f, const fani_domain *domain,
                              const unsigned char *item, unsigned char *reply);

#endif
