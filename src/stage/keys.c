#include "keys.h"

#include "base/error.h"
#include "keys_base64.h"
#include "keys_dns.h"
#include "keys_gather.h"
#include "keys_pgp.h"
#include "keys_scan.h"
#include "keys_ssh.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Without 0x, a number among other text must be longer than any fingerprint in hexadecimal. */
#define FINGERPRINT_DIGITS 128
/* Lines that are no numbers, before the first key, that a list of moduli may have. */
enum { STRANGERS = 20 };
/* How much of a file tells what it is, the least that does, and the part that is too much. */
enum { FOREIGN_LOOK = 4096, FOREIGN_LEAST = 64, FOREIGN_PART = 12 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Zero bytes end texts: what stands behind them would be lost without a word. */
static bool has_zero(const fani_key_scanner *s)
{
    return memchr(s->text, '\0', s->text_size) != NULL;
}

/* So many lines are none of a list of moduli: the file is text of another kind, in which keys may
 * stand all the same. */
static fan_status give_up_lines(fani_key_scanner *s)
{
    s->is_text = true;
    return fani_rsa_key_report(&s->source, s->line, 0, FANI_RSA_KEY_UNREADABLE,
                               "%d lines and not one key: the rest is taken for text", STRANGERS);
}

/* In a zone file a record without a name has that of the record before it, of whatever kind. */
static void note_owner(fani_key_scanner *s)
{
    size_t size = strcspn(s->text, " \t");
    if (size && size < sizeof s->owner && s->text[0] != '$')
        snprintf(s->owner, sizeof s->owner, "%.*s", (int)size, s->text);
}

/* A line that is, up to a comment, a number or text. */
static fan_status take_number(fani_key_scanner *s)
{
    unsigned base = s->source.reader->base == 10 ? 10 : 16;
    size_t from = 0;
    while (from < s->text_size && is_blank(s->text[from]))
        from++;
    const char *comment = memchr(s->text + from, '#', s->text_size - from), *digits;
    size_t to = comment ? (size_t)(comment - s->text) : s->text_size;
    while (to > from && is_blank(s->text[to - 1]))
        to--;
    size_t size = to - from;
    if (!size)
        return FAN_OK;
    bool sound = fani_rsa_key_bad_digit(s->text + from, size, &digits, &base) == size;
    bool prefixed = digits > s->text + from;
    if (s->is_text && (!sound || (!prefixed && size <= FINGERPRINT_DIGITS))) {
        note_owner(s);
        return FAN_OK;
    }
    if (s->text_cut && !comment)
        return fani_key_report_broken(s);
    if (!sound && ++s->strangers == STRANGERS && s->source.counts->keys == s->keys_before)
        return give_up_lines(s);
    s->text[to] = '\0';
    fani_rsa_key_text text = {.form = FANI_RSA_KEY_NUMBER,
                              .column = from + 1,
                              .modulus = s->text + from,
                              .modulus_size = size};
    return fani_rsa_key_written(&s->source, s->line, &text);
}

/* Adds the line to the block. */
static void gather(fani_key_scanner *s, const char *text, size_t size)
{
    s->block_cut = s->text_cut || !fani_key_gather(s, text, size) || s->block_cut;
}

static fan_status report_unended(fani_key_scanner *s)
{
    uint64_t line = s->block_line;
    s->block_line = 0;
    return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                               s->block_kind == FANI_KEY_BLOCK_ZONE
                                   ? "a zone record whose brackets are not closed"
                                   : "a PEM block without its END line");
}

static fan_status finish_block(fani_key_scanner *s)
{
    uint64_t line = s->block_line;
    s->block_line = 0;
    if (s->block_cut)
        return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a PEM block too large to read");
    return fani_rsa_key_pem(&s->source, line, s->block, s->block_size);
}

/* A BEGIN inside a block starts anew: the block before it has lost its end. */
static fan_status begin_block(fani_key_scanner *s, fani_key_block kind)
{
    fan_status status = s->block_line ? report_unended(s) : FAN_OK;
    s->is_text = true;
    fani_key_begin_block(s, kind);
    return status;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---- OpenPGP --------------------------------------------------------------------------------- */

static size_t take_binary(void *user, unsigned char *to, size_t size)
{
    return fani_key_take(user, to, size);
}

/* Bytes in armor, decoded line by line. */
typedef struct armor {
    fani_key_scanner *s;
    fani_base64 state;
    unsigned char bytes[FANI_KEY_LINE_BYTES];
    size_t at, end;
    bool ended; /* no more bytes: the checksum, the END line or something wrong */
    bool bad;   /* which was no base64 */
} armor;

/* Gets the next line; false at the block's end. Behind the checksum only the END line counts. */
static bool next_armor_line(armor *a)
{
    fani_key_scanner *s = a->s;
    size_t rest;
    if (!s->block_line || !fani_key_next_line(s))
        return false;
    if (s->text_size && s->text[0] == '-') {
        s->block_line = 0;
        return false;
    }
    if (a->ended)
        return true;
    a->at = a->end = 0;
    if (s->text[0] == '=') { /* a checksum, or what is left over of padding */
        a->ended = true;
        a->bad = !fani_base64_end(&a->state, a->bytes, &a->end);
        return true;
    }
    a->bad = s->text_cut || !fani_base64_feed(&a->state, s->text, s->text_size, a->bytes, &a->end);
    if (a->state.ended && !a->bad)
        a->bad = !fani_base64_end(&a->state, a->bytes + a->end, &rest) || (a->end += rest, false);
    a->ended = a->bad;
    return true;
}

static size_t take_armor(void *user, unsigned char *to, size_t size)
{
    armor *a = user;
    size_t got = 0;
    while (got < size) {
        size_t held = a->end - a->at, part = held < size - got ? held : size - got;
        memcpy(to + got, a->bytes + a->at, part);
        a->at += part;
        got += part;
        if (got < size && (a->ended || !next_armor_line(a)))
            break;
    }
    return got;
}

/* A keyring in armor, from behind its BEGIN line to its END line. */
static fan_status read_armor(fani_key_scanner *s)
{
    uint64_t line = s->block_line;
    armor *a = calloc(1, sizeof *a);
    if (!a)
        return fani_error_set(s->source.error, FAN_E_MEMORY, "no memory for a keyring");
    a->s = s;
    while (fani_key_next_line(s) && strchr(s->text, ':')) /* "Version: ..." up to a blank line */
        continue;
    if (s->text_size && s->text[0] == '-')
        s->block_line = 0;
    fani_pgp_stream stream = {.take = take_armor, .user = a, .line = line};
    fan_status status = fani_rsa_key_pgp(&s->source, &stream);
    if (!status && a->bad)
        status = fani_rsa_key_report(&s->source, s->line, 0, FANI_RSA_KEY_UNREADABLE,
                                     "a line of a keyring that is no base64");
    a->ended = true;
    while (!status && next_armor_line(a))
        continue;
    if (!status && s->block_line && !s->read_errno)
        status = report_unended(s);
    free(a);
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The next line of a zone record; its last one, where its brackets are closed. */
static fan_status gather_record(fani_key_scanner *s)
{
    int depth = 0;
    s->block_zero = s->block_zero || has_zero(s);
    fani_rsa_key_dns_strip(s->text, &depth);
    s->depth += depth;
    gather(s, s->text, strlen(s->text));
    if (s->depth > 0)
        return FAN_OK;
    uint64_t line = s->block_line;
    s->block_line = 0;
    if (s->block_cut || s->text_cut)
        return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a zone record too large to read");
    if (s->block_zero)
        return fani_rsa_key_report(&s->source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a zone record with a zero byte");
    s->block[s->block_size - 1] = '\0';
    return fani_rsa_key_dns(&s->source, line, s->block, s->owner);
}

static fan_status begin_record(fani_key_scanner *s)
{
    fan_status status = begin_block(s, FANI_KEY_BLOCK_ZONE);
    s->depth = 0;
    return status ? status : gather_record(s);
}

static bool is_comment(const char *text)
{
    return *text == '#' || *text == ';' || *text == '\0';
}

/* A line outside blocks. */
static fan_status take_entry(fani_key_scanner *s, char *text)
{
    bool first = !s->begun;
    if (is_comment(text) && text + strlen(text) == s->text + s->text_size)
        return FAN_OK;
    s->begun = true;
    if (s->columns.modulus || (first && fani_rsa_key_is_header(s->text, &s->columns))) {
        if (first)
            return FAN_OK;
        return fani_key_take_row(s);
    }
    if (fani_key_is_json(s, text))
        return fani_key_take_json(s);
    if (fani_rsa_key_is_ssh(text))
        return fani_key_is_broken(s) ? fani_key_report_broken(s)
                                     : fani_rsa_key_ssh(&s->source, s->line, text);
    if (fani_rsa_key_is_dns(s->text))
        return begin_record(s);
    return take_number(s);
}

/* An OpenPGP block is read where it is a keyring; signed text has no END line of its own. */
static fan_status take_begin(fani_key_scanner *s, const char *text, size_t size)
{
    if (starts_with(text, "-----BEGIN PGP SIGNED MESSAGE")) {
        s->is_text = true;
        return FAN_OK;
    }
    fan_status status = begin_block(s, FANI_KEY_BLOCK_PEM);
    if (!status && starts_with(text, "-----BEGIN PGP PUBLIC KEY BLOCK"))
        return read_armor(s);
    gather(s, text, size);
    return status;
}

static fan_status take_line(fani_key_scanner *s)
{
    char *text = s->text;
    while (is_blank(*text))
        text++;
    size_t size = s->text_size - (size_t)(text - s->text);
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    if (s->block_line && s->block_kind >= FANI_KEY_BLOCK_ROW)
        return fani_key_take_more(s);
    if (starts_with(text, "-----BEGIN "))
        return take_begin(s, text, size);
    if (!s->block_line)
        return take_entry(s, text);
    if (s->block_kind == FANI_KEY_BLOCK_ZONE)
        return gather_record(s);
    gather(s, text, size);
    return starts_with(text, "-----END ") ? finish_block(s) : FAN_OK;
}

/* Whether a file is one in which keys stand among other text. */
static bool is_text_with_keys(const fani_key_scanner *s)
{
    return memmem(s->window, s->end, "-----BEGIN ", 11) || memmem(s->window, s->end, "DNSKEY", 6) ||
           (s->end && s->window[s->start] == '$');
}

static fan_status read_lines(fani_key_scanner *s)
{
    fan_status status = FAN_OK;
    size_t held = fani_key_fill(s, FANI_KEY_PEEK_BYTES);
    if (held >= 3 && !memcmp(s->window + s->start, "\xef\xbb\xbf", 3))
        s->start += 3;
    s->is_text = is_text_with_keys(s);
    s->line = 0;
    s->keys_before = s->source.counts->keys;
    do {
        while (!status && fani_key_next_line(s))
            status = take_line(s);
        if (!status && s->block_line && !s->read_errno)
            status =
                s->block_kind >= FANI_KEY_BLOCK_ROW ? fani_key_take_alone(s) : report_unended(s);
    } while (!status && s->again_at < s->again_end);
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
static fan_status take_object(fani_key_scanner *s, size_t size)
{
    size_t got = fani_key_take(s, (unsigned char *)s->block, size);
    if (got == size)
        return fani_rsa_key_der(&s->source, 1, (const unsigned char *)s->block, size);
    return s->read_errno ? FAN_OK
                         : fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                               "DER that ends after %zu of %zu bytes", got, size);
}

static fan_status read_objects(fani_key_scanner *s)
{
    fan_status status = FAN_OK;
    while (!status && fani_key_fill(s, FANI_KEY_PEEK_BYTES) > 0) {
        size_t size = der_size(s->window + s->start, s->end - s->start);
        if (size == 0)
            return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                       "bytes after DER that are not DER");
        if (size > FANI_KEY_BLOCK_BYTES)
            return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                       "a DER object of %zu bytes; at most %d are read", size,
                                       FANI_KEY_BLOCK_BYTES);
        status = take_object(s, size);
    }
    return status;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Whether a file is not made of characters: of its first bytes a twelfth or more are none. Of such
 * a file each line would be a problem. Bytes from 0x80 on are UTF-8 or of a language's own set. */
static bool is_foreign(const unsigned char *bytes, size_t held)
{
    size_t foreign = 0, looked = held < FOREIGN_LOOK ? held : FOREIGN_LOOK;
    if (looked < FOREIGN_LEAST)
        return false;
    for (size_t i = 0; i < looked; i++)
        foreign += (bytes[i] < 0x20 && (bytes[i] < '\t' || bytes[i] > '\r')) || bytes[i] == 0x7f;
    return foreign * FOREIGN_PART >= looked;
}

static fan_status report_foreign(const fani_key_scanner *s, const unsigned char *bytes)
{
    bool keybox = !memcmp(bytes + 8, "KBXf", 4);
    return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                               keybox ? "a keybox of GnuPG; gpg --export makes a keyring of it"
                                      : "binary data that holds no keys of a kind that is read");
}

static fan_status read_entries(fani_key_scanner *s)
{
    size_t held = fani_key_fill(s, FANI_KEY_PEEK_BYTES);
    const unsigned char *front = s->window + s->start;
    if (looks_like_der(front, held))
        return read_objects(s);
    if (fani_rsa_key_is_pgp(front, held)) {
        fani_pgp_stream stream = {.take = take_binary, .user = s, .line = 1};
        return fani_rsa_key_pgp(&s->source, &stream);
    }
    if (held >= 2 && (!memcmp(front, "\xff\xfe", 2) || !memcmp(front, "\xfe\xff", 2)))
        return fani_rsa_key_report(&s->source, 1, 0, FANI_RSA_KEY_UNREADABLE,
                                   "text in UTF-16; in UTF-8 it can be read");
    return is_foreign(front, held) ? report_foreign(s, front) : read_lines(s);
}

static fan_status read_all(fani_key_scanner *s)
{
    fan_status status = read_entries(s);
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
    fani_key_scanner s = {.source = {name, reader, counts, error}, .stream = stream};
    fan_status status = FAN_E_MEMORY;
    s.window = malloc(FANI_KEY_PEEK_BYTES);
    s.text = malloc(FANI_KEY_LINE_BYTES + 1);
    s.block = malloc(FANI_KEY_BLOCK_BYTES);
    if (s.window && s.text && s.block)
        status = read_all(&s);
    else
        fani_error_set(error, status, "no memory to read %s", name);
    free(s.window);
    free(s.text);
    free(s.block);
    free(s.again);
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
