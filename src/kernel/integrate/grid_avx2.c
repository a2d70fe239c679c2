#include "grid.h"
#include "vector_avx2.h"

#define GRID_KERNELS fani_grid_avx2
/* Needs what stands above. */
#include "grid_body.h"
