/* Reading lists: numbers separated by blanks, or lines of numbers, from files, descriptors and
 * arguments, in constant memory. What the items mean is not the reader's business: it cuts them and
 * remembers where they stood. */
#ifndef FANI_READER_H
#define FANI_READER_H

#include "fanfold/task.h"

typedef struct fani_reader fani_reader;

/* The longest token where nothing else is asked for. */
enum { FANI_TOKEN_MAX = 1000000 };

typedef enum fani_unit {
    FANI_UNIT_TOKEN,  /* an item is what stands between blanks and line ends */
    FANI_UNIT_LINE,   /* an item is a line, from its first byte that is no blank; empty ones don't
                         count */
    FANI_UNIT_RECORD, /* an item is what stands before a separator, as it is, empty too; what no
                         separator follows is one where it is not empty */
} fani_unit;

/* Why the reader itself refuses an entry. Such an entry is an item all the same, so that it has its
 * place in the order; its bytes are a short excerpt with a '.', never a number, and of a record
 * with a NUL at its end, never an argument. */
typedef enum fani_flaw {
    FANI_FLAW_NONE,
    FANI_FLAW_TOKEN_LONG, /* a token above token_max */
    FANI_FLAW_LINE_LONG,  /* a line above line_max */
    FANI_FLAW_NOT_OPENED, /* an input that can't be opened */
} fani_flaw;

/* Where an item stands. `line` is 0 for an argument. */
typedef struct fani_place {
    uint32_t input; /* for fani_reader_explain */
    uint32_t line;
    uint32_t column; /* in bytes, from 1 */
    uint32_t flaw;   /* fani_flaw */
} fani_place;

typedef struct fani_reader_options {
    fani_unit unit;
    size_t token_max; /* most bytes of a token, a leading sign not counted; 0: FANI_TOKEN_MAX */
    size_t line_max;  /* most bytes of a line; 0: 256 MiB */
    bool (*stop)(void *user); /* asked at least every 100 ms while nothing comes; may be NULL */
    void *stop_user;
    /* Of all entries only every step-th is given, from number `first` (below step) on; what the
     * reader refuses counts like the others. 0 and 0: all. What is passed over is not kept, and
     * counted nowhere: items are numbered as given. */
    uint64_t first, step;
    char separator; /* of records */
} fani_reader_options;

/* Makes a reader without inputs. FAN_E_MEMORY. A reader belongs to one thread at a time. */
fan_status fani_reader_new(const fani_reader_options *options, fani_reader **reader);

/* Closes what it opened and frees. NULL is accepted. */
void fani_reader_free(fani_reader *reader);

/* Adds an input; they are read in the order in which they were added, each opened when its turn
 * comes. add_file: a path, "-" for standard input; `path` is copied. add_copy: a file
 * that stands for another, which messages name. add_fd: a descriptor that stays the caller's,
 * `name` is for messages. add_text: one item as it stands, such as an argument; blanks around it
 * are dropped, blanks in it stay. Errors: FAN_E_MEMORY. */
fan_status fani_reader_add_file(fani_reader *reader, const char *path);
fan_status fani_reader_add_copy(fani_reader *reader, const char *path, const char *name);
fan_status fani_reader_add_fd(fani_reader *reader, int fd, const char *name);
fan_status fani_reader_add_text(fani_reader *reader, const char *text);

/* The same for a text that stands in a file, for messages: `line` and `column` from 1. */
fan_status fani_reader_add_text_of(fani_reader *reader, const char *text, const char *file,
                                   uint32_t line, uint32_t column);

/* Items that are made: `make` leaves number i (from 0) in *bytes and *size, valid until its next
 * call, or NULL behind the last one. Errors: FAN_E_MEMORY; those of `make` end the reading. */
fan_status fani_reader_add_made(fani_reader *reader,
                                fan_status (*make)(void *user, uint64_t i, const char **bytes,
                                                   size_t *size),
                                void *user);

/* The next items, by offsets, at most max_items and about max_bytes (and never more than some
 * thousand: the reader holds one chunk of input, the items given and one item that is not complete
 * yet). With `wait` it waits for at least one; without, 0 items may also mean that nothing has come
 * for some milliseconds: fani_reader_ended tells. items->first counts items from 0. Valid until the
 * next pull. Errors: FAN_E_INPUT with file and errno (items read before it are given first),
 * FAN_E_CANCELLED (stop), FAN_E_MEMORY. */
fan_status fani_reader_pull(fani_reader *reader, size_t max_items, size_t max_bytes, bool wait,
                            fan_items *items, fan_error *error);

/* Whether the last item was given. */
bool fani_reader_ended(const fani_reader *reader);

/* The place of an item that was given and not forgotten, or of `count` >= 1 of them; forget drops
 * those below `index`. */
fani_place fani_reader_place(const fani_reader *reader, uint64_t index);
void fani_reader_places(const fani_reader *reader, uint64_t first, size_t count,
                        fani_place *places);
void fani_reader_forget(fani_reader *reader, uint64_t index);

/* Fills *error for an entry: FAN_E_SYNTAX with file, line and column, `offset` bytes into the item,
 * and `text`; or, where the place has a flaw, what that is. */
void fani_reader_explain(const fani_reader *reader, fani_place place, size_t offset,
                         const char *text, fan_error *error);

#endif
