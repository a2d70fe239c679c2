enum { VECTOR_BYTES = 64 };
#include "sieve_loops_body.h"

const fani_sieve_loops fani_sieve_loops_avx512 = {move, fill, scan, hits};
