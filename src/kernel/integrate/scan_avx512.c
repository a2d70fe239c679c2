#include "scan.h"
#include "vector_avx512.h"

#define SCAN_KERNELS fani_scan_avx512
/* Needs what stands above. */
#include "scan_body.h"
