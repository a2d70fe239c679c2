/* What Fanfold's own tests pretend by fan_mpi_options.testing; all zero is nothing. */
#ifndef FANI_MPI_TESTING_H
#define FANI_MPI_TESTING_H

#include <stddef.h>

struct fani_mpi_testing {
    size_t message_limit; /* longer messages travel in parts; 16 or more. 0: FANI_LINK_LIMIT */
    const char *build;    /* what this rank was built from */
    const char *host;     /* the name of its host; ranks of one name share it */
};

#endif
