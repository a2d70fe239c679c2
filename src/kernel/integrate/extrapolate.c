/* Wynn's epsilon algorithm. */
#include "extrapolate.h"

#include <float.h>
#include <math.h>

/* The table's counter diagonal that ends with the newest term: diagonal[k] is epsilon_k of the last
 * k + 1 terms; even columns are limits. It stops where two entries agree: what comes after would be
 * the noise of their difference. Returns the number of entries. */
static size_t add_term(double *diagonal, size_t length, double term)
{
    double above = 0; /* epsilon_(k-2) of the diagonal before */
    double current = term;
    for (size_t k = 0; k < length; k++) {
        const double before = diagonal[k];
        const double difference = current - before;
        diagonal[k] = current;
        if (fabs(difference) <= 2 * DBL_EPSILON * fabs(k % 2 == 0 ? current : 0) || difference == 0)
            return k + 1;
        current = above + 1 / difference;
        above = before;
    }
    diagonal[length] = current;
    return length + 1;
}

/* The even column whose neighbour agrees best with it. */
static double best_of(const double *diagonal, size_t length)
{
    double best = diagonal[0];
    double least = INFINITY;
    for (size_t k = 2; k < length; k += 2) {
        const double difference = fabs(diagonal[k] - diagonal[k - 2]);
        if (difference < least) {
            least = difference;
            best = diagonal[k];
        }
    }
    return best;
}

double fani_extrapolate(const double *terms, size_t count, double *error)
{
    double diagonal[FANI_EXTRAPOLATE_MAX + 1];
    double last[3] = {0};
    size_t length = 0;
    if (count > FANI_EXTRAPOLATE_MAX) {
        terms += count - FANI_EXTRAPOLATE_MAX;
        count = FANI_EXTRAPOLATE_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        length = add_term(diagonal, length, terms[i]);
        last[2] = last[1];
        last[1] = last[0];
        last[0] = best_of(diagonal, length);
    }
    *error = fabs(last[0] - last[1]) + fabs(last[0] - last[2]) + 4 * DBL_EPSILON * fabs(last[0]);
    return last[0];
}
