#include "keys_gather.h"

#include "keys_json.h"

#include <string.h>

fan_status fani_key_take_alone(fani_key_scanner *s)
{
    s->alone_until = s->line;
    return fani_key_unread(s, NULL, 0);
}

/* As fani_key_take_alone, where the line in `text` is not in the block. */
static fan_status take_all_alone(fani_key_scanner *s)
{
    s->alone_until = s->line;
    s->cut_line = s->text_cut ? s->line : 0;
    return fani_key_unread(s, s->text, s->text_size);
}

static fan_status begin(fani_key_scanner *s, fani_key_block kind, const char *text, size_t size)
{
    fani_key_begin_block(s, kind);
    (void)fani_key_gather(s, text, size); /* a line fits */
    return FAN_OK;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

fan_status fani_key_take_row(fani_key_scanner *s)
{
    if (fani_key_is_broken(s))
        return fani_key_report_broken(s);
    if (s->line > s->alone_until && fani_rsa_key_row_is_open(s->text, &s->columns, false))
        return begin(s, FANI_KEY_BLOCK_ROW, s->text, s->text_size);
    return fani_rsa_key_row(&s->source, s->line, s->text, &s->columns);
}

static fan_status finish_row(fani_key_scanner *s)
{
    char *end = s->block + s->block_size - 1;
    *end = '\0';
    if (fani_rsa_key_row_is_sound(s->block, &s->columns)) {
        uint64_t line = s->block_line;
        s->block_line = 0;
        return fani_rsa_key_row(&s->source, line, s->block, &s->columns);
    }
    *end = '\n';
    return fani_key_take_alone(s);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *behind_blanks(const char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

/* A line that is nothing but one of an array's brackets. */
static bool is_bracket(const char *text, char bracket)
{
    return *text == bracket && !*behind_blanks(text + 1);
}

bool fani_key_is_json(const fani_key_scanner *s, const char *text)
{
    if (*text == '[') /* or the hosts of a known_hosts file */
        return is_bracket(text, '[') || *behind_blanks(text + 1) == '{';
    return *text == '{' || (s->in_array && is_bracket(text, ']'));
}

/* In an array a comma stands behind an object. */
static size_t size_of_object(const fani_key_scanner *s, const char *text, size_t size)
{
    while (size && (is_blank(text[size - 1]) || text[size - 1] == '\n'))
        size--;
    return s->in_array && size && text[size - 1] == ',' ? size - 1 : size;
}

fan_status fani_key_take_json(fani_key_scanner *s)
{
    const char *text = behind_blanks(s->text);
    if (fani_key_is_broken(s))
        return fani_key_report_broken(s);
    if (is_bracket(text, '[') || is_bracket(text, ']')) {
        s->in_array = *text == '[';
        return FAN_OK;
    }
    s->depth = 0;
    if (s->line > s->alone_until && fani_rsa_key_json_depth(s->text, &s->depth) && s->depth > 0)
        return begin(s, FANI_KEY_BLOCK_JSON, s->text, s->text_size);
    return fani_rsa_key_json(&s->source, s->line, s->text,
                             size_of_object(s, s->text, s->text_size));
}

/* Among other text brackets may be anything, with keys between them. */
static fan_status finish_json(fani_key_scanner *s)
{
    uint64_t line = s->block_line;
    size_t size = size_of_object(s, s->block, s->block_size);
    char *end = s->block + s->block_size - 1;
    *end = '\0';
    if (s->is_text && !fani_rsa_key_json_is_sound(s->block, size)) {
        *end = '\n';
        return fani_key_take_alone(s);
    }
    s->block_line = 0;
    return fani_rsa_key_json(&s->source, line, s->block, size);
}

/* ---- Both ------------------------------------------------------------------------------------ */

fan_status fani_key_take_more(fani_key_scanner *s)
{
    bool is_row = s->block_kind == FANI_KEY_BLOCK_ROW;
    if (fani_key_is_broken(s) || !fani_key_gather(s, s->text, s->text_size))
        return take_all_alone(s);
    if (is_row)
        return fani_rsa_key_row_is_open(s->text, &s->columns, true) ? FAN_OK : finish_row(s);
    if (!fani_rsa_key_json_depth(s->text, &s->depth))
        return fani_key_take_alone(s);
    if (s->depth > 0)
        return FAN_OK;
    return finish_json(s);
}
