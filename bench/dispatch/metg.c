#include "metg.h"

#include <math.h>

static const double threshold = 0.5;

uint64_t bench_metg_iterations(int place)
{
    uint64_t length = 0;
    for (int i = 0; i < place; i++) {
        uint64_t next = (uint64_t)((double)length * 1.189207115 + 0.5); /* 2^(1/4) */
        length = next > length ? next : length + 1;
    }
    return length;
}

int bench_metg_place(double iterations)
{
    int place = 0;
    while (place < BENCH_METG_GRID - 1 && (double)bench_metg_iterations(place) < iterations)
        place++;
    return place;
}

bench_metg bench_metg_begin(int guess)
{
    return (bench_metg){.guess = guess, .below = -1, .above = BENCH_METG_GRID};
}

int bench_metg_next(const bench_metg *search)
{
    enum { STRIDE = 6 }; /* a factor of 2.8 */
    int last = BENCH_METG_GRID - 1;
    bool none_below = search->below<0, none_above = search->above> last;
    if (none_below && none_above)
        return search->guess;
    if (search->above == 0 || search->below == last || search->above - search->below == 1)
        return -1;
    if (none_below)
        return search->above > STRIDE ? search->above - STRIDE : 0;
    if (none_above)
        return search->below + STRIDE < last ? search->below + STRIDE : last;
    return (search->below + search->above) / 2;
}

void bench_metg_tell(bench_metg *search, int place, double item_ns, double efficiency)
{
    if (efficiency < threshold) {
        search->below = place;
        search->below_ns = item_ns;
        search->below_efficiency = efficiency;
    } else {
        search->above = place;
        search->above_ns = item_ns;
        search->above_efficiency = efficiency;
    }
}

bench_metg_state bench_metg_result(const bench_metg *search, double *ns)
{
    *ns = 0;
    if (bench_metg_next(search) >= 0)
        return BENCH_METG_UNKNOWN;
    if (search->above == 0) {
        *ns = search->above_ns;
        return BENCH_METG_BELOW;
    }
    if (search->above == BENCH_METG_GRID) {
        *ns = search->below_ns;
        return BENCH_METG_ABOVE;
    }
    double low = log(search->below_ns), high = log(search->above_ns);
    double part = (threshold - search->below_efficiency) /
                  (search->above_efficiency - search->below_efficiency);
    *ns = exp(low + (high - low) * part);
    return BENCH_METG_FOUND;
}
