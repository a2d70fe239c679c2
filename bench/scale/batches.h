/* Batches under way, and lists and messages of them. All are named by number: their memory moves
 * when there are more. */
#ifndef SCALE_BATCHES_H
#define SCALE_BATCHES_H

#include <stdbool.h>
#include <stdint.h>

enum { SCALE_NONE = -1 };

typedef struct scale_batch {
    uint64_t first;
    uint32_t count;
    uint32_t taken, done; /* items that workers began and ended */
    uint32_t peer;
    int32_t next;         /* in a list, or in the same message */
    int32_t next_message; /* where it is the first of a message */
    int32_t next_cut;     /* the batch that the map cut after this one */
    bool finished;
    bool dry; /* when it was answered its peer had nothing left but what ran */
    double run_ns;
} scale_batch;

typedef struct scale_batches {
    scale_batch *all;
    int32_t count, room, free;
} scale_batches;

typedef struct scale_list {
    int32_t first, last;
} scale_list;

static const scale_batches scale_batches_none = {.free = SCALE_NONE};
static const scale_list scale_list_empty = {SCALE_NONE, SCALE_NONE};

/* SCALE_NONE: out of memory. Its members are not set. */
int32_t scale_batch_new(scale_batches *batches);
void scale_batch_free(scale_batches *batches, int32_t number);
void scale_batches_clear(scale_batches *batches);

/* A batch is in one list at a time. The list to take from is not empty. */
void scale_list_add(scale_batches *batches, scale_list *to, int32_t number);
int32_t scale_list_take(scale_batches *batches, scale_list *from);

/* Messages in a list of their own, each named by its first batch. */
void scale_message_add(scale_batches *batches, scale_list *to, int32_t head);
int32_t scale_message_take(scale_batches *batches, scale_list *from);

#endif
