#include "stage/members.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "stage/listing.h"
#include "stage/manifest.h"

enum { DIGITS = 5 };

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the list of files");
}

static fan_status fail_errno(fan_status status, const char *path, const char *doing,
                             fan_error *error)
{
    fani_error_errno(error, status, errno, "%s can't be %s", path, doing);
    fani_error_place(error, path, 0, 0);
    return status;
}

static char *folder_manifest(const fan_store_options *o)
{
    char *path;
    return asprintf(&path, "%s/%s", o->folder, o->manifest) < 0 ? NULL : path;
}

char *fani_members_manifest(const fan_store_options *options, unsigned member)
{
    char *path;
    if (!options->members)
        return folder_manifest(options);
    int size = asprintf(&path, "%s/%s.%05u", options->folder, options->manifest, member);
    return size < 0 ? NULL : path;
}

bool fani_members_is_manifest(const fan_store_options *options, const char *name)
{
    size_t size = options->manifest ? strlen(options->manifest) : 0;
    if (!size || strncmp(name, options->manifest, size) != 0)
        return false;
    name += size;
    return !*name || (options->members && *name == '.' && strlen(name) == DIGITS + 1 &&
                      strspn(name + 1, "0123456789") == DIGITS);
}

fan_status fani_members_remove_manifest(const fan_store_options *options, fan_error *error)
{
    char *path = folder_manifest(options);
    if (!path)
        return no_memory(error);
    fan_status status = unlink(path) && errno != ENOENT
                            ? fail_errno(FAN_E_OUTPUT, path, "replaced", error)
                            : FAN_OK;
    free(path);
    return status;
}

/* ---- Joining ------------------------------------------------------------------------------------
 */

/* A file that a member lists: as long as that says, and told in the same words. */
static fan_status add_file(void *user, const fani_listed *listed, fan_error *error)
{
    fani_writer *to = user;
    struct stat info;
    if (!listed->below) {
        fani_error_set(error, FAN_E_INPUT, "%s is not in the folder of the list that has it",
                       listed->name);
        fani_error_place(error, listed->name, 0, 0);
        return FAN_E_INPUT;
    }
    if (stat(listed->name, &info))
        return fail_errno(FAN_E_INPUT, listed->name, "found", error);
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != listed->size) {
        fani_error_set(error, FAN_E_INPUT,
                       "%s is not the file of %" PRIu64 " bytes that its list "
                       "has",
                       listed->name, listed->size);
        fani_error_place(error, listed->name, 0, 0);
        return FAN_E_INPUT;
    }
    const fani_manifest_entry entry = {.name = listed->name + listed->below,
                                       .size = listed->size,
                                       .hash = listed->hash,
                                       .has_size = listed->has_size,
                                       .has_hash = listed->has_hash};
    char *line = fani_manifest_line(&entry);
    fan_status status = line ? fani_writer_add(to, line, strlen(line), error) : no_memory(error);
    free(line);
    return status;
}

static fan_status add_member(const fan_store_options *o, unsigned member, fani_writer *to,
                             fan_error *error)
{
    char *path = fani_members_manifest(o, member);
    fan_status status = path ? fani_listing_each(path, add_file, to, error) : no_memory(error);
    free(path);
    return status;
}

static fan_status write_all(const fan_store_options *o, const char *path, fan_error *error)
{
    fani_writer *to = NULL;
    fan_status status = fani_writer_to_name(path, &to, error);
    if (status == FAN_OK && o->secret)
        status = fani_writer_make_private(to, error);
    if (status == FAN_OK)
        status = fani_writer_add(to, FANI_MANIFEST_HEAD, strlen(FANI_MANIFEST_HEAD), error);
    for (unsigned i = 0; status == FAN_OK && i < o->members; i++)
        status = add_member(o, i, to, error);
    if (status == FAN_OK)
        status = fani_writer_publish(to, error);
    fani_writer_free(to);
    return status;
}

fan_status fan_store_join_sized(const fan_store_options *options, size_t options_size,
                                fan_error *error)
{
    fan_store_options o = {0};
    memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    if (!o.folder || !o.manifest || !o.members || o.members > FANI_MEMBERS_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "expected the folder, its manifest and 1 to %d members",
                              FANI_MEMBERS_MAX);
    char *path = folder_manifest(&o);
    fan_status status = path ? write_all(&o, path, error) : no_memory(error);
    free(path);
    for (unsigned i = 0; status == FAN_OK && i < o.members; i++) {
        char *own = fani_members_manifest(&o, i);
        if (own)
            (void)unlink(own); /* the folder's says it all */
        free(own);
    }
    return status;
}
