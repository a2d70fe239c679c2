/* command: runs a command for each item, and gives what it printed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "job/command_internal.h"
#include "job/staging.h"

/* What the caller's side of a run has. */
typedef struct command_run {
    fani_sources *sources;
    fani_command_log *log;
    uint64_t run; /* as in the settings */
    fani_command_guard guard;
    bool shares_memory;
    fan_buffer settings;
} command_run;

static fan_status read_template(const fan_job *job, fani_template **template, fan_error *error)
{
    const fani_strings *words = &job->values[FANI_KEY_COMMAND];
    fan_status status =
        fani_template_new((const char *const *)words->at, words->count, false, true, template);
    return status == FAN_OK ? status : fani_error_set(error, status, "out of memory");
}

/* ---- Checking --------------------------------------------------------------------------------
 */

/* What replaces comes with quotes of its own. */
static fan_status check_quotes(const fan_job *job, fan_error *error)
{
    fani_template *template = NULL;
    if (!fani_job_flag(job, FANI_KEY_SHELL))
        return FAN_OK;
    fan_status status = read_template(job, &template, error);
    if (status == FAN_OK && fani_template_is_quoted(template))
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "shell: {} stands within quotes or a comment, or behind a "
                                "backslash or a dollar: it comes with quotes of its own, which "
                                "would not hold there");
    fani_template_free(template);
    return status;
}

static fan_status check(const fan_job *job, fan_error *error)
{
    const fani_strings *words = &job->values[FANI_KEY_COMMAND];
    bool has_values = job->values[FANI_KEY_VALUES].count > 0;
    if (!words->count || !*words->at[0])
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "there is no command: expected its words, such as gzip -k {}");
    if (job->arguments.count)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "a command has no arguments: its words are the key command, items "
                              "values or input");
    if (has_values && job->values[FANI_KEY_INPUT].count)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "items come from values or from input: only one of them");
    const char *format = fani_job_text(job, FANI_KEY_FORMAT);
    if (fani_job_text(job, FANI_KEY_SHARD) && (!format || !strcmp(format, "text")))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "shard needs the format tsv or ndjson, a line an item: what commands "
                              "print as it is can't be merged");
    if (fani_job_text(job, FANI_KEY_COLSEP) && fani_sources_count(job) > 1)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "colsep is for items of one source: several sources are columns");
    return check_quotes(job, error);
}

/* ---- What the task is told -------------------------------------------------------------------
 */

uint32_t fani_command_flags(const fan_job *job)
{
    const char *input = fani_job_text(job, FANI_KEY_STDIN);
    uint32_t flags = 0;
    flags |= fani_job_flag(job, FANI_KEY_SHELL) ? FANI_COMMAND_SHELL : 0;
    flags |= fani_job_flag(job, FANI_KEY_TAG) ? FANI_COMMAND_TAG : 0;
    flags |= fani_job_flag(job, FANI_KEY_KEEP_MPI_ENV) ? FANI_COMMAND_KEEP_MPI : 0;
    flags |= input && !strcmp(input, "item") ? FANI_COMMAND_STDIN : 0;
    flags |= fani_sources_count(job) > 1 ? FANI_COMMAND_SOURCES : 0;
    flags |= fani_job_text(job, FANI_KEY_JOBLOG) ? FANI_COMMAND_LOG : 0;
    return flags;
}

static fan_status make_settings(const fan_job *job, const fan_buffer *staged, command_run *cr)
{
    const fani_strings *words = &job->values[FANI_KEY_COMMAND];
    const char *limit = fani_job_text(job, FANI_KEY_CAPTURE_LIMIT);
    fani_command_settings settings = {.flags = fani_command_flags(job),
                                      .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                                      .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                                      .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF),
                                      .words = (uint32_t)words->count,
                                      .run = cr->run,
                                      .guard = cr->shares_memory ? &cr->guard : NULL};
    if (limit && !fani_read_size(limit, &settings.limit))
        settings.limit = 0;
    fan_status status = fani_bytes_add(&cr->settings, &settings, sizeof settings);
    for (size_t i = 0; status == FAN_OK && i < words->count; i++)
        status = fani_bytes_add(&cr->settings, words->at[i], strlen(words->at[i]) + 1);
    if (status == FAN_OK)
        status = fani_command_add_separator(&cr->settings, fani_job_text(job, FANI_KEY_COLSEP),
                                            &settings.separator_size);
    settings.stage_size = staged->size;
    if (status == FAN_OK)
        status = fani_bytes_add(&cr->settings, staged->bytes, staged->size);
    if (status == FAN_OK)
        memcpy(cr->settings.bytes, &settings, sizeof settings);
    return status;
}

/* ---- Inputs and answers ----------------------------------------------------------------------
 */

fan_status fani_command_add_inputs(const fan_job *job, fani_sources *sources, fani_reader *reader)
{
    const fani_strings *inputs = &job->values[FANI_KEY_INPUT];
    if (sources)
        return fani_sources_add(sources, reader);
    fan_status status = inputs->count ? FAN_OK : fani_reader_add_file(reader, "-");
    for (size_t i = 0; status == FAN_OK && i < inputs->count; i++)
        status = fani_reader_add_file(reader, inputs->at[i]);
    return status;
}

static fan_status add_inputs(const fani_list *list, fani_reader *reader, const fan_job *job)
{
    const command_run *cr = list->user;
    return fani_command_add_inputs(job, cr->sources, reader);
}

static fan_status unpack(const fani_list *list, const fani_job_run *run, uint64_t index,
                         fani_answer *answer, fan_error *error)
{
    const command_run *cr = list->user;
    fani_command_parts parts;
    if (answer->flags & FANI_RECORD_BAD)
        return FAN_OK;
    if (!fani_command_read(answer->output, answer->output_size, &parts))
        return fani_error_set(error, FAN_E_PROTOCOL, "a reply of task command is malformed");
    answer->output = (const unsigned char *)parts.output.at;
    answer->output_size = parts.output.size;
    answer->outcome = parts.head.outcome;
    if (parts.error.size && run->events.err)
        run->events.err(run->events.user, parts.error.at, parts.error.size);
    return cr->log ? fani_command_log_add(cr->log, index, &parts, error) : FAN_OK;
}

/* ---- The run ---------------------------------------------------------------------------------
 */

/* Where {%} is used, what the run's places are known by. */
static fan_status make_places(const fani_job_run *run, command_run *cr, fan_error *error)
{
    fani_template *template = NULL;
    fan_status status = read_template(run->job, &template, error);
    bool wanted = status == FAN_OK && fani_template_has_place(template);
    fani_template_free(template);
    if (!wanted)
        return status;
    if (getrandom(&cr->run, sizeof cr->run, 0) != (ssize_t)sizeof cr->run)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "no number for the places of {%%}");
    cr->run |= 1;
    return FAN_OK;
}

static fan_status prepare(const fani_job_run *run, command_run *cr, fan_error *error)
{
    const char *log = fani_job_text(run->job, FANI_KEY_JOBLOG);
    fan_status status = make_places(run, cr, error);
    if (status == FAN_OK && run->job->values[FANI_KEY_VALUES].count)
        status = fani_sources_open(run->job, &cr->sources, error);
    if (status == FAN_OK && log)
        status = fani_command_log_open(log, fani_job_resumes(run->job), &cr->log, error);
    if (status != FAN_OK)
        return status;
    cr->shares_memory = fan_executor_capabilities(run->executor) & FAN_CAP_SHARES_MEMORY;
    status = make_settings(run->job, fani_staging_told(run->staging), cr);
    return status == FAN_OK ? status : fani_error_set(error, status, "out of memory");
}

static fan_status run_command(fani_job_run *run, fan_error *error)
{
    command_run cr = {.guard = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    fan_status status = prepare(run, &cr, error);
    fani_list list = {.name = "command",
                      .task = &fani_task_command,
                      .unit = FANI_UNIT_RECORD,
                      .separator = fani_job_flag(run->job, FANI_KEY_NULL) ? '\0' : '\n',
                      .columns = "index\titem\texit\tsignal\tstdout\tstderr\tstatus\ttext\n",
                      .value_columns = 5,
                      .runs_alone = true,
                      .settings = &cr.settings,
                      .inputs = add_inputs,
                      .unpack = unpack,
                      .user = &cr};
    if (status == FAN_OK)
        status = fani_list_run(run, &list, error);
    fan_status closed = fani_command_log_close(cr.log, status == FAN_OK ? error : NULL);
    fani_guard_close(cr.guard.guard);
    fani_sources_free(cr.sources);
    fan_buffer_clear(&cr.settings);
    return status == FAN_OK ? closed : status;
}

const fani_job_kind fani_job_command = {
    .name = "command",
    .summary = "what a command prints, run once for each item",
    .check = check,
    .is_list = true,
    .run = run_command,
};
