/* Uniform random numbers, LANES counters of Philox at once. A counter gives one coordinate of four
 * samples, 8 apart: samples 32 q + r + 8 j, j < 4, r < 8, have word j of counter 8 q + r. */
#include "philox_lanes.h"
#include "uniform.h"

void NAME(uint64_t seed, uint32_t stream, uint64_t first, size_t d, size_t count, double *const *u)
{
    philox_keys keys;
    philox_key(seed, &keys);
    for (size_t i = 0; i < count; i += 32) {
        for (size_t r = 0; r < 8; r += LANES) {
            const fani_words counters = philox_counters((first + i) / 4 + r);
            for (size_t k = 0; k < d; k++) {
                fani_words drawn[1][4];
                philox_draw(&keys, stream, &counters, 1, k, drawn);
                for (size_t j = 0; j < 4; j++)
                    *(fani_unit *)(u[k] + i + r + 8 * j) =
                        (philox_above(drawn[0][j]) - (0x1p52 - 0.5)) * 0x1p-32;
            }
        }
    }
}
