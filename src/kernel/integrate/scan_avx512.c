#define SCAN_SUM fani_scan_sum_avx512
/* Needs what stands above. */
#include "scan_body.h"
