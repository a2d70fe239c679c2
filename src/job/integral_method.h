/* The methods of kernel/integrate by the names that users write. */
#ifndef FANI_INTEGRAL_METHOD_H
#define FANI_INTEGRAL_METHOD_H

#include "kernel/integrate/domain.h"

/* The method of that name for so many variables. FAN_E_ARGUMENT: there is none; the text says which
 * there are for them. */
fan_status fani_integral_method_find(const char *name, size_t dimension, const fani_method **method,
                                     fan_error *error);

/* "reached", "budget", "rounding", "divergent", "not finite". */
const char *fani_verdict_name(fani_verdict verdict);

/* What a verdict other than reached means, in words. */
const char *fani_verdict_text(fani_verdict verdict);

#endif
