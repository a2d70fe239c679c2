#include "stage/heap.h"

#include <stdlib.h>

bool fani_heap_reserve(fani_heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity)
        return true;
    if (capacity > SIZE_MAX / sizeof *heap->entries)
        return false;
    fani_heap_entry *entries = realloc(heap->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    heap->entries = entries;
    heap->capacity = capacity;
    return true;
}

static bool goes_before(const fani_heap_entry *a, const fani_heap_entry *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->number < b->number;
}

static void set(fani_heap *heap, size_t at, fani_heap_entry entry)
{
    heap->entries[at] = entry;
    if (entry.place)
        *entry.place = at;
}

/* Puts an entry where nothing is at `at`, or above that. */
static void rise(fani_heap *heap, size_t at, fani_heap_entry entry)
{
    while (at > 0 && goes_before(&entry, &heap->entries[(at - 1) / 2])) {
        set(heap, at, heap->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set(heap, at, entry);
}

/* Likewise, or below that. */
static void sink(fani_heap *heap, size_t at, fani_heap_entry entry)
{
    for (size_t below; (below = 2 * at + 1) < heap->count; at = below) {
        if (below + 1 < heap->count &&
            goes_before(&heap->entries[below + 1], &heap->entries[below]))
            below++;
        if (!goes_before(&heap->entries[below], &entry))
            break;
        set(heap, at, heap->entries[below]);
    }
    set(heap, at, entry);
}

void fani_heap_push(fani_heap *heap, void *item, int priority, size_t *place)
{
    rise(heap, heap->count++,
         (fani_heap_entry){
             .item = item, .number = heap->next_number++, .priority = priority, .place = place});
}

void fani_heap_remove(fani_heap *heap, size_t place)
{
    fani_heap_entry last = heap->entries[--heap->count];
    if (place == heap->count)
        return;
    if (place > 0 && goes_before(&last, &heap->entries[(place - 1) / 2]))
        rise(heap, place, last);
    else
        sink(heap, place, last);
}

void *fani_heap_pop(fani_heap *heap)
{
    void *item = heap->entries[0].item;
    fani_heap_remove(heap, 0);
    return item;
}

void fani_heap_clear(fani_heap *heap)
{
    free(heap->entries);
    *heap = (fani_heap){0};
}
