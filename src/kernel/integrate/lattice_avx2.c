#ifndef __AVX2__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#define NAME fani_lattice_avx2
#define LANES 4
#include "lattice_body.h"
