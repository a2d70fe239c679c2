/* Child processes, against what /bin/sh and common tools do. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fanfold/process.h"
#include "shim.h"

/* A hang; and what must not end before it was ended politely. */
enum { HANG_MS = 120000, PATIENT_MS = 250000 };

#define SH(text) ((const char *const[]){"/bin/sh", "-c", text, NULL})

/* Runs a script; the result is cleared by the caller. */
static fan_process_result sh(const char *text)
{
    fan_process_result result = {0};
    fan_error error = {0};
    fan_status status =
        fan_process_run(&(fan_process_options){.arguments = SH(text)}, &result, &error);
    if (status != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", text, error.text);
    return result;
}

static fan_process *start(const fan_process_options *options)
{
    fan_process *process = NULL;
    fan_error error = {0};
    if (fan_process_start(options, &process, &error) != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", options->arguments[0], error.text);
    return process;
}

/* Whether something of a process group lives (no zombies). */
static bool group_lives(int64_t group)
{
    char script[256];
    snprintf(script, sizeof script,
             "for f in /proc/[0-9]*/stat; do { read -r l < $f; } 2>/dev/null || continue; "
             "set -- ${l##*) }; [ $1 = Z ] || [ $3 != %lld ] || exit 0; done; exit 1",
             (long long)group);
    fan_process_result result = sh(script);
    bool lives = result.exit_code == 0;
    fan_process_result_clear(&result);
    return lives;
}

/* Killed is not yet gone: waits for it. */
static bool group_is_gone(int64_t group)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    for (int i = 0; i < 12000; i++) {
        if (!group_lives(group))
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

FAN_TEST(process, output_error_and_code)
{
    fan_process_result r = sh("printf 'a b\\n'; printf 'x\\0y' >&2; exit 3");
    EXPECT_I64(r.end, FAN_PROCESS_EXITED);
    EXPECT_I64(r.exit_code, 3);
    EXPECT_I64(r.signal_number, 0);
    EXPECT_STR((const char *)r.output, "a b\n");
    EXPECT_U64(r.error_size, 3);
    EXPECT_TRUE(!memcmp(r.error, "x\0y", 4));
    EXPECT_STR(r.text, "exited with code 3");
    EXPECT_TRUE(!r.left_open);
    EXPECT_TRUE(r.run_ns > 0 && r.peak_bytes > 100000);
    fan_process_result_clear(&r);
    EXPECT_TRUE(!r.output);
}

FAN_TEST(process, signal_and_usage)
{
    fan_process_result r = sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; kill -9 $$");
    EXPECT_I64(r.end, FAN_PROCESS_SIGNALLED);
    EXPECT_I64(r.exit_code, -1);
    EXPECT_I64(r.signal_number, SIGKILL);
    EXPECT_STR(r.text, "killed by SIGKILL");
    EXPECT_TRUE(r.user_ns + r.system_ns > 1000000);
    fan_process_result_clear(&r);
}

FAN_TEST(process, arguments_are_no_shell)
{
    const char *const arguments[] = {"printf", "%s|", "a b", "", "$HOME", "x'y\"z", "*\n", NULL};
    fan_process_result r;
    ASSERT_I64(fan_process_run(&(fan_process_options){.arguments = arguments}, &r, NULL), FAN_OK);
    EXPECT_STR((const char *)r.output, "a b||$HOME|x'y\"z|*\n|");
    fan_process_result_clear(&r);
}

FAN_TEST(process, command_that_is_not_there)
{
    fan_process_result r;
    const char *const missing[] = {"no-such-command-7", NULL}, *const data[] = {"/etc/passwd",
                                                                                NULL};
    ASSERT_I64(fan_process_run(&(fan_process_options){.arguments = missing}, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_NOT_STARTED);
    EXPECT_I64(r.exit_code, 127);
    EXPECT_CONTAINS(r.text, "no-such-command-7: there is no such command");
    fan_process_result_clear(&r);
    ASSERT_I64(fan_process_run(&(fan_process_options){.arguments = data}, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_NOT_STARTED);
    EXPECT_I64(r.exit_code, 126);
    EXPECT_CONTAINS(r.text, "/etc/passwd: ");
    fan_process_result_clear(&r);
}

FAN_TEST(process, errors_are_told)
{
    fan_process_result r;
    fan_process *p = (fan_process *)&r;
    fan_error error = {0};
    EXPECT_I64(fan_process_run(&(fan_process_options){0}, &r, &error), FAN_E_ARGUMENT);
    fan_process_options o = {.arguments = SH("true"), .folder = "/no/such/folder"};
    EXPECT_I64(fan_process_run(&o, &r, &error), FAN_E_INPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    o = (fan_process_options){.arguments = SH("true"), .streams = {{FAN_PROCESS_MERGE, 0}}};
    EXPECT_I64(fan_process_start(&o, &p, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(!p);
    o.streams[0].kind = FAN_PROCESS_PIPE;
    EXPECT_I64(fan_process_run(&o, &r, &error), FAN_E_ARGUMENT);
    EXPECT_I64(fan_process_pipeline(&o, 0, &p, &error), FAN_E_ARGUMENT);
    fan_process_free(NULL);
    fan_process_result_clear(NULL);
}

FAN_TEST(process, a_folder_that_can_not_be_gone_into)
{
    char name[] = "/tmp/fan-process-XXXXXX";
    fan_process_result r;
    fan_error error = {0};
    uid_t user = geteuid();
    ASSERT_TRUE(mkdtemp(name) && chmod(name, 0600) == 0);
    fan_process_options o = {.arguments = SH("true"), .folder = name};
    if (user == 0) /* root may go anywhere */
        ASSERT_I64(seteuid(65534), 0);
    fan_status status = fan_process_run(&o, &r, &error);
    if (user == 0)
        ASSERT_I64(seteuid(user), 0);
    rmdir(name);
    EXPECT_I64(status, FAN_E_INPUT);
    EXPECT_I64(error.errno_code, EACCES);
}

FAN_TEST(process, input_bytes)
{
    size_t size = 3 << 20;
    char *bytes = malloc(size);
    ASSERT_TRUE(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    fan_process_result r;
    fan_process_options o = {
        .arguments = (const char *const[]){"cat", NULL}, .input = bytes, .input_size = size};
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_U64(r.output_size, size);
    EXPECT_TRUE(!memcmp(r.output, bytes, size));
    fan_process_result_clear(&r);
    o.arguments = SH("exec <&-; echo done"); /* reads nothing of it */
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_STR((const char *)r.output, "done\n");
    fan_process_result_clear(&r);
    free(bytes);
}

FAN_TEST(process, nothing_to_read_and_environment_and_folder)
{
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    setenv("PMIX_RANK", "3", 1);
    setenv("PMI_RANK", "3", 1);
    setenv("FAN_TEST_GONE", "x", 1);
    const char *const changes[] = {"FAN_TEST_NEW=a=b", "FAN_TEST_GONE", "FAN_TEST_NEW=c d", NULL};
    fan_process_options o = {
        .arguments = SH("cat; echo ${OMPI_COMM_WORLD_RANK-no} ${PMIX_RANK-no} ${PMI_RANK-no} "
                        "${FAN_TEST_GONE-no} $FAN_TEST_NEW; pwd; env | grep -c FAN_TEST_NEW"),
        .environment = changes,
        .folder = "/usr"};
    fan_process_result r;
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_STR((const char *)r.output, "no no no no c d\n/usr\n1\n");
    fan_process_result_clear(&r);
    o = (fan_process_options){.arguments = SH("echo $PMI_RANK"), .keep_mpi_environment = true};
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_STR((const char *)r.output, "3\n");
    fan_process_result_clear(&r);
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_RANK");
    unsetenv("PMI_RANK");
    unsetenv("FAN_TEST_GONE");
}

FAN_TEST(process, signals_are_as_at_a_start)
{
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    fan_process_result r = sh("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    signal(SIGPIPE, handler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* But for 32 and 33, the C library's own, which nobody can set. */
    const char *ignored = strstr((const char *)r.output, "SigIgn:");
    EXPECT_CONTAINS((const char *)r.output, "SigBlk:\t0000000000000000\n");
    EXPECT_TRUE(ignored && !(strtoull(ignored + 7, NULL, 16) & ~0x180000000ULL));
    fan_process_result_clear(&r);
}

FAN_TEST(process, no_descriptor_goes_along)
{
    int before = count_descriptors();
    int open_one = open("/dev/null", O_RDONLY); /* not closed on exec */
    ASSERT_TRUE(open_one >= 0);
    int high = fcntl(open_one, F_DUPFD, 200);
    fan_process_result r = sh("ls /proc/self/fd");
    EXPECT_STR((const char *)r.output, "0\n1\n2\n3\n"); /* 3: the folder that ls reads */
    fan_process_result_clear(&r);
    close(open_one);
    close(high);
    EXPECT_I64(count_descriptors(), before);
}

FAN_TEST(process, standard_streams_of_the_program_may_be_closed)
{
    int kept[3];
    fan_process_result r = {0};
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
        close(i);
    }
    fan_process_options o = {
        .arguments = SH("cat; echo out; echo err >&2"), .input = "in\n", .input_size = 3};
    fan_status status = fan_process_run(&o, &r, NULL);
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    ASSERT_I64(status, FAN_OK);
    EXPECT_STR((const char *)r.output, "in\nout\n");
    EXPECT_STR((const char *)r.error, "err\n");
    fan_process_result_clear(&r);
}

FAN_TEST(process, streams_lead_where_they_are_told)
{
    char name[] = "/tmp/fan-process-XXXXXX";
    int file = mkstemp(name);
    ASSERT_TRUE(file >= 0);
    unlink(name);
    fan_process_options o = {.arguments = SH("echo one; echo two >&2; echo three"),
                             .streams = {[FAN_PROCESS_OUTPUT] = {FAN_PROCESS_FD, file},
                                         [FAN_PROCESS_ERROR] = {FAN_PROCESS_MERGE, 0}}};
    fan_process_result r;
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_TRUE(!r.output && !r.error);
    char text[64] = "";
    EXPECT_I64(pread(file, text, sizeof text - 1, 0), 14);
    EXPECT_STR(text, "one\ntwo\nthree\n");
    close(file);
    o.streams[FAN_PROCESS_OUTPUT] = (fan_process_stream){0};
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_STR((const char *)r.output, "one\ntwo\nthree\n");
    fan_process_result_clear(&r);
}

FAN_TEST(process, pipes_to_the_caller)
{
    fan_process_options o = {.arguments = (const char *const[]){"cat", NULL},
                             .streams = {{FAN_PROCESS_PIPE, 0}, {FAN_PROCESS_PIPE, 0}, {0, 0}}};
    fan_process *p = start(&o);
    char text[16] = "";
    EXPECT_I64(fan_process_write(p, "hello", 5, FAN_FOREVER, NULL), FAN_OK);
    EXPECT_I64(read(fan_process_fd(p, FAN_PROCESS_OUTPUT), text, sizeof text), 5);
    EXPECT_STR(text, "hello");
    EXPECT_I64(fan_process_wait(p, FAN_NOW), FAN_E_TIMEOUT);
    EXPECT_TRUE(!fan_process_get_result(p));
    EXPECT_I64(fan_process_fd(p, FAN_PROCESS_ERROR), -1);
    fan_process_close(p, FAN_PROCESS_INPUT);
    EXPECT_I64(fan_process_wait(p, FAN_FOREVER), FAN_OK);
    EXPECT_I64(fan_process_get_result(p)->exit_code, 0);
    EXPECT_I64(fan_process_write(p, "x", 1, FAN_FOREVER, NULL), FAN_E_ARGUMENT);
    fan_process_free(p);
}

FAN_TEST(process, writing_to_one_that_reads_no_more)
{
    fan_process_options o = {.arguments = SH("exec <&-; sleep 1000"),
                             .streams = {{FAN_PROCESS_PIPE, 0}}};
    fan_process *p = start(&o);
    static const char many[200000];
    fan_error error = {0};
    fan_status status; /* SIGPIPE has its default here: it would end the program */
    do
        status = fan_process_write(p, many, 1, fan_deadline_in_ms(HANG_MS), &error);
    while (status == FAN_OK);
    EXPECT_I64(status, FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, EPIPE);
    fan_process_free(p);
    o.arguments = (const char *const[]){"sleep", "1000", NULL};
    p = start(&o);
    EXPECT_I64(fan_process_write(p, many, sizeof many, fan_deadline_in_ms(50), NULL),
               FAN_E_TIMEOUT);
    fan_process_free(p);
}

/* Waits until a child has said so by one line on a stream that is a pipe. */
static void await_line(const fan_process *p, int stream)
{
    char c = 0;
    while (c != '\n' && read(fan_process_fd(p, stream), &c, 1) == 1)
        ;
    EXPECT_I64(c, '\n');
}

FAN_TEST(process, timeout)
{
    fan_process_options o = {
        .arguments = SH("sleep 1000; sleep 1000"), .timeout_ms = 50, .grace_ms = PATIENT_MS};
    fan_process *p = start(&o);
    int64_t id = fan_process_id(p);
    ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_process_get_result(p)->end, FAN_PROCESS_TIMED_OUT);
    EXPECT_STR(fan_process_get_result(p)->text, "ran longer than 50 ms (killed by SIGTERM)");
    EXPECT_TRUE(group_is_gone(id));
    fan_process_free(p);
}

/* False: what was killed had its streams open after that, as it does where it comes to no core. */
static bool kill_group(void)
{
    fan_process_options o = {.arguments =
                                 SH("trap '' TERM; sleep 1000 & echo begun >&2; sleep 1000; "
                                    "sleep 1000"),
                             .streams = {[FAN_PROCESS_ERROR] = {FAN_PROCESS_PIPE, 0}},
                             .grace_ms = 50};
    fan_process *p = start(&o);
    int64_t id = fan_process_id(p);
    await_line(p, FAN_PROCESS_ERROR);
    fan_process_terminate(p);
    EXPECT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    const fan_process_result *r = fan_process_get_result(p);
    if (!r)
        return false;
    EXPECT_I64(r->end, FAN_PROCESS_ENDED);
    EXPECT_I64(r->signal_number, SIGKILL);
    EXPECT_STR(r->text, "ended (killed by SIGKILL)");
    bool closed = !r->left_open;
    EXPECT_TRUE(group_is_gone(id));
    fan_process_free(p);
    return closed;
}

FAN_TEST(process, the_whole_group_is_killed_where_sigterm_is_ignored)
{
    bool closed = false;
    for (int i = 0; i < 10 && !closed && !shim_failed(); i++)
        closed = kill_group();
    EXPECT_TRUE(closed);
}

/* What is left of the group has no grace where it holds nothing open. */
FAN_TEST(process, the_rest_of_the_group_is_killed_when_the_first_has_ended)
{
    fan_process_options o = {.arguments = SH("(trap '' TERM; echo begun >&2; "
                                             "exec sleep 1000 >/dev/null 2>&1) & wait"),
                             .streams = {[FAN_PROCESS_ERROR] = {FAN_PROCESS_PIPE, 0}},
                             .grace_ms = PATIENT_MS};
    fan_process *p = start(&o);
    int64_t id = fan_process_id(p);
    await_line(p, FAN_PROCESS_ERROR);
    fan_process_terminate(p);
    ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_process_get_result(p)->signal_number, SIGTERM);
    EXPECT_TRUE(group_is_gone(id));
    fan_process_free(p);
}

FAN_TEST(process, termination_is_polite_first)
{
    fan_process_options o = {.arguments = SH("trap 'echo bye; exit 5' TERM; echo ready; "
                                             "while :; do sleep 0.01; done"),
                             .streams = {[FAN_PROCESS_OUTPUT] = {FAN_PROCESS_PIPE, 0}},
                             .grace_ms = PATIENT_MS};
    fan_process *p = start(&o);
    await_line(p, FAN_PROCESS_OUTPUT);
    fan_process_terminate(p);
    ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_process_get_result(p)->end, FAN_PROCESS_ENDED);
    EXPECT_I64(fan_process_get_result(p)->exit_code, 5);
    fan_process_terminate(p);
    fan_process_kill(p);
    fan_process_free(p);
}

FAN_TEST(process, a_stopped_child_is_ended_too)
{
    fan_process_options o = {
        .arguments = SH("kill -STOP $$"), .timeout_ms = 50, .grace_ms = PATIENT_MS};
    fan_process_result r;
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_TIMED_OUT);
    EXPECT_I64(r.signal_number, SIGTERM);
    fan_process_result_clear(&r);
}

static bool true_at_second(void *user)
{
    return ++*(int *)user >= 2;
}

FAN_TEST(process, stop_is_asked)
{
    int asked = 0;
    fan_process_options o = {
        .arguments = (const char *const[]){"sleep", "1000", NULL},
        .stop = true_at_second,
        .stop_user = &asked,
        .grace_ms = PATIENT_MS,
    };
    fan_process_result r;
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_STOPPED);
    EXPECT_I64(r.signal_number, SIGTERM);
    EXPECT_I64(asked, 2);
    fan_process_result_clear(&r);
}

/* Waits until a child has ended, without taking its status. */
static void await_end(const fan_process *p)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)fan_process_id(p), &info, WEXITED | WNOWAIT) && errno == EINTR)
        ;
}

FAN_TEST(process, one_that_ended_in_time_is_not_ended_when_it_is_waited_for_late)
{
    const struct timespec longer = {.tv_nsec = 60000000};
    int asked = 1;
    fan_process_options o = {.arguments = SH("sleep 1000 >/dev/null 2>&1 & exit 3"),
                             .timeout_ms = 50};
    for (int way = 0; way < 4; way++) {
        o.timeout_ms = way == 0 ? 50 : 0;
        o.stop = way == 1 ? true_at_second : NULL;
        o.stop_user = &asked;
        fan_process *p = start(&o);
        int64_t id = fan_process_id(p);
        await_end(p);
        nanosleep(&longer, NULL);
        if (way == 2)
            fan_process_terminate(p);
        if (way == 3)
            fan_process_kill(p);
        ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
        EXPECT_I64(fan_process_get_result(p)->end, FAN_PROCESS_EXITED);
        EXPECT_STR(fan_process_get_result(p)->text, "exited with code 3");
        EXPECT_TRUE(group_lives(id)); /* what it left */
        kill(-(pid_t)id, SIGKILL);
        fan_process_free(p);
    }
}

FAN_TEST(process, what_it_leaves_behind_is_not_waited_for)
{
    fan_process *p = start(&(fan_process_options){.arguments = SH("echo out; sleep 1000 &")});
    int64_t id = fan_process_id(p);
    ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    const fan_process_result *r = fan_process_get_result(p);
    EXPECT_I64(r->end, FAN_PROCESS_EXITED);
    EXPECT_I64(r->exit_code, 0);
    EXPECT_STR((const char *)r->output, "out\n");
    EXPECT_TRUE(r->left_open);
    EXPECT_TRUE(group_lives(id)); /* it was not ended: what it left lives on */
    kill(-(pid_t)id, SIGKILL);
    fan_process_free(p);
}

FAN_TEST(process, what_has_left_the_group_is_not_waited_for)
{
    fan_process_options o = {
        .arguments = SH("setsid sh -c 'echo $$; echo ready >&2; exec sleep 1000' & wait"),
        .streams = {[FAN_PROCESS_ERROR] = {FAN_PROCESS_PIPE, 0}},
        .grace_ms = 50};
    fan_process *p = start(&o);
    await_line(p, FAN_PROCESS_ERROR);
    fan_process_terminate(p);
    ASSERT_I64(fan_process_wait(p, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    const fan_process_result *r = fan_process_get_result(p);
    EXPECT_I64(r->end, FAN_PROCESS_ENDED);
    EXPECT_TRUE(r->left_open);
    long escaped = strtol((const char *)r->output, NULL, 10);
    EXPECT_TRUE(escaped > 1 && kill((pid_t)escaped, SIGKILL) == 0);
    fan_process_free(p);
}

FAN_TEST(process, output_is_limited)
{
    fan_process_options o = {.arguments = (const char *const[]){"yes", NULL}, .limit = 100001};
    fan_process_result r;
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_OVERFLOWED);
    EXPECT_U64(r.output_size, 100001);
    EXPECT_TRUE(r.output && !memcmp(r.output + 99999, "\ny", 3));
    EXPECT_CONTAINS(r.text, "wrote more than may be kept, 100001 bytes");
    fan_process_result_clear(&r);
    o.arguments = SH("head -c 100001 /dev/zero; head -c 100001 /dev/zero >&2");
    ASSERT_I64(fan_process_run(&o, &r, NULL), FAN_OK);
    EXPECT_I64(r.end, FAN_PROCESS_EXITED); /* exactly as much as may be */
    EXPECT_U64(r.output_size, 100001);
    EXPECT_U64(r.error_size, 100001);
    fan_process_result_clear(&r);
}

FAN_TEST(process, a_lot_of_output)
{
    fan_process_result r = sh("head -c 104857600 /dev/zero & head -c 2000000 /dev/zero >&2; wait");
    EXPECT_I64(r.exit_code, 0);
    EXPECT_U64(r.output_size, 104857600);
    EXPECT_U64(r.error_size, 2000000);
    fan_process_result_clear(&r);
}

FAN_TEST(process, output_that_nobody_wants)
{
    fan_process *p = start(&(fan_process_options){.arguments = (const char *const[]){"yes", NULL}});
    int64_t id = fan_process_id(p);
    fan_process_free(p);
    EXPECT_TRUE(group_is_gone(id));
}

static fan_status pipe_once(fan_process_result *last, int64_t *first_id)
{
    fan_process *p[3];
    const fan_process_options commands[] = {
        {.arguments = SH("i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done"), .limit = 10},
        {.arguments = (const char *const[]){"grep", "7", NULL}},
        {.arguments = (const char *const[]){"wc", "-l", NULL}},
    };
    fan_status status = fan_process_pipeline(commands, 3, p, NULL);
    if (status != FAN_OK)
        return status;
    *first_id = fan_process_id(p[0]);
    status = fan_process_wait_all(p, 3, fan_deadline_in_ms(HANG_MS));
    if (status == FAN_OK) {
        *last = *fan_process_get_result(p[2]);
        last->output = (unsigned char *)strdup((const char *)last->output);
        last->error = NULL;
        if (fan_process_get_result(p[0])->exit_code || fan_process_get_result(p[1])->exit_code)
            status = FAN_E_FAILED;
    }
    for (int i = 0; i < 3; i++)
        fan_process_free(p[i]);
    return status;
}

static void *pipe_often(void *wrong)
{
    for (int i = 0; i < 25; i++) {
        fan_process_result last = {0};
        int64_t id;
        if (pipe_once(&last, &id) != FAN_OK || strcmp((const char *)last.output, "57\n") != 0)
            ++*(int *)wrong;
        fan_process_result_clear(&last);
    }
    return NULL;
}

FAN_TEST(process, three_commands_as_a_pipe_100_times)
{
    pthread_t threads[4];
    int wrong[4] = {0}, before = count_descriptors();
    for (int i = 0; i < 4; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, pipe_often, &wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_I64(wrong[i], 0);
    }
    EXPECT_I64(count_descriptors(), before);
}

FAN_TEST(process, a_pipe_ends_as_a_whole)
{
    fan_process *p[3];
    const fan_process_options commands[] = {
        {.arguments = (const char *const[]){"yes", NULL}},
        {.arguments = (const char *const[]){"no-such-command-7", NULL}},
        {.arguments = SH("trap '' TERM; echo ready; while :; do sleep 1; done"),
         .streams = {[FAN_PROCESS_OUTPUT] = {FAN_PROCESS_PIPE, 0}},
         .grace_ms = 50},
    };
    ASSERT_I64(fan_process_pipeline(commands, 3, p, NULL), FAN_OK);
    int64_t group = fan_process_id(p[0]);
    await_line(p[2], FAN_PROCESS_OUTPUT);
    fan_process_terminate(p[2]);
    ASSERT_I64(fan_process_wait_all(p, 3, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    int first = fan_process_get_result(p[0])->signal_number;
    EXPECT_TRUE(first == SIGPIPE || first == SIGTERM); /* nobody reads it, and all are ended */
    EXPECT_I64(fan_process_get_result(p[1])->exit_code, 127);
    EXPECT_I64(fan_process_get_result(p[2])->signal_number, SIGKILL);
    EXPECT_TRUE(group_is_gone(group));
    for (int i = 0; i < 3; i++)
        fan_process_free(p[i]);
}

/* Of the second command the streams can be made, but it can't be watched. */
FAN_TEST(process, a_pipe_for_which_there_are_too_few_descriptors)
{
    enum { MOST = 128, NEEDED = 5 };
    struct rlimit before, low;
    int taken[MOST], count = 0;
    fan_process *p[2] = {0};
    fan_error error = {0};
    const fan_process_stream null = {FAN_PROCESS_NULL, 0}, piped = {FAN_PROCESS_PIPE, 0};
    const char *const arguments[] = {"sleep", "1000", NULL};
    const fan_process_options commands[] = {
        {.arguments = arguments, .streams = {[FAN_PROCESS_ERROR] = null}},
        {.arguments = arguments,
         .streams = {[FAN_PROCESS_OUTPUT] = piped, [FAN_PROCESS_ERROR] = null}},
    };
    ASSERT_I64(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){MOST, before.rlim_max};
    ASSERT_I64(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < MOST && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    ASSERT_TRUE(count >= NEEDED);
    for (int i = 1; i < NEEDED; i++)
        close(taken[--count]);
    fan_deadline hung = fan_deadline_in_ms(HANG_MS);
    EXPECT_I64(fan_process_pipeline(commands, 2, p, &error), FAN_E_SYSTEM);
    EXPECT_I64(error.errno_code, EMFILE);
    EXPECT_TRUE(fan_deadline_in_ms(0) < hung);
    while (count)
        close(taken[--count]);
    EXPECT_I64(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* What is not the group's first can leave it. */
FAN_TEST(process, a_command_of_a_pipe_that_leaves_the_group_is_ended)
{
    fan_process *p[2];
    const fan_process_options commands[] = {
        {.arguments = (const char *const[]){"sleep", "1000", NULL}},
        {.arguments =
             (const char *const[]){"setsid", "sh", "-c", "echo ready; exec sleep 1000", NULL},
         .streams = {[FAN_PROCESS_OUTPUT] = {FAN_PROCESS_PIPE, 0}}},
    };
    ASSERT_I64(fan_process_pipeline(commands, 2, p, NULL), FAN_OK);
    await_line(p[1], FAN_PROCESS_OUTPUT);
    fan_process_terminate(p[1]);
    ASSERT_I64(fan_process_wait_all(p, 2, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    EXPECT_I64(fan_process_get_result(p[0])->signal_number, SIGTERM);
    EXPECT_I64(fan_process_get_result(p[1])->end, FAN_PROCESS_ENDED);
    EXPECT_I64(fan_process_get_result(p[1])->signal_number, SIGTERM);
    for (int i = 0; i < 2; i++)
        fan_process_free(p[i]);
}

static void no_handling(int signal)
{
    (void)signal;
}

static void *disturb(void *thread)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 100; i++) {
        pthread_kill(*(pthread_t *)thread, SIGUSR2);
        nanosleep(&moment, NULL);
    }
    return NULL;
}

FAN_TEST(process, interrupted_calls_go_on)
{
    struct sigaction action = {.sa_handler = no_handling}, before;
    sigaction(SIGUSR2, &action, &before); /* without SA_RESTART */
    pthread_t self = pthread_self(), other;
    ASSERT_I64(pthread_create(&other, NULL, disturb, &self), 0);
    fan_process_result r =
        sh("i=0; while [ $i -lt 20 ]; do echo $i; sleep 0.005; i=$((i+1)); done");
    EXPECT_I64(r.exit_code, 0);
    EXPECT_U64(r.output_size, 50);
    fan_process_result_clear(&r);
    pthread_join(other, NULL);
    sigaction(SIGUSR2, &before, NULL);
}

FAN_TEST(process, programs_that_wait_for_any_child)
{
    void (*handler)(int) = signal(SIGCHLD, SIG_IGN); /* the system reaps: no status comes */
    fan_process_result r = sh("echo out; exit 3");
    signal(SIGCHLD, handler);
    EXPECT_STR((const char *)r.output, "out\n");
    /* Newer systems tell it all the same. */
    EXPECT_TRUE(r.end == FAN_PROCESS_UNKNOWN || r.exit_code == 3);
    fan_process_result_clear(&r);
}

/* The first may be gone, and its group with it, before the next is started. */
FAN_TEST(process, a_pipe_in_a_program_that_has_its_children_reaped)
{
    enum { MANY = 60 };
    fan_process *p[MANY] = {0};
    const char *const arguments[] = {"true", NULL};
    fan_process_options commands[MANY];
    for (int i = 0; i < MANY; i++)
        commands[i] = (fan_process_options){.arguments = arguments};
    void (*handler)(int) = signal(SIGCHLD, SIG_IGN);
    fan_status status = fan_process_pipeline(commands, MANY, p, NULL);
    if (status == FAN_OK)
        status = fan_process_wait_all(p, MANY, fan_deadline_in_ms(HANG_MS));
    signal(SIGCHLD, handler);
    ASSERT_I64(status, FAN_OK);
    for (int i = 0; i < MANY; i++) {
        const fan_process_result *r = fan_process_get_result(p[i]);
        EXPECT_TRUE(r->end == FAN_PROCESS_UNKNOWN || r->exit_code == 0);
        fan_process_free(p[i]);
    }
}

FAN_TEST(process, many_at_once)
{
    enum { MANY = 64 };
    fan_process *p[MANY] = {0};
    for (int i = 0; i < MANY; i++)
        if (i % 10) /* places may be empty */
            p[i] = start(&(fan_process_options){.arguments = (const char *const[]){"cat", NULL},
                                                .input = &i,
                                                .input_size = sizeof i});
    ASSERT_I64(fan_process_wait_all(p, MANY, fan_deadline_in_ms(HANG_MS)), FAN_OK);
    for (int i = 0; i < MANY; i++)
        if (p[i]) {
            const fan_process_result *r = fan_process_get_result(p[i]);
            EXPECT_TRUE(r->output_size == sizeof i && !memcmp(r->output, &i, sizeof i));
            fan_process_free(p[i]);
        }
}
