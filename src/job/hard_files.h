/* The files in which the work on a hard number is kept: their names, which follow from the
 * composite, and their end. */
#ifndef FANI_HARD_FILES_H
#define FANI_HARD_FILES_H

#include "job/job_internal.h"

#include <gmp.h>

typedef enum fani_hard_file {
    FANI_HARD_CURVES, /* BASE.curves-HASH: a state of curves.h */
    FANI_HARD_SIEVE,  /* BASE.sieve-HASH: one of sieve.h */
} fani_hard_file;

/* Those of one item. Starts with zeroes. */
typedef struct fani_hard_files {
    char **names;
    size_t count;
} fani_hard_files;

void fani_hard_files_clear(fani_hard_files *files);

/* What the names of a run's files begin with, malloc'd: its output, where that has a ledger, or the
 * key `state`; NULL: nothing is kept. A run that begins anew (`restart`) removes what earlier ones
 * have left. Errors: FAN_E_MEMORY, and of fani_hard_files_sweep. */
fan_status fani_hard_files_base(const fani_job_run *run, char **base, fan_error *error);

/* *name = the file for composite n, owned by `files`. FAN_E_MEMORY. */
fan_status fani_hard_files_name(fani_hard_files *files, const char *base, fani_hard_file kind,
                                mpz_srcptr n, const char **name);

/* The item's outcome was written: makes that safe, and removes the files. Errors: FAN_E_OUTPUT and
 * of the journal. */
fan_status fani_hard_files_forget(const fani_hard_files *files, fani_job_run *run,
                                  fan_error *error);

/* Removes all files of this base, each under its lock. FAN_E_BUSY: another run is at work on one;
 * FAN_E_OUTPUT, FAN_E_MEMORY, FAN_E_SYSTEM. */
fan_status fani_hard_files_sweep(const char *base, bool break_lock, fan_error *error);

#endif
