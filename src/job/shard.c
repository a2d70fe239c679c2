#include "job/shard.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "job/ledger.h"
#include "job/record.h"
#include "job/run_json.h"

#define SHARD ".shard-"

/* ---- Names and keys --------------------------------------------------------------------------
 */

fani_slice fani_shard_slice(const fan_job *job)
{
    fani_slice slice = {.number = 1, .count = 1};
    const char *text = fani_job_text(job, FANI_KEY_SHARD);
    if (text)
        (void)fani_read_slice(text, &slice); /* it was checked when it was set */
    return slice;
}

static bool is_sharded(const fan_job *job)
{
    return fani_job_text(job, FANI_KEY_SHARD) != NULL;
}

fan_status fani_shard_check(const fan_job *job, fan_error *error)
{
    if (!is_sharded(job))
        return FAN_OK;
    if (fani_job_flag(job, FANI_KEY_UNORDERED))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "shard can't be used with unordered: shards are put together line by "
                              "line");
    if (fan_job_is_resumable(job))
        return FAN_OK;
    if (fani_job_flag(job, FANI_KEY_NO_JOURNAL))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "shard needs the journal: it can't be used with no-journal");
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "shard needs an output that is a file: shard I of --output FILE writes "
                          "FILE.shard-I");
}

char *fani_shard_output_of(const char *output, uint64_t number)
{
    char *path;
    return asprintf(&path, "%s" SHARD "%" PRIu64, output, number) < 0 ? NULL : path;
}

char *fani_shard_output(const fan_job *job)
{
    const char *output = fani_job_text(job, FANI_KEY_OUTPUT);
    return is_sharded(job) ? fani_shard_output_of(output, fani_shard_slice(job).number)
                           : strdup(output);
}

/* ---- Reading the pin -------------------------------------------------------------------------
 */

static fan_status malformed(const char *output, fan_error *error)
{
    char *path = fani_ledger_run_json_path(output);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fani_error_set(error, FAN_E_INPUT, "does not say how many shards there are, and what they do");
    fani_error_place(error, path, 0, 0);
    free(path);
    return FAN_E_INPUT;
}

/* Takes a pin out of what the file says; nothing where it is of a run without shards. */
static fan_status take_pins(const char *output, json_t *object, fani_shard_pins *pins,
                            fan_error *error)
{
    const char *schema = json_string_value(json_object_get(object, "schema"));
    if (!schema || strcmp(schema, FANI_RUN_JSON_SHARDS) != 0)
        return FAN_OK;
    json_int_t count = json_integer_value(json_object_get(object, "shards"));
    json_t *identity = json_object_get(object, "identity");
    if (count < 1 || count > FANI_SLICES_MAX || !json_is_object(identity))
        return malformed(output, error);
    pins->count = (uint64_t)count;
    pins->identity = json_incref(identity);
    return FAN_OK;
}

fan_status fani_shard_pins_read(const char *output, fani_shard_pins *pins, fan_error *error)
{
    json_t *object;
    *pins = (fani_shard_pins){0};
    fan_status status = fani_run_json_read(output, &object, error);
    if (status == FAN_OK && object)
        status = take_pins(output, object, pins, error);
    json_decref(object);
    return status;
}

void fani_shard_pins_clear(fani_shard_pins *pins)
{
    json_decref(pins->identity);
    *pins = (fani_shard_pins){0};
}

/* ---- Comparing -------------------------------------------------------------------------------
 */

static fan_status differs(const fani_job_run *run, const char *key, const char *there,
                          const char *now, fan_error *error)
{
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT);
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "%.100s.run.json is of shards whose %.60s is %.120s, now it is %.120s: "
                          "to begin anew remove it and %.100s" SHARD "*",
                          output, key, there, now, output);
}

static fan_status compare_counts(const fani_job_run *run, const fani_shard_pins *pins,
                                 fan_error *error)
{
    char there[24], now[24];
    snprintf(there, sizeof there, "%" PRIu64, pins->count);
    snprintf(now, sizeof now, "%" PRIu64, run->slice.count);
    return pins->count == run->slice.count ? FAN_OK : differs(run, "number", there, now, error);
}

static const char *text_of(const json_t *facts, const char *key)
{
    const char *text = json_string_value(json_object_get(facts, key));
    return text ? text : "not there";
}

static fan_status compare_facts(const fani_job_run *run, json_t *there, json_t *now,
                                fan_error *error)
{
    for (void *at = json_object_iter(there); at; at = json_object_iter_next(there, at)) {
        const char *key = json_object_iter_key(at);
        if (!json_equal(json_object_iter_value(at), json_object_get(now, key)))
            return differs(run, key, text_of(there, key), text_of(now, key), error);
    }
    for (void *at = json_object_iter(now); at; at = json_object_iter_next(now, at)) {
        const char *key = json_object_iter_key(at);
        if (!json_object_get(there, key))
            return differs(run, key, "not there", text_of(now, key), error);
    }
    return FAN_OK;
}

static fan_status compare(const fani_job_run *run, const fani_shard_pins *pins, fan_error *error)
{
    json_t *now = fani_run_json_shards_identity(run->job);
    if (!now)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = compare_counts(run, pins, error);
    if (status == FAN_OK)
        status = compare_facts(run, pins->identity, now, error);
    json_decref(now);
    return status;
}

/* ---- Pinning ---------------------------------------------------------------------------------
 */

/* Whether a name in the output's folder is a file of a shard, but not of this one. */
static bool is_of_another(const char *name, const char *base, const char *own)
{
    size_t size = strlen(base), own_size = strlen(own);
    if (strncmp(name, base, size) != 0 || strncmp(name + size, SHARD, strlen(SHARD)) != 0)
        return false;
    char next = name[size + strlen(SHARD)];
    bool is_own =
        strncmp(name, own, own_size) == 0 && (name[own_size] == '\0' || name[own_size] == '.');
    return next >= '1' && next <= '9' && !is_own;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Looks for files of other shards of the output. A folder that can't be read may have some. */
static bool has_others(const fani_job_run *run)
{
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT), *base = base_name(output);
    char *own = fani_shard_output(run->job);
    char *path = base == output ? strdup(".") : strndup(output, (size_t)(base - output));
    DIR *folder = path ? opendir(path) : NULL;
    const struct dirent *entry;
    bool found = !own || !folder;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while (!found && (entry = readdir(folder)))
        found = is_of_another(entry->d_name, base, base_name(own));
    if (folder)
        (void)closedir(folder); /* only read */
    free(path);
    free(own);
    return found;
}

/* A pin that is not this run's, as *error says: it gives way to a restart that harms nobody. */
static fan_status replace(const fani_job_run *run, fan_status why, fan_error *error)
{
    if (!fani_job_flag(run->job, FANI_KEY_RESTART) || has_others(run))
        return why;
    return fani_run_json_pin(run, NULL, error);
}

static fan_status refuse_whole(const fani_job_run *run, fan_error *error)
{
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT);
    fani_shard_pins pins;
    fan_error why = {0};
    fan_status status = fani_shard_pins_read(output, &pins, &why);
    if (status == FAN_OK && pins.count)
        status =
            fani_error_set(error, FAN_E_ARGUMENT,
                           "%.200s is written in %" PRIu64 " shards: expected --shard I/%" PRIu64
                           "; to begin anew without shards remove %.200s.run.json and "
                           "%.200s" SHARD "*",
                           output, pins.count, pins.count, output, output);
    else if (status == FAN_E_INPUT && !why.errno_code)
        status = FAN_OK; /* what is no pin will be replaced */
    else if (status != FAN_OK && error)
        *error = why;
    fani_shard_pins_clear(&pins);
    return status;
}

/* Compares what pins the shards; *replaceable: what is there instead is no run's without shards. */
static fan_status look(const fani_job_run *run, bool *replaceable, fan_error *error)
{
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT);
    fani_shard_pins pins;
    fan_status status = fani_shard_pins_read(output, &pins, error);
    *replaceable = status == FAN_E_INPUT || pins.count;
    if (status == FAN_OK && pins.count)
        status = compare(run, &pins, error);
    else if (status == FAN_OK)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "%.200s.run.json is of a run without shards: name another output, "
                                "or remove it and %.200s.journal",
                                output, output);
    fani_shard_pins_clear(&pins);
    return status;
}

fan_status fani_shard_is_pinned(const fani_job_run *run, fan_error *error)
{
    bool replaceable = false;
    return is_sharded(run->job) ? look(run, &replaceable, error) : FAN_OK;
}

/* Makes the pin where there is none; *exists: there is one, or another run.json. */
static fan_status pin_first(const fani_job_run *run, bool *exists, fan_error *error)
{
    char *path = fani_ledger_run_json_path(fani_job_text(run->job, FANI_KEY_OUTPUT));
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    *exists = access(path, F_OK) == 0;
    free(path);
    return *exists ? FAN_OK : fani_run_json_pin(run, exists, error);
}

fan_status fani_shard_pin(const fani_job_run *run, fan_error *error)
{
    bool exists = false, replaceable = false;
    if (!is_sharded(run->job))
        return refuse_whole(run, error);
    fan_status status = pin_first(run, &exists, error);
    if (status != FAN_OK || !exists)
        return status;
    status = look(run, &replaceable, error);
    bool refused = status == FAN_E_ARGUMENT || status == FAN_E_INPUT;
    return refused && replaceable ? replace(run, status, error) : status;
}
