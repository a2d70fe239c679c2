/* Long messages: a link sends what is above its limit as a head and parts, and puts them together
 * again, so that MPI's counts in ints, and the time that one message holds up others, limit
 * nothing. All: whoever steps the link. */
#ifndef FANI_MPI_CHUNK_H
#define FANI_MPI_CHUNK_H

#include "link.h"

/* The next piece to send of link->next_out, which is longer than the limit: its head, then its
 * parts; next_out is empty after the last one. NULL: out of memory. */
fani_message *fani_chunk_cut(fani_link *link);

/* A part has been sent or has landed; true: none is missing of its message any more. */
bool fani_chunk_done(const fani_message *part);

/* A message to receive the next part from a rank into. NULL: out of memory, or nobody asked for it:
 * the link is broken. */
fani_message *fani_chunk_room(fani_link *link, int peer, size_t size);

/* A head or a part is here; takes it, and hands over what is complete by it. */
void fani_chunk_landed(fani_link *link, fani_message *message);

/* Frees what is not complete; not while MPI may still write to it. */
void fani_chunk_clear(fani_link *link);

#endif
