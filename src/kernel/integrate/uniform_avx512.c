#ifndef __AVX512DQ__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#define NAME fani_uniform_avx512
#include "uniform_body.h"
