/* weakkeys: what its parts pass around. */
#ifndef FANI_WEAKKEYS_H
#define FANI_WEAKKEYS_H

#include "job/job_internal.h"
#include "job/record.h"
#include "kernel/gcd/weak.h"
#include "stage/keys.h"

/* Where a key came from. Zero bytes in `ids` end each id. */
typedef struct fani_weakkeys_entry {
    size_t file; /* its place among `files` */
    uint64_t line;
    size_t id; /* its place in `ids` */
    size_t bits;
    uint64_t index;     /* among all keys; with --known, those that were ever read */
    bool weak_exponent; /* 1 or even */
    bool quiet;         /* a known key of which nothing new is to be said */
} fani_weakkeys_entry;

/* What the checks have found in a key alone. */
typedef struct fani_weakkeys_check {
    size_t key;
    unsigned weakness; /* FAN_WEAKKEYS_* */
    size_t first_factor, factor_count;
} fani_weakkeys_check;

/* Keys ascend. */
typedef struct fani_weakkeys_checked {
    fani_weakkeys_check *at;
    size_t count, capacity;
    fani_mpzs factors;
} fani_weakkeys_checked;

/* All keys of a run, in input order; those of 0 and 1 too. */
typedef struct fani_weakkeys_input {
    fani_mpzs moduli;
    fani_weakkeys_entry *entries; /* one per modulus */
    size_t capacity;
    fani_strings files;
    fan_buffer ids;
    fani_rsa_key_counts counts;
    fani_weakkeys_checked checked;
    bool unchecked;  /* single keys were not looked at */
    bool joined;     /* the small primes take part in the scan */
    bool *has_small; /* of each key, whether a prime below 2^16 divides it; NULL: not known */
} fani_weakkeys_input;

/* Who stops the run, for what is built of its moduli. */
fani_weak_halt fani_weakkeys_halt(fani_job_run *run);

/* ---- weakkeys_input.c ------------------------------------------------------------------------ */

/* Reads the job's arguments and inputs, or standard input where there are none. Entries without a
 * key are reported; a file that can't be opened too, and counts as a bad input. Errors:
 * FAN_E_SYNTAX with the place of such an entry where the job is strict, FAN_E_INPUT (a file that
 * can't be read to its end), FAN_E_CANCELLED, FAN_E_MEMORY. The caller frees, after errors too. */
fan_status fani_weakkeys_input_read(fani_job_run *run, fani_weakkeys_input *input,
                                    fan_error *error);

/* Frees. Accepts an empty or half-built one. */
void fani_weakkeys_input_free(fani_weakkeys_input *input);

/* ---- weakkeys_checks.c ----------------------------------------------------------------------- */

/* Before and after a scan of the set: the product of the small primes takes part in it as one more
 * modulus, where keys are checked and that is cheaper than to look for them in each key
 * (kernel/rsa/primorial.h). After it the set is as it was, the gcds are those of its moduli alone,
 * and input->has_small is known. The set must be all that is scanned. FAN_E_MEMORY. */
fan_status fani_weakkeys_join_primes(const fani_job_run *run, fani_weakkeys_input *input,
                                     fani_weak_set *set, fan_error *error);
fan_status fani_weakkeys_part_primes(fani_weakkeys_input *input, fani_weak_set *set,
                                     fani_mpzs *gcds, fan_error *error);

/* Checks each key alone, on the run's executor, where the job does not say --checks none: fills
 * input->checked. Errors: FAN_E_CANCELLED, FAN_E_FAILED, FAN_E_LOST, FAN_E_TIMEOUT, FAN_E_PROTOCOL,
 * FAN_E_MEMORY. */
fan_status fani_weakkeys_check_keys(fani_job_run *run, fani_weakkeys_input *input,
                                    fan_error *error);

/* ---- weakkeys_output.c ----------------------------------------------------------------------- */

/* How many records there are that have one of these weaknesses. */
size_t fani_weakkeys_count(const fani_weakkeys_input *input, const fan_weakkeys_report *report,
                           unsigned weaknesses);

/* Writes one record for every key in which something was found, in the run's format. Errors:
 * FAN_E_OUTPUT, FAN_E_MEMORY, FAN_E_CANCELLED. */
fan_status fani_weakkeys_write(fani_job_run *run, const fani_weakkeys_input *input,
                               const fan_weakkeys_report *report, fan_error *error);

#endif
