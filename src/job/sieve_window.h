/* Units that have come before their turn: each waits with its relations until all before it were
 * taken. */
#ifndef FANI_SIEVE_WINDOW_H
#define FANI_SIEVE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

/* Farther ahead than this of the next one none may be. */
#define FANI_SIEVE_WINDOW_UNITS ((uint64_t)1 << 20)

/* Starts as zeroes; fani_sieve_window_clear ends it. */
typedef struct fani_sieve_window {
    struct fani_sieve_waiting *slot; /* of unit i: i mod capacity, a power of two */
    size_t capacity;
    uint64_t next; /* the unit to be taken next */
    size_t count;  /* of those that wait, */
    size_t bytes;  /* which are so many */
} fani_sieve_window;

void fani_sieve_window_clear(fani_sieve_window *window);

/* Whether a unit was put or taken. */
bool fani_sieve_window_has(const fani_sieve_window *window, uint64_t unit);

/* Copies the bytes (NULL with 0 for none) of a unit that it does not have. Errors, which change
 * nothing: FAN_E_TOO_LARGE (the unit is too far ahead), FAN_E_MEMORY. */
fan_status fani_sieve_window_put(fani_sieve_window *window, uint64_t unit, const void *bytes,
                                 size_t size);

/* Takes the next unit: *bytes, for the caller to free (may be NULL where there are none), and their
 * number. False: it is not there yet. */
bool fani_sieve_window_take(fani_sieve_window *window, unsigned char **bytes, size_t *size);

#endif
