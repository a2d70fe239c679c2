/* From blocks to the result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "integral.h"

fan_partial fan_partial_combine(fan_partial left, fan_partial right)
{
    fan_partial both = left.not_finite > 0 ? left : right;
    const fani_triple sum =
        fani_triple_add((fani_triple){left.sum, left.sum_middle, left.sum_low},
                        (fani_triple){right.sum, right.sum_middle, right.sum_low});
    both.sum = sum.high;
    both.sum_middle = sum.middle;
    both.sum_low = sum.low;
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

fan_status fani_integral_not_finite(const fan_integral *integral, const fani_bad_values *bad,
                                    uint64_t evaluations, fan_error *error)
{
    char place[320];
    char value[FANI_DOUBLE_TEXT_SIZE];
    describe_point(integral, bad->first_point, place, sizeof place);
    fani_double_text(bad->first_value, value);
    return fani_error_set(error, FAN_E_NOT_FINITE,
                          "the integrand is %s at %s; not finite at %llu of %llu points", value,
                          place, (unsigned long long)bad->count, (unsigned long long)evaluations);
}

void fani_integral_passed_over(const fan_integral *integral, const fani_bad_values *bad,
                               uint64_t evaluations, fan_error *error)
{
    char place[320];
    char value[FANI_DOUBLE_TEXT_SIZE];
    describe_point(integral, bad->first_point, place, sizeof place);
    fani_double_text(bad->first_value, value);
    (void)fani_error_set(error, FAN_OK,
                         "passed over %llu value%s that %s not finite, of %llu points; the first "
                         "is %s at %s",
                         (unsigned long long)bad->count, bad->count == 1 ? "" : "s",
                         bad->count == 1 ? "is" : "are", (unsigned long long)evaluations, value,
                         place);
}

/* What is to be told of values that are not finite, and the status of the result. */
static fan_status report(const fan_integral_plan *plan, const fan_integral_result *r, bool persist,
                         bool overflows, fan_error *error)
{
    fani_bad_values bad = {.count = r->not_finite, .first_value = r->first_value};
    memcpy(bad.first_point, r->first_point, sizeof bad.first_point);
    if (persist)
        return fani_integral_not_finite(&plan->integral, &bad, r->evaluations, error);
    if (overflows)
        return fani_error_set(error, FAN_E_NOT_FINITE,
                              "the sum of the integrand's values overflows");
    if (bad.count > 0)
        fani_integral_passed_over(&plan->integral, &bad, r->evaluations, error);
    return FAN_OK;
}

/* One or two, as an end or a corner gives, or one in a thousand, as a line in a plane does. */
static bool is_isolated(uint64_t not_finite, uint64_t evaluations)
{
    return not_finite <= 2 || not_finite <= evaluations / 1000;
}

/* The first value of all components that is not finite. */
static void find_first(const fan_integral_plan *plan, const fan_partial *totals,
                       fan_integral_result *result)
{
    const fan_partial *first = NULL;
    for (size_t c = 0; c < result->components; c++) {
        const fan_partial *p = &totals[c];
        result->not_finite += p->not_finite;
        if (p->not_finite > 0 && (!first || p->first_index < first->first_index))
            first = p;
    }
    if (first) {
        result->first_value = first->first_value;
        fani_plan_point(plan, first->first_index, result->first_point);
    }
}

/* The sum times the scale, rounded once. */
static double times(const fan_partial *total, double scale)
{
    const double product = total->sum * scale;
    const double rest = fma(total->sum, scale, -product) + total->sum_middle * scale;
    return isfinite(rest) ? product + rest : product;
}

fan_status fan_integral_plan_finish_sized(const fan_integral_plan *plan, const fan_partial *totals,
                                          fan_integral_result *result, size_t result_size,
                                          fan_error *error)
{
    fan_integral_result made = {.evaluations = plan->total,
                                .components = plan->integrand.components};
    bool overflows = false, persist = false;
    for (size_t c = 0; c < made.components && plan->total > 0; c++) {
        made.values[c] = times(&totals[c], plan->scale);
        overflows |= !isfinite(made.values[c]);
        persist |= !is_isolated(totals[c].not_finite, made.evaluations);
    }
    made.value = made.values[0];
    find_first(plan, totals, &made);
    made.status = report(plan, &made, persist, overflows, error);
    memcpy(result, &made, result_size < sizeof made ? result_size : sizeof made);
    return made.status;
}

/* ---- On the calling thread ------------------------------------------------------------------- */

static fan_status fold_blocks(const fan_integral_plan *plan, fani_partial_fold *folds,
                              fan_error *error)
{
    fan_partial parts[FAN_INTEGRAL_COMPONENTS_MAX];
    const uint64_t blocks = fan_integral_plan_blocks(plan);
    for (uint64_t k = 0; k < blocks; k++) {
        const fan_status status = fan_integral_plan_block(plan, k, parts, error);
        if (status != FAN_OK)
            return status;
        for (size_t c = 0; c < plan->integrand.components; c++)
            fani_partial_push(&folds[c], parts[c]);
    }
    return FAN_OK;
}

static fan_status sum_blocks(const fan_integral_plan *plan, fan_partial *totals, fan_error *error)
{
    const size_t components = plan->integrand.components;
    fani_partial_fold *folds = calloc(components, sizeof *folds);
    if (!folds) {
        (void)fani_error_set(error, FAN_E_MEMORY, "out of memory for an integral");
        return FAN_E_MEMORY;
    }
    const fan_status status = fold_blocks(plan, folds, error);
    for (size_t c = 0; status == FAN_OK && c < components; c++)
        totals[c] = fani_partial_total(&folds[c]);
    free(folds);
    return status;
}

fan_status fan_integrate_sized(const fan_integral *integral, size_t integral_size,
                               fan_integral_result *result, size_t result_size, fan_error *error)
{
    fan_integral_plan *plan = NULL;
    fan_partial totals[FAN_INTEGRAL_COMPONENTS_MAX];
    fan_status status = fan_integral_plan_make_sized(integral, integral_size, &plan, error);
    if (status != FAN_OK)
        return status;
    status = sum_blocks(plan, totals, error);
    if (status == FAN_OK)
        status = fan_integral_plan_finish_sized(plan, totals, result, result_size, error);
    fan_integral_plan_free(plan);
    return status;
}
