/* A heap of pointers by priority, of equals by age. Of one thread at a time. */
#ifndef FANI_HEAP_H
#define FANI_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fani_heap_entry {
    void *item;
    uint64_t number; /* the how-many-th it is */
    int priority;
    size_t *place; /* is told where in the heap the entry is; may be NULL */
} fani_heap_entry;

/* Starts with zeroes. */
typedef struct fani_heap {
    fani_heap_entry *entries;
    size_t count, capacity;
    uint64_t next_number;
} fani_heap;

/* Room for `capacity` entries in all. False: out of memory. */
bool fani_heap_reserve(fani_heap *heap, size_t capacity);

/* Adds an item; there must be room. */
void fani_heap_push(fani_heap *heap, void *item, int priority, size_t *place);

/* Takes the first item out; there must be one. */
void *fani_heap_pop(fani_heap *heap);

/* Takes out the item whose place was told. */
void fani_heap_remove(fani_heap *heap, size_t place);

void fani_heap_clear(fani_heap *heap);

#endif
