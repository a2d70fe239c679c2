/* The private tags of a link's messages, all in one place. Between two ranks messages of any tags
 * keep their order, but for FANI_TAG_HEARTBEAT, which overtakes. */
#ifndef FANI_MPI_TAGS_H
#define FANI_MPI_TAGS_H

enum {
    /* These go by way of the leader (relay.h) where rank r has one. */
    FANI_TAG_ORDERS = 1, /* 0 -> r: batches (parcel.h) */
    FANI_TAG_ANSWERS,    /* r -> 0: what became of them (parcel.h) */
    FANI_TAG_REVOKE,     /* 0 -> r: fani_mpi_revocation */
    FANI_TAG_RANGE,      /* 0 -> r: fani_announced, then a parcel of one order: claim of it */
    FANI_TAG_RANGE_STOP, /* 0 -> r: fani_mpi_revocation (of a part): claim no more */
    FANI_TAG_CLAIMED,    /* r -> 0: answers with parts; one without: that rank claims no more */
    FANI_TAG_ARGS_DROP,  /* 0 -> r: id of arguments that no batch will have any more */

    FANI_TAG_HOST_ANSWERS, /* leader -> 0: several ANSWERS and CLAIMED of its host */
    FANI_TAG_SHARE,        /* 0 -> leaders: fani_mpi_share_order; make room */
    FANI_TAG_SHARE_MAP,    /* leader -> its host: fani_mpi_share_order; map it */
    FANI_TAG_SHARE_BYTES,  /* leader -> leaders below it: the next bytes */
    FANI_TAG_SHARE_COMMIT, /* 0 -> r: fani_mpi_share_order; hand it to the workers */
    FANI_TAG_SHARE_DROP,   /* 0 -> r: fani_mpi_share_order */
    FANI_TAG_SHARE_ANSWER, /* r -> 0: fani_mpi_share_answer */
    FANI_TAG_CLOSE,        /* 0 -> r, leader -> its host: nothing more will come; with a text:
                              because of it */
    FANI_TAG_GOODBYE,      /* r -> 0, r -> its leader: nor from here */
    FANI_TAG_WORKERS,      /* 0 -> r: how many of its workers to use from now on; to leaders, those
                              of a rank of its host too (resize.c) */
    FANI_TAG_GANG,         /* any -> any: see gang.c */
    FANI_TAG_HEARTBEAT,    /* 0 -> r: are you there? r -> 0: yes, and from the first on I promise
                              to answer */
    FANI_TAG_LONG,         /* any: the head of a long message (chunk.c) */
    FANI_TAG_PART,         /* any: the next bytes of the last long one */
};

#endif
