#include "job/places.h"

#include <stdlib.h>

typedef struct chunk {
    uint64_t first;
    size_t count;
    size_t left; /* not dropped yet */
    fani_place at[];
} chunk;

/* A slot holds NULL once all of its chunk were dropped. */
typedef struct slot {
    uint64_t first;
    chunk *items;
} slot;

struct fani_places {
    slot *slots; /* from `begin` to `end`, by the index of the first item */
    size_t begin, end, room;
};

fani_places *fani_places_new(void)
{
    return calloc(1, sizeof(fani_places));
}

void fani_places_free(fani_places *places)
{
    if (!places)
        return;
    for (size_t i = places->begin; i < places->end; i++)
        free(places->slots[i].items);
    free(places->slots);
    free(places);
}

/* Room for one more slot: those of chunks that are gone are used again. */
static bool slot_room(fani_places *p)
{
    size_t kept = 0;
    if (p->end < p->room)
        return true;
    for (size_t i = p->begin; i < p->end; i++)
        if (p->slots[i].items)
            p->slots[kept++] = p->slots[i];
    p->begin = 0;
    p->end = kept;
    if (kept < p->room / 2)
        return true;
    size_t room = p->room ? 2 * p->room : 64;
    slot *slots = realloc(p->slots, room * sizeof *slots);
    if (!slots)
        return false;
    p->slots = slots;
    p->room = room;
    return true;
}

fan_status fani_places_keep(fani_places *places, fani_reader *reader, const fan_items *items)
{
    chunk *c = malloc(sizeof *c + items->count * sizeof *c->at);
    if (!c || !slot_room(places)) {
        free(c);
        return FAN_E_MEMORY;
    }
    c->first = items->first;
    c->count = c->left = items->count;
    fani_reader_places(reader, items->first, items->count, c->at);
    fani_reader_forget(reader, items->first + items->count);
    places->slots[places->end++] = (slot){.first = items->first, .items = c};
    return FAN_OK;
}

/* The slot that an item is in, or would be; NULL: none can be. */
static slot *find(const fani_places *p, uint64_t index)
{
    size_t low = p->begin, high = p->end;
    while (low < high) { /* the first one behind it */
        size_t middle = low + (high - low) / 2;
        if (p->slots[middle].first <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low > p->begin ? &p->slots[low - 1] : NULL;
}

fani_place fani_places_at(const fani_places *places, uint64_t index)
{
    const slot *s = find(places, index);
    bool has = s && s->items && index - s->first < s->items->count;
    return has ? s->items->at[index - s->first] : (fani_place){0};
}

void fani_places_drop(fani_places *places, uint64_t first, size_t count)
{
    slot *s = find(places, first);
    if (!s || !s->items)
        return;
    s->items->left -= count < s->items->left ? count : s->items->left;
    if (s->items->left)
        return;
    free(s->items);
    s->items = NULL;
    while (places->begin < places->end && !places->slots[places->begin].items)
        places->begin++;
    if (places->begin == places->end)
        places->begin = places->end = 0;
}
