#include "exec/batching.h"

enum {
    TARGET_NS = 40000, /* work of a batch: long against a message, short against a tail */
    WORKER_NS = 10000,
    GROWTH = 4,
    IN_ADVANCE_MAX = 3,
    SHORT_BATCH_NS = 1000000,
    LONG_BATCH_NS = 100000000,
};

size_t fani_batching_items(const fani_batching *known)
{
    double target = (double)WORKER_NS * known->workers;
    if (target < TARGET_NS)
        target = TARGET_NS;
    double wanted = known->item_ns > 0 ? target / known->item_ns : 1;
    double growth = (double)GROWTH * (double)(known->last ? known->last : 1);
    if (wanted > growth)
        wanted = growth;
    if (wanted > (double)known->most)
        wanted = (double)known->most;
    size_t items = wanted < 1 ? 1 : (size_t)wanted;
    uint64_t share = known->remaining / ((uint64_t)2 * known->workers);
    if (known->remaining != UINT64_MAX && items > share)
        items = share ? (size_t)share : 1;
    return items;
}

unsigned fani_batching_credit(unsigned workers, double batch_ns)
{
    unsigned in_advance = 0;
    if (batch_ns > 0 && batch_ns < LONG_BATCH_NS)
        in_advance = batch_ns < SHORT_BATCH_NS ? IN_ADVANCE_MAX : 1;
    return workers * (1 + in_advance);
}
