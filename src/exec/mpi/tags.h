/* The private tags of a link's messages, all in one place. Between two ranks messages of any tags
 * keep their order, but for FANI_TAG_HEARTBEAT, which overtakes. */
#ifndef FANI_MPI_TAGS_H
#define FANI_MPI_TAGS_H

enum {
    FANI_TAG_BATCH = 1,    /* 0 -> r: a batch (task/wire.h) */
    FANI_TAG_REPLIES,      /* r -> 0: fani_mpi_reply, then replies (task/wire.h) */
    FANI_TAG_REFUSED,      /* r -> 0: fani_mpi_reply, then why (text) */
    FANI_TAG_SHARE,        /* 0 -> leaders: fani_mpi_share_order; make room */
    FANI_TAG_SHARE_MAP,    /* leader -> its host: fani_mpi_share_order; map it */
    FANI_TAG_SHARE_BYTES,  /* leader -> leaders below it: the next bytes */
    FANI_TAG_SHARE_COMMIT, /* 0 -> r: fani_mpi_share_order; hand it to the workers */
    FANI_TAG_SHARE_DROP,   /* 0 -> r: fani_mpi_share_order */
    FANI_TAG_SHARE_ANSWER, /* r -> 0: fani_mpi_share_answer */
    FANI_TAG_CLOSE,        /* 0 -> r: nothing more will come; with a text: because of it */
    FANI_TAG_GOODBYE,      /* r -> 0: nor from here */
    FANI_TAG_GANG,         /* any -> any: see gang.c */
    FANI_TAG_HEARTBEAT,    /* 0 -> r: are you there? r -> 0: yes, and from the first on I promise
                              to answer */
    FANI_TAG_LONG,         /* any: the head of a long message (chunk.c) */
    FANI_TAG_PART,         /* any: the next bytes of the last long one */
};

#endif
