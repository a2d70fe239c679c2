/* The environment of child processes. */
#ifndef FANI_ENVIRONMENT_H
#define FANI_ENVIRONMENT_H

#include <stdbool.h>

/* A copy of this program's environment, in one block that free() frees, with changes ("NAME=VALUE"
 * sets, "NAME" takes away; NULL-terminated or NULL), and without what an MPI launcher tells a rank
 * (OMPI_*, PMIX_*, PMI_*: a child that is an MPI program would take itself for that rank) unless
 * `keep_mpi` or a change sets it. NULL: out of memory. No other thread may change the environment
 * meanwhile. */
char **fani_environment_copy(const char *const *changes, bool keep_mpi);

#endif
