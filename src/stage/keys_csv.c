#include "keys_csv.h"

#include <string.h>
#include <strings.h>

/* ---- Fields ---------------------------------------------------------------------------------- */

static const char *behind_blanks(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

static const char *opening_quote(const char *field, const fani_key_columns *columns)
{
    const char *first = behind_blanks(field);
    return *first == '"' && !columns->escaped ? first : NULL;
}

/* Where the quotes that begin at `quote` are closed. NULL: nowhere. */
static const char *closing_quote(const char *quote)
{
    const char *at = quote + 1;
    while (*at && (*at != '"' || at[1] == '"'))
        at += *at == '"' ? 2 : 1;
    return *at ? at : NULL;
}

/* Where the field ends: at a separator or the row's end. NULL: its quotes are not closed, or other
 * text stands behind them. */
static const char *field_end(const char *field, const fani_key_columns *columns)
{
    const char *quote = opening_quote(field, columns), *at;
    const char separator[] = {columns->separator, '\0'};
    if (!quote)
        return field + strcspn(field, separator);
    at = closing_quote(quote);
    if (!at)
        return NULL;
    at++;
    while (*at == ' ' || *at == '\r')
        at++;
    return !*at || *at == columns->separator ? at : NULL;
}

/* What is between two quotes, those that are doubled single, in place. */
static void take_quoted(char *at, const char *from, const char *to)
{
    for (; from < to; from++) {
        *at++ = *from;
        from += *from == '"';
    }
    *at = '\0';
}

static int hex_value(char c)
{
    const char *at = c ? strchr("0123456789abcdef", c) : NULL;
    return at ? (int)(at - "0123456789abcdef") : -1;
}

/* Undoes what weakkeys does to special characters when it writes a table. */
static void take_escaped(char *text)
{
    static const char letters[] = "tnr", meant[] = "\t\n\r";
    char *to = text;
    for (const char *from = text; *from; from++) {
        const char *letter = *from == '\\' && from[1] ? strchr(letters, from[1]) : NULL;
        bool is_code = *from == '\\' && from[1] == 'x' && hex_value(from[2]) >= 0 &&
                       hex_value(from[3]) >= 0 && (from[2] != '0' || from[3] != '0');
        if (is_code) {
            *to++ = (char)(16 * hex_value(from[2]) + hex_value(from[3]));
            from += 3;
            continue;
        }
        from += *from == '\\' && from[1];
        *to++ = letter ? meant[letter - letters] : *from;
    }
    *to = '\0';
}

/* The field's text, without quotes and blanks around it and with its ending zero, in place. `end`
 * is its end by field_end. */
static char *take_field(char *field, char *end, const fani_key_columns *columns)
{
    const char *quote = opening_quote(field, columns);
    if (quote) {
        take_quoted(field, quote + 1, closing_quote(quote));
        return field;
    }
    while (end > field && (end[-1] == '\r' || (end[-1] == ' ' && !columns->escaped)))
        end--;
    *end = '\0';
    if (!columns->escaped)
        return field + (behind_blanks(field) - field);
    take_escaped(field);
    return field;
}

bool fani_rsa_key_row_is_open(const char *line, const fani_key_columns *columns, bool quoted)
{
    enum { BEGIN, PLAIN, QUOTED, BEHIND } state = quoted ? QUOTED : BEGIN;
    if (columns->escaped)
        return false;
    for (; *line; line++) {
        if (state == QUOTED)
            state = *line == '"' ? BEHIND : QUOTED;
        else if (*line == '"' && state != PLAIN) /* the second of two, or one that opens */
            state = QUOTED;
        else if (*line == columns->separator)
            state = BEGIN;
        else if (*line != ' ' || state == BEHIND)
            state = PLAIN;
    }
    return state == QUOTED;
}

bool fani_rsa_key_row_is_sound(const char *row, const fani_key_columns *columns)
{
    while ((row = field_end(row, columns)) && *row)
        row++;
    return row != NULL;
}

/* ---- Headers --------------------------------------------------------------------------------- */

static bool is_one_of(const char *field, size_t size, const char *const *names)
{
    for (; *names; names++)
        if (size == strlen(*names) && !strncasecmp(field, *names, size))
            return true;
    return false;
}

/* Finds the columns for one separator. */
static void read_header(const char *line, fani_key_columns *c)
{
    static const char *const moduli[] = {"modulus", "n", NULL};
    static const char *const exponents[] = {"exponent", "e", NULL};
    static const char *const ids[] = {"id", "kid", "name", NULL};
    const char *end;
    for (unsigned column = 1; line && (end = field_end(line, c)); column++) {
        const char *next = *end ? end + 1 : NULL;
        while (line < end && strchr("\" \r", *line))
            line++;
        while (line < end && strchr("\" \r", end[-1]))
            end--;
        size_t size = (size_t)(end - line);
        if (!c->modulus && is_one_of(line, size, moduli))
            c->modulus = column;
        else if (!c->exponent && is_one_of(line, size, exponents))
            c->exponent = column;
        else if (!c->id && is_one_of(line, size, ids))
            c->id = column;
        line = next;
    }
}

bool fani_rsa_key_is_header(const char *line, fani_key_columns *columns)
{
    static const char ours[] = "source\tline\tid\tbits\tweakness\t";
    for (const char *separator = "\t;,"; *separator; separator++) {
        *columns = (fani_key_columns){.separator = *separator,
                                      .escaped = !strncmp(line, ours, strlen(ours))};
        read_header(line, columns);
        if (columns->modulus)
            return true;
    }
    *columns = (fani_key_columns){0};
    return false;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static fan_status report_quotes(const fani_rsa_key_source *source, uint64_t line, const char *row,
                                const char *field)
{
    const char *quote = behind_blanks(field);
    return fani_rsa_key_report(source, line, (uint64_t)(field - row) + 1, FANI_RSA_KEY_UNREADABLE,
                               closing_quote(quote) ? "text behind quotes that are closed"
                                                    : "quotes that are not closed");
}

static void take_value(fani_rsa_key_text *written, unsigned column, char *field,
                       const fani_key_columns *columns)
{
    if (column == columns->modulus) {
        written->modulus = field;
        written->modulus_size = strlen(field);
    } else if (column == columns->exponent) {
        written->exponent = *field ? field : NULL;
    } else if (column == columns->id) {
        written->id = field;
    }
}

fan_status fani_rsa_key_row(const fani_rsa_key_source *source, uint64_t line, char *row,
                            const fani_key_columns *columns)
{
    fani_rsa_key_text written = {.form = FANI_RSA_KEY_RECORD};
    const char *first_line_end = row + strcspn(row, "\n"); /* columns behind it are not told */
    char *next = row;
    for (unsigned column = 1; next; column++) {
        const char *field_ends = field_end(next, columns);
        if (!field_ends)
            return report_quotes(source, line, row, next);
        char *end = row + (field_ends - row);
        bool more = *end;
        char *field = take_field(next, end, columns);
        take_value(&written, column, field, columns);
        if (column == columns->modulus && field < first_line_end)
            written.column = (uint64_t)(field - row) + 1;
        next = more ? end + 1 : NULL;
    }
    if (!written.modulus)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a row without column %u, which has the modulus",
                                   columns->modulus);
    return fani_rsa_key_written(source, line, &written);
}
