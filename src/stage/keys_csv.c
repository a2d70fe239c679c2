#include "keys_csv.h"

#include <string.h>
#include <strings.h>

/* The field at `at`, without quotes and with its ending zero, in place. *next: the one behind it,
 * or NULL. NULL: quotes that nothing closes. */
static char *take_field(char *at, char separator, char **next)
{
    char *to = at, *from = at;
    bool quoted = *from == '"';
    *next = NULL;
    if (quoted) {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            from += *from == '"';
            *to++ = *from;
        }
        if (!*from++)
            return NULL;
    }
    while (*from && *from != separator)
        *to++ = *from++;
    if (*from)
        *next = from + 1;
    while (to > at && (to[-1] == '\r' || to[-1] == ' '))
        to--;
    *to = '\0';
    while (*at == ' ')
        at++;
    return at;
}

static bool is_one_of(const char *field, size_t size, const char *const *names)
{
    for (; *names; names++)
        if (size == strlen(*names) && !strncasecmp(field, *names, size))
            return true;
    return false;
}

/* Finds the columns for one separator; names in a header are bare or in quotes. */
static void read_header(const char *line, fani_key_columns *c)
{
    static const char *const moduli[] = {"modulus", "n", NULL};
    static const char *const exponents[] = {"exponent", "e", NULL};
    static const char *const ids[] = {"id", "kid", "name", NULL};
    for (unsigned column = 1; line; column++) {
        const char *end = strchr(line, c->separator);
        size_t size = end ? (size_t)(end - line) : strlen(line);
        while (size && strchr("\" \r", *line) && *line != c->separator) {
            line++;
            size--;
        }
        while (size && strchr("\" \r", line[size - 1]))
            size--;
        if (!c->modulus && is_one_of(line, size, moduli))
            c->modulus = column;
        else if (!c->exponent && is_one_of(line, size, exponents))
            c->exponent = column;
        else if (!c->id && is_one_of(line, size, ids))
            c->id = column;
        line = end ? end + 1 : NULL;
    }
}

bool fani_rsa_key_is_header(const char *line, fani_key_columns *columns)
{
    for (const char *separator = "\t;,"; *separator; separator++) {
        *columns = (fani_key_columns){.separator = *separator};
        if (!strchr(line, *separator))
            continue;
        read_header(line, columns);
        if (columns->modulus)
            return true;
    }
    *columns = (fani_key_columns){0};
    return false;
}

fan_status fani_rsa_key_row(const fani_rsa_key_source *source, uint64_t line, char *row,
                            const fani_key_columns *columns)
{
    fani_rsa_key_text written = {.form = FANI_RSA_KEY_RECORD};
    char *next = row;
    for (unsigned column = 1; next; column++) {
        char *at = next, *field = take_field(at, columns->separator, &next);
        if (!field)
            return fani_rsa_key_report(source, line, (uint64_t)(at - row) + 1,
                                       FANI_RSA_KEY_UNREADABLE, "quotes that are not closed");
        if (column == columns->modulus) {
            written.modulus = field;
            written.modulus_size = strlen(field);
            written.column = (uint64_t)(field - row) + 1;
        } else if (column == columns->exponent) {
            written.exponent = *field ? field : NULL;
        } else if (column == columns->id) {
            written.id = field;
        }
    }
    if (!written.modulus)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a row without column %u, which has the modulus",
                                   columns->modulus);
    return fani_rsa_key_written(source, line, &written);
}
