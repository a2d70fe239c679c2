#include "job/integral_method.h"

const char *fani_verdict_text(fani_verdict verdict)
{
    switch (verdict) {
    case FANI_VERDICT_BUDGET:
        return "max-evals is used up";
    case FANI_VERDICT_ROUNDING:
        return "the method can't come closer in double precision";
    case FANI_VERDICT_DIVERGENT:
        return "the integral seems to have no finite value";
    case FANI_VERDICT_TIME:
        return "the timeout is over";
    default:
        return "values that are not finite persist";
    }
}
