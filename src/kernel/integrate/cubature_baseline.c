#define WIDTH 2
#define NAME fani_cubature_group_baseline
#include "cubature_body.h"
