#include "job/job_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "job/halt.h"
#include "job/shard.h"
#include "job/split.h"
#include "job/timings.h"

fan_status fani_strings_add(fani_strings *strings, const char *text)
{
    char **at = realloc(strings->at, (strings->count + 1) * sizeof *at);
    if (!at)
        return FAN_E_MEMORY;
    strings->at = at;
    at[strings->count] = strdup(text);
    if (!at[strings->count])
        return FAN_E_MEMORY;
    strings->count++;
    return FAN_OK;
}

void fani_strings_clear(fani_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->at[i]);
    free(strings->at);
    *strings = (fani_strings){0};
}

static fan_status no_such_task(const char *task, fan_error *error)
{
    char names[128] = "";
    const char *name;
    for (size_t i = 0; (name = fan_job_task_name(i, NULL)); i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", name);
    }
    return fani_error_set(error, FAN_E_ARGUMENT, "unknown task '%.64s': expected one of %s", task,
                          names);
}

fan_status fan_job_new(const char *task, fan_job **job, fan_error *error)
{
    *job = NULL;
    const fani_job_kind *kind = fani_job_kind_find(task);
    if (!kind)
        return no_such_task(task, error);
    fan_job *made = calloc(1, sizeof *made);
    if (!made)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    made->kind = kind;
    *job = made;
    return FAN_OK;
}

void fan_job_free(fan_job *job)
{
    if (!job)
        return;
    for (size_t i = 0; i < FANI_KEY_COUNT; i++)
        fani_strings_clear(&job->values[i]);
    fani_strings_clear(&job->arguments);
    free(job->file);
    free(job->origins);
    free(job);
}

/* A value that replaces another came from elsewhere. */
static void forget_origin(fan_job *job, fani_key key)
{
    for (size_t i = 0; i < job->origin_count; i++)
        if (job->origins[i].key == key)
            job->origins[i] = job->origins[--job->origin_count];
}

fan_status fan_job_set(fan_job *job, const char *key, const char *value, fan_error *error)
{
    fani_key k;
    fan_status status = fani_key_find(job->kind, key, &k, error);
    if (status == FAN_OK)
        status = fani_key_check(k, value, error);
    if (status != FAN_OK)
        return status;
    fani_strings one = {0}, *values = &job->values[k];
    bool repeats = fani_key_info(k)->repeats;
    status = fani_strings_add(repeats ? values : &one, value);
    if (status != FAN_OK) {
        fani_strings_clear(&one);
        return fani_error_set(error, status, "out of memory");
    }
    if (!repeats) {
        fani_strings_clear(values);
        forget_origin(job, k);
        *values = one;
    }
    return FAN_OK;
}

const char *fan_job_get(const fan_job *job, const char *key)
{
    fani_key k;
    if (!strcmp(key, "task"))
        return job->kind->name;
    return fani_key_find(job->kind, key, &k, NULL) == FAN_OK ? fani_job_text(job, k) : NULL;
}

fan_status fan_job_add_argument(fan_job *job, const char *text, fan_error *error)
{
    fan_status status = fani_strings_add(&job->arguments, text);
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "out of memory");
}

const char *fani_job_text(const fan_job *job, fani_key key)
{
    const fani_strings *values = &job->values[key];
    return values->count ? values->at[values->count - 1] : NULL;
}

bool fani_job_tells_methods(const fan_job *job)
{
    const char *format = fani_job_text(job, FANI_KEY_FORMAT);
    if (job->kind == &fani_job_integrate)
        return true;
    return job->kind == &fani_job_factor && format && !strcmp(format, "ndjson") &&
           !fani_job_text(job, FANI_KEY_FUNCTION);
}

bool fani_job_pins_isa(const fan_job *job)
{
    return fani_job_text(job, FANI_KEY_ISA) || fani_job_tells_methods(job);
}

fani_isa fani_job_isa(const fan_job *job)
{
    const char *name = fani_job_text(job, FANI_KEY_ISA);
    fani_isa isa = fani_isa_wanted();
    (void)(name && fani_isa_named(name, &isa)); /* it was checked */
    return isa;
}

uint64_t fani_job_count(const fan_job *job, fani_key key, uint64_t fallback)
{
    uint64_t value;
    const char *text = fani_job_text(job, key);
    return text && fani_read_count(text, &value) ? value : fallback;
}

uint32_t fani_job_ms(const fan_job *job, fani_key key)
{
    uint64_t ms;
    const char *text = fani_job_text(job, key);
    return text && fani_read_ms(text, &ms) ? (uint32_t)ms : 0;
}

fan_status fani_job_add_origin(fan_job *job, fani_key key, uint32_t line, uint32_t column)
{
    fani_origin *origins = realloc(job->origins, (job->origin_count + 1) * sizeof *origins);
    if (!origins)
        return FAN_E_MEMORY;
    job->origins = origins;
    origins[job->origin_count++] = (fani_origin){
        .key = key, .index = job->values[key].count - 1, .line = line, .column = column};
    return FAN_OK;
}

const fani_origin *fani_job_origin(const fan_job *job, fani_key key, size_t i)
{
    for (size_t k = 0; k < job->origin_count; k++)
        if (job->origins[k].key == key && job->origins[k].index == i)
            return &job->origins[k];
    return NULL;
}

bool fani_job_flag(const fan_job *job, fani_key key)
{
    const char *text = fani_job_text(job, key);
    return text && !strcmp(text, "true");
}

bool fani_job_resumes(const fan_job *job)
{
    return fani_job_flag(job, FANI_KEY_RESUME) || fani_job_flag(job, FANI_KEY_RETRY_FAILED);
}

bool fani_job_can_read_twice(const fan_job *job)
{
    const fani_strings *inputs = &job->values[FANI_KEY_INPUT];
    struct stat info;
    for (size_t i = 0; i < inputs->count; i++)
        if (!strcmp(inputs->at[i], "-") || stat(inputs->at[i], &info) || !S_ISREG(info.st_mode))
            return false;
    return inputs->count || job->values[FANI_KEY_STAGE_IN].count || job->arguments.count ||
           job->values[FANI_KEY_NUMBERS].count || job->values[FANI_KEY_VALUES].count ||
           job->values[FANI_KEY_EXPRESSION].count || job->values[FANI_KEY_INTEGRAND].count;
}

fan_status fan_job_check(const fan_job *job, fan_error *error)
{
    const char *when = fani_job_text(job, FANI_KEY_HALT);
    fani_halt halt = {0};
    bool counts = when && fani_halt_read(when, &halt) && halt.enough;
    if (counts && !job->kind->is_list)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "halt is '%s': %s takes soon or now alone, with max-fails", when,
                              job->kind->name);
    if (when && !counts && !fani_job_text(job, FANI_KEY_MAX_FAILS))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "halt is '%s', but max-fails, which it belongs to, is not given",
                              when);
    bool retries = fani_job_flag(job, FANI_KEY_RETRY_FAILED);
    if (retries && fani_job_flag(job, FANI_KEY_RESTART))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "retry-failed goes on with a run, and restart "
                              "begins it again: only one of them");
    if (retries && !fan_job_is_resumable(job))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "retry-failed needs the journal of a run: an output that is a file, "
                              "and not no-journal");
    fan_status status = fani_split_check(job, error);
    if (status == FAN_OK)
        status = fani_shard_check(job, error);
    if (status == FAN_OK)
        status = fani_timings_check(job, error);
    if (status != FAN_OK)
        return status;
    return job->kind->check ? job->kind->check(job, error) : FAN_OK;
}
