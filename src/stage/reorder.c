/* Two sets of records wait: the `fresh` ones in memory, a heap by their first index, and the saved
 * ones in the file, an array by it. Fresh ones are saved all at once, so that neighbours become one
 * record, and records in the file are mostly added behind those that are there. */
#include "stage/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    MEMORY_BYTES = 16 << 20,
    BYTES_MAX = 1 << 30,
    RECORDS_MAX = 1 << 19,
    RECORD_COST = 64,       /* bytes of memory, beside its own */
    TOGETHER_MAX = 1 << 20, /* bytes of neighbours that become one */
};

typedef struct fresh {
    uint64_t first, count;
    unsigned char *bytes; /* NULL: these indices do not come */
    size_t size;
} fresh;

struct fani_reorder {
    fani_reorder_options options;
    uint64_t next;
    uint64_t waiting;

    fresh *heap;
    size_t heap_count, heap_room;
    uint64_t fresh_bytes; /* with what each costs */
    bool in_memory_alone; /* the file can't be written */

    fani_reorder_saved *saved; /* from `begin` to `end` */
    size_t begin, end, saved_room;
    fani_reorder_saved *untold; /* written since the last save, taken ones among them */
    size_t untold_count, untold_room;

    fan_buffer scratch;
    unsigned char *given; /* what was taken last, where it was fresh */
};

fani_reorder *fani_reorder_new(const fani_reorder_options *options)
{
    fani_reorder *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->options = *options;
    r->next = options->next;
    r->in_memory_alone = !options->spill;
    if (!r->options.memory_bytes)
        r->options.memory_bytes = MEMORY_BYTES;
    if (!r->options.bytes_max)
        r->options.bytes_max = BYTES_MAX;
    if (!r->options.records_max)
        r->options.records_max = RECORDS_MAX;
    return r;
}

void fani_reorder_free(fani_reorder *buffer)
{
    if (!buffer)
        return;
    for (size_t i = 0; i < buffer->heap_count; i++)
        free(buffer->heap[i].bytes);
    free(buffer->heap);
    free(buffer->saved);
    free(buffer->untold);
    free(buffer->given);
    free(buffer->scratch.bytes);
    free(buffer);
}

static fan_status out_of_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

/* Room for `more` elements of `size` bytes behind `count`. False: no memory. */
static bool reserve(void **at, size_t *room, size_t count, size_t more, size_t size)
{
    if (more <= *room - count)
        return true;
    size_t wanted = count + more + count / 2 + 16;
    void *grown = realloc(*at, wanted * size);
    if (!grown)
        return false;
    *at = grown;
    *room = wanted;
    return true;
}

/* ---- In memory ------------------------------------------------------------------------------- */

static void rise(fresh *heap, size_t i)
{
    fresh moved = heap[i];
    for (size_t up; i && heap[up = (i - 1) / 2].first > moved.first; i = up)
        heap[i] = heap[up];
    heap[i] = moved;
}

static void sink(fresh *heap, size_t count)
{
    fresh moved = heap[0];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < count; i = down) {
        down += down + 1 < count && heap[down + 1].first < heap[down].first;
        if (heap[down].first >= moved.first)
            break;
        heap[i] = heap[down];
    }
    heap[i] = moved;
}

static uint64_t cost(const fresh *f)
{
    return f->size + RECORD_COST;
}

static fresh pop(fani_reorder *r)
{
    fresh top = r->heap[0];
    r->fresh_bytes -= cost(&top);
    r->waiting -= top.count;
    r->heap[0] = r->heap[--r->heap_count];
    if (r->heap_count)
        sink(r->heap, r->heap_count);
    return top;
}

static fan_status push(fani_reorder *r, const fresh *f, fan_error *error)
{
    if (f->first < r->next || f->count > UINT64_MAX - f->first)
        return fani_error_set(error, FAN_E_ARGUMENT, "index %llu comes after index %llu",
                              (unsigned long long)f->first, (unsigned long long)r->next);
    if (!reserve((void **)&r->heap, &r->heap_room, r->heap_count, 1, sizeof *r->heap))
        return out_of_memory(error);
    r->heap[r->heap_count] = *f;
    rise(r->heap, r->heap_count++);
    r->fresh_bytes += cost(f);
    r->waiting += f->count;
    return FAN_OK;
}

/* ---- In the file ----------------------------------------------------------------------------- */

static int by_first(const void *left, const void *right)
{
    const fresh *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* How many records from number i on become one: neighbours, as long as they are small. */
static size_t together(const fani_reorder *r, size_t i, uint64_t *size)
{
    size_t count = 1;
    *size = r->heap[i].size;
    for (const fresh *f = &r->heap[i]; i + count < r->heap_count; f++, count++) {
        const fresh *more = f + 1;
        if (!more->bytes || more->first != f->first + f->count || *size + more->size > TOGETHER_MAX)
            break;
        *size += more->size;
    }
    return count;
}

static bool scratch_room(fani_reorder *r, size_t size)
{
    if (size <= r->scratch.capacity)
        return true;
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return false;
    free(r->scratch.bytes);
    r->scratch.bytes = bytes;
    r->scratch.capacity = size;
    return true;
}

/* Writes `count` records as one and adds it to those that nobody was told of. */
static fan_status write_together(fani_reorder *r, const fresh *from, size_t count, uint64_t size,
                                 fan_error *error)
{
    fani_reorder_saved to = {.first = from->first, .size = size};
    const unsigned char *bytes = from->bytes;
    if (count > 1 && !scratch_room(r, size))
        return out_of_memory(error);
    for (size_t i = 0, at = 0; i < count; at += from[i++].size) {
        if (count > 1)
            memcpy(r->scratch.bytes + at, from[i].bytes, from[i].size);
        to.count += from[i].count;
    }
    if (count > 1)
        bytes = r->scratch.bytes;
    to.hash = XXH3_64bits_withSeed(bytes, size, to.first);
    fan_status status = fani_spill_write(r->options.spill, bytes, size, &to.place, error);
    if (status == FAN_OK)
        r->untold[r->untold_count++] = to;
    return status;
}

/* Adds what was just written, in the order of indices, to those in the file: from behind, so that
 * those that are beyond all others only go to the end. */
static void merge_saved(fani_reorder *r, const fani_reorder_saved *more, size_t count)
{
    fani_reorder_saved *saved = r->saved;
    size_t old = r->end, to = r->end + count;
    r->end = to;
    while (count) {
        if (old > r->begin && saved[old - 1].first > more[count - 1].first)
            saved[--to] = saved[--old];
        else
            saved[--to] = more[--count];
    }
}

/* Room for all fresh records among those in the file. */
static bool saved_room(fani_reorder *r)
{
    if (r->begin > (r->end - r->begin) + RECORD_COST) {
        memmove(r->saved, r->saved + r->begin, (r->end - r->begin) * sizeof *r->saved);
        r->end -= r->begin;
        r->begin = 0;
    }
    return reserve((void **)&r->saved, &r->saved_room, r->end, r->heap_count, sizeof *r->saved) &&
           reserve((void **)&r->untold, &r->untold_room, r->untold_count, r->heap_count,
                   sizeof *r->untold);
}

/* Sorted, the heap is one all the same; what can't be written stays in it. */
static fan_status write_fresh(fani_reorder *r, fan_error *error)
{
    fan_status status = FAN_OK;
    size_t told_before = r->untold_count, kept = 0, step;
    if (!saved_room(r))
        return out_of_memory(error);
    qsort(r->heap, r->heap_count, sizeof *r->heap, by_first);
    for (size_t i = 0; i < r->heap_count; i += step) {
        uint64_t size = 0;
        step = 1;
        if (status == FAN_OK && r->heap[i].bytes) {
            step = together(r, i, &size);
            status = write_together(r, &r->heap[i], step, size, error);
        }
        for (size_t k = i; k < i + step; k++) {
            if (status != FAN_OK || !r->heap[k].bytes) {
                r->heap[kept++] = r->heap[k];
                continue;
            }
            r->fresh_bytes -= cost(&r->heap[k]);
            free(r->heap[k].bytes);
        }
    }
    r->heap_count = kept;
    merge_saved(r, r->untold + told_before, r->untold_count - told_before);
    if (!r->options.must_spill) /* nobody will ask */
        r->untold_count = 0;
    return status;
}

/* What is too much for the memory goes to the file. */
static fan_status bound_memory(fani_reorder *r, fan_error *error)
{
    if (r->fresh_bytes <= r->options.memory_bytes || r->in_memory_alone)
        return FAN_OK;
    if (r->options.must_spill)
        return write_fresh(r, error);
    r->in_memory_alone = write_fresh(r, NULL) != FAN_OK;
    return FAN_OK;
}

fan_status fani_reorder_save(fani_reorder *r,
                             fan_status (*told)(void *user, const fani_reorder_saved *saved,
                                                fan_error *error),
                             void *user, fan_error *error)
{
    fan_status status = r->heap_count ? write_fresh(r, error) : FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < r->untold_count; i++)
        if (r->untold[i].first >= r->next)
            status = told(user, &r->untold[i], error);
    if (status == FAN_OK)
        r->untold_count = 0;
    return status;
}

/* ---- In and out ------------------------------------------------------------------------------ */

fan_status fani_reorder_put(fani_reorder *r, uint64_t first, uint64_t count, fan_buffer *bytes,
                            fan_error *error)
{
    fresh f = {.first = first, .count = count, .bytes = bytes->bytes, .size = bytes->size};
    *bytes = (fan_buffer){0};
    fan_status status = push(r, &f, error);
    if (status != FAN_OK) {
        free(f.bytes);
        return status;
    }
    return bound_memory(r, error);
}

/* Goes on over what does not come. */
static void pass_gaps(fani_reorder *r)
{
    while (r->heap && r->heap_count && r->heap[0].first == r->next && !r->heap[0].bytes)
        r->next += pop(r).count;
}

fan_status fani_reorder_skip(fani_reorder *r, uint64_t first, uint64_t count, fan_error *error)
{
    fan_status status = push(r, &(fresh){.first = first, .count = count}, error);
    if (status == FAN_OK)
        pass_gaps(r);
    return status;
}

void fani_reorder_pass(fani_reorder *r, uint64_t count)
{
    r->next += count;
    pass_gaps(r);
}

static fan_status take_saved(fani_reorder *r, fani_reorder_record *record, fan_error *error)
{
    const fani_reorder_saved *from = &r->saved[r->begin];
    if (!scratch_room(r, from->size))
        return out_of_memory(error);
    fan_status status =
        fani_spill_read(r->options.spill, from->place, from->size, r->scratch.bytes, error);
    if (status != FAN_OK)
        return status;
    if (XXH3_64bits_withSeed(r->scratch.bytes, from->size, from->first) != from->hash)
        return fani_error_set(error, FAN_E_INPUT,
                              "what waits for its turn was changed by somebody else");
    *record = (fani_reorder_record){
        .first = from->first, .count = from->count, .bytes = r->scratch.bytes, .size = from->size};
    fani_spill_give(r->options.spill, from->place, from->size);
    r->waiting -= from->count;
    if (++r->begin == r->end)
        r->begin = r->end = 0;
    return FAN_OK;
}

static fani_reorder_record take_fresh(fani_reorder *r)
{
    fresh f = pop(r);
    r->given = f.bytes;
    r->in_memory_alone &= !r->options.spill || r->fresh_bytes > r->options.memory_bytes / 2;
    return (fani_reorder_record){
        .first = f.first, .count = f.count, .bytes = f.bytes, .size = f.size};
}

fan_status fani_reorder_take(fani_reorder *r, uint64_t limit, fani_reorder_record *record,
                             fan_error *error)
{
    fan_status status = FAN_OK;
    free(r->given);
    r->given = NULL;
    *record = (fani_reorder_record){0};
    const fresh *top = r->heap_count ? r->heap : NULL;
    const fani_reorder_saved *front = r->begin < r->end ? &r->saved[r->begin] : NULL;
    if (top && top->first == r->next && top->first + top->count <= limit)
        *record = take_fresh(r);
    else if (front && front->first == r->next && front->first + front->count <= limit)
        status = take_saved(r, record, error);
    r->next += record->count;
    pass_gaps(r);
    return status;
}

uint64_t fani_reorder_next(const fani_reorder *r)
{
    return r->next;
}

uint64_t fani_reorder_waiting(const fani_reorder *r)
{
    return r->waiting;
}

bool fani_reorder_full(const fani_reorder *r)
{
    uint64_t saved = r->options.spill ? fani_spill_used(r->options.spill) : 0;
    return r->fresh_bytes + saved >= r->options.bytes_max ||
           r->end - r->begin >= r->options.records_max ||
           (r->in_memory_alone && r->fresh_bytes >= r->options.memory_bytes);
}

/* ---- What an earlier one has saved ----------------------------------------------------------- */

static bool is_whole(fani_reorder *r, const fani_reorder_saved *saved)
{
    return scratch_room(r, saved->size) &&
           fani_spill_read(r->options.spill, saved->place, saved->size, r->scratch.bytes, NULL) ==
               FAN_OK &&
           XXH3_64bits_withSeed(r->scratch.bytes, saved->size, saved->first) == saved->hash;
}

/* Where it belongs among those in the file; false: its indices are taken. */
static bool find_place(const fani_reorder *r, const fani_reorder_saved *saved, size_t *at)
{
    size_t low = r->begin, high = r->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->saved[middle].first < saved->first)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return (low == r->end || saved->first + saved->count <= r->saved[low].first) &&
           (low == r->begin || r->saved[low - 1].first + r->saved[low - 1].count <= saved->first);
}

bool fani_reorder_adopt(fani_reorder *r, const fani_reorder_saved *saved)
{
    size_t at;
    if (saved->first < r->next || !saved->count || saved->count > UINT64_MAX - saved->first ||
        !find_place(r, saved, &at) ||
        !reserve((void **)&r->saved, &r->saved_room, r->end, 1, sizeof *r->saved) ||
        !fani_spill_claim(r->options.spill, saved->place, saved->size))
        return false;
    if (!is_whole(r, saved)) {
        fani_spill_give(r->options.spill, saved->place, saved->size);
        return false;
    }
    memmove(r->saved + at + 1, r->saved + at, (r->end - at) * sizeof *r->saved);
    r->saved[at] = *saved;
    r->end++;
    r->waiting += saved->count;
    return true;
}
