#include "exec/batching.h"

enum {
    TARGET_NS = 40000, /* work of a batch: long against a message, short against a tail */
    WORKER_NS = 10000,
    TOGETHER_NS = 10000000, /* of a batch that is larger for its task's sake */
    GROWTH = 4,
    CREDIT_NS = 3 * TARGET_NS,
    CREDIT_MOST_NS = 10000000,
    LONG_BATCH_NS = 100000000,
    LEAST_BATCH_NS = 100,     /* what a batch costs that does nothing */
    LEAST_MESSAGE_NS = 10000, /* less work than this is not worth a message of its own */
    MESSAGE_WORKERS_MAX = 8,  /* a message is work for at most so many workers */
};

static double median(double a, double b, double c)
{
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

void fani_item_time_learn(fani_item_time *time, double ns)
{
    if (time->ns <= 0) {
        *time = fani_item_time_of(ns);
        return;
    }
    time->ns = 0.75 * time->ns + 0.25 * median(time->seen[0], time->seen[1], ns);
    time->seen[0] = time->seen[1];
    time->seen[1] = ns;
}

double fani_batching_together(size_t together, double item_ns)
{
    double most = item_ns > 0 ? TOGETHER_NS / item_ns : 0;
    return (double)together < most ? (double)together : most;
}

/* Items of a batch that is worth a message, and as many as the task can use at once. */
static double wanted_items(const fani_batching *known)
{
    double target = (double)WORKER_NS * known->workers;
    if (target < TARGET_NS)
        target = TARGET_NS;
    if (known->item_ns <= 0)
        return 1;
    double worth = target / known->item_ns;
    double useful = fani_batching_together(known->together, known->item_ns);
    return worth > useful ? worth : useful;
}

size_t fani_batching_items(const fani_batching *known)
{
    double wanted = wanted_items(known);
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

size_t fani_batching_queue_items(size_t workers, size_t queue_bytes)
{
    enum { LEAST = 65536, A_WORKER = 64, ITEM_BYTES = 64 };
    size_t fit = queue_bytes / ITEM_BYTES,
           wanted = fit / A_WORKER < workers ? fit : workers * A_WORKER;
    return wanted > LEAST ? wanted : LEAST;
}

bool fani_batching_room(unsigned workers, size_t out, double out_ns, double batch_ns,
                        double credit_ns)
{
    if (credit_ns < CREDIT_NS)
        credit_ns = CREDIT_NS;
    if (out < workers)
        return true;
    if (batch_ns <= 0 || batch_ns >= LONG_BATCH_NS)
        return false;
    if (batch_ns < LEAST_BATCH_NS)
        batch_ns = LEAST_BATCH_NS;
    return out < (size_t)2 * workers || out_ns + batch_ns <= (double)workers * credit_ns;
}

double fani_batching_adapt(double credit_ns, bool dry)
{
    credit_ns = dry ? 2 * credit_ns : 0.98 * credit_ns;
    return credit_ns < CREDIT_NS        ? CREDIT_NS
           : credit_ns > CREDIT_MOST_NS ? CREDIT_MOST_NS
                                        : credit_ns;
}

unsigned fani_batching_credit(unsigned workers, double batch_ns)
{
    if (batch_ns <= 0 || batch_ns >= LONG_BATCH_NS)
        return workers;
    double each = CREDIT_NS / (batch_ns < LEAST_BATCH_NS ? LEAST_BATCH_NS : batch_ns);
    return each < 2 ? 2 * workers : (unsigned)((double)workers * each);
}

double fani_batching_message_ns(unsigned workers, unsigned all_workers, double waiting_ns)
{
    unsigned served = workers < MESSAGE_WORKERS_MAX ? workers : MESSAGE_WORKERS_MAX;
    double share = waiting_ns * served / (2.0 * all_workers);
    double most = (double)served * TARGET_NS;
    return share > most ? most : share < LEAST_MESSAGE_NS ? LEAST_MESSAGE_NS : share;
}
