#define SCAN_SUM fani_scan_sum_scalar
/* Needs what stands above. */
#include "scan_body.h"
