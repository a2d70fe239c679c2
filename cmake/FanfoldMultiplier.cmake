# Who multiplies large numbers (kernel/gcd/multiplier.h): FLINT from version 3 on, else GMP with its
# cyclic products, where its library exports them, else GMP.
include(CheckFunctionExists)
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::gmp)
check_function_exists(__gmpn_mulmod_bnm1 FANFOLD_GMP_CYCLIC)
check_function_exists(__gmpn_mul_fft FANFOLD_GMP_NEGACYCLIC)
set(CMAKE_REQUIRED_LIBRARIES FLINT::flint PkgConfig::gmp)
check_c_source_compiles("
#include <flint/flint.h>
#include <flint/mpn_extras.h>
#if __FLINT_VERSION < 3
#error \"no fast multiplication\"
#endif
int main(void)
{
    mp_limb_t a = 3, b = 4, out[2];
    flint_mpn_mul(out, &a, 1, &b, 1);
    return (int)out[1];
}" FANFOLD_FLINT_MULTIPLIES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(FANFOLD_FLINT_MULTIPLIES)
    set(fanfold_other_multipliers "^multiplier_(gmp|public)\\.c$")
elseif(FANFOLD_GMP_CYCLIC AND FANFOLD_GMP_NEGACYCLIC)
    set(fanfold_other_multipliers "^multiplier_(flint|public)\\.c$")
else()
    set(fanfold_other_multipliers "^multiplier_(flint|gmp)\\.c$")
endif()
