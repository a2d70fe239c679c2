#include "task/parts.h"

#include <stdlib.h>
#include <string.h>

void fani_parts_init(fani_parts *parts, const fan_task *task, const fan_items *items,
                     const fan_items *args, size_t reply_limit, fani_replies *whole)
{
    *parts = (fani_parts){
        .task = task, .items = *items, .args = *args, .reply_limit = reply_limit, .whole = whole};
    pthread_mutex_init(&parts->lock, NULL);
    fani_replies_begin(whole, items->count, reply_limit);
}

/* The first part that answers with an array decides what the array is. */
static unsigned char *agree(fani_parts *parts, size_t size)
{
    pthread_mutex_lock(&parts->lock);
    unsigned char *array = atomic_load_explicit(&parts->array, memory_order_relaxed);
    if (!array && (array = fani_replies_array_raw(parts->whole, size))) {
        parts->item_size = size;
        atomic_store_explicit(&parts->array, array, memory_order_release);
    }
    pthread_mutex_unlock(&parts->lock);
    return array;
}

void *fani_parts_array(fani_parts *parts, size_t at, size_t count, size_t size)
{
    unsigned char *array = atomic_load_explicit(&parts->array, memory_order_acquire);
    if (!array)
        array = agree(parts, size);
    if (!array || size != parts->item_size)
        return NULL;
    unsigned char *place = array + at * size;
    if (count * size == sizeof(uint64_t)) /* one number: what calling memset costs is seen */
        memcpy(place, &(uint64_t){0}, sizeof(uint64_t));
    else
        memset(place, 0, count * size);
    return place;
}

void fani_parts_keep(fani_parts *parts, size_t at, bool array, fani_replies *replies)
{
    fani_odd_part *odd = calloc(1, sizeof *odd);
    if (odd) {
        odd->at = at;
        odd->array = array;
        fani_replies_move(&odd->replies, replies);
    } else {
        fani_replies_clear(replies);
    }
    pthread_mutex_lock(&parts->lock);
    if (odd) {
        odd->next = parts->odd;
        parts->odd = odd;
    } else {
        parts->status = FAN_E_MEMORY;
    }
    pthread_mutex_unlock(&parts->lock);
}

void fani_parts_mark(fani_parts *parts, size_t at, size_t count, fani_slot_state state,
                     const char *text)
{
    fani_replies marks = {0};
    fani_replies_begin(&marks, count, parts->reply_limit);
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = fani_replies_mark(&marks, i, state, text);
    marks.complete = true;
    if (status == FAN_OK) {
        fani_parts_keep(parts, at, true, &marks);
        return;
    }
    fani_replies_clear(&marks);
    pthread_mutex_lock(&parts->lock);
    parts->status = FAN_E_MEMORY;
    pthread_mutex_unlock(&parts->lock);
}

/* Whether some part answered otherwise than by its places in the array. */
static bool needs_slots(const fani_parts *parts)
{
    for (const fani_odd_part *odd = parts->odd; odd; odd = odd->next)
        if (!odd->array)
            return true;
    return false;
}

/* As they came, which is mostly the order of their items: they were put in front of each other. */
static fani_odd_part *turn_round(fani_odd_part *odd)
{
    fani_odd_part *turned = NULL;
    for (fani_odd_part *next; odd; odd = next) {
        next = odd->next;
        odd->next = turned;
        turned = odd;
    }
    return turned;
}

/* Adds what one part has. One that is all there is need not be copied. */
static fan_status add_odd(fani_replies *whole, fani_odd_part *odd, bool only)
{
    if (!only || odd->array || odd->replies.count != whole->count || whole->array ||
        whole->bytes.lent)
        return fani_replies_add(whole, odd->at, &odd->replies, odd->array);
    fani_replies_clear(whole);
    fani_replies_move(whole, &odd->replies);
    return FAN_OK;
}

fan_status fani_parts_end(fani_parts *parts)
{
    fan_status status = parts->status;
    bool only = parts->odd && !parts->odd->next;
    if (status == FAN_OK && parts->whole->array && needs_slots(parts))
        status = fani_replies_unarray(parts->whole);
    for (fani_odd_part *odd = turn_round(parts->odd), *next; odd; odd = next) {
        next = odd->next;
        if (status == FAN_OK)
            status = add_odd(parts->whole, odd, only);
        fani_replies_clear(&odd->replies);
        free(odd);
    }
    parts->odd = NULL;
    pthread_mutex_destroy(&parts->lock);
    if (status == FAN_OK)
        status = fani_replies_finish(parts->whole, "the task gave no reply");
    return status;
}
