#include "answers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "instance.h"

enum {
    MESSAGE_BYTES = 16 << 10,
    WAIT_NS = 50000,
};

void fani_answers_begin(fani_answers *answers, fani_mpi *self, int tag)
{
    *answers = (fani_answers){.self = self, .tag = tag};
    pthread_mutex_lock(&self->answering);
    answers->next = self->gathering;
    if (answers->next)
        answers->next->previous = answers;
    self->gathering = answers;
    pthread_mutex_unlock(&self->answering);
}

/* The newest first. */
static void send_local(fani_mpi *self, fani_message *message)
{
    message->next = atomic_load(&self->local);
    while (!atomic_compare_exchange_weak(&self->local, &message->next, message)) {
    }
}

fani_message *fani_answers_local(fani_mpi *self)
{
    if (!self->local_oldest && atomic_load(&self->local)) {
        fani_message *newest = atomic_exchange(&self->local, NULL);
        while (newest) {
            fani_message *next = newest->next;
            newest->next = self->local_oldest;
            self->local_oldest = newest;
            newest = next;
        }
    }
    fani_message *oldest = self->local_oldest;
    if (oldest)
        self->local_oldest = oldest->next;
    return oldest;
}

/* Records begin at multiples of 16. */
static void end_many(fani_answers *answers)
{
    size_t used = (size_t)(answers->end - answers->open->bytes);
    size_t rest = answers->many ? (16 - used % 16) % 16 : 0;
    memset(answers->end, 0, rest);
    answers->end += rest;
    answers->many = NULL;
}

/* Hands the open message to the link. The lock is held. */
static void leave(fani_answers *answers)
{
    fani_mpi *self = answers->self;
    fani_message *message = answers->open;
    if (!message)
        return;
    end_many(answers);
    const fani_answers_head head = {.magic = FANI_ANSWERS_MAGIC,
                                    .dry = atomic_load(&self->runs_out) <=
                                           atomic_load(&self->own_workers),
                                    .count = answers->count,
                                    .workers_lost = fani_mpi_lost_here(self),
                                    .rank = (uint32_t)self->rank,
                                    .pid = (int32_t)getpid()};
    memcpy(message->bytes, &head, sizeof head);
    message->size = (size_t)(answers->end - message->bytes);
    answers->open = NULL;
    answers->count = 0;
    atomic_fetch_sub(&self->answers_open, 1);
    if (self->up == self->rank)
        send_local(self, message);
    else
        fani_link_send(&self->link, message);
    fani_bell_ring(&self->bell);
}

void fani_answers_end(fani_answers *answers)
{
    fani_mpi *self = answers->self;
    pthread_mutex_lock(&self->answering);
    if (answers->previous)
        answers->previous->next = answers->next;
    else
        self->gathering = answers->next;
    if (answers->next)
        answers->next->previous = answers->previous;
    pthread_mutex_unlock(&self->answering);
    fani_lock_take(&answers->lock);
    leave(answers);
    fani_lock_give(&answers->lock);
}

static bool has_room(const fani_answers *answers, size_t size)
{
    return answers->open &&
           answers->capacity - (size_t)(answers->end - answers->open->bytes) >= size;
}

/* Room for `size` bytes in the open message, or in a new one. */
static bool make_room(fani_answers *answers, size_t size)
{
    const size_t head = sizeof(fani_answers_head);
    if (has_room(answers, size))
        return true;
    leave(answers);
    if (size > SIZE_MAX / 2)
        return false;
    size_t capacity = head + size > MESSAGE_BYTES ? head + size : (size_t)MESSAGE_BYTES;
    answers->open = fani_message_new(answers->self->up, answers->tag, capacity);
    if (!answers->open)
        return false;
    answers->capacity = capacity;
    answers->end = answers->open->bytes + head;
    answers->since = 0;
    atomic_fetch_add(&answers->self->answers_open, 1);
    return true;
}

/* The lock is held, also in the next two. */
static void added(fani_answers *answers, int64_t now, bool leaves)
{
    if (!answers->since)
        answers->since = now ? now : fani_clock_ns();
    if (leaves || (now && now - answers->since > WAIT_NS))
        leave(answers);
}

static void add(fani_answers *answers, const fani_answer *answer, int64_t now, bool leaves)
{
    const fani_answer short_of = {.ticket = answer->ticket,
                                  .first = answer->first,
                                  .count = answer->count,
                                  .verdict = FANI_FAILED,
                                  .text = "no memory for the replies on their way"};
    if (answers->open)
        end_many(answers);
    if (!make_room(answers, fani_answer_size(answer)))
        answer = make_room(answers, fani_answer_size(&short_of)) ? &short_of : NULL;
    if (!answer) {
        fani_link_send(&answers->self->link, NULL); /* breaks it: out of memory */
        return;
    }
    answers->end = fani_answer_write(answer, answers->end);
    answers->count++;
    added(answers, now, leaves);
}

/* Adds to the last record, or begins one; false: it must go the long way. */
static bool add_more(fani_answers *answers, const fani_answer *answer)
{
    enum { BEGIN = 64 }; /* room for a record's head and for its padding */
    size_t size = fani_answer_more_size(answer);
    if (answers->many &&
        (answers->many_item_size != answer->replies->item_size || !has_room(answers, size + BEGIN)))
        end_many(answers);
    if (!answers->many) {
        if (size > MESSAGE_BYTES / 4 || !make_room(answers, size + BEGIN + 16))
            return false;
        answers->many = answers->end;
        answers->many_item_size = answer->replies->item_size;
        answers->end =
            fani_answer_write_many(answer->ticket, answer->replies->item_size, answers->end);
        answers->count++;
    }
    answers->end = fani_answer_write_more(answers->many, answer, answers->end);
    return true;
}

void fani_answers_add(fani_answers *answers, const fani_answer *answer, int64_t now, bool leaves)
{
    fani_lock_take(&answers->lock);
    add(answers, answer, now, leaves);
    fani_lock_give(&answers->lock);
}

void fani_answers_add_part(fani_answers *answers, const fani_answer *answer, int64_t now,
                           bool leaves)
{
    fani_lock_take(&answers->lock);
    if (fani_answer_is_plain(answer) && add_more(answers, answer))
        added(answers, now, leaves);
    else
        add(answers, answer, now, leaves);
    fani_lock_give(&answers->lock);
}

bool fani_answers_step(fani_mpi *self)
{
    bool moved = false;
    if (!fani_answers_waiting(self))
        return false;
    int64_t now = fani_clock_ns();
    pthread_mutex_lock(&self->answering);
    for (fani_answers *answers = self->gathering; answers; answers = answers->next) {
        fani_lock_take(&answers->lock);
        if (answers->open && now - answers->since > WAIT_NS) {
            leave(answers);
            moved = true;
        }
        fani_lock_give(&answers->lock);
    }
    pthread_mutex_unlock(&self->answering);
    return moved;
}

bool fani_answers_waiting(fani_mpi *self)
{
    return atomic_load_explicit(&self->answers_open, memory_order_relaxed) > 0;
}
