# FLINT, which Debian 12 ships without a pkg-config file. Defines the target FLINT::flint.
find_library(FLINT_LIBRARY NAMES flint)
find_path(FLINT_INCLUDE_DIR NAMES flint/fmpz.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FLINT REQUIRED_VARS FLINT_LIBRARY FLINT_INCLUDE_DIR)
if(FLINT_FOUND AND NOT TARGET FLINT::flint)
    add_library(FLINT::flint UNKNOWN IMPORTED)
    set_target_properties(FLINT::flint PROPERTIES
        IMPORTED_LOCATION "${FLINT_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${FLINT_INCLUDE_DIR}")
endif()
mark_as_advanced(FLINT_LIBRARY FLINT_INCLUDE_DIR)
