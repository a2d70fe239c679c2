# What `cmake --install` puts where, the CMake package and the pkg-config files.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Fanfold)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/package)

# fanfold_install(EXPORT target...): one export set each for what has needs of its own, so that a
# program that links the shared library need not have what the static one or MPI asks for.
function(fanfold_install export)
    install(TARGETS ${ARGN} EXPORT ${export}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(EXPORT ${export} NAMESPACE Fanfold:: DESTINATION ${package_dir})
endfunction()

fanfold_install(FanfoldSharedTargets fanfold)
fanfold_install(FanfoldStaticTargets fanfold_static)
# Loaded by libfanfold, never linked: not in the package, and without a name to link by.
install(TARGETS fanfold_keys LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_SKIP)
if(TARGET fanfold_mpi)
    fanfold_install(FanfoldMPITargets fanfold_mpi)
    fanfold_install(FanfoldMPIStaticTargets fanfold_mpi_static)
endif()
if(TARGET fanfold_command)
    install(TARGETS fanfold_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(DIRECTORY include/fanfold DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "mpi.h" EXCLUDE)
if(TARGET fanfold_mpi)
    install(FILES include/fanfold/mpi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanfold)
endif()
install(DIRECTORY jobs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fanfold/jobs
    USE_SOURCE_PERMISSIONS OPTIONAL)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

configure_package_config_file(cmake/FanfoldConfig.cmake.in ${generated}/FanfoldConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${generated}/FanfoldConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${generated}/FanfoldConfig.cmake ${generated}/FanfoldConfigVersion.cmake
    cmake/FindFLINT.cmake cmake/FindECM.cmake cmake/FindArb.cmake DESTINATION ${package_dir})

# pkg-config. Paths are relative to the file, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
string(STRIP "${OpenMP_C_FLAGS}" pc_openmp)
string(REPLACE ";" " " pc_libcrypto "${libcrypto_LDFLAGS}")
set(pc_arb "")
if(FANFOLD_HAVE_ARB)
    get_filename_component(pc_arb ${ARB_LIBRARY} NAME_WE)
    string(REGEX REPLACE "^lib" "-l" pc_arb ${pc_arb})
endif()
set(pc_names fanfold)
if(TARGET fanfold_mpi)
    list(APPEND pc_names fanfold_mpi)
    set(pc_mpi_cflags "")
    foreach(directory IN LISTS MPI_C_INCLUDE_DIRS)
        string(APPEND pc_mpi_cflags " -I${directory}")
    endforeach()
    string(REPLACE ";" " " pc_mpi_libraries "${MPI_C_LIBRARIES}")
endif()
foreach(name IN LISTS pc_names)
    configure_file(cmake/${name}.pc.in ${generated}/${name}.pc @ONLY)
    install(FILES ${generated}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
