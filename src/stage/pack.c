#include "stage/pack.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"

enum {
    ROOM = 65536,
    GZIP_WINDOW = 15 + 16, /* zlib's way to ask for gzip, whose head has no time and no name then */
    GZIP_MEMORY = 8,
    GZIP_LEVELS = 9,
    ZSTD_LEVELS = 19, /* those beyond need several times the memory to read too */
};

struct fani_pack {
    fan_packing packing;
    fani_pack_out out;
    void *user;
    z_stream gzip;
    ZSTD_CCtx *zstd;
    unsigned char room[ROOM];
};

bool fani_pack_level_is_valid(fan_packing packing, int level)
{
    int most = packing == FAN_PACKING_GZIP ? GZIP_LEVELS : ZSTD_LEVELS;
    return level >= 0 && level <= (packing == FAN_PACKING_NONE ? 0 : most);
}

const char *fani_pack_ending(fan_packing packing)
{
    static const char *const endings[] = {
        [FAN_PACKING_NONE] = "", [FAN_PACKING_GZIP] = ".gz", [FAN_PACKING_ZSTD] = ".zst"};
    return endings[packing];
}

static bool begin_zstd(fani_pack *pack, int level)
{
    pack->zstd = ZSTD_createCCtx();
    return pack->zstd &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_checksumFlag, 1)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_compressionLevel, level));
}

fani_pack *fani_pack_new(fan_packing packing, int level, fani_pack_out out, void *user)
{
    fani_pack *pack = calloc(1, sizeof *pack);
    if (!pack)
        return NULL;
    pack->out = out;
    pack->user = user;
    bool made = true;
    if (packing == FAN_PACKING_GZIP)
        made = deflateInit2(&pack->gzip, level ? level : Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                            GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    else if (packing == FAN_PACKING_ZSTD)
        made = begin_zstd(pack, level);
    pack->packing = made || packing == FAN_PACKING_ZSTD ? packing : FAN_PACKING_NONE;
    if (made)
        return pack;
    fani_pack_free(pack);
    return NULL;
}

void fani_pack_free(fani_pack *pack)
{
    if (!pack)
        return;
    if (pack->packing == FAN_PACKING_GZIP)
        (void)deflateEnd(&pack->gzip);
    if (pack->packing == FAN_PACKING_ZSTD)
        (void)ZSTD_freeCCtx(pack->zstd);
    free(pack);
}

static fan_status add_gzip(fani_pack *pack, const void *bytes, size_t size, bool end,
                           fan_error *error)
{
    fan_status status = FAN_OK;
    int code = Z_OK;
    const unsigned char *from = bytes;
    do {
        unsigned part = size < UINT_MAX ? (unsigned)size : UINT_MAX;
        pack->gzip.next_in = (unsigned char *)(uintptr_t)from; /* zlib only reads there */
        pack->gzip.avail_in = part;
        from += part;
        size -= part;
        do {
            pack->gzip.next_out = pack->room;
            pack->gzip.avail_out = ROOM;
            code = deflate(&pack->gzip, end && !size ? Z_FINISH : Z_NO_FLUSH);
            if (pack->gzip.avail_out < ROOM)
                status = pack->out(pack->user, pack->room, ROOM - pack->gzip.avail_out, error);
        } while (status == FAN_OK && code == Z_OK && pack->gzip.avail_out == 0);
    } while (status == FAN_OK && size);
    return status;
}

static fan_status add_zstd(fani_pack *pack, const void *bytes, size_t size, bool end,
                           fan_error *error)
{
    fan_status status = FAN_OK;
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = pack->room, .size = ROOM};
        left = ZSTD_compressStream2(pack->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) /* of compressing, only that memory is short */
            return fani_error_set(error, FAN_E_MEMORY, "zstd: %s", ZSTD_getErrorName(left));
        if (out.pos)
            status = pack->out(pack->user, pack->room, out.pos, error);
    } while (status == FAN_OK && (in.pos < in.size || (end && left)));
    return status;
}

fan_status fani_pack_add(fani_pack *pack, const void *bytes, size_t size, bool end,
                         fan_error *error)
{
    switch (pack->packing) {
    case FAN_PACKING_GZIP:
        return add_gzip(pack, bytes, size, end, error);
    case FAN_PACKING_ZSTD:
        return add_zstd(pack, bytes, size, end, error);
    case FAN_PACKING_NONE:
        break;
    }
    return size ? pack->out(pack->user, bytes, size, error) : FAN_OK;
}
