/* Ranks that stop answering. Rank 0 asks those that have said nothing for a while, by a message
 * that overtakes all others, and their thread that drives MPI answers at once. A rank is watched
 * from its first heartbeat on, by which it promises to be there (fan_serve, a progress thread): a
 * program may be away from Fanfold for as long as it likes.
 *
 * Time is counted in ticks, and a tick passes when rank 0 looks, however long it did not: of the
 * time in which the whole job was stopped, or rank 0 was elsewhere, only one tick counts. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "instance.h"

enum {
    TICKS_SILENT = 4,     /* then it is asked */
    TICKS_DEAD = 16,      /* then it is taken for dead */
    STEPS_A_LOOK = 256,   /* steps with work to do for each look at the clock */
    HEARTBEAT_MS = 30000, /* by default */
};

void fani_mpi_watch_begin(fani_mpi *self)
{
    uint32_t ms = self->options.heartbeat_ms;
    if (ms == FAN_MPI_NO_HEARTBEAT || self->rank != 0 || self->size == 1)
        return;
    self->watch.tick_ns = (int64_t)(ms ? ms : HEARTBEAT_MS) * 1000000 / TICKS_DEAD;
    self->watch.ticked = fani_clock_ns();
}

void fani_mpi_promise(fani_mpi *self)
{
    if (self->promised || self->rank == 0 || atomic_load(&self->close_sent))
        return;
    self->promised = true;
    fani_link_send(&self->link, fani_message_new(0, FANI_TAG_HEARTBEAT, 0));
}

void fani_mpi_heartbeat_came(fani_mpi *self, const fani_message *message)
{
    if (self->rank == 0)
        self->peers[message->peer].answers = true;
    else if (!atomic_load(&self->close_sent)) /* nothing may follow the goodbye */
        fani_link_send_now(&self->link, fani_message_new(0, FANI_TAG_HEARTBEAT, 0));
}

static void give_up(fani_mpi *self, int first, int count)
{
    char text[FANI_MPI_TEXT_SIZE], more[48] = "";
    if (count > 1)
        snprintf(more, sizeof more, " (nor %d other%s)", count - 1, count > 2 ? "s" : "");
    snprintf(text, sizeof text,
             "rank %d on %s has not answered for %.3g s%s: it was stopped, hangs, or its host is "
             "gone",
             first, self->who[first].host, (double)self->watch.tick_ns * TICKS_DEAD / 1e9, more);
    fani_link_break(&self->link, FAN_E_LOST, text);
}

static void ask_or_give_up(fani_mpi *self)
{
    /* To be closed is to be asked, and nothing may follow it. */
    bool closing = atomic_load(&self->close_sent);
    int first = 0, dead = 0;
    for (int r = 1; r < self->size; r++) {
        fani_peer *peer = &self->peers[r];
        uint32_t silent = self->watch.ticks - peer->heard;
        if (!peer->answers || silent < TICKS_SILENT)
            continue;
        if (silent >= TICKS_DEAD) {
            first = dead++ ? first : r;
        } else if (!peer->asked && !closing) {
            peer->asked = true;
            fani_link_send_now(&self->link, fani_message_new(r, FANI_TAG_HEARTBEAT, 0));
        }
    }
    if (dead)
        give_up(self, first, dead);
}

void fani_mpi_watch_step(fani_mpi *self, bool moved)
{
    fani_watch *watch = &self->watch;
    if (!watch->tick_ns || (moved && ++watch->steps < STEPS_A_LOOK))
        return;
    watch->steps = 0;
    int64_t now = fani_clock_ns();
    if (now - watch->ticked < watch->tick_ns)
        return;
    watch->ticked = now;
    watch->ticks++;
    ask_or_give_up(self);
}

/* ---- Afterwards ---------------------------------------------------------------------------- */

/* Past the broken link, and without waiting: short messages need nobody who receives them. */
void fani_mpi_send_home(fani_mpi *self)
{
    fan_error why = {0};
    if (atomic_exchange(&self->close_sent, true) || fani_mpi_may_wait(self))
        return;
    fani_link_broken(&self->link, &why);
    pthread_mutex_lock(&self->drive);
    for (int r = 1; r < self->size; r++) {
        fani_message *message = fani_message_new(r, FANI_TAG_CLOSE, strlen(why.text));
        if (!message)
            break;
        memcpy(message->bytes, why.text, message->size);
        fani_link_send_now(&self->link, message);
    }
    pthread_mutex_unlock(&self->drive);
}

void fani_mpi_close_came(fani_mpi *self, const fani_message *message)
{
    char text[FANI_MPI_TEXT_SIZE];
    if (message->size) {
        snprintf(text, sizeof text, "rank 0 has given up: %.*s", (int)message->size,
                 (const char *)message->bytes);
        fani_link_break(&self->link, FAN_E_LOST, text);
    } else {
        fani_relay_pass_on(self, FANI_TAG_CLOSE, NULL, 0);
    }
    /* Nothing follows from rank 0, nor from the leader. */
    unsigned wanted = self->up && self->up != self->rank ? 2 : 1;
    if (++self->closes == wanted || message->size)
        atomic_store(&self->told_to_close, true);
}
