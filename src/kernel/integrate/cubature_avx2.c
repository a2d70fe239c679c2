#ifndef __AVX2__
/* cppcheck-suppress preprocessorErrorDirective ; it has no flags of files */
#error "compiled without its instruction set: right answers, but slower than no vectors at all"
#endif

#define WIDTH 4
#define NAME fani_cubature_group_avx2
#include "cubature_body.h"
