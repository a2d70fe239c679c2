/* The least loaded of many peers, of equals the last: what rank 0 asks for each batch. */
#ifndef SCALE_LOADS_H
#define SCALE_LOADS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct scale_loads {
    uint32_t peers;
    uint32_t leaves;       /* a power of two */
    uint32_t *winners;     /* a tournament: [1] is the least loaded of all */
    uint32_t *out, *slots; /* of each peer */
} scale_loads;

/* `slots` (each at least 1) is copied. False: out of memory. */
bool scale_loads_init(scale_loads *loads, uint32_t peers, const uint32_t *slots);
void scale_loads_clear(scale_loads *loads);

/* Adds `change` to what a peer has out. */
void scale_loads_change(scale_loads *loads, uint32_t peer, int change);

/* The peer with the least out for each slot. */
uint32_t scale_loads_least(const scale_loads *loads);

#endif
