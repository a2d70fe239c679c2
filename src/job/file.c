/* Job files: one [job] section whose keys are those of the command line, and `task`.
 *
 * The ini library has no line numbers in its handler, so the lines are served to it one by one from
 * here, and the place of every value is known. */
#include "job/job_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "job/record.h"
#include "stage/fetch.h"

enum { FILE_MAX = 1 << 20 };

typedef struct pair {
    char *key, *value;
    uint32_t key_line, key_column;
    uint32_t line, value_column; /* where the value begins */
} pair;

typedef struct job_file {
    const char *path; /* for messages */
    fan_buffer text;
    const char *next; /* what is not served yet; the text ends with a NUL */
    const char *line; /* the line being handled */
    size_t line_size;
    uint32_t line_number;
    bool continues; /* the line goes on with the value of the one before */
    pair *pairs;
    size_t count;
    fan_error *error; /* the first one */
    fan_status status;
    uint32_t error_line;
} job_file;

/* ---- Reading --------------------------------------------------------------------------------- */

static fan_status input_error(const char *path, int code, const char *doing, fan_error *error)
{
    fani_error_errno(error, FAN_E_INPUT, code, "%s can't be %s", path, doing);
    fani_error_place(error, path, 0, 0);
    return FAN_E_INPUT;
}

static fan_status read_fd(job_file *file, int fd, fan_error *error)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return input_error(file->path, errno, "read", error);
        fan_status status = fani_bytes_add(&file->text, n ? bytes : "", n ? (size_t)n : 1);
        if (status != FAN_OK)
            return fani_error_set(error, status, "out of memory");
        if (n == 0)
            return FAN_OK;
        if (file->text.size > FILE_MAX)
            return fani_error_set(error, FAN_E_TOO_LARGE, "%s is no job file: above %d bytes",
                                  file->path, FILE_MAX);
    }
}

static fan_status read_file(job_file *file, const char *path, fan_error *error)
{
    if (!strcmp(path, "-"))
        return read_fd(file, STDIN_FILENO, error);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return input_error(path, errno, "opened", error);
    fan_status status = read_fd(file, fd, error);
    (void)close(fd); /* only read from */
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* Keeps the first error with its place. */
static fan_status refuse(job_file *file, fan_status status, uint32_t line, uint32_t column,
                         const char *text)
{
    if (file->status == FAN_OK) {
        file->status = status;
        file->error_line = line;
        fani_error_set(file->error, status, "%s", text);
        fani_error_place(file->error, file->path, line, column);
    }
    return status;
}

/* As the ini library sees it. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_blanks(const job_file *file, size_t at)
{
    while (at < file->line_size && is_blank(file->line[at]))
        at++;
    return at;
}

/* Whether a key that is known, then '=' or ':', stands at `at`. */
static bool sets_known_key(const job_file *file, size_t at)
{
    const char *name = "task";
    for (size_t i = 0; name; i++) {
        size_t size = strlen(name);
        if (size < file->line_size - at && !memcmp(file->line + at, name, size)) {
            size_t after = skip_blanks(file, at + size);
            if (after < file->line_size && (file->line[after] == '=' || file->line[after] == ':'))
                return true;
        }
        const fan_job_key *key = fan_job_key_at(i);
        name = key ? key->name : NULL;
    }
    return false;
}

/* Where a comment begins that stands behind a value; the line's size where there is none. */
static size_t find_comment(const job_file *file, size_t at)
{
    while (at < file->line_size && !(file->line[at] == ';' && at && is_blank(file->line[at - 1])))
        at++;
    return at;
}

/* Serves a line as fgets does. Indentation is taken from keys: for the ini library an indented line
 * goes on with the value above it. */
static char *serve(char *to, int size, void *stream)
{
    job_file *file = stream;
    const char *end = file->next;
    if (!*end || file->status != FAN_OK)
        return NULL;
    while (*end && *end != '\n')
        end++;
    file->line = file->next;
    file->line_size = (size_t)(end - file->next);
    file->line_number++;
    file->next = *end ? end + 1 : end;
    size_t indent = skip_blanks(file, 0);
    file->continues = indent && !sets_known_key(file, indent);
    size_t from = file->continues ? 0 : indent;
    /* In a line that goes on with a value not every version of the ini library looks for comments.
     */
    size_t to_size = (file->continues ? find_comment(file, indent) : file->line_size) - from;
    if (file->line_size - from + 2 > (size_t)size) {
        char text[128];
        snprintf(text, sizeof text,
                 "a line of %zu bytes: expected at most %d; values go on in indented lines",
                 file->line_size, size - 2);
        refuse(file, FAN_E_SYNTAX, file->line_number, (uint32_t)size - 1, text);
        return NULL;
    }
    memcpy(to, file->line + from, to_size);
    memcpy(to + to_size, "\n", 2);
    return to;
}

static uint32_t value_column(const job_file *file)
{
    size_t at = skip_blanks(file, 0);
    if (!file->continues) {
        while (at < file->line_size && file->line[at] != '=' && file->line[at] != ':')
            at++;
        at = skip_blanks(file, at + 1);
    }
    return (uint32_t)at + 1;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

/* A value that goes on: for a key that repeats it is another value, else one with a blank between.
 */
static bool repeats(const char *name)
{
    const fan_job_key *key;
    for (size_t i = 0; (key = fan_job_key_at(i)); i++)
        if (!strcmp(key->name, name))
            return key->repeats;
    return false;
}

static fan_status append_value(pair *p, const job_file *file, const char *value)
{
    size_t size = strlen(p->value) + strlen(value) + 2;
    char *joined = malloc(size);
    if (!joined)
        return FAN_E_MEMORY;
    snprintf(joined, size, "%s%s%s", p->value, *p->value ? " " : "", value);
    if (!*p->value) { /* it begins here */
        p->line = file->line_number;
        p->value_column = value_column(file);
    }
    free(p->value);
    p->value = joined;
    return FAN_OK;
}

static fan_status add_pair(job_file *file, const char *name, const char *value)
{
    pair *pairs = realloc(file->pairs, (file->count + 1) * sizeof *pairs);
    if (!pairs)
        return FAN_E_MEMORY;
    file->pairs = pairs;
    pair *p = &pairs[file->count];
    *p = (pair){.key = strdup(name),
                .value = strdup(value),
                .key_line = file->line_number,
                .line = file->line_number,
                .key_column = (uint32_t)skip_blanks(file, 0) + 1,
                .value_column = value_column(file)};
    file->count++;
    return p->key && p->value ? FAN_OK : FAN_E_MEMORY;
}

static const pair *find_pair(const job_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->pairs[i].key, name))
            return &file->pairs[i];
    return NULL;
}

/* The ini library's handler: 1 goes on, 0 is an error. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
    job_file *file = user;
    if (file->status != FAN_OK)
        return 0;
    char text[200];
    fan_status status = FAN_OK;
    if (strcmp(section, "job") != 0) {
        if (*section)
            snprintf(text, sizeof text, "section [%.50s]: expected [job]", section);
        else
            snprintf(text, sizeof text, "'%.50s' stands before any section: expected [job]", name);
        refuse(file, FAN_E_SYNTAX, file->line_number, 1, text);
        return 0;
    }
    pair *last = file->count ? &file->pairs[file->count - 1] : NULL;
    if (last && file->continues && (!repeats(name) || !*last->value)) {
        status = append_value(last, file, value);
    } else if (!repeats(name) && find_pair(file, name)) {
        snprintf(text, sizeof text, "%.50s is set twice: expected it once", name);
        refuse(file, FAN_E_SYNTAX, file->line_number, 1, text);
        return 0;
    } else {
        status = add_pair(file, name, value);
    }
    if (status != FAN_OK)
        refuse(file, status, file->line_number, 1, "out of memory");
    return status == FAN_OK;
}

static fan_status parse(job_file *file)
{
    const char *text = (const char *)file->text.bytes;
    const char *nul = memchr(text, 0, file->text.size - 1);
    file->next = text;
    if (nul) {
        uint32_t line = 1;
        for (const char *at = text; at < nul; at++)
            line += *at == '\n';
        const char *start = memrchr(text, '\n', (size_t)(nul - text));
        return refuse(file, FAN_E_SYNTAX, line, (uint32_t)(nul - (start ? start + 1 : text)) + 1,
                      "a NUL byte: expected text");
    }
    int line = ini_parse_stream(serve, file, handle, file);
    if (line < 0)
        refuse(file, FAN_E_MEMORY, 0, 0, "out of memory");
    if (line > 0 && (file->status == FAN_OK || (uint32_t)line < file->error_line)) {
        file->status = FAN_OK; /* this one comes first */
        refuse(file, FAN_E_SYNTAX, (uint32_t)line, 1,
               "expected '[job]', 'key = value' or a comment");
    }
    return file->status;
}

/* ---- The job --------------------------------------------------------------------------------- */

/* A relative path as seen from the job file's folder; the caller frees it. */
static char *resolve(const char *job_path, const char *path)
{
    const char *slash = strrchr(job_path, '/');
    char *joined;
    if (!slash || path[0] == '/' || !strcmp(path, "-") || !strcmp(job_path, "-"))
        return strdup(path);
    return asprintf(&joined, "%.*s/%s", (int)(slash - job_path), job_path, path) < 0 ? NULL
                                                                                     : joined;
}

/* The same for what may be "@" and a path, or a URL. */
static char *resolve_source(const char *job_path, const char *source)
{
    bool listed = *source == '@';
    char *path = fani_fetch_is_url(source) ? NULL : resolve(job_path, source + listed), *text;
    if (fani_fetch_is_url(source))
        return strdup(source);
    if (!path || asprintf(&text, "%s%s", listed ? "@" : "", path) < 0)
        text = NULL;
    free(path);
    return text;
}

static char *value_of(const job_file *file, fani_key key, const char *value)
{
    if (*value && fani_key_is_source(key))
        return resolve_source(file->path, value);
    return *value && fani_key_is_path(key) ? resolve(file->path, value) : strdup(value);
}

static fan_status set_pair(job_file *file, const pair *p, fan_job *job)
{
    fani_key key;
    fan_error error = {0};
    fan_status status = fani_key_find(job->kind, p->key, &key, &error);
    if (status != FAN_OK)
        return refuse(file, status, p->key_line, p->key_column, error.text);
    char *value = value_of(file, key, p->value);
    if (!value)
        return refuse(file, FAN_E_MEMORY, p->line, 1, "out of memory");
    status = fan_job_set(job, p->key, value, &error);
    free(value);
    if (status == FAN_OK) {
        status = fani_job_add_origin(job, key, p->line, p->value_column);
        return status == FAN_OK ? status : refuse(file, status, p->line, 1, "out of memory");
    }
    uint32_t inside = error.column ? error.column - 1 : 0;
    return refuse(file, status, p->line, p->value_column + inside, error.text);
}

static fan_status make_job(job_file *file, fan_job **job)
{
    fan_error error = {0};
    fan_job *made;
    const pair *task = find_pair(file, "task");
    if (!task)
        return refuse(file, FAN_E_SYNTAX, file->line_number ? file->line_number : 1, 1,
                      "there is no task: expected 'task = NAME' in [job]");
    fan_status status = fan_job_new(task->value, &made, &error);
    if (status != FAN_OK)
        return refuse(file, status, task->line, task->value_column, error.text);
    made->file = strdup(file->path);
    if (!made->file)
        status = refuse(file, FAN_E_MEMORY, 1, 1, "out of memory");
    for (size_t i = 0; status == FAN_OK && i < file->count; i++)
        if (&file->pairs[i] != task)
            status = set_pair(file, &file->pairs[i], made);
    if (status == FAN_OK)
        *job = made;
    else
        fan_job_free(made);
    return status;
}

fan_status fan_job_load(const char *path, fan_job **job, fan_error *error)
{
    *job = NULL;
    job_file file = {.path = strcmp(path, "-") ? path : "(standard input)", .error = error};
    fan_status status = read_file(&file, path, error);
    if (status == FAN_OK)
        status = parse(&file);
    if (status == FAN_OK)
        status = make_job(&file, job);
    for (size_t i = 0; i < file.count; i++) {
        free(file.pairs[i].key);
        free(file.pairs[i].value);
    }
    free(file.pairs);
    fan_buffer_clear(&file.text);
    return status;
}
