/* The library is a guest: it leaves signals, children and descriptors of its program alone. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"
#include "tasks.h"

extern char **environ;

enum { SIGNALS = 31 };

static void read_dispositions(struct sigaction actions[SIGNALS + 1])
{
    for (int i = 1; i <= SIGNALS; i++)
        sigaction(i, NULL, &actions[i]);
}

static void work_a_little(fan_executor *executor, void *context)
{
    uint64_t y[100];
    (void)context;
    EXPECT_I64(fan_map(executor, &task_square, fan_source_range(0, 100), fan_sink_array(y, 8, 100),
                       NULL, NULL),
               FAN_OK);
}

static void work_as_guest(fan_executor *executor, void *context)
{
    struct sigaction *before = context, after[SIGNALS + 1];
    pid_t child;
    int status = 0;
    char *const arguments[] = {"sh", "-c", "exit 7", NULL};
    ASSERT_I64(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ), 0);
    work_a_little(executor, NULL);
    read_dispositions(after);
    for (int i = 1; i <= SIGNALS; i++)
        SHIM_CHECK(before[i].sa_handler == after[i].sa_handler, (void)0,
                   "the disposition of signal %d has changed", i);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7); /* our child was left to us */
}

CONTRACT(guest_leaves_signals_and_children_alone)
{
    struct sigaction before[SIGNALS + 1];
    read_dispositions(before);
    contract_with(target, (fan_executor_options){.workers = 2}, work_as_guest, before);
}

static size_t entries(const char *folder)
{
    DIR *d = opendir(folder);
    size_t count = 0;
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

CONTRACT(guest_leaves_no_descriptor_open)
{
    size_t files = 0;
    for (int round = 0; round < 6; round++) {
        contract_with(target, (fan_executor_options){.workers = 2}, work_a_little, NULL);
        if (round == 0) /* what libraries open once and keep is theirs */
            files = entries("/proc/self/fd");
    }
    EXPECT_U64(entries("/proc/self/fd"), files);
}

CONTRACT(guest_reaps_its_own_workers)
{
    contract_with(target, (fan_executor_options){.workers = 2}, work_a_little, NULL);
    EXPECT_I64(waitpid(-1, NULL, WNOHANG | __WALL), -1); /* ECHILD: none is left */
}
