#include "spin.h"

uint64_t bench_spin_call(uint64_t seed, uint64_t iterations)
{
    return bench_spin(seed, iterations);
}

bench_spin_check bench_spin_check_for(uint64_t iterations)
{
    bench_spin_check all = {.scale = 1};
    bench_spin_check power = {.scale = BENCH_SPIN_SCALE, .shift = BENCH_SPIN_SHIFT};
    for (; iterations; iterations >>= 1) {
        if (iterations & 1)
            all =
                (bench_spin_check){all.scale * power.scale, all.shift * power.scale + power.shift};
        power =
            (bench_spin_check){power.scale * power.scale, power.shift * power.scale + power.shift};
    }
    return all;
}
