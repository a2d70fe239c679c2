# Finds MPI for C, and the launcher that belongs to it: Debian installs Open MPI and MPICH side by
# side, and a program of one started by the launcher of the other runs as N lonely ranks.
find_package(MPI REQUIRED COMPONENTS C)

include(CheckSymbolExists)
set(CMAKE_REQUIRED_LIBRARIES MPI::MPI_C)
check_symbol_exists(OPEN_MPI mpi.h FANFOLD_MPI_IS_OPENMPI)
check_symbol_exists(MPICH_VERSION mpi.h FANFOLD_MPI_IS_MPICH)
unset(CMAKE_REQUIRED_LIBRARIES)

if(FANFOLD_MPI_IS_OPENMPI)
    set(FANFOLD_MPI_FAMILY openmpi)
elseif(FANFOLD_MPI_IS_MPICH)
    set(FANFOLD_MPI_FAMILY mpich)
else()
    set(FANFOLD_MPI_FAMILY other)
endif()
find_program(FANFOLD_MPIEXEC
    NAMES mpirun.${FANFOLD_MPI_FAMILY} ${MPIEXEC_EXECUTABLE} mpirun mpiexec
    DOC "The MPI launcher that belongs to the MPI library")
message(STATUS "MPI: ${FANFOLD_MPI_FAMILY}, started by ${FANFOLD_MPIEXEC}")
