/* What limits the cores: the cgroup quota, read from files in a folder of the test's own. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cores.h"
#include "fanfold/executor.h"
#include "fanfold/machine.h"
#include "shim.h"

/* Writes a file below `root`, with its folders. */
static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    ASSERT_TRUE(file != NULL);
    fputs(text, file);
    fclose(file);
}

typedef struct put_file {
    const char *path, *text;
} put_file;

static void expect_quota(const put_file files[], double quota)
{
    char root[] = "/tmp/fan-cores-XXXXXX", command[64];
    ASSERT_TRUE(mkdtemp(root) != NULL);
    for (; files->path; files++)
        put(root, files->path, files->text);
    EXPECT_NEAR(fani_cores_quota(root), quota, 1e-9);
    snprintf(command, sizeof command, "rm -r %s", root);
    EXPECT_I64(system(command), 0); // NOLINT(cert-env33-c)
}

#define FILES(...)                                                                                 \
    (const put_file[])                                                                             \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define PROC "/proc/self/cgroup"
#define SYS "/sys/fs/cgroup"

FAN_TEST(cores, quota_of_version_2_is_the_least_up_the_path)
{
    expect_quota(FILES({PROC, "0::/a/b/c\n"}, {SYS "/a/b/c/cpu.max", "max 100000\n"},
                       {SYS "/a/b/cpu.max", "150000 100000\n"},
                       {SYS "/a/cpu.max", "300000 100000\n"}),
                 1.5);
    expect_quota(FILES({PROC, "0::/a\n"}, {SYS "/a/cpu.max", "400000 100000\n"},
                       {SYS "/cpu.max", "50000 100000\n"}),
                 0.5);
    expect_quota(FILES({PROC, "0::/\n"}, {SYS "/cpu.max", "200000 100000\n"}), 2); /* a container */
    expect_quota(FILES({PROC, "0::/gone\n"}, {SYS "/other/cpu.max", "1000 100000\n"}), 0);
    expect_quota(FILES({PROC, "0::/a\n"}, {SYS "/unified/a/cpu.max", "70000 100000\n"}), 0.7);
}

FAN_TEST(cores, quota_of_version_1_is_the_least_up_the_path)
{
    expect_quota(FILES({PROC, "5:memory:/m\n4:cpu,cpuacct:/s/t\n0::/\n"},
                       {SYS "/cpu/s/t/cpu.cfs_quota_us", "-1\n"},
                       {SYS "/cpu/s/t/cpu.cfs_period_us", "100000\n"},
                       {SYS "/cpu/s/cpu.cfs_quota_us", "250000\n"},
                       {SYS "/cpu/s/cpu.cfs_period_us", "100000\n"}),
                 2.5);
    /* The folder of a container's group is the root of its mount. */
    expect_quota(FILES({PROC, "4:cpu,cpuacct:/docker/1234\n"},
                       {SYS "/cpu/cpu.cfs_quota_us", "75000\n"},
                       {SYS "/cpu/cpu.cfs_period_us", "50000\n"}),
                 1.5);
}

FAN_TEST(cores, quota_of_version_1_is_found_however_controllers_are_mounted_together)
{
    static const char *const lists[] = {"cpu", "cpuacct,cpu", "cpuset,cpu,cpuacct"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char line[64], quota[128], period[128];
        snprintf(line, sizeof line, "3:%s:/g\n", lists[i]);
        snprintf(quota, sizeof quota, SYS "/%s/g/cpu.cfs_quota_us", lists[i]);
        snprintf(period, sizeof period, SYS "/%s/g/cpu.cfs_period_us", lists[i]);
        expect_quota(FILES({PROC, line}, {quota, "120000"}, {period, "100000"}), 1.2);
    }
    /* Groups of other controllers say nothing about the CPU. */
    expect_quota(FILES({PROC, "3:cpuset:/g\n2:cpuacct:/g\n"},
                       {SYS "/cpu/g/cpu.cfs_quota_us", "120000\n"},
                       {SYS "/cpu/g/cpu.cfs_period_us", "100000\n"}),
                 0);
}

FAN_TEST(cores, quota_that_is_not_there_or_not_a_number_does_not_limit)
{
    expect_quota(FILES({"/nothing", ""}), 0);
    expect_quota(FILES({PROC, "nonsense\n:\n::\n0:x\n"}), 0);
    expect_quota(FILES({PROC, "0::/a\n"}, {SYS "/a/cpu.max", "much 100000\n"}), 0);
    expect_quota(FILES({PROC, "0::/a\n"}, {SYS "/a/cpu.max", "100000 0\n"}), 0);
    expect_quota(FILES({PROC, "0::/a\n"}, {SYS "/a/cpu.max", "-5 100000\n"}), 0);
}

FAN_TEST(cores, usable_is_the_least_and_says_why)
{
    fan_machine_info info;
    char before[32];
    const char *old = getenv("SLURM_CPUS_PER_TASK");
    snprintf(before, sizeof before, "%s", old ? old : "");
    setenv("SLURM_CPUS_PER_TASK", "1", 1);
    fan_machine(&info);
    EXPECT_U64(info.cores_usable, 1);
    EXPECT_U64(info.slurm_cpus, 1);
    setenv("SLURM_CPUS_PER_TASK", "12x", 1); /* not a number: no limit */
    fan_machine(&info);
    EXPECT_U64(info.slurm_cpus, 0);
    EXPECT_TRUE(strcmp(info.limited_by, "SLURM_CPUS_PER_TASK") != 0);
    EXPECT_TRUE(info.cores_usable >= 1 && info.cores_usable <= info.cores_affinity);
    if (old)
        setenv("SLURM_CPUS_PER_TASK", before, 1);
    else
        unsetenv("SLURM_CPUS_PER_TASK");
}

/* ---- Binding -----------------------------------------------------------------------------------
 */

static fan_status count_cores(fan_run *run, fan_items in)
{
    cpu_set_t mask;
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y || sched_getaffinity(0, sizeof mask, &mask) != 0)
        return FAN_E_SYSTEM;
    for (size_t i = 0; i < in.count; i++)
        y[i] = (uint64_t)CPU_COUNT(&mask);
    return FAN_OK;
}

/* In a program that was started with OMP_PROC_BIND: neither the count of cores nor the team's
 * threads have shrunk to the core that the main thread was pinned to. */
static void expect_cores(unsigned cores)
{
    static const fan_task task = {.name = "cores", .version = 1, .run = count_cores};
    fan_executor *executor;
    fan_machine_info info;
    uint64_t y[20];
    fan_machine(&info);
    EXPECT_U64(info.cores_affinity, cores);
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "threads", .workers = 2},
                                 &executor, NULL),
               FAN_OK);
    EXPECT_I64(
        fan_map(executor, &task, fan_source_range(0, 20), fan_sink_array(y, 8, 20), NULL, NULL),
        FAN_OK);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    for (size_t i = 0; i < 20; i++)
        EXPECT_U64(y[i], cores);
}

FAN_TEST(cores, binding_of_the_main_thread_does_not_shrink_the_machine)
{
    static const char *const bindings[] = {"OMP_PROC_BIND=close", "OMP_PROC_BIND=spread",
                                           "OMP_PLACES=cores", "OMP_PROC_BIND=false"};
    const char *expected = getenv("FAN_TEST_CORES");
    fan_machine_info info;
    char program[512], command[1024];
    if (expected) {
        expect_cores((unsigned)strtoul(expected, NULL, 10));
        return;
    }
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    ASSERT_TRUE(size > 0);
    program[size] = '\0';
    fan_machine(&info);
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
        snprintf(command, sizeof command,
                 "env %s FAN_TEST_CORES=%u '%s' --gtest_filter="
                 "cores.binding_of_the_main_thread_does_not_shrink_the_machine >&2",
                 bindings[i], info.cores_affinity, program);
        int code = system(command); // NOLINT(cert-env33-c)
        SHIM_CHECK(code == 0, (void)0, "with %s", bindings[i]);
    }
}
