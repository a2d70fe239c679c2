#include "stage/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { HASH_DIGITS = 16 };

static const char escaped[] = "\\\t\n\r", letters[] = "\\tnr";

static fan_status refuse(fan_error *error, const char *line, const char *at, const char *text)
{
    fani_error_set(error, FAN_E_SYNTAX, "%s", text);
    fani_error_place(error, NULL, 0, (uint32_t)(at - line) + 1);
    return FAN_E_SYNTAX;
}

/* Takes the escapes out, in place. NULL: fine; else where a wrong one is. */
static const char *unescape(char *name)
{
    char *to = name;
    for (const char *from = name; *from; from++) {
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        const char *letter = from[1] ? strchr(letters, from[1]) : NULL;
        if (!letter)
            return from;
        *to++ = escaped[letter - letters];
        from++;
    }
    *to = '\0';
    return NULL;
}

static bool is_unknown(const char *field)
{
    return !*field || !strcmp(field, "-");
}

/* Digits alone, all of them: strtoull would take signs and blanks. */
static bool read_number(const char *field, const char *digits, int base, uint64_t *number)
{
    uint64_t value = 0;
    for (; *field; field++) {
        const char *digit = strchr(digits, *field);
        if (!digit || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit - digits), &value))
            return false;
    }
    *number = value;
    return true;
}

fan_status fani_manifest_parse(char *line, fani_manifest_entry *entry, fan_error *error)
{
    *entry = (fani_manifest_entry){0};
    line[strcspn(line, "\r\n")] = '\0';
    if (!*line || *line == '#')
        return FAN_OK;
    char *size = line + strcspn(line, "\t"), *hash = size;
    if (*size) {
        *size++ = '\0';
        hash = size + strcspn(size, "\t");
    }
    if (*hash) {
        *hash++ = '\0';
        if (strchr(hash, '\t'))
            return refuse(error, line, strchr(hash, '\t'), "more than three fields in a line");
    }
    if (!*line)
        return refuse(error, line, line, "expected a name");
    entry->has_size = !is_unknown(size);
    entry->has_hash = !is_unknown(hash);
    if (entry->has_size && !read_number(size, "0123456789", 10, &entry->size))
        return refuse(error, line, size, "expected a size in bytes");
    if (entry->has_hash &&
        (strlen(hash) != HASH_DIGITS || !read_number(hash, "0123456789abcdef", 16, &entry->hash)))
        return refuse(error, line, hash, "expected a hash of 16 hexadecimal digits");
    const char *wrong = unescape(line);
    if (wrong)
        return refuse(error, line, wrong, "expected \\\\, \\t, \\n or \\r");
    entry->name = line;
    return FAN_OK;
}

char *fani_manifest_line(const fani_manifest_entry *entry)
{
    enum { FIELDS = 48 }; /* room for the rest of the line */
    char *line = malloc(2 * strlen(entry->name) + FIELDS), *to = line;
    if (!line)
        return NULL;
    if (*entry->name == '#') /* as it is it would make the line a comment */
        to = stpcpy(to, "./");
    for (const char *from = entry->name; *from; from++) {
        const char *special = strchr(escaped, *from);
        if (special)
            *to++ = '\\';
        *to++ = special ? letters[special - escaped] : *from;
    }
    to += entry->has_size ? sprintf(to, "\t%" PRIu64, entry->size) : sprintf(to, "\t-");
    if (entry->has_hash)
        to += sprintf(to, "\t%016" PRIx64, entry->hash);
    memcpy(to, "\n", 2);
    return line;
}
