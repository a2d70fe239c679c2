# GMP-ECM's library, which comes without a pkg-config file. Defines the target ECM::ecm.
find_library(ECM_LIBRARY NAMES ecm)
find_path(ECM_INCLUDE_DIR NAMES ecm.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ECM
    REQUIRED_VARS ECM_LIBRARY ECM_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "Fanfold needs GMP-ECM's library and its header ecm.h (Debian: libecm-dev)")
if(ECM_FOUND AND NOT TARGET ECM::ecm)
    add_library(ECM::ecm UNKNOWN IMPORTED)
    set_target_properties(ECM::ecm PROPERTIES
        IMPORTED_LOCATION "${ECM_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${ECM_INCLUDE_DIR}")
endif()
mark_as_advanced(ECM_LIBRARY ECM_INCLUDE_DIR)
