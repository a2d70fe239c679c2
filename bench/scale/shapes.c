/* Who talks to whom in each shape of dispatch. */
#include "simulation.h"

enum { RANKS_MAX = 1 << 24, WORKERS_MAX = 4096, BATCH_ITEMS_MAX = 65536 };

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

fan_status scale_check(const scale_system *system, const scale_workload *work)
{
    bool fits = system->ranks >= 1 && system->ranks <= RANKS_MAX && system->workers >= 1 &&
                system->workers <= WORKERS_MAX && system->ranks_a_host >= 1 &&
                system->batch <= BATCH_ITEMS_MAX && system->shape < SCALE_SHAPES &&
                (uint64_t)system->ranks * system->workers <= (uint64_t)1 << 30 &&
                work->law < SCALE_LAWS;
    return fits ? FAN_OK : FAN_E_ARGUMENT;
}
