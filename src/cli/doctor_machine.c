#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "fanfold/integrate.h"
#include "fanfold/machine.h"

static const double MB = 1024.0 * 1024;

static void check_cores(doctor *d)
{
    fan_machine_info m;
    fan_machine(&m);
    char quota[32] = "none", slurm[32] = "not set";
    if (m.quota > 0)
        snprintf(quota, sizeof quota, "%.2g cores", m.quota);
    if (m.slurm_cpus)
        snprintf(slurm, sizeof slurm, "%u", m.slurm_cpus);
    doctor_good("cores",
                "%u usable, limited by: %s (online %u, affinity %u, CPU quota %s, "
                "SLURM_CPUS_PER_TASK %s)",
                m.cores_usable, m.limited_by, m.cores_online, m.cores_affinity, quota, slurm);
    if (m.cores_pinned < m.cores_affinity)
        doctor_problem(d, "binding", "unset OMP_PROC_BIND, OMP_PLACES and GOMP_CPU_AFFINITY",
                       "the main thread is pinned to %u of %u cores, and threads that other "
                       "libraries start inherit that",
                       m.cores_pinned, m.cores_affinity);
}

/* The processor's words for what it can, from /proc/cpuinfo ("flags" or "Features"). */
static void check_instructions(void)
{
    static const char *const interesting[] = {"sse4_2",     "avx",   "avx2",    "bmi2",
                                              "adx",        "fma",   "avx512f", "avx512dq",
                                              "avx512ifma", "asimd", "sve",     "avx512_vpopcntdq"};
    char line[8192], found[256] = "";
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0)
            break;
    if (!file || (strncmp(line, "flags", 5) != 0 && strncmp(line, "Features", 8) != 0)) {
        doctor_note("instructions", "/proc/cpuinfo does not say");
    } else {
        for (char *rest = line, *word; (word = strsep(&rest, " \t\n")) != NULL;)
            for (size_t i = 0; i < sizeof interesting / sizeof *interesting; i++)
                if (strcmp(word, interesting[i]) == 0)
                    snprintf(found + strlen(found), sizeof found - strlen(found), " %s", word);
        doctor_good("instructions", "%s", found[0] ? found + 1 : "the base set only");
    }
    if (file)
        fclose(file);
}

static uint64_t meminfo_kib(const char *name)
{
    char line[256];
    uint64_t kib = 0;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kib = strtoull(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static uint64_t number_in_file(const char *path)
{
    uint64_t n = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (!file)
        return n;
    char line[64];
    if (fgets(line, sizeof line, file) && line[0] >= '0' && line[0] <= '9') /* not "max" */
        n = strtoull(line, NULL, 10);
    fclose(file);
    return n;
}

/* The least limit from this cgroup up to the root of its hierarchy. */
static uint64_t least_limit(const char *root, char *group, const char *name)
{
    uint64_t least = UINT64_MAX;
    char path[4600];
    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", root, strcmp(group, "/") == 0 ? "" : group, name);
        uint64_t limit = number_in_file(path);
        least = limit < least ? limit : least;
        char *slash = strrchr(group, '/');
        if (!slash || !group[0])
            return least;
        *slash = '\0';
    }
}

static uint64_t cgroup_memory_limit(void)
{
    char line[4096 + 64];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        uint64_t limit = UINT64_MAX;
        if (strcmp(line, "0") == 0)
            limit = least_limit("/sys/fs/cgroup", group, "memory.max");
        else if (strstr(controllers, "memory"))
            limit = least_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        least = limit < least ? limit : least;
    }
    if (file)
        fclose(file);
    return least;
}

static void check_memory(doctor *d)
{
    double total = (double)meminfo_kib("MemTotal") / 1024;
    double available = (double)meminfo_kib("MemAvailable") / 1024;
    uint64_t limit = cgroup_memory_limit();
    if ((double)limit < total * MB)
        doctor_good("memory", "%.0f MB, %.0f MB available, but this cgroup may use %.0f MB", total,
                    available, (double)limit / MB);
    else
        doctor_good("memory", "%.0f MB, %.0f MB available, no cgroup limit below that", total,
                    available);
    if (available < 256 || (double)limit < 256 * MB)
        doctor_problem(d, "memory", "free some, or raise the cgroup's limit",
                       "less than 256 MB can be used");
}

static void check_folders(doctor *d)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    char path[4600];
    snprintf(path, sizeof path, "%s/fanfold-doctor-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0) {
        doctor_problem(d, "temporary files", "set TMPDIR to a folder that you may write to",
                       "%s: %s", folder, strerror(errno));
    } else {
        doctor_good("temporary files", "%s can be written", folder);
        close(fd);
        unlink(path);
    }
    struct statvfs shm;
    if (statvfs("/dev/shm", &shm) != 0) {
        doctor_problem(d, "/dev/shm", "mount a tmpfs there; MPI needs it between ranks of a host",
                       "%s", strerror(errno));
        return;
    }
    double size = (double)shm.f_blocks * (double)shm.f_frsize / MB;
    double left = (double)shm.f_bavail * (double)shm.f_frsize / MB;
    if (left < 32 || access("/dev/shm", W_OK) != 0)
        doctor_problem(d, "/dev/shm",
                       "remove what old programs left there, or mount it larger (a container: "
                       "--shm-size=1g)",
                       "%.0f MB, %.0f MB free%s", size, left,
                       access("/dev/shm", W_OK) != 0 ? ", not writable" : "");
    else
        doctor_good("/dev/shm", "%.0f MB, %.0f MB free", size, left);
}

static void format_limit(rlim_t value, char text[32])
{
    if (value == RLIM_INFINITY)
        snprintf(text, 32, "unlimited");
    else
        snprintf(text, 32, "%" PRIu64, (uint64_t)value);
}

static void check_limits(doctor *d)
{
    struct rlimit files, processes;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || getrlimit(RLIMIT_NPROC, &processes) != 0)
        return;
    char of_files[32], of_processes[32];
    format_limit(files.rlim_cur, of_files);
    format_limit(processes.rlim_cur, of_processes);
    doctor_good("limits", "%s open files, %s processes", of_files, of_processes);
    if (files.rlim_cur < 256)
        doctor_problem(d, "open files", "ulimit -n 1024",
                       "%s are few: every worker process takes some", of_files);
    if (processes.rlim_cur < 128)
        doctor_problem(d, "processes", "ulimit -u 1024", "%s are few: workers and threads count",
                       of_processes);
}

static void check_proofs(void)
{
    const char *arb = fan_rigorous_version();
    if (arb)
        doctor_good("proven integrals", "by Arb %s", arb);
    else
        doctor_note("proven integrals", "this build has no Arb: no integrate --rigorous");
}

void doctor_machine(doctor *d)
{
    check_cores(d);
    check_instructions();
    check_memory(d);
    check_folders(d);
    check_limits(d);
    check_proofs();
}
