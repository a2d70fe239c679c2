/* Who the ranks are, for messages to people: their hosts, and which cores they may use. */
#ifndef FANI_MPI_WHO_H
#define FANI_MPI_WHO_H

#include <mpi.h>

#include "fanfold/status.h"
#include "hosts.h"

typedef struct fani_mpi_who {
    char host[64];
    uint32_t workers; /* asked for; 0: the rank's part of the cores */
    uint32_t cores;   /* it may use */
    uint32_t reach;   /* it could use if nobody had bound it */
    uint32_t on_host; /* all ranks of its host together may use */
    uint32_t ranks;   /* on its host */
    uint32_t leads;   /* whether it is the first of its host */
} fani_mpi_who;

/* Fills in this rank. `workers` as asked for; `host_name`: NULL for the system's. Local. */
void fani_mpi_who_am_i(fani_mpi_who *who, const fani_host *host, unsigned workers,
                       const char *host_name);

/* Gathers all ranks on rank 0, where `all` has room for them (elsewhere it is not touched).
 * Collective. FAN_E_MPI. */
fan_status fani_mpi_who_gather(MPI_Comm comm, const fani_mpi_who *mine, fani_mpi_who *all,
                               fan_error *error);

/* A malloc'd line about ranks that are bound to too few cores; NULL: there are none. */
char *fani_mpi_who_warning(const fani_mpi_who *all, int size);

#endif
