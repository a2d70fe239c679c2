/* Rank 0: what comes back from ranks and from the leaders of hosts. */
#include <stdio.h>

#include "exec/batching.h"
#include "instance.h"

fan_status fani_mpi_answers_open(fani_mpi *self, const fani_message *message,
                                 fani_answers_read *answers)
{
    fan_status status = self->rank == 0 ? fani_answers_open(answers, message->bytes, message->size)
                                        : FAN_E_PROTOCOL;
    if (status || answers->head.rank >= (uint32_t)self->size)
        return FAN_E_PROTOCOL;
    int rank = (int)answers->head.rank;
    if (self->peers[rank].via != message->peer)
        return FAN_E_PROTOCOL;
    if (rank) {
        fani_mpi_lost_there(self, rank, answers->head.workers_lost);
        fani_mpi_heard(self, rank);
    }
    return FAN_OK;
}

static void protocol_broken(fani_mpi *self, const fani_message *message)
{
    char text[FANI_MPI_TEXT_SIZE];
    snprintf(text, sizeof text, "a malformed message of %zu bytes from rank %d", message->size,
             message->peer);
    fani_link_break(&self->link, FAN_E_PROTOCOL, text);
}

/* More or less for a rank that answered, or for a whole host. */
static void adapt_credit(fani_mpi *self, int rank, bool dry)
{
    fani_peer *peer = &self->peers[rank];
    fani_lock_take(&self->queue);
    peer->credit_ns = fani_batching_adapt(peer->credit_ns, dry && self->posted.count > 0);
    fani_lock_give(&self->queue);
}

/* Several messages in one. */
static fan_status take_host_answers(fani_mpi *self, const fani_message *message, bool *dry)
{
    fani_message one;
    size_t at = 0;
    fan_status status = FAN_OK;
    while (!status && fani_relay_unpack(message, &at, &one)) {
        if (one.tag == FANI_TAG_ANSWERS)
            status = fani_mpi_take_answers(self, &one, dry);
        else if (one.tag == FANI_TAG_CLAIMED)
            fani_ranges_claimed_came(self, &one);
        else
            status = FAN_E_PROTOCOL;
    }
    return at == message->size ? status : FAN_E_PROTOCOL;
}

void fani_mpi_answers_came(fani_mpi *self, const fani_message *message)
{
    bool dry = false;
    fan_status status;
    if (message->tag == FANI_TAG_CLAIMED) {
        fani_ranges_claimed_came(self, message);
        return;
    }
    if (message->tag == FANI_TAG_HOST_ANSWERS)
        status = take_host_answers(self, message, &dry);
    else
        status = fani_mpi_take_answers(self, message, &dry);
    if (status)
        protocol_broken(self, message);
    else
        adapt_credit(self, message->peer, dry);
}
