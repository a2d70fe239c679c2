/* States between rounds as bytes: parts one after the other, of this machine's layout. */
#ifndef FANI_STATE_BYTES_H
#define FANI_STATE_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "method.h"

/* A buffer that grows. After a want of memory it stays failed and takes no more. */
typedef struct fani_bytes {
    unsigned char *bytes;
    size_t size, capacity;
    bool failed;
} fani_bytes;

static inline void fani_bytes_add(fani_bytes *b, const void *part, size_t size)
{
    if (b->failed || size == 0)
        return;
    if (size > b->capacity - b->size) {
        const size_t capacity = 2 * (b->size + size);
        unsigned char *grown = realloc(b->bytes, capacity);
        if (!grown) {
            b->failed = true;
            return;
        }
        b->bytes = grown;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, part, size);
    b->size += size;
}

/* Gives the bytes away. FAN_E_MEMORY: there are none. */
static inline fan_status fani_bytes_take(fani_bytes *b, unsigned char **bytes, size_t *size)
{
    if (b->failed) {
        free(b->bytes);
        return FAN_E_MEMORY;
    }
    *bytes = b->bytes;
    *size = b->size;
    return FAN_OK;
}

/* What is left to read. Once it was too short it stays so. */
typedef struct fani_bytes_left {
    const unsigned char *at;
    size_t left;
    bool short_of;
} fani_bytes_left;

static inline void fani_bytes_get(fani_bytes_left *r, void *part, size_t size)
{
    if (r->short_of || size > r->left) {
        r->short_of = true;
        if (size > 0)
            memset(part, 0, size);
        return;
    }
    if (size > 0)
        memcpy(part, r->at, size);
    r->at += size;
    r->left -= size;
}

/* A method's `load`, from a state as `open` leaves it (NULL: there was no memory): reads it by
 * `read`, which answers FAN_E_PROTOCOL to what is malformed, or closes it by `close`. */
static inline fan_status fani_state_load(void *made, fan_status (*read)(void *, fani_bytes_left *),
                                         void (*close)(void *), const unsigned char *bytes,
                                         size_t size, void **state)
{
    fani_bytes_left left = {.at = bytes, .left = size};
    const fan_status status = made ? read(made, &left) : FAN_E_MEMORY;
    if (status == FAN_OK)
        *state = made;
    else
        close(made);
    return status;
}

/* Adds what an item's work noted; items are taken in order, so the first point is the first. */
static inline void fani_bad_values_add(fani_bad_values *to, const fani_bad_values *from)
{
    if (from->count == 0)
        return;
    if (to->count == 0) {
        to->first_value = from->first_value;
        memcpy(to->first_point, from->first_point, sizeof from->first_point);
    }
    to->count += from->count;
}

/* Whether they are more than isolated points. */
static inline bool fani_bad_values_persist(const fani_bad_values *bad, uint64_t evaluations)
{
    return bad->count > 32 && bad->count > evaluations / 200;
}

#endif
