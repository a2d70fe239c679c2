#include "job/weak_need.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "kernel/gcd/space.h"

enum { WORD = sizeof(mp_limb_t), BLOCKS_MAX = 64, IO_THREADS = 3 };

#define MIB (UINT64_C(1) << 20)

/* What was measured: a worker image when it has done its first work, a rank likewise; what a worker
 * keeps of what it has given back, and large pages that are not used to their end. */
#define WORKER_BYTES (12 * MIB)
#define RANK_BYTES (40 * MIB)
#define SLACK_BYTES (6 * MIB)
#define HEAP_BYTES (2 * MIB) /* of a thread's own heap, what lies between blocks in use */
#define KEY_BYTES 96         /* of a key besides its limbs, in lists of integers */

/* An executor's queue has room for 256 MiB, and a reply is 2^31 - 1 - 4096 bytes at most
 * (fanfold/executor.h). */
#define QUEUE_BYTES (UINT64_C(1) << 28)
#define REPLY_BYTES ((UINT64_C(1) << 31) - 1 - 4096)

/* ---- What there is --------------------------------------------------------------------------- */

uint64_t fani_weak_memory_now(void)
{
    unsigned long all, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    /* NOLINTNEXTLINE(cert-err34-c): the system's own numbers */
    int found = file ? fscanf(file, "%lu %lu", &all, &resident) : 0;
    if (file)
        (void)fclose(file); /* only read */
    if (found == 2)
        return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_maxrss * 1024;
}

/* The most ranks on one host. */
static unsigned ranks_together(const fan_executor *executor, unsigned ranks)
{
    unsigned most = 1;
    for (unsigned r = 0; r < ranks; r++) {
        const char *host = fan_executor_host(executor, r);
        unsigned same = 0;
        for (unsigned s = 0; host && s < ranks; s++) {
            const char *other = fan_executor_host(executor, s);
            same += other && !strcmp(host, other);
        }
        most = same > most ? same : most;
    }
    return most;
}

fani_weak_memory fani_weak_memory_of(const fani_job_run *run)
{
    const char *text = fani_job_text(run->job, FANI_KEY_MEMORY);
    fani_weak_memory m = {.workers = 1, .copies = 2, .shares = 1, .reply_max = REPLY_BYTES};
    fan_executor_stats stats = {.workers = 1, .ranks = 1};
    if (text)
        (void)fani_read_size(text, &m.limit);            /* it was checked when it was set */
    (void)fan_executor_get_stats(run->executor, &stats); /* else there is one */
    unsigned able = fan_executor_capabilities(run->executor);
    unsigned ranks = able & FAN_CAP_SPANS_HOSTS ? ranks_together(run->executor, stats.ranks) : 1;
    m.base = fani_weak_memory_now() + (ranks - 1) * RANK_BYTES;
    m.workers = able & FAN_CAP_SPANS_HOSTS ? stats.workers / stats.ranks * ranks : stats.workers;
    m.item_max = QUEUE_BYTES / (stats.workers + 1);
    m.base += ((uint64_t)m.workers + IO_THREADS) * HEAP_BYTES;
    if (!(able & FAN_CAP_SHARES_MEMORY)) {
        m.copies = 4;
        m.shares = 2;
        m.base += m.workers * WORKER_BYTES;
    }
    return m;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- How many -------------------------------------------------------------------------------- */

/* With two more items' bytes that are read ahead, and two replies that are written behind. */
uint64_t fani_weak_need(const fani_weak_memory *memory, const fani_weak_item *item, size_t count)
{
    uint64_t travelling = item->bytes + item->reply;
    size_t working = count < memory->workers ? count : memory->workers;
    return memory->base + item->held + 2 * travelling + count * memory->copies * travelling +
           working * (item->work + SLACK_BYTES);
}

size_t fani_weak_in_flight(const fani_weak_memory *memory, const fani_weak_item *item)
{
    size_t most = 2 * (size_t)memory->workers + 1, count = 1;
    if (!memory->limit)
        return SIZE_MAX;
    while (count < most && fani_weak_need(memory, item, count + 1) <= memory->limit)
        count++;
    return count;
}

bool fani_weak_travels(const fani_weak_memory *memory, uint64_t bytes)
{
    return bytes <= memory->item_max;
}

/* ---- The whole scan -------------------------------------------------------------------------- */

/* The limbs of the nodes of a level. */
typedef struct row {
    size_t limbs[BLOCKS_MAX];
    size_t count;
} row;

static row blocks_of(const fani_mpzs *distinct, size_t block_keys)
{
    row r = {0};
    for (size_t i = 0; i < distinct->count; i++) {
        r.count = i / block_keys + 1;
        r.limbs[r.count - 1] += mpz_size(distinct->values + i);
    }
    return r;
}

static row above(const row *r)
{
    row up = {0};
    for (size_t i = 0; i < r->count; i++)
        up.limbs[i / 2] += r->limbs[i];
    up.count = r->count / 2 + r->count % 2;
    return up;
}

static size_t sum_of(const row *r)
{
    size_t sum = 0;
    for (size_t i = 0; i < r->count; i++)
        sum += r->limbs[i];
    return sum;
}

static size_t largest(const row *r)
{
    size_t most = 0;
    for (size_t i = 0; i < r->count; i++)
        most = r->limbs[i] > most ? r->limbs[i] : most;
    return most;
}

typedef struct plan {
    const fani_weak_memory *memory;
    size_t workers;        /* items of each kind at the same time */
    bool in_files, blocks; /* items of blocks always travel */
    uint64_t levels;       /* all levels, where they are in memory */
    uint64_t all;          /* the bytes of the moduli */
    uint64_t need;
    uint64_t reply; /* the largest */
} plan;

/* Two lists of a level are shared where its items don't travel. */
static void count_item(plan *p, fani_weak_item item)
{
    const fani_weak_memory *m = p->memory;
    p->reply = larger(p->reply, item.reply);
    if (!p->in_files) {
        item.held = p->levels * m->shares;
        item.bytes = 0;
    } else if (!item.bytes || (!p->blocks && !fani_weak_travels(m, item.bytes))) {
        item.held = 2 * p->all * m->shares;
        item.bytes = 0;
    }
    p->need = larger(p->need, fani_weak_need(m, &item, p->workers));
}

/* The items of a level whose nodes lie below those of `up`. */
static void count_level(plan *p, const row *up)
{
    size_t most = largest(up);
    uint64_t bytes = (uint64_t)most * WORD;
    if (!p->in_files && 2 * bytes + WORD <= p->memory->reply_max) /* pairs as one item */
        count_item(p, (fani_weak_item){.reply = 2 * bytes, .work = fani_space_pair(most)});
    count_item(p, (fani_weak_item){.bytes = bytes,
                                   .reply = bytes,
                                   .work = fani_space_multiply(most / 2 + 1, most / 2 + 1)});
    count_item(p, (fani_weak_item){
                      .bytes = 2 * bytes, .reply = bytes, .work = fani_space_step(most, most)});
}

static void count_scan(plan *p, const fani_mpzs *distinct, size_t block_keys)
{
    row r = blocks_of(distinct, block_keys);
    uint64_t gcds = (uint64_t)distinct->count * KEY_BYTES, levels = 4;
    size_t block = largest(&r);
    p->all = (uint64_t)sum_of(&r) * WORD;
    for (row up = r; up.count > 2; up = above(&up))
        levels++;
    p->levels = levels * p->all;
    p->blocks = true;
    count_item(p, (fani_weak_item){.bytes = (uint64_t)2 * block * WORD,
                                   .reply = (uint64_t)2 * block * WORD,
                                   .work = fani_space_block(block, block_keys)});
    p->blocks = false;
    while (r.count > 2) {
        r = above(&r);
        count_level(p, &r);
    }
    size_t top = largest(&r);
    count_item(p,
               (fani_weak_item){.reply = (uint64_t)top * WORD, .work = fani_space_root(top, top)});
    p->need += gcds;
}

static void write_size(char text[static 32], uint64_t bytes)
{
    snprintf(text, 32, "%" PRIu64 "M", bytes / MIB + 1);
}

static fan_status too_little(const fani_weak_memory *memory, uint64_t need, size_t keys,
                             fan_error *error)
{
    char needed[32], given[32];
    write_size(needed, need);
    write_size(given, memory->limit - 1);
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "memory is %s, and %zu keys need %s even with levels in files", given,
                          keys, needed);
}

fan_status fani_weak_choose(const fani_weak_memory *memory, const fani_mpzs *distinct,
                            size_t block_keys, fani_weak_way *way, fan_error *error)
{
    plan whole = {.memory = memory, .workers = memory->workers};
    plan least = {.memory = memory, .workers = 1, .in_files = true};
    count_scan(&whole, distinct, block_keys);
    count_scan(&least, distinct, block_keys);
    *way = FANI_WEAK_IN_MEMORY;
    if (whole.reply > memory->reply_max)
        return fani_error_set(error, FAN_E_TOO_LARGE,
                              "%zu keys are too many for one scan: it has numbers of %" PRIu64
                              " bytes, and workers answer with %" PRIu64 " at most",
                              distinct->count, whole.reply, memory->reply_max);
    if (!memory->in_files && (!memory->limit || whole.need <= memory->limit))
        return FAN_OK;
    *way = FANI_WEAK_IN_FILES;
    return least.need <= memory->limit ? FAN_OK
                                       : too_little(memory, least.need, distinct->count, error);
}

fan_status fani_weak_room_for_keys(const fani_weak_memory *memory, const fani_mpzs *moduli,
                                   size_t block_keys, fan_error *error)
{
    fani_weak_memory then = *memory;
    then.base += (uint64_t)moduli->count * KEY_BYTES;
    for (size_t i = 0; memory->limit && i < moduli->count; i++)
        then.base += mpz_size(moduli->values + i) * WORD;
    if (then.base <= memory->limit || !memory->limit)
        return FAN_OK;
    plan least = {.memory = &then, .workers = 1, .in_files = true};
    count_scan(&least, moduli, block_keys);
    return too_little(memory, least.need, moduli->count, error);
}
