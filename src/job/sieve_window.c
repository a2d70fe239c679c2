#include "job/sieve_window.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

typedef struct fani_sieve_waiting {
    unsigned char *bytes;
    size_t size;
    bool is_there;
} waiting;

void fani_sieve_window_clear(fani_sieve_window *window)
{
    for (size_t i = 0; i < window->capacity; i++)
        free(window->slot[i].bytes);
    free(window->slot);
    *window = (fani_sieve_window){0};
}

static waiting *slot_of(const fani_sieve_window *window, uint64_t unit)
{
    return &window->slot[unit & (window->capacity - 1)];
}

bool fani_sieve_window_has(const fani_sieve_window *window, uint64_t unit)
{
    if (unit < window->next)
        return true;
    return unit - window->next < window->capacity && slot_of(window, unit)->is_there;
}

/* Room for a unit so far ahead. */
static fan_status reach(fani_sieve_window *window, uint64_t ahead)
{
    fani_sieve_window larger = *window;
    if (ahead < window->capacity)
        return FAN_OK;
    if (ahead >= FANI_SIEVE_WINDOW_UNITS)
        return FAN_E_TOO_LARGE;
    if (!larger.capacity)
        larger.capacity = CAPACITY_FIRST;
    while (larger.capacity <= ahead)
        larger.capacity *= 2;
    larger.slot = calloc(larger.capacity, sizeof *larger.slot);
    if (!larger.slot)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < window->capacity; i++)
        *slot_of(&larger, window->next + i) = *slot_of(window, window->next + i);
    free(window->slot);
    *window = larger;
    return FAN_OK;
}

fan_status fani_sieve_window_put(fani_sieve_window *window, uint64_t unit, const void *bytes,
                                 size_t size)
{
    waiting put = {.size = size, .is_there = true};
    fan_status status = reach(window, unit - window->next);
    if (status != FAN_OK)
        return status;
    if (size && !(put.bytes = malloc(size)))
        return FAN_E_MEMORY;
    if (size)
        memcpy(put.bytes, bytes, size);
    *slot_of(window, unit) = put;
    window->count++;
    window->bytes += size;
    return FAN_OK;
}

bool fani_sieve_window_take(fani_sieve_window *window, unsigned char **bytes, size_t *size)
{
    if (!window->capacity || !slot_of(window, window->next)->is_there)
        return false;
    waiting *taken = slot_of(window, window->next);
    *bytes = taken->bytes;
    *size = taken->size;
    *taken = (waiting){0};
    window->next++;
    window->count--;
    window->bytes -= *size;
    return true;
}
