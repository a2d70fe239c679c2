/* The state of a sieve: a journal with one record for each finished unit, which holds its
 * relations. Its identity is the number, the version of the sieve, the parameters and the size of
 * units, so that it goes on only where the same index gives the same relations. */
#ifndef FANI_SIEVE_STATE_H
#define FANI_SIEVE_STATE_H

#include "fanfold/executor.h"
#include "kernel/qs/qs.h"

typedef struct fani_sieve_state fani_sieve_state;

typedef struct fani_sieve_state_options {
    const char *path;
    bool repair;     /* units that are damaged are not given; else they are an error */
    bool break_lock; /* take the lock from whoever has it */
    /* Gets each unit of the file, in the order in which they ended; a unit may come twice.
     * FAN_E_PROTOCOL: that is no such unit, or its relations are not true. Another error ends the
     * opening with it. */
    fan_status (*unit)(void *user, uint64_t unit, const unsigned char *bytes, size_t size,
                       fan_error *error);
    void *user;
} fani_sieve_state_options;

/* Opens the state of a number, or begins one. The caller closes *state, which is NULL on error.
 * Errors: as fani_journal_open; FAN_E_INPUT too where a unit is not true. */
fan_status fani_sieve_state_open(const fani_qs *qs, const fani_sieve_state_options *options,
                                 fani_sieve_state **state, fan_error *error);

/* Appends a finished unit; it is in the file 50 ms later, and synced after a second. A unit whose
 * relations are too many for a record (more than a MB) is left out: it would be done again. Errors:
 * FAN_E_TIMEOUT (nothing was appended: the disk is slow), FAN_E_OUTPUT, FAN_E_MEMORY. */
fan_status fani_sieve_state_add(fani_sieve_state *state, uint64_t unit, const unsigned char *bytes,
                                size_t size, fan_deadline deadline, fan_error *error);

/* Writes and syncs all and frees. NULL is accepted. FAN_E_OUTPUT. */
fan_status fani_sieve_state_close(fani_sieve_state *state, fan_error *error);

#endif
