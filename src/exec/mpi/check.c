#include "check.h"

#include <mpi.h>

#include "base/error.h"

fan_status fani_mpi_check(int code, const char *call, fan_error *error)
{
    if (code == MPI_SUCCESS)
        return FAN_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int size = 0;
    if (MPI_Error_string(code, text, &size) != MPI_SUCCESS)
        size = 0;
    return fani_error_set(error, FAN_E_MPI, "%s: %.*s (code %d)", call, size, text, code);
}
