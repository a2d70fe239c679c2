/* An integrand that is a function of a shared library: FILE:SYMBOL.
 *
 * A symbol whose name ends in "_batch" is a fan_integrand_batch, any other a fan_integrand_scalar
 * (fanfold/integrate.h); SYMBOL_components, an unsigned int, says how many components a batch
 * function has where they are not 1. Both get the values of --param, in order, as their context. */
#ifndef FANI_INTEGRAND_FILE_H
#define FANI_INTEGRAND_FILE_H

#include "fanfold/integrate.h"

typedef struct fani_integrand_file {
    void *library;
    fan_integrand_batch *batch; /* one of both */
    fan_integrand_scalar *scalar;
    size_t components;
} fani_integrand_file;

/* The two parts of FILE:SYMBOL; FILE as an absolute path. Both are the caller's to free, NULL on an
 * error. FAN_E_ARGUMENT, FAN_E_INPUT (no such file), FAN_E_MEMORY. */
fan_status fani_integrand_file_split(const char *text, char **path, char **symbol,
                                     fan_error *error);

/* A hash of what is in the file. FAN_E_INPUT. */
fan_status fani_integrand_file_hash(const char *path, uint64_t *hash, fan_error *error);

/* Loads the function from a file that must have this hash: every worker's is then the same. Errors:
 * FAN_E_INPUT with what the loader says, or which symbol there is not. Closed by
 * fani_integrand_file_close, which may get all zeroes. */
fan_status fani_integrand_file_open(const char *path, const char *symbol, uint64_t hash,
                                    fani_integrand_file *file, fan_error *error);
void fani_integrand_file_close(fani_integrand_file *file);

#endif
