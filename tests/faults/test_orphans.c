/* No worker outlives its program, however and whenever the program is killed. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "victim.h"

enum { WORKERS = 4 };

extern char **environ;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* ---- The victim ---------------------------------------------------------------------------- */

static int give_work(fan_executor *executor, fault_kind kind)
{
    fault_marks marks;
    fan_future *futures[WORKERS];
    if (!fault_marks_open(&marks, WORKERS))
        return 3;
    for (uint64_t i = 0; i < WORKERS; i++) {
        fault_order order = {.stage = FAULT_RUN, .kind = kind, .mark = i};
        if (fan_submit(executor, &task_fault, &order, sizeof order,
                       &(fan_submit_options){.args = marks.path, .args_size = strlen(marks.path)},
                       &futures[i]) != FAN_OK)
            return 4;
    }
    for (size_t i = 0; i < WORKERS; i++)
        if (!fault_marks_wait(&marks, i))
            return 5;
    fault_marks_close(&marks);
    return 0;
}

int fault_victim(const char *how)
{
    fan_executor *executor = NULL;
    int code = 0;
    if (!strcmp(how, "starting") && write(1, "!", 1) != 1)
        return 1;
    if (fan_executor_open(
            &(fan_executor_options){.kind = "processes", .workers = WORKERS, .crash_limit = 1000},
            &executor, NULL) != FAN_OK)
        return 2;
    if (!strcmp(how, "looping"))
        code = give_work(executor, FAULT_LOOP);
    else if (!strcmp(how, "stopped"))
        code = give_work(executor, FAULT_STOP);
    else if (!strcmp(how, "crashing"))
        code = give_work(executor, FAULT_SEGV);
    if (code || (strcmp(how, "starting") != 0 && write(1, "!", 1) != 1))
        return code ? code : 1;
    pause_ms(60000);
    return 6;
}

/* ---- Its murder ---------------------------------------------------------------------------- */

static pid_t start_victim(char *how, int *out)
{
    int ends[2];
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {"victim", "--victim", how, NULL};
    if (pipe(ends) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out = ends[0];
    return pid;
}

/* Reaps what has ended, for at most 5 s; orphans come to this process. Returns how many came beside
 * the victim, all ended; -1: some live. */
static int reap_all(pid_t victim)
{
    int orphans = 0;
    for (int ms = 0; ms < 5000;) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0)
            return errno == ECHILD ? orphans : -1;
        if (pid == victim)
            EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        orphans += pid > 0 && pid != victim;
        if (pid == 0) {
            pause_ms(5);
            ms += 5;
        }
    }
    return -1;
}

/* Kills a victim that long after it has said how far it is. Returns how many workers it left. */
static int murder(char *how, long delay_ms)
{
    char byte;
    int out = -1;
    pid_t victim = start_victim(how, &out);
    SHIM_CHECK(victim > 0, return -1, "can't start a victim");
    ssize_t n = read(out, &byte, 1);
    SHIM_CHECK(n == 1, (void)0, "the victim \"%s\" came to nothing", how);
    pause_ms(delay_ms);
    EXPECT_I64(kill(victim, SIGKILL), 0);
    int orphans = reap_all(victim);
    SHIM_CHECK(orphans >= 0, (void)0, "workers of the victim \"%s\" live on", how);
    close(out);
    return orphans;
}

static void murder_at_rest(char *how)
{
    ASSERT_I64(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    EXPECT_I64(murder(how, 20), WORKERS);
    EXPECT_I64(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

FAN_TEST(orphans, idle_workers_end_with_their_program)
{
    murder_at_rest("idle");
}

FAN_TEST(orphans, looping_workers_end_with_their_program)
{
    murder_at_rest("looping");
}

FAN_TEST(orphans, stopped_workers_end_with_their_program)
{
    murder_at_rest("stopped");
}

/* At moments that are spread over the start of four workers, and over their being replaced. */
static void murder_often(char *how)
{
    int orphans = 0;
    ASSERT_I64(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (long ms = 0; ms < 10; ms++)
        orphans += murder(how, ms);
    EXPECT_TRUE(orphans > 0); /* some had started */
    EXPECT_I64(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

FAN_TEST(orphans, starting_workers_end_with_their_program)
{
    murder_often("starting");
}

FAN_TEST(orphans, workers_that_are_being_replaced_end_with_their_program)
{
    murder_often("crashing");
}
