/* Units of work: what one item of a sieve that is spread out does. */
#ifndef FANI_QS_UNIT_H
#define FANI_QS_UNIT_H

#include "qs.h"

/* Polynomials from..to - 1 of leading coefficient a. */
typedef struct fani_qs_unit {
    uint64_t a;
    uint32_t from, to;
} fani_qs_unit;

/* How many polynomials a unit has: a power of two, so that the units of a leading coefficient are
 * alike. They take at most a quarter of a second by a model of what a polynomial costs, which knows
 * the parameters alone: units are the same on every machine. */
uint32_t fani_qs_unit_polynomials(const fani_qs *qs);

/* What a unit takes by that model, in nanoseconds; at least 1. */
uint64_t fani_qs_unit_ns(const fani_qs *qs);

/* How many units there are, and a leading coefficient has; unit i < count, which is of leading
 * coefficient i / units of each. */
uint64_t fani_qs_unit_count(const fani_qs *qs);
uint32_t fani_qs_units_of_each(const fani_qs *qs);
fani_qs_unit fani_qs_unit_at(const fani_qs *qs, uint64_t i);

#endif
