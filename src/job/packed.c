#include "job/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "job/ledger.h"
#include "job/output_hash.h"
#include "job/state.h"
#include "stage/unpack.h"

enum { PIECE = 1 << 18, MAGIC = 4 };

struct fani_packed {
    fani_writer *writer;
    fani_pack *pack;
};

/* ---- The key ---------------------------------------------------------------------------------
 */

bool fani_packed_read(const char *text, fani_packed_how *how)
{
    static const char *const names[] = {[FAN_PACKING_GZIP] = "gzip", [FAN_PACKING_ZSTD] = "zstd"};
    *how = (fani_packed_how){0};
    if (!text)
        return true;
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    for (int i = FAN_PACKING_GZIP; i <= FAN_PACKING_ZSTD; i++)
        if (size == strlen(names[i]) && !memcmp(text, names[i], size))
            how->packing = (fan_packing)i;
    uint64_t level = 0;
    if (!how->packing ||
        (colon && (!fani_read_count(colon + 1, &level) || level < 1 || level > 99)))
        return false;
    how->level = (int)level;
    return fani_pack_level_is_valid(how->packing, how->level);
}

fani_packed_how fani_packed_of(const fan_job *job)
{
    fani_packed_how how;
    (void)fani_packed_read(fani_job_text(job, FANI_KEY_COMPRESS), &how); /* checked when set */
    return how;
}

/* ---- On the way ------------------------------------------------------------------------------
 */

static fan_status go_on(void *user, const void *bytes, size_t size, fan_error *error)
{
    const fani_packed *packed = user;
    return fani_writer_pass_on(packed->writer, bytes, size, error);
}

static fan_status come(void *user, const void *bytes, size_t size, bool end, fan_error *error)
{
    const fani_packed *packed = user;
    return fani_pack_add(packed->pack, bytes, size, end, error);
}

fan_status fani_packed_begin(fani_packed_how how, fani_writer *writer, fani_packed **packed,
                             fan_error *error)
{
    if (how.packing == FAN_PACKING_NONE)
        return FAN_OK;
    fani_packed *made = calloc(1, sizeof *made);
    if (made)
        made->pack = fani_pack_new(how.packing, how.level, go_on, made);
    if (!made || !made->pack) {
        free(made);
        return fani_error_set(error, FAN_E_MEMORY, "no memory to compress");
    }
    made->writer = writer;
    fani_writer_pass_through(writer, come, made);
    *packed = made;
    return FAN_OK;
}

void fani_packed_free(fani_packed *packed)
{
    if (packed)
        fani_pack_free(packed->pack);
    free(packed);
}

/* ---- Publishing ------------------------------------------------------------------------------
 */

static fan_status read_error(const char *path, int code, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, code, "%s can't be read", path);
    fani_error_place(error, path, 0, 0);
    return FAN_E_INPUT;
}

/* Reads on, through interruptions: *n 0 at the end. */
static bool read_some(int fd, void *to, size_t size, ssize_t *n)
{
    do
        *n = read(fd, to, size);
    while (*n < 0 && errno == EINTR);
    return *n >= 0;
}

static fan_status read_pieces(const fani_job_run *run, int part, unsigned char *piece,
                              fani_packed_take take, void *user, fan_error *error)
{
    fani_output_hash *hash = fani_output_hash_new();
    uint64_t left = fani_writer_bytes(run->writer);
    fan_status status = hash ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    ssize_t n = 1;
    while (status == FAN_OK && left && n) {
        if (fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
        else if (!read_some(part, piece, left < PIECE ? (size_t)left : PIECE, &n))
            status = read_error(run->output, errno, error);
        if (status != FAN_OK)
            break;
        left -= (uint64_t)n;
        fani_output_hash_add(hash, piece, (size_t)n);
        status = take(user, piece, (size_t)n, error);
    }
    if (status == FAN_OK &&
        (left || fani_output_hash_value(hash) != fani_state_now(run->state)->output_hash))
        status = fani_error_set(error, FAN_E_INPUT,
                                "%.300s" FANI_LEDGER_PART " is not what its run has written",
                                run->output);
    fani_output_hash_free(hash);
    return status;
}

fan_status fani_packed_read_part(const fani_job_run *run, fani_packed_take take, void *user,
                                 fan_error *error)
{
    fan_status status = fani_writer_flush(run->writer, error);
    int part = status == FAN_OK ? fani_writer_part_open(run->output, FANI_LEDGER_PART) : -1;
    unsigned char *piece = malloc(PIECE);
    if (status == FAN_OK && part < 0)
        status = read_error(run->output, errno, error);
    if (status == FAN_OK && !piece)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status == FAN_OK)
        status = read_pieces(run, part, piece, take, user, error);
    if (part >= 0)
        (void)close(part); /* only read */
    free(piece);
    return status;
}

/* That of keys is its user's alone. */
bool fani_packed_part_is_private(const fani_job_run *run)
{
    struct stat info;
    return fstat(fani_writer_fd(run->writer), &info) || !(info.st_mode & 077);
}

static fan_status add_to(void *user, const unsigned char *bytes, size_t size, fan_error *error)
{
    return fani_writer_add(user, bytes, size, error);
}

static fan_status publish_to(fani_job_run *run, fani_writer *to, fan_error *error)
{
    fani_packed *packed = NULL;
    fani_writer_fence fence = fani_state_fence(run->state);
    fan_status status =
        fani_packed_part_is_private(run) ? fani_writer_make_private(to, error) : FAN_OK;
    if (status == FAN_OK)
        status = fani_packed_begin(fani_packed_of(run->job), to, &packed, error);
    if (status == FAN_OK)
        status = fani_packed_read_part(run, add_to, to, error);
    fani_writer_set_fence(to, &fence);
    if (status == FAN_OK)
        status = fani_writer_publish(to, error);
    fani_packed_free(packed);
    return status;
}

fan_status fani_packed_publish(fani_job_run *run, fan_error *error)
{
    fani_writer *to = NULL;
    fan_status status = fani_writer_to_file(run->output, &to, error);
    if (status == FAN_OK)
        status = publish_to(run, to, error);
    fani_writer_free(to);
    return status == FAN_OK ? fani_writer_remove_part(run->writer, error) : status;
}

/* ---- Reading it again ------------------------------------------------------------------------
 */

fan_status fani_packed_plain_file(const char *output, int *fd, fan_error *error)
{
    char *target = fani_writer_target(output), *path = NULL;
    const char *slash = target ? strrchr(target, '/') : NULL;
    int folder = slash ? (int)(slash - target) + 1 : 0;
    if (!target || asprintf(&path, "%.*s.fanfold-XXXXXX", folder, target) < 0) {
        free(target);
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    *fd = mkostemp(path, O_CLOEXEC);
    int code = errno;
    if (*fd >= 0)
        (void)unlink(path); /* where it keeps its name it is in nobody's way */
    free(path);
    free(target);
    if (*fd >= 0)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "%s can't be unpacked beside it", output);
    fani_error_place(error, output, 0, 0);
    return FAN_E_OUTPUT;
}

typedef struct unpacking {
    const char *path;
    int from, to;
    fani_unpack *unpack;
    unsigned char *piece;
    uint64_t size;
} unpacking;

static fan_status damaged(const unpacking *u, fan_status status, const char *why, fan_error *error)
{
    fani_error_set(error, status, "%s can't be read: %s", u->path, why);
    fani_error_place(error, u->path, 0, 0);
    return status;
}

static fan_status write_piece(unpacking *u, size_t size, fan_error *error)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(u->to, u->piece + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fani_error_errno(error, FAN_E_OUTPUT, n ? errno : ENOSPC,
                             "%s can't be unpacked beside it", u->path);
            fani_error_place(error, u->path, 0, 0);
            return FAN_E_OUTPUT;
        }
        done += (size_t)n;
    }
    u->size += size;
    return FAN_OK;
}

/* The first bytes say what it is. */
static fan_status begin_unpacking(unpacking *u, fan_error *error)
{
    unsigned char start[MAGIC];
    size_t used = 0, room;
    ssize_t n = 1;
    while (used < MAGIC && n) {
        if (!read_some(u->from, start + used, MAGIC - used, &n))
            return read_error(u->path, errno, error);
        used += (size_t)n;
    }
    fani_packing packing = fani_packing_of(start, used);
    if (packing != FANI_PACKING_GZIP && packing != FANI_PACKING_ZSTD)
        return damaged(u, FAN_E_INPUT, "it is not compressed", error);
    if (fani_unpack_new(packing, &u->unpack) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    memcpy(fani_unpack_room(u->unpack, &room), start, used);
    fani_unpack_filled(u->unpack, used);
    return FAN_OK;
}

static fan_status unpack_all(unpacking *u, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && !fani_unpack_ended(u->unpack)) {
        const char *why = NULL;
        size_t got = 0, room;
        status = fani_unpack_take(u->unpack, u->piece, PIECE, &got, &why);
        if (status != FAN_OK)
            return damaged(u, status, why, error);
        status = write_piece(u, got, error);
        if (status != FAN_OK || got || fani_unpack_ended(u->unpack))
            continue;
        unsigned char *raw = fani_unpack_room(u->unpack, &room);
        ssize_t n;
        if (!read_some(u->from, raw, room, &n))
            return read_error(u->path, errno, error);
        fani_unpack_filled(u->unpack, (size_t)n);
    }
    return status;
}

static fan_status copy_all(unpacking *u, fan_error *error)
{
    fan_status status = FAN_OK;
    for (ssize_t n = 1; status == FAN_OK && n;)
        status = read_some(u->from, u->piece, PIECE, &n) ? write_piece(u, (size_t)n, error)
                                                         : read_error(u->path, errno, error);
    return status;
}

fan_status fani_packed_unpack(const char *path, bool packed, int to, uint64_t *size,
                              fan_error *error)
{
    struct stat info;
    unpacking u = {.path = path, .to = to, .piece = malloc(PIECE)};
    u.from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    fan_status status = u.piece ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status == FAN_OK && (u.from < 0 || fstat(u.from, &info)))
        status = read_error(path, errno, error);
    if (status == FAN_OK && !S_ISREG(info.st_mode))
        status = damaged(&u, FAN_E_INPUT, "it is no plain file", error);
    if (status == FAN_OK && packed)
        status = begin_unpacking(&u, error);
    if (status == FAN_OK)
        status = packed ? unpack_all(&u, error) : copy_all(&u, error);
    *size = u.size;
    if (u.from >= 0)
        (void)close(u.from); /* only read */
    fani_unpack_free(u.unpack);
    free(u.piece);
    return status;
}
