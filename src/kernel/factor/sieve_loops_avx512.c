#ifndef __AVX512BW__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

enum { VECTOR_BYTES = 64 };
#include "sieve_loops_body.h"

const fani_sieve_loops fani_sieve_loops_avx512 = {move, fill, scan, hits};
