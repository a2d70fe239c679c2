#include "args.h"

#include <stdlib.h>
#include <string.h>

#include "instance.h"

enum {
    KEPT_MAX = 16,            /* objects that nobody uses at the moment but may want again */
    KEPT_BYTES_MAX = 1 << 20, /* larger ones are not kept */
};

static fani_mpi_args *make(uint64_t id, const unsigned char *bytes, size_t size)
{
    fani_mpi_args *args =
        size <= SIZE_MAX / 2 ? aligned_alloc(16, (sizeof *args + size + 15) / 16 * 16) : NULL;
    if (!args)
        return NULL;
    memset(args, 0, sizeof *args);
    args->id = id;
    args->size = size;
    if (size)
        memcpy(args->bytes, bytes, size);
    return args;
}

static void free_args(fani_mpi_args *args)
{
    free(args->told);
    free(args);
}

/* ---- Rank 0 -------------------------------------------------------------------------------- */

/* What a batch holds does not change: at the same place are the same bytes. */
static bool same(const fani_mpi_args *args, const fan_items *wanted)
{
    if (args->size != wanted->size)
        return false;
    return (args->holders && args->seen == wanted->bytes) || wanted->size == 0 ||
           memcmp(args->bytes, wanted->bytes, wanted->size) == 0;
}

/* Forgets it here and elsewhere. */
static void retire(fani_mpi *self, fani_mpi_args **at)
{
    fani_mpi_args *args = *at;
    *at = args->next;
    for (int r = 1; r < self->size; r++) {
        if (args->told[r] == FANI_ARGS_UNTOLD)
            continue;
        fani_message *message = fani_message_new(r, FANI_TAG_ARGS_DROP, sizeof args->id);
        if (message)
            memcpy(message->bytes, &args->id, sizeof args->id);
        fani_link_send(&self->link, message);
    }
    free_args(args);
}

/* Makes room: the list has the latest first. */
static void retire_unused(fani_mpi *self)
{
    unsigned kept = 0;
    for (fani_mpi_args **at = &self->args; *at;) {
        bool unused = (*at)->users == 0;
        kept += unused;
        if (unused && (kept > KEPT_MAX || (*at)->size > KEPT_BYTES_MAX))
            retire(self, at);
        else
            at = &(*at)->next;
    }
}

fani_mpi_args *fani_mpi_args_use(fani_mpi *self, const fan_items *wanted, bool held)
{
    fani_mpi_args **at = &self->args;
    while (*at && !same(*at, wanted))
        at = &(*at)->next;
    fani_mpi_args *args = *at;
    if (args) {
        *at = args->next;
    } else {
        retire_unused(self);
        args = make(self->args_made + 1, wanted->bytes, wanted->size);
        if (args && !(args->told = calloc((size_t)self->size, sizeof *args->told))) {
            free_args(args);
            args = NULL;
        }
        if (!args)
            return NULL;
        self->args_made++;
    }
    args->next = self->args;
    self->args = args;
    args->users++;
    if (held && !args->holders)
        args->seen = wanted->bytes;
    args->holders += held && args->seen == wanted->bytes;
    return args;
}

void fani_mpi_args_release(fani_mpi_args *args, const unsigned char *held)
{
    if (!args)
        return;
    args->users--;
    args->holders -= args->holders && held == args->seen;
}

/* ---- Other ranks --------------------------------------------------------------------------- */

static fani_mpi_args **find(fani_mpi_args **list, uint64_t id)
{
    while (*list && (*list)->id != id)
        list = &(*list)->next;
    return list;
}

bool fani_mpi_args_keep(fani_mpi *self, uint64_t id, const unsigned char *bytes, size_t size)
{
    if (*find(&self->args, id))
        return true;
    fani_mpi_args *args = make(id, bytes, size);
    if (!args)
        return false;
    args->next = self->args;
    self->args = args;
    return true;
}

fan_items fani_mpi_args_find(const fani_mpi *self, uint64_t id)
{
    const fani_mpi_args *args = self->args;
    while (args && args->id != id)
        args = args->next;
    if (!args)
        return (fan_items){0};
    return (fan_items){.bytes = args->bytes, .size = args->size, .count = 1};
}

void fani_mpi_args_drop(fani_mpi *self, uint64_t id)
{
    fani_mpi_args **at = find(&self->args, id), *args = *at;
    if (!args)
        return;
    *at = args->next;
    free_args(args);
}

void fani_mpi_args_clear(fani_mpi *self)
{
    while (self->args) {
        fani_mpi_args *args = self->args;
        self->args = args->next;
        free_args(args);
    }
}
