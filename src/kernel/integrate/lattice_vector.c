/* Made by bench/integrate/tables/lattice_vectors.c, which says how. */
#include "lattice.h"

const uint32_t fani_lattice_vector[FAN_INTEGRAL_DIMENSION_MAX] = {
    240913,  767741,  392245, 84677,  903337, 91321,  859329, 163657,
    1010445, 1046957, 862165, 688729, 849485, 888201, 237293, 180385};
