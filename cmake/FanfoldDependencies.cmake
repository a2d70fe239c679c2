# Finds what is used today. Every dependency becomes an imported target.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
pkg_check_modules(gmp REQUIRED IMPORTED_TARGET gmp)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(inih REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)
# Its header alone: what hashes is compiled in, so that nothing more is linked.
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
# Likewise: it is loaded when something is fetched.
pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
find_package(FLINT REQUIRED)
find_package(ECM REQUIRED)
if(FANFOLD_MPI)
    include(FanfoldMPI)
endif()
