/* The search for divisors of one number that comes before the sieve, or in its place (p-1 and
 * elliptic curves, kernel/factor/split.h), over an executor: pieces of some tenths of a second are
 * items of the task `factor.curves`. Of several that find something the first one by its place
 * counts: it is waited for all before it, and only what is behind it is cancelled. So the answer is
 * that of the search on one worker, whatever the executor and its workers. */
#ifndef FANI_CURVES_H
#define FANI_CURVES_H

#include "fanfold/executor.h"
#include "kernel/factor/factor_internal.h"

typedef struct fani_curves_progress {
    uint64_t units, wanted; /* finished, those of the state too, and in all */
    uint64_t done;          /* by this call */
    unsigned digits;        /* of the factors that are looked for; 0: not known */
    double elapsed_seconds; /* of this call */
    double eta_seconds;     /* until all are done; negative: not known */
} fani_curves_progress;

/* Zeroes stand for "none" but for the executor. Functions are called on the calling thread, about
 * ten times a second, or where the executor has no other worker after each unit. */
typedef struct fani_curves_options {
    fan_executor *executor;
    const fan_task *task; /* in the place of fani_task_curves, with its replies: for tests */
    unsigned digits;      /* as fan_factor_options.digits */
    bool pinned;          /* methods are those for the instructions `isa` */
    fani_isa isa;
    const char *state;            /* path of the journal of finished units; NULL: nothing is kept */
    bool repair;                  /* units of the state that are damaged are done again */
    bool break_lock;              /* the state's lock is taken from whoever has it */
    uint32_t retries, backoff_ms; /* of a unit, as of fan_map */
    fan_deadline deadline;        /* FAN_E_TIMEOUT; 0 or FAN_FOREVER: none */
    bool (*stop)(void *user);     /* true: FAN_E_CANCELLED */
    void (*progress)(void *user, const fani_curves_progress *progress);
    fan_status (*tick)(void *user, fan_error *error); /* an error ends the search with it */
    void *user;
} fani_curves_options;

/* Where a search stands: what is left of the work, and what has found a divisor. */
typedef struct fani_curves_search {
    fani_progress at;
    uint64_t work;
    fan_factor_method method;
} fani_curves_search;

/* Goes on with the search in n, a composite that fani_factor_mpz has left, from *search on.
 * *divisor = a proper divisor, and *search as it was found, for fani_unfinished_split; or
 * FAN_E_EFFORT: nothing to the end, where *search then stands.
 *
 * With `state`, units that an earlier call has finished are not done again, where that was the same
 * search in the same number by this version (FAN_E_ARGUMENT else, with both values in the text);
 * it stays until fani_curves_forget. Further errors, *search untouched: FAN_E_BUSY, FAN_E_INPUT,
 * FAN_E_OUTPUT (of the state), FAN_E_TIMEOUT, FAN_E_CANCELLED, FAN_E_LOST and FAN_E_FAILED (a
 * unit), FAN_E_MEMORY, of `tick` and of fan_map. Not from a task or a done callback. */
fan_status fani_curves_over(mpz_srcptr n, const fani_curves_options *options,
                            fani_curves_search *search, mpz_ptr divisor, fan_error *error);

/* How many units the search has, but no more than `most`. */
uint64_t fani_curves_units(mpz_srcptr n, const fani_curves_options *options,
                           const fani_curves_search *search, uint64_t most);

/* Removes a state; it is no error where there is none. FAN_E_OUTPUT with file and errno. */
fan_status fani_curves_forget(const char *state, fan_error *error);

/* A unit: where it begins and ends. For tests, as are these two: a reply's bytes. */
typedef struct fani_curves_unit {
    fani_progress from, to;
    uint64_t work;
} fani_curves_unit;

/* Appends the reply that a unit has found this divisor, or nothing (NULL). FAN_E_MEMORY. */
fan_status fani_curves_reply(const fani_curves_search *search, mpz_srcptr divisor, fan_buffer *out);

extern const fan_task fani_task_curves;

#endif
