/* Which ranks share a host's memory and cores. */
#ifndef FANI_MPI_HOSTS_H
#define FANI_MPI_HOSTS_H

#include <mpi.h>
#include <stdbool.h>

#include "fanfold/status.h"

typedef struct fani_host {
    int leader;     /* the lowest rank of those whose memory this rank can map, found by trying; the
                       rank itself where it can map nobody's */
    bool first;     /* the lowest of its host's ranks */
    unsigned ranks; /* of the communicator, on this host */
    unsigned cores; /* that at least one of them may use */
} fani_host;

/* Fills *host (left as it is on error). `pretended`: ranks of one such name are taken for a host
 * (tests, on all ranks); else NULL. Collective; every rank takes part whatever its own state.
 * FAN_E_MPI. */
fan_status fani_hosts_find(MPI_Comm comm, int rank, const char *pretended, fani_host *host,
                           fan_error *error);

#endif
