#define LANES 1
#define NAME fani_cubature_points_one
#include "cubature_body.h"
