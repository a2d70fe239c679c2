#include "stage/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

enum {
    CHUNK = 1 << 18,
    START = 4096, /* bytes of the first read, which tells whether there is something to unpack */
    MAGIC = 4,
};

static const char *name_of(const fani_whole *w)
{
    return strcmp(w->listed->name, "-") ? w->listed->name : "(standard input)";
}

static fani_whole_step fail(const fani_whole *w, fan_error *error)
{
    fani_error_place(error, name_of(w), 0, 0);
    return FANI_WHOLE_FAILED;
}

static fani_whole_step fail_errno(const fani_whole *w, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, errno, "%s can't be %s", name_of(w), doing);
    return fail(w, error);
}

static fani_whole_step no_memory(const fani_whole *w, fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory to read %s", name_of(w));
    return fail(w, error);
}

static fani_whole_step too_large(const fani_whole *w, fan_error *error)
{
    fani_error_set(error, FAN_E_TOO_LARGE, "%s is larger than %zu bytes", name_of(w),
                   w->options->max);
    return fail(w, error);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Without O_NONBLOCK the open of a FIFO would wait for who writes, and nothing could end that. */
static bool open_file(fani_whole *w)
{
    if (!strcmp(w->listed->name, "-")) {
        w->fd = STDIN_FILENO;
        return true;
    }
    do {
        w->fd = open(w->listed->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (w->fd < 0 && errno == EINTR);
    w->owned = w->fd >= 0;
    return w->owned;
}

/* A size that is already wrong need not be read. */
static fani_whole_step check_listed_size(const fani_whole *w, uint64_t size, fan_error *error)
{
    if (!w->listed->has_size || size == w->listed->size)
        return FANI_WHOLE_MORE;
    fani_error_set(error, FAN_E_INPUT, "%s has %" PRIu64 " bytes, not the %" PRIu64 " of its list",
                   name_of(w), size, w->listed->size);
    return fail(w, error);
}

/* Bytes of a plain file that are still to be read: standard input comes from who has read of it. */
static uint64_t rest_of(const fani_whole *w, off_t size)
{
    off_t at = w->owned ? 0 : lseek(w->fd, 0, SEEK_CUR);
    at = at > 0 ? at : 0;
    return size > at ? (uint64_t)(size - at) : 0;
}

static fani_whole_step look_at(fani_whole *w, fan_error *error)
{
    struct stat info;
    if (!open_file(w))
        return fail_errno(w, "opened", error);
    if (fstat(w->fd, &info) != 0)
        return fail_errno(w, "looked at", error);
    w->regular = S_ISREG(info.st_mode);
    w->expected = w->regular ? rest_of(w, info.st_size) : 0;
    return w->regular ? check_listed_size(w, w->expected, error) : FANI_WHOLE_MORE;
}

fani_whole_step fani_whole_begin(fani_whole *whole, const fani_whole_options *options,
                                 const fani_listed *listed, fan_error *error)
{
    whole->options = options;
    whole->listed = listed;
    whole->opened = true;
    bool remote = fani_fetch_is_url(listed->name);
    whole->hash = XXH3_createState();
    if (remote)
        whole->fetching = fani_fetching_new(options->fetcher, listed->name);
    if (!whole->hash || (remote && !whole->fetching))
        return no_memory(whole, error);
    (void)XXH3_64bits_reset(whole->hash); /* fails for NULL alone */
    return remote ? FANI_WHOLE_MORE : look_at(whole, error);
}

void fani_whole_end(fani_whole *whole)
{
    if (whole->owned)
        (void)close(whole->fd); /* nothing was written */
    whole->owned = whole->opened = false;
    fani_unpack_free(whole->unpack);
    whole->unpack = NULL;
    fani_fetching_free(whole->fetching);
    whole->fetching = NULL;
    (void)XXH3_freeState(whole->hash);
    whole->hash = NULL;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Waits until there is something to read. False: the wait was ended. */
static bool await(const fani_whole *w)
{
    struct pollfd entries[2] = {{.fd = w->fd, .events = POLLIN},
                                {.fd = w->options->stop_fd, .events = POLLIN}};
    while (poll(entries, 2, -1) < 0 && errno == EINTR)
        continue;
    return entries[1].revents == 0; /* an error of poll: read will tell what is wrong */
}

static fani_whole_step read_fd(const fani_whole *w, void *to, size_t size, size_t *n,
                               fan_error *error)
{
    ssize_t got;
    do {
        if (!w->regular && !await(w)) {
            fani_error_set(error, FAN_E_CANCELLED, "%s is not read to its end: cancelled",
                           name_of(w));
            return fail(w, error);
        }
        got = read(w->fd, to, size);
    } while (got < 0 && (errno == EINTR || (errno == EAGAIN && !w->regular)));
    if (got < 0)
        return fail_errno(w, "read", error);
    *n = (size_t)got;
    return FANI_WHOLE_MORE;
}

/* *n bytes, 0 at the end. What is fetched is there. */
static fani_whole_step read_raw(fani_whole *w, void *to, size_t size, size_t *n, fan_error *error)
{
    fani_whole_step step = FANI_WHOLE_MORE;
    if (w->fetching)
        *n = fani_fetching_take(w->fetching, to, size);
    else
        step = read_fd(w, to, size, n, error);
    if (step == FANI_WHOLE_FAILED)
        return step;
    w->stored_size += *n;
    (void)XXH3_64bits_update(w->hash, to, *n);
    return step;
}

/* Room for some more bytes, one byte beyond the largest size included: it tells what is too large.
 * A plain file gets room for all of it, and for the look that finds its end; so does one whose
 * server says what it has. */
static fani_whole_step reserve(fani_whole *w, size_t least, fan_error *error)
{
    size_t most = w->options->max + 1, capacity = w->bytes.capacity;
    if (w->bytes.size > w->options->max)
        return too_large(w, error);
    if (capacity > w->bytes.size)
        return FANI_WHOLE_MORE;
    uint64_t expected = w->fetching ? fani_fetching_total(w->fetching) : w->expected;
    capacity = capacity ? 2 * capacity : least;
    if (!w->unpack && expected >= capacity)
        capacity = expected < most ? (size_t)expected + 1 : most;
    capacity = capacity < most ? capacity : most;
    unsigned char *bytes = realloc(w->bytes.bytes, capacity);
    if (!bytes)
        return no_memory(w, error);
    w->bytes.bytes = bytes;
    w->bytes.capacity = capacity;
    return FANI_WHOLE_MORE;
}

/* The whole file was read: whether it is what it was, and what its list says. */
static fani_whole_step check(fani_whole *w, fan_error *error)
{
    if (w->stored_size < w->expected) {
        fani_error_set(error, FAN_E_INPUT,
                       "%s became shorter while it was read: %" PRIu64 " of %" PRIu64 " bytes",
                       name_of(w), w->stored_size, w->expected);
        return fail(w, error);
    }
    w->stored_hash = XXH3_64bits_digest(w->hash);
    if (check_listed_size(w, w->stored_size, error) == FANI_WHOLE_FAILED)
        return FANI_WHOLE_FAILED;
    if (!w->listed->has_hash || w->stored_hash == w->listed->hash)
        return FANI_WHOLE_DONE;
    fani_error_set(error, FAN_E_INPUT,
                   "%s has the hash %016" PRIx64 ", not the %016" PRIx64 " of its list", name_of(w),
                   w->stored_hash, w->listed->hash);
    return fail(w, error);
}

static fani_whole_step read_plain(fani_whole *w, fan_error *error)
{
    size_t n = 0;
    if (reserve(w, START, error) == FANI_WHOLE_FAILED)
        return FANI_WHOLE_FAILED;
    size_t room = w->bytes.capacity - w->bytes.size;
    fani_whole_step step =
        read_raw(w, w->bytes.bytes + w->bytes.size, room < CHUNK ? room : CHUNK, &n, error);
    w->bytes.size += n;
    if (step == FANI_WHOLE_FAILED || n)
        return step;
    return check(w, error);
}

static fani_whole_step fail_unpacking(const fani_whole *w, fan_status status, const char *why,
                                      fan_error *error)
{
    fani_error_set(error, status, "%s can't be read: %s", name_of(w), why);
    return fail(w, error);
}

/* Unpacks what there is, or reads more of the file. */
static fani_whole_step read_packed(fani_whole *w, fan_error *error)
{
    size_t got = 0, room;
    const char *why = NULL;
    if (reserve(w, CHUNK, error) == FANI_WHOLE_FAILED)
        return FANI_WHOLE_FAILED;
    room = w->bytes.capacity - w->bytes.size;
    fan_status status = fani_unpack_take(w->unpack, w->bytes.bytes + w->bytes.size,
                                         room < CHUNK ? room : CHUNK, &got, &why);
    if (status != FAN_OK)
        return fail_unpacking(w, status, why, error);
    w->bytes.size += got;
    if (got)
        return FANI_WHOLE_MORE;
    if (fani_unpack_ended(w->unpack))
        return check(w, error);
    unsigned char *raw = fani_unpack_room(w->unpack, &room);
    if (read_raw(w, raw, room, &got, error) == FANI_WHOLE_FAILED)
        return FANI_WHOLE_FAILED;
    fani_unpack_filled(w->unpack, got);
    return FANI_WHOLE_MORE;
}

/* The first bytes have come: what follows is read as they say. */
static fani_whole_step decide(fani_whole *w, fan_error *error)
{
    fani_packing packing = w->options->keep_packed ? FANI_PACKING_NONE
                                                   : fani_packing_of(w->bytes.bytes, w->bytes.size);
    size_t room;
    w->begun = true;
    if (packing == FANI_PACKING_NONE || packing == FANI_PACKING_UNSURE)
        return w->expected > w->options->max ? too_large(w, error) : FANI_WHOLE_MORE;
    if (fani_unpack_new(packing, &w->unpack) != FAN_OK)
        return no_memory(w, error);
    memcpy(fani_unpack_room(w->unpack, &room), w->bytes.bytes, w->bytes.size);
    fani_unpack_filled(w->unpack, w->bytes.size);
    w->bytes.size = 0;
    return FANI_WHOLE_MORE;
}

/* Bytes enough to tell what the file is. */
static fani_whole_step read_start(fani_whole *w, fan_error *error)
{
    size_t n = 0;
    if (!w->bytes.bytes) {
        w->bytes.bytes = malloc(START);
        w->bytes.capacity = START;
    }
    if (!w->bytes.bytes)
        return no_memory(w, error);
    fani_whole_step step =
        read_raw(w, w->bytes.bytes + w->bytes.size, START - w->bytes.size, &n, error);
    w->bytes.size += n;
    if (step == FANI_WHOLE_FAILED || (n && w->bytes.size < MAGIC))
        return step;
    return decide(w, error);
}

/* What was read is not the file any more. */
static void begin_anew(fani_whole *w)
{
    w->bytes.size = 0;
    w->begun = false;
    w->stored_size = 0;
    fani_unpack_free(w->unpack);
    w->unpack = NULL;
    (void)XXH3_64bits_reset(w->hash); /* fails for NULL alone */
}

static fani_whole_step read_on(fani_whole *w, fan_error *error)
{
    if (!w->begun)
        return read_start(w, error);
    return w->unpack ? read_packed(w, error) : read_plain(w, error);
}

fani_whole_step fani_whole_read(fani_whole *whole, fan_error *error)
{
    if (!whole->fetching)
        return read_on(whole, error);
    switch (fani_fetching_await(whole->fetching, &whole->due, error)) {
    case FANI_FETCH_READY:
        return read_on(whole, error);
    case FANI_FETCH_ANEW:
        begin_anew(whole);
        return FANI_WHOLE_MORE;
    case FANI_FETCH_LATER:
        return FANI_WHOLE_LATER;
    case FANI_FETCH_FAILED:
        break;
    }
    return fail(whole, error);
}
