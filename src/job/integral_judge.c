#include "job/integral_judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* "nan at x = 0.5, y = 1". */
static void describe_bad(const char *const *names, size_t dimension, const fani_bad_values *bad,
                         char *text, size_t size)
{
    char number[FANI_DOUBLE_TEXT_SIZE];
    fani_double_text(bad->first_value, number);
    size_t used = (size_t)snprintf(text, size, "%s at ", number);
    for (size_t d = 0; d < dimension && used < size; d++) {
        fani_double_text(bad->first_point[d], number);
        used += (size_t)snprintf(text + used, size - used, "%s%s = %s", d ? ", " : "", names[d],
                                 number);
    }
}

/* The method that was asked for; of auto the one that it tells first, and why ("cubature: ..."). */
static void set_method(fani_integral_answer *answer, const fani_method *method, const char *chosen)
{
    bool is_auto = strcmp(method->name, "auto") == 0 && *chosen;
    snprintf(answer->method, sizeof answer->method, "%s", is_auto ? chosen : method->name);
    answer->why = fani_chosen_split(answer->method);
}

void fani_integral_answer_set(const fani_ready_integral *ready, const fani_estimate *e,
                              fani_integral_answer *answer)
{
    answer->components = ready->integrand.components;
    answer->has_errors = true;
    answer->evaluations = e->evaluations;
    answer->status = fani_verdict_name(e->verdict);
    for (size_t c = 0; c < answer->components; c++) {
        answer->values[c] = e->value[c];
        answer->errors[c] = e->error[c];
    }
    set_method(answer, ready->method, e->chosen);
}

/* Why a tolerance was not reached. */
static const char *reason(const fani_estimate *e, const fani_integral_answer *answer)
{
    if (strcmp(answer->method, "rigorous") != 0 || e->verdict != FANI_VERDICT_ROUNDING)
        return fani_verdict_text(e->verdict);
    return isfinite(e->error[0]) ? "more digits don't help; an integral near 0 needs abs"
                                 : "the integrand could not be enclosed everywhere: it is "
                                   "infinite or not defined, or 0/0, somewhere in the range";
}

fan_status fani_integral_judge(const char *const *names, size_t dimension, const fani_estimate *e,
                               const fani_integral_answer *answer, fan_error *note, fan_error *why,
                               fan_error *error)
{
    char place[320];
    const bool one = e->bad.count == 1;
    if (e->bad.count || e->verdict == FANI_VERDICT_NOT_FINITE)
        describe_bad(names, dimension, &e->bad, place, sizeof place);
    if (e->verdict == FANI_VERDICT_NOT_FINITE)
        return fani_error_set(error, FAN_E_NOT_FINITE,
                              "the integrand is %s; not finite at %" PRIu64 " of %" PRIu64
                              " points",
                              place, e->bad.count, e->evaluations);
    if (e->bad.count)
        (void)fani_error_set(note, FAN_OK,
                             "passed over %" PRIu64 " value%s that %s not finite, of %" PRIu64
                             " points; the first is %s",
                             e->bad.count, one ? "" : "s", one ? "is" : "are", e->evaluations,
                             place);
    if (e->verdict != FANI_VERDICT_REACHED)
        (void)fani_error_set(why, FAN_E_FAILED,
                             "the tolerance was not reached: error %.2g after %" PRIu64
                             " evaluations by %s; %s",
                             answer->errors[0], e->evaluations, answer->method, reason(e, answer));
    return FAN_OK;
}
