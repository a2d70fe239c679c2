/* The fanfold command: a table of subcommands over libfanfold. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fanfold/job.h"
#include "launch.h"
#include "memory.h"
#include "message.h"
#include "options.h"
#include "version.h"

/* Standard streams that were closed get a stand-in that fails when it is used: else the first file
 * opened would become standard output. */
static void fill_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Everything printed must have arrived: 3 where it has not. */
static int close_stdout(int code)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    failed |= fflush(stdout) != 0;
    int why = errno;
    failed |= close(STDOUT_FILENO) != 0 && errno != EBADF;
    if (!failed)
        return code;
    if (code == 0 || code == 1) {
        why = why ? why : errno;
        message_error("standard output: %s", why ? strerror(why) : "can't be written");
        return 3;
    }
    return code;
}

static int usage(void)
{
    message_error("which subcommand? 'fanfold help' lists them");
    return 2;
}

/* As one of several ranks, only what all ranks must do together is done: the rest is rank 0's. */
static bool is_for_rank_0(const cli_options *o)
{
    bool together = (o->command->takes & (TAKES_JOB | TAKES_STAGE)) != 0 || o->as_rank;
    return o->help || !together;
}

static int run_command(int argc, char **argv, bool other_rank)
{
    const cli_command *c = command_find(argv[1]);
    if (!c)
        return 2;
    cli_options o;
    int code = options_parse(&o, c, argc, argv, 2);
    bool to_do = code == 0 && !(other_rank && is_for_rank_0(&o));
    if (to_do && o.help)
        help_print(c);
    else if (to_do)
        code = c->run(&o);
    options_free(&o);
    return code;
}

static int command_main(int argc, char **argv, bool other_rank)
{
    if (argc < 2)
        return usage();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        if (!other_rank)
            help_print(NULL);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        if (!other_rank)
            version_print();
        return 0;
    }
    if (argv[1][0] == '-') {
        message_error("the subcommand comes first: fanfold SUBCOMMAND %s", argv[1]);
        return 2;
    }
    return run_command(argc, argv, other_rank);
}

/* A launcher that sees one rank fail kills the others: rank 0 is to say why before that. */
static void let_rank_0_speak(int code)
{
    if (code == 2)
        (void)nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
}

int main(int argc, char **argv)
{
    int code;
    if (fan_start(&argc, &argv, fan_job_tasks(), &code))
        return code;
    memory_install();
    fill_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    launch l = launch_read();
    message_silence(l.rank > 0);
    code = command_main(argc, argv, l.rank > 0);
    if (l.rank > 0)
        let_rank_0_speak(code);
    return close_stdout(code);
}
