/* When an idle thread looks for messages: the times of src/exec/mpi/idle.c, without its sleeps. */
#include <math.h>

#include "simulation.h"

/* Sleeps of one length, from a wake-up at `wake`: the first of their ends at or after `at`, but not
 * beyond the first after `until`. */
static double sleeps(double wake, double length, double until, double at)
{
    double to = fmin(at, until);
    if (length <= 0)
        return fmax(wake, to);
    return to > wake ? wake + ceil((to - wake) / length) * length : wake;
}

double scale_notice(const scale_costs *costs, double since, double at)
{
    double begun = since + costs->spin, wake = begun;
    if (at <= begun)
        return at;
    double sleep = costs->sleep_first;
    while (sleep < costs->sleep_most && sleep > 0 && wake < at) {
        wake += sleep + costs->slack;
        sleep *= 2;
    }
    wake = sleeps(wake, costs->sleep_most + costs->slack, begun + costs->long_idle, at);
    return wake >= at ? wake : sleeps(wake, costs->sleep_long + costs->slack, at, at);
}
