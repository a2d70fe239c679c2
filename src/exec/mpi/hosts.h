/* Which ranks share a host's memory and cores. */
#ifndef FANI_MPI_HOSTS_H
#define FANI_MPI_HOSTS_H

#include <mpi.h>

#include "fanfold/status.h"

typedef struct fani_host {
    int leader;     /* the lowest rank of those whose memory this rank can map, found by trying; the
                       rank itself where it can map nobody's */
    unsigned ranks; /* of the communicator, on this host */
    unsigned cores; /* that at least one of them may use */
} fani_host;

/* Fills *host (left as it is on error). Collective; every rank takes part whatever its own state.
 * FAN_E_MPI. */
fan_status fani_hosts_find(MPI_Comm comm, int rank, fani_host *host, fan_error *error);

#endif
