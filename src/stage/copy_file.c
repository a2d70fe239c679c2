#include "stage/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/writer.h"
#include "stage/beneath.h"
#include "stage/unpack.h"
#include "stage/walk.h"

enum { CHUNK = 1 << 20, HEAD = 4 };

/* A copy at work. */
typedef struct copy {
    const fani_copy_into *into;
    const fani_listed *from;
    char *name;
    char *shown; /* the copy's path, for messages */
    int fd;      /* of the file that is read; -1: it is fetched, or not open */
    bool executable;
    uint64_t expected;        /* bytes that it had when it was opened, */
    struct timespec at_first; /* and when it had been changed last */
    unsigned char *buffer;

    fani_writer *writer;
    fani_unpack *unpack;
    XXH3_state_t *stored, *copied; /* of what is read, and of what is written */
    uint64_t stored_size, copied_size;
    unsigned char head[HEAD]; /* the first bytes, until there are enough to tell what follows */
    size_t head_size;
    bool decided;
    fan_error why; /* of a call that libcurl is between */
} copy;

/* ---- Errors ---------------------------------------------------------------------------------- */

static fan_status fail_read(const copy *c, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, errno, "%s can't be %s", c->from->name, doing);
    fani_error_place(error, c->from->name, 0, 0);
    return FAN_E_INPUT;
}

static fan_status refuse(const copy *c, const char *why, fan_error *error)
{
    fani_error_set(error, FAN_E_INPUT, "%s %s", c->from->name, why);
    fani_error_place(error, c->from->name, 0, 0);
    return FAN_E_INPUT;
}

static fan_status no_memory(const copy *c, fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory to copy %s", c->from->name);
}

/* Why a name below the folder can't be used: errno is from a call that follows no links. */
static fan_status fail_place(const copy *c, fan_error *error)
{
    if (errno == ELOOP || errno == EXDEV || errno == ENOTDIR)
        fani_error_errno(error, FAN_E_OUTPUT, errno,
                         "%s can't be written: a link, or something else that is no folder, is in "
                         "its way",
                         c->shown);
    else
        fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be written", c->shown);
    fani_error_place(error, c->shown, 0, 0);
    return FAN_E_OUTPUT;
}

static fan_status check_going_on(const copy *c, fan_error *error)
{
    if (!atomic_load(c->into->stopping))
        return FAN_OK;
    return fani_error_set(error, FAN_E_CANCELLED, "%s is not copied: cancelled", c->from->name);
}

/* ---- What is there already --------------------------------------------------------------------
 */

/* The file that has the copy's name: *fd is -1 where there is none that could stay. Looked at
 * before it is opened, as to open a device may do something. */
static fan_status open_present(const copy *c, int *fd, uint64_t *size, fan_error *error)
{
    struct stat info;
    *fd = fani_beneath_open(c->into->folder, c->name, O_PATH | O_NOFOLLOW, false);
    if (*fd < 0)
        return errno == ENOENT ? FAN_OK : fail_place(c, error);
    bool looked = fstat(*fd, &info) == 0, plain = looked && S_ISREG(info.st_mode);
    int code = errno;
    (void)close(*fd); /* only looked at */
    *fd = -1;
    errno = code;
    if (!looked)
        return fail_place(c, error);
    if (!plain) {
        fani_error_set(error, FAN_E_OUTPUT, "%s can't be written: what is there is no plain file",
                       c->shown);
        fani_error_place(error, c->shown, 0, 0);
        return FAN_E_OUTPUT;
    }
    /* Others may have had a secret one open: that is replaced, whatever is in it. */
    if (c->into->secret && (info.st_uid != geteuid() || (info.st_mode & 0077)))
        return FAN_OK;
    *size = (uint64_t)info.st_size;
    *fd = fani_beneath_open(c->into->folder, c->name, O_RDONLY | O_NOCTTY | O_NONBLOCK, false);
    return FAN_OK; /* one that can't be read is replaced */
}

/* The hash of all that a descriptor has from its beginning on; false: it can't be read, or the
 * copy is stopped. `name` is read, for messages. */
static bool hash_all(copy *c, int fd, uint64_t *size, uint64_t *hash)
{
    uint64_t at = 0;
    ssize_t n = 1;
    (void)XXH3_64bits_reset(c->copied); /* fails for NULL alone */
    while (n && !atomic_load(c->into->stopping)) {
        n = read(fd, c->buffer, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        (void)XXH3_64bits_update(c->copied, c->buffer, (size_t)n);
        at += (uint64_t)n;
    }
    *size = at;
    *hash = XXH3_64bits_digest(c->copied);
    (void)XXH3_64bits_reset(c->copied);
    return n == 0;
}

/* Whether the file that has the copy's name has this content. */
static fan_status compare_present(copy *c, uint64_t size, uint64_t hash, bool *same,
                                  fan_error *error)
{
    uint64_t there = 0, read = 0, there_hash = 0;
    int fd = -1;
    fan_status status = open_present(c, &fd, &there, error);
    *same = fd >= 0 && there == size && hash_all(c, fd, &read, &there_hash) && read == size &&
            there_hash == hash;
    if (fd >= 0)
        (void)close(fd); /* only read */
    return status == FAN_OK ? check_going_on(c, error) : status;
}

static void take_result(fani_copy_result *result, uint64_t size, uint64_t hash)
{
    result->kept = true;
    result->size = result->stored_size = size;
    result->hash = result->stored_hash = hash;
}

/* Where content is to stay as it is, and what it should be is known or soon read, a file that has
 * it need not be written again. */
static fan_status look_for_present(copy *c, fani_copy_result *result, fan_error *error)
{
    const fani_listed *from = c->from;
    uint64_t size = from->size, hash = from->hash, there = 0;
    bool known = from->has_size && from->has_hash, same = false;
    int fd = -1;
    if (c->into->unpack)
        return FAN_OK;
    fan_status status = open_present(c, &fd, &there, error);
    bool worth = status == FAN_OK && fd >= 0 && (known || (c->fd >= 0 && there == c->expected));
    if (fd >= 0)
        (void)close(fd); /* not even read */
    if (!worth)
        return status;
    bool hashed = known || (hash_all(c, c->fd, &size, &hash) && lseek(c->fd, 0, SEEK_SET) == 0);
    if (!hashed)
        return check_going_on(c, error); /* the copying will tell what is wrong */
    if ((from->has_size && from->size != size) || (from->has_hash && from->hash != hash))
        return FAN_OK;
    status = compare_present(c, size, hash, &same, error);
    if (same)
        take_result(result, size, hash);
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static fan_status begin_writing(copy *c, fan_error *error)
{
    const char *last;
    mode_t mode = c->into->secret ? 0700 : 0777;
    int parent = fani_beneath_parent(c->into->folder, c->name, mode, &last);
    if (parent < 0)
        return fail_place(c, error);
    fan_status status = fani_writer_to_entry(parent, last, c->shown, &c->writer, error);
    (void)close(parent); /* only opened */
    if (status == FAN_OK && c->into->secret)
        status = fani_writer_make_private(c->writer, error);
    if (status == FAN_OK && c->executable)
        status = fani_writer_make_executable(c->writer, error);
    return status;
}

static fan_status emit(copy *c, const void *bytes, size_t size, fan_error *error)
{
    c->copied_size += size;
    (void)XXH3_64bits_update(c->copied, bytes, size);
    return fani_writer_add(c->writer, bytes, size, error);
}

/* Writes what the raw bytes there give, until more are wanted. */
static fan_status drain(copy *c, fan_error *error)
{
    const char *why = NULL;
    unsigned char *to = c->buffer + CHUNK; /* the first half may hold what is read */
    size_t got = 1;
    fan_status status = FAN_OK;
    while (status == FAN_OK && got) {
        status = fani_unpack_take(c->unpack, to, CHUNK, &got, &why);
        if (status != FAN_OK) {
            fani_error_set(error, status, "%s can't be unpacked: %s", c->from->name, why);
            fani_error_place(error, c->from->name, 0, 0);
        } else if (got) {
            status = emit(c, to, got, error);
        }
    }
    return status;
}

static fan_status put_packed(copy *c, const unsigned char *bytes, size_t size, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && size) {
        size_t room;
        unsigned char *raw = fani_unpack_room(c->unpack, &room);
        size_t part = size < room ? size : room;
        memcpy(raw, bytes, part);
        fani_unpack_filled(c->unpack, part);
        bytes += part;
        size -= part;
        status = drain(c, error);
    }
    return status;
}

static fan_status put(copy *c, const unsigned char *bytes, size_t size, fan_error *error)
{
    if (!size)
        return FAN_OK;
    return c->unpack ? put_packed(c, bytes, size, error) : emit(c, bytes, size, error);
}

void fani_copy_take_ending_off(char *name)
{
    static const char *const endings[] = {".gz", ".zst", ".zstd"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (size > ending && name[size - ending - 1] != '/' &&
            !strcmp(name + size - ending, endings[i])) {
            name[size - ending] = '\0';
            return;
        }
    }
}

/* The first bytes have come: what they are decides the copy's name and what is written. */
static fan_status decide(copy *c, fan_error *error)
{
    fani_packing packing = FANI_PACKING_NONE;
    c->decided = true;
    if (c->into->unpack)
        packing = fani_packing_of(c->head, c->head_size);
    if (packing == FANI_PACKING_GZIP || packing == FANI_PACKING_ZSTD) {
        if (fani_unpack_new(packing, &c->unpack) != FAN_OK)
            return no_memory(c, error);
        if (!c->from->is_final) {
            fani_copy_take_ending_off(c->name);
            fani_copy_take_ending_off(c->shown);
        }
    }
    fan_status status = begin_writing(c, error);
    return status == FAN_OK ? put(c, c->head, c->head_size, error) : status;
}

/* Bytes of the file, in order. */
static fan_status feed(copy *c, const unsigned char *bytes, size_t size, fan_error *error)
{
    fan_status status = check_going_on(c, error);
    c->stored_size += size;
    (void)XXH3_64bits_update(c->stored, bytes, size);
    while (status == FAN_OK && !c->decided && size) {
        c->head[c->head_size++] = *bytes++;
        size--;
        if (c->head_size == HEAD)
            status = decide(c, error);
    }
    return status == FAN_OK ? put(c, bytes, size, error) : status;
}

/* There are no more. */
static fan_status feed_end(copy *c, fan_error *error)
{
    fan_status status = c->decided ? FAN_OK : decide(c, error);
    if (status != FAN_OK || !c->unpack)
        return status;
    fani_unpack_filled(c->unpack, 0);
    return drain(c, error);
}

/* All that came so far is of no use. */
static void begin_anew(copy *c)
{
    fani_writer_free(c->writer);
    fani_unpack_free(c->unpack);
    c->writer = NULL;
    c->unpack = NULL;
    c->decided = false;
    c->head_size = 0;
    c->stored_size = c->copied_size = 0;
    (void)XXH3_64bits_reset(c->stored);
    (void)XXH3_64bits_reset(c->copied);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A name of a list is not to lead out of the list's folder either. */
static int open_listed(const fani_listed *from)
{
    const int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    if (!from->of_manifest)
        return open(from->name, flags);
    char *path = from->below ? strndup(from->name, from->below) : strdup(".");
    if (!path)
        return -1;
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
    if (folder >= 0)
        fd = fani_beneath_open(folder, from->name + from->below, flags, true);
    int code = errno;
    if (folder >= 0)
        (void)close(folder); /* only a place */
    free(path);
    errno = code;
    return fd;
}

static fan_status check_size(const copy *c, uint64_t size, fan_error *error)
{
    if (!c->from->has_size || size == c->from->size)
        return FAN_OK;
    fani_error_set(error, FAN_E_INPUT, "%s has %" PRIu64 " bytes, not the %" PRIu64 " of its list",
                   c->from->name, size, c->from->size);
    fani_error_place(error, c->from->name, 0, 0);
    return FAN_E_INPUT;
}

static fan_status open_source(copy *c, fan_error *error)
{
    struct stat info;
    do {
        c->fd = open_listed(c->from);
    } while (c->fd < 0 && errno == EINTR);
    if (c->fd < 0 && errno == EXDEV)
        return refuse(c, "leads out of the folder of its list", error);
    if (c->fd < 0)
        return fail_read(c, "opened", error);
    if (fstat(c->fd, &info) != 0)
        return fail_read(c, "looked at", error);
    if (!S_ISREG(info.st_mode))
        return refuse(c, "is no plain file, and only those are copied", error);
    c->expected = (uint64_t)info.st_size;
    c->at_first = info.st_mtim;
    c->executable = info.st_mode & 0100;
    return check_size(c, c->expected, error);
}

/* Whether the bytes are those of one moment, as far as sizes and times tell. Files of /proc have no
 * size. */
static fan_status check_unchanged(const copy *c, fan_error *error)
{
    struct stat info;
    if (fstat(c->fd, &info) != 0)
        return fail_read(c, "looked at", error);
    if (c->expected && c->stored_size != c->expected)
        fani_error_set(error, FAN_E_INPUT,
                       "%s was changed while it was read: %" PRIu64 " of %" PRIu64 " bytes",
                       c->from->name, c->stored_size, c->expected);
    else if (info.st_mtim.tv_sec != c->at_first.tv_sec ||
             info.st_mtim.tv_nsec != c->at_first.tv_nsec)
        fani_error_set(error, FAN_E_INPUT, "%s was changed while it was read", c->from->name);
    else
        return FAN_OK;
    fani_error_place(error, c->from->name, 0, 0);
    return FAN_E_INPUT;
}

static fan_status read_all(copy *c, fan_error *error)
{
    fan_status status = lseek(c->fd, 0, SEEK_SET) == 0 ? FAN_OK : fail_read(c, "read", error);
    while (status == FAN_OK && (!c->expected || c->stored_size <= c->expected)) {
        ssize_t n = read(c->fd, c->buffer, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_read(c, "read", error);
        if (!n)
            break;
        status = feed(c, c->buffer, (size_t)n, error);
    }
    return status == FAN_OK ? check_unchanged(c, error) : status;
}

static fan_status take_fetched(void *user, uint64_t at, const void *bytes, size_t size)
{
    copy *c = user;
    if (at == 0)
        begin_anew(c);
    if (at != c->stored_size)
        return fani_error_set(&c->why, FAN_E_PROTOCOL, "%s: a part is missing", c->from->name);
    return feed(c, bytes, size, &c->why);
}

static fan_status fetch_all(copy *c, fan_error *error)
{
    uint64_t size = 0;
    fan_status status =
        fani_fetch_to(c->into->fetcher, c->from->name, take_fetched, c, &size, error);
    if (c->why.status != FAN_OK && error)
        *error = c->why;
    else if (status != FAN_OK)
        fani_error_place(error, c->from->name, 0, 0);
    if (status == FAN_OK && size == 0)
        begin_anew(c);
    return status;
}

/* ---- The whole -------------------------------------------------------------------------------
 */

/* All was read: whether it is what its list says. */
static fan_status check_content(const copy *c, uint64_t hash, fan_error *error)
{
    fan_status status = check_size(c, c->stored_size, error);
    if (status != FAN_OK || !c->from->has_hash || hash == c->from->hash)
        return status;
    fani_error_set(error, FAN_E_INPUT,
                   "%s has the hash %016" PRIx64 ", not the %016" PRIx64 " of its list",
                   c->from->name, hash, c->from->hash);
    fani_error_place(error, c->from->name, 0, 0);
    return FAN_E_INPUT;
}

static fan_status verify(copy *c, const fani_copy_result *result, fan_error *error)
{
    bool same = false;
    fan_status status = compare_present(c, result->size, result->hash, &same, error);
    if (status != FAN_OK || same)
        return status;
    fani_error_set(error, FAN_E_OUTPUT, "%s reads back as something else than was written",
                   c->shown);
    fani_error_place(error, c->shown, 0, 0);
    return FAN_E_OUTPUT;
}

static fan_status finish(copy *c, fani_copy_result *result, fan_error *error)
{
    fan_status status = feed_end(c, error);
    result->stored_size = c->stored_size;
    result->stored_hash = XXH3_64bits_digest(c->stored);
    result->size = c->copied_size;
    result->hash = XXH3_64bits_digest(c->copied);
    if (status == FAN_OK)
        status = check_content(c, result->stored_hash, error);
    if (status == FAN_OK)
        status = compare_present(c, result->size, result->hash, &result->kept, error);
    if (status == FAN_OK && !result->kept)
        status = fani_writer_publish(c->writer, error);
    return status == FAN_OK && c->into->verify ? verify(c, result, error) : status;
}

static fan_status run(copy *c, fani_copy_result *result, fan_error *error)
{
    bool remote = fani_fetch_is_url(c->from->name);
    c->shown = fani_walk_join(c->into->path, c->name);
    c->buffer = malloc((size_t)2 * CHUNK);
    c->stored = XXH3_createState();
    c->copied = XXH3_createState();
    if (!c->shown || !c->buffer || !c->stored || !c->copied)
        return no_memory(c, error);
    begin_anew(c);
    bool known = c->from->has_size && c->from->has_hash;
    fan_status status = remote || known ? FAN_OK : open_source(c, error);
    if (status == FAN_OK)
        status = look_for_present(c, result, error);
    if (status != FAN_OK || result->kept)
        return status;
    if (!remote && c->fd < 0)
        status = open_source(c, error);
    begin_anew(c);
    if (status == FAN_OK)
        status = remote ? fetch_all(c, error) : read_all(c, error);
    return status == FAN_OK ? finish(c, result, error) : status;
}

fan_status fani_copy_file(const fani_copy_into *into, const fani_listed *from, char *name,
                          fani_copy_result *result, fan_error *error)
{
    copy c = {.into = into, .from = from, .name = name, .fd = -1};
    *result = (fani_copy_result){0};
    fan_status status = run(&c, result, error);
    if (c.fd >= 0)
        (void)close(c.fd); /* only read */
    fani_writer_free(c.writer);
    fani_unpack_free(c.unpack);
    (void)XXH3_freeState(c.stored);
    (void)XXH3_freeState(c.copied);
    free(c.buffer);
    free(c.shown);
    return status;
}
