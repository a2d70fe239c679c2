#include "scan.h"
#include "vector_avx2.h"

#define SCAN_KERNELS fani_scan_avx2
/* Needs what stands above. */
#include "scan_body.h"
