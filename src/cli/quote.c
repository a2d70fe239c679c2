#include "quote.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* No '=': in a first word it would be an assignment. No '~', which is a home, and no ASCII letter
 * is asked of the locale. */
static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_-./:,+@%", c));
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ') || c == 0x7f;
}

static bool any(const char *word, bool (*is)(char c), bool wanted)
{
    for (; *word; word++)
        if (is(*word) == wanted)
            return true;
    return false;
}

void quote_word(FILE *out, const char *word)
{
    if (*word && !any(word, is_bare, false)) {
        fputs(word, out);
        return;
    }
    bool escaped = any(word, is_control, true);
    fputs(escaped ? "$'" : "'", out);
    for (; *word; word++) {
        if (is_control(*word))
            fprintf(out, "\\%03o", (unsigned)*word);
        else if (escaped && (*word == '\'' || *word == '\\'))
            fprintf(out, "\\%c", *word);
        else if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    }
    fputc('\'', out);
}

static bool is_flag(const char *word, const char *flag)
{
    size_t size = strlen(flag);
    return strncmp(word, flag, size) == 0 && (word[size] == '\0' || word[size] == '=');
}

char *quote_resume(int argc, const char *const argv[], bool resume)
{
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    if (!out)
        return NULL;
    bool behind = false; /* options end */
    for (int i = 0; i < argc; i++) {
        behind |= i > 1 && strcmp(argv[i], "--") == 0;
        if (i > 1 && !behind && (is_flag(argv[i], "--resume") || is_flag(argv[i], "--restart")))
            continue;
        if (i)
            fputc(' ', out);
        quote_word(out, argv[i]);
        if (i == 1 && resume)
            fputs(" --resume", out);
    }
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    if (!failed)
        return line;
    free(line);
    return NULL;
}
