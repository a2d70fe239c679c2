#include "range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance.h"
#include "task/registry.h"

enum {
    PARTS_OUT = 2,    /* of a host: one that is worked on, the next at hand */
    PART_NS = 200000, /* least work of a part for each worker: it costs messages */
    PART_ITEMS = 16,  /* where nothing is known of the time */
};

/* A claimed piece whose replies do not simply fit into the batch's array. */
typedef struct odd {
    struct odd *next;
    uint64_t at;
    fani_replies replies;
} odd;

/* What a trace is to show of a claimed piece. */
typedef struct stint {
    struct stint *next;
    uint64_t at, count;
    int64_t begun_ns;
    uint64_t run_ns;
    fani_where where;
} stint;

struct fani_range {
    fani_range *next;
    fani_batch *batch; /* NULL: it has ended, but not every rank has said so */
    uint64_t given, done;
    unsigned parts;  /* out */
    fani_part *back; /* what is left of parts that came back: given out before the rest */
    uint64_t back_items;
    bool revoked;
    unsigned char *have; /* a bit for each item that is done */
    odd *odds;
    stint *stints;
    char text[FANI_MPI_TEXT_SIZE]; /* why items have no outcome; empty: they were taken back */
};

struct fani_part {
    fani_part *next;
    fani_range *range;
    uint64_t id, first, count, done;
    unsigned host, slot, key;
    unsigned ranks; /* that may still claim */
    fani_mpi_args *args;
    bool starts_here; /* rank 0's own workers are still to be set to it */
    bool comes_back;  /* nobody claims any more: what is left is for other workers */
    fani_announced told;
    fani_order order;
};

/* ---- Open ---------------------------------------------------------------------------------- */

void fani_ranges_count_workers(fani_mpi *self)
{
    fani_ranges *all = &self->ranges;
    for (unsigned h = 0; h < all->host_count; h++)
        all->hosts[h].ranks = all->hosts[h].workers = 0;
    for (int r = 0; all->hosts && r < self->size; r++) {
        unsigned h = 0;
        while (h < all->host_count && all->hosts[h].leader != self->peers[r].leader)
            h++;
        if (h == all->host_count)
            all->hosts[all->host_count++].leader = self->peers[r].leader;
        all->hosts[h].ranks += self->peers[r].workers > 0;
        all->hosts[h].workers += self->peers[r].workers;
    }
}

bool fani_ranges_open(fani_mpi *self)
{
    self->ranges.hosts = calloc((size_t)self->size, sizeof *self->ranges.hosts);
    fani_ranges_count_workers(self);
    return self->ranges.hosts != NULL;
}

static void free_range(fani_range *range)
{
    for (odd *o = range->odds, *next; o; o = next) {
        next = o->next;
        fani_replies_clear(&o->replies);
        free(o);
    }
    for (stint *s = range->stints, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    for (fani_part *part = range->back, *next; part; part = next) {
        next = part->next;
        free(part);
    }
    free(range->have);
    free(range);
}

void fani_ranges_close(fani_mpi *self)
{
    fani_ranges *all = &self->ranges;
    while (all->parts) {
        fani_part *part = all->parts;
        all->parts = part->next;
        free(part);
    }
    while (all->ranges) {
        fani_range *range = all->ranges;
        all->ranges = range->next;
        free_range(range);
    }
    free(all->hosts);
    all->hosts = NULL;
}

/* ---- Out ----------------------------------------------------------------------------------- */

/* Items that no host has. */
static uint64_t left_of(const fani_range *range)
{
    return range->batch->items.count - range->given + range->back_items;
}

/* Guided: a share of what is left, but enough to be worth the messages. */
static uint64_t part_items(const fani_mpi *self, const fani_range *range,
                           const fani_range_host *host, double item_ns)
{
    const fani_batch *batch = range->batch;
    uint64_t left = left_of(range);
    if (self->ranges.host_count == 1)
        return left;
    double share = (double)left * host->workers / (2.0 * self->all_workers);
    double least = item_ns > 0 ? PART_NS / item_ns : PART_ITEMS;
    if (least < (double)batch->grain)
        least = (double)batch->grain;
    least *= host->workers;
    uint64_t items = (uint64_t)(share > least ? share : least);
    return items < 1 ? 1 : items < left ? items : left;
}

/* The next items in a row that no host has: at most *count, from *first on. */
static void choose(const fani_range *range, uint64_t *first, uint64_t *count)
{
    uint64_t most = range->back ? range->back->count : range->batch->items.count - range->given;
    *first = range->back ? range->back->first : range->given;
    if (*count > most)
        *count = most;
}

/* Notes that these are given. */
static void given(fani_range *range, uint64_t count)
{
    fani_part *back = range->back;
    if (!back) {
        range->given += count;
        return;
    }
    range->back_items -= count;
    back->first += count;
    back->count -= count;
    if (!back->count) {
        range->back = back->next;
        free(back);
    }
}

static fani_message *announcement(const fani_announced *range, const fani_order *order, int rank)
{
    const fani_parcel_head head = {
        .magic = FANI_ORDERS_MAGIC, .count = 1, .reply_limit = order->reply_limit, .parts = 1};
    size_t size = sizeof *range + sizeof head + fani_order_size(order, order->reply_limit);
    fani_message *message = fani_message_new(rank, FANI_TAG_RANGE, size);
    if (!message)
        return NULL;
    memcpy(message->bytes, range, sizeof *range);
    memcpy(message->bytes + sizeof *range, &head, sizeof head);
    fani_order_write(order, order->reply_limit, message->bytes + sizeof *range + sizeof head);
    return message;
}

/* Tells every rank of the host; rank 0 itself is told when no lock is held. Under `lock` and
 * `queue`. */
static void announce(fani_mpi *self, fani_part *part)
{
    const fani_range_host *host = &self->ranges.hosts[part->host];
    fani_mpi_args *args = part->args;
    for (int r = self->size - 1; r > 0; r--) {
        if (self->peers[r].leader != host->leader || !self->peers[r].workers)
            continue;
        fani_order order = part->order;
        if (args && args->told[r] != FANI_ARGS_THERE) {
            order.args_bytes = args->bytes;
            args->told[r] = FANI_ARGS_SENT;
        }
        fani_link_send(&self->link, announcement(&part->told, &order, r));
        self->peers[r].told++;
    }
    if ((part->starts_here = self->peers[0].leader == host->leader))
        atomic_store(&self->ranges.some_start, true);
}

static int free_slot(const fani_range_host *host)
{
    for (int s = 0; s < FANI_CLAIM_SLOTS; s++)
        if (!host->busy[s])
            return s;
    return -1;
}

/* What the ranks are told of a part. Under `queue`. */
static void describe(fani_mpi *self, fani_part *part, double item_ns)
{
    const fani_batch *batch = part->range->batch;
    part->told = (fani_announced){.part = part->id,
                                  .grain = batch->grain,
                                  .item_ns = item_ns,
                                  .slot = part->slot,
                                  .key = part->key,
                                  .workers = self->ranges.hosts[part->host].workers,
                                  .traced = batch->traced};
    part->order =
        (fani_order){.task = fani_mpi_task_number(self, batch->task),
                     .items = {.first = batch->items.first + part->first, .count = part->count},
                     .args = part->args ? part->args->id : 0,
                     .args_size = part->args ? part->args->size : 0,
                     .reply_limit = batch->reply_limit,
                     .priority = batch->priority};
}

/* Gives a host the next part of a range; false: it can't have one now. Under `lock`. */
static bool give_part(fani_mpi *self, fani_range *range, unsigned h)
{
    fani_ranges *all = &self->ranges;
    fani_range_host *host = &all->hosts[h];
    const fani_batch *batch = range->batch;
    int slot = free_slot(host);
    fani_part *part = slot < 0 ? NULL : calloc(1, sizeof *part);
    if (!part)
        return false;
    fani_lock_take(&self->queue);
    double item_ns = fani_mpi_item_ns(self, batch->task);
    *part = (fani_part){.next = all->parts,
                        .range = range,
                        .id = ++all->next_part,
                        .count = part_items(self, range, host, item_ns),
                        .host = h,
                        .slot = (unsigned)slot,
                        .key = ++host->keys[slot],
                        .ranks = host->ranks};
    choose(range, &part->first, &part->count);
    bool told = !batch->args.count || (part->args = fani_mpi_args_use(self, &batch->args, false));
    if (told) {
        describe(self, part, item_ns);
        announce(self, part);
    }
    fani_lock_give(&self->queue);
    if (!told) {
        free(part);
        return false;
    }
    host->busy[slot] = true;
    range->parts++;
    given(range, part->count);
    all->parts = part;
    return true;
}

/* Of this range at this host, parts that are not done and that it still claims of. Under `lock`. */
static unsigned parts_at(const fani_mpi *self, const fani_range *range, unsigned host)
{
    unsigned count = 0;
    for (const fani_part *part = self->ranges.parts; part; part = part->next)
        count += part->range == range && part->host == host && part->done < part->count &&
                 !part->comes_back;
    return count;
}

/* Under `lock`. */
static void give_parts(fani_mpi *self, fani_range *range)
{
    for (unsigned h = 0; h < self->ranges.host_count; h++)
        while (self->ranges.hosts[h].workers && range->batch && !range->revoked && left_of(range) &&
               parts_at(self, range, h) < PARTS_OUT && give_part(self, range, h)) {
        }
}

/* The oldest first; those that find no slot wait for one. Under `lock`. */
static void give_all(fani_mpi *self)
{
    for (fani_range *range = self->ranges.ranges; range; range = range->next)
        give_parts(self, range);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static bool has(const fani_range *range, uint64_t i)
{
    return range->have[i / 8] >> i % 8 & 1;
}

/* Notes items as done; false: one was already. */
static bool note_done(fani_range *range, uint64_t at, uint64_t count)
{
    bool fresh = true;
    range->done += count;
    for (uint64_t i = at; i < at + count;) {
        bool whole = i % 8 == 0 && at + count - i >= 8;
        unsigned char bits = whole ? 0xff : (unsigned char)(1U << i % 8);
        fresh = fresh && !(range->have[i / 8] & bits);
        range->have[i / 8] |= bits;
        i += whole ? 8 : 1;
    }
    return fresh;
}

/* Replies that are no plain array: all outcomes, wherever they came from, as slots. */
static fan_status compose(const fani_range *range, fani_replies *replies)
{
    fani_replies whole = {0};
    fan_status status = fani_replies_begin(&whole, replies->count, replies->limit);
    for (const odd *o = range->odds; o && !status; o = o->next)
        status = fani_replies_merge(&whole, o->at, &o->replies, 0);
    for (uint64_t i = 0; i < replies->count && !status; i++) {
        if (fani_replies_answered(&whole, i))
            continue;
        if (has(range, i))
            status = fani_replies_put(&whole, i, replies->bytes.data + i * replies->item_size,
                                      replies->item_size);
        else
            status =
                fani_replies_mark(&whole, i, *range->text ? FANI_SLOT_FAILED : FANI_SLOT_CANCELLED,
                                  *range->text ? range->text : "cancelled");
    }
    fani_replies_clear(replies);
    fani_replies_move(replies, &whole);
    replies->complete = !status;
    return status;
}

/* Tells the trace who ran what, and what nobody did. The replies are complete. */
static void trace_range(fani_mpi *self, const fani_range *range, fani_batch *batch)
{
    for (const stint *s = range->stints; s; s = s->next) {
        batch->begun_ns = s->begun_ns;
        batch->run_ns = s->run_ns;
        batch->where = s->where;
        fani_front_trace_part(self->front, batch, s->at, s->count);
    }
    batch->begun_ns = 0;
    batch->run_ns = 0;
    batch->where = (fani_where){0};
    for (uint64_t i = 0, end; i < batch->items.count; i = end) {
        bool ran = has(range, i);
        for (end = i + 1; end < batch->items.count && has(range, end) == ran;)
            end++;
        if (!ran)
            fani_front_trace_part(self->front, batch, i, end - i);
    }
}

/* Ends the batch of a range where nothing of it is to come any more. Under `drive` and `lock`. */
static void end_range(fani_mpi *self, fani_range *range)
{
    fani_batch *batch = range->batch;
    bool whole = batch && range->done == batch->items.count;
    if (!batch || (!whole && (range->parts || (left_of(range) && !range->revoked))))
        return;
    range->batch = NULL;
    if (!range->done) {
        fani_mpi_failed(self, batch, *range->text ? FANI_FAILED : FANI_CANCELLED, range->text);
        return;
    }
    if (whole && !range->odds)
        batch->replies.complete = true;
    else /* without memory they stay incomplete, which the front says */
        (void)compose(range, &batch->replies);
    if (batch->traced && batch->replies.complete)
        trace_range(self, range, batch);
    fani_mpi_finished(self, batch);
}

static void drop_range(fani_mpi *self, fani_range *range)
{
    fani_range **at = &self->ranges.ranges;
    while (*at && *at != range)
        at = &(*at)->next;
    *at = range->next;
    free_range(range);
}

static const char no_memory[] = "no rank had memory to run it";

/* What is left of a part that no rank works on any more: claims are made from its beginning on, and
 * all that was claimed is answered. */
static void part_over(fani_part *part)
{
    fani_range *range = part->range;
    if (part->done == part->count || range->revoked || !range->batch) {
        free(part);
    } else if (part->comes_back) {
        part->first += part->done;
        part->count -= part->done;
        part->next = range->back;
        range->back = part;
        range->back_items += part->count;
    } else {
        range->revoked = true; /* no more of it is given out */
        snprintf(range->text, sizeof range->text, no_memory);
        free(part);
    }
}

/* No host has anything, and none could be given anything: what there is would wait for ever. */
static void give_up(fani_mpi *self)
{
    for (fani_range *range = self->ranges.ranges; range && !self->ranges.parts; range = range->next)
        if (range->batch && !range->revoked && left_of(range)) {
            range->revoked = true;
            snprintf(range->text, sizeof range->text, no_memory);
            atomic_store(&self->ranges.some_end, true);
        }
}

/* A rank claims no more of a part. Under `drive` and `lock`. */
static void rank_over(fani_mpi *self, fani_part *part)
{
    fani_range *range = part->range;
    fani_range_host *host = &self->ranges.hosts[part->host];
    if (--part->ranks)
        return;
    fani_part **at = &self->ranges.parts;
    while (*at && *at != part)
        at = &(*at)->next;
    *at = part->next;
    host->busy[part->slot] = false;
    range->parts--;
    fani_lock_take(&self->queue);
    fani_mpi_args_release(part->args, NULL);
    fani_lock_give(&self->queue);
    part_over(part);
    give_all(self);
    give_up(self);
    end_range(self, range);
    if (!range->parts && !range->batch)
        drop_range(self, range);
}

static bool start_part(fani_mpi *self, const fani_part *part)
{
    const fani_mpi_args *kept = part->args;
    fan_items args = {0};
    if (kept) /* not the batch's own, which may end before its last claimer has noticed */
        args = (fan_items){.bytes = kept->bytes, .size = kept->size, .count = 1};
    return fani_claims_start(self, &part->told, &part->order,
                             fani_registry_numbered(part->order.task), args, NULL);
}

/* Sets rank 0's workers to parts that were given to its host. A step sees to what can't be started
 * elsewhere (`drives`: this is one). */
static void start_own(fani_mpi *self, bool drives)
{
    fani_ranges *all = &self->ranges;
    pthread_mutex_lock(&all->lock);
    atomic_store(&all->some_start, false);
    for (fani_part *part = all->parts, *next; part; part = next) {
        next = part->next;
        if (!part->starts_here)
            continue;
        part->starts_here = !start_part(self, part);
        if (part->starts_here && drives) {
            rank_over(self, part);
            next = all->parts; /* others may have ended with it */
        } else if (part->starts_here) {
            atomic_store(&all->some_start, true);
        }
    }
    pthread_mutex_unlock(&all->lock);
}

/* Ends what was taken back before any rank had a part of it. Under `drive`. */
static void end_revoked(fani_mpi *self)
{
    fani_ranges *all = &self->ranges;
    pthread_mutex_lock(&all->lock);
    for (fani_range *range = all->ranges, *next; range; range = next) {
        next = range->next;
        if (!range->revoked || range->parts)
            continue;
        end_range(self, range);
        drop_range(self, range);
    }
    pthread_mutex_unlock(&all->lock);
}

void fani_ranges_step(fani_mpi *self)
{
    if (atomic_load_explicit(&self->ranges.some_start, memory_order_relaxed))
        start_own(self, true);
    if (atomic_exchange(&self->ranges.some_end, false))
        end_revoked(self);
}

/* ---- In ------------------------------------------------------------------------------------ */

/* Whether an answer's replies simply belong into the batch's array, which the first one makes. */
static bool fits(fani_batch *batch, const fani_range *range, const fani_answer *answer)
{
    fani_replies *replies = &batch->replies;
    if (!answer->plain || answer->item_size * answer->count != answer->size)
        return false;
    if (!replies->array && !range->odds && !range->done)
        (void)fani_replies_array(replies, answer->item_size);
    return replies->array && replies->item_size == answer->item_size;
}

/* Takes in what was claimed at `at` of the range. Under `lock`. */
static fan_status store(fani_range *range, uint64_t at, const fani_answer *answer)
{
    fani_batch *batch = range->batch;
    if (answer->verdict == FANI_DONE && fits(batch, range, answer)) {
        memcpy(batch->replies.bytes.data + at * answer->item_size, answer->bytes, answer->size);
        return FAN_OK;
    }
    odd *o = calloc(1, sizeof *o);
    if (!o)
        return FAN_E_MEMORY;
    o->at = at;
    o->next = range->odds;
    range->odds = o;
    if (answer->verdict == FANI_DONE)
        return fani_answer_replies(answer, answer->count, &o->replies);
    char text[FANI_MPI_TEXT_SIZE];
    snprintf(text, sizeof text, "%.*s", (int)(answer->size < 200 ? answer->size : 200),
             (const char *)answer->bytes);
    fan_status status = fani_replies_begin(&o->replies, answer->count, SIZE_MAX);
    for (size_t i = 0; i < answer->count && !status; i++)
        status = fani_replies_mark(&o->replies, i, FANI_SLOT_FAILED, text);
    return status;
}

/* Notes who ran a piece, for the trace; without memory for it the trace lacks it. */
static void note_stint(fani_range *range, uint64_t at, const fani_answer *answer)
{
    stint *s = range->batch->traced ? malloc(sizeof *s) : NULL;
    if (!s)
        return;
    *s = (stint){.next = range->stints,
                 .at = at,
                 .count = answer->count,
                 .begun_ns = answer->begun_ns,
                 .run_ns = answer->run_ns,
                 .where = answer->where};
    range->stints = s;
}

/* Of a part nothing will be claimed from `at` on: that comes back, while what was claimed before
 * still runs. Without memory for it it comes back when that has ended. Under `lock`. */
static void cut_part(fani_part *part, uint64_t at)
{
    fani_range *range = part->range;
    bool back = part->comes_back && at < part->count && !range->revoked && range->batch;
    fani_part *rest = back ? calloc(1, sizeof *rest) : NULL;
    if (!rest)
        return;
    *rest = (fani_part){.next = range->back, .first = part->first + at, .count = part->count - at};
    range->back = rest;
    range->back_items += rest->count;
    part->count = at;
}

static fani_part *find_part(const fani_mpi *self, uint64_t id)
{
    fani_part *part = self->ranges.parts;
    while (part && part->id != id)
        part = part->next;
    return part;
}

/* What was claimed. Under `drive` and `lock`. */
static fan_status part_done(fani_part *part, const fani_answer *answer)
{
    fani_range *range = part->range;
    if (answer->first >= part->count || answer->count > part->count - answer->first ||
        !range->batch)
        return FAN_E_PROTOCOL;
    uint64_t at = part->first + answer->first;
    fan_status status = store(range, at, answer);
    if (!note_done(range, at, answer->count))
        status = FAN_E_PROTOCOL;
    note_stint(range, at, answer);
    part->done += answer->count;
    return status;
}

static fan_status parts_done(fani_part *part, const fani_answer *answer)
{
    fani_answer one = {0};
    fan_status status = FAN_OK;
    while (!status && fani_answer_part(answer, &one))
        status = part_done(part, &one);
    return status || one.bytes ? status : FAN_E_PROTOCOL;
}

/* One answer of a rank. Under `drive` and `lock`. */
static fan_status claimed(fani_mpi *self, int rank, const fani_answer *answer,
                          fani_learned *learned)
{
    fani_part *part = find_part(self, answer->ticket);
    if (!part)
        return FAN_E_PROTOCOL;
    if (!answer->count && !answer->many) {
        if (part->args && rank)
            part->args->told[rank] = FANI_ARGS_THERE;
        rank_over(self, part);
        return FAN_OK;
    }
    fani_range *range = part->range;
    if (answer->verdict == FANI_CANCELLED) {
        cut_part(part, answer->first);
        give_parts(self, range);
        return FAN_OK;
    }
    uint64_t before = part->done;
    fan_status status = answer->many ? parts_done(part, answer) : part_done(part, answer);
    if (status)
        return status;
    range->batch->run_ns += answer->run_ns;
    fani_learned_add(learned, self, range->batch->task, answer->run_ns,
                     (size_t)(part->done - before));
    if (part->done == part->count)
        give_parts(self, range);
    end_range(self, range);
    return FAN_OK;
}

void fani_ranges_claimed_came(fani_mpi *self, fani_message *message)
{
    fani_answers_read answers;
    fani_answer answer;
    fani_learned learned = {0};
    fan_status status = self->rank == 0 ? fani_answers_open(&answers, message->bytes, message->size)
                                        : FAN_E_PROTOCOL;
    if (!status) {
        pthread_mutex_lock(&self->ranges.lock);
        if (message->peer)
            fani_mpi_lost_there(self, message->peer, answers.head.workers_lost);
        for (uint32_t i = 0; i < answers.count && !status; i++) {
            status = fani_answer_next(&answers, &answer);
            if (!status)
                status = claimed(self, message->peer, &answer, &learned);
        }
        pthread_mutex_unlock(&self->ranges.lock);
        fani_learned_end(&learned, self);
        fani_ranges_step(self);
    }
    if (status)
        fani_link_break(&self->link, status, "a malformed or unexpected answer about a range");
    free(message);
}

/* ---- Begin and revoke ---------------------------------------------------------------------- */

bool fani_ranges_take(fani_mpi *self, fani_batch *batch)
{
    fani_ranges *all = &self->ranges;
    if (!all->hosts || !batch->divisible || batch->items.bytes || batch->items.offsets ||
        batch->timeout_ns || batch->items.count < 2 ||
        batch->items.count >> (FANI_CLAIM_OFFSET_BITS - 1) || atomic_load(&self->close_sent) ||
        fani_link_broken(&self->link, NULL))
        return false;
    fani_range *range = calloc(1, sizeof *range);
    unsigned char *have = range ? calloc(batch->items.count / 8 + 1, 1) : NULL;
    if (!have) {
        free(range);
        return false;
    }
    *range = (fani_range){.batch = batch, .have = have};
    fani_replies_begin(&batch->replies, batch->items.count, batch->reply_limit);
    batch->run_ns = 0;
    pthread_mutex_lock(&all->lock);
    fani_range **end = &all->ranges;
    while (*end)
        end = &(*end)->next;
    give_parts(self, range);
    bool taken = range->parts || all->parts; /* else it would wait for ever: memory is short */
    if (taken)
        *end = range;
    pthread_mutex_unlock(&all->lock);
    if (!taken)
        free_range(range);
    else
        start_own(self, false);
    return taken;
}

static void send_stop(fani_mpi *self, const fani_part *part, bool kill)
{
    const fani_range_host *host = &self->ranges.hosts[part->host];
    fani_lock_take(&self->queue);
    for (int r = 1; r < self->size; r++) {
        if (self->peers[r].leader != host->leader)
            continue;
        const fani_mpi_revocation what = {
            .after = self->peers[r].told, .ticket = part->id, .kill = kill};
        fani_message *message = fani_message_new(r, FANI_TAG_RANGE_STOP, sizeof what);
        if (message)
            memcpy(message->bytes, &what, sizeof what);
        fani_link_send(&self->link, message);
    }
    fani_lock_give(&self->queue);
}

/* Takes all that is left of a part; returns how many items had been claimed, as fani_claims_exhaust
 * does (UINT64_MAX for those of another host). Under `lock`. */
static uint64_t stop_part(fani_mpi *self, const fani_part *part, bool kill)
{
    bool own = self->ranges.hosts[part->host].leader == self->peers[0].leader;
    uint64_t before = own ? fani_claims_exhaust(self, part->slot, part->key) : UINT64_MAX;
    send_stop(self, part, kill);
    return before;
}

/* The same of all parts of a range. Under `lock`. */
static void stop_range(fani_mpi *self, fani_range *range, bool kill)
{
    range->revoked = true;
    atomic_store(&self->ranges.some_end, true);
    for (const fani_part *part = self->ranges.parts; part; part = part->next)
        if (part->range == range)
            stop_part(self, part, kill);
}

/* The id of a part, above `after`, of a revoked range or (`back`) that comes back; 0: none. */
static uint64_t next_part(fani_mpi *self, bool back, uint64_t after)
{
    uint64_t next = 0;
    pthread_mutex_lock(&self->ranges.lock);
    for (const fani_part *part = self->ranges.parts; part; part = part->next)
        if ((back ? part->comes_back : part->range->revoked) && part->id > after &&
            (!next || part->id < next))
            next = part->id;
    pthread_mutex_unlock(&self->ranges.lock);
    return next;
}

void fani_ranges_share_anew(fani_mpi *self)
{
    fani_ranges *all = &self->ranges;
    if (!all->hosts)
        return;
    pthread_mutex_lock(&all->lock);
    for (fani_part *part = all->parts; part; part = part->next)
        if (!part->comes_back && !part->range->revoked && part->done < part->count) {
            part->comes_back = true;
            cut_part(part, stop_part(self, part, false));
        }
    give_all(self);
    pthread_mutex_unlock(&all->lock);
    start_own(self, false);
    for (uint64_t part = 0; (part = next_part(self, true, part));)
        fani_claims_stop(self, part, false);
}

void fani_ranges_revoke(fani_mpi *self, const fani_batch *batch, bool kill)
{
    fani_ranges *all = &self->ranges;
    if (!all->hosts)
        return;
    pthread_mutex_lock(&all->lock);
    for (fani_range *range = all->ranges; range; range = range->next)
        if (range->batch && (!batch || range->batch == batch))
            stop_range(self, range, kill);
    pthread_mutex_unlock(&all->lock);
    for (uint64_t part = 0; (part = next_part(self, false, part));)
        fani_claims_stop(self, part, kill);
    fani_bell_ring(&self->bell);
}

bool fani_ranges_fail_all(fani_mpi *self, const char *text)
{
    fani_ranges *all = &self->ranges;
    bool any = false;
    if (!all->hosts)
        return false;
    pthread_mutex_lock(&all->lock);
    for (fani_range *range = all->ranges; range; range = range->next) {
        if (!range->batch)
            continue;
        any = true;
        stop_range(self, range, false);
        fani_mpi_failed(self, range->batch, FANI_FAILED, text);
        range->batch = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    return any;
}
