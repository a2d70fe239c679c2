/* What Fanfold's own tests pretend by fan_mpi_options.testing; all zero is nothing. */
#ifndef FANI_MPI_TESTING_H
#define FANI_MPI_TESTING_H

#include <stddef.h>

/* Messages exchanged with a rank, without heartbeats. */
struct fani_mpi_traffic {
    size_t sent, received;
};

struct fani_mpi_testing {
    size_t message_limit; /* longer messages travel in parts; 16 or more. 0: FANI_LINK_LIMIT */
    const char *build;    /* what this rank was built from */
    const char *host;     /* the name of its host; ranks of one name share it */
    struct fani_mpi_traffic *traffic; /* for each rank; counts until this one has closed */
};

#endif
