#include "stage/reader_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum {
    CHUNK = 65536,
    ITEMS_MAX = 16384,   /* given at once */
    BYTES_MAX = 1 << 20, /* begun at once */
    EXCERPT = 20,        /* bytes kept of a refused token */
    MARK = 3,            /* bytes of a byte order mark */
    POLL_MS = 100,       /* between two looks at stop */
    QUIET_MS = 2,        /* silence after which an input has nothing for now */
    LINE_MAX_BYTES = 1 << 28,
    PASSED_MAX = 1 << 20, /* bytes looked at before what there is is given, or stop is asked */
};

/* ---- Making and freeing --------------------------------------------------------------------- */

fan_status fani_reader_new(const fani_reader_options *options, fani_reader **reader)
{
    fani_reader *r = calloc(1, sizeof *r);
    if (!r)
        return FAN_E_MEMORY;
    r->options = *options;
    if (!r->options.token_max)
        r->options.token_max = FANI_TOKEN_MAX;
    if (!r->options.line_max)
        r->options.line_max = LINE_MAX_BYTES;
    if (r->options.unit == FANI_UNIT_TOKEN)
        r->options.line_max = SIZE_MAX;
    r->to_pass = r->options.first;
    r->line = 1;
    r->chunk = calloc(1, CHUNK + FANI_READER_SLACK);
    r->offsets = malloc((ITEMS_MAX + 1) * sizeof *r->offsets);
    if (!r->chunk || !r->offsets) {
        fani_reader_free(r);
        return FAN_E_MEMORY;
    }
    r->offsets[0] = 0;
    *reader = r;
    return FAN_OK;
}

static void close_input(fani_reader_input *in)
{
    /* Nothing was written: a failing close of an input loses nothing. */
    if (in->owned && in->fd >= 0)
        (void)close(in->fd);
    in->fd = -1;
    fani_unpack_free(in->unpack);
    in->unpack = NULL;
}

void fani_reader_free(fani_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->input_count; i++) {
        close_input(&reader->inputs[i]);
        free(reader->inputs[i].name);
        free(reader->inputs[i].file);
        free(reader->inputs[i].path);
    }
    free(reader->inputs);
    free(reader->chunk);
    free(reader->out);
    free(reader->offsets);
    free(reader->places);
    free(reader);
}

static fan_status add_input(fani_reader *r, const char *name, int fd, bool is_text)
{
    if (r->input_count == r->input_capacity) {
        size_t capacity = r->input_capacity ? 2 * r->input_capacity : 8;
        fani_reader_input *inputs = realloc(r->inputs, capacity * sizeof *inputs);
        if (!inputs)
            return FAN_E_MEMORY;
        r->inputs = inputs;
        r->input_capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return FAN_E_MEMORY;
    r->inputs[r->input_count++] =
        (fani_reader_input){.name = copy, .fd = fd, .is_text = is_text, .at_start = true};
    return FAN_OK;
}

fan_status fani_reader_add_file(fani_reader *reader, const char *path)
{
    if (!strcmp(path, "-"))
        return add_input(reader, "(standard input)", STDIN_FILENO, false);
    return add_input(reader, path, -1, false);
}

fan_status fani_reader_add_copy(fani_reader *reader, const char *path, const char *name)
{
    char *copy = strdup(path);
    fan_status status = copy ? add_input(reader, name, -1, false) : FAN_E_MEMORY;
    if (status == FAN_OK)
        reader->inputs[reader->input_count - 1].path = copy;
    else
        free(copy);
    return status;
}

fan_status fani_reader_add_fd(fani_reader *reader, int fd, const char *name)
{
    return add_input(reader, name, fd, false);
}

fan_status fani_reader_add_text(fani_reader *reader, const char *text)
{
    return add_input(reader, text, -1, true);
}

fan_status fani_reader_add_text_of(fani_reader *reader, const char *text, const char *file,
                                   uint32_t line, uint32_t column)
{
    char *copy = strdup(file);
    fan_status status = copy ? add_input(reader, text, -1, true) : FAN_E_MEMORY;
    if (status != FAN_OK) {
        free(copy);
        return status;
    }
    fani_reader_input *in = &reader->inputs[reader->input_count - 1];
    in->file = copy;
    in->line = line;
    in->column = column;
    return FAN_OK;
}

fan_status fani_reader_add_made(fani_reader *reader,
                                fan_status (*make)(void *user, uint64_t i, const char **bytes,
                                                   size_t *size),
                                void *user)
{
    fan_status status = add_input(reader, "(made)", -1, true);
    if (status == FAN_OK) {
        reader->inputs[reader->input_count - 1].make = make;
        reader->inputs[reader->input_count - 1].make_user = user;
    }
    return status;
}

/* ---- Items and places ------------------------------------------------------------------------ */

static fan_status reserve_out(fani_reader *r, size_t more)
{
    size_t need = r->out_used + more;
    if (need <= r->out_capacity)
        return FAN_OK;
    size_t capacity = need + need / 2;
    unsigned char *out = realloc(r->out, capacity);
    if (!out)
        return FAN_E_MEMORY;
    r->out = out;
    r->out_capacity = capacity;
    return FAN_OK;
}

/* Room in the ring for the places of a whole pull, so that finishing an item can't fail. */
static fan_status reserve_places(fani_reader *r, size_t more)
{
    size_t kept = (size_t)(r->next_index - r->place_first);
    size_t capacity = r->place_capacity ? r->place_capacity : 1024;
    while (capacity < kept + more)
        capacity *= 2;
    if (capacity == r->place_capacity)
        return FAN_OK;
    fani_place *places = malloc(capacity * sizeof *places);
    if (!places)
        return FAN_E_MEMORY;
    for (uint64_t i = r->place_first; i < r->next_index; i++)
        places[i & (capacity - 1)] = r->places[i & (r->place_capacity - 1)];
    free(r->places);
    r->places = places;
    r->place_capacity = capacity;
    return FAN_OK;
}

fani_place fani_reader_place(const fani_reader *reader, uint64_t index)
{
    return reader->places[index & (reader->place_capacity - 1)];
}

void fani_reader_places(const fani_reader *reader, uint64_t first, size_t count, fani_place *places)
{
    size_t from = (size_t)(first & (reader->place_capacity - 1));
    size_t before_end = reader->place_capacity - from,
           head = count < before_end ? count : before_end;
    memcpy(places, reader->places + from, head * sizeof *places);
    memcpy(places + head, reader->places, (count - head) * sizeof *places);
}

void fani_reader_forget(fani_reader *reader, uint64_t index)
{
    if (index > reader->place_first)
        reader->place_first = index;
}

static void append(fani_reader *r, const unsigned char *bytes, size_t size)
{
    memcpy(r->out + r->out_used, bytes, size);
    r->out_used += size;
}

/* An entry has ended that is not wanted. */
static void finish_passed(fani_reader *r)
{
    r->to_pass--;
    r->in_item = r->skipping = r->passing = false;
}

static void finish_item(fani_reader *r)
{
    if (r->passing) {
        finish_passed(r);
        return;
    }
    r->to_pass = r->options.step ? r->options.step - 1 : 0;
    r->places[r->next_index++ & (r->place_capacity - 1)] = r->item_place;
    r->offsets[++r->count] = r->out_used;
    r->in_item = r->in_token = r->skipping = false;
}

static fani_place place_here(const fani_reader *r)
{
    uint64_t column = r->chunk_position + r->at - r->line_position + 1;
    return (fani_place){.input = (uint32_t)r->current,
                        .line = r->line,
                        .column = column < UINT32_MAX ? (uint32_t)column : UINT32_MAX};
}

/* Refuses the item being read: keeps an excerpt of it, no longer than the limit that it broke so
 * that reads of any size give the same one, and skips the rest. */
static void refuse(fani_reader *r, fani_flaw flaw, size_t excerpt_from, size_t limit)
{
    size_t size = limit < EXCERPT ? limit : EXCERPT;
    memmove(r->out + r->item_start, r->out + excerpt_from, size);
    r->out_used = r->item_start + size;
    append(r, (const unsigned char *)"...", r->options.unit == FANI_UNIT_RECORD ? 4 : 3);
    r->item_place.flaw = flaw;
    r->skipping = true;
}

/* ---- Cutting --------------------------------------------------------------------------------- */

static void begin_token(fani_reader *r)
{
    unsigned char c = r->chunk[r->at];
    if (!r->in_item) {
        r->in_item = true;
        r->item_start = r->out_used;
        r->item_place = place_here(r);
    }
    r->in_token = true;
    r->token_start = r->out_used;
    r->token_size = 0;
    r->token_limit = r->options.token_max + (c == '+' || c == '-');
}

/* The column of a token that turned out too long is its own, not that of its line. */
static void refuse_token(fani_reader *r)
{
    size_t into = r->token_start - r->item_start;
    uint64_t column = r->item_place.column + (uint64_t)into;
    r->item_place.column = column < UINT32_MAX ? (uint32_t)column : UINT32_MAX;
    refuse(r, FANI_FLAW_TOKEN_LONG, r->token_start, r->token_limit);
}

/* What breaks both limits is refused for the one that it broke first, so that it does not matter
 * how many bytes a read brought. */
static void check_limits(fani_reader *r)
{
    size_t line_size = r->out_used - r->item_start, line_max = r->options.line_max;
    size_t token_over = r->token_size > r->token_limit ? r->token_size - r->token_limit : 0;
    size_t line_over = line_size > line_max ? line_size - line_max : 0;
    if (token_over && token_over >= line_over)
        refuse_token(r);
    else if (line_over)
        refuse(r, FANI_FLAW_LINE_LONG, r->item_start, line_max);
}

static void take_token(fani_reader *r)
{
    size_t from = r->at;
    if (!r->in_token)
        begin_token(r);
    r->at = fani_token_end(r->chunk, from, r->end);
    if (r->skipping)
        return;
    append(r, r->chunk + from, r->at - from);
    r->token_size += r->at - from;
    check_limits(r);
}

/* Goes on in an entry that is not wanted, to its end or the chunk's: nothing of it is kept. */
static void pass_over(fani_reader *r)
{
    const unsigned char *end = NULL;
    if (!r->in_item)
        r->item_start = r->out_used;
    r->in_item = r->skipping = r->passing = true;
    if (r->options.unit == FANI_UNIT_LINE) {
        end = memchr(r->chunk + r->at, '\n', r->end - r->at);
        r->at = end ? (size_t)(end - r->chunk) : r->end;
        return;
    }
    r->at = fani_token_end(r->chunk, r->at, r->end);
}

/* One blank; where items are lines, blanks inside an item are part of it. */
static void take_blank(fani_reader *r)
{
    unsigned char c = r->chunk[r->at++];
    r->in_token = false;
    if (r->in_item && (c == '\n' || r->options.unit == FANI_UNIT_TOKEN))
        finish_item(r);
    else if (r->in_item && !r->skipping) {
        append(r, &c, 1);
        if (r->out_used - r->item_start > r->options.line_max)
            refuse(r, FANI_FLAW_LINE_LONG, r->item_start, r->options.line_max);
    }
    if (c == '\n') {
        r->line += r->line < UINT32_MAX;
        r->line_position = r->chunk_position + r->at;
    }
}

/* Goes on in a record, to its separator or the chunk's end. */
static void take_record(fani_reader *r)
{
    const unsigned char *from = r->chunk + r->at;
    const unsigned char *end = memchr(from, (unsigned char)r->options.separator, r->end - r->at);
    size_t size = end ? (size_t)(end - from) : r->end - r->at;
    if (!r->in_item) {
        r->in_item = true;
        r->passing = r->skipping = r->to_pass > 0;
        r->item_start = r->out_used;
        r->item_place = place_here(r);
    }
    if (!r->skipping) {
        append(r, from, size);
        if (r->out_used - r->item_start > r->options.line_max)
            refuse(r, FANI_FLAW_LINE_LONG, r->item_start, r->options.line_max);
    }
    r->at += size;
    if (!end)
        return;
    finish_item(r);
    r->at++;
    r->line += r->line < UINT32_MAX;
    r->line_position = r->chunk_position + r->at;
}

/* Cuts items from the chunk until it is used up or the limits are reached. An excerpt can be longer
 * than what it stands for, by less than its double; EXCERPT is room for a copy of FANI_READER_SLACK
 * bytes too.
 */
static fan_status cut(fani_reader *r, size_t max_items, size_t max_bytes)
{
    fan_status status = reserve_out(r, 2 * (r->end - r->at) + EXCERPT);
    if (status != FAN_OK)
        return status;
    while (r->at < r->end && r->count < max_items && r->offsets[r->count] < max_bytes) {
        if (fani_reader_take_whole(r, max_items, max_bytes))
            continue;
        if (r->options.unit == FANI_UNIT_RECORD)
            take_record(r);
        else if (fani_is_blank(r->chunk[r->at]))
            take_blank(r);
        else if (r->in_item ? r->passing : r->to_pass > 0)
            pass_over(r);
        else
            take_token(r);
    }
    return FAN_OK;
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static void next_input(fani_reader *r)
{
    close_input(&r->inputs[r->current]);
    r->current++;
    r->at = r->end = 0;
    r->chunk_position = r->line_position = 0;
    r->line = 1;
}

/* Begins and ends an item that is not cut from a chunk. */
static fan_status whole_item(fani_reader *r, const char *text, size_t size, fani_flaw flaw)
{
    if (r->to_pass) {
        r->to_pass--;
        return FAN_OK;
    }
    fan_status status = reserve_out(r, size + EXCERPT);
    if (status != FAN_OK)
        return status;
    r->item_start = r->out_used;
    r->item_place = (fani_place){.input = (uint32_t)r->current, .flaw = flaw};
    append(r, (const unsigned char *)text, size);
    finish_item(r);
    return FAN_OK;
}

/* The length of the longest token in a text, a leading sign not counted. */
static size_t longest_token(const char *text, size_t size)
{
    size_t longest = 0;
    for (size_t i = 0, from = 0; i <= size; i++) {
        if (i < size && !fani_is_blank((unsigned char)text[i]))
            continue;
        from += from < i && (text[from] == '+' || text[from] == '-');
        longest = i - from > longest ? i - from : longest;
        from = i + 1;
    }
    return longest;
}

static fan_status text_item(fani_reader *r, const char *text)
{
    size_t size = strlen(text);
    for (; size && fani_is_blank((unsigned char)*text); size--)
        text++;
    while (size && fani_is_blank((unsigned char)text[size - 1]))
        size--;
    fan_status status = longest_token(text, size) > r->options.token_max
                            ? whole_item(r, "...", 3, FANI_FLAW_TOKEN_LONG)
                            : whole_item(r, text, size, FANI_FLAW_NONE);
    next_input(r);
    return status;
}

static fan_status made_item(fani_reader *r, fani_reader_input *in)
{
    const char *bytes = NULL;
    size_t size = 0;
    fan_status status = in->make(in->make_user, in->made, &bytes, &size);
    if (status == FAN_OK && bytes)
        status = whole_item(r, bytes, size, FANI_FLAW_NONE);
    in->made++;
    if (status == FAN_OK && !bytes)
        next_input(r);
    return status;
}

/* Opens the current input, without waiting for a pipe's writer: reading does, which sees a stop.
 * One that can't be opened becomes an item with a flaw. */
static fan_status open_input(fani_reader *r)
{
    fani_reader_input *in = &r->inputs[r->current];
    struct stat info;
    while (in->fd < 0) {
        in->fd = open(in->path ? in->path : in->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (in->fd < 0 && errno != EINTR) {
            in->open_errno = errno;
            size_t size = r->options.unit == FANI_UNIT_RECORD ? 4 : 3;
            fan_status status = whole_item(r, "...", size, FANI_FLAW_NOT_OPENED);
            next_input(r);
            return status;
        }
        in->owned = true;
    }
    in->opened = true;
    in->pollable = fstat(in->fd, &info) != 0 || !S_ISREG(info.st_mode);
    return FAN_OK;
}

/* Waits for bytes: *ready is false when none came within the time (never when `wait`). */
static fan_status await(fani_reader *r, const fani_reader_input *in, bool wait, bool *ready)
{
    *ready = true;
    if (!in->pollable)
        return FAN_OK;
    for (;;) {
        struct pollfd entry = {.fd = in->fd, .events = POLLIN};
        int timeout = wait ? POLL_MS : r->count ? 0 : QUIET_MS;
        int n = poll(&entry, 1, timeout);
        if (n > 0 || (n < 0 && errno != EINTR))
            return FAN_OK; /* read will tell what is wrong */
        if (r->options.stop && r->options.stop(r->options.stop_user))
            return FAN_E_CANCELLED;
        if (!wait) {
            *ready = false;
            return FAN_OK;
        }
    }
}

/* Whether chunk[0..end) could still become a byte order mark, or is one. */
static bool begins_like_mark(const fani_reader *r)
{
    static const unsigned char mark[MARK] = {0xEF, 0xBB, 0xBF};
    return !memcmp(r->chunk, mark, r->end < MARK ? r->end : MARK);
}

static void drop_mark(fani_reader *r, fani_reader_input *in)
{
    if (in->at_start && r->end >= MARK && begins_like_mark(r))
        r->at = r->line_position = MARK;
    in->at_start = false;
}

/* An error of reading, for later. */
static void fail(fani_reader *r, fan_status status, int code, const char *why)
{
    r->failed = status;
    r->failed_errno = code;
    r->failed_why = why;
}

/* Reads to `to`, *n bytes, after waiting for them; *n is -1 where the input has failed, and *got is
 * false when nothing is there for now. */
static fan_status read_raw(fani_reader *r, const fani_reader_input *in, void *to, size_t size,
                           bool wait, ssize_t *n, bool *got)
{
    do {
        fan_status status = await(r, in, wait, got);
        if (status != FAN_OK || !*got)
            return status;
        *n = read(in->fd, to, size);
    } while (*n < 0 && (errno == EINTR || errno == EAGAIN));
    if (*n < 0)
        fail(r, FAN_E_INPUT, errno, NULL);
    return FAN_OK;
}

/* As read_raw, of what the input's data was before it was compressed. */
static fan_status read_unpacked(fani_reader *r, const fani_reader_input *in, void *to, size_t size,
                                bool wait, ssize_t *n, bool *got)
{
    for (;;) {
        const char *why = NULL;
        size_t taken = 0, room;
        fan_status status = fani_unpack_take(in->unpack, to, size, &taken, &why);
        *n = (ssize_t)taken;
        *got = true;
        if (status != FAN_OK) {
            *n = -1;
            fail(r, status, 0, why);
            return FAN_OK;
        }
        if (taken || fani_unpack_ended(in->unpack))
            return FAN_OK;
        unsigned char *raw = fani_unpack_room(in->unpack, &room);
        status = read_raw(r, in, raw, room, wait, n, got);
        if (status != FAN_OK || !*got || *n < 0)
            return status;
        fani_unpack_filled(in->unpack, (size_t)*n);
    }
}

/* Where the bytes at an input's start are those of compressed data, what is in it is read. */
static fan_status unpack_from_here(fani_reader *r, fani_reader_input *in)
{
    fani_packing packing = fani_packing_of(r->chunk, r->end);
    size_t room;
    if (in->unpack || packing == FANI_PACKING_NONE || packing == FANI_PACKING_UNSURE)
        return FAN_OK;
    fan_status status = fani_unpack_new(packing, &in->unpack);
    if (status != FAN_OK)
        return status;
    memcpy(fani_unpack_room(in->unpack, &room), r->chunk, r->end);
    fani_unpack_filled(in->unpack, r->end);
    r->end = 0;
    return FAN_OK;
}

/* Whether more bytes are needed to tell how an input begins. */
static bool start_is_unsure(const fani_reader *r, const fani_reader_input *in)
{
    if (!in->at_start)
        return false;
    return r->end == 0 || (r->end < MARK && begins_like_mark(r)) ||
           (!in->unpack && fani_packing_of(r->chunk, r->end) == FANI_PACKING_UNSURE);
}

/* Reads a chunk of the current input; *got is false when nothing is there for now. At the end of
 * an input its last item is finished and the next input becomes current. */
static fan_status fill(fani_reader *r, bool wait, bool *got)
{
    fani_reader_input *in = &r->inputs[r->current];
    ssize_t n = 0;
    if (!in->at_start) {
        r->chunk_position += r->end;
        r->end = 0;
    }
    do { /* at the start until it is clear how it begins, also over several pulls */
        r->at = r->end;
        fan_status status = (in->unpack ? read_unpacked : read_raw)(r, in, r->chunk + r->end,
                                                                    CHUNK - r->end, wait, &n, got);
        if (status != FAN_OK || !*got)
            return status;
        if (n > 0) {
            r->end += (size_t)n;
            r->looked_at += (size_t)n;
        }
        if (n > 0 && in->at_start && (status = unpack_from_here(r, in)) != FAN_OK)
            return status;
    } while (n > 0 && start_is_unsure(r, in));
    r->at = 0;
    if (n < 0)
        return FAN_OK;
    drop_mark(r, in);
    if (r->end == 0) {
        if (r->in_item)
            finish_item(r);
        next_input(r);
    }
    return FAN_OK;
}

/* ---- Giving ---------------------------------------------------------------------------------- */

/* Moves the item that is not complete to the front, where the last pull's items were. */
static void drop_given(fani_reader *r)
{
    size_t given = (size_t)r->offsets[r->count];
    if (r->in_item) {
        memmove(r->out, r->out + given, r->out_used - given);
        r->item_start -= given;
        r->token_start -= r->in_token ? given : 0;
    }
    r->out_used -= given;
    r->count = 0;
}

static fan_status advance(fani_reader *r, bool wait, bool *got)
{
    fani_reader_input *in = &r->inputs[r->current];
    if (in->make)
        return made_item(r, in);
    if (in->is_text)
        return text_item(r, in->name);
    if (!in->opened)
        return open_input(r);
    return fill(r, wait, got);
}

/* Where entries are passed over: whether so much was looked at that the items there are should be
 * given; where there are none, stop is asked. */
static bool looked_enough(fani_reader *r, fan_status *status)
{
    if (r->looked_at < PASSED_MAX)
        return false;
    r->looked_at = 0;
    if (!r->count && r->options.stop && r->options.stop(r->options.stop_user))
        *status = FAN_E_CANCELLED;
    return r->count > 0;
}

static fan_status gather(fani_reader *r, size_t max_items, size_t max_bytes, bool wait)
{
    bool got = true;
    r->looked_at = 0;
    while (got && r->count < max_items && r->offsets[r->count] < max_bytes) {
        fan_status status = FAN_OK;
        if (r->options.step > 1 && looked_enough(r, &status))
            break;
        if (status != FAN_OK)
            return status;
        if (r->at < r->end)
            status = cut(r, max_items, max_bytes);
        else if (r->failed != FAN_OK || r->current == r->input_count)
            break;
        else
            status = advance(r, wait && !r->count, &got);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static fan_status read_error(const fani_reader *r, fan_error *error)
{
    const char *name = r->inputs[r->current].name;
    if (r->failed_why)
        fani_error_set(error, r->failed, "%s can't be read: %s", name, r->failed_why);
    else
        fani_error_errno(error, r->failed, r->failed_errno, "%s can't be read", name);
    fani_error_place(error, name, 0, 0);
    return r->failed;
}

fan_status fani_reader_pull(fani_reader *reader, size_t max_items, size_t max_bytes, bool wait,
                            fan_items *items, fan_error *error)
{
    fani_reader *r = reader;
    max_items = max_items < ITEMS_MAX ? max_items : ITEMS_MAX;
    max_bytes = max_bytes < BYTES_MAX ? max_bytes : BYTES_MAX;
    drop_given(r);
    fan_status status = reserve_places(r, max_items);
    if (status == FAN_OK)
        status = gather(r, max_items, max_bytes, wait);
    if (status != FAN_OK)
        return fani_error_set(error, status, "%s", fan_status_text(status));
    if (r->failed != FAN_OK && !r->count)
        return read_error(r, error);
    *items = (fan_items){.bytes = r->out,
                         .offsets = r->offsets,
                         .count = r->count,
                         .first = r->next_index - r->count};
    return FAN_OK;
}

bool fani_reader_ended(const fani_reader *reader)
{
    return reader->current == reader->input_count && reader->failed == FAN_OK;
}
