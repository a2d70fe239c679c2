#include "keys_json.h"

#include "base/error.h"
#include "keys_base64.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers --------------------------------------------------------------------------------- */

/* jansson's integers end at 63 bits. So each number becomes a string that begins with a character
 * which stands in no other by chance. */
#define NUMBER_MARK 0x7f

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(const char *text)
{
    size_t size = 0;
    while (is_digit(text[size]))
        size++;
    return size;
}

/* The length of the number at `text` (RFC 8259, section 6), where it is a whole value: what else
 * looks like one is left to the parser, which refuses it. 0: none. */
static size_t number_size(const char *text)
{
    size_t at = *text == '-', whole = digits_at(text + at);
    if (!whole || (whole > 1 && text[at] == '0'))
        return 0;
    at += whole;
    if (text[at] == '.' && is_digit(text[at + 1]))
        at += 1 + digits_at(text + at + 1);
    if (text[at] == 'e' || text[at] == 'E') {
        size_t sign = text[at + 1] == '+' || text[at + 1] == '-';
        if (!is_digit(text[at + 1 + sign]))
            return 0;
        at += 1 + sign + digits_at(text + at + 1 + sign);
    }
    char next = text[at + strspn(text + at, " \t\r\n")];
    return next == ',' || next == '}' || next == ']' ? at : 0;
}

/* A text, all numbers strings; *size_out has its size. NULL: no memory. The caller frees. */
static char *with_marked_numbers(const char *text, size_t size, size_t *size_out)
{
    char *marked = malloc(4 * size + 1), *to = marked; /* a digit becomes four bytes */
    bool quoted = false, in_token = false;
    for (size_t i = 0; marked && i < size;) {
        size_t number = quoted || in_token ? 0 : number_size(text + i);
        in_token = !quoted && (is_digit(text[i]) || text[i] == '-');
        if (number) {
            *to++ = '"';
            *to++ = NUMBER_MARK;
            to = mempcpy(to, text + i, number);
            *to++ = '"';
            i += number;
            continue;
        }
        if (quoted && text[i] == '\\' && i + 1 < size)
            *to++ = text[i++];
        else if (text[i] == '"')
            quoted = !quoted;
        *to++ = text[i++];
    }
    if (marked)
        *size_out = (size_t)(to - marked);
    return marked;
}

/* Where in the text a place in the marked one is. */
static size_t unmarked_place(const char *marked, size_t place)
{
    size_t added = 0;
    bool in_number = false;
    for (size_t i = 0; i < place; i++) {
        bool begins = i + 1 < place && marked[i] == '"' && marked[i + 1] == NUMBER_MARK;
        added += begins ? 2 : in_number && marked[i] == '"' ? 1 : 0;
        in_number = begins || (in_number && marked[i] != '"');
    }
    return place - added;
}

static bool is_number(const json_t *value)
{
    return json_is_string(value) && *json_string_value(value) == NUMBER_MARK;
}

static bool is_integer(const json_t *value)
{
    if (!is_number(value))
        return false;
    const char *text = json_string_value(value) + 1;
    text += *text == '-';
    return !text[digits_at(text)];
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* The first of several names that a record has. */
static const json_t *member(const json_t *object, const char *const *names)
{
    const json_t *value = NULL;
    for (; *names && !value; names++)
        value = json_object_get(object, *names);
    return value;
}

/* A string or number as text; NULL: neither. */
static const char *text_of(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) + is_number(value) : NULL;
}

static fan_status report(const fani_rsa_key_source *source, uint64_t line, const char *reason)
{
    return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE, "%s", reason);
}

/* A web key's numbers are bytes in base64, without padding. */
static fan_status deliver_web_key(const fani_rsa_key_source *source, uint64_t line,
                                  const json_t *object, const char *id)
{
    const char *kind = json_string_value(json_object_get(object, "kty"));
    const json_t *n = json_object_get(object, "n"), *e = json_object_get(object, "e");
    if (!kind || strcmp(kind, "RSA") != 0)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA, "not an RSA key: %.64s",
                                   kind ? kind : "a key without a type");
    if (!json_is_string(n) || !json_is_string(e) || is_number(n) || is_number(e))
        return report(source, line, "a web key without n and e");
    size_t n_size = json_string_length(n), e_size = json_string_length(e);
    unsigned char *bytes = malloc(n_size + e_size + 8);
    if (!bytes)
        return fani_error_set(source->error, FAN_E_MEMORY, "no memory for a web key");
    fani_rsa_key key = {.form = FANI_RSA_KEY_RECORD, .modulus = bytes, .id = id};
    key.exponent = bytes + n_size + 4;
    fan_status status;
    if (fani_base64_decode(json_string_value(n), n_size, bytes, &key.modulus_size) &&
        fani_base64_decode(json_string_value(e), e_size, bytes + n_size + 4, &key.exponent_size))
        status = fani_rsa_key_raw(source, line, key);
    else
        status = report(source, line, "a web key whose numbers are no base64");
    free(bytes);
    return status;
}

static fan_status deliver_object(const fani_rsa_key_source *source, uint64_t line,
                                 const json_t *object)
{
    static const char *const ids[] = {"id", "kid", "name", NULL};
    static const char *const moduli[] = {"modulus", "n", NULL};
    static const char *const exponents[] = {"exponent", "e", NULL};
    const json_t *modulus = member(object, moduli), *exponent = member(object, exponents);
    const char *id = text_of(member(object, ids));
    if (!json_is_object(object))
        return report(source, line, "JSON, but no object");
    if (json_object_get(object, "kty"))
        return deliver_web_key(source, line, object, id);
    if (!modulus)
        return report(source, line, "a record without a modulus");
    fani_rsa_key_text written = {.form = FANI_RSA_KEY_RECORD,
                                 .modulus = text_of(modulus),
                                 .modulus_is_decimal = is_number(modulus),
                                 .exponent = text_of(exponent),
                                 .exponent_is_decimal = is_number(exponent),
                                 .id = id};
    if (!written.modulus || (is_number(modulus) && !is_integer(modulus)))
        return report(source, line, "a modulus that is neither a string nor an integer");
    written.modulus_size = strlen(written.modulus);
    return fani_rsa_key_written(source, line, &written);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

/* NULL with *place in the text and flaw.text, or without memory, where flaw.text is empty. */
static json_t *load(const char *text, size_t size, json_error_t *flaw, size_t *place)
{
    size_t marked_size = 0;
    char *marked = with_marked_numbers(text, size, &marked_size);
    json_t *value = NULL;
    flaw->text[0] = '\0';
    if (marked)
        value = json_loadb(marked, marked_size, 0, flaw);
    if (marked && !value) {
        size_t at = flaw->position > 0 ? (size_t)flaw->position : 0;
        *place = unmarked_place(marked, at < marked_size ? at : marked_size);
    }
    free(marked);
    return value;
}

bool fani_rsa_key_json_is_sound(const char *text, size_t size)
{
    json_error_t flaw;
    size_t place;
    json_t *value = load(text, size, &flaw, &place);
    json_decref(value);
    return value != NULL;
}

static fan_status report_flaw(const fani_rsa_key_source *source, uint64_t line, const char *text,
                              size_t place, const char *flaw)
{
    size_t begin = 0;
    if (!*flaw)
        return fani_error_set(source->error, FAN_E_MEMORY, "no memory for a JSON text");
    for (size_t i = 0; i + 1 < place; i++) {
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return fani_rsa_key_report(source, line, place - begin, FANI_RSA_KEY_UNREADABLE, "no JSON: %s",
                               flaw);
}

static fan_status deliver_array(const fani_rsa_key_source *source, uint64_t line,
                                const json_t *array)
{
    const json_t *object;
    fan_status status = FAN_OK;
    size_t i;
    json_array_foreach(array, i, object)
    {
        status = deliver_object(source, line, object);
        if (status)
            break;
    }
    return status;
}

fan_status fani_rsa_key_json(const fani_rsa_key_source *source, uint64_t line, const char *text,
                             size_t size)
{
    json_error_t flaw;
    size_t place = 0;
    json_t *value = load(text, size, &flaw, &place);
    const json_t *keys = json_is_array(value) ? value : json_object_get(value, "keys");
    fan_status status;
    if (!value)
        status = report_flaw(source, line, text, place, flaw.text);
    else if (json_is_array(keys))
        status = deliver_array(source, line, keys);
    else
        status = deliver_object(source, line, value);
    json_decref(value);
    return status;
}

bool fani_rsa_key_json_depth(const char *line, int64_t *depth)
{
    bool quoted = false;
    for (; *line; line++) {
        if (quoted && *line == '\\' && line[1])
            line++;
        else if (*line == '"')
            quoted = !quoted;
        else if (!quoted)
            *depth += *line == '{' || *line == '[' ? 1 : *line == '}' || *line == ']' ? -1 : 0;
    }
    return !quoted;
}
