#define NAME fani_lattice_baseline
#define LANES 2
#include "lattice_body.h"
