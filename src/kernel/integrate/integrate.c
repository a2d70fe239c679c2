/* From blocks to the result. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "integral.h"

fan_partial fan_partial_combine(fan_partial left, fan_partial right)
{
    fan_partial both = left.not_finite > 0 ? left : right;
    both.sum = left.sum + right.sum;
    both.not_finite = left.not_finite + right.not_finite;
    return both;
}

static void combine_top(fani_partial_fold *fold)
{
    const size_t left = fold->depth - 2;
    fold->parts[left] = fan_partial_combine(fold->parts[left], fold->parts[left + 1]);
    fold->depth--;
}

void fani_partial_push(fani_partial_fold *fold, fan_partial leaf)
{
    fold->parts[fold->depth] = leaf;
    fold->ranks[fold->depth++] = 0;
    while (fold->depth > 1 && fold->ranks[fold->depth - 1] == fold->ranks[fold->depth - 2]) {
        combine_top(fold);
        fold->ranks[fold->depth - 1]++;
    }
}

fan_partial fani_partial_total(const fani_partial_fold *fold)
{
    fani_partial_fold rest = *fold;
    while (rest.depth > 1)
        combine_top(&rest);
    return rest.depth == 1 ? rest.parts[0] : (fan_partial){0};
}

/* "x = 0, y = 1.5", as far as it fits. */
static void describe_point(const fan_integral *integral, const double *point, char *text,
                           size_t size)
{
    char name[FANI_AXIS_NAME_SIZE];
    char number[FANI_DOUBLE_TEXT_SIZE];
    size_t used = 0;
    for (size_t d = 0; d < integral->dimension && used < size; d++) {
        fani_axis_name(integral, d, name);
        fani_double_text(point[d], number);
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s = %s", d ? ", " : "", name, number);
    }
}

static fan_status report_not_finite(const fan_integral_plan *plan, const fan_integral_result *r,
                                    fan_error *error)
{
    char place[320];
    char value[FANI_DOUBLE_TEXT_SIZE];
    if (r->not_finite == 0)
        return fani_error_set(error, FAN_E_NOT_FINITE,
                              "the sum of the integrand's values overflows");
    describe_point(&plan->integral, r->first_point, place, sizeof place);
    fani_double_text(r->first_value, value);
    return fani_error_set(
        error, FAN_E_NOT_FINITE, "the integrand is %s at %s; not finite at %llu of %llu points",
        value, place, (unsigned long long)r->not_finite, (unsigned long long)r->evaluations);
}

fan_status fan_integral_plan_finish_sized(const fan_integral_plan *plan, const fan_partial *total,
                                          fan_integral_result *result, size_t result_size,
                                          fan_error *error)
{
    fan_integral_result made = {.evaluations = plan->total, .not_finite = total->not_finite};
    if (plan->total > 0)
        made.value = total->sum * plan->scale;
    if (total->not_finite > 0) {
        made.first_value = total->first_value;
        fani_plan_point(plan, total->first_index, made.first_point);
    }
    if (made.not_finite > 0 || !isfinite(made.value))
        made.status = report_not_finite(plan, &made, error);
    memcpy(result, &made, result_size < sizeof made ? result_size : sizeof made);
    return made.status;
}

fan_status fan_integrate_sized(const fan_integral *integral, size_t integral_size,
                               fan_integral_result *result, size_t result_size, fan_error *error)
{
    fan_integral_plan *plan = NULL;
    fan_status status = fan_integral_plan_make_sized(integral, integral_size, &plan, error);
    if (status != FAN_OK)
        return status;
    fani_partial_fold fold = {.depth = 0};
    const uint64_t blocks = fan_integral_plan_blocks(plan);
    for (uint64_t k = 0; status == FAN_OK && k < blocks; k++) {
        fan_partial part;
        status = fan_integral_plan_block(plan, k, &part, error);
        if (status == FAN_OK)
            fani_partial_push(&fold, part);
    }
    if (status == FAN_OK) {
        const fan_partial total = fani_partial_total(&fold);
        status = fan_integral_plan_finish_sized(plan, &total, result, result_size, error);
    }
    fan_integral_plan_free(plan);
    return status;
}
