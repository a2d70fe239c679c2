/* Numbers beyond a machine word in a worker's state: room for one, and its factorization. */
#ifndef FANI_BIG_H
#define FANI_BIG_H

#include "fanfold/factor.h"
#include "fanfold/task.h"
#include "job/record.h"
#include "stage/number.h"

/* The time of one number, which its worker minds itself: a little less than the item's timeout, so
 * that what is known can be told before the executor ends it. */
typedef struct fani_big_time {
    int64_t end; /* FAN_FOREVER: there is no limit */
    int64_t looked;
    int64_t pause; /* a longer one between two looks counts for nothing */
    bool is_over;
} fani_big_time;

typedef struct fani_big {
    fan_run *run; /* these two are of the number at work */
    fani_big_time time;
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
 * say is left. Ends with FAN_E_CANCELLED when the run is, or when most of the timeout that they
 * have is gone (fani_big_is_over); else errors as fan_factor_mpz. */
fan_status fani_big_factor(fani_big *big, fan_run *run, const fani_number *number,
                           const fani_list_args *args, fan_error *error);

/* Goes on with big->factorization, parts of which were left, and leaves parts of at least `leave`
 * bits again (0: none). As fani_big_factor, but with this timeout (0: none). */
fan_status fani_big_go_on(fani_big *big, fan_run *run, const fani_list_args *args, uint32_t leave,
                          uint64_t timeout_ms, fan_error *error);

/* Whether one of these two has ended with `status` because the number's time is over, and not the
 * run: big->factorization is then what is known. */
bool fani_big_is_over(const fani_big *big, fan_status status);

/* Room for what may be said about a factorization. */
enum { FANI_BIG_NOTE = 200 };

/* Puts into a record, which has its subject, what is to be said about a factorization: that it is
 * not complete (within the effort, or within the time where `timed_out`), or a prime of it only
 * probable. `note` has the text. */
void fani_big_note(fani_record *record, const fan_factorization *f, bool timed_out,
                   char note[FANI_BIG_NOTE]);

#endif
