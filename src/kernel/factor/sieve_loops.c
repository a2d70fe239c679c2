enum { VECTOR_BYTES = 16 };
#include "sieve_loops_body.h"

const fani_sieve_loops fani_sieve_loops_scalar = {move, fill, scan, hits};
