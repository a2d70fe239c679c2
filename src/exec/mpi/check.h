/* MPI's error codes as Fanfold's errors. */
#ifndef FANI_MPI_CHECK_H
#define FANI_MPI_CHECK_H

#include "fanfold/status.h"

/* FAN_OK for MPI_SUCCESS; else fills *error (may be NULL) with the name of the call and MPI's own
 * text, and returns FAN_E_MPI. The communicator's errors must be returned, not fatal. Local; only
 * where MPI calls are allowed. */
fan_status fani_mpi_check(int code, const char *call, fan_error *error);

#endif
