#ifndef __AVX512DQ__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#define WIDTH 8
#define NAME fani_cubature_group_avx512
#include "cubature_body.h"
