/* The keys of a weakkeys job: read from files of any form into one list. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "job/halt.h"
#include "job/staging.h"
#include "job/weak_need.h"
#include "job/weakkeys.h"
#include "kernel/gcd/weak_codec.h"
#include "kernel/rsa/checks.h"
#include "stage/unpack_stream.h"
#include "stage/walk.h"

enum { KEYS_BETWEEN_STOPS = 256, STOP_POLL_MS = 100 };

typedef struct key_reading {
    fani_job_run *run;
    fani_weakkeys_input *input;
    bool strict;
    uint64_t memory; /* what may be used; 0: any */
} key_reading;

/* ---- Entries --------------------------------------------------------------------------------- */

/* Says that an entry or a file is of no use; FAN_E_FAILED where that is one too many. */
static fan_status give_up(const key_reading *reading, const fan_error *what, fan_error *error)
{
    fani_run_report(reading->run, what);
    fani_halt_count(reading->run, &(fani_ledger_failure){.index = FANI_HALT_NO_INDEX,
                                                         .outcome = FANI_LEDGER_BAD_INPUT,
                                                         .line = what->line,
                                                         .column = what->column,
                                                         .file = what->file});
    return fani_halt_status(reading->run, error);
}

/* What an entry without a usable key means: said, or in a strict job the end. */
static fan_status refuse(const key_reading *reading, const char *file, uint64_t line,
                         uint64_t column, const char *reason, fan_error *error)
{
    fan_error what = {0};
    fani_error_set(&what, FAN_E_SYNTAX, "%s", reason);
    fani_error_place(&what, file, line < UINT32_MAX ? (uint32_t)line : UINT32_MAX,
                     column < UINT32_MAX ? (uint32_t)column : 0);
    if (!reading->strict)
        return give_up(reading, &what, error);
    if (error)
        *error = what;
    return what.status;
}

static fan_status take_problem(void *context, const fani_rsa_key_problem *problem, fan_error *error)
{
    return refuse(context, problem->file, problem->line, problem->column, problem->reason, error);
}

static fan_status make_room(fani_weakkeys_input *input)
{
    if (input->moduli.count < input->capacity)
        return FAN_OK;
    size_t capacity = input->capacity ? 2 * input->capacity : 256;
    fani_weakkeys_entry *entries = reallocarray(input->entries, capacity, sizeof *entries);
    if (!entries)
        return FAN_E_MEMORY;
    input->entries = entries;
    input->capacity = capacity;
    return FAN_OK;
}

static fan_status add_key(fani_weakkeys_input *input, const fani_rsa_key *key)
{
    fani_weakkeys_entry entry = {.file = input->files.count - 1,
                                 .line = key->line,
                                 .id = input->ids.size,
                                 .bits = key->bits,
                                 .index = input->moduli.count,
                                 .weak_exponent =
                                     key->has_exponent &&
                                     fani_rsa_exponent_is_weak(key->exponent, key->exponent_size)};
    fan_status status = make_room(input);
    if (status == FAN_OK)
        status = fani_bytes_add(&input->ids, key->id, strlen(key->id) + 1);
    if (status == FAN_OK)
        status = fani_mpzs_resize(&input->moduli, input->moduli.count + 1);
    if (status != FAN_OK)
        return status;
    size_t place = input->moduli.count - 1;
    fani_weak_import(input->moduli.values + place, key->modulus, key->modulus_size);
    input->entries[place] = entry;
    return FAN_OK;
}

/* Between two keys, now and then. */
static fan_status look_around(const key_reading *reading, const char *file, fan_error *error)
{
    size_t count = reading->input->moduli.count;
    if (fani_run_is_stopped(reading->run))
        return fani_error_set(error, FAN_E_CANCELLED, "stopped while reading keys");
    if (!reading->memory || fani_weak_memory_now() <= reading->memory)
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "memory is too small: %zu keys, read as far as %s, take more by "
                          "themselves",
                          count, file);
}

static fan_status take_key(void *context, const fani_rsa_key *key, fan_error *error)
{
    const key_reading *reading = context;
    fani_weakkeys_input *input = reading->input;
    fan_status status = add_key(input, key);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory for the keys of %s", key->file);
    if (key->bits < 2) /* listed too */
        return refuse(reading, key->file, key->line, 0,
                      key->bits ? "invalid: a modulus of 1" : "invalid: a modulus of 0", error);
    return input->moduli.count % KEYS_BETWEEN_STOPS ? FAN_OK
                                                    : look_around(reading, key->file, error);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* An input, read so that a stop is seen while it keeps its reader waiting, and between any two
 * pieces of one that has no keys and may have no end. */
typedef struct waiting_stream {
    const fani_job_run *run;
    int fd;
} waiting_stream;

static ssize_t read_when_ready(const waiting_stream *w, char *bytes, size_t size)
{
    struct pollfd entry = {.fd = w->fd, .events = POLLIN};
    int ready;
    do {
        if (fani_run_is_stopped(w->run)) {
            errno = EINTR;
            return -1;
        }
        ready = poll(&entry, 1, STOP_POLL_MS);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return read(w->fd, bytes, size);
}

/* Another reader of the same pipe may have taken what there was. */
static ssize_t read_waiting(void *cookie, char *bytes, size_t size)
{
    ssize_t got;
    do
        got = read_when_ready(cookie, bytes, size);
    while (got < 0 && errno == EAGAIN);
    return got;
}

/* Standard input stays open. */
static int close_waiting(void *cookie)
{
    const waiting_stream *w = cookie;
    return w->fd == STDIN_FILENO ? 0 : close(w->fd);
}

/* A file, or "-" for standard input; *w must outlive it. NULL with errno. Opening does not wait for
 * a pipe's writer: reading does, which sees a stop. */
static FILE *open_waiting(const fani_job_run *run, const char *path, waiting_stream *w)
{
    int fd =
        strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : STDIN_FILENO;
    *w = (waiting_stream){.run = run, .fd = fd};
    if (fd < 0)
        return NULL;
    FILE *stream =
        fopencookie(w, "rb", (cookie_io_functions_t){.read = read_waiting, .close = close_waiting});
    if (!stream)
        (void)close_waiting(w);
    return stream;
}

static fan_status skip_unopened(const key_reading *reading, const char *path, int code,
                                fan_error *error)
{
    fan_error what = {0};
    fani_error_errno(&what, FAN_E_INPUT, code, "%s can't be opened", path);
    fani_error_place(&what, path, 0, 0);
    reading->run->result->bad_inputs++;
    return give_up(reading, &what, error);
}

/* A stop also ends a read that waits for input; data that is damaged is one entry too few; and to
 * the job a reader that is missing is input that can't be read: no worker was lost. */
static fan_status judge_end(const key_reading *reading, const char *name, const char *damage,
                            fan_status status, fan_error *error)
{
    if (status == FAN_E_INPUT && fani_run_is_stopped(reading->run))
        return fani_error_set(error, FAN_E_CANCELLED, "stopped while reading %s", name);
    if (status == FAN_E_INPUT && damage) {
        char reason[256];
        snprintf(reason, sizeof reason, "can't be unpacked: %s", damage);
        reading->input->counts.unreadable++;
        if (error)
            *error = (fan_error){0};
        return refuse(reading, name, 0, 0, reason, error);
    }
    if (status == FAN_E_UNAVAILABLE) {
        status = FAN_E_INPUT;
        if (error)
            error->status = status;
    }
    return status;
}

static fan_status read_stream(key_reading *reading, FILE *raw, const char *name, fan_error *error)
{
    fani_weakkeys_input *input = reading->input;
    fani_rsa_key_reader reader = {
        .base = (unsigned)fani_job_count(reading->run->job, FANI_KEY_BASE, 16),
        .key = take_key,
        .problem = take_problem,
        .context = reading};
    fani_unpack_stream unpacking;
    FILE *stream = fani_unpack_stream_open(&unpacking, raw);
    fan_status status = stream ? fani_strings_add(&input->files, name) : FAN_E_MEMORY;
    if (status != FAN_OK)
        fani_error_set(error, status, "no memory to read %s", name);
    else
        status = fani_rsa_keys_read_stream(stream, name, &reader, &input->counts, error);
    if (stream)
        fclose(stream); /* only read from */
    return judge_end(reading, name, unpacking.why, status, error);
}

/* `shown` is the name of the file that a copy stands for, or NULL. */
static fan_status read_file(key_reading *reading, const char *path, const char *shown,
                            fan_error *error)
{
    const char *name = !strcmp(path, "-") ? "(standard input)" : shown ? shown : path;
    waiting_stream waiting;
    FILE *raw = open_waiting(reading->run, path, &waiting);
    if (!raw)
        return skip_unopened(reading, name, errno, error);
    fan_status status = read_stream(reading, raw, name, error);
    fclose(raw); /* only read from */
    return status;
}

/* ---- Folders --------------------------------------------------------------------------------- */

/* A file of a folder, however many names it has there. */
typedef struct seen_file {
    dev_t device;
    ino_t number;
} seen_file;

static int compare_seen(const void *left, const void *right)
{
    const seen_file *a = left, *b = right;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

/* Whether a file was not read yet, by another link to it: its keys would be duplicates. One that
 * can't be looked at counts as new, so that opening it says why. FAN_E_MEMORY. */
static fan_status is_new(void **seen, const char *path, bool *new)
{
    struct stat info;
    *new = true;
    if (stat(path, &info) != 0)
        return FAN_OK;
    seen_file *file = malloc(sizeof *file);
    if (!file)
        return FAN_E_MEMORY;
    *file = (seen_file){.device = info.st_dev, .number = info.st_ino};
    seen_file **kept = tsearch(file, seen, compare_seen);
    *new = kept &&*kept == file;
    if (!*new)
        free(file);
    return kept ? FAN_OK : FAN_E_MEMORY;
}

static fan_status read_found(key_reading *reading, void **seen, const char *path, fan_error *error)
{
    bool new;
    if (fani_run_is_stopped(reading->run))
        return fani_error_set(error, FAN_E_CANCELLED, "stopped while reading keys");
    fan_status status = is_new(seen, path, &new);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory to read %s", path);
    return new ? read_file(reading, path, NULL, error) : FAN_OK;
}

/* All files below a folder, in the order of their names; links to folders are not followed. */
static fan_status read_folder(key_reading *reading, const char *folder, fan_error *error)
{
    fani_walk *walk = fani_walk_new(folder, &(struct stat){0});
    void *seen = NULL;
    char *path = NULL;
    fan_status status = FAN_OK;
    if (!walk)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to read %s", folder);
    do {
        fan_error flaw = {0};
        free(path);
        path = NULL;
        fan_status found = fani_walk_next(walk, &path, &flaw);
        if (found == FAN_E_MEMORY)
            status = fani_error_set(error, found, "no memory to read %s", folder);
        else if (found != FAN_OK)
            status = skip_unopened(reading, path, flaw.errno_code, error);
        else if (path)
            status = read_found(reading, &seen, path, error);
    } while (status == FAN_OK && path);
    free(path);
    tdestroy(seen, free);
    fani_walk_free(walk);
    return status;
}

static fan_status read_path(key_reading *reading, const char *path, fan_error *error)
{
    struct stat info;
    bool is_folder = strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return is_folder ? read_folder(reading, path, error) : read_file(reading, path, NULL, error);
}

static fan_status read_files(key_reading *reading, const fani_strings *paths, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < paths->count; i++)
        status = read_path(reading, paths->at[i], error);
    return status;
}

fan_status fani_weakkeys_input_read(fani_job_run *run, fani_weakkeys_input *input, fan_error *error)
{
    const fani_strings *arguments = &run->job->arguments;
    const fani_strings *inputs = &run->job->values[FANI_KEY_INPUT];
    key_reading reading = {
        .run = run, .input = input, .strict = fani_job_flag(run->job, FANI_KEY_STRICT)};
    const char *memory = fani_job_text(run->job, FANI_KEY_MEMORY);
    if (memory)
        (void)fani_read_size(memory, &reading.memory); /* it was checked when it was set */
    fan_status status = read_files(&reading, arguments, error);
    if (status == FAN_OK)
        status = read_files(&reading, inputs, error);
    for (size_t i = 0; status == FAN_OK && i < fani_staging_count(run->staging); i++) {
        fani_staged file = fani_staging_at(run->staging, i);
        status = read_file(&reading, file.path, file.name, error);
    }
    if (status == FAN_OK && !arguments->count && !inputs->count && !run->staging)
        status = read_file(&reading, "-", NULL, error);
    return status;
}

void fani_weakkeys_input_free(fani_weakkeys_input *input)
{
    fani_mpzs_free(&input->moduli);
    fani_mpzs_free(&input->checked.factors);
    free(input->checked.at);
    free(input->entries);
    free(input->has_small);
    fani_strings_clear(&input->files);
    fan_buffer_clear(&input->ids);
    *input = (fani_weakkeys_input){0};
}
