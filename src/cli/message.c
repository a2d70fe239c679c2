#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

enum { CARET_WIDTH = 72 };

static bool is_silent;
static bool is_quiet;

void message_silence(bool silent)
{
    is_silent = silent;
}

bool message_is_silenced(void)
{
    return is_silent;
}

void message_quiet(bool quiet)
{
    is_quiet = quiet;
}

void message_error(const char *format, ...)
{
    if (is_silent)
        return;
    progress_clear();
    va_list args;
    va_start(args, format);
    fputs("fanfold: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void message_note(const char *text)
{
    if (!is_quiet)
        message_error("%s", text);
}

void message_warning(const char *format, ...)
{
    if (is_silent || is_quiet)
        return;
    progress_clear();
    va_list args;
    va_start(args, format);
    fputs("fanfold: warning: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* A byte that begins a character: columns count bytes, a terminal shows characters. */
static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* The line and, below it, a caret under byte `column` (from 1). A long line is shown around it. */
static void show_caret(const char *line, size_t length, size_t column)
{
    size_t at = column - 1 < length ? column - 1 : length;
    size_t from = at > CARET_WIDTH - 12 ? at - (CARET_WIDTH - 12) : 0;
    size_t to = length - from > CARET_WIDTH ? from + CARET_WIDTH : length;
    while (from < at && !begins_character(line[from]))
        from++;
    while (to < length && !begins_character(line[to]))
        to++;
    fputs(from ? "    ..." : "    ", stderr);
    for (size_t i = from; i < to; i++)
        fputc((unsigned char)line[i] < ' ' || line[i] == 0x7f ? ' ' : line[i], stderr);
    fputs(to < length ? "...\n" : "\n", stderr);
    fputs(from ? "       " : "    ", stderr);
    for (size_t i = from; i < at; i++)
        if (begins_character(line[i]))
            fputc(' ', stderr);
    fputs("^\n", stderr);
}

/* Shows line `number` (from 1) of a file; says nothing where it can't be read any more. */
static void show_line_of_file(const char *path, size_t number, size_t column)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = -1;
    for (size_t i = 0; i < number; i++)
        if ((length = getline(&line, &capacity, file)) < 0)
            break;
    if (length >= 0) {
        size_t shown = strcspn(line, "\r\n");
        show_caret(line, shown < (size_t)length ? shown : (size_t)length, column);
    }
    free(line);
    fclose(file);
}

/* Names of files are from outside: what would move a terminal's cursor, or end the line, is '?'. A
 * text may have lines of its own. */
static void put_safely(const char *text, bool has_lines)
{
    for (; *text; text++) {
        bool control = (unsigned char)*text < ' ' || *text == 0x7f;
        fputc(control && !(has_lines && *text == '\n') ? '?' : *text, stderr);
    }
}

void message_record(const fan_error *error, const char *label, const char *source, bool show_file)
{
    if (is_silent)
        return;
    progress_clear();
    fputs("fanfold: ", stderr);
    const char *place = error->file[0] ? error->file : label;
    /* Texts of system errors begin with the file themselves. */
    if (error->file[0] && !error->line && strstr(error->text, error->file))
        place = NULL;
    if (place)
        put_safely(place, false);
    if (place && error->line)
        fprintf(stderr, ":%u", error->line);
    if (place && error->column)
        fprintf(stderr, ":%u", error->column);
    fputs(place ? ": " : "", stderr);
    put_safely(error->text[0] ? error->text : fan_status_text(error->status), true);
    fputc('\n', stderr);
    /* Errors of expressions bring their line and caret with them. */
    if (!error->column || strchr(error->text, '\n'))
        return;
    if (source && error->line <= 1)
        show_caret(source, strcspn(source, "\n"), error->column);
    else if (!source && show_file && error->file[0] && strcmp(error->file, "-") != 0)
        show_line_of_file(error->file, error->line ? error->line : 1, error->column);
}

int exit_code_of(fan_status status)
{
    switch (status) {
    case FAN_OK:
        return 0;
    case FAN_E_ARGUMENT:
    case FAN_E_SYNTAX:
    case FAN_E_INPUT:
    case FAN_E_UNSUPPORTED:
    case FAN_E_UNKNOWN_TASK:
    case FAN_E_UNKNOWN_EXECUTOR:
    case FAN_E_TOO_LARGE:
    case FAN_E_NOT_FINITE:
        return 2;
    case FAN_E_OUTPUT:
        return 3;
    case FAN_E_FAILED:
    case FAN_E_TIMEOUT:
    case FAN_E_EFFORT:
        return 1;
    case FAN_E_CANCELLED:
        return 75;
    default:
        return 4;
    }
}
