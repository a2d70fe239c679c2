#include "job/command_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/record.h"

typedef enum operation {
    LITERAL,
    ITEM,       /* {} */
    NO_ENDING,  /* {.} */
    NO_FOLDER,  /* {/} */
    FOLDER,     /* {//} */
    NAME_ALONE, /* {/.} */
    NUMBER,     /* {#} */
    PLACE,      /* {%} */
} operation;

typedef struct part {
    operation operation;
    int64_t column; /* 0: all; below: from the end */
    const char *at; /* of a literal */
    size_t size;
} part;

typedef struct word {
    part *parts;
    size_t count;
    char *text; /* what the literals point into */
} word;

struct fani_template {
    word *words;
    size_t count;
    bool shell, has_item, has_place;
    fan_buffer bytes; /* the texts of what was filled last, and where each begins */
    size_t *starts;
    const char **arguments;
    size_t argument_count, capacity;
};

/* ---- Reading ---------------------------------------------------------------------------------
 */

/* What stands behind a column's number, to the closing brace. */
static bool read_operation(const char *at, size_t size, bool has_column, operation *made)
{
    static const struct {
        const char *text;
        operation operation;
    } known[] = {{"", ITEM},         {".", NO_ENDING}, {"/", NO_FOLDER}, {"//", FOLDER},
                 {"/.", NAME_ALONE}, {"#", NUMBER},    {"%", PLACE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].text) == size && !memcmp(known[i].text, at, size)) {
            *made = known[i].operation;
            return !has_column || (*made != NUMBER && *made != PLACE);
        }
    return false;
}

/* A replacement string at an opening brace; its size, 0 where it is none. */
static size_t read_replacement(const char *text, part *made)
{
    const char *close = strchr(text, '}'), *at = text + 1;
    if (!close || close - at > 24)
        return 0;
    bool minus = *at == '-', has_column;
    int64_t column = 0;
    at += minus;
    for (has_column = false; *at >= '0' && *at <= '9' && column < INT32_MAX; has_column = true)
        column = 10 * column + (*at++ - '0');
    if ((minus || has_column) && !column)
        return 0;
    *made = (part){.column = minus ? -column : column};
    return read_operation(at, (size_t)(close - at), has_column, &made->operation)
               ? (size_t)(close - text) + 1
               : 0;
}

static bool add_part(word *w, part made)
{
    part *parts = realloc(w->parts, (w->count + 1) * sizeof *parts);
    if (!parts)
        return false;
    w->parts = parts;
    parts[w->count++] = made;
    return true;
}

static bool read_word(word *w, const char *text)
{
    w->text = strdup(text);
    const char *at = w->text, *from = at;
    while (at && *at) {
        part made;
        size_t size = *at == '{' ? read_replacement(at, &made) : 0;
        if (!size) {
            at++;
            continue;
        }
        if (at > from && !add_part(w, (part){.at = from, .size = (size_t)(at - from)}))
            return false;
        if (!add_part(w, made))
            return false;
        from = at += size;
    }
    return w->text && (at == from || add_part(w, (part){.at = from, .size = (size_t)(at - from)}));
}

static void note_parts(fani_template *t, const word *w)
{
    for (size_t i = 0; i < w->count; i++) {
        operation o = w->parts[i].operation;
        t->has_place |= o == PLACE;
        t->has_item |= o != LITERAL && o != PLACE && o != NUMBER;
    }
}

static bool read_words(fani_template *t, const char *const *words, size_t count, bool appends)
{
    t->words = calloc(count + 1, sizeof *t->words);
    for (; t->words && t->count < count; t->count++) {
        if (!read_word(&t->words[t->count], words[t->count])) {
            t->count++;
            return false;
        }
        note_parts(t, &t->words[t->count]);
    }
    if (!t->words || t->has_item || !appends)
        return t->words != NULL;
    return read_word(&t->words[t->count++], "{}");
}

fan_status fani_template_new(const char *const *words, size_t count, bool shell, bool appends,
                             fani_template **made)
{
    fani_template *t = calloc(1, sizeof *t);
    if (t && read_words(t, words, count, appends)) {
        t->shell = shell;
        *made = t;
        return FAN_OK;
    }
    fani_template_free(t);
    return FAN_E_MEMORY;
}

void fani_template_free(fani_template *template)
{
    if (!template)
        return;
    for (size_t i = 0; i < template->count; i++) {
        free(template->words[i].parts);
        free(template->words[i].text);
    }
    free(template->words);
    free(template->starts);
    free((void *)template->arguments);
    fan_buffer_clear(&template->bytes);
    free(template);
}

bool fani_template_has_place(const fani_template *template)
{
    return template->has_place;
}

/* ---- Quotes ----------------------------------------------------------------------------------
 */

enum { DEPTH = 32 };

/* Where one is in a text for a shell. "$(" and backticks begin a command of its own, also within
 * quotes. */
typedef struct quotes {
    char open[DEPTH]; /* what is open, the innermost last: ' " ( ` */
    size_t depth;
    char before; /* the character before; 0: it is escaped or there is none */
    bool escaped, comment;
} quotes;

static char innermost(const quotes *q)
{
    return q->depth ? q->open[q->depth - 1] : 0;
}

/* What closes where it stands, or opens; without room the rest counts as quoted. */
static void read_mark(quotes *q, char c)
{
    char inner = innermost(q), closes = c == ')' ? '(' : c == '(' ? 0 : c;
    if (q->depth == DEPTH || (inner == '\'' && c != '\''))
        return;
    if (inner == '"' && (c == '\'' || c == ')' || (c == '(' && q->before != '$')))
        return;
    if (closes && inner == closes)
        q->depth--;
    else if (c != ')')
        q->open[q->depth++] = c;
}

static void read_shell(quotes *q, char c)
{
    char inner = innermost(q);
    bool was_escaped = q->escaped;
    q->escaped = false;
    if (q->comment) {
        q->comment = c != '\n';
    } else if (!was_escaped && c == '\\' && inner != '\'') {
        q->escaped = true;
    } else if (!was_escaped && c == '#' && inner != '\'' && inner != '"' &&
               (!q->before || strchr(" \t\n;|&(`", q->before))) {
        q->comment = true;
    } else if (!was_escaped && strchr("'\"()`", c)) {
        read_mark(q, c);
    }
    q->before = was_escaped ? 'x' : c;
}

/* Whether quotes around what replaces would not be quotes here. */
static bool is_quoted(const quotes *q)
{
    char inner = innermost(q);
    return q->comment || inner == '\'' || inner == '"' || q->escaped || q->before == '$' ||
           q->depth == DEPTH;
}

bool fani_template_is_quoted(const fani_template *template)
{
    quotes q = {0};
    for (size_t i = 0; i < template->count; i++) {
        const word *w = &template->words[i];
        for (size_t k = 0; k < w->count; k++) {
            const part *p = &w->parts[k];
            bool literal = p->operation == LITERAL;
            if (!literal && p->operation != NUMBER && p->operation != PLACE && is_quoted(&q))
                return true;
            for (size_t c = 0; literal && c < p->size; c++)
                read_shell(&q, p->at[c]);
            if (!literal)
                read_shell(&q, 'x');
        }
        read_shell(&q, ' ');
    }
    return false;
}

/* ---- Replacing -------------------------------------------------------------------------------
 */

/* Without what stands before its last slash. */
static fani_piece name_of(fani_piece path)
{
    const char *slash = memrchr(path.at, '/', path.size);
    if (!slash)
        return path;
    size_t before = (size_t)(slash + 1 - path.at);
    return (fani_piece){path.at + before, path.size - before};
}

/* Without an ending of its last name; ".name" is all ending, as for parallel. */
static fani_piece cut_ending(fani_piece path)
{
    fani_piece name = name_of(path);
    const char *dot = memrchr(name.at, '.', name.size);
    if (dot && dot + 1 < name.at + name.size)
        path.size = (size_t)(dot - path.at);
    return path;
}

static void cut_slashes(fani_piece *path)
{
    while (path->size > 1 && path->at[path->size - 1] == '/')
        path->size--;
}

/* As dirname prints it. */
static fani_piece folder_of(fani_piece path)
{
    cut_slashes(&path);
    const char *slash = memrchr(path.at, '/', path.size);
    if (!slash)
        return (fani_piece){".", 1};
    path.size = slash == path.at ? 1 : (size_t)(slash - path.at);
    cut_slashes(&path);
    return path;
}

static fani_piece operate(operation what, fani_piece value)
{
    switch (what) {
    case NO_ENDING:
        return cut_ending(value);
    case NO_FOLDER:
        return name_of(value);
    case FOLDER:
        return folder_of(value);
    case NAME_ALONE:
        return cut_ending(name_of(value));
    case LITERAL:
    case ITEM:
    case NUMBER:
    case PLACE:
        break;
    }
    return value;
}

static bool is_plain(const char *text, size_t size)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_@%+:,./-";
    for (size_t i = 0; i < size; i++)
        if (!text[i] || !strchr(safe, text[i]))
            return false;
    return size > 0;
}

static bool has_controls(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return true;
    return false;
}

static fan_status quote_controls(fan_buffer *to, const char *text, size_t size)
{
    fan_status status = fani_bytes_add(to, "$'", 2);
    for (size_t i = 0; status == FAN_OK && i < size; i++) {
        char escaped[8];
        unsigned char c = (unsigned char)text[i];
        int length = 1;
        if (c < ' ' || c == 0x7f)
            length = snprintf(escaped, sizeof escaped, "\\%03o", c);
        else if (c == '\'' || c == '\\')
            length = snprintf(escaped, sizeof escaped, "\\%c", c);
        else
            escaped[0] = (char)c;
        status = fani_bytes_add(to, escaped, (size_t)length);
    }
    return status == FAN_OK ? fani_bytes_add(to, "'", 1) : status;
}

fan_status fani_quote(fan_buffer *to, const char *text, size_t size, bool one_line)
{
    if (is_plain(text, size))
        return fani_bytes_add(to, text, size);
    if (one_line && has_controls(text, size))
        return quote_controls(to, text, size);
    fan_status status = fani_bytes_add(to, "'", 1);
    for (size_t i = 0; status == FAN_OK && i < size; i++)
        status = text[i] == '\'' ? fani_bytes_add(to, "'\\''", 4) : fani_bytes_add(to, text + i, 1);
    return status == FAN_OK ? fani_bytes_add(to, "'", 1) : status;
}

static fan_status put_value(fani_template *t, operation what, fani_piece value)
{
    fani_piece made = operate(what, value);
    return t->shell ? fani_quote(&t->bytes, made.at, made.size, false)
                    : fani_bytes_add(&t->bytes, made.at, made.size);
}

static fan_status put_number(fani_template *t, uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return fani_bytes_add(&t->bytes, text, (size_t)size);
}

/* All columns with a blank between them, or the one that is meant; one that is not there is empty.
 */
static fan_status put_columns(fani_template *t, const part *p, const fani_item_values *v)
{
    fan_status status = FAN_OK;
    if (p->column) {
        int64_t at = p->column > 0 ? p->column - 1 : (int64_t)v->count + p->column;
        bool there = at >= 0 && at < (int64_t)v->count;
        return put_value(t, p->operation, there ? v->columns[at] : (fani_piece){"", 0});
    }
    for (size_t i = 0; status == FAN_OK && i < v->count; i++) {
        status = fani_bytes_add(&t->bytes, " ", i ? 1 : 0);
        if (status == FAN_OK)
            status = put_value(t, p->operation, v->columns[i]);
    }
    return status;
}

static fan_status put_part(fani_template *t, const part *p, const fani_item_values *v)
{
    switch (p->operation) {
    case LITERAL:
        return fani_bytes_add(&t->bytes, p->at, p->size);
    case NUMBER:
        return put_number(t, v->number);
    case PLACE:
        return v->place == UINT64_MAX ? fani_bytes_add(&t->bytes, "{%}", 3)
                                      : put_number(t, v->place);
    default:
        return put_columns(t, p, v);
    }
}

/* ---- Filling ---------------------------------------------------------------------------------
 */

/* Begins the next argument; the one before has its NUL already. */
static bool begin_argument(fani_template *t)
{
    if (t->argument_count == t->capacity) {
        size_t capacity = 2 * t->capacity + 16;
        size_t *starts = realloc(t->starts, capacity * sizeof *starts);
        if (!starts)
            return false;
        t->starts = starts;
        const char **arguments = realloc((void *)t->arguments, (capacity + 1) * sizeof *arguments);
        if (!arguments)
            return false;
        t->arguments = arguments;
        t->capacity = capacity;
    }
    t->starts[t->argument_count++] = t->bytes.size;
    return true;
}

static bool end_argument(fani_template *t)
{
    return fani_bytes_add(&t->bytes, "", 1) == FAN_OK;
}

static bool put_text(fani_template *t, const char *text)
{
    return begin_argument(t) && fani_bytes_add(&t->bytes, text, strlen(text)) == FAN_OK &&
           end_argument(t);
}

/* Whether a word is the whole item and nothing else. */
static bool is_item(const word *w)
{
    return w->count == 1 && !w->parts->column && w->parts->operation >= ITEM &&
           w->parts->operation <= NAME_ALONE;
}

static bool put_parts(fani_template *t, const word *w, const fani_item_values *v)
{
    for (size_t i = 0; i < w->count; i++)
        if (put_part(t, &w->parts[i], v) != FAN_OK)
            return false;
    return true;
}

static bool put_word(fani_template *t, const word *w, const fani_item_values *v)
{
    if (!is_item(w))
        return begin_argument(t) && put_parts(t, w, v) && end_argument(t);
    for (size_t i = 0; i < v->count; i++) {
        fani_item_values one = {.columns = &v->columns[i], .count = 1};
        if (!begin_argument(t) || !put_parts(t, w, &one) || !end_argument(t))
            return false;
    }
    return true;
}

static bool put_script(fani_template *t, const fani_item_values *v)
{
    if (!put_text(t, "/bin/sh") || !put_text(t, "-c") || !put_text(t, "--") || !begin_argument(t))
        return false;
    for (size_t i = 0; i < t->count; i++)
        if (fani_bytes_add(&t->bytes, " ", i ? 1 : 0) != FAN_OK || !put_parts(t, &t->words[i], v))
            return false;
    return end_argument(t);
}

const char *const *fani_template_fill(fani_template *template, const fani_item_values *values)
{
    fani_template *t = template;
    t->bytes.size = 0;
    t->argument_count = 0;
    if (t->shell && !put_script(t, values))
        return NULL;
    for (size_t i = 0; !t->shell && i < t->count; i++)
        if (!put_word(t, &t->words[i], values))
            return NULL;
    if (!t->argument_count)
        return NULL;
    for (size_t i = 0; i < t->argument_count; i++)
        t->arguments[i] = (const char *)t->bytes.bytes + t->starts[i];
    t->arguments[t->argument_count] = NULL;
    return t->arguments;
}

size_t fani_columns_cut(const char *item, size_t size, const char *separator, size_t separator_size,
                        fani_piece *columns, size_t most)
{
    size_t count = 0;
    while (separator_size && count + 1 < most) {
        const char *end = memmem(item, size, separator, separator_size);
        if (!end)
            break;
        columns[count++] = (fani_piece){item, (size_t)(end - item)};
        size -= (size_t)(end - item) + separator_size;
        item = end + separator_size;
    }
    columns[count] = (fani_piece){item, size};
    return count + 1;
}
