#define NAME fani_uniform_baseline
#include "uniform_body.h"
