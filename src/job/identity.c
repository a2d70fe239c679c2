#include "job/identity.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "job/integrand_file.h"

/* Keys that change how a run is done, but not what comes out. */
static bool changes_output(fani_key key)
{
    switch (key) {
    case FANI_KEY_OUTPUT:
    case FANI_KEY_EXECUTOR:
    case FANI_KEY_WORKERS:
    case FANI_KEY_LOCAL:
    case FANI_KEY_WORKER_MEMORY:
    case FANI_KEY_MEMORY:
    case FANI_KEY_SCRATCH:
    case FANI_KEY_TIMEOUT:
    case FANI_KEY_RETRIES:
    case FANI_KEY_BACKOFF:
    case FANI_KEY_MAX_FAILS:
    case FANI_KEY_HALT:
    case FANI_KEY_BATCH:
    case FANI_KEY_RESUME:
    case FANI_KEY_RETRY_FAILED:
    case FANI_KEY_RESTART:
    case FANI_KEY_NO_JOURNAL:
    case FANI_KEY_STATE:
    case FANI_KEY_REPAIR:
    case FANI_KEY_BREAK_LOCK:
    case FANI_KEY_JOBLOG:
    case FANI_KEY_PLOT:
    case FANI_KEY_CAPTURE_LIMIT:
    case FANI_KEY_METHOD:
    case FANI_KEY_ISA: /* part of the machine, where it does */
        return false;
    default:
        return true;
    }
}

/* Takes the value over; NULL: out of memory. */
static fan_status add(fani_identity *identity, const char *key, char *value)
{
    if (!value || identity->count == FANI_IDENTITY_MAX) {
        free(value);
        return FAN_E_MEMORY;
    }
    identity->texts[identity->count] = value;
    identity->facts[identity->count++] = (fani_journal_fact){.key = key, .value = value};
    return FAN_OK;
}

/* An input's name and, of a file, its size: what is in it is compared as it is read. */
static char *describe_input(const char *path)
{
    struct stat info;
    char *text;
    if (!strcmp(path, "-") || stat(path, &info) || !S_ISREG(info.st_mode))
        return strdup(path);
    return asprintf(&text, "%s (%lld bytes)", path, (long long)info.st_size) < 0 ? NULL : text;
}

/* Several values in one text, each on a line of its own. */
static char *join(const fani_strings *values, bool inputs)
{
    char *all = strdup("");
    for (size_t i = 0; all && i < values->count; i++) {
        char *one = inputs ? describe_input(values->at[i]) : strdup(values->at[i]), *more = NULL;
        if (!one || asprintf(&more, "%s%s%s", all, i ? "\n" : "", one) < 0)
            more = NULL;
        free(one);
        free(all);
        all = more;
    }
    return all;
}

static fan_status add_task(fani_identity *identity, const fan_job *job)
{
    uint32_t version = 0;
    char *text;
    size_t name = strlen(job->kind->name);
    for (const fan_task *const *task = fan_job_tasks(); *task; task++) {
        bool own = !strncmp((*task)->name, job->kind->name, name) &&
                   ((*task)->name[name] == '\0' || (*task)->name[name] == '.');
        version += own ? (*task)->version : 0;
    }
    if (asprintf(&text, "%s, version %u", job->kind->name, version) < 0)
        return FAN_E_MEMORY;
    return add(identity, "task", text);
}

static fan_status add_machine(fani_identity *identity, const fan_job *job)
{
    struct utsname machine;
    char *set, *libm;
    if (uname(&machine))
        return FAN_E_SYSTEM;
    bool level = fani_job_tells_methods(job);
    if (asprintf(&set, "%s%s%s", machine.machine, level ? ", " : "",
                 level ? fani_isa_name(fani_job_isa(job)) : "") < 0)
        return FAN_E_MEMORY;
    fan_status status = add(identity, "instruction set", set);
    if (status != FAN_OK)
        return status;
    return asprintf(&libm, "glibc %s", gnu_get_libc_version()) < 0 ? FAN_E_MEMORY
                                                                   : add(identity, "libm", libm);
}

/* The integrand's file is part of the job, as an expression's text is. */
static fan_status add_integrand(fani_identity *identity, const fan_job *job)
{
    const char *text = fani_job_text(job, FANI_KEY_INTEGRAND);
    char *path, *symbol, *value = NULL;
    uint64_t hash;
    fan_status status = text ? fani_integrand_file_split(text, &path, &symbol, NULL) : FAN_OK;
    if (!text || status != FAN_OK)
        return status;
    status = fani_integrand_file_hash(path, &hash, NULL);
    if (status == FAN_OK && asprintf(&value, "%016llx", (unsigned long long)hash) < 0)
        status = FAN_E_MEMORY;
    free(path);
    free(symbol);
    return status == FAN_OK ? add(identity, "hash of the integrand", value) : status;
}

fan_status fani_identity_of(const fan_job *job, fani_identity *identity)
{
    *identity = (fani_identity){0};
    fan_status status = add_task(identity, job);
    if (status == FAN_OK)
        status = add_machine(identity, job);
    for (size_t i = 0; status == FAN_OK && i < FANI_KEY_COUNT; i++)
        if (changes_output((fani_key)i) && job->values[i].count)
            status = add(identity, fani_key_info((fani_key)i)->name,
                         join(&job->values[i], i == FANI_KEY_INPUT || i == FANI_KEY_TABLE));
    if (status == FAN_OK)
        status = add_integrand(identity, job);
    if (status == FAN_OK && job->arguments.count)
        status =
            add(identity, "arguments", join(&job->arguments, !strcmp(job->kind->name, "weakkeys")));
    return status;
}

void fani_identity_clear(fani_identity *identity)
{
    for (size_t i = 0; i < identity->count; i++)
        free(identity->texts[i]);
    *identity = (fani_identity){0};
}
