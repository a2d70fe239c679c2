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

/* Whether the options among the words ask for it already. */
static bool resumes(int argc, char *const argv[])
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--resume") == 0)
            return true;
    return false;
}

char *quote_resume(int argc, char *const argv[])
{
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    if (!out)
        return NULL;
    for (int i = 0; i < argc; i++) {
        if (i)
            fputc(' ', out);
        quote_word(out, argv[i]);
        if (i == 1 && !resumes(argc, argv))
            fputs(" --resume", out);
    }
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    if (!failed)
        return line;
    free(line);
    return NULL;
}
