#include "grid.h"
#include "vector_pair.h"

#define GRID_KERNELS fani_grid_scalar
/* Needs what stands above. */
#include "grid_body.h"
