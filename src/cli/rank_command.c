/* The same command line on every rank: rank 0 makes the job, says what goes wrong and gives the
 * exit code; the others open the executor and serve. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job_command.h"
#include "launch.h"
#include "message.h"
#include "signals.h"
#include "stopped.h"

typedef enum course {
    COURSE_END,   /* bad input or a dry run: nothing is opened */
    COURSE_ALONE, /* the job file asks for an executor of one process: rank 0 does it */
    COURSE_RANKS,
} course;

/* What rank 0 tells the others. */
typedef struct agreement {
    course course;
    int code;
    executor_choice choice;
} agreement;

static agreement decide(const cli_options *o, fan_job **job, fan_trace **trace)
{
    agreement a = {.course = COURSE_END};
    if (!*job)
        *job = job_command_prepare(o, &a.code);
    if (!*job)
        return a;
    if (!job_command_choose(o, *job, true, &a.choice))
        a.code = 2;
    else if (strcmp(a.choice.kind, "mpi") != 0)
        a.course = COURSE_ALONE;
    else if (o->dry_run)
        a.code = job_command_dry_run(o, *job, &a.choice);
    else if (!job_command_open_trace(o, trace))
        a.code = 3;
    else
        a.course = COURSE_RANKS;
    return a;
}

/* Ends all ranks: one of them can't go on and the others would wait for it. */
static int end_all(const fan_ranks *ranks, const fan_error *error, const char *label)
{
    message_silence(false);
    if (error)
        message_record(error, label, NULL, false);
    fflush(stdout);
    ranks->abort(4);
    return 4;
}

/* What rank 0 is at while the other ranks serve it. */
typedef struct ranked_work {
    const cli_options *options;
    const fan_ranks *ranks;
    const fan_job *job;
} ranked_work;

/* The other ranks can't be reached: what waits for them would wait for ever. */
static void give_up(void *user, const fan_error *error)
{
    const ranked_work *work = user;
    message_record(error, "mpi", NULL, false);
    if (fan_job_is_resumable(work->job))
        stopped_say_kept(work->options, work->job);
    end_all(work->ranks, NULL, NULL);
}

static int serve(const cli_options *o, const fan_ranks *ranks, int rank, fan_executor *executor)
{
    fan_error error = {0};
    char label[32];
    snprintf(label, sizeof label, "rank %d", rank);
    uint64_t peak = 0;
    if (ranks->serve(executor, &error) != FAN_OK)
        return end_all(ranks, &error, label);
    peak = record_peak_kib();
    if (o->record && !record_write(o->record, rank, &(run_record){.ranks = 1, .peak_kib = peak}))
        return end_all(ranks, NULL, label);
    return 0;
}

/* Opens on all ranks. Where rank 0 fails, all do: it says why. */
static int open_and_work(const cli_options *o, const fan_ranks *ranks, int rank, fan_job *job,
                         const executor_choice *choice, fan_trace *trace)
{
    fan_executor_options opened = job_command_executor_options(choice);
    opened.trace = trace;
    ranked_work work = {.options = o, .ranks = ranks, .job = job};
    const fan_ranks_options more = {.size_of_this = sizeof more,
                                    .heartbeat_ms = choice->heartbeat_ms,
                                    .on_broken = give_up,
                                    .user = &work};
    opened.plugin_options = &more;
    fan_executor *executor = NULL;
    fan_error error = {0};
    char label[32];
    snprintf(label, sizeof label, rank == 0 ? "mpi" : "rank %d", rank);
    fan_status status = ranks->open(&opened, &executor, &error);
    fan_status of_root = status;
    if (ranks->broadcast(&of_root, sizeof of_root, NULL) != FAN_OK ||
        (status != FAN_OK && of_root == FAN_OK))
        return end_all(ranks, &error, label);
    if (of_root != FAN_OK) {
        message_record(&error, label, NULL, false);
        fan_executor_close(executor, FAN_CLOSE_ABANDON, FAN_FOREVER);
        return exit_code_of(of_root);
    }
    if (rank != 0)
        return serve(o, ranks, rank, executor);
    if (ranks->warning(executor))
        message_warning("%s", ranks->warning(executor));
    int code = job_command_work(o, job, executor);
    return code == 4 ? end_all(ranks, NULL, NULL) : code;
}

static void *drain(void *unused)
{
    (void)unused;
    char bytes[16384];
    ssize_t n;
    do
        n = read(STDIN_FILENO, bytes, sizeof bytes);
    while (n > 0 || (n < 0 && errno == EINTR));
    return NULL;
}

/* srun sends standard input to all ranks, and waits for each: what one of them never reads, or has
 * closed, would stop it for rank 0 as well. The thread ends with the input or with the program. */
static void drain_stdin(void)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, drain, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int run_as_rank(const cli_options *o, const fan_ranks *ranks, fan_job **job, bool *alone,
                       executor_choice *choice)
{
    int rank = 0, size = 1, argc = o->argc;
    char **argv = o->argv;
    fan_error error = {0};
    fan_status status = ranks->init(&argc, &argv, &rank, &size, &error);
    if (status != FAN_OK) {
        message_record(&error, "mpi", NULL, false);
        return exit_code_of(status);
    }
    message_silence(rank != 0);
    signals_set_role(rank == 0 ? SIGNALS_WORKS : SIGNALS_SERVES);
    if (rank != 0 && !isatty(STDIN_FILENO))
        drain_stdin();
    agreement a = {.course = COURSE_END};
    fan_trace *trace = NULL; /* rank 0's alone */
    if (rank == 0)
        a = decide(o, job, &trace);
    if (ranks->broadcast(&a, sizeof a, &error) != FAN_OK)
        return end_all(ranks, &error, "mpi");
    if (a.course == COURSE_RANKS) {
        a.code =
            job_command_close_trace(trace, open_and_work(o, ranks, rank, *job, &a.choice, trace));
    } else if (a.course == COURSE_ALONE && size > 1) {
        message_warning("the executor is %s (set by %s): only rank 0 of %d works", a.choice.kind,
                        a.choice.set_by, size);
    }
    if (ranks->finalize(&error) != FAN_OK)
        return end_all(ranks, &error, "mpi");
    *alone = a.course == COURSE_ALONE && rank == 0;
    *choice = a.choice;
    return rank == 0 ? a.code : 0;
}

int rank_command_run(const cli_options *o, fan_job *job)
{
    const fan_ranks *ranks = NULL;
    fan_error error = {0};
    launch l = launch_read();
    /* Ranks begin together: a signal meanwhile stops the run once it has begun. */
    signals_set_role(l.rank > 0 ? SIGNALS_SERVES : SIGNALS_WORKS);
    fan_status status = launch_load_ranks(&ranks, &error);
    int code;
    if (status == FAN_OK) {
        bool alone = false;
        executor_choice choice;
        code = run_as_rank(o, ranks, &job, &alone, &choice);
        if (alone)
            code = job_command_run_here(o, job, &choice);
    } else {
        message_record(&error, NULL, NULL, false);
        if (l.variable && !o->executor)
            message_error("mpi was chosen because %s is set; --executor threads runs without it",
                          l.variable);
        code = exit_code_of(status);
    }
    fan_job_free(job);
    return code;
}
