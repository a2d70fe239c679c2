# Arb, ball arithmetic: a library of its own that needs FLINT 2 (Debian 12: libflint-arb-dev), or part
# of FLINT 3. Defines the target Arb::arb.
find_package(FLINT QUIET)
find_path(ARB_INCLUDE_DIR NAMES acb_calc.h PATH_SUFFIXES flint)
find_library(ARB_LIBRARY NAMES flint-arb arb)
if(NOT ARB_LIBRARY AND ARB_INCLUDE_DIR MATCHES "/flint$")
    set(ARB_LIBRARY ${FLINT_LIBRARY})
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Arb REQUIRED_VARS ARB_LIBRARY ARB_INCLUDE_DIR FLINT_FOUND)
if(Arb_FOUND AND NOT TARGET Arb::arb)
    add_library(Arb::arb UNKNOWN IMPORTED)
    set_target_properties(Arb::arb PROPERTIES
        IMPORTED_LOCATION "${ARB_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${ARB_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES FLINT::flint)
endif()
mark_as_advanced(ARB_LIBRARY ARB_INCLUDE_DIR)
