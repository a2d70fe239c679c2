#define LANES 8
#define NAME fani_cubature_points_baseline
#include "cubature_body.h"
