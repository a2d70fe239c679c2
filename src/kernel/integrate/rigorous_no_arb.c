/* In place of rigorous_arb*.c where there is no Arb. */
#include "base/error.h"
#include "rigorous.h"

const char *fani_rigorous_version(void)
{
    return NULL;
}

static fan_status refuse(const fani_integrand *f, const fani_domain *domain, const fani_goal *goal,
                         void **state, fan_error *error)
{
    (void)f;
    (void)domain;
    (void)goal;
    (void)state;
    return fani_error_set(error, FAN_E_UNSUPPORTED, "this build of Fanfold has no Arb");
}

/* It is never opened, so that nothing else is called. */
const fani_method fani_method_rigorous = {.name = "rigorous", .open = refuse};
