#include "stage/unpack_stream.h"

#include <errno.h>
#include <string.h>

/* -1 with errno where reading has failed. */
static ssize_t read_raw(const fani_unpack_stream *s, void *to, size_t size)
{
    errno = 0;
    size_t got = fread(to, 1, size, s->raw);
    if (got || !ferror(s->raw))
        return (ssize_t)got;
    errno = errno ? errno : EIO;
    return -1;
}

/* Looks at the first bytes. */
static bool begin(fani_unpack_stream *s)
{
    ssize_t got = 1;
    while (got > 0 && s->head_end < sizeof s->head) {
        got = read_raw(s, s->head + s->head_end, sizeof s->head - s->head_end);
        s->head_end += got > 0 ? (size_t)got : 0;
    }
    fani_packing packing = fani_packing_of(s->head, s->head_end);
    if (got < 0)
        return false;
    if (packing == FANI_PACKING_GZIP || packing == FANI_PACKING_ZSTD) {
        if (fani_unpack_new(packing, &s->unpack) != FAN_OK) {
            errno = ENOMEM;
            return false;
        }
        size_t room;
        memcpy(fani_unpack_room(s->unpack, &room), s->head, s->head_end);
        fani_unpack_filled(s->unpack, s->head_end);
    }
    s->begun = true;
    return true;
}

static ssize_t read_unpacked(fani_unpack_stream *s, char *to, size_t size)
{
    for (;;) {
        size_t got, room;
        fan_status status = fani_unpack_take(s->unpack, to, size, &got, &s->why);
        if (status != FAN_OK) {
            errno = status == FAN_E_MEMORY ? ENOMEM : EBADMSG;
            return -1;
        }
        if (got || fani_unpack_ended(s->unpack))
            return (ssize_t)got;
        unsigned char *raw = fani_unpack_room(s->unpack, &room);
        ssize_t more = read_raw(s, raw, room);
        if (more < 0)
            return -1;
        fani_unpack_filled(s->unpack, (size_t)more);
    }
}

static ssize_t read_stream(void *cookie, char *to, size_t size)
{
    fani_unpack_stream *s = cookie;
    if ((!s->begun && !begin(s)) || !size)
        return size ? -1 : 0;
    if (s->unpack)
        return read_unpacked(s, to, size);
    if (s->head_at == s->head_end)
        return read_raw(s, to, size);
    size_t part = s->head_end - s->head_at < size ? s->head_end - s->head_at : size;
    memcpy(to, s->head + s->head_at, part);
    s->head_at += part;
    return (ssize_t)part;
}

static int close_stream(void *cookie)
{
    fani_unpack_stream *s = cookie;
    fani_unpack_free(s->unpack);
    s->unpack = NULL;
    return 0;
}

FILE *fani_unpack_stream_open(fani_unpack_stream *s, FILE *raw)
{
    *s = (fani_unpack_stream){.raw = raw};
    return fopencookie(s, "rb",
                       (cookie_io_functions_t){.read = read_stream, .close = close_stream});
}
