#if !defined __AVX2__ && !defined __cppcheck__
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

enum { VECTOR_BYTES = 32 };
#include "sieve_loops_body.h"

const fani_sieve_loops fani_sieve_loops_avx2 = {move, fill, scan, hits};
