/* The words of a command in which an item stands: GNU parallel's replacement strings. */
#ifndef FANI_COMMAND_WORDS_H
#define FANI_COMMAND_WORDS_H

#include "fanfold/executor.h"

/* {} the item, {.} without its ending, {/} without its folder, {//} its folder, {/.} without folder
 * and ending; {2}, {2.}, {-1}, ... one of its columns; {#} its number, {%} the place it runs in.
 * What stands in braces and is none of these is left as it is. */
typedef struct fani_template fani_template;

/* Words that are not the caller's to keep. Where none of them has a replacement string of the item
 * and `appends`, a {} is put behind them. `shell`: the words are put together with blanks into one
 * text for /bin/sh, and what replaces is quoted. FAN_E_MEMORY. */
fan_status fani_template_new(const char *const *words, size_t count, bool shell, bool appends,
                             fani_template **made);
void fani_template_free(fani_template *template);

/* Whether {%} stands in it. */
bool fani_template_has_place(const fani_template *template);

/* Whether, for a shell, a replacement string of the item stands within quotes of the words or a
 * comment, or behind a backslash or a dollar: there the quotes around what replaces do not hold. */
bool fani_template_is_quoted(const fani_template *template);

/* A text that is part of another one. */
typedef struct fani_piece {
    const char *at;
    size_t size;
} fani_piece;

/* What replaces. */
typedef struct fani_item_values {
    const fani_piece *columns; /* at least one */
    size_t count;
    uint64_t number; /* {#} */
    uint64_t place;  /* {%}; UINT64_MAX: stays as it is */
} fani_item_values;

/* The arguments for one item, NULL-terminated, valid until the next call. A word that is one
 * replacement string of the whole item becomes a word for each of its columns; within a word they
 * are put together with blanks. NULL: out of memory. */
const char *const *fani_template_fill(fani_template *template, const fani_item_values *values);

/* The columns of an item: what stands between separators. `columns` has room for `most`; what is
 * behind the last one's separator belongs to it. How many there are. */
size_t fani_columns_cut(const char *item, size_t size, const char *separator, size_t separator_size,
                        fani_piece *columns, size_t most);

/* Appends a text as a shell reads it back: bare, 'quoted', or $'...' where it has control
 * characters and `one_line`. FAN_E_MEMORY. */
fan_status fani_quote(fan_buffer *to, const char *text, size_t size, bool one_line);

#endif
