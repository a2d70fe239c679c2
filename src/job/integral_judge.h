/* What an estimate is worth: the answer made of it, and what is to be said besides. */
#ifndef FANI_INTEGRAL_JUDGE_H
#define FANI_INTEGRAL_JUDGE_H

#include "job/integral_answer.h"

/* The answer that a method's estimate is. */
void fani_integral_answer_set(const fani_ready_integral *ready, const fani_estimate *e,
                              fani_integral_answer *answer);

/* FAN_OK: there is a value. *why then says why it is not as good as it was to be (with a status),
 * and *note what else is worth saying (without); both come empty and may stay so. FAN_E_NOT_FINITE:
 * there is none. `names` are the variables'. Any thread. */
fan_status fani_integral_judge(const char *const *names, size_t dimension, const fani_estimate *e,
                               const fani_integral_answer *answer, fan_error *note, fan_error *why,
                               fan_error *error);

#endif
