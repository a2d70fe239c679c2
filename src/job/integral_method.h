/* What is told of methods. */
#ifndef FANI_INTEGRAL_METHOD_H
#define FANI_INTEGRAL_METHOD_H

#include "kernel/integrate/methods.h"

/* What a verdict other than reached means, in words. */
const char *fani_verdict_text(fani_verdict verdict);

#endif
