#include "stage/unpack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { RAW = 65536, GZIP_WINDOW = 15 + 16 /* zlib's way to ask for gzip alone */ };

struct fani_unpack {
    fani_packing packing;
    bool raw_ended;
    bool between; /* members or frames: the data may end here */
    bool padded;  /* zeroes followed the last member: nothing else may */
    z_stream gzip;
    ZSTD_DStream *zstd;
    size_t at, end; /* raw[at..end) is not unpacked yet */
    unsigned char raw[RAW];
};

fani_packing fani_packing_of(const unsigned char *bytes, size_t size)
{
    static const struct {
        unsigned char magic[4];
        size_t size;
        fani_packing packing;
    } known[] = {
        {{0x1F, 0x8B, 8}, 3, FANI_PACKING_GZIP}, /* 8: the only method there is */
        {{0x28, 0xB5, 0x2F, 0xFD}, 4, FANI_PACKING_ZSTD},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t common = size < known[i].size ? size : known[i].size;
        if (memcmp(bytes, known[i].magic, common) == 0)
            return common == known[i].size ? known[i].packing : FANI_PACKING_UNSURE;
    }
    return FANI_PACKING_NONE;
}

fan_status fani_unpack_new(fani_packing packing, fani_unpack **unpack)
{
    fani_unpack *u = malloc(sizeof *u);
    if (!u)
        return FAN_E_MEMORY;
    memset(u, 0, offsetof(fani_unpack, raw));
    u->packing = packing;
    u->between = true;
    bool made;
    if (packing == FANI_PACKING_GZIP)
        made = inflateInit2(&u->gzip, GZIP_WINDOW) == Z_OK;
    else
        made = (u->zstd = ZSTD_createDStream()) != NULL;
    if (!made) {
        free(u);
        return FAN_E_MEMORY;
    }
    *unpack = u;
    return FAN_OK;
}

void fani_unpack_free(fani_unpack *unpack)
{
    if (!unpack)
        return;
    if (unpack->packing == FANI_PACKING_GZIP)
        (void)inflateEnd(&unpack->gzip);
    else
        (void)ZSTD_freeDStream(unpack->zstd);
    free(unpack);
}

unsigned char *fani_unpack_room(fani_unpack *unpack, size_t *size)
{
    memmove(unpack->raw, unpack->raw + unpack->at, unpack->end - unpack->at);
    unpack->end -= unpack->at;
    unpack->at = 0;
    *size = RAW - unpack->end;
    return unpack->raw + unpack->end;
}

void fani_unpack_filled(fani_unpack *unpack, size_t size)
{
    unpack->end += size;
    unpack->raw_ended |= size == 0;
}

bool fani_unpack_ended(const fani_unpack *unpack)
{
    return unpack->raw_ended && unpack->at == unpack->end && unpack->between;
}

/* ---- gzip ----------------------------------------------------------------------------------- */

/* Between two members: zeroes may fill up the end, as tapes and some tools leave it. */
static fan_status begin_member(fani_unpack *u, const char **why)
{
    while (u->at < u->end && u->raw[u->at] == 0 && (u->padded || u->gzip.total_in)) {
        u->padded = true;
        u->at++;
    }
    if (u->at == u->end)
        return FAN_OK;
    if (u->padded || u->raw[u->at] != 0x1F) {
        *why = "other bytes follow its gzip data";
        return FAN_E_INPUT;
    }
    u->between = false;
    (void)inflateReset(&u->gzip); /* fails for no stream that was made */
    return FAN_OK;
}

static fan_status explain_gzip(int code, const z_stream *gzip, const char **why)
{
    if (code == Z_MEM_ERROR) {
        *why = "there is no memory to unpack it";
        return FAN_E_MEMORY;
    }
    *why = gzip->msg ? gzip->msg : "its gzip data is damaged";
    return FAN_E_INPUT;
}

static fan_status take_gzip(fani_unpack *u, void *to, size_t size, size_t *got, const char **why)
{
    fan_status status = FAN_OK;
    u->gzip.next_out = to;
    u->gzip.avail_out = size < UINT_MAX ? (unsigned)size : UINT_MAX;
    while (status == FAN_OK && u->gzip.avail_out && u->gzip.next_out == to) {
        if (u->between)
            status = begin_member(u, why);
        if (status != FAN_OK || u->between)
            break;
        size_t before = u->end - u->at;
        u->gzip.next_in = u->raw + u->at;
        u->gzip.avail_in = (unsigned)before;
        int code = inflate(&u->gzip, Z_NO_FLUSH);
        u->at = u->end - u->gzip.avail_in;
        u->between = code == Z_STREAM_END;
        if (code == Z_BUF_ERROR || (code == Z_OK && u->at == u->end && u->gzip.next_out == to))
            break; /* it wants more */
        if (code != Z_OK && code != Z_STREAM_END)
            status = explain_gzip(code, &u->gzip, why);
    }
    *got = (size_t)(u->gzip.next_out - (unsigned char *)to);
    return status;
}

/* ---- zstd ----------------------------------------------------------------------------------- */

static fan_status take_zstd(fani_unpack *u, void *to, size_t size, size_t *got, const char **why)
{
    ZSTD_inBuffer in = {.src = u->raw, .size = u->end, .pos = u->at};
    ZSTD_outBuffer out = {.dst = to, .size = size};
    if (u->between && in.pos == in.size) {
        *got = 0;
        return FAN_OK;
    }
    size_t code;
    do { /* a frame may be empty */
        code = ZSTD_decompressStream(u->zstd, &out, &in);
        if (ZSTD_isError(code)) {
            *why = ZSTD_getErrorName(code);
            return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? FAN_E_MEMORY
                                                                           : FAN_E_INPUT;
        }
        u->between = code == 0;
    } while (out.pos == 0 && in.pos < in.size);
    u->at = in.pos;
    *got = out.pos;
    return FAN_OK;
}

fan_status fani_unpack_take(fani_unpack *unpack, void *to, size_t size, size_t *got,
                            const char **why)
{
    fan_status status = unpack->packing == FANI_PACKING_GZIP
                            ? take_gzip(unpack, to, size, got, why)
                            : take_zstd(unpack, to, size, got, why);
    if (status == FAN_OK && *got == 0 && unpack->raw_ended && !unpack->between) {
        *why = "its compressed data ends too early";
        return FAN_E_INPUT;
    }
    return status;
}
