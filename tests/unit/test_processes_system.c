/* What the processes executor asks of the system: memory, sockets, starting and reaping images. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/processes/control.h"
#include "exec/processes/memory.h"
#include "exec/processes/pool.h"
#include "exec/processes/region.h"
#include "exec/processes/spawn.h"
#include "shim/shim.h"

/* ---- Memory -------------------------------------------------------------------------------- */

FAN_TEST(processes_memory, a_copy_is_the_same_and_can_never_change)
{
    unsigned char bytes[10000];
    const unsigned char *mapped = NULL;
    int fd;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 3);
    ASSERT_I64(fani_processes_memory_copy(bytes, sizeof bytes, &fd), 0);
    EXPECT_TRUE(fd > 5);
    EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_I64(pwrite(fd, bytes, 1, 0), -1);
    EXPECT_I64(ftruncate(fd, 5), -1);
    ASSERT_I64(fani_processes_memory_map_frozen(fd, sizeof bytes, false, &mapped), 0);
    EXPECT_TRUE(!memcmp(mapped, bytes, sizeof bytes));
    fani_processes_memory_unmap(mapped, sizeof bytes);
    EXPECT_I64(fani_processes_memory_map_frozen(fd, sizeof bytes - 1, false, &mapped), EPROTO);
    close(fd);
}

FAN_TEST(processes_memory, no_bytes_at_all)
{
    const unsigned char *mapped = NULL;
    int fd;
    ASSERT_I64(fani_processes_memory_copy(NULL, 0, &fd), 0);
    EXPECT_I64(fani_processes_memory_map_frozen(fd, 0, false, &mapped), 0);
    EXPECT_TRUE(mapped != NULL);
    fani_processes_memory_unmap(mapped, 0);
    close(fd);
}

FAN_TEST(processes_memory, what_could_still_change_is_refused)
{
    const unsigned char *mapped = NULL;
    int fd;
    ASSERT_I64(fani_processes_memory_new(100, true, &fd), 0);
    EXPECT_I64(fani_processes_memory_map_frozen(fd, 100, false, &mapped), EPROTO);
    close(fd);
}

FAN_TEST(processes_memory, more_than_a_file_can_hold_gives_an_error)
{
    int fd;
    EXPECT_I64(fani_processes_memory_new(SIZE_MAX, true, &fd), EFBIG);
}

FAN_TEST(processes_region, only_a_region_is_taken_for_one)
{
    fani_processes_region *made = NULL, *attached = NULL;
    int fd, other;
    ASSERT_I64(fani_processes_region_new(NULL, &made, &fd), 0);
    ASSERT_I64(fani_processes_region_attach(fd, &attached), 0);
    EXPECT_I64(attached->parent, getpid());
    fani_processes_region_free(attached);
    made->magic++;
    EXPECT_I64(fani_processes_region_attach(fd, &attached), EPROTO);
    fani_processes_region_free(made);
    close(fd);

    ASSERT_I64(fani_processes_memory_new(sizeof(fani_processes_region), false, &other), 0);
    EXPECT_I64(fani_processes_region_attach(other, &attached), EPROTO);
    close(other);
    ASSERT_I64(fani_processes_memory_new(4096, false, &other), 0);
    EXPECT_I64(fani_processes_region_attach(other, &attached), EPROTO);
    close(other);
    other = open("/dev/null", O_RDWR | O_CLOEXEC);
    ASSERT_TRUE(other >= 0);
    EXPECT_TRUE(fani_processes_region_attach(other, &attached) != 0);
    close(other);
    EXPECT_TRUE(fani_processes_region_attach(-1, &attached) != 0);
}

/* ---- Sockets ------------------------------------------------------------------------------- */

FAN_TEST(processes_control, messages_carry_descriptors)
{
    const fani_processes_control sent = {.kind = FANI_PROCESSES_SHARE, .id = 7, .size = 3};
    fani_processes_control got;
    const unsigned char *mapped = NULL;
    int sockets[2], memory, fd;
    ASSERT_I64(fani_processes_control_pair(sockets), 0);
    EXPECT_I64(fani_processes_control_receive(sockets[1], &got, &fd, false), EAGAIN);
    ASSERT_I64(fani_processes_memory_copy((const unsigned char *)"abc", 3, &memory), 0);
    ASSERT_I64(fani_processes_control_send(sockets[0], &sent, memory, false), 0);
    close(memory);
    ASSERT_I64(fani_processes_control_receive(sockets[1], &got, &fd, true), 0);
    EXPECT_U64(got.kind, FANI_PROCESSES_SHARE);
    EXPECT_U64(got.id, 7);
    ASSERT_TRUE(fd >= 0);
    EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ASSERT_I64(fani_processes_memory_map_frozen(fd, 3, false, &mapped), 0);
    EXPECT_TRUE(!memcmp(mapped, "abc", 3));
    fani_processes_memory_unmap(mapped, 3);
    close(fd);
    close(sockets[0]);
    EXPECT_I64(fani_processes_control_receive(sockets[1], &got, &fd, true), EPIPE);
    EXPECT_I64(fani_processes_control_send(sockets[1], &sent, -1, true), EPIPE); /* no SIGPIPE */
    close(sockets[1]);
}

FAN_TEST(processes_control, a_full_socket_says_so)
{
    const fani_processes_control wake = {.kind = FANI_PROCESSES_WAKE};
    int sockets[2], error = 0, sent = 0;
    ASSERT_I64(fani_processes_control_pair(sockets), 0);
    while (!error && sent < 100000) {
        error = fani_processes_control_send(sockets[0], &wake, -1, false);
        sent++;
    }
    EXPECT_I64(error, EAGAIN);
    close(sockets[0]);
    close(sockets[1]);
}

FAN_TEST(processes_control, the_inbox_finds_by_posting_and_has_an_end)
{
    fani_processes_inbox inbox = {0};
    size_t size;
    int fd;
    for (unsigned i = 0; i < FANI_PROCESSES_INBOX; i++) {
        fani_processes_control control = {.id = 100 + i, .size = i};
        EXPECT_TRUE(fani_processes_inbox_put(&inbox, &control, -1));
    }
    fani_processes_control more = {.id = 1};
    int extra = dup(0);
    EXPECT_TRUE(!fani_processes_inbox_put(&inbox, &more, extra));
    EXPECT_TRUE(extra < 0 || fcntl(extra, F_GETFD) < 0);
    EXPECT_TRUE(fani_processes_inbox_take(&inbox, 105, &fd, &size));
    EXPECT_U64(size, 5);
    EXPECT_TRUE(!fani_processes_inbox_take(&inbox, 105, &fd, &size));
    EXPECT_TRUE(fani_processes_inbox_take(&inbox, 115, &fd, &size));
    EXPECT_U64(size, 15);
    fani_processes_inbox_clear(&inbox);
    EXPECT_U64(inbox.count, 0);
}

/* ---- Images -------------------------------------------------------------------------------- */

/* Runs a shell script as a worker image and tells how it ended. */
static void run_script(const char *script, char *text, size_t text_size)
{
    char path[] = "/tmp/fan_unit_image_XXXXXX";
    fani_processes_program program = {0};
    fani_processes_streams streams;
    int sockets[2] = {-1, -1}, memory = -1, bell, pidfd = -1, file = mkstemp(path);
    ASSERT_TRUE(file >= 0);
    EXPECT_TRUE(dprintf(file, "#!/bin/sh\n%s\n", script) > 0 && fchmod(file, 0700) == 0);
    close(file);
    bell = fani_processes_fd_above(eventfd(0, EFD_CLOEXEC));
    EXPECT_I64(fani_processes_control_pair(sockets), 0);
    EXPECT_I64(fani_processes_memory_new(1, false, &memory), 0);
    EXPECT_I64(fani_processes_program_init(&program, path, NULL), FAN_OK);
    EXPECT_I64(fani_processes_streams_new(&streams), 0);
    EXPECT_I64(fani_processes_spawn(&program, memory, sockets[1], bell, streams.fds, &pidfd), 0);
    if (pidfd >= 0) {
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        EXPECT_I64(poll(&end, 1, 20000), 1);
        EXPECT_TRUE(fani_processes_reap(pidfd, 0, text, text_size));
        close(pidfd);
    }
    fani_processes_streams_clear(&streams);
    fani_processes_program_clear(&program);
    close(bell);
    close(memory);
    close(sockets[0]);
    close(sockets[1]);
    unlink(path);
}

FAN_TEST(processes_spawn, ends_are_told_in_words)
{
    char text[64] = "";
    run_script("exit 3", text, sizeof text);
    EXPECT_STR(text, "exited with code 3");
    run_script("kill -SEGV $$", text, sizeof text);
    EXPECT_STR(text, "killed by SIGSEGV");
    run_script("kill -KILL $$", text, sizeof text);
    EXPECT_STR(text, "killed by SIGKILL");
    run_script("kill -35 $$", text, sizeof text);
    EXPECT_STR(text, "killed by signal 35");
}

FAN_TEST(processes_spawn, an_image_gets_its_argument_and_three_descriptors_and_no_more)
{
    char text[64] = "";
    int leaked = dup(2); /* not close-on-exec, as a careless program has them */
    run_script("[ \"$1\" = --fanfold-worker=processes:3:4:5 ] || exit 20\n"
               "[ $# = 1 ] || exit 21\n"
               "[ -e /proc/$$/fd/3 ] && [ -e /proc/$$/fd/4 ] && [ -e /proc/$$/fd/5 ] || exit 22\n"
               "for f in /proc/$$/fd/*; do\n"
               "  case ${f##*/} in [0-5]) ;; *) [ ! -e $f ] || [ \"$(readlink $f)\" = \"$0\" ] || "
               "exit 23;; esac\n"
               "done\n"
               "[ \"$(readlink /proc/$$/fd/0)\" = /dev/null ] || exit 24\n"
               "readlink /proc/$$/fd/1 | grep -q memfd: && readlink /proc/$$/fd/2 | grep -q memfd: "
               "|| exit 25\n",
               text, sizeof text);
    EXPECT_STR(text, "exited with code 0");
    if (leaked >= 0)
        close(leaked);
}

FAN_TEST(processes_spawn, launcher_variables_go_and_others_stay)
{
    char text[64] = "";
    setenv("OMPI_COMM_WORLD_RANK", "1", 1);
    setenv("PMIX_RANK", "1", 1);
    setenv("PMI_RANK", "1", 1);
    setenv("OMP_NUM_THREADS", "7", 1);
    run_script("[ -z \"$OMPI_COMM_WORLD_RANK$PMIX_RANK$PMI_RANK\" ] || exit 1\n"
               "[ \"$OMP_NUM_THREADS\" = 7 ] || exit 2\n",
               text, sizeof text);
    EXPECT_STR(text, "exited with code 0");
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_RANK");
    unsetenv("PMI_RANK");
    unsetenv("OMP_NUM_THREADS");
}

FAN_TEST(processes_spawn, signals_start_afresh)
{
    char text[64] = "";
    sigset_t pipe_only, before;
    void (*handler)(int) = signal(SIGTERM, SIG_IGN);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGUSR1);
    sigprocmask(SIG_BLOCK, &pipe_only, &before);
    run_script("kill -TERM $$; exit 1", text, sizeof text);
    EXPECT_STR(text, "killed by SIGTERM");
    run_script("kill -USR1 $$; exit 1", text, sizeof text);
    EXPECT_STR(text, "killed by SIGUSR1");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGTERM, handler);
}

FAN_TEST(processes_spawn, a_program_that_is_not_there)
{
    fani_processes_program program = {0};
    fan_error error = {0};
    EXPECT_I64(fani_processes_program_init(&program, "/nonexistent/worker", &error),
               FAN_E_UNAVAILABLE);
    EXPECT_CONTAINS(error.text, "/nonexistent/worker");
    EXPECT_I64(error.errno_code, ENOENT);
}

/* Somebody who types the option by hand gets an explanation, and nothing happens to descriptor 3.
 */
FAN_TEST(processes_image, started_by_hand)
{
    EXPECT_I64(fani_processes_serve("17"), 2);
    EXPECT_I64(fani_processes_serve(""), 2);
}
