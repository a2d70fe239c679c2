#include "job/weak_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/weak_known_internal.h"

/* ---- Which state it is ----------------------------------------------------------------------- */

uint64_t fani_weak_known_identity(const fani_weak_known *known)
{
    return known->file.check;
}

size_t fani_weak_known_limbs(const fani_weak_known *known)
{
    return (size_t)(known->file.head.size[FANI_KNOWN_PRODUCTS] / sizeof(mp_limb_t));
}

size_t fani_weak_known_longest(const fani_weak_known *known)
{
    size_t longest = 0;
    for (uint64_t g = 0; g < known->file.head.groups; g++)
        if (known->file.groups[g].limbs > longest)
            longest = (size_t)known->file.groups[g].limbs;
    return longest;
}

size_t fani_weak_known_repeated(const fani_weak_known *known)
{
    return known->repeated;
}

size_t fani_weak_known_repeated_invalid(const fani_weak_known *known)
{
    return known->repeated_invalid;
}

uint64_t fani_weak_known_count(const fani_weak_known *known)
{
    return known->file.head.keys;
}

bool fani_weak_known_exists(const fani_weak_known *known)
{
    return known->file.fd >= 0;
}

/* ---- The life of it -------------------------------------------------------------------------- */

fan_status fani_weak_known_begin(fani_job_run *run, fan_error *error)
{
    fani_weak_known *known = calloc(1, sizeof *known);
    if (!known)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to read a state");
    known->run = run;
    known->path = fani_job_text(run->job, FANI_KEY_KNOWN);
    known->file.fd = -1;
    run->known = known;
    fan_status status = fani_known_hold_take(run, known->path, &known->hold, error);
    return status == FAN_OK ? fani_known_file_open(run, known->path, false, &known->file, error)
                            : status;
}

void fani_weak_known_end(fani_job_run *run)
{
    fani_weak_known *known = run->known;
    if (!known)
        return;
    fani_known_write_free(known->next);
    fani_known_hold_give(known->hold);
    fani_known_file_close(&known->file);
    fani_known_met_free(&known->met);
    fani_mpzs_free(&known->fresh);
    fani_mpzs_free(&known->gcds);
    fani_mpzs_free(&known->residues);
    free(known->slots);
    free(known->digests);
    free(known);
    run->known = NULL;
}

/* ---- Before a run ---------------------------------------------------------------------------- */

/* The name of the file that `path` leads to, with its folder's; the caller frees. NULL: out of
 * memory. A folder that there is not keeps the name it was given. */
static char *whole_name(const char *path)
{
    char *target = fani_writer_target(path), *whole = NULL;
    if (!target)
        return NULL;
    char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    char *given = slash ? strndup(target, (size_t)(name - target)) : strdup(".");
    char *folder = given ? realpath(given, NULL) : NULL;
    if (given && asprintf(&whole, "%s/%s", folder ? folder : given, name) < 0)
        whole = NULL;
    free(folder);
    free(given);
    free(target);
    return whole;
}

fan_status fani_weak_known_check(const fan_job *job, fan_error *error)
{
    const char *path = fani_job_text(job, FANI_KEY_KNOWN);
    const char *output = fani_job_text(job, FANI_KEY_OUTPUT);
    fani_known_file file = {.fd = -1};
    if (!path)
        return FAN_OK;
    char *target = whole_name(path), *other = output ? whole_name(output) : NULL;
    fan_status status = FAN_OK;
    if (!target || (output && !other))
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    else if (!strcmp(path, "-"))
        status = fani_error_set(error, FAN_E_ARGUMENT, "known: a state is a file, and not '-'");
    else if (other && !strcmp(target, other))
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "known and output are both %.200s: they must be two files", path);
    free(target);
    free(other);
    if (status != FAN_OK)
        return status;
    status = fani_known_file_open(NULL, path, true, &file, error);
    fani_known_file_close(&file);
    return status;
}
