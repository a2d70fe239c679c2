#include "job/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "job/command_stage.h"
#include "job/near.h"
#include "job/record.h"
#include "job/shard.h"
#include "job/state.h"
#include "stage/scratch.h"
#include "stage/walk.h"

struct fani_staging {
    fan_near **nears; /* one for each source of lists; one of all for commands */
    size_t near_count;
    fani_strings paths, names; /* of lists: of the copies, and of what was copied */
    char *scratch;             /* where stage-out's folders become whole; NULL: none */
    fan_buffer told;
};

static const fani_strings *sources_of(const fan_job *job)
{
    return &job->values[FANI_KEY_STAGE_IN];
}

static bool is_command(const fan_job *job)
{
    return job->kind == &fani_job_command;
}

/* ---- Copying ---------------------------------------------------------------------------------
 */

/* While one source's files are copied. */
typedef struct copying {
    fani_job_run *run;
    fani_strings copies, names; /* below the folder; of what was copied */
    uint64_t failed;
    bool memory_short;
} copying;

static void told(void *user, const char *host, const fan_copied *copied)
{
    copying *c = user;
    if (copied->error) {
        fan_error error = *copied->error;
        c->failed++;
        if (host)
            fani_error_set(&error, error.status, "host %s: %s", host, copied->error->text);
        fani_run_report(c->run, &error);
        return;
    }
    bool kept = fani_strings_add(&c->copies, copied->name) == FAN_OK &&
                fani_strings_add(&c->names, copied->source) == FAN_OK;
    c->memory_short |= !kept;
}

/* Where the copies are, in the order in which they were told. */
static fan_status note_paths(fani_staging *s, const copying *c, const fan_near *near)
{
    fan_status status = c->memory_short ? FAN_E_MEMORY : FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < c->copies.count; i++) {
        char *path = fani_walk_join(fan_near_folder(near), c->copies.at[i]);
        status = path ? fani_strings_add(&s->paths, path) : FAN_E_MEMORY;
        if (status == FAN_OK)
            status = fani_strings_add(&s->names, c->names.at[i]);
        free(path);
    }
    return status;
}

static fan_status copy(fani_job_run *run, fani_staging *s, fan_executor *executor,
                       const char *const *sources, size_t count, fan_error *error)
{
    copying c = {.run = run};
    const fan_near_options options = {.passing = true,
                                      .sources = sources,
                                      .source_count = count,
                                      .secret = true,
                                      .stop = run->events.stop,
                                      .stop_user = run->events.user,
                                      .told = told,
                                      .told_user = &c};
    fan_near **nears = realloc((void *)s->nears, (s->near_count + 1) * sizeof *nears), *near;
    if (!nears)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    s->nears = nears;
    fan_status status = fan_near_open(executor, &options, &near, error);
    if (status == FAN_OK) {
        fan_near_stats stats;
        s->nears[s->near_count++] = near;
        (void)fan_near_get_stats(near, &stats); /* it can't fail */
        if (stats.failed)
            status =
                fani_error_set(error, FAN_E_INPUT, "%llu of the files of stage-in can't be copied",
                               (unsigned long long)stats.failed);
        else if (note_paths(s, &c, near) != FAN_OK)
            status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    }
    fani_strings_clear(&c.copies);
    fani_strings_clear(&c.names);
    return status;
}

/* A source after the other, so that two may have files of one name. */
static fan_status copy_lists(fani_job_run *run, fani_staging *s, fan_error *error)
{
    const fani_strings *sources = sources_of(run->job);
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < sources->count; i++)
        status = copy(run, s, NULL, (const char *const *)&sources->at[i], 1, error);
    return status;
}

/* ---- Commands --------------------------------------------------------------------------------
 */

/* Whether an entry has the name of an item's folder, and of one that this run has. */
static bool is_of_item(const fani_job_run *run, const char *name)
{
    char *end;
    if (*name < '1' || *name > '9')
        return false;
    errno = 0;
    uint64_t number = strtoull(name, &end, 10);
    return !*end && !errno && fani_slice_has(run->slice, number - 1);
}

/* The next entry; NULL with errno 0 at the end. */
static const struct dirent *next_entry(DIR *entries)
{
    errno = 0;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    return readdir(entries);
}

/* What other runs or people have left where items publish is replaced only where that is asked for:
 * by a run that goes on with an earlier one, whose folders these are, or by the key restart. */
static fan_status refuse_used(const fani_job_run *run, const char *out, fan_error *error)
{
    const struct dirent *entry = NULL;
    if (fani_state_was_begun(run->state) || fani_job_flag(run->job, FANI_KEY_RESTART))
        return FAN_OK;
    DIR *entries = opendir(out);
    while (entries && (entry = next_entry(entries)) != NULL && !is_of_item(run, entry->d_name))
        continue;
    int code = entry ? EEXIST : errno;
    if (entry)
        fani_error_set(error, FAN_E_OUTPUT,
                       "%.300s/%s is there already, where an item's files would go: --restart "
                       "replaces such folders; or take another folder",
                       out, entry->d_name);
    else if (code)
        fani_error_errno(error, FAN_E_OUTPUT, code, "the folder %s can't be read", out);
    if (entries)
        (void)closedir(entries); /* only read */
    if (!code)
        return FAN_OK;
    fani_error_place(error, out, 0, 0);
    return FAN_E_OUTPUT;
}

static fan_status fail_out(const char *out, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_OUTPUT, errno, "the folder %s can't be %s", out, doing);
    fani_error_place(error, out, 0, 0);
    return FAN_E_OUTPUT;
}

/* -1: errno says why. */
static int sync_parent(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fani_sync_folder(fd, ".."), code = errno;
    (void)close(fd); /* only a place */
    errno = code;
    return result;
}

/* The folder that files are published in, and one in it where they become whole. */
static fan_status make_out(const fani_job_run *run, fani_staging *s, const char *out, char **whole,
                           fan_error *error)
{
    char name[FANI_SCRATCH_NAME];
    bool made = mkdir(out, 0777) == 0;
    if (!made && errno != EEXIST)
        return fail_out(out, "made", error);
    *whole = realpath(out, NULL);
    if (!*whole)
        return fail_out(out, "found", error);
    if (made && sync_parent(*whole) != 0)
        return fail_out(out, "synced", error);
    fani_scratch_sweep(*whole);
    fan_status status = refuse_used(run, out, error);
    if (status == FAN_OK)
        status = fani_scratch_name(true, name, error);
    if (status == FAN_OK)
        status = fani_scratch_make(*whole, name, FANI_SCRATCH_PROCESS, &s->scratch, error);
    return status;
}

static fan_status prepare_commands(fani_job_run *run, fani_staging *s, fan_error *error)
{
    const fani_strings *sources = sources_of(run->job);
    const char *out = fani_job_text(run->job, FANI_KEY_STAGE_OUT);
    char *whole = NULL;
    fan_status status = out ? make_out(run, s, out, &whole, error) : FAN_OK;
    if (status == FAN_OK)
        status =
            copy(run, s, run->executor, (const char *const *)sources->at, sources->count, error);
    const fan_near *near = status == FAN_OK && s->near_count ? s->nears[0] : NULL;
    if (near && sources->count)
        fani_state_staged(run->state, fani_near_content(near));
    if (near && fani_command_stage_tell(&s->told, sources->count > 0, whole, s->scratch,
                                        fani_near_table(near)) != FAN_OK)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    free(whole);
    return status;
}

/* ---- The whole -------------------------------------------------------------------------------
 */

fan_status fani_staging_begin(fani_job_run *run, fan_error *error)
{
    if (!sources_of(run->job)->count && !fani_job_text(run->job, FANI_KEY_STAGE_OUT))
        return FAN_OK;
    run->staging = calloc(1, sizeof *run->staging);
    if (!run->staging)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return is_command(run->job) ? prepare_commands(run, run->staging, error)
                                : copy_lists(run, run->staging, error);
}

void fani_staging_end(fani_job_run *run, fan_status status)
{
    fani_staging *s = run->staging;
    if (!s)
        return;
    bool here = status == FAN_E_CANCELLED || status == FAN_E_LOST || fani_run_is_stopped(run);
    for (size_t i = 0; i < s->near_count; i++)
        fan_near_close(s->nears[i], here);
    free((void *)s->nears);
    if (s->scratch)
        (void)fani_scratch_remove(s->scratch); /* what stays is removed by a later run */
    fani_strings_clear(&s->paths);
    fani_strings_clear(&s->names);
    fan_buffer_clear(&s->told);
    free(s->scratch);
    free(s);
    run->staging = NULL;
}

size_t fani_staging_count(const fani_staging *staging)
{
    return staging ? staging->paths.count : 0;
}

fani_staged fani_staging_at(const fani_staging *staging, size_t i)
{
    return (fani_staged){.path = staging->paths.at[i], .name = staging->names.at[i]};
}

fan_status fani_staging_add(const fani_staging *staging, fani_reader *reader)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < fani_staging_count(staging); i++) {
        fani_staged file = fani_staging_at(staging, i);
        status = fani_reader_add_copy(reader, file.path, file.name);
    }
    return status;
}

const fan_buffer *fani_staging_told(const fani_staging *staging)
{
    static const fan_buffer nothing;
    return staging ? &staging->told : &nothing;
}
