#include "keys.h"

#include "base/error.h"
#include "keys_entry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A line holds the longest modulus in decimal with much room for a comment. */
#define LINE_MAX_BYTES 65536
/* A certificate with a 65536-bit key takes less than 40 KB. */
#define BLOCK_MAX_BYTES 1048576
/* Before the first line: enough to tell DER, PEM and numbers apart. */
#define PEEK_BYTES 65536
/* Without 0x, a number among PEM blocks must be longer than any fingerprint in hexadecimal. */
#define FINGERPRINT_DIGITS 128

/* The file under the reader: a window of bytes, and where it stands. */
typedef struct scanner {
    fani_rsa_key_source source;
    FILE *stream;
    unsigned char *window; /* PEEK_BYTES */
    size_t start, end;     /* the unread part of the window */
    int read_errno;
    uint64_t line;       /* of the line in `text`, from 1 */
    char *text;          /* LINE_MAX_BYTES + 1: the line without its newline, NUL after it */
    size_t text_size;    /* bytes in `text` */
    bool text_cut;       /* the line was longer than `text` */
    char *block;         /* BLOCK_MAX_BYTES: the PEM block being gathered */
    size_t block_size;   /* bytes in `block` */
    bool block_cut;      /* the block was longer than `block` */
    uint64_t block_line; /* of its BEGIN line; 0 outside blocks */
    bool has_pem;        /* a block was seen, or stands in what was peeked at */
} scanner;

/* Reads until the window holds `wanted` bytes or the file ends; returns how many it holds. */
static size_t fill(scanner *s, size_t wanted)
{
    size_t held = s->end - s->start;
    if (held >= wanted)
        return held;
    memmove(s->window, s->window + s->start, held);
    s->start = 0;
    s->end = held;
    while (s->end < wanted) {
        size_t got = fread(s->window + s->end, 1, PEEK_BYTES - s->end, s->stream);
        s->end += got;
        if (got == 0) {
            if (ferror(s->stream) && !s->read_errno)
                s->read_errno = errno ? errno : EIO;
            break;
        }
    }
    return s->end - s->start;
}

/* Gathers the next line, cut at LINE_MAX_BYTES; false at the end of the file. */
static bool next_line(scanner *s)
{
    bool ended = false;
    s->text_size = 0;
    s->text_cut = false;
    if (fill(s, 1) == 0)
        return false;
    s->line++;
    while (!ended && fill(s, 1) > 0) {
        const unsigned char *from = s->window + s->start;
        size_t held = s->end - s->start;
        const unsigned char *newline = memchr(from, '\n', held);
        size_t part = newline ? (size_t)(newline - from) : held;
        size_t room = LINE_MAX_BYTES - s->text_size;
        memcpy(s->text + s->text_size, from, part < room ? part : room);
        s->text_size += part < room ? part : room;
        s->text_cut = s->text_cut || part > room;
        s->start += part + (newline ? 1 : 0);
        ended = newline != NULL;
    }
    s->text[s->text_size] = '\0';
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(char c, unsigned base)
{
    return (c >= '0' && c <= '9') ||
           (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/* Reports a character that does not belong to a number. */
static fan_status report_character(const scanner *s, size_t at, unsigned base)
{
    unsigned char c = (unsigned char)s->text[at];
    const char *wanted = base == 16 ? "a hexadecimal digit" : "a digit";
    if (c > 0x20 && c < 0x7f)
        return fani_rsa_key_report(&s->source, s->line, at + 1, FANI_RSA_KEY_UNREADABLE,
                                   "'%c' where %s was expected", c, wanted);
    return fani_rsa_key_report(&s->source, s->line, at + 1, FANI_RSA_KEY_UNREADABLE,
                               "byte 0x%02x where %s was expected", c, wanted);
}

/* A line that is, up to a comment, a number or text. */
static fan_status take_number(scanner *s)
{
    unsigned base = s->source.reader->base == 10 ? 10 : 16;
    size_t from = 0;
    while (from < s->text_size && is_blank(s->text[from]))
        from++;
    const char *comment = memchr(s->text + from, '#', s->text_size - from);
    size_t to = comment ? (size_t)(comment - s->text) : s->text_size;
    while (to > from && is_blank(s->text[to - 1]))
        to--;
    if (from == to)
        return FAN_OK;
    size_t first = from;
    bool prefixed = to - from > 2 && s->text[from] == '0' && (s->text[from + 1] | 0x20) == 'x';
    if (prefixed) {
        base = 16;
        first += 2;
    }
    size_t bad = first;
    while (bad < to && is_digit(s->text[bad], base))
        bad++;
    if (s->has_pem && (bad < to || (!prefixed && to - from <= FINGERPRINT_DIGITS)))
        return FAN_OK;
    if (s->text_cut && !comment)
        return fani_rsa_key_report(&s->source, s->line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a line of more than %d bytes", LINE_MAX_BYTES);
    if (s->text[from] == '-' && to - from > 1 && is_digit(s->text[from + 1], base))
        return fani_rsa_key_report(&s->source, s->line, from + 1, FANI_RSA_KEY_UNREADABLE,
                                   "a negative number can't be a modulus");
    if (bad < to)
        return report_character(s, bad, base);
    s->text[to] = '\0';
    return fani_rsa_key_number(&s->source, s->line, from + 1, s->text + first, base);
}

/* Adds the line to the block. */
static void gather(scanner *s, const char *text, size_t size)
{
    if (s->text_cut || size + 1 > BLOCK_MAX_BYTES - s->block_size) {
        s->block_cut = true;
        return;
    }
    memcpy(s->block + s->block_size, text, size);
    s->block_size += size;
    s->block[s->block_size++] = '\n';
}

static fan_status report_unended(scanner *s)
{
    uint64_t line = s->block_line;
    s->block_line = 0;
    return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                               "a PEM block without its END line");
}

static fan_status finish_block(scanner *s)
{
    uint64_t line = s->block_line;
    s->block_line = 0;
    if (s->block_cut)
        return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a PEM block too large to read");
    return fani_rsa_key_pem(&s->source, line, s->block, s->block_size);
}

/* A BEGIN inside a block starts anew: the block before it has lost its end. */
static fan_status begin_block(scanner *s)
{
    fan_status status = s->block_line ? report_unended(s) : FAN_OK;
    s->has_pem = true;
    s->block_line = s->line;
    s->block_size = 0;
    s->block_cut = false;
    return status;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static fan_status take_line(scanner *s)
{
    const char *text = s->text;
    while (is_blank(*text))
        text++;
    size_t size = s->text_size - (size_t)(text - s->text);
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    if (starts_with(text, "-----BEGIN ")) {
        fan_status status = begin_block(s);
        gather(s, text, size);
        return status;
    }
    if (!s->block_line)
        return take_number(s);
    gather(s, text, size);
    return starts_with(text, "-----END ") ? finish_block(s) : FAN_OK;
}

static fan_status read_lines(scanner *s)
{
    fan_status status = FAN_OK;
    size_t held = fill(s, PEEK_BYTES);
    if (held >= 3 && !memcmp(s->window + s->start, "\xef\xbb\xbf", 3))
        s->start += 3;
    s->has_pem = memmem(s->window, s->end, "-----BEGIN ", 11) != NULL;
    s->line = 0;
    while (!status && next_line(s))
        status = take_line(s);
    if (!status && s->block_line && !s->read_errno)
        status = report_unended(s);
    return status;
}

/* The size of the DER object at the front, header included; 0 where there is none. */
static size_t der_size(const unsigned char *bytes, size_t held)
{
    if (held < 2 || bytes[0] != 0x30 || bytes[1] == 0x80)
        return 0;
    if (bytes[1] < 0x80)
        return 2 + (size_t)bytes[1];
    size_t length_bytes = bytes[1] & 0x7fu, size = 0;
    if (length_bytes > 4 || held < 2 + length_bytes)
        return 0;
    for (size_t i = 0; i < length_bytes; i++)
        size = size << 8 | bytes[2 + i];
    return 2 + length_bytes + size;
}

/* 0x30 is also the digit '0': a short object is DER only with the tag of an integer, an object
 * identifier or a bit string near its front, which no text has. */
static bool looks_like_der(const unsigned char *bytes, size_t held)
{
    size_t size = der_size(bytes, held);
    if (size == 0)
        return false;
    if (bytes[1] > 0x80)
        return true;
    for (size_t i = 2; i < size && i < held && i < 32; i++)
        if (bytes[i] == 0x02 || bytes[i] == 0x03 || bytes[i] == 0x06)
            return true;
    return false;
}

/* Takes one object from the front of the file. */
static fan_status take_object(scanner *s, size_t size)
{
    size_t got = s->end - s->start < size ? s->end - s->start : size;
    memcpy(s->block, s->window + s->start, got);
    s->start += got;
    while (got < size && fill(s, 1) > 0) {
        size_t held = s->end - s->start;
        size_t part = held < size - got ? held : size - got;
        memcpy(s->block + got, s->window + s->start, part);
        s->start += part;
        got += part;
    }
    if (got == size)
        return fani_rsa_key_der(&s->source, 1, (const unsigned char *)s->block, size);
    return s->read_errno ? FAN_OK
                         : fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                               "DER that ends after %zu of %zu bytes", got, size);
}

static fan_status read_objects(scanner *s)
{
    fan_status status = FAN_OK;
    while (!status && fill(s, PEEK_BYTES) > 0) {
        size_t size = der_size(s->window + s->start, s->end - s->start);
        if (size == 0)
            return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                       "bytes after DER that are not DER");
        if (size > BLOCK_MAX_BYTES)
            return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                       "a DER object of %zu bytes; at most %d are read", size,
                                       BLOCK_MAX_BYTES);
        status = take_object(s, size);
    }
    return status;
}

static fan_status read_all(scanner *s)
{
    size_t held = fill(s, PEEK_BYTES);
    fan_status status =
        looks_like_der(s->window + s->start, held) ? read_objects(s) : read_lines(s);
    if (status || !s->read_errno)
        return status;
    status = fani_error_errno(s->source.error, FAN_E_INPUT, s->read_errno, "can't read %s",
                              s->source.name);
    fani_error_place(s->source.error, s->source.name, 0, 0);
    return status;
}

fan_status fani_rsa_keys_read_stream(FILE *stream, const char *name,
                                     const fani_rsa_key_reader *reader, fani_rsa_key_counts *counts,
                                     fan_error *error)
{
    if (reader->base != 0 && reader->base != 10 && reader->base != 16)
        return fani_error_set(error, FAN_E_ARGUMENT, "base %u; plain numbers have base 10 or 16",
                              reader->base);
    scanner s = {.source = {name, reader, counts, error}, .stream = stream};
    fan_status status = FAN_E_MEMORY;
    s.window = malloc(PEEK_BYTES);
    s.text = malloc(LINE_MAX_BYTES + 1);
    s.block = malloc(BLOCK_MAX_BYTES);
    if (s.window && s.text && s.block)
        status = read_all(&s);
    else
        fani_error_set(error, status, "no memory to read %s", name);
    free(s.window);
    free(s.text);
    free(s.block);
    return status;
}

fan_status fani_rsa_keys_read(const char *path, const fani_rsa_key_reader *reader,
                              fani_rsa_key_counts *counts, fan_error *error)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        fan_status status = fani_error_errno(error, FAN_E_INPUT, errno, "can't open %s", path);
        fani_error_place(error, path, 0, 0);
        return status;
    }
    fan_status status = fani_rsa_keys_read_stream(stream, path, reader, counts, error);
    fclose(stream);
    return status;
}
