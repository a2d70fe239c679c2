#include "base/oom.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number on the line "oom_kill N" of a file of a cgroup. */
static bool read_count(const char *root, const char *mount, const char *group, const char *name,
                       uint64_t *count)
{
    static const char key[] = "oom_kill ";
    char path[5200], line[128];
    bool found = false;
    int size = snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s/%s", root, mount, group, name);
    FILE *file = size > 0 && (size_t)size < sizeof path ? fopen(path, "re") : NULL;
    while (file && !found && fgets(line, sizeof line, file)) {
        found = !strncmp(line, key, sizeof key - 1);
        if (found)
            *count = strtoull(line + sizeof key - 1, NULL, 10);
    }
    if (file)
        fclose(file);
    return found;
}

/* Whether a comma-separated list holds "memory". */
static bool lists_memory(const char *controllers)
{
    for (const char *at = controllers; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size == 6 && !strncmp(at, "memory", 6))
            return true;
        at += size;
    }
    return false;
}

/* One line of /proc/self/cgroup, "NUMBER:CONTROLLERS:GROUP". */
static bool line_count(const char *root, char *line, uint64_t *count)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(++controllers, ':') : NULL;
    if (!group)
        return false;
    *group++ = '\0';
    if (!*controllers)
        return read_count(root, "", group, "memory.events", count);
    return lists_memory(controllers) &&
           read_count(root, "/memory", group, "memory.oom_control", count);
}

uint64_t fani_oom_kills(const char *root)
{
    char line[4096];
    uint64_t count = 0;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file) && !line_count(root, line, &count))
        ;
    if (file)
        fclose(file);
    return count;
}
