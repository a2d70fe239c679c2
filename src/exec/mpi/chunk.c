#include "chunk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tags.h"

typedef struct head {
    uint64_t size;
    int64_t tag;
} head;

/* ---- Sending ------------------------------------------------------------------------------- */

static fani_message *make_head(fani_message *whole)
{
    const head about = {.size = whole->size, .tag = whole->tag};
    fani_message *message = fani_message_new(whole->peer, FANI_TAG_LONG, sizeof about);
    if (!message)
        return NULL;
    memcpy(message->bytes, &about, sizeof about);
    whole->missing = whole->size;
    return message;
}

static fani_message *make_part(fani_link *link, fani_message *whole)
{
    size_t left = whole->size - link->cut;
    size_t size = left < link->limit ? left : link->limit;
    fani_message *part =
        fani_message_borrow(whole->peer, FANI_TAG_PART, whole->bytes + link->cut, size);
    if (!part)
        return NULL;
    part->borrowed = false; /* from the whole, whose own flag tells where the bytes are from */
    part->whole = whole;
    link->cut += size;
    if (link->cut == whole->size) {
        link->cut = 0;
        link->next_out = NULL;
    }
    return part;
}

fani_message *fani_chunk_cut(fani_link *link)
{
    fani_message *whole = link->next_out;
    fani_message *piece = whole->missing ? make_part(link, whole) : make_head(whole);
    if (piece)
        atomic_fetch_add(&link->unsent, 1);
    return piece;
}

bool fani_chunk_done(const fani_message *part)
{
    part->whole->missing -= part->size;
    return part->whole->missing == 0;
}

/* ---- Receiving ----------------------------------------------------------------------------- */

static void malformed(fani_link *link, int peer, size_t size)
{
    char text[128];
    snprintf(text, sizeof text, "a malformed part of %zu bytes of a message from rank %d", size,
             peer);
    fani_link_break(link, FAN_E_PROTOCOL, text);
}

/* Parts come in order and without gaps, because messages of one rank do. */
fani_message *fani_chunk_room(fani_link *link, int peer, size_t size)
{
    fani_message **at = &link->growing;
    while (*at && (*at)->peer != peer)
        at = &(*at)->next;
    fani_message *whole = *at;
    if (!whole || size > whole->size - whole->number) {
        malformed(link, peer, size);
        return NULL;
    }
    fani_message *part =
        fani_message_borrow(peer, FANI_TAG_PART, whole->bytes + whole->number, size);
    if (!part) {
        fani_link_break(link, FAN_E_MEMORY, "no memory for a part of a message");
        return NULL;
    }
    part->whole = whole;
    whole->number += size;
    if (whole->number == whole->size) {
        *at = whole->next;
        whole->next = NULL;
        whole->number = 0;
    }
    return part;
}

static void head_landed(fani_link *link, const fani_message *message)
{
    head about;
    link->heads--;
    if (message->size != sizeof about) {
        malformed(link, message->peer, message->size);
        return;
    }
    memcpy(&about, message->bytes, sizeof about);
    fani_message *whole = fani_link_room(link, message->peer, (int)about.tag, (size_t)about.size);
    if (!whole)
        return;
    whole->missing = whole->size;
    whole->next = link->growing;
    link->growing = whole;
}

void fani_chunk_landed(fani_link *link, fani_message *message)
{
    fani_message *whole = message->whole;
    link->user.heard(link->user.user, message->peer);
    if (message->tag == FANI_TAG_LONG)
        head_landed(link, message);
    else if (fani_chunk_done(message))
        link->user.handle(link->user.user, whole);
    free(message);
}

void fani_chunk_clear(fani_link *link)
{
    while (link->growing) {
        fani_message *whole = link->growing;
        link->growing = whole->next;
        free(whole);
    }
}
