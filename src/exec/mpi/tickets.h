/* What a rank was given, by number: a ticket goes with each batch and comes back with its answer.
 * Rank 0's; the caller locks. */
#ifndef FANI_MPI_TICKETS_H
#define FANI_MPI_TICKETS_H

#include "args.h"
#include "exec/executor_ops.h"

typedef struct fani_ticket {
    fani_batch *batch;   /* NULL: free */
    fani_mpi_args *args; /* NULL: none */
    double ns;           /* expected */
    bool brings_args;    /* its message has them: who answers it has them too */
    uint32_t use;        /* how often this place was used: late answers are known by it */
    uint32_t next_free;
} fani_ticket;

/* Zeroes are none. */
typedef struct fani_tickets {
    fani_ticket *all;
    uint32_t capacity;
    uint32_t first_free; /* + 1; 0: none */
    uint32_t out;
} fani_tickets;

/* Makes sure that the next fani_tickets_give finds a place; false: out of memory. */
bool fani_tickets_reserve(fani_tickets *tickets);

uint64_t fani_tickets_give(fani_tickets *tickets, const fani_ticket *what);

/* Takes a ticket back; false where it is not out. */
bool fani_tickets_take(fani_tickets *tickets, uint64_t number, fani_ticket *what);

/* Looks at a ticket; false where it is not out. */
bool fani_tickets_peek(const fani_tickets *tickets, uint64_t number, fani_ticket *what);

void fani_tickets_clear(fani_tickets *tickets);

#endif
