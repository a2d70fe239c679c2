/* Workers that stand still though their program goes on: stopped from outside while they have
 * nothing to do, or in the middle of an item that has no limit of time. */
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fanfold/gang.h"
#include "victim.h"

extern char **environ;

enum { PATIENCE_MS = 1200, LIMIT_MS = 120000, WORKERS_MOST = 3 };

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static fan_executor *open_workers(unsigned workers, uint32_t heartbeat_ms, unsigned crash_limit)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_status status = fan_executor_open(&(fan_executor_options){.kind = "processes",
                                                                  .workers = workers,
                                                                  .crash_limit = crash_limit,
                                                                  .heartbeat_ms = heartbeat_ms},
                                          &executor, &error);
    SHIM_CHECK(status == FAN_OK, return NULL, "open: %s", error.text);
    return executor;
}

static void close_workers(fan_executor *executor)
{
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(LIMIT_MS)), FAN_OK);
}

static uint64_t lost(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    return stats.workers_lost;
}

static bool wait_lost(fan_executor *executor, uint64_t count)
{
    for (int ms = 0; ms < LIMIT_MS && lost(executor) < count; ms += 5)
        pause_ms(5);
    SHIM_CHECK(lost(executor) >= count, return false, "no worker was replaced");
    return true;
}

static bool stop(int64_t pid)
{
    siginfo_t info;
    bool stopped =
        kill((pid_t)pid, SIGSTOP) == 0 && waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT) == 0;
    SHIM_CHECK(stopped, return false, "can't stop worker %lld", (long long)pid);
    return true;
}

static fan_future *post(fan_executor *executor, const fan_task *task, const fault_marks *marks)
{
    fan_future *future = NULL;
    fan_submit_options options = {.args = marks ? marks->path : NULL,
                                  .args_size = marks ? strlen(marks->path) : 0};
    EXPECT_I64(fan_submit(executor, task, "", 1, &options, &future), FAN_OK);
    return future;
}

/* Waits for an item that is to come out well at that attempt. The pid of its worker. */
static int64_t await(fan_future *future, unsigned attempt)
{
    int64_t pid = 0;
    fan_outcome outcome = {.text = "no outcome"};
    fan_status status = fan_future_result(future, fan_deadline_in_ms(LIMIT_MS), &outcome);
    SHIM_CHECK(status == FAN_OK && outcome.kind == FAN_OUTCOME_OK && outcome.attempt == attempt,
               (void)0, "status %d, %s at attempt %u: %s", (int)status,
               fan_outcome_name(outcome.kind), outcome.attempt, outcome.text);
    if (outcome.size == sizeof pid)
        memcpy(&pid, outcome.bytes, sizeof pid);
    fan_future_release(future);
    return pid;
}

/* The pids of all workers, which then have nothing to do. */
static bool find(fan_executor *executor, int64_t *pids, size_t count)
{
    fault_marks marks;
    fan_future *futures[WORKERS_MOST];
    bool all = true;
    if (!fault_marks_open(&marks, PATIENT_MARKS))
        return false;
    for (size_t i = 0; i < count; i++)
        futures[i] = post(executor, &task_patient, &marks);
    for (int ms = 0; ms < LIMIT_MS && atomic_load(&marks.counts[PATIENT_BEGUN]) < count; ms++)
        pause_ms(1);
    atomic_store(&marks.counts[PATIENT_TOLD], 1);
    for (size_t i = 0; i < count; i++) {
        pids[i] = await(futures[i], 1);
        for (size_t k = 0; k < i; k++)
            all &= pids[i] != pids[k];
    }
    fault_marks_close(&marks);
    SHIM_CHECK(all, return false, "not all workers were found");
    return true;
}

/* ---- Stopped between two items ----------------------------------------------------------------
 */

/* The other worker is at an item that takes much longer than the patience with one that is stopped,
 * which is therefore given the next, or was given this one before. */
static void stopped_beside_another(uint32_t heartbeat_ms)
{
    int64_t pids[2] = {0}, pid = 0;
    bool replaces = heartbeat_ms != FAN_NO_HEARTBEAT;
    fault_marks marks;
    fan_executor *executor = open_workers(2, heartbeat_ms, 1);
    if (!executor || !fault_marks_open(&marks, PATIENT_MARKS))
        return;
    if (find(executor, pids, 2) && stop(pids[0])) {
        fan_future *longer = post(executor, &task_patient, &marks);
        EXPECT_TRUE(fault_marks_wait(&marks, PATIENT_BEGUN));
        fan_future *shorter = post(executor, &task_pid, NULL);
        if (replaces && wait_lost(executor, 1)) {
            pid = await(shorter, 1);
            EXPECT_TRUE(pid != pids[0] && pid != pids[1]);
            pause_ms(PATIENCE_MS + 100); /* the other one is not stopped, only busy */
        }
        atomic_store(&marks.counts[PATIENT_TOLD], 1);
        EXPECT_I64(await(longer, 1), pids[1]);
        if (!replaces)
            EXPECT_I64(await(shorter, 1), pids[1]);
        EXPECT_U64(lost(executor), replaces);
    }
    close_workers(executor);
    fault_marks_close(&marks);
}

FAN_TEST(still, an_idle_worker_that_is_stopped_keeps_no_item)
{
    stopped_beside_another(PATIENCE_MS);
    stopped_beside_another(FAN_NO_HEARTBEAT);
}

/* No item is blamed: one lost worker would be too much for each. */
FAN_TEST(still, all_workers_stopped_while_they_are_idle)
{
    enum { COUNT = 50 };
    int64_t pids[2] = {0};
    fan_future *futures[COUNT];
    fan_executor *executor = open_workers(2, PATIENCE_MS, 1);
    if (!executor)
        return;
    if (find(executor, pids, 2) && stop(pids[0]) && stop(pids[1])) {
        pause_ms(60); /* the pump sleeps by now */
        for (size_t i = 0; i < COUNT; i++)
            futures[i] = post(executor, &task_pid, NULL);
        for (size_t i = 0; i < COUNT; i++) {
            int64_t pid = await(futures[i], 1);
            EXPECT_TRUE(pid != pids[0] && pid != pids[1]);
        }
        EXPECT_TRUE(wait_lost(executor, 2));
    }
    close_workers(executor);
    fault_expect_children(0);
}

FAN_TEST(still, an_idle_worker_that_goes_on_is_kept)
{
    int64_t pid;
    fan_outcome outcome;
    fan_executor *executor = open_workers(1, FAN_NO_HEARTBEAT, 1);
    if (!executor)
        return;
    pid = await(post(executor, &task_pid, NULL), 1);
    if (stop(pid)) {
        fan_future *future = post(executor, &task_pid, NULL);
        EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(600), &outcome), FAN_E_TIMEOUT);
        EXPECT_I64(kill((pid_t)pid, SIGCONT), 0);
        EXPECT_I64(await(future, 1), pid);
    }
    EXPECT_U64(lost(executor), 0);
    close_workers(executor);
}

/* At close it has nothing left but to end. */
static bool ends_soon(void)
{
    fan_executor *executor = open_workers(1, FAN_NO_HEARTBEAT, 1);
    if (!executor)
        return false;
    fan_deadline soon = fan_deadline_in_ms(8000); /* one that hangs has 10 s */
    if (stop(await(post(executor, &task_pid, NULL), 1)))
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    bool in_time = fan_deadline_in_ms(0) < soon;
    fault_expect_children(0);
    return in_time;
}

FAN_TEST(still, a_stopped_worker_does_not_hold_up_the_end)
{
    bool soon = false;
    for (int i = 0; i < 5 && !soon && !shim_failed(); i++)
        soon = ends_soon();
    EXPECT_TRUE(soon);
}

FAN_TEST(still, a_gang_waits_for_the_successor_of_a_stopped_worker)
{
    int64_t pids[2] = {0}, met[2] = {0};
    fan_error error = {0};
    fan_executor *executor = open_workers(2, PATIENCE_MS, 1);
    if (!executor)
        return;
    if (find(executor, pids, 2) && stop(pids[0])) {
        fan_status status =
            fan_gang(executor, &task_meet, 2, NULL, 0, fan_sink_array(met, sizeof *met, 2), &error);
        SHIM_CHECK(status == FAN_OK, (void)0, "gang: %s", error.text);
        EXPECT_TRUE(met[0] && met[1] && met[0] != pids[0] && met[1] != pids[0]);
        EXPECT_U64(lost(executor), 1);
    }
    close_workers(executor);
}

/* Nor does it wait where there are others. */
FAN_TEST(still, a_gang_passes_a_stopped_worker_over)
{
    int64_t pids[3] = {0}, met[2];
    fan_executor *executor = open_workers(3, FAN_NO_HEARTBEAT, 1);
    if (!executor)
        return;
    for (size_t i = find(executor, pids, 3) ? 0 : 3; i < 3 && stop(pids[i]); i++) {
        fan_error error = {0};
        fan_status status =
            fan_gang(executor, &task_meet, 2, NULL, 0, fan_sink_array(met, sizeof *met, 2), &error);
        SHIM_CHECK(status == FAN_OK, (void)0, "gang: %s", error.text);
        EXPECT_TRUE(met[0] != pids[i] && met[1] != pids[i]);
        EXPECT_I64(kill((pid_t)pids[i], SIGCONT), 0);
    }
    EXPECT_U64(lost(executor), 0);
    close_workers(executor);
}

/* Has a process of its own hold a worker as a debugger does. 0: that is not allowed here. */
static pid_t hold(int64_t worker)
{
    int ends[2];
    char byte = 'n';
    if (pipe(ends) != 0)
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        bool held = ptrace(PTRACE_SEIZE, (pid_t)worker, NULL, NULL) == 0 &&
                    ptrace(PTRACE_INTERRUPT, (pid_t)worker, NULL, NULL) == 0 &&
                    waitpid((pid_t)worker, NULL, __WALL) == worker;
        byte = held ? 'y' : 'n';
        if (write(ends[1], &byte, 1) == 1 && held)
            (void)waitpid((pid_t)worker, NULL, __WALL); /* it hears of its end first */
        _exit(0);
    }
    close(ends[1]);
    bool held = read(ends[0], &byte, 1) == 1 && byte == 'y';
    close(ends[0]);
    return held ? pid : 0;
}

/* Whatever keeps it from its work. */
FAN_TEST(still, a_worker_that_takes_no_work_is_replaced)
{
    fan_executor *executor = open_workers(1, PATIENCE_MS, 1);
    if (!executor)
        return;
    int64_t pid = await(post(executor, &task_pid, NULL), 1);
    pid_t debugger = hold(pid);
    if (debugger) {
        EXPECT_TRUE(await(post(executor, &task_pid, NULL), 1) != pid);
        EXPECT_U64(lost(executor), 1);
        (void)kill(debugger, SIGKILL);
        EXPECT_I64(waitpid(debugger, NULL, 0), debugger);
    }
    close_workers(executor);
    if (!debugger)
        SKIP("no process may trace another here");
}

/* ---- Stopped in the middle of an item ---------------------------------------------------------
 */

/* It counts as a worker that the item has lost, when it stays stopped. */
static void stopped_at_an_item(unsigned crash_limit)
{
    fault_marks marks;
    fan_outcome outcome = {.text = ""};
    fan_executor *executor = open_workers(1, PATIENCE_MS, crash_limit);
    if (!executor || !fault_marks_open(&marks, PATIENT_MARKS))
        return;
    fan_future *future = post(executor, &task_patient, &marks);
    if (fault_marks_wait(&marks, PATIENT_BEGUN) && stop(atomic_load(&marks.counts[PATIENT_PID]))) {
        EXPECT_TRUE(wait_lost(executor, 1));
        atomic_store(&marks.counts[PATIENT_TOLD], 1);
        if (crash_limit > 1) {
            (void)await(future, 2);
        } else {
            EXPECT_I64(fan_future_result(future, fan_deadline_in_ms(LIMIT_MS), &outcome), FAN_OK);
            EXPECT_I64(outcome.kind, FAN_OUTCOME_LOST);
            EXPECT_STR(outcome.text, "its worker was stopped by a signal");
            fan_future_release(future);
        }
        EXPECT_U64(atomic_load(&marks.counts[PATIENT_BEGUN]), crash_limit);
    }
    close_workers(executor);
    fault_marks_close(&marks);
}

FAN_TEST(still, a_worker_that_stays_stopped_at_an_item_is_lost_to_it)
{
    stopped_at_an_item(1);
    stopped_at_an_item(2);
}

/* Whether it was kept, or was stopped for too long at once, since this thread paused. */
static bool kept_with_stops(long each_ms)
{
    fault_marks marks;
    fan_executor *executor = open_workers(1, (uint32_t)each_ms * 20, 1000);
    if (!executor || !fault_marks_open(&marks, PATIENT_MARKS))
        return false;
    fan_future *future = post(executor, &task_patient, &marks);
    EXPECT_TRUE(fault_marks_wait(&marks, PATIENT_BEGUN));
    pid_t pid = (pid_t)atomic_load(&marks.counts[PATIENT_PID]);
    for (int i = 0; i < 36 && stop(pid); i++) {
        uint32_t alive = atomic_load(&marks.counts[PATIENT_ALIVE]);
        pause_ms(each_ms);
        if (kill(pid, SIGCONT) != 0)
            break;
        for (int ms = 0; ms < LIMIT_MS && alive == atomic_load(&marks.counts[PATIENT_ALIVE]) &&
                         lost(executor) == 0;
             ms++)
            pause_ms(1);
        if (lost(executor))
            break;
    }
    atomic_store(&marks.counts[PATIENT_TOLD], 1);
    bool kept = lost(executor) == 0;
    if (kept)
        EXPECT_I64(await(future, 1), pid);
    else
        fan_future_release(future);
    close_workers(executor);
    fault_marks_close(&marks);
    return kept;
}

/* Stopped most of the time, as by a tool that slows programs down: it is alive. */
FAN_TEST(still, a_worker_that_is_let_go_on_now_and_then_is_kept)
{
    bool kept = false;
    for (long each_ms = 30; each_ms < 1000 && !kept && !shim_failed(); each_ms *= 2)
        kept = kept_with_stops(each_ms);
    EXPECT_TRUE(kept);
}

/* ---- At any moment ----------------------------------------------------------------------------
 */

/* Short items all the time; one worker after the other is stopped and let go on, in time or after
 * it was replaced. Each item comes out once. */
FAN_TEST(still, stopped_at_any_moment)
{
    enum { COUNT = 12000, EACH = 100 };
    int64_t last = 0;
    unsigned stops = 0;
    pid_t stopped = 0;
    fan_mapping *mapping = NULL;
    fan_outcome outcome;
    fan_executor *executor = open_workers(2, 100, 1000);
    if (!executor)
        return;
    EXPECT_I64(fan_map_begin(executor, &task_pid, fan_source_range(0, COUNT),
                             &(fan_map_options){.batch = 1}, &mapping, NULL),
               FAN_OK);
    for (uint64_t i = 0; i < COUNT && !shim_failed(); i++) {
        EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(LIMIT_MS), &outcome, NULL), FAN_OK);
        SHIM_CHECK(outcome.index == i && outcome.kind == FAN_OUTCOME_OK, (void)0,
                   "item %llu: %s %s", (unsigned long long)i, fan_outcome_name(outcome.kind),
                   outcome.text);
        memcpy(&last, outcome.bytes, sizeof last);
        if (i % EACH != 0)
            continue;
        if (stopped)
            (void)kill(stopped, SIGCONT); /* it may have been replaced */
        stopped = (pid_t)last;
        stops += kill(stopped, SIGSTOP) == 0;
        pause_ms((long)(i / EACH % 4));
    }
    EXPECT_I64(fan_map_next(mapping, fan_deadline_in_ms(LIMIT_MS), &outcome, NULL), FAN_E_CLOSED);
    fan_map_end(mapping, NULL, 0);
    EXPECT_TRUE(stops > COUNT / EACH / 2);
    if (stopped)
        (void)kill(stopped, SIGCONT);
    close_workers(executor);
}

/* ---- The program as a whole -------------------------------------------------------------------
 */

static const char LIMIT_NAME[] = "FAULT_LIMIT_MS";

/* An item that may take so long as the environment says, and goes on until a byte comes. Says by a
 * byte when it has begun, and by another whether it came out well. */
int fault_suspended(const char *kind)
{
    const char *limit = getenv(LIMIT_NAME);
    const uint32_t limit_ms = limit ? (uint32_t)strtoul(limit, NULL, 10) : PATIENCE_MS;
    fault_marks marks;
    char byte = '!';
    fan_executor *executor = NULL;
    fan_future *future = NULL;
    fan_outcome outcome = {.kind = FAN_OUTCOME_LOST};
    bool isolated = !strcmp(kind, "processes");
    const fan_executor_options options = {
        .kind = kind, .workers = 1, .heartbeat_ms = isolated ? limit_ms : 0};
    if (!fault_marks_open(&marks, PATIENT_MARKS) ||
        fan_executor_open(&options, &executor, NULL) != FAN_OK)
        return 1;
    const fan_submit_options limits = {
        .args = marks.path, .args_size = strlen(marks.path), .timeout_ms = limit_ms};
    bool begun = fan_submit(executor, &task_patient, "", 1, &limits, &future) == FAN_OK &&
                 fault_marks_wait(&marks, PATIENT_BEGUN);
    if (!begun || write(1, &byte, 1) != 1 || read(0, &byte, 1) != 1)
        return 2;
    atomic_store(&marks.counts[PATIENT_TOLD], 1);
    if (fan_future_result(future, fan_deadline_in_ms(LIMIT_MS), &outcome) != FAN_OK)
        return 3;
    bool well = outcome.kind == FAN_OUTCOME_OK && outcome.attempt == 1 && lost(executor) == 0;
    byte = well ? 'y' : 'n';
    fan_future_release(future);
    fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER);
    fault_marks_close(&marks);
    return write(1, &byte, 1) == 1 ? 0 : 4;
}

/* In a group of its own. */
static pid_t start_suspended(char *kind, int socket)
{
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const arguments[] = {"victim", "--suspended", kind, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, 0);
    posix_spawn_file_actions_adddup2(&actions, socket, 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environ) != 0)
        pid = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Stopped for longer than items may take and workers may stand still. False: an item was ended,
 * as it is where it pauses for so long by itself. */
static bool is_suspended_well(long limit_ms)
{
    static char *const kinds[] = {"processes", "threads"};
    enum { KINDS = 2 };
    char text[32];
    bool well = true;
    int ends[KINDS][2], status = 0;
    pid_t pids[KINDS];
    siginfo_t info;
    snprintf(text, sizeof text, "%ld", limit_ms);
    EXPECT_I64(setenv(LIMIT_NAME, text, 1), 0);
    for (size_t i = 0; i < KINDS; i++) {
        char byte = 0;
        SHIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]) == 0, return false,
                   "no sockets");
        pids[i] = start_suspended(kinds[i], ends[i][1]);
        close(ends[i][1]);
        EXPECT_TRUE(pids[i] > 0 && read(ends[i][0], &byte, 1) == 1 && byte == '!');
        EXPECT_I64(kill(-pids[i], SIGSTOP), 0);
        EXPECT_I64(waitid(P_PID, (id_t)pids[i], &info, WSTOPPED | WNOWAIT), 0);
    }
    pause_ms(limit_ms * 13 / 10);
    for (size_t i = 0; i < KINDS; i++) {
        char byte = 0;
        EXPECT_I64(kill(-pids[i], SIGCONT), 0);
        EXPECT_I64(write(ends[i][0], "!", 1), 1);
        EXPECT_I64(read(ends[i][0], &byte, 1), 1);
        well &= byte == 'y';
        close(ends[i][0]);
        EXPECT_I64(waitpid(pids[i], &status, 0), pids[i]);
        EXPECT_I64(status, 0);
    }
    return well;
}

FAN_TEST(still, a_program_that_is_suspended_loses_nothing)
{
    bool well = false;
    for (long limit_ms = 1000; limit_ms < 30000 && !well && !shim_failed(); limit_ms *= 3)
        well = is_suspended_well(limit_ms);
    SHIM_CHECK(well, (void)0, "items were ended for the time in which all were stopped");
}
