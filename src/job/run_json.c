#include "job/run_json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "fanfold/machine.h"
#include "job/identity.h"
#include "job/record.h"
#include "job/state.h"

#define SCHEMA "fanfold.run/1"
#define ENDED "ended"

/* Which of Slurm's variables say which job a run was part of, and what that job had. */
static const char *const slurm_names[] = {
    "SLURM_JOB_ID",         "SLURM_JOB_NAME",         "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",  "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP",  "SLURM_RESTART_COUNT",
    "SLURM_CLUSTER_NAME",   "SLURM_JOB_PARTITION",    "SLURM_JOB_NODELIST",
    "SLURM_JOB_NUM_NODES",  "SLURM_NTASKS",           "SLURM_CPUS_PER_TASK",
    "SLURM_STEP_ID",        "SLURM_SUBMIT_DIR",       "SLURM_SUBMIT_HOST",
};

/* An object under construction: after the first failure (no memory) nothing more is added. */
typedef struct building {
    json_t *object;
    bool failed;
} building;

static building begin_object(void)
{
    building b = {.object = json_object()};
    b.failed = !b.object;
    return b;
}

/* Takes the value over; a NULL one is a failure. */
static void add(building *b, const char *key, json_t *value)
{
    b->failed = json_object_set_new(b->object, key, value) || b->failed;
}

static void add_text(building *b, const char *key, const char *text)
{
    add(b, key, fani_json_text(text));
}

static void add_number(building *b, const char *key, uint64_t number)
{
    add(b, key, json_integer((json_int_t)number));
}

static void add_built(building *to, const char *key, building *part)
{
    to->failed = to->failed || part->failed;
    add(to, key, part->object);
}

/* ---- Parts -------------------------------------------------------------------------------------
 */

static json_t *texts(const char *const *at, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, fani_json_text(at[i]))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static void add_arguments(building *b, const fani_job_run *run)
{
    size_t count = 0;
    const char *const *arguments = run->events.arguments;
    while (arguments && arguments[count])
        count++;
    if (arguments)
        add(b, "arguments", texts(arguments, count));
}

static void add_program(building *b, const fani_job_run *run)
{
    building program = begin_object();
    char id[64];
    add_text(&program, "version", FANFOLD_VERSION);
    if (fan_build_id((const void *)slurm_names, id, sizeof id))
        add_text(&program, "build", id);
    if (run->events.mpi)
        add_text(&program, "mpi", run->events.mpi);
    add_built(b, "fanfold", &program);
}

/* What a resume compares, among it the task with its version, the instruction set and libm. */
static building identity_of(const fan_job *job, bool of_shards)
{
    fani_identity identity;
    building facts = begin_object();
    facts.failed |= fani_identity_of(job, &identity) != FAN_OK;
    for (size_t i = 0; i < identity.count; i++)
        if (!of_shards || strcmp(identity.facts[i].key, fani_key_info(FANI_KEY_SHARD)->name) != 0)
            add_text(&facts, identity.facts[i].key, identity.facts[i].value);
    fani_identity_clear(&identity);
    return facts;
}

static void add_identity(building *b, const fan_job *job, bool of_shards)
{
    building facts = identity_of(job, of_shards);
    add_built(b, "identity", &facts);
}

static void add_keys(building *b, const fan_job *job)
{
    building keys = begin_object();
    for (size_t i = 0; i < FANI_KEY_COUNT; i++) {
        const fan_job_key *key = fani_key_info((fani_key)i);
        const fani_strings *values = &job->values[i];
        if (values->count && key->repeats)
            add(&keys, key->name, texts((const char *const *)values->at, values->count));
        else if (values->count)
            add_text(&keys, key->name, values->at[values->count - 1]);
    }
    add_built(b, "keys", &keys);
}

static json_t *input(const char *name)
{
    building b = begin_object();
    struct stat info;
    add_text(&b, "name", name);
    if (strcmp(name, "-") != 0 && stat(name, &info) == 0 && S_ISREG(info.st_mode))
        add_number(&b, "bytes", (uint64_t)info.st_size);
    if (!b.failed)
        return b.object;
    json_decref(b.object);
    return NULL;
}

static void add_inputs(building *b, const fan_job *job)
{
    const fani_strings *names = &job->values[FANI_KEY_INPUT];
    json_t *array = json_array();
    for (size_t i = 0; i < names->count; i++)
        b->failed |= json_array_append_new(array, input(names->at[i])) != 0;
    add(b, "inputs", array);
}

/* In the order of their first ranks, each with how many it has. */
static void add_hosts(building *b, const fan_executor *executor, unsigned ranks)
{
    json_t *hosts = json_object();
    for (unsigned r = 0; hosts && r < ranks; r++) {
        const char *host = fan_executor_host(executor, r);
        json_int_t before = json_integer_value(json_object_get(hosts, host));
        b->failed |= json_object_set_new(hosts, host, json_integer(before + 1)) != 0;
    }
    add(b, "hosts", hosts);
}

static void add_executor(building *b, const fani_job_run *run)
{
    fan_executor_stats stats = {0};
    building executor = begin_object();
    if (fan_executor_get_stats(run->executor, &stats) == FAN_OK) {
        add_text(&executor, "kind", fan_executor_name(run->executor));
        add_number(&executor, "workers", stats.workers);
        add_number(&executor, "ranks", stats.ranks);
        if (fan_executor_host(run->executor, 0))
            add_hosts(&executor, run->executor, stats.ranks);
    }
    add_built(b, "executor", &executor);
}

static void add_machine(building *b)
{
    fan_machine_info info;
    struct utsname name;
    building machine = begin_object();
    fan_machine(&info);
    if (uname(&name) == 0) {
        add_text(&machine, "host", name.nodename);
        add_text(&machine, "system", name.sysname);
        add_text(&machine, "release", name.release);
    }
    add_number(&machine, "cores_usable", info.cores_usable);
    add_text(&machine, "limited_by", info.limited_by);
    add_number(&machine, "cores_online", info.cores_online);
    add_number(&machine, "cores_affinity", info.cores_affinity);
    add_number(&machine, "cores_pinned", info.cores_pinned);
    if (info.quota > 0)
        add(&machine, "quota", json_real(info.quota));
    add_built(b, "machine", &machine);
}

static void add_slurm(building *b)
{
    building slurm = begin_object();
    for (size_t i = 0; i < sizeof slurm_names / sizeof *slurm_names; i++) {
        const char *value = getenv(slurm_names[i]);
        if (value && *value)
            add_text(&slurm, slurm_names[i], value);
    }
    if (slurm.object && json_object_size(slurm.object) == 0)
        json_decref(slurm.object);
    else
        add_built(b, "slurm", &slurm);
}

static void add_time(building *b, const char *key, int64_t seconds)
{
    char text[32];
    time_t when = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&when, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        add_text(b, key, text);
}

/* What is known at the end alone. */
static void add_end(building *b, const fani_job_run *run, int exit_code)
{
    const fani_ledger_state *now = fani_state_now(run->state);
    building items = begin_object();
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, now->read_hash);
    add_number(&items, "read", now->read);
    add_text(&items, "hash", hash);
    add_built(b, "items", &items);
    add(b, "exit_code", json_integer(exit_code));
    add(b, "resumable", json_boolean(run->result->resume != NULL));
}

/* The object; NULL: out of memory. */
static json_t *built(building *b)
{
    if (!b->failed)
        return b->object;
    json_decref(b->object);
    return NULL;
}

/* ---- The file ----------------------------------------------------------------------------------
 */

/* Writes the file; with `exists` only where there is none. `state`: whose lock guards it, or NULL.
 */
static fan_status save(const char *path, const fan_buffer *text, const fani_state *state,
                       bool *exists, fan_error *error)
{
    fani_writer *writer = NULL;
    fani_writer_fence fence = {0};
    fan_status status = fani_writer_to_name(path, &writer, error);
    if (status == FAN_OK && state) {
        fence = fani_state_fence(state);
        fani_writer_set_fence(writer, &fence);
    }
    if (status == FAN_OK)
        status = fani_writer_add(writer, text->bytes, text->size, error);
    if (status == FAN_OK)
        status = exists ? fani_writer_publish_new(writer, exists, error)
                        : fani_writer_publish(writer, error);
    fani_writer_free(writer);
    return status;
}

static json_t *describe(const fani_job_run *run, bool ended, int exit_code)
{
    building b = begin_object(), timings = begin_object();
    add_text(&b, "schema", SCHEMA);
    add_text(&b, "state", ended ? ENDED : "begun");
    if (ended)
        add_end(&b, run, exit_code);
    add_arguments(&b, run);
    add_program(&b, run);
    add_identity(&b, run->job, false);
    add_keys(&b, run->job);
    add_inputs(&b, run->job);
    add_executor(&b, run);
    add_machine(&b);
    add_slurm(&b);
    add_time(&timings, "begun", run->begun_at);
    if (ended)
        add_time(&timings, "ended", (int64_t)time(NULL));
    add_built(&b, "timings", &timings);
    return built(&b);
}

static json_t *describe_shards(const fani_job_run *run)
{
    building b = begin_object(), timings = begin_object();
    add_text(&b, "schema", FANI_RUN_JSON_SHARDS);
    add_number(&b, "shards", run->slice.count);
    add_arguments(&b, run);
    add_program(&b, run);
    add_identity(&b, run->job, true);
    add_time(&timings, "begun", (int64_t)time(NULL));
    add_built(&b, "timings", &timings);
    return built(&b);
}

/* Writes the object, which is released, beside an output; the rest as in save. */
static fan_status write_object(json_t *object, const char *output, const fani_state *state,
                               bool *exists, fan_error *error)
{
    fan_buffer text = {0};
    char *path = fani_ledger_run_json_path(output);
    bool made = fani_bytes_add_json_as(&text, object, JSON_INDENT(2)) == FAN_OK && path;
    fan_status status = made ? save(path, &text, state, exists, error)
                             : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_buffer_clear(&text);
    free(path);
    return status;
}

static fan_status write_all(const fani_job_run *run, bool ended, int exit_code, fan_error *error)
{
    return write_object(describe(run, ended, exit_code), run->output, run->state, NULL, error);
}

fan_status fani_run_json_pin(const fani_job_run *run, bool *exists, fan_error *error)
{
    const char *output = fani_job_text(run->job, FANI_KEY_OUTPUT);
    return write_object(describe_shards(run), output, NULL, exists, error);
}

json_t *fani_run_json_shards_identity(const fan_job *job)
{
    building facts = identity_of(job, true);
    return built(&facts);
}

static fan_status malformed(const char *path, const json_error_t *what, fan_error *error)
{
    fani_error_set(error, FAN_E_INPUT, "%.400s", what->text);
    fani_error_place(error, path, what->line > 0 ? (uint32_t)what->line : 0,
                     what->column > 0 ? (uint32_t)what->column : 0);
    return FAN_E_INPUT;
}

static fan_status unreadable(const char *path, const char *what, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, errno, "%s can't be %s", path, what);
    fani_error_place(error, path, 0, 0);
    return FAN_E_INPUT;
}

static fan_status read_object(const char *path, json_t **object, fan_error *error)
{
    json_error_t what;
    int fd;
    do /* not blocking: somebody may have put a FIFO there */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !file)
        (void)close(fd); /* nothing was read */
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return FAN_OK;
    if (!file)
        return unreadable(path, "opened", error);
    errno = 0;
    *object = json_loadf(file, 0, &what);
    fan_status status = *object                 ? FAN_OK
                        : ferror(file) && errno ? unreadable(path, "read", error)
                                                : malformed(path, &what, error);
    (void)fclose(file); /* only read */
    return status;
}

fan_status fani_run_json_read(const char *output, json_t **object, fan_error *error)
{
    *object = NULL;
    char *path = fani_ledger_run_json_path(output);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = read_object(path, object, error);
    free(path);
    return status;
}

fan_status fani_run_json_begin(fani_job_run *run, fan_error *error)
{
    run->begun_at = (int64_t)time(NULL);
    if (!run->state || !run->writer || fani_state_now(run->state)->read)
        return FAN_OK;
    fan_status status = fani_state_check(run->state, error);
    return status == FAN_OK ? write_all(run, false, 0, error) : status;
}

fan_status fani_run_json_again(const fani_job_run *run, fan_error *error)
{
    return write_all(run, false, 0, error);
}

static bool says(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, expected) == 0;
}

/* What the run before has said of itself stays, and gets the end that it could not write, or did
 * not know of: where the sync of the folder failed behind its output. When that was is not known.
 */
static fan_status mend(const fani_job_run *run, int exit_code, fan_error *error)
{
    json_t *object = NULL;
    (void)fani_run_json_read(run->output, &object, NULL); /* what can't be read is written anew */
    if (!says(object, "schema", SCHEMA)) {
        json_decref(object);
        return write_all(run, true, exit_code, error);
    }
    if (says(object, "state", ENDED) &&
        json_integer_value(json_object_get(object, "exit_code")) == exit_code) {
        json_decref(object);
        return FAN_OK;
    }
    building b = {.object = object};
    add_text(&b, "state", ENDED);
    add_end(&b, run, exit_code);
    return write_object(built(&b), run->output, run->state, NULL, error);
}

fan_status fani_run_json_end(const fani_job_run *run, fan_status status, int exit_code,
                             fan_error *error)
{
    bool was_begun = run->writer || status == FAN_OK;
    if (!run->state || !was_begun || status == FAN_E_ARGUMENT ||
        fani_state_check(run->state, NULL) != FAN_OK) /* it is another run's now */
        return FAN_OK;
    return run->writer ? write_all(run, true, exit_code, error) : mend(run, exit_code, error);
}
