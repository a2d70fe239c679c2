# Compiler flags for every target of this tree.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Asserts stay in release builds: a broken promise must end the run, not spoil its results.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -fno-common
    $<$<COMPILE_LANGUAGE:C>:-Wconversion>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wvla>
    # Loops are marked for the compiler that releases are built with; where sanitizers keep Clang from
    # vectorizing them nothing is wrong.
    $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
# No contraction, in kernels or in the jobs that fold their values: a fused multiply-add on one
# machine and not on another changes last bits.
add_compile_options(-ffp-contract=off)
if(FANFOLD_WERROR)
    add_compile_options(-Werror)
endif()
# Symbols stay visible to the compiler and the version scripts choose what a library exports: the
# private fani_ interface must reach libfanfold_mpi, which hidden visibility would forbid. Calls
# inside a library are bound at link time all the same.
add_compile_options(-fno-semantic-interposition)
add_link_options(-Wl,--as-needed)

if(FANFOLD_SANITIZE)
    add_compile_options(-fsanitize=${FANFOLD_SANITIZE} -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${FANFOLD_SANITIZE})
    if(FANFOLD_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
        # No bytes are often a null pointer and 0 more, which clang (not gcc) reports.
        add_compile_options($<$<C_COMPILER_ID:Clang>:-fno-sanitize=pointer-overflow>)
    endif()
endif()
