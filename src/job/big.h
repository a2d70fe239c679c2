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
} fani_big;

/* FAN_E_MEMORY: nothing is left to clear. */
fan_status fani_big_init(fani_big *big);

/* Gives back FLINT's caches of this thread too. */
void fani_big_clear(fani_big *big);

/* Reads the number and factors it with the effort and for the instructions of `args`. Ends with
 * FAN_E_CANCELLED when the run is; else errors as fan_factor_mpz. */
fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number,
                           const fani_list_args *args, fan_error *error);

/* Room for what may be said about a factorization. */
enum { FANI_BIG_NOTE = 200 };

/* Puts into a record, which has its subject, what is to be said about a factorization: that it is
 * not complete, or a prime of it only probable. `note` has the text. */
void fani_big_note(fani_record *record, const fan_factorization *f, char note[FANI_BIG_NOTE]);

#endif
