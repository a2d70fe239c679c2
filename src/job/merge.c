/* Putting the outputs of shards together: item by item, in the order of the whole input.
 *
 * An item that is ok has one line in its shard's output, and so has one that is not, but where its
 * record in the ledger says that nothing stands for it (text format). Those without a line are
 * marked in a map of one bit an item, which costs memory only where there are such. Each shard has
 * a buffer, and the buffers together one size however many shards there are; so have the
 * descriptors: files that find no place among those kept open are opened anew for each bufferful.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/ledger_read.h"
#include "job/output_hash.h"
#include "job/packed.h"
#include "job/record.h"
#include "job/results.h"
#include "job/shard.h"

enum {
    BUFFERS = 1 << 26, /* bytes of all buffers, about */
    BUFFER_LEAST = 4096,
    BUFFER_MOST = 1 << 20,
};

/* A shard's output. */
typedef struct part {
    char *path;
    fani_slice slice;
    fani_slice said;        /* as its journal has it */
    bool foreign;           /* its journal is of another run than the pin */
    const json_t *identity; /* the pin's */
    uint64_t items;
    uint64_t size; /* of the file, as its ledger says; and what it hashes to */
    uint64_t hash;
    fani_output_hash *read; /* what was read of it */
    uint64_t at;            /* bytes of it that were read */
    uint64_t base;          /* where it begins in what was unpacked of all */
    int fd;                 /* -1: opened for each read */
    bool seen;              /* it was opened before: it must be the same file */
    dev_t device;
    ino_t inode;
    unsigned char *buffer;
    size_t from, to; /* what is left in the buffer */
} part;

typedef struct merging {
    const char *output;
    fani_shard_pins pins;
    part *parts;
    uint64_t total; /* items */
    unsigned char *without_line;
    size_t map_size;
    size_t buffer_size;
    uint64_t kept_open;  /* so many parts keep their descriptor */
    fani_packed_how how; /* the outputs are compressed, and so is what is made of them */
    int plain;           /* then all parts, one behind the other; -1: they are read as they are */
    fani_writer *writer;
} merging;

static fan_status out_of_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

/* ---- What the ledgers say --------------------------------------------------------------------
 */

static fan_status keep_results(void *user, const fan_results *results, fan_error *error)
{
    part *p = user;
    if (!results->finished)
        return fani_error_set(error, FAN_E_BUSY, "%.400s is not finished", p->path);
    p->items = results->done;
    p->size = results->output_bytes;
    return FAN_OK;
}

static void compare_fact(void *user, const char *key, const char *value)
{
    part *p = user;
    if (strcmp(key, fani_key_info(FANI_KEY_SHARD)->name) == 0) {
        (void)fani_read_slice(value, &p->said); /* a run has checked it */
        return;
    }
    json_t *text = fani_json_text(value); /* as the pin has it; no memory: it differs */
    p->foreign |= !text || !json_equal(text, json_object_get(p->identity, key));
    json_decref(text);
}

static fan_status look_at_part(merging *m, part *p, fan_error *error)
{
    fan_results_visitor visitor = {.fact = compare_fact, .summary = keep_results, .user = p};
    p->identity = m->pins.identity;
    p->path = fani_shard_output_of(m->output, p->slice.number);
    if (!p->path)
        return out_of_memory(error);
    fan_status status = fani_results_of_run(p->path, &visitor, error);
    if (status == FAN_OK &&
        (p->foreign || p->said.number != p->slice.number || p->said.count != p->slice.count))
        return fani_error_set(error, FAN_E_INPUT,
                              "%.300s was written by another run than %.300s.run.json speaks of",
                              p->path, m->output);
    m->total += p->items;
    return status;
}

static fan_status look_at_parts(merging *m, fan_error *error)
{
    fan_status status = FAN_OK;
    for (uint64_t i = 0; status == FAN_OK && i < m->pins.count; i++)
        status = look_at_part(m, &m->parts[i], error);
    return status;
}

/* Shards that have read inputs of different lengths are no shards of one input. */
static fan_status check_shares(const merging *m, fan_error *error)
{
    for (uint64_t i = 0; i < m->pins.count; i++) {
        const part *p = &m->parts[i];
        uint64_t share = fani_slice_share(p->slice, m->total);
        if (p->items != share)
            return fani_error_set(error, FAN_E_INPUT,
                                  "%.300s has %" PRIu64 " items, but of %" PRIu64
                                  " in all it would have %" PRIu64
                                  ": the shards have read different inputs",
                                  p->path, p->items, m->total, share);
    }
    return FAN_OK;
}

/* ---- Items without a line --------------------------------------------------------------------
 */

typedef struct marking {
    merging *m;
    part *part;
} marking;

static fan_status does_not_fit(const part *p, const char *how, fan_error *error)
{
    return fani_error_set(error, FAN_E_INPUT, "%.300s does not fit its journal: %s", p->path, how);
}

static fan_status mark(void *user, const fani_ledger_failure *failure, fan_error *error)
{
    const marking *marks = user;
    if (failure->output_size)
        return FAN_OK;
    if (failure->index >= marks->part->items)
        return does_not_fit(marks->part, "that has an item which is not there", error);
    uint64_t index = fani_slice_index(marks->part->slice, failure->index);
    marks->m->without_line[index / 8] |= (unsigned char)(1U << index % 8);
    return FAN_OK;
}

static fan_status keep_hash(void *user, const fani_ledger_seen *seen, fan_error *error)
{
    const marking *marks = user;
    (void)error;
    marks->part->hash = seen->state.output_hash;
    return FAN_OK;
}

static fan_status mark_part(merging *m, part *p, fan_error *error)
{
    marking marks = {.m = m, .part = p};
    fani_ledger_visitor visitor = {.seen = keep_hash, .failure = mark, .user = &marks};
    char *path = fani_ledger_path(p->path);
    fan_status status = path ? fani_ledger_read(path, &visitor, error) : out_of_memory(error);
    free(path);
    return status;
}

static fan_status mark_all(merging *m, fan_error *error)
{
    fan_status status = FAN_OK;
    m->map_size = (size_t)(m->total / 8 + 1);
    int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // cppcheck-suppress invalidFunctionArg -- it has no file
    void *map = mmap(NULL, m->map_size, PROT_READ | PROT_WRITE, kind, -1, 0);
    if (map == MAP_FAILED)
        return out_of_memory(error);
    m->without_line = map;
    for (uint64_t i = 0; status == FAN_OK && i < m->pins.count; i++)
        status = mark_part(m, &m->parts[i], error);
    return status;
}

static bool has_line(const merging *m, uint64_t index)
{
    return !(m->without_line[index / 8] >> index % 8 & 1);
}

/* ---- Reading parts ---------------------------------------------------------------------------
 */

static fan_status read_error(const part *p, int code, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, code, "%s can't be %s", p->path, doing);
    fani_error_place(error, p->path, 0, 0);
    return FAN_E_INPUT;
}

/* Whether what was opened is the file that the ledger speaks of, and still the one it was. */
static fan_status check_file(part *p, int fd, fan_error *error)
{
    struct stat info;
    if (fstat(fd, &info))
        return read_error(p, errno, "read", error);
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != p->size)
        return does_not_fit(p, "it has another size", error);
    if (p->seen && (info.st_dev != p->device || info.st_ino != p->inode))
        return does_not_fit(p, "it was replaced meanwhile", error);
    p->seen = true;
    p->device = info.st_dev;
    p->inode = info.st_ino;
    return FAN_OK;
}

static fan_status open_part(part *p, int *fd, fan_error *error)
{
    do
        *fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return read_error(p, errno, "opened", error);
    fan_status status = check_file(p, *fd, error);
    if (status != FAN_OK)
        (void)close(*fd); /* only read */
    return status;
}

/* The next part's bytes stand behind this one's. */
static size_t plain_left(const merging *m, const part *p)
{
    uint64_t left = p->size - p->at;
    return m->plain >= 0 && left < m->buffer_size ? (size_t)left : m->buffer_size;
}

static fan_status read_some(const merging *m, part *p, int fd, fan_error *error)
{
    ssize_t n;
    do
        n = pread(fd, p->buffer, plain_left(m, p), (off_t)(p->base + p->at));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return read_error(p, errno, "read", error);
    if (n == 0)
        return does_not_fit(p, "it ends too early", error);
    fani_output_hash_add(p->read, p->buffer, (size_t)n);
    p->at += (uint64_t)n;
    p->from = 0;
    p->to = (size_t)n;
    return FAN_OK;
}

/* The next bufferful. */
static fan_status refill(const merging *m, part *p, fan_error *error)
{
    int fd = m->plain >= 0 ? m->plain : p->fd;
    if (!p->buffer) {
        p->buffer = malloc(m->buffer_size);
        p->read = fani_output_hash_new();
    }
    if (!p->buffer || !p->read)
        return out_of_memory(error);
    fan_status status = fd < 0 ? open_part(p, &fd, error) : FAN_OK;
    if (status != FAN_OK)
        return status;
    status = read_some(m, p, fd, error);
    if (fd == m->plain)
        return status;
    if (p->slice.number <= m->kept_open)
        p->fd = fd;
    else
        (void)close(fd); /* only read */
    return status;
}

/* Takes a line off a part: to the end of `line`, or to the output where that is NULL. */
static fan_status take_line(const merging *m, part *p, fan_buffer *line, fan_error *error)
{
    fan_status status = FAN_OK;
    const unsigned char *end = NULL;
    while (status == FAN_OK && !end) {
        if (p->from == p->to)
            status = refill(m, p, error);
        if (status != FAN_OK)
            return status;
        const unsigned char *from = p->buffer + p->from;
        end = memchr(from, '\n', p->to - p->from);
        size_t size = end ? (size_t)(end - from) + 1 : p->to - p->from;
        p->from += size;
        status =
            line ? fani_bytes_add(line, from, size) : fani_writer_add(m->writer, from, size, error);
        if (status != FAN_OK && line)
            return out_of_memory(error);
    }
    return status;
}

/* ---- Merging ---------------------------------------------------------------------------------
 */

/* The header of TSV, which each output has that is not empty, comes once. */
static fan_status take_headers(const merging *m, fan_error *error)
{
    const char *format = json_string_value(json_object_get(m->pins.identity, "format"));
    fan_buffer header = {0}, other = {0};
    fan_status status = FAN_OK;
    bool tsv = format && strcmp(format, "tsv") == 0;
    for (uint64_t i = 0; tsv && status == FAN_OK && i < m->pins.count; i++) {
        part *p = &m->parts[i];
        bool first = header.size == 0;
        other.size = 0;
        if (!p->size)
            continue;
        status = take_line(m, p, first ? &header : &other, error);
        if (status == FAN_OK && first)
            status = fani_writer_add(m->writer, header.bytes, header.size, error);
        else if (status == FAN_OK &&
                 (header.size != other.size || memcmp(header.bytes, other.bytes, header.size) != 0))
            status = does_not_fit(p, "it has another header", error);
    }
    fan_buffer_clear(&header);
    fan_buffer_clear(&other);
    return status;
}

static fan_status check_ends(const merging *m, fan_error *error)
{
    for (uint64_t i = 0; i < m->pins.count; i++) {
        const part *p = &m->parts[i];
        if (p->from < p->to || p->at < p->size)
            return does_not_fit(p, "it has more lines", error);
        if (p->read && fani_output_hash_value(p->read) != p->hash)
            return does_not_fit(p, "it has other bytes", error);
    }
    return FAN_OK;
}

static fan_status merge(const merging *m, fan_error *error)
{
    fan_status status = take_headers(m, error);
    uint64_t shard = 0;
    for (uint64_t index = 0; status == FAN_OK && index < m->total; index++) {
        if (has_line(m, index))
            status = take_line(m, &m->parts[shard], NULL, error);
        shard = shard + 1 < m->pins.count ? shard + 1 : 0;
    }
    return status == FAN_OK ? check_ends(m, error) : status;
}

/* Unpacks all parts into one file without a name: descriptors and memory don't grow with them. */
static fan_status unpack_parts(merging *m, fan_error *error)
{
    fan_status status =
        m->how.packing ? fani_packed_plain_file(m->output, &m->plain, error) : FAN_OK;
    uint64_t all = 0, size = 0;
    for (uint64_t i = 0; m->how.packing && status == FAN_OK && i < m->pins.count; i++) {
        part *p = &m->parts[i];
        p->base = all;
        status = fani_packed_unpack(p->path, true, m->plain, &size, error);
        if (status == FAN_OK && size != p->size)
            status = does_not_fit(p, "it has another size", error);
        all += size;
    }
    return status;
}

static fan_status write_output(merging *m, fan_error *error)
{
    fani_packed *packed = NULL;
    fan_status status = unpack_parts(m, error);
    if (status == FAN_OK)
        status = fani_writer_to_file(m->output, &m->writer, error);
    if (status == FAN_OK)
        status = fani_packed_begin(m->how, m->writer, &packed, error);
    if (status == FAN_OK)
        status = merge(m, error);
    if (status == FAN_OK)
        status = fani_writer_publish(m->writer, error);
    fani_writer_free(m->writer);
    fani_packed_free(packed);
    return status;
}

static fan_status begin(merging *m, fan_error *error)
{
    struct rlimit files;
    fan_status status = fani_shard_pins_read(m->output, &m->pins, error);
    if (status != FAN_OK)
        return status;
    if (!m->pins.count)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%.300s was not written in shards: there is nothing to merge",
                              m->output);
    const char *how = json_string_value(json_object_get(m->pins.identity, "compress"));
    if (!fani_packed_read(how, &m->how))
        return fani_error_set(error, FAN_E_INPUT, "%.300s is compressed by a newer Fanfold",
                              m->output);
    m->parts = calloc(m->pins.count, sizeof *m->parts);
    if (!m->parts)
        return out_of_memory(error);
    for (uint64_t i = 0; i < m->pins.count; i++)
        m->parts[i] = (part){.fd = -1, .slice = {.number = i + 1, .count = m->pins.count}};
    m->buffer_size = (size_t)(BUFFERS / m->pins.count);
    if (m->buffer_size > BUFFER_MOST)
        m->buffer_size = BUFFER_MOST;
    if (m->buffer_size < BUFFER_LEAST)
        m->buffer_size = BUFFER_LEAST;
    m->kept_open = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur / 2 : 0;
    return FAN_OK;
}

static void end(merging *m)
{
    if (m->plain >= 0)
        (void)close(m->plain); /* it has no name */
    for (uint64_t i = 0; m->parts && i < m->pins.count; i++) {
        if (m->parts[i].fd >= 0)
            (void)close(m->parts[i].fd); /* only read */
        free(m->parts[i].buffer);
        fani_output_hash_free(m->parts[i].read);
        free(m->parts[i].path);
    }
    free(m->parts);
    if (m->without_line)
        (void)munmap(m->without_line, m->map_size); /* nothing follows from a failure */
    fani_shard_pins_clear(&m->pins);
}

fan_status fan_results_merge(const char *output, fan_error *error)
{
    merging m = {.output = output, .plain = -1};
    fan_status status = begin(&m, error);
    if (status == FAN_OK)
        status = look_at_parts(&m, error);
    if (status == FAN_OK)
        status = check_shares(&m, error);
    if (status == FAN_OK)
        status = mark_all(&m, error);
    if (status == FAN_OK)
        status = write_output(&m, error);
    end(&m);
    return status;
}
