#include "job/command_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "fanfold/stage.h"
#include "job/near.h"
#include "job/record.h"
#include "stage/scratch.h"
#include "stage/walk.h"

enum { COPIES = 4 }; /* files that a command leaves are published at the same time */

struct fani_command_stage {
    char *near;    /* the private folder of this host; its "in" are the copies */
    char *out;     /* NULL: nothing is published */
    char *scratch; /* in it */
    char *own;     /* the command's folder; NULL: none at the moment */
    char *variables[3];
    size_t fixed; /* variables that are the same for all */
};

/* Stands before the texts and the table. */
typedef struct stage_head {
    uint32_t sees_copies, publishes;
    uint32_t out_size, scratch_size; /* with their NULs */
} stage_head;

fan_status fani_command_stage_tell(fan_buffer *to, bool sees_copies, const char *out,
                                   const char *scratch, const fan_buffer *table)
{
    const stage_head head = {.sees_copies = sees_copies,
                             .publishes = out != NULL,
                             .out_size = out ? (uint32_t)strlen(out) + 1 : 0,
                             .scratch_size = out ? (uint32_t)strlen(scratch) + 1 : 0};
    fan_status status = fani_bytes_add(to, &head, sizeof head);
    if (status == FAN_OK && out)
        status = fani_bytes_add(to, out, head.out_size);
    if (status == FAN_OK && out)
        status = fani_bytes_add(to, scratch, head.scratch_size);
    return status == FAN_OK ? fani_bytes_add(to, table->bytes, table->size) : status;
}

void fani_command_stage_free(fani_command_stage *stage)
{
    if (!stage)
        return;
    fani_command_stage_end(stage);
    free(stage->variables[0]);
    free(stage->variables[1]);
    free(stage->near);
    free(stage->out);
    free(stage->scratch);
    free(stage);
}

static bool read_texts(fani_command_stage *s, const stage_head *head, const char *at)
{
    bool good = true;
    if (head->publishes) {
        s->out = strndup(at, head->out_size);
        s->scratch = strndup(at + head->out_size, head->scratch_size);
        good = s->out && s->scratch;
    }
    if (good && head->sees_copies) {
        good = asprintf(&s->variables[0], "FANFOLD_STAGE=%s/in", s->near) >= 0;
        s->fixed = good;
        s->variables[0] = good ? s->variables[0] : NULL;
    }
    return good;
}

fan_status fani_command_stage_new(const void *bytes, size_t size, fani_command_stage **stage)
{
    stage_head head;
    const char *at = bytes;
    *stage = NULL;
    if (!size)
        return FAN_OK;
    if (size < sizeof head)
        return FAN_E_PROTOCOL;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    size -= sizeof head;
    if (size < (size_t)head.out_size + head.scratch_size)
        return FAN_E_PROTOCOL;
    size_t texts = (size_t)head.out_size + head.scratch_size;
    const char *near = fani_near_find(at + texts, size - texts);
    if (!near)
        return FAN_E_UNAVAILABLE;
    fani_command_stage *s = calloc(1, sizeof *s);
    if (s && (s->near = strdup(near)) && read_texts(s, &head, at)) {
        *stage = s;
        return FAN_OK;
    }
    fani_command_stage_free(s);
    return FAN_E_MEMORY;
}

/* ---- A command's folder ------------------------------------------------------------------------
 */

static fan_status make_own(fani_command_stage *s, fan_error *error)
{
    if (asprintf(&s->own, "%s/out", s->near) < 0) {
        s->own = NULL;
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    bool made = mkdir(s->own, 0700) == 0 || errno == EEXIST;
    free(s->own);
    s->own = NULL;
    if (made && asprintf(&s->own, "%s/out/XXXXXX", s->near) < 0) {
        s->own = NULL;
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    if (made && mkdtemp(s->own))
        return FAN_OK;
    int code = errno;
    free(s->own);
    s->own = NULL;
    return fani_error_errno(error, FAN_E_OUTPUT, code,
                            "the folder FANFOLD_STAGE_OUT can't be made in %s", s->near);
}

fan_status fani_command_stage_begin(fani_command_stage *stage, const char *const **environment,
                                    fan_error *error)
{
    fani_command_stage *s = stage;
    *environment = NULL;
    if (!s)
        return FAN_OK;
    fan_status status = s->out ? make_own(s, error) : FAN_OK;
    if (status == FAN_OK && s->out &&
        asprintf(&s->variables[s->fixed], "FANFOLD_STAGE_OUT=%s", s->own) < 0) {
        s->variables[s->fixed] = NULL;
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    *environment = (const char *const *)s->variables;
    return status;
}

void fani_command_stage_end(fani_command_stage *stage)
{
    fani_command_stage *s = stage;
    if (!s || !s->own)
        return;
    (void)fani_scratch_remove(s->own); /* what stays goes with the run's folder */
    free(s->own);
    free(s->variables[s->fixed]);
    s->own = s->variables[s->fixed] = NULL;
}

/* ---- Publishing ------------------------------------------------------------------------------
 */

/* Copies the command's files; *any: there were some. */
static fan_status copy_all(fan_copier *copier, bool *any, fan_error *error)
{
    fan_copied c;
    fan_status status;
    *any = false;
    while ((status = fan_copier_next(copier, FAN_FOREVER, &c)) == FAN_OK) {
        *any = true;
        if (!c.error)
            continue;
        *error = *c.error;
        return c.error->status;
    }
    return status == FAN_E_CLOSED ? FAN_OK
                                  : fani_error_set(error, status, "%s", fan_status_text(status));
}

static fan_status copy_own(const fani_command_stage *s, const char *to,
                           bool (*cancelled)(void *user), void *user, bool *any, fan_error *error)
{
    fan_copier *copier = NULL;
    char *from = fani_walk_join(s->own, ".");
    const fan_copier_options options = {
        .folder = to, .verify = true, .copies = COPIES, .stop = cancelled, .stop_user = user};
    fan_status status = from ? fan_copier_open(&options, &copier, error) : FAN_E_MEMORY;
    if (status == FAN_OK)
        status = fan_copier_add(copier, from);
    if (status == FAN_E_MEMORY)
        fani_error_set(error, status, "out of memory");
    if (status == FAN_OK)
        status = copy_all(copier, any, error);
    (void)fan_copier_close(copier, FAN_FOREVER); /* it comes back when all calls have */
    free(from);
    return status;
}

/* Puts the folder `whole` in the place of `target`, and what was there in the place of `whole`. Not
 * all file systems can exchange; there another name, `aside`, is between. */
static bool exchange(const char *whole, const char *target, const char *aside)
{
    if (renameat2(AT_FDCWD, whole, AT_FDCWD, target, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL || errno == ENOSYS) {
        struct stat info;
        if (lstat(target, &info) != 0 && errno == ENOENT)
            return rename(whole, target) == 0;
        errno = EEXIST;
    }
    if (errno != EEXIST)
        return false;
    if (renameat2(AT_FDCWD, whole, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
        return true;
    return (errno == EINVAL || errno == ENOSYS) && rename(target, aside) == 0 &&
           rename(whole, target) == 0;
}

static fan_status fail(const char *target, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_OUTPUT, errno, "the folder %s can't be %s", target, doing);
    fani_error_place(error, target, 0, 0);
    return FAN_E_OUTPUT;
}

/* The files are whole in `whole`: gives them their place, or takes away what an earlier attempt has
 * left there. */
static fan_status put_in_place(const fani_command_stage *s, const char *whole, const char *target,
                               bool any, fan_error *error)
{
    char *aside;
    struct stat info;
    bool placed = true;
    if (asprintf(&aside, "%s.old", whole) < 0)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (any)
        placed = fani_sync_folder(AT_FDCWD, whole) == 0 && exchange(whole, target, aside);
    else if (lstat(target, &info) == 0)
        placed = rename(target, aside) == 0;
    fan_status status = placed ? FAN_OK : fail(target, "given its place", error);
    if (status == FAN_OK && fani_sync_folder(AT_FDCWD, s->out) != 0)
        status = fail(target, "synced with its place", error);
    (void)fani_scratch_remove(aside); /* these two: what stays goes with the run's folder */
    (void)fani_scratch_remove(whole);
    free(aside);
    return status;
}

static fan_status publish(const fani_command_stage *s, const char *whole, const char *target,
                          bool (*cancelled)(void *user), void *user, fan_error *error)
{
    bool any = false;
    fan_status status = copy_own(s, whole, cancelled, user, &any, error);
    if (status == FAN_OK)
        return put_in_place(s, whole, target, any, error);
    (void)fani_scratch_remove(whole); /* what stays goes with the run's folder */
    return status;
}

fan_status fani_command_stage_publish(const fani_command_stage *stage, uint64_t number,
                                      bool (*cancelled)(void *user), void *user, fan_error *error)
{
    const fani_command_stage *s = stage;
    char *whole = NULL, *target = NULL;
    if (!s || !s->out)
        return FAN_OK;
    if (asprintf(&whole, "%s%s", s->scratch, strrchr(s->own, '/')) < 0)
        whole = NULL;
    if (asprintf(&target, "%s/%" PRIu64, s->out, number) < 0)
        target = NULL;
    fan_status status = whole && target ? publish(s, whole, target, cancelled, user, error)
                                        : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    free(whole);
    free(target);
    return status;
}
