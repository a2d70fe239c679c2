/* Signals are the program's: whatever it does with SIGCHLD and SIGPIPE, workers come and go. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

extern char **environ;

enum { WORKERS = 2, COUNT = 30, GUILTY = 11 };

static _Atomic unsigned heard;

static void hear(int signal)
{
    (void)signal;
    atomic_fetch_add(&heard, 1);
}

static void reap_everything(int signal)
{
    int before = errno;
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        atomic_fetch_add(&heard, 1);
    errno = before;
}

typedef struct tally {
    uint64_t next;
    char text[160];
} tally;

static fan_status see(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    tally *t = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        EXPECT_U64(outcomes[i].index, t->next++);
        EXPECT_I64(outcomes[i].kind,
                   outcomes[i].index == GUILTY ? FAN_OUTCOME_LOST : FAN_OUTCOME_OK);
        if (outcomes[i].index == GUILTY)
            strncpy(t->text, outcomes[i].text, sizeof t->text - 1);
    }
    return FAN_OK;
}

/* Items of which one crashes, on workers that are opened and closed here. */
static void crash_one(tally *t)
{
    fault_order orders[COUNT];
    fault_marks marks;
    fan_executor *executor = fault_open(WORKERS);
    *t = (tally){0};
    if (!executor || !fault_marks_open(&marks, 1))
        return;
    for (size_t i = 0; i < COUNT; i++)
        orders[i] =
            (fault_order){.stage = i == GUILTY ? FAULT_RUN : FAULT_NEVER, .kind = FAULT_ABORT};
    EXPECT_I64(
        fan_map(executor, &task_fault, fan_source_array(orders, sizeof *orders, COUNT),
                fan_sink_callback(see, t),
                &(fan_map_options){.args = marks.path, .args_size = strlen(marks.path), .batch = 4},
                NULL),
        FAN_OK);
    EXPECT_U64(t->next, COUNT);
    EXPECT_TRUE(atomic_load(&marks.counts[0]) >= 3);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    fault_expect_children(0);
    fault_marks_close(&marks);
}

/* Does that with SIGCHLD as given, then has a child of the program's own end with code 7. Returns
 * what waiting for it told: its code, or -1. */
static int with_sigchld(void (*handler)(int), tally *t)
{
    char *const arguments[] = {"sh", "-c", "exit 7", NULL};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before, after;
    pid_t child = -1, pid;
    int status = 0;
    sigemptyset(&action.sa_mask);
    atomic_store(&heard, 0);
    EXPECT_I64(sigaction(SIGCHLD, &action, &before), 0);
    crash_one(t);
    EXPECT_I64(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ), 0);
    do
        pid = waitpid(-1, &status, 0);
    while (pid < 0 && errno == EINTR);
    EXPECT_I64(sigaction(SIGCHLD, &before, &after), 0);
    EXPECT_TRUE(after.sa_handler == handler);
    return pid == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The status went to somebody else; Linux tells it once more since 6.15. */
static void expect_some_reason(const tally *t)
{
    SHIM_CHECK(!strcmp(t->text, "died") || !strcmp(t->text, "killed by SIGABRT"), (void)0,
               "the reason is \"%s\"", t->text);
}

FAN_TEST(guest, a_handler_of_sigchld_keeps_its_children)
{
    tally t;
    EXPECT_I64(with_sigchld(hear, &t), 7);
    EXPECT_CONTAINS(t.text, "killed by SIGABRT");
    EXPECT_TRUE(atomic_load(&heard) > 0);
}

FAN_TEST(guest, a_program_that_reaps_every_child_is_served)
{
    tally t;
    (void)with_sigchld(reap_everything, &t);
    EXPECT_TRUE(atomic_load(&heard) > 0);
    expect_some_reason(&t);
}

FAN_TEST(guest, a_program_that_ignores_sigchld_is_served)
{
    tally t;
    EXPECT_I64(with_sigchld(SIG_IGN, &t), -1); /* the kernel reaped them */
    expect_some_reason(&t);
}

/* ---- SIGPIPE ------------------------------------------------------------------------------- */

static fan_status kill_sender(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    unsigned *kills = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        int64_t pid = 0;
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        if (outcomes[i].size == sizeof pid)
            memcpy(&pid, outcomes[i].bytes, sizeof pid);
        if (outcomes[i].index % 10 == 5 && pid > 1)
            *kills += kill((pid_t)pid, SIGKILL) == 0;
    }
    return FAN_OK;
}

/* Large inputs travel over sockets, to workers that die at any moment. By default a write to a
 * socket without a reader kills this program. */
FAN_TEST(guest, dying_workers_do_not_raise_sigpipe)
{
    enum { BYTES = 200000, ITEMS = 100 };
    struct sigaction before, action = {.sa_handler = SIG_DFL};
    unsigned kills = 0;
    unsigned char *inputs = calloc(ITEMS, BYTES);
    ASSERT_TRUE(inputs != NULL);
    fan_executor *executor = fault_open(WORKERS);
    ASSERT_I64(sigaction(SIGPIPE, &action, &before), 0);
    EXPECT_I64(fan_map(executor, &task_pid, fan_source_array(inputs, BYTES, ITEMS),
                       fan_sink_callback(kill_sender, &kills),
                       &(fan_map_options){.batch = 1, .order = FAN_ORDER_COMPLETED}, NULL),
               FAN_OK);
    EXPECT_TRUE(kills > 0);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)), FAN_OK);
    EXPECT_I64(sigaction(SIGPIPE, &before, NULL), 0);
    free(inputs);
}
