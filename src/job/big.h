/* Numbers beyond a machine word in a worker's state: room for one, and its factorization. */
#ifndef FANI_BIG_H
#define FANI_BIG_H

#include "fanfold/factor.h"
#include "fanfold/task.h"
#include "job/record.h"
#include "stage/number.h"

typedef struct fani_big {
    mpz_t value;
    fan_factorization *factorization;
    fan_buffer digits; /* scratch for a number as text */
    fan_buffer reply;  /* and for an answer */
} fani_big;

/* FAN_E_MEMORY: nothing is left to clear. */
fan_status fani_big_init(fani_big *big);

/* Gives back FLINT's caches of this thread too. */
void fani_big_clear(fani_big *big);

/* Reads the number and factors it with the effort and for the instructions of `args`; what these
 * say is left. Ends with FAN_E_CANCELLED when the run is; else errors as fan_factor_mpz. */
fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number,
                           const fani_list_args *args, fan_error *error);

/* Goes on with big->factorization, parts of which were left, and leaves parts of at least `leave`
 * bits again (0: none). As fani_big_factor. */
fan_status fani_big_go_on(fani_big *big, fan_run *run, const fani_list_args *args, uint32_t leave,
                          fan_error *error);

/* Room for what may be said about a factorization. */
enum { FANI_BIG_NOTE = 200 };

/* Puts into a record, which has its subject, what is to be said about a factorization: that it is
 * not complete (within the effort, or within the time where `timed_out`), or a prime of it only
 * probable. `note` has the text. */
void fani_big_note(fani_record *record, const fan_factorization *f, bool timed_out,
                   char note[FANI_BIG_NOTE]);

#endif
