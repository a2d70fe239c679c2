#include "grid.h"
#include "vector_pair.h"

#define GRID_KERNELS fani_grid_scalar
/* Needs what stands above. */
#include "grid_body.h"

/* Two lanes beside each other, one pair after the other. */
fani_triple fani_lanes_total(const fani_lanes *lanes)
{
    triple pair = {load(lanes->high), load(lanes->middle), load(lanes->low)};
    for (size_t k = LANES; k < FANI_GRID_LANES; k += LANES) {
        add_to(&pair, load(lanes->high + k), load(lanes->middle + k));
        pair.low = pair.low + load(lanes->low + k);
    }
    return fani_triple_add((fani_triple){pair.high[0], pair.middle[0], pair.low[0]},
                           (fani_triple){pair.high[1], pair.middle[1], pair.low[1]});
}
