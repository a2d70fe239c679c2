/* Whether and how a launcher of MPI programs started this process, and the MPI side of Fanfold,
 * loaded only when asked for. */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stdbool.h>

#include "fanfold/ranks.h"

/* What the environment says before MPI is there. */
typedef struct launch {
    const char *variable; /* the launcher's variable that says so; NULL: not started as a rank */
    int rank;             /* -1: not known */
    int size;             /* -1: not known */
    bool is_copy; /* one of several that srun started as programs that know nothing of each other */
} launch;

launch launch_read(void);

/* libfanfold_mpi's table: the library is looked for in the folder of libfanfold, then by the
 * loader's rules. Errors: FAN_E_UNAVAILABLE with what the loader said. */
fan_status launch_load_ranks(const fan_ranks **ranks, fan_error *error);

#endif
