#define NAME fani_uniform_baseline
#define LANES 2
#define MULTIPLY(a, b) ((a)*UINT64_C(b))
#include "uniform_body.h"
