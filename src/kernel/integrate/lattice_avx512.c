#ifndef __AVX512DQ__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#define NAME fani_lattice_avx512
#define LANES 8
#include "lattice_body.h"
