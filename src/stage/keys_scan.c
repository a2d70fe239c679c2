#include "keys_scan.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next bytes: those that were put back, then the stream's. */
static size_t read_more(fani_key_scanner *s, unsigned char *to, size_t size)
{
    size_t held = s->again_end - s->again_at, part = held < size ? held : size;
    if (!held)
        return fread(to, 1, size, s->stream);
    memcpy(to, s->again + s->again_at, part);
    s->again_at += part;
    return part;
}

size_t fani_key_fill(fani_key_scanner *s, size_t wanted)
{
    size_t held = s->end - s->start;
    if (held >= wanted)
        return held;
    memmove(s->window, s->window + s->start, held);
    s->start = 0;
    s->end = held;
    while (s->end < wanted) {
        size_t got = read_more(s, s->window + s->end, FANI_KEY_PEEK_BYTES - s->end);
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
    s->text_cut = s->text_cut || s->line == s->cut_line;
    return ended || !s->read_errno; /* what a failed read has cut off is no line */
}

fan_status fani_key_unread(fani_key_scanner *s, const char *last, size_t last_size)
{
    size_t unread = s->end - s->start, rest = s->again_end - s->again_at;
    size_t size = s->block_size + (last ? last_size + 1 : 0);
    unsigned char *again = malloc(size + unread + rest + 1), *at = again;
    if (!again)
        return fani_error_set(s->source.error, FAN_E_MEMORY, "no memory to read %s",
                              s->source.name);
    at = mempcpy(at, s->block, s->block_size);
    if (last) {
        at = mempcpy(at, last, last_size);
        *at++ = '\n';
    }
    at = mempcpy(at, s->window + s->start, unread);
    if (rest)
        at = mempcpy(at, s->again + s->again_at, rest);
    free(s->again);
    s->again = again;
    s->again_at = s->start = s->end = 0;
    s->again_end = (size_t)(at - again);
    s->line = s->block_line - 1;
    s->block_line = 0;
    return FAN_OK;
}

/* ---- Lines of a block ------------------------------------------------------------------------ */

bool fani_key_is_broken(const fani_key_scanner *s)
{
    return s->text_cut || memchr(s->text, '\0', s->text_size);
}

fan_status fani_key_report_broken(const fani_key_scanner *s)
{
    if (!s->text_cut)
        return fani_rsa_key_report(&s->source, s->line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a line with a zero byte");
    return fani_rsa_key_report(&s->source, s->line, 0, FANI_RSA_KEY_UNREADABLE,
                               "a line of more than %d bytes", FANI_KEY_LINE_BYTES);
}

void fani_key_begin_block(fani_key_scanner *s, fani_key_block kind)
{
    s->block_kind = kind;
    s->block_line = s->line;
    s->block_size = 0;
    s->block_cut = s->block_zero = false;
}

bool fani_key_gather(fani_key_scanner *s, const char *text, size_t size)
{
    if (size + 1 > FANI_KEY_BLOCK_BYTES - s->block_size)
        return false;
    memcpy(s->block + s->block_size, text, size);
    s->block_size += size;
    s->block[s->block_size++] = '\n';
    return true;
}
