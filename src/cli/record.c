#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_command.h"
#include "message.h"

/* VmHWM of a process ("self" or a number); 0 where it can't be read. Unlike ru_maxrss it does not
 * remember the program that was there before exec. */
static uint64_t peak_of(const char *process)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%s/status", process);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    fclose(file);
    return kib;
}

/* The children that one thread started. */
static uint64_t peak_of_children(const char *thread)
{
    char path[300], child[32];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/children", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fscanf(file, "%31s", child) == 1)
        kib += peak_of(child);
    fclose(file);
    return kib;
}

uint64_t record_peak_kib(void)
{
    uint64_t kib = peak_of("self");
    DIR *threads = opendir("/proc/self/task");
    if (!threads)
        return kib;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while ((entry = readdir(threads)) != NULL)
        if (entry->d_name[0] != '.')
            kib += peak_of_children(entry->d_name);
    closedir(threads);
    return kib;
}

static void path_of(char *path, size_t size, const char *base, int rank)
{
    if (rank > 0)
        snprintf(path, size, "%s.%d", base, rank);
    else
        snprintf(path, size, "%s", base);
}

bool record_write(const char *path, int rank, const run_record *r)
{
    char name[PATH_MAX];
    path_of(name, sizeof name, path, rank);
    FILE *file = fopen(name, "we");
    bool good = file != NULL;
    if (file) {
        good = fprintf(file,
                       "{\"schema\":\"fanfold.record/1\",\"seconds\":%.9g,\"items\":%" PRIu64
                       ",\"run_ns\":%" PRIu64 ",\"workers\":%u,\"ranks\":%u,\"peak_kib\":%" PRIu64
                       "}\n",
                       r->seconds, r->items, r->run_ns, r->workers, r->ranks, r->peak_kib) > 0;
        good &= fclose(file) == 0;
    }
    if (!good)
        message_error("--record: %s: %s", name, strerror(errno));
    return good;
}

/* The text of a field's value; NULL where the record does not have it. */
static const char *field(const char *line, const char *name)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(line, quoted);
    return at ? at + strlen(quoted) : NULL;
}

static bool read_count(const char *line, const char *name, uint64_t *value)
{
    const char *text = field(line, name);
    if (text)
        *value = strtoull(text, NULL, 10);
    return text != NULL;
}

bool record_read(const char *path, int rank, run_record *r)
{
    char name[PATH_MAX];
    path_of(name, sizeof name, path, rank);
    FILE *file = fopen(name, "re");
    if (!file)
        return false;
    char line[512];
    uint64_t workers = 0, count = 0;
    bool good = fgets(line, sizeof line, file) && strchr(line, '\n');
    const char *seconds = good ? field(line, "seconds") : NULL;
    good = seconds && read_count(line, "items", &r->items) &&
           read_count(line, "run_ns", &r->run_ns) && read_count(line, "workers", &workers) &&
           read_count(line, "ranks", &count) && read_count(line, "peak_kib", &r->peak_kib);
    if (good) {
        r->seconds = strtod(seconds, NULL);
        r->workers = (unsigned)workers;
        r->ranks = (unsigned)count;
    }
    fclose(file);
    return good;
}
