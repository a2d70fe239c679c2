/* Who talks to whom in each shape of dispatch. */
#include "simulation.h"

uint32_t scale_direct_ranks(const scale_system *system)
{
    uint32_t all = system->ranks, host = system->ranks_a_host;
    return system->shape == SCALE_FLAT    ? all
           : system->shape == SCALE_SPLIT ? 0
           : host < all                   ? host
                                          : all;
}

uint32_t scale_ranks_of(const scale_system *system, uint32_t p)
{
    uint32_t direct = scale_direct_ranks(system);
    uint64_t before = direct + (uint64_t)(p - direct) * system->ranks_a_host;
    if (p < direct)
        return 1;
    return system->ranks - before < system->ranks_a_host ? (uint32_t)(system->ranks - before)
                                                         : system->ranks_a_host;
}

const char *scale_shape_name(scale_shape shape)
{
    static const char *const names[SCALE_SHAPES] = {"flat", "leaders", "split"};
    return names[shape];
}
