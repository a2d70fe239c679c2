#include "job/split.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "job/packed.h"
#include "job/state.h"
#include "stage/listing.h"
#include "stage/manifest.h"
#include "stage/part_file.h"

#define MANIFEST "MANIFEST"
#define PART "part-"
#define DIGITS "0123456789"

uint64_t fani_split_of(const fan_job *job)
{
    const char *text = fani_job_text(job, FANI_KEY_SPLIT);
    uint64_t bytes = 0;
    return text && fani_read_size(text, &bytes) ? bytes : 0;
}

bool fani_split_publishes(const char *output)
{
    struct stat info;
    return stat(output, &info) ? errno == ENOENT : S_ISDIR(info.st_mode);
}

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static char *in_folder(const char *output, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", output, name) < 0 ? NULL : path;
}

fan_status fani_split_clear_fence(const char *output, uint64_t id, fan_error *error)
{
    char *path = in_folder(output, "."); /* no link: it is looked for in this folder */
    fan_status status = path ? fani_writer_clear_fence(path, id, error) : no_memory(error);
    free(path);
    return status;
}

bool fani_split_is_there(const char *output)
{
    char *path = in_folder(output, MANIFEST);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

/* As name_of makes them, whatever they are compressed by. */
static bool is_part(const char *name)
{
    size_t digits = strncmp(name, PART, strlen(PART)) ? 0 : strspn(name + strlen(PART), DIGITS);
    const char *ending = name + strlen(PART) + digits;
    bool known = false;
    for (fan_packing p = FAN_PACKING_NONE; digits && p <= FAN_PACKING_ZSTD; p++)
        known = known || !strcmp(ending, fani_pack_ending(p));
    return known;
}

/* Whether a folder that no run has made has files that would be replaced, or removed as those of an
 * older output. */
static bool has_strangers(const char *output)
{
    char *journal = fani_ledger_path(output);
    bool known = !journal || access(journal, F_OK) == 0 || fani_split_is_there(output),
         found = false;
    DIR *folder = known ? NULL : opendir(output);
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while (!found && folder && (entry = readdir(folder)))
        found = is_part(entry->d_name);
    if (folder)
        (void)closedir(folder); /* only read */
    free(journal);
    return found;
}

fan_status fani_split_check(const fan_job *job, fan_error *error)
{
    const char *output = fani_job_text(job, FANI_KEY_OUTPUT);
    size_t size = output ? strlen(output) : 0;
    if (!fani_job_text(job, FANI_KEY_SPLIT))
        return FAN_OK;
    if (fani_job_text(job, FANI_KEY_SHARD))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "split can't be used with shard: results --merge makes one file");
    if (!size || !strcmp(output, "-") || output[size - 1] == '/')
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "split needs an output, the name of a folder without a '/' behind it");
    if (fani_job_flag(job, FANI_KEY_NO_JOURNAL))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "split needs the journal: it can't be used with no-journal");
    if (!fan_job_is_resumable(job))
        return fani_error_set(error, FAN_E_ARGUMENT, "split: %.300s is no folder", output);
    if (fani_job_flag(job, FANI_KEY_RESTART) || !has_strangers(output))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "split: %.300s has files " PART "NNNNN that no " MANIFEST
                          " lists: --restart replaces them",
                          output);
}

/* ---- Writing ---------------------------------------------------------------------------------
 */

typedef struct splitting {
    fani_job_run *run;
    fani_part_file_options how;
    uint64_t most; /* bytes of a file */
    uint64_t count;
    char *name, *path; /* of the one that is written; NULL: none is */
    fani_part_file file;
    uint64_t bytes; /* of it */
    fani_writer *manifest;
} splitting;

static fan_status output_error(const char *path, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be %s", path, doing);
    fani_error_place(error, path, 0, 0);
    return FAN_E_OUTPUT;
}

/* NULL: out of memory. */
static char *name_of(uint64_t number, fan_packing packing)
{
    char *name;
    int size = asprintf(&name, PART "%05" PRIu64 "%s", number, fani_pack_ending(packing));
    return size < 0 ? NULL : name;
}

static fan_status begin_file(splitting *s, fan_error *error)
{
    s->name = name_of(s->count, s->how.packing);
    s->path = s->name ? in_folder(s->run->output, s->name) : NULL;
    s->file = (fani_part_file){.path = s->path};
    s->bytes = 0;
    return s->path ? FAN_OK : no_memory(error);
}

static void drop_file(splitting *s)
{
    fani_part_file_drop(&s->file);
    free(s->name);
    free(s->path);
    s->name = s->path = NULL;
}

/* Publishes the file that was begun, and lists it. */
static fan_status end_file(splitting *s, fan_error *error)
{
    fan_status status = fani_part_file_add(&s->file, &s->how, NULL, 0, true, error);
    if (status != FAN_OK)
        return status;
    const fani_manifest_entry entry = {.name = s->name,
                                       .size = s->file.stored_size,
                                       .hash = s->file.stored_hash,
                                       .has_size = true,
                                       .has_hash = true};
    char *line = fani_manifest_line(&entry);
    status = line ? fani_writer_add(s->manifest, line, strlen(line), error) : no_memory(error);
    free(line);
    drop_file(s);
    s->count++;
    return status;
}

/* How many of these bytes go to the file that is written: up to a line's end, or all. */
static size_t share_of(const splitting *s, const unsigned char *bytes, size_t size, bool *ends)
{
    uint64_t left = s->bytes < s->most ? s->most - s->bytes - 1 : 0;
    const unsigned char *end = left < size ? memchr(bytes + left, '\n', size - (size_t)left) : NULL;
    *ends = end != NULL;
    return end ? (size_t)(end - bytes) + 1 : size;
}

static fan_status take(void *user, const unsigned char *bytes, size_t size, fan_error *error)
{
    splitting *s = user;
    fan_status status = FAN_OK;
    while (status == FAN_OK && size) {
        bool ends;
        if (!s->path)
            status = begin_file(s, error);
        size_t share = share_of(s, bytes, size, &ends);
        if (status == FAN_OK)
            status = fani_part_file_add(&s->file, &s->how, bytes, share, false, error);
        s->bytes += share;
        bytes += share;
        size -= share;
        if (status == FAN_OK && ends)
            status = end_file(s, error);
    }
    return status;
}

/* The older list goes first: it would speak of files that are not what it says. */
static fan_status open_folder(splitting *s, fan_error *error)
{
    char *folder = fani_writer_target(s->run->output); /* it may be where a link leads */
    char *path = in_folder(s->run->output, MANIFEST);
    fan_status status = FAN_OK;
    if (!folder || !path) {
        free(folder);
        free(path);
        return no_memory(error);
    }
    if (mkdir(folder, s->how.secret ? 0700 : 0777) && errno != EEXIST)
        status = output_error(s->run->output, "made", error);
    if (status == FAN_OK && unlink(path) && errno != ENOENT)
        status = output_error(path, "replaced", error);
    if (status == FAN_OK)
        status = fani_writer_to_name(path, &s->manifest, error);
    if (status == FAN_OK && s->how.secret)
        status = fani_writer_make_private(s->manifest, error);
    if (status == FAN_OK)
        status =
            fani_writer_add(s->manifest, FANI_MANIFEST_HEAD, strlen(FANI_MANIFEST_HEAD), error);
    if (status == FAN_OK)
        fani_writer_set_fence(s->manifest, s->how.fence);
    free(path);
    free(folder);
    return status;
}

/* Files of an older output that had more of them, or was compressed in another way. */
static void remove_from(const char *output, uint64_t first, fan_packing packing)
{
    bool there = true;
    for (uint64_t i = first; there; i++) {
        char *name = name_of(i, packing), *path = name ? in_folder(output, name) : NULL;
        there = path && unlink(path) == 0;
        free(path);
        free(name);
    }
}

fan_status fani_split_publish(fani_job_run *run, fan_error *error)
{
    fani_packed_how how = fani_packed_of(run->job);
    fani_writer_fence fence = fani_state_fence(run->state);
    splitting s = {.run = run,
                   .how = {.packing = how.packing,
                           .level = how.level,
                           .secret = fani_packed_part_is_private(run),
                           .fence = &fence},
                   .most = fani_split_of(run->job)};
    fan_status status = fani_state_check(run->state, error);
    if (status == FAN_OK)
        status = open_folder(&s, error);
    if (status == FAN_OK)
        status = fani_packed_read_part(run, take, &s, error);
    if (status == FAN_OK && s.path)
        status = end_file(&s, error);
    if (status == FAN_OK)
        status = fani_writer_publish(s.manifest, error);
    if (status == FAN_OK)
        status = fani_state_check(run->state, error); /* those of a later run stay */
    for (fan_packing p = FAN_PACKING_NONE; status == FAN_OK && p <= FAN_PACKING_ZSTD; p++)
        remove_from(run->output, p == how.packing ? s.count : 0, p);
    drop_file(&s);
    fani_writer_free(s.manifest);
    return status == FAN_OK ? fani_writer_remove_part(run->writer, error) : status;
}

/* ---- Reading it again ------------------------------------------------------------------------
 */

typedef struct joining {
    bool packed;
    int to;
} joining;

static fan_status join_file(void *user, const fani_listed *listed, fan_error *error)
{
    const joining *j = user;
    uint64_t size;
    return fani_packed_unpack(listed->name, j->packed, j->to, &size, error);
}

fan_status fani_split_join(const fani_job_run *run, int to, fan_error *error)
{
    joining j = {.packed = fani_packed_of(run->job).packing != FAN_PACKING_NONE, .to = to};
    char *path = in_folder(run->output, MANIFEST);
    fan_status status = path ? fani_listing_each(path, join_file, &j, error) : no_memory(error);
    free(path);
    return status;
}
