#include "job/integral_method.h"

#include <string.h>

#include "base/error.h"
#include "kernel/integrate/methods_1d.h"
#include "kernel/integrate/methods_many.h"

static const fani_method *const of_one[] = {&fani_method_auto_1d, &fani_method_gauss_kronrod,
                                            &fani_method_tanh_sinh, &fani_method_filon, NULL};
static const fani_method *const of_many[] = {
    &fani_method_auto_many, &fani_method_cubature, &fani_method_cubature9, &fani_method_vegas,
    &fani_method_lattice,   &fani_method_product,  &fani_method_nested,    NULL};

static const fani_method *find(const fani_method *const *methods, const char *name)
{
    while (*methods && strcmp((*methods)->name, name) != 0)
        methods++;
    return *methods;
}

fan_status fani_integral_method_find(const char *name, size_t dimension, const fani_method **method,
                                     fan_error *error)
{
    const fani_method *found = find(dimension == 1 ? of_one : of_many, name);
    if (!found && dimension == 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method %s is not for one variable: expected auto, gauss-kronrod or "
                              "tanh-sinh",
                              name);
    if (!found)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method %s is not for %zu variables: expected auto, cubature, "
                              "cubature9, vegas, lattice, product or nested",
                              name, dimension);
    *method = found;
    return FAN_OK;
}

const char *fani_verdict_name(fani_verdict verdict)
{
    static const char *const names[] = {"open",     "reached",   "budget",
                                        "rounding", "divergent", "not finite"};
    return names[verdict];
}

const char *fani_verdict_text(fani_verdict verdict)
{
    switch (verdict) {
    case FANI_VERDICT_BUDGET:
        return "max-evals is used up";
    case FANI_VERDICT_ROUNDING:
        return "the method can't come closer in double precision";
    case FANI_VERDICT_DIVERGENT:
        return "the integral seems to have no finite value";
    default:
        return "values that are not finite persist";
    }
}
