#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/weak_known_format.h"

enum { PIECE = 1 << 20 };

struct fani_known_writer {
    fani_writer *out;
    char *path;
    fani_known_head head;
    fani_known_foot foot;
    size_t section;
    uint64_t written; /* of the section */
    XXH3_state_t *hash;
    bool published;
};

uint64_t fani_known_check(const fani_known_head *head, const fani_known_foot *foot)
{
    uint64_t check =
        XXH3_64bits_withSeed(foot->check, sizeof foot->check, XXH3_64bits(head, sizeof *head));
    return check ? check : 1;
}

static fan_status no_memory(const char *path, fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory to write %.300s", path);
}

fan_status fani_known_write_begin(const char *path, const fani_known_head *head,
                                  fani_known_writer **writer, fan_error *error)
{
    fani_known_writer *w = calloc(1, sizeof *w);
    if (!w)
        return no_memory(path, error);
    w->head = *head;
    memcpy(w->head.magic, FANI_KNOWN_MAGIC, sizeof w->head.magic);
    w->head.version = FANI_KNOWN_VERSION;
    w->head.order = FANI_KNOWN_ORDER;
    w->path = strdup(path);
    w->hash = XXH3_createState();
    fan_status status = w->path && w->hash ? FAN_OK : no_memory(path, error);
    if (status == FAN_OK)
        status = fani_writer_to_part(path, FANI_KNOWN_NEXT, UINT64_MAX, &w->out, error);
    if (status == FAN_OK)
        status = fani_writer_make_private(w->out, error);
    if (status == FAN_OK)
        status = fani_writer_add(w->out, &w->head, sizeof w->head, error);
    if (status != FAN_OK) {
        fani_known_write_free(w);
        return status;
    }
    XXH3_64bits_reset(w->hash);
    *writer = w;
    return FAN_OK;
}

fan_status fani_known_write(fani_known_writer *writer, const void *bytes, size_t size,
                            fan_error *error)
{
    if (!size)
        return FAN_OK;
    XXH3_64bits_update(writer->hash, bytes, size);
    writer->written += size;
    return fani_writer_add(writer->out, bytes, size, error);
}

fan_status fani_known_write_old(fani_known_writer *writer, const fani_known_file *old,
                                uint64_t size, fan_error *error)
{
    fani_known_stream stream = {.file = old, .section = (fani_known_section)writer->section};
    unsigned char *bytes = malloc(PIECE);
    fan_status status = bytes ? FAN_OK : no_memory(writer->path, error);
    for (uint64_t done = 0; done < size && status == FAN_OK;) {
        size_t part = size - done < PIECE ? (size_t)(size - done) : PIECE;
        status = fani_known_stream_get(&stream, bytes, part, error);
        if (status == FAN_OK)
            status = fani_known_write(writer, bytes, part, error);
        done += part;
    }
    fani_known_stream_free(&stream);
    free(bytes);
    return status;
}

fan_status fani_known_write_section(fani_known_writer *writer, fan_error *error)
{
    static const char zeros[8];
    uint64_t size = writer->written;
    if (size != writer->head.size[writer->section])
        return fani_error_set(
            error, FAN_E_OUTPUT, "part %zu of %.300s has %" PRIu64 " bytes, and not %" PRIu64,
            writer->section, writer->path, size, writer->head.size[writer->section]);
    writer->foot.check[writer->section++] = XXH3_64bits_digest(writer->hash);
    XXH3_64bits_reset(writer->hash);
    writer->written = 0;
    return fani_writer_add(writer->out, zeros, (size_t)(FANI_KNOWN_PADDED(size) - size), error);
}

/* What a full disk or a broken one has to say is said here, before the output is in its place. */
fan_status fani_known_write_end(fani_known_writer *writer, fan_error *error)
{
    writer->foot.all = fani_known_check(&writer->head, &writer->foot);
    fan_status status = fani_writer_add(writer->out, &writer->foot, sizeof writer->foot, error);
    if (status == FAN_OK)
        status = fani_writer_flush(writer->out, error);
    if (status == FAN_OK && fsync(fani_writer_fd(writer->out)) != 0) {
        fani_error_errno(error, FAN_E_OUTPUT, errno, "%.300s" FANI_KNOWN_NEXT " can't be synced",
                         writer->path);
        fani_error_place(error, writer->path, 0, 0);
        status = FAN_E_OUTPUT;
    }
    return status;
}

fan_status fani_known_write_publish(fani_known_writer *writer, fan_error *error)
{
    fan_status status = fani_writer_publish(writer->out, error);
    writer->published = status == FAN_OK;
    return status;
}

void fani_known_write_free(fani_known_writer *writer)
{
    if (!writer)
        return;
    if (writer->out && !writer->published)
        fani_writer_discard(writer->out);
    fani_writer_free(writer->out);
    XXH3_freeState(writer->hash);
    free(writer->path);
    free(writer);
}

/* Whether PATH.next is such a state; its size. */
static bool is_next(const char *path, uint64_t parent, uint64_t owner, uint64_t *size, char **next)
{
    char *target = fani_writer_target(path);
    fani_known_file file = {.fd = -1};
    struct stat info;
    if (!target || asprintf(next, "%s" FANI_KNOWN_NEXT, target) < 0)
        *next = NULL;
    bool is = *next && fani_known_file_open(NULL, *next, false, &file, NULL) == FAN_OK &&
              file.fd >= 0 && file.head.parent == parent && file.head.owner == owner &&
              fstat(file.fd, &info) == 0;
    if (is)
        *size = (uint64_t)info.st_size;
    fani_known_file_close(&file);
    free(target);
    return is;
}

fan_status fani_known_write_adopt(const char *path, uint64_t parent, uint64_t owner,
                                  fan_error *error)
{
    fani_writer *out = NULL;
    char *next = NULL;
    uint64_t size;
    fan_status status = FAN_OK;
    if (is_next(path, parent, owner, &size, &next)) {
        status = fani_writer_to_part(path, FANI_KNOWN_NEXT, size, &out, error);
        if (status == FAN_OK)
            status = fani_writer_publish(out, error);
        fani_writer_free(out);
    }
    free(next);
    return status;
}
