#include "stage/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

/* A folder that is being gone through. */
typedef struct level {
    struct level *above;
    char *path;
    char **names; /* sorted; those before `at` are done with */
    size_t count, at, capacity;
} level;

struct fani_walk {
    dev_t passed_device; /* of the folder that is passed over */
    ino_t passed;        /* 0: none is */
    char *to_enter;      /* a folder to go into next, or NULL */
    level *deepest;
};

char *fani_walk_join(const char *folder, const char *name)
{
    size_t size = strlen(folder);
    char *path;
    const char *slash = size && folder[size - 1] != '/' ? "/" : "";
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}

fani_walk *fani_walk_new(const char *folder, const struct stat *passed_over)
{
    fani_walk *walk = calloc(1, sizeof *walk);
    if (walk && !(walk->to_enter = strdup(folder))) {
        free(walk);
        return NULL;
    }
    if (walk) {
        walk->passed_device = passed_over->st_dev;
        walk->passed = passed_over->st_ino;
    }
    return walk;
}

static void free_level(level *l)
{
    for (size_t i = l->at; i < l->count; i++)
        free(l->names[i]);
    free(l->names);
    free(l->path);
    free(l);
}

static void leave(fani_walk *walk)
{
    level *done = walk->deepest;
    walk->deepest = done->above;
    free_level(done);
}

void fani_walk_free(fani_walk *walk)
{
    if (!walk)
        return;
    while (walk->deepest)
        leave(walk);
    free(walk->to_enter);
    free(walk);
}

/* ---- Going into a folder --------------------------------------------------------------------- */

static bool add_name(level *l, const char *name)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16;
        char **names = realloc(l->names, capacity * sizeof *names);
        if (!names)
            return false;
        l->names = names;
        l->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy)
        l->names[l->count++] = copy;
    return copy != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 0, or an errno. */
static int read_names(level *l, DIR *folder)
{
    for (;;) {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
        const struct dirent *entry = readdir(folder);
        if (!entry)
            break;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (!add_name(l, entry->d_name))
            return ENOMEM;
    }
    int code = errno; /* qsort may allocate */
    if (!code && l->count)
        qsort(l->names, l->count, sizeof *l->names, compare_names);
    return code;
}

/* Takes over `path`; gives a folder that can't be read back as *failed. */
static fan_status enter(fani_walk *walk, char *path, char **failed, fan_error *error)
{
    level *l = calloc(1, sizeof *l);
    if (!l) {
        *failed = path;
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the names in a folder");
    }
    l->path = path;
    DIR *folder = opendir(path);
    int code = folder ? read_names(l, folder) : errno;
    if (folder)
        (void)closedir(folder); /* nothing was written */
    if (code) {
        fan_status status = code == ENOMEM ? FAN_E_MEMORY : FAN_E_INPUT;
        fani_error_errno(error, status, code, "the folder %s can't be read", path);
        fani_error_place(error, path, 0, 0);
        *failed = path;
        l->path = NULL;
        free_level(l);
        return status;
    }
    l->above = walk->deepest;
    walk->deepest = l;
    return FAN_OK;
}

/* ---- Going through --------------------------------------------------------------------------- */

typedef enum what { PASS_OVER, IS_FILE, IS_FOLDER } what;

/* What has gone meanwhile is told by who opens it. */
static what look_at(const fani_walk *walk, const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return IS_FILE;
    bool link = S_ISLNK(info.st_mode);
    if (link && stat(path, &info) != 0)
        return IS_FILE; /* a link that leads nowhere is not left out in silence */
    if (S_ISDIR(info.st_mode) && walk->passed && info.st_ino == walk->passed &&
        info.st_dev == walk->passed_device)
        return PASS_OVER;
    if (S_ISDIR(info.st_mode))
        return link ? PASS_OVER : IS_FOLDER;
    return S_ISREG(info.st_mode) ? IS_FILE : PASS_OVER;
}

fan_status fani_walk_next(fani_walk *walk, char **path, fan_error *error)
{
    *path = NULL;
    while (walk->to_enter || walk->deepest) {
        if (walk->to_enter) {
            char *folder = walk->to_enter;
            walk->to_enter = NULL;
            fan_status status = enter(walk, folder, path, error);
            if (status != FAN_OK)
                return status;
        }
        level *l = walk->deepest;
        if (l->at == l->count) {
            leave(walk);
            continue;
        }
        char *found = fani_walk_join(l->path, l->names[l->at]);
        if (!found)
            return fani_error_set(error, FAN_E_MEMORY, "no memory for a path");
        free(l->names[l->at++]);
        what kind = look_at(walk, found);
        if (kind == IS_FILE) {
            *path = found;
            return FAN_OK;
        }
        if (kind == IS_FOLDER)
            walk->to_enter = found;
        else
            free(found);
    }
    return FAN_OK;
}
