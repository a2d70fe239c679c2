/* The sieve of one large number over an executor: its units of work are items of the task
 * `factor.sieve`, their relations go to a journal and into a set on the caller's thread, and what
 * is collected is solved there. docs/sieve.md has the outline. */
#ifndef FANI_SIEVE_JOB_H
#define FANI_SIEVE_JOB_H

#include "base/isa.h"
#include "fanfold/executor.h"

#include <gmp.h>

typedef enum fani_sieve_stage {
    FANI_SIEVE_COLLECT, /* relations are being collected */
    FANI_SIEVE_SOLVE,   /* there are enough, a divisor is made of them */
} fani_sieve_stage;

typedef struct fani_sieve_progress {
    fani_sieve_stage stage;
    size_t cycles;          /* as fani_qs_set_cycles, of how many will probably be enough */
    size_t wanted;          /* never 0 */
    uint64_t relations;     /* in all, those of the journal too */
    uint64_t units;         /* finished, those of the journal too */
    double rate;            /* relations a second that this call collects; 0: not known */
    double elapsed_seconds; /* of this call */
    double eta_seconds; /* until there are enough, by the speed of this call; negative: not known */
} fani_sieve_progress;

/* Zeroes stand for "none" but for the executor. All functions are called on the calling thread,
 * about 20 times a second each as long as the call lasts (progress: 4 times a second, and when a
 * stage of solving begins); between two calls may lie what one unit takes where the executor has no
 * worker beside this thread (serial). */
typedef struct fani_sieve_options {
    fan_executor *executor;   /* has fani_task_sieve; may be used for other things meanwhile */
    fani_isa isa;             /* the agreed one of the job; changes nothing but speed */
    const char *state;        /* path of the journal of relations; NULL: nothing is kept */
    bool repair;              /* redo units of the state that are damaged instead of refusing it */
    bool break_lock;          /* take the state's lock from whoever has it */
    uint64_t algebra_ns;      /* between two saves of the linear algebra; 0: a second */
    unsigned threads;         /* for the linear algebra, on this host; 0: its usable cores */
    fan_deadline deadline;    /* gives up with FAN_E_TIMEOUT; 0 or FAN_FOREVER: never */
    bool (*stop)(void *user); /* true: gives up with FAN_E_CANCELLED */
    void (*progress)(void *user, const fani_sieve_progress *progress);
    /* So that what the caller has under way goes on; an error ends the sieve with it. */
    fan_status (*tick)(void *user, fan_error *error);
    void *user;
} fani_sieve_options;

/* *divisor = a proper divisor of n, which is as fani_qs_make wants it: odd, of FANI_QS_BITS_MIN to
 * FANI_QS_BITS_MAX bits, no prime and no perfect power. The divisor depends on n alone: not on the
 * executor, its workers, the instructions, or on how often the work was resumed.
 *
 * With `state`, what is there already is gone on with, where it is of this number, these parameters
 * and this version; whatever the call ends with, each unit that had ended is in the file, and the
 * file is closed. After a kill at any moment it lacks what was done in the last second at most. How
 * far the linear algebra has come is kept beside it, in STATE.algebra, where that takes longer than
 * algebra_ns, or is stopped; one that is damaged or of other relations is passed over. Both stay
 * until fani_sieve_forget.
 *
 * Errors, all with a text: FAN_E_ARGUMENT (n, or the state is of another number, version or
 * parameters: both values in the text), FAN_E_BUSY (another run has the state), FAN_E_INPUT (the
 * state is damaged, or no journal), FAN_E_OUTPUT (it can't be written), FAN_E_TIMEOUT,
 * FAN_E_CANCELLED, FAN_E_LOST and FAN_E_FAILED (a unit was lost or failed on the executor),
 * FAN_E_EFFORT (all leading coefficients are used up: only of short n), FAN_E_MEMORY, what `tick`
 * answered, what the executor did. Not from a task or a done callback. */
fan_status fani_sieve_over(mpz_srcptr n, const fani_sieve_options *options, mpz_ptr divisor,
                           fan_error *error);

/* Removes the state of a number whose divisor is safe elsewhere, and STATE.algebra; it is no error
 * where there is none. FAN_E_OUTPUT with file and errno. */
fan_status fani_sieve_forget(const char *state, fan_error *error);

/* Item i: unit i of the number that the arguments name; its reply: the relations' bytes. */
extern const fan_task fani_task_sieve;

#endif
