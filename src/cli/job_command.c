#include "job_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured.h"
#include "fanfold/machine.h"
#include "launch.h"
#include "memory.h"
#include "message.h"
#include "signals.h"
#include "stopped.h"
#include "values.h"

/* ---- The job ----------------------------------------------------------------------------------
 */

static bool set_keys(const cli_options *o, fan_job *job, int *code)
{
    for (size_t i = 0; i < o->setting_count; i++) {
        fan_error error = {0};
        fan_status status = fan_job_set(job, o->settings[i].key, o->settings[i].value, &error);
        if (status != FAN_OK) {
            char label[80];
            snprintf(label, sizeof label, "--%s", o->settings[i].key);
            message_record(&error, label, o->settings[i].value, false);
            *code = exit_code_of(status);
            return false;
        }
    }
    return true;
}

static bool add_arguments(const cli_options *o, fan_job *job, int *code)
{
    const cli_command *c = o->command;
    fan_status status = FAN_OK;
    fan_error error = {0};
    const char *argument = NULL;
    if (c->numbers && o->argument_count == 0 && !fan_job_get(job, "input") &&
        !fan_job_get(job, "stage-in"))
        status = fan_job_set(job, "input", "-", &error);
    for (size_t i = 0; i < o->argument_count && status == FAN_OK; i++) {
        argument = o->arguments[i];
        bool is_stdin = c->numbers && strcmp(argument, "-") == 0;
        status = is_stdin ? fan_job_set(job, "input", "-", &error)
                          : fan_job_add_argument(job, argument, &error);
    }
    if (status == FAN_OK)
        return true;
    message_record(&error, c->expression ? "expression" : "argument", argument, false);
    *code = exit_code_of(status);
    return false;
}

static bool new_job(const cli_options *o, fan_job **job, int *code)
{
    const cli_command *c = o->command;
    fan_error error = {0};
    fan_status status;
    if (c->task) {
        status = fan_job_new(c->task, job, &error);
    } else if (o->argument_count == 1) {
        status = fan_job_load(o->arguments[0], job, &error);
    } else {
        message_error("%s takes one job file, not %zu", c->name, o->argument_count);
        *code = 2;
        return false;
    }
    if (status == FAN_OK)
        return true;
    message_record(&error, c->task ? c->name : o->arguments[0], NULL, true);
    *code = exit_code_of(status);
    return false;
}

fan_job *job_command_prepare(const cli_options *o, int *code)
{
    fan_job *job = NULL;
    if (!new_job(o, &job, code))
        return NULL;
    fan_error error = {0};
    fan_status status = FAN_OK;
    bool good = set_keys(o, job, code) && (!o->command->task || add_arguments(o, job, code));
    if (good && (status = fan_job_check(job, &error)) != FAN_OK) {
        const char *label = o->command->task ? o->command->name : o->arguments[0];
        if (error.column && o->command->expression)
            label = "expression";
        message_record(&error, label, NULL, true);
        *code = exit_code_of(status);
        good = false;
    }
    if (good)
        return job;
    fan_job_free(job);
    return NULL;
}

/* ---- The executor -----------------------------------------------------------------------------
 */

static void choose_kind(const cli_options *o, const fan_job *job, bool started_as_rank,
                        executor_choice *choice)
{
    const char *kind = "threads", *by = "default",
               *of_job = job ? fan_job_get(job, "executor") : NULL;
    if (o->executor) {
        kind = o->executor;
        by = "--executor";
    } else if (of_job) {
        kind = of_job;
        by = "the job file";
    } else if (o->default_executor) {
        kind = o->default_executor;
        by = "FANFOLD_EXECUTOR";
    } else if (started_as_rank) {
        kind = "mpi";
        by = "the launcher";
    }
    snprintf(choice->kind, sizeof choice->kind, "%s", kind);
    snprintf(choice->set_by, sizeof choice->set_by, "%s", by);
}

static unsigned workers_of(const fan_job *job)
{
    const char *text = job ? fan_job_get(job, "workers") : NULL;
    uint64_t n = 0;
    return text && value_count(text, 1, UINT32_MAX, &n) ? (unsigned)n : 0;
}

/* The size was checked when the job was made. */
static size_t worker_memory_of(const fan_job *job)
{
    const char *text = job ? fan_job_get(job, "worker-memory") : NULL;
    uint64_t size = 0;
    return text && value_size(text, &size) && size <= SIZE_MAX ? (size_t)size : 0;
}

bool job_command_choose(const cli_options *o, const fan_job *job, bool started_as_rank,
                        executor_choice *choice)
{
    *choice = (executor_choice){.crash_limit = o->crash_limit, .queue_bytes = o->queue_bytes};
    choose_kind(o, job, started_as_rank, choice);
    choice->worker_memory = worker_memory_of(job);
    choice->workers = o->workers;
    if (!choice->workers)
        choice->workers = workers_of(job);
    if (!choice->workers)
        choice->workers = o->default_workers;
    bool is_mpi = strcmp(choice->kind, "mpi") == 0;
    bool has_processes = strcmp(choice->kind, "processes") == 0;
    if ((o->local || (o->has_heartbeat && !has_processes)) && !is_mpi) {
        message_error("%s is for --executor %s; the executor here is %s (set by %s)",
                      o->local ? "--local" : "--heartbeat", o->local ? "mpi" : "mpi or processes",
                      choice->kind, choice->set_by);
        return false;
    }
    const char *of_job = job ? fan_job_get(job, "local") : NULL;
    if (is_mpi && (o->local || of_job))
        snprintf(choice->local, sizeof choice->local, "%s", o->local ? o->local : of_job);
    if (o->has_heartbeat)
        choice->heartbeat_ms = o->heartbeat_ms ? (uint32_t)o->heartbeat_ms : FAN_NO_HEARTBEAT;
    /* Serial has one worker; a number that was meant for other executors is no mistake. */
    if (strcmp(choice->kind, "serial") == 0 || strcmp(choice->local, "serial") == 0)
        choice->workers = 1;
    return true;
}

fan_executor_options job_command_executor_options(const executor_choice *choice)
{
    bool is_mpi = strcmp(choice->kind, "mpi") == 0;
    const char *kind = choice->kind;
    if (is_mpi)
        kind = choice->local[0] ? choice->local : NULL;
    bool has_processes = kind && strcmp(kind, "processes") == 0;
    return (fan_executor_options){.kind = kind,
                                  .workers = choice->workers,
                                  .crash_limit = choice->crash_limit,
                                  .queue_bytes = choice->queue_bytes,
                                  .worker_memory = choice->worker_memory,
                                  .heartbeat_ms = has_processes ? choice->heartbeat_ms : 0};
}

/* ---- The run ----------------------------------------------------------------------------------
 */

static void report(void *user, const fan_error *error)
{
    (void)user;
    message_record(error, NULL, NULL, false);
}

static void note(void *user, const char *text)
{
    (void)user;
    message_note(text);
}

static void wrote(void *user, const char *item, const fan_captured *text)
{
    captured_show(user, item, text);
}

/* As it is: what commands say is theirs, in the order of what they print. */
static void err(void *user, const void *bytes, size_t size)
{
    (void)user;
    progress_clear();
    fwrite(bytes, 1, size, stderr);
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    progress_show(done, total);
}

static void stage(void *user, const char *text)
{
    (void)user;
    progress_stage(text);
}

static bool stop(void *user)
{
    (void)user;
    if (!signals_caught())
        return false;
    stopped_say_waiting();
    return true;
}

static bool hurry(void *user)
{
    (void)user;
    return signals_hurry();
}

/* Whoever reads standard output may leave once they have seen enough: nothing is wrong then, but
 * not all was written, which the exit code says. */
static bool reader_has_left(const fan_error *error)
{
    return error->status == FAN_E_OUTPUT && error->errno_code == EPIPE &&
           !strcmp(error->file, "(standard output)");
}

/* The exit code of a run that has come to its end, or to what ended it. */
static int code_of_run(const cli_options *o, const fan_job *job, fan_status status,
                       const fan_job_result *result, const fan_error *error)
{
    if (signals_caught() && status == FAN_E_CANCELLED)
        return stopped_say(o, job, result);
    if (result->halted)
        return stopped_say_halted(o, job, error, result);
    if (status != FAN_OK && !reader_has_left(error))
        message_record(error, NULL, NULL, false);
    if (status != FAN_OK && result->resume)
        stopped_say_kept(o, job);
    else if (status == FAN_E_OUTPUT && result->parts) /* where it can't be read, it is no help */
        stopped_say_parts_kept(o, job);
    return status == FAN_OK || result->exit_code ? result->exit_code : exit_code_of(status);
}

static bool write_record(const cli_options *o, fan_executor *executor, const fan_job_result *result)
{
    fan_executor_stats stats = {0};
    if (fan_executor_get_stats(executor, &stats) != FAN_OK)
        return false;
    run_record record = {.seconds = result->seconds,
                         .items = stats.items_done,
                         .run_ns = stats.run_ns,
                         .workers = stats.workers,
                         .ranks = stats.ranks,
                         .peak_kib = record_peak_kib()};
    return record_write(o->record, 0, &record);
}

/* The MPI library's name and version where the executor is over ranks; NULL: it is not. */
static const char *mpi_of(const fan_executor *executor)
{
    const fan_ranks *ranks = NULL;
    bool is_mpi = strcmp(fan_executor_name(executor), "mpi") == 0;
    return is_mpi && launch_load_ranks(&ranks, NULL) == FAN_OK ? ranks->version() : NULL;
}

/* Whoever looks at results as they come, and can't go on with them later, does not want to wait
 * after Ctrl-C. Commands may be about something else than what they print. */
static bool waits_after_interrupt(const cli_options *o, const fan_job *job, bool to_stdout)
{
    const char *task = fan_job_get(job, "task");
    return o->has_grace || !to_stdout || !task || strcmp(task, "command") == 0 ||
           fan_job_get(job, "state");
}

int job_command_work(const cli_options *o, fan_job *job, fan_executor *executor)
{
    const char *task = fan_job_get(job, "task");
    bool to_stdout = !fan_job_get(job, "output") || strcmp(fan_job_get(job, "output"), "-") == 0;
    progress_start(o->command->task || !task ? o->command->name : task,
                   o->quiet ? PROGRESS_NEVER : o->progress, to_stdout && isatty(STDOUT_FILENO));
    captured_shown shown = {0};
    fan_job_events events = {.user = &shown,
                             .wrote = wrote,
                             .report = report,
                             .progress = progress,
                             .stop = stop,
                             .hurry = hurry,
                             .note = note,
                             .err = err,
                             .stage = stage,
                             .output_fd = STDOUT_FILENO,
                             .arguments = (const char *const *)o->argv,
                             .mpi = mpi_of(executor)};
    fan_job_result result = {0};
    fan_error error = {0};
    stopped_prepare(o, job, fan_job_is_resumable(job));
    if (!waits_after_interrupt(o, job, to_stdout))
        signals_set_brief();
    fan_status status = fan_job_run(job, executor, &events, &result, &error);
    progress_end();
    int code = code_of_run(o, job, status, &result, &error);
    signals_set_last_words(NULL);
    if (o->record && status == FAN_OK && !write_record(o, executor, &result) && code == 0)
        code = 3;
    bool interrupted = signals_caught() != 0;
    status = fan_executor_close(executor, interrupted ? FAN_CLOSE_ABANDON : FAN_CLOSE_DRAIN,
                                signals_close_by());
    if (status != FAN_OK && !interrupted) {
        message_error("closing the executor: %s", fan_status_text(status));
        if (code == 0)
            code = 4;
    }
    return code;
}

/* ---- The trace --------------------------------------------------------------------------------
 */

bool job_command_open_trace(const cli_options *o, fan_trace **trace)
{
    fan_error error = {0};
    *trace = NULL;
    if (!o->trace || fan_trace_open(o->trace, trace, &error) == FAN_OK)
        return true;
    message_record(&error, "--trace", NULL, false);
    return false;
}

int job_command_close_trace(fan_trace *trace, int code)
{
    fan_error error = {0};
    fan_status status = fan_trace_close(trace, &error);
    if (status == FAN_OK)
        return code;
    if (status == FAN_E_BUSY) /* an interrupted run that has not ended in its time */
        message_error("--trace: not written, because work is still running");
    else
        message_record(&error, "--trace", NULL, false);
    return code == 0 ? 3 : code;
}

/* ---- Dry run ----------------------------------------------------------------------------------
 */

/* What was set of a key that repeats; a job file's own are not told one by one. */
static bool print_settings(const cli_options *o, const char *key)
{
    bool any = false;
    for (size_t i = 0; i < o->setting_count; i++)
        if (strcmp(o->settings[i].key, key) == 0) {
            printf("%-10s %s\n", key, o->settings[i].value);
            any = true;
        }
    return any;
}

static void print_settings_of(const cli_options *o, const fan_job *job,
                              const executor_choice *choice)
{
    fan_machine_info machine;
    fan_machine(&machine);
    const char *task = o->command->task ? o->command->task : fan_job_get(job, "task");
    printf("task       %s\n", task ? task : "(in the job file)");
    if (!o->command->task)
        printf("job file   %s\n", o->arguments[0]);
    printf("executor   %s (set by %s)\n", choice->kind, choice->set_by);
    if (choice->workers)
        printf("workers    %u\n", choice->workers);
    else
        printf("workers    %u (the usable cores, limited by: %s)\n", machine.cores_usable,
               machine.limited_by);
    if (choice->local[0])
        printf("local      %s\n", choice->local);
    if (o->command->task)
        for (size_t i = 0; i < o->argument_count; i++)
            printf("argument   %s\n", o->arguments[i]);
    const fan_job_key *key;
    for (size_t i = 0; (key = fan_job_key_at(i)) != NULL; i++) {
        const char *value = fan_job_get(job, key->name);
        if (value && strcmp(key->name, "executor") != 0 && strcmp(key->name, "workers") != 0 &&
            strcmp(key->name, "local") != 0 && strcmp(key->name, "task") != 0 &&
            !(key->repeats && print_settings(o, key->name)))
            printf("%-10s %s\n", key->name, value);
    }
    if (!fan_job_get(job, "output"))
        printf("output     standard output\n");
    if (o->crash_limit)
        printf("crash-limit %u\n", o->crash_limit);
    if (o->queue_bytes)
        printf("queue      %zu bytes\n", o->queue_bytes);
    if (o->trace)
        printf("trace      %s\n", o->trace);
    printf("grace      %" PRIu64 " s\n", o->grace_ms / 1000);
}

/* A command line behind an empty line, so that they are easily cut off. */
static fan_status print_command(void *user, uint64_t index, const char *line, const char *why_not)
{
    bool *any = user;
    if (!*any)
        printf("\n");
    *any = true;
    if (line)
        printf("%s\n", line);
    else
        message_error("item %" PRIu64 ": %s", index, why_not);
    return ferror(stdout) || signals_caught() ? FAN_E_CANCELLED : FAN_OK;
}

static void print_estimate(void *user, const char *text)
{
    (void)user;
    printf("estimate   %s\n", text);
}

int job_command_dry_run(const cli_options *o, const fan_job *job, const executor_choice *choice)
{
    bool any = false;
    fan_error error = {0};
    print_settings_of(o, job, choice);
    fan_status status = fan_job_estimate(job, print_estimate, NULL, &error);
    if (status == FAN_OK)
        status = fan_job_each_command(job, print_command, &any, &error);
    if (status == FAN_OK || status == FAN_E_CANCELLED)
        return 0; /* what could not be printed is told at the end */
    message_record(&error, NULL, NULL, false);
    return exit_code_of(status);
}

/* Several copies of one command line that each do all of it: rarely what was meant. */
static void warn_of_copies(const launch *l, const executor_choice *choice)
{
    if (l->size > 1 && l->rank == 0)
        message_warning("started %d times, but the executor is %s (set by %s): each of them does "
                        "the whole job",
                        l->size, choice->kind, choice->set_by);
}

/* Copies that nobody asked for by naming an executor of one process: their outputs would all be the
 * whole result, mixed. */
static int refuse_copies(const launch *l)
{
    message_silence(l->rank > 0);
    message_error("srun started %d programs that know nothing of each other: each would do the "
                  "whole job. Use srun --mpi=pmix (MPICH: --mpi=pmi2) for ranks, or --executor "
                  "threads where every copy is meant",
                  l->size);
    return exit_code_of(FAN_E_UNAVAILABLE);
}

int job_command_run_here(const cli_options *o, fan_job *job, const executor_choice *choice)
{
    if (o->dry_run)
        return job_command_dry_run(o, job, choice);
    signals_set_role(SIGNALS_WORKS);
    fan_executor_options opened = job_command_executor_options(choice);
    fan_executor *executor = NULL;
    fan_error error = {0};
    if (!job_command_open_trace(o, &opened.trace))
        return 3;
    fan_status status = fan_executor_open(&opened, &executor, &error);
    if (status == FAN_OK)
        return job_command_close_trace(opened.trace, job_command_work(o, job, executor));
    message_record(&error, choice->kind, NULL, false);
    return job_command_close_trace(opened.trace, exit_code_of(status));
}

/* Whether the job may be one that has a limit of memory: every rank knows the command line alone.
 */
static bool may_scan_keys(const cli_options *o)
{
    const char *task = o->command->task;
    return !task || !strcmp(task, "weakkeys");
}

/* A job file may have a limit, too. */
static bool may_have_limit(const cli_options *o)
{
    bool limited = !o->command->task;
    for (size_t i = 0; i < o->setting_count; i++)
        limited |= strstr(o->settings[i].key, "memory") != NULL; /* worker-memory, too */
    return limited;
}

static void choose_memory(const cli_options *o)
{
    if (!may_scan_keys(o))
        return;
    if (may_have_limit(o))
        memory_give_back();
    else
        memory_keep();
}

int job_command_run(const cli_options *o)
{
    launch l = launch_read();
    choose_memory(o);
    const char *set = o->executor ? o->executor : o->default_executor;
    signals_install(o->grace_ms, l.variable != NULL,
                    l.rank > 0 && l.variable ? SIGNALS_SERVES : SIGNALS_STARTS);
    if (set ? strcmp(set, "mpi") == 0 : l.variable != NULL)
        return rank_command_run(o, NULL);
    message_silence(false);
    int code = 0;
    fan_job *job = job_command_prepare(o, &code);
    if (!job)
        return code;
    executor_choice choice;
    if (!job_command_choose(o, job, false, &choice)) {
        code = 2;
    } else if (strcmp(choice.kind, "mpi") == 0) {
        return rank_command_run(o, job);
    } else if (l.is_copy && strcmp(choice.set_by, "default") == 0) {
        code = refuse_copies(&l);
    } else {
        warn_of_copies(&l, &choice);
        code = job_command_run_here(o, job, &choice);
    }
    fan_job_free(job);
    return code;
}
