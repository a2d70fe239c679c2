#include "job/weak_scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "stage/scratch.h"

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a folder");
}

/* The folder of a file, as an absolute path where it is there. The caller's to free. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    char *real = folder ? realpath(folder, NULL) : NULL;
    if (real)
        free(folder);
    return real ? real : folder;
}

/* A name that belongs to an output. */
static fan_status name_for(const char *output, char name[static FANI_SCRATCH_NAME],
                           fan_error *error)
{
    const char *slash = strrchr(output, '/');
    char *folder = folder_of(output), *whole = NULL;
    if (!folder || asprintf(&whole, "%s/%s", folder, slash ? slash + 1 : output) < 0)
        whole = NULL;
    free(folder);
    if (!whole)
        return no_memory(error);
    snprintf(name, FANI_SCRATCH_NAME, "fanfold-scan-%016" PRIx64,
             (uint64_t)XXH3_64bits(whole, strlen(whole)));
    free(whole);
    return FAN_OK;
}

/* The folder of a run whose files nobody will go on from. */
static fan_status open_passing(const fani_job_run *run, const char *given,
                               fani_weak_scratch *scratch, fan_error *error)
{
    char name[FANI_SCRATCH_NAME], *base = given ? strdup(given) : NULL;
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT);
    fan_status status = FAN_OK;
    if (!given && output && strcmp(output, "-") != 0)
        base = folder_of(output);
    else if (!given)
        status = fani_scratch_base(&base, error);
    if (status == FAN_OK && !base)
        status = no_memory(error);
    if (status == FAN_OK)
        status = fani_scratch_name(true, name, error);
    if (status == FAN_OK) {
        fani_scratch_sweep(base);
        status = fani_scratch_make(base, name, FANI_SCRATCH_PROCESS, &scratch->folder, error);
    }
    scratch->passes = true;
    free(base);
    return status;
}

static fan_status open_staying(const fani_job_run *run, const char *given,
                               fani_weak_scratch *scratch, fan_error *error)
{
    char name[FANI_SCRATCH_NAME];
    if (!given) {
        scratch->base = strdup(run->output);
        return scratch->base ? FAN_OK : no_memory(error);
    }
    fan_status status = name_for(run->output, name, error);
    return status == FAN_OK
               ? fani_scratch_make(given, name, FANI_SCRATCH_STAYS, &scratch->folder, error)
               : status;
}

fan_status fani_weak_scratch_open(const fani_job_run *run, fani_weak_scratch *scratch,
                                  fan_error *error)
{
    const char *given = fani_job_text(run->job, FANI_KEY_SCRATCH);
    fan_status status = FAN_OK;
    *scratch = (fani_weak_scratch){0};
    if (run->state)
        status = open_staying(run, given, scratch, error);
    else if (fani_job_text(run->job, FANI_KEY_MEMORY))
        status = open_passing(run, given, scratch, error);
    if (status == FAN_OK && scratch->folder &&
        asprintf(&scratch->base, "%s/keys", scratch->folder) < 0) {
        scratch->base = NULL;
        status = no_memory(error);
    }
    if (status != FAN_OK)
        fani_weak_scratch_close(scratch);
    return status;
}

void fani_weak_scratch_close(fani_weak_scratch *scratch)
{
    if (scratch->folder && scratch->passes)
        (void)fani_scratch_remove(scratch->folder); /* else the next run does */
    else if (scratch->folder)
        (void)rmdir(scratch->folder); /* unless there is something to go on from */
    free(scratch->folder);
    free(scratch->base);
    *scratch = (fani_weak_scratch){0};
}
