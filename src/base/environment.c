#include "environment.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool from_launcher(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PMI_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* Whether a change is about this variable. */
static bool is_changed(const char *variable, const char *const *changes)
{
    size_t name = strcspn(variable, "=");
    for (; changes && *changes; changes++)
        if (strcspn(*changes, "=") == name && !strncmp(*changes, variable, name))
            return true;
    return false;
}

/* Of several changes of one variable the last one counts. */
static bool is_set(const char *const *change)
{
    return strchr(*change, '=') && !is_changed(*change, change + 1);
}

/* Where the variables of a copy go: counted first, then written. */
typedef struct copying {
    char **list; /* NULL: they are counted */
    char *texts;
    size_t count, bytes;
} copying;

static void add(copying *c, const char *variable)
{
    size_t size = strlen(variable) + 1;
    if (c->list) {
        c->list[c->count] = c->texts + c->bytes;
        memcpy(c->texts + c->bytes, variable, size);
    }
    c->count++;
    c->bytes += size;
}

static void add_all(copying *c, const char *const *changes, bool keep_mpi)
{
    for (char **at = environ; at && *at; at++)
        if ((keep_mpi || !from_launcher(*at)) && !is_changed(*at, changes))
            add(c, *at);
    for (; changes && *changes; changes++)
        if (is_set(changes))
            add(c, *changes);
}

char **fani_environment_copy(const char *const *changes, bool keep_mpi)
{
    copying sizes = {0};
    add_all(&sizes, changes, keep_mpi);
    char **list = malloc((sizes.count + 1) * sizeof *list + sizes.bytes);
    if (!list)
        return NULL;
    copying copy = {.list = list, .texts = (char *)(list + sizes.count + 1)};
    add_all(&copy, changes, keep_mpi);
    list[copy.count] = NULL;
    return list;
}
