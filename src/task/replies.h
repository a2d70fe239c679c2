/* The replies of one batch: one slot an item, whoever ran it and wherever. */
#ifndef FANI_REPLIES_H
#define FANI_REPLIES_H

#include "fanfold/executor.h"

typedef enum fani_slot_state {
    FANI_SLOT_EMPTY, /* no answer yet; with an array: answered by its place in the array */
    FANI_SLOT_REPLY, /* bytes in `bytes` */
    FANI_SLOT_FAILED,
    FANI_SLOT_LOST,
    FANI_SLOT_TIMED_OUT,
    FANI_SLOT_CANCELLED, /* these four: text in `text` */
} fani_slot_state;

typedef struct fani_slot {
    uint64_t offset; /* into bytes or text */
    uint32_t size;
    uint16_t state;    /* fani_slot_state */
    uint16_t attempts; /* postings beyond those of the whole batch: it was a piece of one */
} fani_slot;

typedef struct fani_heap {
    unsigned char *data;
    size_t used;
    size_t capacity;
    bool lent; /* data is someone else's */
} fani_heap;

/* What is known of few items alone: what one wrote to its standard streams (`text.out` is its
 * memory; NULL: nothing), and how long one ran that failed in a piece of its batch. */
typedef struct fani_capture {
    size_t item;
    fan_captured text;
    uint64_t run_ns; /* 0: as long as its batch */
    uint32_t run_items;
} fani_capture;

/* Replies start with zeroes; fani_replies_begin gives them their count, fani_replies_clear frees.
 * Where an array was asked for, `bytes` begins with count * item_size bytes; slots is NULL until an
 * item fails. The first cache line is all that is written for items that are answered by an array
 * (see fani_batch). */
typedef struct fani_replies {
    size_t count;
    size_t item_size;
    fani_slot *slots;
    fani_heap bytes;
    bool array;
    bool complete; /* fani_replies_finish was called: no item is without an outcome */
    uint32_t captures_count;

    size_t limit;     /* largest reply of one item */
    fani_slot single; /* the slots of one item: no memory of their own */
    fani_heap text;
    fani_capture *captures; /* in the order of the items; mostly there are none */
} fani_replies;

/* Readies `replies` (zeroed or used before; memory is kept) for `count` items. FAN_E_MEMORY. */
fan_status fani_replies_begin(fani_replies *replies, size_t count, size_t limit);

/* As begin, but what was captured stays: for replies that only get another outcome. */
fan_status fani_replies_restart(fani_replies *replies, size_t count, size_t limit);

/* Adds what item i has written (copied) to what is known of it. FAN_E_MEMORY. */
fan_status fani_replies_capture(fani_replies *replies, size_t i, const fan_captured *text);

/* Remembers how long item i ran, with how many of its batch. FAN_E_MEMORY. */
fan_status fani_replies_time(fani_replies *replies, size_t i, uint64_t run_ns, uint32_t run_items);

void *fani_replies_array(fani_replies *replies, size_t size);

/* As fani_replies_array, not zeroed. */
void *fani_replies_array_raw(fani_replies *replies, size_t size);

/* Gives up the array: its replies become replies of their own, in the same memory. FAN_E_MEMORY. */
fan_status fani_replies_unarray(fani_replies *replies);

/* Copies what items at, at + 1, ... got in `from`. With only_marks, items that have no mark there
 * are answered already. */
fan_status fani_replies_add(fani_replies *to, size_t at, const fani_replies *from, bool only_marks);

fan_status fani_replies_put(fani_replies *replies, size_t i, const void *bytes, size_t size);

/* Lets replies (zeroed) use memory of the caller's, aligned to 64, as far as it reaches; it must
 * stay as long as they do. */
void fani_replies_lend(fani_replies *replies, unsigned char *memory, size_t size);

/* Moves what `from` holds to `to` (cleared before); `from` is then as if zeroed. Replies must not
 * be copied by assignment. */
void fani_replies_move(fani_replies *to, fani_replies *from);

/* Gives item i an outcome other than OK with its text (truncated to 1000 bytes). */
fan_status fani_replies_mark(fani_replies *replies, size_t i, fani_slot_state state,
                             const char *text);

/* Whether some item has a reply of its own. */
bool fani_replies_any(const fani_replies *replies);

/* Whether item i has an answer or a mark. */
bool fani_replies_answered(const fani_replies *replies, size_t i);

/* Whether item i has a mark: an outcome other than OK. */
bool fani_replies_failed(const fani_replies *replies, size_t i);

/* Marks every item without an answer as failed with `text`. */
fan_status fani_replies_finish(fani_replies *replies, const char *text);

/* The outcome of item i (finished replies); index is i, attempt counts only what slots know. Valid
 * while the replies are unchanged. */
fan_outcome fani_replies_outcome(const fani_replies *replies, size_t i);

/* The same of `count` items from `first` on. */
void fani_replies_outcomes(const fani_replies *replies, size_t first, size_t count,
                           fan_outcome *outcomes);

/* Copies the outcomes of `from` (finished) to the items from `at` on of `to`, over what those may
 * have; each had `attempts` more postings than `to` as a whole. */
fan_status fani_replies_merge(fani_replies *to, size_t at, const fani_replies *from,
                              unsigned attempts);

/* Readies `replies` and fills them with an array that came from elsewhere, finished: `size` bytes
 * for `count` items, at least one, together (a multiple of count). FAN_E_MEMORY. */
fan_status fani_replies_fill(fani_replies *replies, size_t count, const void *bytes, size_t size);

void fani_replies_clear(fani_replies *replies);

/* Makes room for `size` more bytes; false: out of memory. */
bool fani_heap_grow(fani_heap *heap, size_t size);

/* Room for `size` more bytes at the end of a heap, zeroed or not; NULL: out of memory. */
static inline unsigned char *fani_heap_extend(fani_heap *heap, size_t size)
{
    if (size > heap->capacity - heap->used && !fani_heap_grow(heap, size))
        return NULL;
    unsigned char *at = heap->data + heap->used;
    heap->used += size;
    return at;
}

/* For fani_replies_room: where it can't be given at once. */
fan_status fani_replies_make_room(fani_replies *replies, size_t i, size_t most);

/* fani_replies_put in two steps, for who writes a reply where it stays: room for `most` bytes,
 * valid until anything else is asked of the replies, and then the reply in it, of at most that
 * size. Errors as of put. */
static inline fan_status fani_replies_room(fani_replies *replies, size_t i, size_t most,
                                           unsigned char **room)
{
    fani_heap *heap = &replies->bytes;
    bool ready = replies->slots && i < replies->count &&
                 replies->slots[i].state == FANI_SLOT_EMPTY && !replies->array && heap->used &&
                 most <= heap->capacity - heap->used;
    fan_status status = ready ? FAN_OK : fani_replies_make_room(replies, i, most);
    if (status == FAN_OK)
        *room = heap->data + heap->used;
    return status;
}

static inline void fani_replies_take(fani_replies *replies, size_t i, size_t size)
{
    replies->slots[i] = (fani_slot){
        .offset = replies->bytes.used, .size = (uint32_t)size, .state = FANI_SLOT_REPLY};
    replies->bytes.used += size;
}

#endif
