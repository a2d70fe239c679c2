#include "job/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "stage/reader.h"

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Makes room for more bytes behind those that are there. */
static fan_status reserve(fan_buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->size)
        return FAN_OK;
    size_t capacity = buffer->size + more + (buffer->size + more) / 2 + 256;
    unsigned char *grown = realloc(buffer->bytes, capacity);
    if (!grown)
        return FAN_E_MEMORY;
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return FAN_OK;
}

fan_status fani_bytes_add(fan_buffer *buffer, const void *bytes, size_t size)
{
    fan_status status = reserve(buffer, size);
    if (status != FAN_OK)
        return status;
    if (size)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return FAN_OK;
}

char *fani_bytes_room(fan_buffer *buffer, size_t size)
{
    if (size > buffer->capacity) {
        unsigned char *grown = malloc(size);
        if (!grown)
            return NULL;
        fan_buffer_clear(buffer);
        buffer->bytes = grown;
        buffer->capacity = size;
    }
    buffer->size = 0;
    return (char *)buffer->bytes;
}

static fan_status add_text(fan_buffer *buffer, const char *text)
{
    return fani_bytes_add(buffer, text, strlen(text));
}

static fan_status add_u64(fan_buffer *buffer, uint64_t value)
{
    char digits[FANI_U64_DIGITS];
    size_t size = fani_u64_text(value, digits);
    return fani_bytes_add(buffer, digits, size);
}

static int add_json_piece(const char *bytes, size_t size, void *buffer)
{
    return fani_bytes_add(buffer, bytes, size) == FAN_OK ? 0 : -1;
}

fan_status fani_bytes_add_json_as(fan_buffer *buffer, json_t *object, size_t flags)
{
    int failed = !object || json_dump_callback(object, add_json_piece, buffer, flags);
    json_decref(object);
    return failed ? FAN_E_MEMORY : fani_bytes_add(buffer, "\n", 1);
}

fan_status fani_bytes_add_json(fan_buffer *buffer, json_t *object)
{
    return fani_bytes_add_json_as(buffer, object, JSON_COMPACT);
}

/* ---- Replies --------------------------------------------------------------------------------- */

fani_list_args fani_record_args(const fan_run *run)
{
    fani_list_args args = {.digits = FANI_TOKEN_MAX, .step = 1};
    fan_items items = fan_run_args(run);
    size_t size = 0;
    const unsigned char *bytes = items.count ? fan_items_at(&items, 0, &size) : NULL;
    if (bytes && size == sizeof args)
        memcpy(&args, bytes, sizeof args);
    return args;
}

/* What stands between the flags and the output where there is a note. */
typedef struct note_head {
    uint32_t offset;
    uint32_t size;
} note_head;

fan_status fani_record_begin(fan_buffer *out, unsigned flags, size_t offset, const char *note)
{
    unsigned char byte = (unsigned char)flags;
    fan_status status = fani_bytes_add(out, &byte, 1);
    if (status != FAN_OK || !flags)
        return status;
    size_t size = strnlen(note, FANI_NOTE_MAX);
    note_head head = {.offset = offset < UINT32_MAX ? (uint32_t)offset : UINT32_MAX,
                      .size = (uint32_t)size};
    status = fani_bytes_add(out, &head, sizeof head);
    return status == FAN_OK ? fani_bytes_add(out, note, size) : status;
}

bool fani_record_read(const unsigned char *bytes, size_t size, fani_answer *answer)
{
    note_head head;
    if (!size)
        return false;
    bool bare = fani_record_is_bare(bytes, size);
    answer->flags =
        bare ? 0 : bytes[0]; /* field by field: clearing the note would cost more than the rest */
    answer->offset = 0;
    answer->outcome = 0;
    answer->output = bytes + !bare;
    answer->output_size = size - !bare;
    answer->note[0] = '\0';
    if (!answer->flags)
        return true;
    if (size < 1 + sizeof head)
        return false;
    memcpy(&head, bytes + 1, sizeof head);
    if (head.size > FANI_NOTE_MAX || head.size > size - 1 - sizeof head)
        return false;
    memcpy(answer->note, bytes + 1 + sizeof head, head.size);
    answer->note[head.size] = '\0';
    answer->offset = head.offset;
    answer->output = bytes + 1 + sizeof head + head.size;
    answer->output_size = size - 1 - sizeof head - head.size;
    return true;
}

fan_status fani_record_bad(fan_run *run, size_t i, size_t offset, const char *format, ...)
{
    char note[FANI_NOTE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    fan_buffer out = {0};
    fan_status status = fani_record_begin(&out, FANI_RECORD_BAD, offset, note);
    if (status == FAN_OK)
        status = fan_run_reply(run, i, out.bytes, out.size);
    free(out.bytes);
    return status;
}

fan_status fani_record_bad_number(fan_run *run, size_t i, size_t offset, const unsigned char *token,
                                  size_t size, size_t bad, bool minus_allowed)
{
    char shown[48];
    const char *expected = minus_allowed ? "an integer" : "a whole number that is not negative";
    fani_excerpt(token, size, shown, sizeof shown);
    if (bad == size)
        return fani_record_bad(run, i, offset + bad, "'%s' ends too early: expected %s", shown,
                               expected);
    return fani_record_bad(run, i, offset + bad, "'%s' is no number: expected %s", shown, expected);
}

/* ---- Formats --------------------------------------------------------------------------------- */

/* "subject: value", "subject:" where the value is empty, or the value alone. */
static fan_status add_record_text(fan_buffer *out, const fani_record *r)
{
    size_t subject_size = r->subject_text ? r->subject->size : 0;
    fan_status status = reserve(out, subject_size + r->value_size + sizeof ": \n");
    if (status != FAN_OK)
        return status;
    unsigned char *at = out->bytes + out->size;
    if (r->subject_text) {
        memcpy(at, r->subject->digits, subject_size);
        at += subject_size;
        *at++ = ':';
        if (r->value_size)
            *at++ = ' ';
    }
    if (r->value_size)
        memcpy(at, r->value, r->value_size);
    at += r->value_size;
    *at++ = '\n';
    out->size = (size_t)(at - out->bytes);
    return FAN_OK;
}

static const char *status_name(const fani_record *r)
{
    return r->flags & FANI_RECORD_PARTIAL ? "partial" : "ok";
}

static fan_status add_record_tsv(fan_buffer *out, uint64_t index, const fani_record *r)
{
    fan_status status = add_u64(out, index);
    if (status == FAN_OK && r->subject) {
        status = fani_bytes_add(out, "\t", 1);
        if (status == FAN_OK)
            status = fani_bytes_add(out, r->subject->digits, r->subject->size);
    }
    if (status == FAN_OK)
        status = fani_bytes_add(out, "\t", 1);
    if (status == FAN_OK)
        status = fani_bytes_add(out, r->value, r->value_size);
    const char *const rest[] = {"\t", status_name(r), "\t", r->flags ? r->note : "", "\n"};
    for (size_t i = 0; status == FAN_OK && i < sizeof rest / sizeof rest[0]; i++)
        status = add_text(out, rest[i]);
    return status;
}

static json_t *json_head(const char *task, uint64_t index, const char *status)
{
    return json_pack("{s:o, s:I, s:s}", "schema", json_sprintf("fanfold.%s/1", task), "index",
                     (json_int_t)index, "status", status);
}

static fan_status add_record_json(fan_buffer *out, uint64_t index, const fani_record *r)
{
    json_t *object = json_head(r->task, index, status_name(r));
    int failed = !object;
    if (!failed && r->subject)
        failed = json_object_set_new(
            object, "n", json_stringn((const char *)r->subject->digits, r->subject->size));
    if (!failed && r->input)
        failed = json_object_set_new(object, "input",
                                     json_stringn((const char *)r->input, r->input_size));
    if (failed)
        json_decref(r->json);
    else
        failed = json_object_set_new(object, r->name, r->json);
    if (!failed && r->flags)
        failed = json_object_set_new(object, "text", json_string(r->note));
    if (!failed)
        return fani_bytes_add_json(out, object);
    json_decref(object);
    return FAN_E_MEMORY;
}

fan_status fani_record_reply(fan_run *run, size_t i, uint64_t index, const fani_list_args *args,
                             const fani_record *record, fan_buffer *scratch)
{
    scratch->size = 0;
    index = args->first + index * args->step;
    fan_status status = FAN_OK;
    if (record->flags) /* else the record, which begins with a digit or a brace, is all of it */
        status = fani_record_begin(scratch, record->flags, 0, record->note);
    if (status != FAN_OK) {
        json_decref(record->json);
        return status;
    }
    switch ((fani_format)args->format) {
    case FANI_FORMAT_TEXT:
        status = add_record_text(scratch, record);
        break;
    case FANI_FORMAT_TSV:
        status = add_record_tsv(scratch, index, record);
        break;
    case FANI_FORMAT_NDJSON:
        status = add_record_json(scratch, index, record);
        break;
    }
    return status == FAN_OK ? fan_run_reply(run, i, scratch->bytes, scratch->size) : status;
}

/* ---- Failures -------------------------------------------------------------------------------- */

static fan_status failure_tsv(const fani_failure *f, fan_buffer *out)
{
    char text[sizeof f->error->text];
    fan_status status = add_u64(out, f->index);
    for (unsigned i = 0; status == FAN_OK && i < f->columns; i++)
        status = add_text(out, "\t-");
    snprintf(text, sizeof text, "%s", f->error->text);
    for (char *at = text; *at; at++)
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    const char *const rest[] = {"\t", f->status, "\t", text, "\n"};
    for (size_t i = 0; status == FAN_OK && i < sizeof rest / sizeof rest[0]; i++)
        status = add_text(out, rest[i]);
    return status;
}

json_t *fani_json_text(const char *text)
{
    json_t *string = json_string(text);
    char *clean = string ? NULL : strdup(text);
    if (!clean)
        return string;
    for (char *at = clean; *at; at++)
        *at = (char)((unsigned char)*at < 0x80 ? *at : '?');
    string = json_string(clean);
    free(clean);
    return string;
}

static fan_status failure_json(const fani_failure *f, fan_buffer *out)
{
    json_t *object = json_head(f->task, f->index, f->status);
    int failed = !object || json_object_set_new(object, "text", fani_json_text(f->error->text));
    if (!failed && f->error->file[0])
        failed = json_object_set_new(object, "file", fani_json_text(f->error->file));
    if (!failed && f->error->line)
        failed = json_object_set_new(object, "line", json_integer(f->error->line)) ||
                 json_object_set_new(object, "column", json_integer(f->error->column));
    if (!failed)
        return fani_bytes_add_json(out, object);
    json_decref(object);
    return FAN_E_MEMORY;
}

fan_status fani_record_failure(fani_format format, const fani_failure *failure, fan_buffer *out)
{
    switch (format) {
    case FANI_FORMAT_TSV:
        return failure_tsv(failure, out);
    case FANI_FORMAT_NDJSON:
        return failure_json(failure, out);
    case FANI_FORMAT_TEXT:
        break;
    }
    return FAN_OK;
}
