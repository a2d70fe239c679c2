#include "stage/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "stage/fetch.h"
#include "stage/manifest.h"
#include "stage/walk.h"

typedef struct spec {
    fani_listing_kind kind;
    char *text;
    fani_listed known; /* without its name */
} spec;

struct fani_listing {
    spec *specs;
    size_t count, capacity, current;

    /* What of the current one is under way. */
    fani_walk *walk;
    size_t walk_below;       /* what its files have as `below` */
    struct stat passed_over; /* all zero: none */
    glob_t matches;
    size_t matches_at; /* below matches.gl_pathc: there are more */
    FILE *manifest;
    char *folder; /* of the manifest; NULL: names stay as they are */
    char *line;
    size_t line_capacity;
    uint32_t line_number;
};

fani_listing *fani_listing_new(void)
{
    return calloc(1, sizeof(fani_listing));
}

static void close_manifest(fani_listing *l)
{
    if (l->manifest)
        (void)fclose(l->manifest); /* nothing was written */
    free(l->folder);
    l->manifest = NULL;
    l->folder = NULL;
}

static void free_specs(const fani_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->specs[i].text);
        free(l->specs[i].known.copy);
    }
}

void fani_listing_free(fani_listing *listing)
{
    if (!listing)
        return;
    free_specs(listing);
    fani_walk_free(listing->walk);
    globfree(&listing->matches);
    close_manifest(listing);
    free(listing->line);
    free(listing->specs);
    free(listing);
}

/* What was listed whole is needed no longer. */
static void forget_done(fani_listing *l)
{
    if (l->current < l->count || l->manifest)
        return;
    free_specs(l);
    l->count = l->current = 0;
}

fan_status fani_listing_add(fani_listing *listing, fani_listing_kind kind, const char *text)
{
    forget_done(listing);
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 8;
        spec *specs = realloc(listing->specs, capacity * sizeof *specs);
        if (!specs)
            return FAN_E_MEMORY;
        listing->specs = specs;
        listing->capacity = capacity;
    }
    char *copy = strdup(text);
    if (!copy)
        return FAN_E_MEMORY;
    listing->specs[listing->count++] = (spec){.kind = kind, .text = copy};
    return FAN_OK;
}

fan_status fani_listing_add_known(fani_listing *listing, const fani_listed *known)
{
    char *copy = known->copy ? strdup(known->copy) : NULL;
    fan_status status = known->copy && !copy
                            ? FAN_E_MEMORY
                            : fani_listing_add(listing, FANI_LISTING_KNOWN, known->name);
    if (status != FAN_OK) {
        free(copy);
        return status;
    }
    spec *s = &listing->specs[listing->count - 1];
    s->known = *known;
    s->known.name = NULL;
    s->known.copy = copy;
    return FAN_OK;
}

void fani_listing_pass_over(fani_listing *listing, const struct stat *folder)
{
    listing->passed_over = *folder;
}

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the names of files");
}

/* A name for what can't be listed. */
static fan_status name_it(fani_listed *listed, const char *name, fan_status status,
                          fan_error *error)
{
    listed->name = strdup(name);
    return listed->name ? status : no_memory(error);
}

/* A file's name that was found, copied: only what was added as a path means standard input. NULL:
 * out of memory. */
static char *copy_found(const char *name)
{
    return strdup(strcmp(name, "-") ? name : "./-");
}

/* ---- Paths and folders ------------------------------------------------------------------------
 */

/* Where the last part of a path begins that is a name; where there is none, as of "/", "." and
 * "..", what follows the path and a slash. */
static size_t below_of(const char *path)
{
    size_t all = strlen(path), end = all, at;
    while (end && path[end - 1] == '/')
        end--;
    for (at = end; at && path[at - 1] != '/';)
        at--;
    size_t size = end - at;
    bool dots = size <= 2 && !strncmp(path + at, "..", size);
    return dots ? all + (end == all) : at;
}

/* Takes over `path`: a folder is walked through, all else is a file. */
static fan_status go_to(fani_listing *l, char *path, fani_listed *listed, fan_error *error)
{
    struct stat info;
    if (!path)
        return no_memory(error);
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        listed->name = path;
        listed->below = below_of(path);
        return FAN_OK;
    }
    l->walk = fani_walk_new(path, &l->passed_over);
    l->walk_below = below_of(path);
    free(path);
    return l->walk ? FAN_OK : no_memory(error);
}

static fan_status walk_on(fani_listing *l, fani_listed *listed, fan_error *error)
{
    fan_status status = fani_walk_next(l->walk, &listed->name, error);
    listed->below = l->walk_below;
    if (status == FAN_OK && !listed->name) {
        fani_walk_free(l->walk);
        l->walk = NULL;
    }
    return status;
}

/* ---- Patterns -------------------------------------------------------------------------------- */

/* What is no folder has nothing below it; all else would leave files out in silence. */
static int glob_error(const char *path, int code)
{
    (void)path;
    return code != ENOTDIR;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static fan_status begin_glob(fani_listing *l, const char *pattern, fani_listed *listed,
                             fan_error *error)
{
    fan_status status = FAN_E_INPUT;
    globfree(&l->matches);
    l->matches = (glob_t){0};
    l->matches_at = 0;
    int code = glob(pattern, GLOB_NOSORT, glob_error, &l->matches);
    if (code == GLOB_NOSPACE)
        return no_memory(error);
    if (code == GLOB_NOMATCH)
        fani_error_set(error, status, "no file's name matches %s", pattern);
    else if (code)
        fani_error_set(error, status, "folders can't be searched for %s", pattern);
    if (code) {
        l->matches_at = l->matches.gl_pathc;
        fani_error_place(error, pattern, 0, 0);
        return name_it(listed, pattern, status, error);
    }
    qsort(l->matches.gl_pathv, l->matches.gl_pathc, sizeof *l->matches.gl_pathv, compare_paths);
    return FAN_OK;
}

/* ---- Manifests --------------------------------------------------------------------------------
 */

/* NULL: errno says why, 0 that it is no plain file. One that others write could make the wait for a
 * line endless, and to open a FIFO would already. */
static FILE *open_plain(const char *path)
{
    struct stat info;
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return NULL;
    bool looked = fstat(fd, &info) == 0, plain = looked && S_ISREG(info.st_mode);
    FILE *file = plain ? fdopen(fd, "r") : NULL;
    if (!file) {
        int code = looked && !plain ? 0 : errno;
        (void)close(fd); /* nothing was written */
        errno = code;
    }
    return file;
}

static fan_status begin_manifest(fani_listing *l, const char *path, fani_listed *listed,
                                 fan_error *error)
{
    const char *slash = strrchr(path, '/');
    l->line_number = 0;
    l->manifest = open_plain(path);
    if (!l->manifest) {
        if (errno)
            fani_error_errno(error, FAN_E_INPUT, errno, "%s can't be opened", path);
        else
            fani_error_set(error, FAN_E_INPUT, "%s, a list of files, is no plain file", path);
        fani_error_place(error, path, 0, 0);
        return name_it(listed, path, FAN_E_INPUT, error);
    }
    if (!slash)
        return FAN_OK;
    l->folder = strndup(path, (size_t)(slash - path) + 1);
    if (l->folder)
        return FAN_OK;
    close_manifest(l);
    return no_memory(error);
}

static fan_status take_entry(const fani_listing *l, const fani_manifest_entry *entry,
                             fani_listed *listed, fan_error *error)
{
    bool relative = entry->name[0] != '/' && l->folder && !fani_fetch_is_url(entry->name);
    listed->name = relative ? fani_walk_join(l->folder, entry->name) : copy_found(entry->name);
    listed->below = relative ? strlen(l->folder) : 0;
    listed->of_manifest = true;
    listed->size = entry->size;
    listed->hash = entry->hash;
    listed->has_size = entry->has_size;
    listed->has_hash = entry->has_hash;
    return listed->name ? FAN_OK : no_memory(error);
}

static fan_status read_manifest(fani_listing *l, fani_listed *listed, fan_error *error)
{
    const char *path = l->specs[l->current - 1].text;
    fani_manifest_entry entry;
    fan_status status = FAN_OK;
    errno = 0;
    ssize_t size = getline(&l->line, &l->line_capacity, l->manifest);
    if (size < 0) {
        bool ended = feof(l->manifest) && !ferror(l->manifest);
        if (!ended) {
            status = fani_error_errno(error, FAN_E_INPUT, errno, "%s can't be read", path);
            fani_error_place(error, path, 0, 0);
        }
        close_manifest(l);
        return ended ? FAN_OK : name_it(listed, path, status, error);
    }
    l->line_number++;
    if (strlen(l->line) != (size_t)size) {
        status = fani_error_set(error, FAN_E_SYNTAX, "a NUL in a list of files");
        fani_error_place(error, path, l->line_number, (uint32_t)strlen(l->line) + 1);
        return name_it(listed, path, status, error);
    }
    fan_error why = {0};
    status = fani_manifest_parse(l->line, &entry, &why);
    if (status == FAN_OK)
        return entry.name ? take_entry(l, &entry, listed, error) : FAN_OK;
    fani_error_set(error, status, "%s", why.text);
    fani_error_place(error, path, l->line_number, why.column);
    return name_it(listed, path, status, error);
}

/* ---- One after the other ----------------------------------------------------------------------
 */

static fan_status begin_spec(fani_listing *l, fani_listed *listed, fan_error *error)
{
    spec *s = &l->specs[l->current++];
    if (s->kind == FANI_LISTING_KNOWN) {
        *listed = s->known;
        s->known.copy = NULL; /* the taker's now */
    }
    switch (s->kind) {
    case FANI_LISTING_GLOB:
        return begin_glob(l, s->text, listed, error);
    case FANI_LISTING_MANIFEST:
        return begin_manifest(l, s->text, listed, error);
    case FANI_LISTING_KNOWN:
        return name_it(listed, s->text, FAN_OK, error);
    case FANI_LISTING_PATH:
        break;
    }
    if (!strcmp(s->text, "-") || fani_fetch_is_url(s->text))
        return name_it(listed, s->text, FAN_OK, error);
    return go_to(l, strdup(s->text), listed, error);
}

fan_status fani_listing_next(fani_listing *listing, fani_listed *listed, fan_error *error)
{
    fani_listing *l = listing;
    fan_status status = FAN_OK;
    *listed = (fani_listed){0};
    while (status == FAN_OK && !listed->name) {
        if (l->walk)
            status = walk_on(l, listed, error);
        else if (l->matches_at < l->matches.gl_pathc)
            status = go_to(l, copy_found(l->matches.gl_pathv[l->matches_at++]), listed, error);
        else if (l->manifest)
            status = read_manifest(l, listed, error);
        else if (l->current < l->count)
            status = begin_spec(l, listed, error);
        else
            break;
    }
    return status;
}

fan_status fani_listing_each(const char *manifest, fani_listing_take take, void *user,
                             fan_error *error)
{
    fani_listing *listing = fani_listing_new();
    fani_listed listed = {.name = NULL};
    fan_status status =
        listing ? fani_listing_add(listing, FANI_LISTING_MANIFEST, manifest) : FAN_E_MEMORY;
    if (status != FAN_OK)
        fani_error_set(error, status, "no memory for the list of files");
    do {
        free(listed.name);
        listed.name = NULL;
        if (status == FAN_OK)
            status = fani_listing_next(listing, &listed, error);
        if (status == FAN_OK && listed.name)
            status = take(user, &listed, error);
    } while (status == FAN_OK && listed.name);
    free(listed.name);
    fani_listing_free(listing);
    return status;
}
