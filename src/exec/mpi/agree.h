/* How the ranks agree, when an executor opens, that they can work together. All collective. */
#ifndef FANI_MPI_AGREE_H
#define FANI_MPI_AGREE_H

#include <mpi.h>

#include "fanfold/status.h"

/* What each rank tells all. */
typedef struct fani_hello {
    uint64_t tasks; /* fani_registry_hash */
    int32_t status; /* of its own preparations */
    int32_t leader;
    uint32_t workers;
    uint32_t capabilities; /* of its inner executor */
    uint32_t leaders;      /* of rank 0: 1: with a leader for each host (relay.h) */
    uint32_t workers_max;  /* what that may be resized to */
} fani_hello;

/* Whether all ranks run the same build of Fanfold: to be asked before anything else, whose messages
 * may differ between builds. `pretended` (tests): what this rank was built from; else NULL.
 * FAN_E_UNAVAILABLE with both builds; FAN_E_MPI. */
fan_status fani_agree_build(MPI_Comm comm, int rank, int size, const char *pretended,
                            fan_error *error);

/* Says hello and learns of all ranks. *hellos (malloc'd) is NULL on error: any rank's failure is
 * everyone's, the others get its text (of *error) with its number before; FAN_E_UNKNOWN_TASK where
 * tasks differ, with how; FAN_E_MPI, FAN_E_MEMORY. */
fan_status fani_agree_hello(MPI_Comm comm, int rank, int size, const fani_hello *mine,
                            fani_hello **hellos, fan_error *error);

#endif
