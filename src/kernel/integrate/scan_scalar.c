#include "scan.h"
#include "vector_pair.h"

#define SCAN_KERNELS fani_scan_scalar
/* Needs what stands above. */
#include "scan_body.h"
