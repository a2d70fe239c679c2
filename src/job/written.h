/* Tokens of a list that are no plain decimal numbers: hexadecimal and expressions, as numbers in a
 * worker's state. The plain ones go by fani_number_scan alone. */
#ifndef FANI_WRITTEN_H
#define FANI_WRITTEN_H

#include "job/record.h"
#include "stage/number.h"

typedef struct fani_written {
    size_t digits; /* most that a value may have */
    bool minus_allowed;
    bool made;          /* value is initialized */
    mpz_t value;        /* of the token read last */
    fan_buffer decimal; /* and its digits */
} fani_written;

/* For a run with these arguments. Takes nothing that would have to be given back before the first
 * token is read. */
void fani_written_init(fani_written *t, const fani_list_args *args, bool minus_allowed);
void fani_written_clear(fani_written *t);

/* What fani_number_scan refused, `offset` bytes into item i: where it stands for a number, *number
 * is that one in decimal, valid until the next call. Otherwise the item has been answered, as bad
 * input, and number->digits is NULL. Errors: FAN_E_CANCELLED, FAN_E_MEMORY, what fan_run_reply
 * returns. */
fan_status fani_written_read(fani_written *t, fan_run *run, size_t i, size_t offset,
                             const unsigned char *token, size_t size, fani_number *number);

#endif
