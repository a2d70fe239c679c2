#define NAME fani_lattice_baseline
#include "lattice_body.h"
