#include "grid.h"
#include "vector_avx512.h"

#define GRID_KERNELS fani_grid_avx512
/* Needs what stands above. */
#include "grid_body.h"
