/* A gang whose members sit on several ranks; shared by gang.c (its life) and gang_carry.c (what
 * goes from rank to rank while it runs).
 *
 * Every rank has a region of its own (task/gang_region.h) with the rings of all pairs. A message
 * between members of one rank stays in it. One for a member elsewhere is taken out of the ring by
 * whoever steps, sent, and put into the same ring of that member's rank, never more than that ring
 * holds: the receiving rank says how much was taken. */
#ifndef FANI_MPI_GANG_H
#define FANI_MPI_GANG_H

#include "exec/gang.h"
#include "instance.h"

/* Kinds of FANI_TAG_GANG messages. */
enum {
    FANI_GANG_BEGIN = 1, /* 0 -> r: the members of each rank, as uint32_t */
    FANI_GANG_BEGUN,     /* r -> 0: value is a fan_status, behind it the text */
    FANI_GANG_RUN,       /* 0 -> r: a member's batch (task/wire.h) */
    FANI_GANG_OUTCOME,   /* r -> 0: replies of member `from` (task/wire.h); value: workers lost */
    FANI_GANG_DATA,      /* any -> any: bytes from `from` to `to` */
    FANI_GANG_TAKEN,     /* any -> any: `to` has taken what `from` sent up to position `value` */
    FANI_GANG_LEFT,      /* any -> any: `from` has returned */
    FANI_GANG_ENDED,     /* any -> any: the gang has, with status `value`; behind it the text */
    FANI_GANG_REPORT, /* r -> 0: fani_gang_report, then text; value: the round it answers, or 0 */
    FANI_GANG_ASK,    /* 0 -> r: report once more; value: the round */
    FANI_GANG_FORGET, /* 0 -> r: all its members have ended */
};

typedef struct fani_gang_head {
    uint64_t gang;
    uint32_t kind;
    uint32_t from;
    uint32_t to;
    uint32_t unused;
    uint64_t value;
} fani_gang_head;

/* What a rank says of its members for the search for deadlocks: see gang_carry.c. */
typedef struct fani_gang_report {
    uint64_t stuck;
    uint64_t sign;
    uint64_t waiting;
    uint64_t sent; /* messages of the kinds DATA, TAKEN, LEFT, ENDED */
    uint64_t received;
} fani_gang_report;

/* What rank 0 knows of a rank. */
typedef struct fani_gang_seen {
    fani_gang_report report;
    char text[FANI_GANG_TEXT];
} fani_gang_seen;

typedef struct fani_mpi_gang {
    fani_mpi *self;
    uint64_t id;
    size_t members;
    size_t *first; /* of each rank's members, and behind the last; members lie in blocks */
    int *rank_of;  /* of each member */
    size_t here;   /* members on this rank, from first[self->rank] on */
    bool near;     /* the inner executor's workers are threads: they ring when they move */
    fani_gang_link link;
    fani_gang_order order; /* for members here */

    /* Of each pair with one member here, [here x members]; ring positions. */
    uint64_t *room_from; /* sent: what the other side is known to have taken */
    uint64_t *taken;     /* received: what the other side was told of */
    bool *left_told;     /* [here x ranks] */
    bool end_told;
    atomic_bool dirty; /* there may be something to carry */

    fani_gang_report last; /* what rank 0 was told last; its counts go on */
    uint64_t sent, received;
    int64_t look_due;

    /* Rank 0. */
    fani_batch **out;   /* the members that are elsewhere and not ended */
    fani_batch *ended;  /* to be reported */
    atomic_uint begins; /* ranks that have not answered BEGIN */
    fan_error trouble;  /* the first bad answer */
    fani_gang_seen *seen;
    uint64_t round;   /* of asking all; 0: none yet */
    unsigned asked;   /* ranks that have not answered it */
    bool round_holds; /* all answers so far were what had been reported */

    fani_gang inner; /* the inner executor's view: its region is this rank's */
} fani_mpi_gang;

/* A message of a gang with `size` bytes behind its head; NULL: out of memory. */
fani_message *fani_gang_message(const fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                                size_t size);

/* ---- gang_carry.c: under `drive` ----------------------------------------------------------- */

/* Does what is due; true where that was something. */
bool fani_gang_carry(fani_mpi_gang *gang);

/* DATA, TAKEN, LEFT, ENDED, REPORT and ASK. False: malformed. */
bool fani_gang_carried(fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                       const unsigned char *bytes, size_t size);

#endif
