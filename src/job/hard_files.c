#include "job/hard_files.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "job/sieve.h"
#include "job/state.h"
#include "kernel/factor/unfinished.h"
#include "stage/journal_lock.h"

enum { HASH_DIGITS = 16, BEAT_MS = 10000 };

static const char *const kinds[] = {[FANI_HARD_CURVES] = ".curves-", [FANI_HARD_SIEVE] = ".sieve-"};

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

void fani_hard_files_clear(fani_hard_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    *files = (fani_hard_files){0};
}

fan_status fani_hard_files_base(const fani_job_run *run, char **base, fan_error *error)
{
    const char *name = run->state ? run->output : fani_job_text(run->job, FANI_KEY_STATE);
    *base = name ? strdup(name) : NULL;
    if (name && !*base)
        return no_memory(error);
    if (!name || !fani_job_flag(run->job, FANI_KEY_RESTART))
        return FAN_OK;
    return fani_hard_files_sweep(name, fani_job_flag(run->job, FANI_KEY_BREAK_LOCK), error);
}

static bool hash_of(mpz_srcptr n, uint64_t *hash)
{
    size_t size = fani_unfinished_put(n, NULL);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return false;
    fani_unfinished_put(n, bytes);
    *hash = XXH3_64bits(bytes, size);
    free(bytes);
    return true;
}

fan_status fani_hard_files_name(fani_hard_files *files, const char *base, fani_hard_file kind,
                                mpz_srcptr n, const char **name)
{
    uint64_t hash;
    char **names = reallocarray(files->names, files->count + 1, sizeof *names);
    if (!names)
        return FAN_E_MEMORY;
    files->names = names;
    if (!hash_of(n, &hash) ||
        asprintf(&names[files->count], "%s%s%0*" PRIx64, base, kinds[kind], HASH_DIGITS, hash) < 0)
        return FAN_E_MEMORY;
    *name = names[files->count++];
    return FAN_OK;
}

/* Of a ledger's run the outcome is safe once that says so; of another one when it was handed out.
 */
static fan_status make_safe(fani_job_run *run, fan_error *error)
{
    if (!run->state)
        return fani_writer_show(run->writer, error);
    fan_status status = fani_state_idle(run, true, error);
    return status == FAN_OK
               ? fani_journal_flush(fani_state_journal(run->state), true, FAN_FOREVER, error)
               : status;
}

fan_status fani_hard_files_forget(const fani_hard_files *files, fani_job_run *run, fan_error *error)
{
    fan_status status = files->count ? make_safe(run, error) : FAN_OK;
    for (size_t i = 0; i < files->count && status == FAN_OK; i++)
        status = fani_sieve_forget(files->names[i], error);
    return status;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static bool is_ours(const char *name, const char *base)
{
    size_t size = strlen(base);
    if (strncmp(name, base, size) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]);
        const char *hash = name + size + length;
        if (!strncmp(name + size, kinds[i], length) && strlen(hash) == HASH_DIGITS &&
            strspn(hash, "0123456789abcdef") == HASH_DIGITS)
            return true;
    }
    return false;
}

/* Under its lock, with what stands beside it, as another run may be at work on it. What a killed
 * one has locked is unlocked. */
static fan_status take_away_unused(const char *path, bool break_lock, fan_error *error)
{
    const fani_journal_lock_options options = {.break_lock = break_lock, .beat_ms = BEAT_MS};
    fani_journal_place place;
    fani_journal_lock lock;
    fan_status status = fani_journal_place_open(&fani_journal_system_io, path, &place, error);
    if (status != FAN_OK)
        return status;
    status = fani_journal_lock_take(&place, &options, &lock, error);
    if (status == FAN_OK) {
        status = fani_sieve_forget(path, error);
        fan_status given = fani_journal_lock_give(&lock, status == FAN_OK ? error : NULL);
        status = status == FAN_OK ? given : status;
    }
    fani_journal_place_close(&place);
    return status;
}

static fan_status sweep(const char *folder, const char *base, bool break_lock, fan_error *error)
{
    fan_status status = FAN_OK;
    DIR *entries = opendir(folder);
    if (!entries)
        return FAN_OK; /* whoever writes there will say it */
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while (status == FAN_OK && (entry = readdir(entries))) {
        char *path = NULL;
        if (!is_ours(entry->d_name, base))
            continue;
        if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
            status = no_memory(error);
        else
            status = take_away_unused(path, break_lock, error);
        free(path);
    }
    (void)closedir(entries);
    return status;
}

fan_status fani_hard_files_sweep(const char *base, bool break_lock, fan_error *error)
{
    const char *slash = strrchr(base, '/');
    if (!slash)
        return sweep(".", base, break_lock, error);
    char *folder = strndup(base, slash == base ? 1 : (size_t)(slash - base));
    fan_status status = folder ? sweep(folder, slash + 1, break_lock, error) : no_memory(error);
    free(folder);
    return status;
}
