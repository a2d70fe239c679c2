/* Arguments of batches, sent once to each rank that needs them. Rank 0 counts the batches that are
 * out with them; what none has is dropped everywhere when room is wanted. */
#ifndef FANI_MPI_ARGS_H
#define FANI_MPI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/task.h"

typedef struct fani_mpi fani_mpi;

/* Messages may overtake each other, so a rank has arguments for certain only when it has answered a
 * batch that brought them. */
typedef enum fani_args_told {
    FANI_ARGS_UNTOLD,
    FANI_ARGS_SENT,
    FANI_ARGS_THERE,
} fani_args_told;

/* Rank 0's record of one object, or another rank's copy of it. */
typedef struct fani_mpi_args {
    struct fani_mpi_args *next;
    uint64_t id;               /* from 1 */
    const unsigned char *seen; /* rank 0: where some of the batches out have it */
    uint64_t parcel;           /* rank 0 and leaders: number of the last message that brought it */
    size_t users;              /* rank 0: batches out with it */
    size_t holders;            /* rank 0: those of them that have it at `seen` */
    unsigned char *told;       /* rank 0 and leaders: for each rank a fani_args_told; or NULL */
    size_t size;
    _Alignas(16) unsigned char bytes[];
} fani_mpi_args;

/* Rank 0: one more batch goes out with these; NULL: out of memory. `held`: the bytes stay where
 * they are until it is released. Under `queue`. */
fani_mpi_args *fani_mpi_args_use(fani_mpi *self, const fan_items *wanted, bool held);

/* Rank 0: one batch less is out with it; NULL is accepted. `held`: where the bytes were held, or
 * NULL. Under `queue`. */
void fani_mpi_args_release(fani_mpi_args *args, const unsigned char *held);

/* Other ranks: keeps what came with a batch, once. False: out of memory. Under `drive`. */
bool fani_mpi_args_keep(fani_mpi *self, uint64_t id, const unsigned char *bytes, size_t size);

/* Other ranks: the arguments of an id; count 0 where unknown. Under `drive`. */
fan_items fani_mpi_args_find(const fani_mpi *self, uint64_t id);

/* Other ranks: forgets them; no batch has them any more. Under `drive`. */
void fani_mpi_args_drop(fani_mpi *self, uint64_t id);

void fani_mpi_args_clear(fani_mpi *self);

#endif
