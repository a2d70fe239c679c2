/* Ranks other than 0: batches come in, go through the inner executor, and go back as replies. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance.h"
#include "task/registry.h"
#include "task/wire.h"

static fani_mpi_reply reply_head(fani_mpi *self, uint64_t posting)
{
    fan_executor_stats stats = {0};
    if (fan_executor_capabilities(self->inner) & FAN_CAP_ISOLATES)
        fan_executor_get_stats(self->inner, &stats);
    return (fani_mpi_reply){.posting = posting, .workers_lost = stats.workers_lost};
}

__attribute__((format(printf, 3, 4))) static void refuse(fani_mpi *self, uint64_t posting,
                                                         const char *format, ...)
{
    char text[FANI_MPI_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fani_mpi_reply head = reply_head(self, posting);
    fani_message *message = fani_message_new(0, FANI_TAG_REFUSED, sizeof head + strlen(text));
    if (message) {
        memcpy(message->bytes, &head, sizeof head);
        memcpy(message->bytes + sizeof head, text, strlen(text));
    }
    fani_link_send(&self->link, message);
}

static void answer(fani_mpi *self, uint64_t posting, const fani_batch *batch)
{
    fani_mpi_reply head = reply_head(self, posting);
    size_t size = sizeof head + fani_wire_replies_size(&batch->replies);
    fani_message *message = fani_message_new(0, FANI_TAG_REPLIES, size);
    if (!message) {
        refuse(self, posting, "no memory for replies of %zu bytes", size);
        return;
    }
    memcpy(message->bytes, &head, sizeof head);
    fani_wire_replies_write(&batch->replies, posting, batch->run_ns, message->bytes + sizeof head);
    fani_wire_replies_stamp(message->bytes + sizeof head, batch->begun_ns, batch->where);
    fani_link_send(&self->link, message);
}

/* On the inner executor's worker. The batch's storage is the message that it came in. */
static void work_done(fani_batch *batch)
{
    fani_mpi *self = batch->user;
    const fani_message *came = batch->storage;
    answer(self, came->number, batch);
    fani_batch_free(batch);
    fani_bell_ring(&self->bell);
}

void fani_mpi_batch_came(fani_mpi *self, fani_message *message)
{
    fani_wire_batch wire;
    if (fani_wire_batch_read(message->bytes, message->size, &wire)) {
        char text[FANI_MPI_TEXT_SIZE];
        snprintf(text, sizeof text, "a malformed batch of %zu bytes from rank %d", message->size,
                 message->peer);
        fani_link_break(&self->link, FAN_E_PROTOCOL, text);
        free(message);
        return;
    }
    const fan_task *task = fani_registry_find(wire.task_name, wire.task_name_size);
    fani_batch *batch = task ? fani_batch_new() : NULL;
    fan_status status = !task ? FAN_E_UNKNOWN_TASK : !batch ? FAN_E_MEMORY : FAN_OK;
    if (batch) {
        message->number = wire.posting;
        batch->task = task;
        batch->args = wire.args;
        batch->items = wire.items;
        batch->reply_limit = (size_t)wire.reply_limit;
        batch->storage = message;
        batch->user = self;
        batch->done = work_done;
        status = fani_front_send(self->inner_front, batch);
    }
    if (!status)
        return;
    refuse(self, wire.posting, "the task \"%.*s\" can't run here: %s", (int)wire.task_name_size,
           wire.task_name, fan_status_text(status));
    if (batch)
        fani_batch_free(batch); /* with its storage, the message */
    else
        free(message);
}
