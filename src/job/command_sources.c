/* Sources of the job "command": lists of values, of which all combinations are items. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/command_internal.h"

/* Begin a source of words, and one for each file that is named behind it. */
#define WORDS ":::"
#define FILES "::::"

typedef struct source {
    fan_buffer bytes; /* of values that were read */
    size_t *ends;     /* of each in them; NULL: they are the job's words */
    char *const *words;
    size_t count, room;
} source;

struct fani_sources {
    source *list;
    size_t count;
    uint64_t total;
    fan_buffer item;
};

/* ---- The key ---------------------------------------------------------------------------------
 */

static bool is_mark(const char *value)
{
    return !strcmp(value, WORDS) || !strcmp(value, FILES);
}

/* Calls `found` for each source: a file's name, or words. Where no file is named that is a source
 * of no words: a list of files that came out empty must not leave a place in the command empty. */
static fan_status walk(const fan_job *job,
                       fan_status (*found)(void *user, const char *file, char *const *words,
                                           size_t count),
                       void *user)
{
    const fani_strings *values = &job->values[FANI_KEY_VALUES];
    fan_status status = FAN_OK;
    bool files = false;
    for (size_t i = 0; status == FAN_OK && i < values->count;) {
        size_t count = 0;
        if (is_mark(values->at[i]))
            files = !strcmp(values->at[i++], FILES);
        while (i + count < values->count && !is_mark(values->at[i + count]))
            count++;
        for (size_t k = 0; files && status == FAN_OK && k < count; k++)
            status = found(user, values->at[i + k], NULL, 0);
        if (!files || !count)
            status = found(user, NULL, values->at + i, count);
        i += count;
    }
    return status;
}

static fan_status count_one(void *user, const char *file, char *const *words, size_t count)
{
    (void)file, (void)words, (void)count;
    ++*(size_t *)user;
    return FAN_OK;
}

size_t fani_sources_count(const fan_job *job)
{
    size_t count = 0;
    (void)walk(job, count_one, &count); /* which fails only where count_one does */
    return count;
}

/* ---- Reading files ---------------------------------------------------------------------------
 */

static fan_status add_read(source *s, const fan_items *items)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < items->count; i++) {
        size_t size;
        const unsigned char *value = fan_items_at(items, i, &size);
        if (s->count == s->room) {
            size_t room = 2 * s->room + 64;
            size_t *ends = realloc(s->ends, room * sizeof *ends);
            if (!ends)
                return FAN_E_MEMORY;
            s->ends = ends;
            s->room = room;
        }
        status = fani_bytes_add(&s->bytes, value, size);
        s->ends[s->count++] = s->bytes.size;
    }
    return status;
}

/* Whether something that was read is no value: a file that can't be opened, a line that is too
 * long, or one with the byte that stands between the values of an item. */
static fan_status refuse_flawed(fani_reader *reader, const fan_items *items, fan_error *error)
{
    for (size_t i = 0; i < items->count; i++) {
        fani_place place = fani_reader_place(reader, items->first + i);
        fan_error nobodys;
        size_t size;
        const unsigned char *value = fan_items_at(items, i, &size),
                            *nul = size ? memchr(value, 0, size) : NULL;
        if (place.flaw == FANI_FLAW_NONE && !nul)
            continue;
        fani_reader_explain(reader, place, nul ? (size_t)(nul - value) : 0,
                            "a NUL byte, which no argument can have (--null: items end with it)",
                            error ? error : &nobodys);
        if (place.flaw == FANI_FLAW_NONE)
            return FAN_E_SYNTAX;
        return place.flaw == FANI_FLAW_NOT_OPENED ? FAN_E_INPUT : FAN_E_TOO_LARGE;
    }
    return FAN_OK;
}

static fan_status read_file(source *s, const char *path, char separator, fan_error *error)
{
    fani_reader *reader = NULL;
    fani_reader_options options = {.unit = FANI_UNIT_RECORD, .separator = separator};
    fan_items items = {0};
    fan_status status = fani_reader_new(&options, &reader);
    if (status == FAN_OK)
        status = fani_reader_add_file(reader, path);
    if (status != FAN_OK)
        fani_error_set(error, status, "out of memory");
    while (status == FAN_OK && !fani_reader_ended(reader)) {
        status = fani_reader_pull(reader, SIZE_MAX, SIZE_MAX, true, &items, error);
        if (status == FAN_OK)
            status = refuse_flawed(reader, &items, error);
        if (status == FAN_OK && add_read(s, &items) != FAN_OK)
            status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
        fani_reader_forget(reader, items.first + items.count);
    }
    fani_reader_free(reader);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------
 */

typedef struct opening {
    fani_sources *made;
    char separator;
    fan_error *error;
} opening;

static fan_status open_one(void *user, const char *file, char *const *words, size_t count)
{
    const opening *o = user;
    source *s = &o->made->list[o->made->count++];
    fan_status status = FAN_OK;
    s->words = words;
    s->count = count;
    if (file)
        status = read_file(s, file, o->separator, o->error);
    if (status == FAN_OK && (__builtin_mul_overflow(o->made->total, s->count, &o->made->total) ||
                             o->made->total > UINT64_C(1) << 62))
        status = fani_error_set(o->error, FAN_E_TOO_LARGE,
                                "the sources have more than 2^62 combinations");
    return status;
}

fan_status fani_sources_open(const fan_job *job, fani_sources **sources, fan_error *error)
{
    fani_sources *made = calloc(1, sizeof *made);
    opening o = {
        .made = made, .separator = fani_job_flag(job, FANI_KEY_NULL) ? '\0' : '\n', .error = error};
    fan_status status = made ? FAN_OK : FAN_E_MEMORY;
    if (made) {
        made->total = 1;
        made->list = calloc(fani_sources_count(job) + 1, sizeof *made->list);
        status = made->list ? FAN_OK : FAN_E_MEMORY;
    }
    if (status != FAN_OK)
        fani_error_set(error, status, "out of memory");
    else
        status = walk(job, open_one, &o);
    if (status == FAN_OK)
        *sources = made;
    else
        fani_sources_free(made);
    return status;
}

void fani_sources_free(fani_sources *sources)
{
    if (!sources)
        return;
    for (size_t i = 0; i < sources->count; i++) {
        fan_buffer_clear(&sources->list[i].bytes);
        free(sources->list[i].ends);
    }
    free(sources->list);
    fan_buffer_clear(&sources->item);
    free(sources);
}

/* ---- Combinations ----------------------------------------------------------------------------
 */

static fani_piece value_at(const source *s, size_t i)
{
    if (!s->ends)
        return (fani_piece){s->words[i], strlen(s->words[i])};
    size_t from = i ? s->ends[i - 1] : 0;
    return (fani_piece){(const char *)s->bytes.bytes + from, s->ends[i] - from};
}

/* Combination number i: the last source's value changes fastest. */
static fan_status make(void *user, uint64_t i, const char **bytes, size_t *size)
{
    fani_sources *s = user;
    fan_status status = FAN_OK;
    uint64_t left = s->total;
    *bytes = NULL;
    s->item.size = 0;
    if (i >= s->total)
        return FAN_OK;
    for (size_t k = 0; status == FAN_OK && k < s->count; k++) {
        left /= s->list[k].count;
        fani_piece value = value_at(&s->list[k], (size_t)(i / left % s->list[k].count));
        status = fani_bytes_add(&s->item, "", k ? 1 : 0);
        if (status == FAN_OK)
            status = fani_bytes_add(&s->item, value.at, value.size);
    }
    *bytes = s->item.size ? (const char *)s->item.bytes : "";
    *size = s->item.size;
    return status;
}

fan_status fani_sources_add(fani_sources *sources, fani_reader *reader)
{
    return fani_reader_add_made(reader, make, sources);
}
