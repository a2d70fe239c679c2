/* Answers on their way to rank 0, or to the leader of this host, which sends them on: gathered into
 * one message, which leaves when it is full, when its first answer has waited 50 us, or when its
 * owner has nothing more to come. */
#ifndef FANI_MPI_ANSWERS_H
#define FANI_MPI_ANSWERS_H

#include "base/lock.h"
#include "link.h"
#include "parcel.h"

typedef struct fani_mpi fani_mpi;

typedef struct fani_answers {
    fani_mpi *self;
    int tag;
    struct fani_answers *next, *previous; /* among those of the rank that may hold something */
    fani_lock lock;                       /* guards all below */
    fani_message *open;                   /* being filled; NULL: none */
    unsigned char *end;
    unsigned char *many; /* its last record, which takes more parts; NULL: it is none */
    size_t many_item_size;
    size_t capacity;
    uint32_t count;
    int64_t since; /* when the first of them was added */
} fani_answers;

/* From here to the end the rank's steps look after it. Its messages go to rank 0 or
 * the leader with `tag`; those of rank 0 or a leader itself wait for its next step. Any thread. */
void fani_answers_begin(fani_answers *answers, fani_mpi *self, int tag);

/* Sends what it holds; afterwards it is forgotten. Any thread. */
void fani_answers_end(fani_answers *answers);

/* Adds one; where memory is short a text of that is sent instead, or the link breaks. `now`:
 * monotonic clock; 0: not asked, the age is seen to by the steps. `leaves`: nothing is to be
 * expected soon. Any thread. */
void fani_answers_add(fani_answers *answers, const fani_answer *answer, int64_t now, bool leaves);

/* The same for a part of a range (answer->count items): parts that are arrays without marks are put
 * into one record as long as nothing else comes between. All have the same ticket. */
void fani_answers_add_part(fani_answers *answers, const fani_answer *answer, int64_t now,
                           bool leaves);

/* Sends what has waited for too long. Whoever steps; true: something was sent. */
bool fani_answers_step(fani_mpi *self);

/* Rank 0 and leaders: the oldest message to itself, which is the caller's; NULL: none. Whoever
 * steps. */
fani_message *fani_answers_local(fani_mpi *self);

/* Whether any answers wait for company: then the rank must not sleep long. Any thread. */
bool fani_answers_waiting(fani_mpi *self);

#endif
