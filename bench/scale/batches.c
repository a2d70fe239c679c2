#include "batches.h"

#include <stdlib.h>

enum { ROOM_FIRST = 1024, ROOM_MOST = 1 << 30 };

int32_t scale_batch_new(scale_batches *batches)
{
    int32_t number = batches->free;
    if (number != SCALE_NONE) {
        batches->free = batches->all[number].next;
        return number;
    }
    if (batches->count == batches->room) {
        if (batches->room == ROOM_MOST)
            return SCALE_NONE;
        int32_t room = batches->room ? batches->room * 2 : ROOM_FIRST;
        scale_batch *all = reallocarray(batches->all, (size_t)room, sizeof *all);
        if (!all)
            return SCALE_NONE;
        batches->all = all;
        batches->room = room;
    }
    return batches->count++;
}

void scale_batch_free(scale_batches *batches, int32_t number)
{
    batches->all[number].next = batches->free;
    batches->free = number;
}

void scale_batches_clear(scale_batches *batches)
{
    free(batches->all);
    *batches = scale_batches_none;
}

void scale_list_add(scale_batches *batches, scale_list *to, int32_t number)
{
    batches->all[number].next = SCALE_NONE;
    if (to->last == SCALE_NONE)
        to->first = number;
    else
        batches->all[to->last].next = number;
    to->last = number;
}

int32_t scale_list_take(scale_batches *batches, scale_list *from)
{
    int32_t number = from->first;
    from->first = batches->all[number].next;
    if (from->first == SCALE_NONE)
        from->last = SCALE_NONE;
    batches->all[number].next = SCALE_NONE;
    return number;
}

void scale_message_add(scale_batches *batches, scale_list *to, int32_t head)
{
    batches->all[head].next_message = SCALE_NONE;
    if (to->last == SCALE_NONE)
        to->first = head;
    else
        batches->all[to->last].next_message = head;
    to->last = head;
}

int32_t scale_message_take(scale_batches *batches, scale_list *from)
{
    int32_t head = from->first;
    from->first = batches->all[head].next_message;
    if (from->first == SCALE_NONE)
        from->last = SCALE_NONE;
    return head;
}
