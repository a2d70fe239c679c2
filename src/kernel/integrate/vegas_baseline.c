#define NAME fani_vegas_map_baseline
#include "vegas_body.h"
