/* weakkeys --known STATE: new keys are added to what earlier scans have read, at the cost of the
 * new keys' tree and one pass over the known moduli. What is printed and kept is what a scan of all
 * keys, old and new, would say. docs/weakkeys.md says which records are printed. */
#ifndef FANI_WEAK_KNOWN_H
#define FANI_WEAK_KNOWN_H

#include "job/weak_engine.h"
#include "job/weakkeys.h"

typedef struct fani_weak_known fani_weak_known;

/* Opens the state that the job names and locks it; one that there is not yet is empty. Sets
 * run->known, which fani_weak_known_end frees. Errors: FAN_E_SYNTAX (it is damaged, or none),
 * FAN_E_INPUT (it can't be read), FAN_E_BUSY (another run has it), FAN_E_OUTPUT (no lock can be
 * made), FAN_E_CANCELLED, FAN_E_MEMORY, FAN_E_SYSTEM. */
fan_status fani_weak_known_begin(fani_job_run *run, fan_error *error);

/* Sorts the keys that were read: those that the state has from the same place go from the input.
 * Gives the distinct moduli that it has not (the state's, until the end), and what there is beside
 * them for the engine; NULL: nothing. Errors: FAN_E_SYNTAX, FAN_E_INPUT, FAN_E_MEMORY. */
fan_status fani_weak_known_sort(fani_weak_known *known, fani_weakkeys_input *input,
                                const fani_mpzs **fresh, const fani_weak_outside **outside,
                                fan_error *error);

/* Finds the known keys that now share a factor with a new one, or have a copy; puts before the new
 * keys of the input all known ones of which something is to be said, and describes all of them.
 * gcds: of the fresh moduli with all others, which are moved. *report is the caller's. Errors: as
 * of fani_known_meet. */
fan_status fani_weak_known_join(fani_weak_known *known, fani_weakkeys_input *input, fani_mpzs *gcds,
                                fan_weakkeys_report **report, fan_error *error);

/* The limbs of all products in it, and of the longest one. */
size_t fani_weak_known_limbs(const fani_weak_known *known);
size_t fani_weak_known_longest(const fani_weak_known *known);

/* How many keys that were read the state had from the same place; and how many of them are 0 or 1.
 */
size_t fani_weak_known_repeated(const fani_weak_known *known);
size_t fani_weak_known_repeated_invalid(const fani_weak_known *known);

/* How many keys the state had, and whether there was one. */
uint64_t fani_weak_known_count(const fani_weak_known *known);
bool fani_weak_known_exists(const fani_weak_known *known);

/* Writes the next state beside this one, to the disk. Nothing where there is no new key. Errors:
 * FAN_E_OUTPUT, FAN_E_SYNTAX, FAN_E_INPUT, FAN_E_MEMORY, and those of the executor. */
fan_status fani_weak_known_save(fani_weak_known *known, const fani_weakkeys_input *input,
                                fan_error *error);

/* The output is in its place: the next state takes the place of this one. Where run->known is NULL
 * an earlier run had come so far, and its state is looked for. Errors: FAN_E_OUTPUT, and as of
 * begin. */
fan_status fani_weak_known_commit(fani_job_run *run, fan_error *error);

/* Frees run->known, and gives its lock back. A next state that did not take its place goes. */
void fani_weak_known_end(fani_job_run *run);

/* Looks at the state that a job names, if it is there: whether it is one, not all of it. Errors:
 * FAN_E_SYNTAX, FAN_E_INPUT, FAN_E_ARGUMENT (it is the output too), FAN_E_MEMORY. */
fan_status fani_weak_known_check(const fan_job *job, fan_error *error);

#endif
