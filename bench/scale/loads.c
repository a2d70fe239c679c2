#include "loads.h"

#include <stdlib.h>
#include <string.h>

/* Of two peers, `left` having the lower number; numbers beyond the last are no peers. */
static uint32_t winner(const scale_loads *loads, uint32_t left, uint32_t right)
{
    if (right >= loads->peers)
        return left;
    uint64_t l = (uint64_t)loads->out[left] * loads->slots[right];
    uint64_t r = (uint64_t)loads->out[right] * loads->slots[left];
    return r <= l ? right : left;
}

static void play(scale_loads *loads, uint32_t i)
{
    const uint32_t *pair = &loads->winners[(size_t)2 * i];
    loads->winners[i] = winner(loads, pair[0], pair[1]);
}

bool scale_loads_init(scale_loads *loads, uint32_t peers, const uint32_t *slots)
{
    uint32_t leaves = 1;
    while (leaves < peers)
        leaves *= 2;
    *loads = (scale_loads){.peers = peers,
                           .leaves = leaves,
                           .winners = calloc((size_t)2 * leaves, sizeof(uint32_t)),
                           .out = calloc(peers, sizeof(uint32_t)),
                           .slots = calloc(peers, sizeof(uint32_t))};
    if (!loads->winners || !loads->out || !loads->slots) {
        scale_loads_clear(loads);
        return false;
    }
    memcpy(loads->slots, slots, peers * sizeof *slots);
    for (uint32_t i = 0; i < leaves; i++)
        loads->winners[leaves + i] = i;
    for (uint32_t i = leaves - 1; i > 0; i--)
        play(loads, i);
    return true;
}

void scale_loads_clear(scale_loads *loads)
{
    free(loads->winners);
    free(loads->out);
    free(loads->slots);
    *loads = (scale_loads){0};
}

void scale_loads_change(scale_loads *loads, uint32_t peer, int change)
{
    loads->out[peer] += (uint32_t)change;
    for (uint32_t i = (loads->leaves + peer) / 2; i > 0; i /= 2)
        play(loads, i);
}

uint32_t scale_loads_least(const scale_loads *loads)
{
    return loads->winners[1];
}
