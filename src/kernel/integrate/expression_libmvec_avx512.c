/* The kernels for AVX-512. */
#include "vector_avx512.h"

#include <math.h>

#include "expression.h"

#define VECTOR_FUNCTION(name) _ZGVeN8##name

#include "expression_vector_body.h"
/* Needs what stands above. */
#include "expression_fused_body.h"

fani_kernel *const fani_kernels_avx512[FANI_OP_COUNT] = {SHARED_ENTRIES FUSED_ENTRIES};

#include "expression_waves_body.h"

const fani_waves fani_waves_avx512 = {add_sine, add_cosine};
