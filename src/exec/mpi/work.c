/* Ranks other than 0: batches come in, go through the inner executor, and go back as answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance.h"
#include "task/registry.h"

static void protocol_broken(fani_mpi *self, const fani_message *message)
{
    char text[FANI_MPI_TEXT_SIZE];
    snprintf(text, sizeof text, "a malformed message of %zu bytes from rank %d", message->size,
             message->peer);
    fani_link_break(&self->link, FAN_E_PROTOCOL, text);
}

/* ---- Orders -------------------------------------------------------------------------------- */

static void refuse(fani_packet *packet, uint64_t ticket, const char *text)
{
    fani_answers_add(&packet->answers,
                     &(fani_answer){.ticket = ticket, .verdict = FANI_FAILED, .text = text}, 0,
                     true);
}

/* Keeps the arguments that an order brings, and finds those that came before. */
static bool find_args(fani_mpi *self, const fani_order *order, fan_items *args)
{
    if (!order->args)
        return true;
    if (order->args_bytes &&
        !fani_mpi_args_keep(self, order->args, order->args_bytes, order->args_size))
        return false;
    *args = fani_mpi_args_find(self, order->args);
    return args->count == 1;
}

void fani_mpi_packet_order(fani_mpi *self, fani_packet *packet, const fani_order *order)
{
    fan_items args = {0};
    const fan_task *task = fani_registry_numbered(order->task);
    if (!task) /* the ranks have agreed on their tasks */
        refuse(packet, order->ticket, fan_status_text(FAN_E_UNKNOWN_TASK));
    else if (!find_args(self, order, &args))
        refuse(packet, order->ticket, "no memory for the arguments");
    else
        fani_packet_add(packet, &(fani_piece){.ticket = order->ticket,
                                              .task = task,
                                              .items = order->items,
                                              .args = args,
                                              .reply_limit = (size_t)order->reply_limit,
                                              .timeout_ns = order->timeout_ns,
                                              .priority = order->priority,
                                              .traced = order->traced,
                                              .is_short = order->is_short && !self->isolates});
}

void fani_mpi_orders_came(fani_mpi *self, fani_message *message)
{
    fani_parcel parcel;
    fani_order order;
    fan_status status = fani_parcel_open(&parcel, message->bytes, message->size);
    fani_packet *packet = status ? NULL : fani_packet_new(self, parcel.count);
    if (!packet) {
        if (status)
            protocol_broken(self, message);
        else
            fani_link_send(&self->link, NULL); /* breaks it: out of memory */
        free(message);
        return;
    }
    packet->came = message;
    for (uint32_t i = 0; i < parcel.count && !status; i++) {
        status = fani_order_read(&parcel, &order);
        if (!status)
            fani_mpi_packet_order(self, packet, &order);
    }
    if (status)
        protocol_broken(self, message);
    fani_packet_show(packet);
    fani_packet_start(packet, (size_t)parcel.head.parts);
}

/* ---- What follows them --------------------------------------------------------------------- */

void fani_mpi_revocation_came(fani_mpi *self, fani_message *message)
{
    fani_mpi_revocation what;
    if (message->size != sizeof what) {
        protocol_broken(self, message);
    } else {
        memcpy(&what, message->bytes, sizeof what);
        if (what.after > self->told) {
            message->next = self->early;
            self->early = message;
            return;
        }
        bool of_all = message->tag == FANI_TAG_RANGE_STOP || what.ticket == UINT64_MAX;
        if (of_all)
            fani_relay_revoke_all(self, message->tag, what.ticket, what.kill);
        if (message->tag == FANI_TAG_RANGE_STOP)
            fani_claims_stop(self, what.ticket, what.kill);
        else if (of_all)
            fani_packet_revoke_all(self, what.kill);
        else if (!fani_relay_asked_back(self, what.ticket, what.kill))
            fani_packet_revoke(self, what.ticket, NULL, what.kill);
    }
    free(message);
}

void fani_mpi_told(fani_mpi *self)
{
    fani_message *early = self->early;
    self->told++;
    self->early = NULL;
    while (early) {
        fani_message *message = early;
        early = message->next;
        fani_mpi_revocation_came(self, message); /* which may find it still too early */
    }
}

void fani_mpi_args_drop_came(fani_mpi *self, fani_message *message)
{
    uint64_t id;
    if (message->size != sizeof id) {
        protocol_broken(self, message);
    } else {
        memcpy(&id, message->bytes, sizeof id);
        fani_relay_pass_on(self, message->tag, &id, sizeof id);
        fani_mpi_args_drop(self, id);
    }
    free(message);
}
