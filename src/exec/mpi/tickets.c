#include "tickets.h"

#include <stdlib.h>

bool fani_tickets_reserve(fani_tickets *tickets)
{
    if (tickets->first_free)
        return true;
    uint32_t capacity = tickets->capacity ? tickets->capacity * 2 : 64;
    fani_ticket *all =
        capacity > tickets->capacity ? reallocarray(tickets->all, capacity, sizeof *all) : NULL;
    if (!all)
        return false;
    for (uint32_t i = capacity; i-- > tickets->capacity;) {
        all[i] = (fani_ticket){.next_free = tickets->first_free};
        tickets->first_free = i + 1;
    }
    tickets->all = all;
    tickets->capacity = capacity;
    return true;
}

uint64_t fani_tickets_give(fani_tickets *tickets, const fani_ticket *what)
{
    uint32_t at = tickets->first_free - 1;
    fani_ticket *ticket = &tickets->all[at];
    uint32_t use = ticket->use + 1;
    tickets->first_free = ticket->next_free;
    *ticket = *what;
    ticket->use = use;
    tickets->out++;
    return (uint64_t)use << 32 | at;
}

bool fani_tickets_peek(const fani_tickets *tickets, uint64_t number, fani_ticket *what)
{
    uint32_t at = (uint32_t)number;
    const fani_ticket *ticket = at < tickets->capacity ? &tickets->all[at] : NULL;
    if (!ticket || !ticket->batch || ticket->use != number >> 32)
        return false;
    *what = *ticket;
    return true;
}

bool fani_tickets_take(fani_tickets *tickets, uint64_t number, fani_ticket *what)
{
    uint32_t at = (uint32_t)number;
    if (!fani_tickets_peek(tickets, number, what))
        return false;
    fani_ticket *ticket = &tickets->all[at];
    ticket->batch = NULL;
    ticket->next_free = tickets->first_free;
    tickets->first_free = at + 1;
    tickets->out--;
    return true;
}

void fani_tickets_clear(fani_tickets *tickets)
{
    free(tickets->all);
    *tickets = (fani_tickets){0};
}
