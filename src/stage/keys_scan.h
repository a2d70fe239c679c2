/* The file under the reader of keys: a window of bytes, cut into lines. */
#ifndef FANI_STAGE_KEYS_SCAN_H
#define FANI_STAGE_KEYS_SCAN_H

#include "keys_csv.h"
#include "keys_entry.h"

#include <stdbool.h>

/* A line holds the longest modulus in decimal, or a large set of keys in JSON. */
#define FANI_KEY_LINE_BYTES 1048576
/* A certificate with a 65536-bit key takes less than 40 KB; a line and its end fit in. */
#define FANI_KEY_BLOCK_BYTES 2097152
/* Before the first line: enough to tell the forms apart. */
#define FANI_KEY_PEEK_BYTES 65536

/* What is being gathered over several lines. */
typedef enum fani_key_block {
    FANI_KEY_BLOCK_PEM,
    FANI_KEY_BLOCK_ZONE, /* a zone record whose brackets are open */
    FANI_KEY_BLOCK_ROW,  /* a row of a table whose quotes are open */
    FANI_KEY_BLOCK_JSON  /* a JSON text whose brackets are open */
} fani_key_block;

typedef struct fani_key_scanner {
    fani_rsa_key_source source;
    FILE *stream;
    unsigned char *window; /* FANI_KEY_PEEK_BYTES */
    size_t start, end;     /* the unread part of the window */
    unsigned char *again;  /* what is read before more of the stream: fani_key_unread */
    size_t again_at, again_end;
    uint64_t line;       /* of the line in `text`, from 1 */
    char *text;          /* FANI_KEY_LINE_BYTES + 1: the line without its newline, NUL after it */
    size_t text_size;    /* bytes in `text` */
    char *block;         /* FANI_KEY_BLOCK_BYTES: what is being gathered */
    size_t block_size;   /* bytes in `block` */
    uint64_t block_line; /* of its first line; 0 outside */
    fani_key_block block_kind;
    int64_t depth;        /* brackets open in it */
    uint64_t alone_until; /* lines up to this one are not gathered: they were, in vain */
    uint64_t cut_line;    /* the one of them that is only its beginning, or 0 */
    uint64_t keys_before; /* counted when the file began */
    int read_errno;
    unsigned strangers;               /* lines that were to be numbers and are none */
    bool text_cut;                    /* the line was longer than `text` */
    bool block_cut;                   /* the block was longer than `block` */
    bool block_zero;                  /* a zero byte stands in it; of zone records */
    bool is_text;                     /* keys stand among other text: a block was or will be seen */
    bool begun;                       /* a line that is no comment was seen */
    bool in_array;                    /* behind a line that is the bracket of a JSON array */
    fani_key_columns columns;         /* of a table */
    char owner[FANI_KEY_OWNER_BYTES]; /* of the last zone record */
} fani_key_scanner;

/* Reads until the window holds `wanted` bytes or the file ends; returns how many it holds. */
size_t fani_key_fill(fani_key_scanner *s, size_t wanted);

/* Takes up to `size` bytes out of the window and the file behind it; fewer only at the end. */
size_t fani_key_take(fani_key_scanner *s, unsigned char *to, size_t size);

/* Gathers the next line, cut at FANI_KEY_LINE_BYTES; false at the end of the file. */
bool fani_key_next_line(fani_key_scanner *s);

/* Puts lines back in front of all that is unread: the next one is the block's first, as it was.
 * They are those of the block, and `last`, where it is not NULL, behind them. Ends the block.
 * FAN_E_MEMORY with its text. */
fan_status fani_key_unread(fani_key_scanner *s, const char *last, size_t last_size);

/* Whether a line is cut off, or has a zero byte, which would end its text. */
bool fani_key_is_broken(const fani_key_scanner *s);

/* Says so. */
fan_status fani_key_report_broken(const fani_key_scanner *s);

/* Begins to gather with an empty block. */
void fani_key_begin_block(fani_key_scanner *s, fani_key_block kind);

/* Adds a line to the block; false: it has no room for it. */
bool fani_key_gather(fani_key_scanner *s, const char *text, size_t size);

#endif
