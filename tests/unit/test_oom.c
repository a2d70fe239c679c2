/* How often the kernel has ended processes of our group, read from files of the test's own. */
#include "base/oom.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shim.h"

static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    ASSERT_TRUE(file != NULL);
    fputs(text, file);
    ASSERT_I64(fclose(file), 0);
}

/* The line of /proc/self/cgroup, a file below /sys/fs/cgroup and what it says. */
static void expect_kills(const char *line, const char *path, const char *text, uint64_t kills)
{
    char root[] = "/tmp/fan-oom-XXXXXX", command[64], full[200];
    ASSERT_TRUE(mkdtemp(root) != NULL);
    put(root, "/proc/self/cgroup", line);
    snprintf(full, sizeof full, "/sys/fs/cgroup%s", path);
    put(root, full, text);
    EXPECT_U64(fani_oom_kills(root), kills);
    snprintf(command, sizeof command, "rm -r %s", root);
    EXPECT_I64(system(command), 0); // NOLINT(cert-env33-c)
}

FAN_TEST(oom, both_versions_are_read)
{
    expect_kills("0::/a/b\n", "/a/b/memory.events", "low 0\noom 9\noom_kill 4\n", 4);
    expect_kills("7:cpu,memory:/a\n0::/\n", "/memory/a/memory.oom_control",
                 "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7);
}

FAN_TEST(oom, what_does_not_say_is_none)
{
    expect_kills("0::/a\n", "/b/memory.events", "oom_kill 4\n", 0);
    expect_kills("0::/a\n", "/a/memory.events", "oom_group_kill 4\n", 0);
    expect_kills("3:memory2:/a\n", "/memory/a/memory.oom_control", "oom_kill 4\n", 0);
    expect_kills("no line\n", "/a/memory.events", "oom_kill 4\n", 0);
    EXPECT_U64(fani_oom_kills("/nowhere/at/all"), 0);
}
