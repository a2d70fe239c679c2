#include "base/cores.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/machine.h"

/* ---- Affinity ------------------------------------------------------------------------------ */

typedef int (*omp_count)(void);
typedef int (*omp_place_count)(int place);
typedef void (*omp_place_ids)(int place, int *ids);

/* The OpenMP runtime pins the main thread before main when binding is asked for; what it was given
 * is then the union of its places. It is looked up by name because only exec/threads knows omp.h
 * and a program may have no OpenMP runtime at all. */
static bool mask_from_openmp(cpu_set_t *mask)
{
    omp_count places = (omp_count)dlsym(RTLD_DEFAULT, "omp_get_num_places");
    omp_place_count size = (omp_place_count)dlsym(RTLD_DEFAULT, "omp_get_place_num_procs");
    omp_place_ids ids = (omp_place_ids)dlsym(RTLD_DEFAULT, "omp_get_place_proc_ids");
    int count = places && size && ids ? places() : 0;
    CPU_ZERO(mask);
    for (int place = 0; place < count; place++) {
        int cpus = size(place);
        int *list = cpus > 0 ? malloc((size_t)cpus * sizeof *list) : NULL;
        if (!list)
            continue;
        ids(place, list);
        for (int i = 0; i < cpus; i++)
            if (list[i] >= 0 && list[i] < CPU_SETSIZE)
                CPU_SET((size_t)list[i], mask);
        free(list);
    }
    return CPU_COUNT(mask) > 0;
}

static bool binding_asked_for(void)
{
    return getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY");
}

bool fani_cores_mask(cpu_set_t *mask)
{
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
        return false;
    *mask = mine;
    if (binding_asked_for() && mask_from_openmp(mask))
        CPU_OR(mask, mask, &mine);
    else
        *mask = mine;
    return true;
}

/* ---- Quota --------------------------------------------------------------------------------- */

static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool got = fgets(text, (int)size, file) != NULL;
    fclose(file);
    return got;
}

/* Cores allowed in one cgroup folder; 0: no limit there. */
static double quota_v2(const char *folder)
{
    char path[5200], text[64], *end;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_text(path, text, sizeof text))
        return 0;
    long long quota = strtoll(text, &end, 10), period = strtoll(end, NULL, 10);
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

static double quota_v1(const char *folder)
{
    char path[5200], text[64];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    long long quota = read_text(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    long long period = read_text(path, text, sizeof text) ? strtoll(text, NULL, 10) : 0;
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* The least quota from the group itself up to the root of its hierarchy: each parent limits too. */
static double least_quota(const char *root_folder, const char *hierarchy, const char *group,
                          double (*quota)(const char *folder))
{
    char folder[5120];
    double least = 0;
    int mount = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s", root_folder, hierarchy);
    if (mount < 0 || (size_t)mount >= sizeof folder)
        return 0;
    size_t root = (size_t)mount, room = sizeof folder - root;
    int length = snprintf(folder + root, room, "%s", group);
    if (length < 0 || (size_t)length >= room)
        return 0;
    while (strlen(folder) >= root) {
        double here = quota(folder);
        if (here > 0 && (least <= 0 || here < least))
            least = here;
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < root)
            break;
        *slash = '\0';
    }
    return least;
}

static double smaller_positive(double a, double b)
{
    return a <= 0 || (b > 0 && b < a) ? b : a;
}

/* Whether a comma-separated list of version 1 controllers holds "cpu": "cpuset" and "cpuacct" are
 * others. */
static bool lists_cpu(const char *controllers)
{
    for (const char *at = controllers; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size == 3 && !strncmp(at, "cpu", 3))
            return true;
        at += size;
    }
    return false;
}

/* The quota of one line of /proc/self/cgroup, "NUMBER:CONTROLLERS:GROUP"; 0: none. */
static double line_quota(const char *root, char *line)
{
    char hierarchy[256];
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(++controllers, ':') : NULL;
    if (!group)
        return 0;
    *group++ = '\0';
    if (!*controllers) /* version 2; beside version 1 it is mounted lower */
        return smaller_positive(least_quota(root, "", group, quota_v2),
                                least_quota(root, "/unified", group, quota_v2));
    if (!lists_cpu(controllers))
        return 0;
    snprintf(hierarchy, sizeof hierarchy, "/%s", controllers); /* "/cpu" is often a link to it */
    return smaller_positive(least_quota(root, "/cpu", group, quota_v1),
                            least_quota(root, hierarchy, group, quota_v1));
}

double fani_cores_quota(const char *root)
{
    char line[4096];
    double least = 0;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        least = smaller_positive(least, line_quota(root, line));
    fclose(file);
    return least;
}

/* ---- The answer ---------------------------------------------------------------------------- */

static unsigned slurm_cpus(void)
{
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    char *end;
    if (!text || !*text)
        return 0;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    return errno || *end || value > 65536 ? 0 : (unsigned)value;
}

static void limit(fan_machine_info *info, unsigned cores, const char *by)
{
    if (cores > 0 && cores < info->cores_usable) {
        info->cores_usable = cores;
        info->limited_by = by;
    }
}

void fan_machine_sized(fan_machine_info *out, unsigned long size)
{
    cpu_set_t mask, mine;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    fan_machine_info info = {.cores_online = online > 0 ? (unsigned)online : 1,
                             .quota = fani_cores_quota(""),
                             .slurm_cpus = slurm_cpus(),
                             .limited_by = "online"};
    info.cores_affinity = fani_cores_mask(&mask) ? (unsigned)CPU_COUNT(&mask) : info.cores_online;
    info.cores_pinned = sched_getaffinity(0, sizeof mine, &mine) == 0 ? (unsigned)CPU_COUNT(&mine)
                                                                      : info.cores_affinity;
    info.cores_usable = info.cores_online;
    limit(&info, info.cores_affinity, "affinity");
    if (info.quota >
        0) /* part of a core still runs one worker; 1.5 cores keep two busy better than one */
        limit(&info, (unsigned)(info.quota + 0.999), "quota");
    limit(&info, info.slurm_cpus, "SLURM_CPUS_PER_TASK");
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
}
