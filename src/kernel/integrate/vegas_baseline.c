#define NAME fani_vegas_baseline
#define UNIFORM fani_uniform_baseline
#define LANES 2
#define INDEX int32_t
#define WHOLE(a) __builtin_convertvector(a, whole)
#define GATHER(base, index) ((numbers){(base)[(index)[0]], (base)[(index)[1]]})
#define ROOT(a) ((numbers){sqrt((a)[0]), sqrt((a)[1])})
#include "vegas_body.h"
