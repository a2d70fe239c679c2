/* What a command's item is answered with: what to print of it, and what to say and to log. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/command_internal.h"

enum { HOST_MAX = 64 };

/* ---- Bytes as text ---------------------------------------------------------------------------
 */

/* A field of TSV: backslash, tab, line end and carriage return are escaped, NUL as \0. */
static fan_status add_field(fan_buffer *to, const char *bytes, size_t size)
{
    static const char special[] = "\\\t\n\r", letters[] = "\\tnr";
    size_t from = 0;
    fan_status status = fani_bytes_add(to, "\t", 1);
    for (size_t i = 0; status == FAN_OK && i < size; i++) {
        const char *found = memchr(special, bytes[i], sizeof special);
        if (!found)
            continue;
        const char escaped[2] = {'\\', bytes[i] ? letters[found - special] : '0'};
        status = fani_bytes_add(to, bytes + from, i - from);
        if (status == FAN_OK)
            status = fani_bytes_add(to, escaped, 2);
        from = i + 1;
    }
    return status == FAN_OK && from < size ? fani_bytes_add(to, bytes + from, size - from) : status;
}

static json_t *base64(const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fan_buffer text = {0};
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < size; i += 3) {
        unsigned char three[3] = {0};
        memcpy(three, bytes + i, size - i < 3 ? size - i : 3);
        const char four[4] = {digits[three[0] >> 2], digits[(three[0] & 3) << 4 | three[1] >> 4],
                              size - i > 1 ? digits[(three[1] & 15) << 2 | three[2] >> 6] : '=',
                              size - i > 2 ? digits[three[2] & 63] : '='};
        status = fani_bytes_add(&text, four, 4);
    }
    json_t *string =
        status == FAN_OK ? json_stringn(text.size ? (char *)text.bytes : "", text.size) : NULL;
    fan_buffer_clear(&text);
    return string;
}

/* Text under a name; what is not UTF-8 under the name with _base64 behind it. False: no memory. */
static bool set_bytes(json_t *object, const char *name, const void *bytes, size_t size)
{
    char other[32];
    json_t *text = json_stringn(size ? bytes : "", size);
    if (text)
        return json_object_set_new(object, name, text) == 0;
    snprintf(other, sizeof other, "%s_base64", name);
    return json_object_set_new(object, other, base64(bytes, size)) == 0;
}

/* ---- Formats ---------------------------------------------------------------------------------
 */

static const char *signal_text(int number, char text[16])
{
    const char *name = sigabbrev_np(number);
    if (name)
        snprintf(text, 16, "SIG%s", name);
    else
        snprintf(text, 16, "%d", number);
    return text;
}

static fan_status add_json(fan_buffer *to, const fani_command_done *done)
{
    const fan_process_result *r = done->result;
    char name[16];
    json_t *exit_code = r->exit_code < 0 ? json_null() : json_integer(r->exit_code);
    json_t *signal =
        r->signal_number ? json_string(signal_text(r->signal_number, name)) : json_null();
    json_t *object = json_pack("{s:s, s:I, s:s, s:o, s:o}", "schema", "fanfold.command/1", "index",
                               (json_int_t)done->index, "status", fan_outcome_name(done->outcome),
                               "exit", exit_code, "signal", signal);
    bool good = object && set_bytes(object, "item", done->item.at, done->item.size) &&
                set_bytes(object, "stdout", r->output, r->output_size) &&
                set_bytes(object, "stderr", r->error, r->error_size);
    if (good && done->outcome != FAN_OUTCOME_OK)
        good = json_object_set_new(object, "text", fani_json_text(done->text)) == 0;
    if (good)
        return fani_bytes_add_json(to, object);
    json_decref(object);
    return FAN_E_MEMORY;
}

static fan_status add_tsv(fan_buffer *to, const fani_command_done *done)
{
    const fan_process_result *r = done->result;
    char line[96], name[16], code[16] = "-";
    if (r->exit_code >= 0)
        snprintf(code, sizeof code, "%d", r->exit_code);
    int size = snprintf(line, sizeof line, "%" PRIu64, done->index);
    fan_status status = fani_bytes_add(to, line, (size_t)size);
    if (status == FAN_OK)
        status = add_field(to, done->item.at, done->item.size);
    size = snprintf(line, sizeof line, "\t%s\t%s", code,
                    r->signal_number ? signal_text(r->signal_number, name) : "-");
    if (status == FAN_OK)
        status = fani_bytes_add(to, line, (size_t)size);
    if (status == FAN_OK)
        status = add_field(to, (const char *)r->output, r->output_size);
    if (status == FAN_OK)
        status = add_field(to, (const char *)r->error, r->error_size);
    size = snprintf(line, sizeof line, "\t%s", fan_outcome_name(done->outcome));
    if (status == FAN_OK)
        status = fani_bytes_add(to, line, (size_t)size);
    const char *text = done->outcome == FAN_OUTCOME_OK ? "" : done->text;
    if (status == FAN_OK)
        status = add_field(to, text, strlen(text));
    return status == FAN_OK ? fani_bytes_add(to, "\n", 1) : status;
}

/* What a stream printed, as it is or with the item before each line. */
static fan_status add_stream(fan_buffer *to, const fani_command_done *done, const void *bytes,
                             size_t size, bool tags)
{
    const char *at = bytes;
    fan_status status = tags ? FAN_OK : fani_bytes_add(to, bytes, size);
    while (tags && status == FAN_OK && size) {
        const char *end = memchr(at, '\n', size);
        size_t line = end ? (size_t)(end - at) + 1 : size;
        status = fani_bytes_add(to, done->item.at, done->item.size);
        if (status == FAN_OK)
            status = fani_bytes_add(to, "\t", 1);
        if (status == FAN_OK)
            status = fani_bytes_add(to, at, line);
        at += line;
        size -= line;
    }
    return status;
}

/* ---- Answers ---------------------------------------------------------------------------------
 */

/* The output and, where it is not part of that, the error stream; their sizes go into the head. */
static fan_status add_streams(fan_buffer *to, const fani_command_done *done, fani_format format,
                              bool tags, fani_command_head *head)
{
    const fan_process_result *r = done->result;
    size_t before = to->size;
    fan_status status = FAN_OK;
    switch (format) {
    case FANI_FORMAT_TSV:
        status = add_tsv(to, done);
        break;
    case FANI_FORMAT_NDJSON:
        status = add_json(to, done);
        break;
    case FANI_FORMAT_TEXT:
        status = add_stream(to, done, r->output, r->output_size, tags);
        break;
    }
    head->output_size = to->size - before;
    before = to->size;
    if (status == FAN_OK && format == FANI_FORMAT_TEXT)
        status = add_stream(to, done, r->error, r->error_size, tags);
    head->error_size = to->size - before;
    return status;
}

/* The host, and the command line on one line. */
static fan_status add_log(fan_buffer *to, const fani_command_done *done, fani_command_head *head)
{
    char host[HOST_MAX] = "?";
    if (gethostname(host, sizeof host - 1))
        snprintf(host, sizeof host, "?");
    head->host_size = (uint32_t)strlen(host);
    fan_status status = fani_bytes_add(to, host, head->host_size);
    size_t before = to->size;
    if (status == FAN_OK)
        status = fani_command_add_line(to, done->arguments);
    head->line_size = to->size - before;
    return status;
}

fan_status fani_command_answer(fan_buffer *to, const fani_command_done *done, fani_format format,
                               uint32_t flags)
{
    const fan_process_result *r = done->result;
    fani_command_head head = {.outcome = (uint32_t)done->outcome,
                              .exit_code = r->exit_code,
                              .signal_number = r->signal_number,
                              .begun_ns = r->begun_ns,
                              .run_ns = r->run_ns,
                              .sent = done->sent,
                              .received = r->output_size + r->error_size};
    bool is_ok = done->outcome == FAN_OUTCOME_OK;
    fan_status status = fani_record_begin(to, is_ok ? 0 : FANI_RECORD_PARTIAL, 0, done->text);
    size_t at = to->size;
    if (status == FAN_OK)
        status = fani_bytes_add(to, &head, sizeof head);
    if (status == FAN_OK)
        status = add_streams(to, done, format, (flags & FANI_COMMAND_TAG) != 0, &head);
    if (status == FAN_OK && (flags & FANI_COMMAND_LOG))
        status = add_log(to, done, &head);
    if (status == FAN_OK)
        memcpy(to->bytes + at, &head, sizeof head);
    return status;
}

/* Takes `size` bytes off the front; false where there are fewer. */
static bool take(const unsigned char **bytes, size_t *left, uint64_t size, fani_piece *piece)
{
    if (size > *left)
        return false;
    *piece = (fani_piece){(const char *)*bytes, (size_t)size};
    *bytes += size;
    *left -= (size_t)size;
    return true;
}

bool fani_command_read(const unsigned char *bytes, size_t size, fani_command_parts *parts)
{
    fani_command_head *head = &parts->head;
    if (size < sizeof *head)
        return false;
    memcpy(head, bytes, sizeof *head);
    bytes += sizeof *head;
    size -= sizeof *head;
    return take(&bytes, &size, head->output_size, &parts->output) &&
           take(&bytes, &size, head->error_size, &parts->error) &&
           take(&bytes, &size, head->host_size, &parts->host) &&
           take(&bytes, &size, head->line_size, &parts->line) && size == 0;
}
