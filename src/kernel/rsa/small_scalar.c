#include "small.h"

#define KERNEL fani_rsa_small_scalar
#define V uint64_t
#define LANES 1
#define ROWS 2
#define WIDEN(p) ((uint64_t) * (p))
#define SPREAD(p) (*(p))
#define ZERO 0
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) (((a)&UINT32_MAX) * ((b)&UINT32_MAX))
#define HIGH(a) ((a) >> 32)
#define LOW(a) ((a)&UINT32_MAX)
#define ADD_IF_LESS(r, a, b, m) ((a) < (b) ? (r) + (m) : (r))
#define ANY_LE(a, b) ((a) <= (b))
#include "small_body.h"
