#include "keys_scan.h"

#include <errno.h>
#include <string.h>

size_t fani_key_fill(fani_key_scanner *s, size_t wanted)
{
    size_t held = s->end - s->start;
    if (held >= wanted)
        return held;
    memmove(s->window, s->window + s->start, held);
    s->start = 0;
    s->end = held;
    while (s->end < wanted) {
        size_t got = fread(s->window + s->end, 1, FANI_KEY_PEEK_BYTES - s->end, s->stream);
        s->end += got;
        if (got == 0) {
            if (ferror(s->stream) && !s->read_errno)
                s->read_errno = errno ? errno : EIO;
            break;
        }
    }
    return s->end - s->start;
}

size_t fani_key_take(fani_key_scanner *s, unsigned char *to, size_t size)
{
    size_t got = 0;
    while (got < size && fani_key_fill(s, 1) > 0) {
        size_t held = s->end - s->start;
        size_t part = held < size - got ? held : size - got;
        memcpy(to + got, s->window + s->start, part);
        s->start += part;
        got += part;
    }
    return got;
}

bool fani_key_next_line(fani_key_scanner *s)
{
    bool ended = false;
    s->text_size = 0;
    s->text_cut = false;
    if (fani_key_fill(s, 1) == 0)
        return false;
    s->line++;
    while (!ended && fani_key_fill(s, 1) > 0) {
        const unsigned char *from = s->window + s->start;
        size_t held = s->end - s->start;
        const unsigned char *newline = memchr(from, '\n', held);
        size_t part = newline ? (size_t)(newline - from) : held;
        size_t room = FANI_KEY_LINE_BYTES - s->text_size;
        memcpy(s->text + s->text_size, from, part < room ? part : room);
        s->text_size += part < room ? part : room;
        s->text_cut = s->text_cut || part > room;
        s->start += part + (newline ? 1 : 0);
        ended = newline != NULL;
    }
    s->text[s->text_size] = '\0';
    return ended || !s->read_errno; /* what a failed read has cut off is no line */
}
