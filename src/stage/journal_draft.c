#include "stage/journal_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"

enum { BUFFER = 1 << 18 };

static fan_status fail(fani_journal_draft *draft, const char *doing, fan_error *error)
{
    int code = errno;
    fani_error_errno(error, FAN_E_OUTPUT, code, "%s beside %s can't be %s", draft->name,
                     draft->place->path, doing);
    fani_error_place(error, draft->place->path, 0, 0);
    return FAN_E_OUTPUT;
}

static fan_status flush(fani_journal_draft *draft, fan_error *error)
{
    size_t size = draft->used;
    draft->used = 0;
    return fani_journal_write_all(draft->place->io, draft->fd, draft->buffer, size)
               ? fail(draft, "written", error)
               : FAN_OK;
}

fan_status fani_journal_draft_copy(fani_journal_draft *draft, fani_journal_mark mark,
                                   const void *payload, fan_error *error)
{
    size_t size = fani_journal_record_bytes(mark.size);
    if (size > BUFFER + FANI_JOURNAL_PAYLOAD_MAX - draft->used) {
        fan_status status = flush(draft, error);
        if (status != FAN_OK)
            return status;
    }
    fani_journal_record_put(draft->buffer + draft->used, draft->id, mark, payload);
    draft->used += size;
    draft->bytes += size;
    draft->next = mark.sequence + (mark.kind <= FANI_JOURNAL_KIND_MAX);
    return FAN_OK;
}

fan_status fani_journal_draft_add(fani_journal_draft *draft, uint32_t kind, const void *payload,
                                  size_t size, fan_error *error)
{
    fani_journal_mark mark = {
        .size = (uint32_t)size, .kind = kind, .epoch = draft->epoch, .sequence = draft->next};
    return fani_journal_draft_copy(draft, mark, payload, error);
}

static char *name_of(const fani_journal_place *place, uint32_t epoch)
{
    char *name;
    return asprintf(&name, "%s.tmp-%" PRIu32, place->name, epoch) < 0 ? NULL : name;
}

fan_status fani_journal_draft_clear(const fani_journal_place *place, uint32_t epoch,
                                    fan_error *error)
{
    char *name = name_of(place, epoch);
    if (!name)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    int code = place->io->unlink_at(place->folder, name);
    free(name);
    return code && errno != ENOENT ? fani_journal_place_error(place, FAN_E_OUTPUT, errno,
                                                              "freed from what a run left", error)
                                   : FAN_OK;
}

fan_status fani_journal_draft_begin(const fani_journal_place *place, uint32_t epoch,
                                    const unsigned char *identity, size_t identity_size,
                                    uint64_t next, fani_journal_draft *draft, fan_error *error)
{
    *draft = (fani_journal_draft){.place = place, .fd = -1, .epoch = epoch, .next = next};
    draft->name = name_of(place, epoch);
    draft->buffer = malloc(BUFFER + FANI_JOURNAL_PAYLOAD_MAX + FANI_JOURNAL_RECORD_HEAD);
    if (!draft->name || !draft->buffer)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    while (!draft->id) {
        if (getrandom(&draft->id, sizeof draft->id, 0) != (ssize_t)sizeof draft->id)
            return fail(draft, "given an id", error);
    }
    fan_status status = fani_journal_draft_clear(place, epoch, error);
    if (status != FAN_OK)
        return status;
    draft->fd =
        place->io->open_at(place->folder, draft->name,
                           O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (draft->fd < 0)
        return fail(draft, "created", error);
    fani_journal_head_put(draft->buffer, draft->id);
    draft->used = draft->bytes = FANI_JOURNAL_HEAD;
    /* Of no epoch, so that copies of older records may follow. */
    fani_journal_mark mark = {
        .size = (uint32_t)identity_size, .kind = FANI_JOURNAL_IDENTITY, .sequence = next};
    return fani_journal_draft_copy(draft, mark, identity, error);
}

fan_status fani_journal_draft_sync(fani_journal_draft *draft, fan_error *error)
{
    unsigned char note[8];
    fani_journal_u64_put(note, draft->bytes);
    fan_status status = fani_journal_draft_add(draft, FANI_JOURNAL_NOTE, note, sizeof note, error);
    if (status == FAN_OK)
        status = flush(draft, error);
    if (status == FAN_OK && fani_journal_sync_data(draft->place->io, draft->fd))
        status = fail(draft, "synced", error);
    return status;
}

/* Some file systems know no hard links; there the lock alone keeps others from making the file. */
static int give_name(fani_journal_draft *draft, bool fresh)
{
    const fani_journal_place *place = draft->place;
    if (fresh) {
        if (place->io->link_at(place->folder, draft->name, place->name) == 0)
            return place->io->unlink_at(place->folder, draft->name);
        if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS)
            return -1;
    }
    return place->io->rename_at(place->folder, draft->name, place->name);
}

fan_status fani_journal_draft_place(fani_journal_draft *draft, bool fresh, fan_error *error)
{
    if (give_name(draft, fresh))
        return fail(draft, "renamed into its place", error);
    free(draft->name);
    draft->name = NULL;
    if (fani_journal_sync_folder(draft->place->io, draft->place->folder))
        return fani_journal_place_error(draft->place, FAN_E_OUTPUT, errno, "synced with its folder",
                                        error);
    return FAN_OK;
}

int fani_journal_draft_take_fd(fani_journal_draft *draft)
{
    int fd = draft->fd;
    draft->fd = -1;
    return fd;
}

void fani_journal_draft_drop(fani_journal_draft *draft)
{
    /* What is thrown away needs no check: it was never promised. */
    if (draft->fd >= 0) {
        (void)fani_journal_close_fd(draft->place->io, draft->fd);
        if (draft->name)
            (void)draft->place->io->unlink_at(draft->place->folder, draft->name);
    }
    free(draft->name);
    free(draft->buffer);
    *draft = (fani_journal_draft){.fd = -1};
}
