#define SCAN_SUM fani_scan_sum_avx2
/* Needs what stands above. */
#include "scan_body.h"
