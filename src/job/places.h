/* Where items stand in their inputs, as long as they are out: memory for those alone, however far
 * apart their indices are. Of one thread at a time. */
#ifndef FANI_PLACES_H
#define FANI_PLACES_H

#include "stage/reader.h"

typedef struct fani_places fani_places;

/* NULL: out of memory. */
fani_places *fani_places_new(void);
void fani_places_free(fani_places *places);

/* Keeps the places of items that the reader has just given, and lets it forget them. Indices only
 * grow. FAN_E_MEMORY. */
fan_status fani_places_keep(fani_places *places, fani_reader *reader, const fan_items *items);

/* The place of an item that was kept and not dropped; zeroes for others. */
fani_place fani_places_at(const fani_places *places, uint64_t index);

/* `count` items from `first` on, all from one call of keep, need their places no longer. */
void fani_places_drop(fani_places *places, uint64_t first, size_t count);

#endif
