/* The file under the reader of keys: a window of bytes, cut into lines. */
#ifndef FANI_STAGE_KEYS_SCAN_H
#define FANI_STAGE_KEYS_SCAN_H

#include "keys_csv.h"
#include "keys_entry.h"

#include <stdbool.h>

/* A line holds the longest modulus in decimal with much room for a comment. */
#define FANI_KEY_LINE_BYTES 65536
/* A certificate with a 65536-bit key takes less than 40 KB. */
#define FANI_KEY_BLOCK_BYTES 1048576
/* Before the first line: enough to tell the forms apart. */
#define FANI_KEY_PEEK_BYTES 65536

typedef struct fani_key_scanner {
    fani_rsa_key_source source;
    FILE *stream;
    unsigned char *window; /* FANI_KEY_PEEK_BYTES */
    size_t start, end;     /* the unread part of the window */
    uint64_t line;         /* of the line in `text`, from 1 */
    char *text;            /* FANI_KEY_LINE_BYTES + 1: the line without its newline, NUL after it */
    size_t text_size;      /* bytes in `text` */
    char *block;           /* FANI_KEY_BLOCK_BYTES: the PEM block or zone record being gathered */
    size_t block_size;     /* bytes in `block` */
    uint64_t block_line;   /* of its first line; 0 outside */
    int64_t depth;         /* brackets open in it */
    uint64_t keys_before;  /* counted when the file began */
    int read_errno;
    unsigned strangers;               /* lines that were to be numbers and are none */
    bool text_cut;                    /* the line was longer than `text` */
    bool block_cut;                   /* the block was longer than `block` */
    bool block_zero;                  /* a zero byte stands in it; of zone records */
    bool in_record;                   /* the block is a zone record whose brackets are open */
    bool is_text;                     /* keys stand among other text: a block was or will be seen */
    bool begun;                       /* a line that is no comment was seen */
    fani_key_columns columns;         /* of a table */
    char owner[FANI_KEY_OWNER_BYTES]; /* of the last zone record */
} fani_key_scanner;

/* Reads until the window holds `wanted` bytes or the file ends; returns how many it holds. */
size_t fani_key_fill(fani_key_scanner *s, size_t wanted);

/* Takes up to `size` bytes out of the window and the file behind it; fewer only at the end. */
size_t fani_key_take(fani_key_scanner *s, unsigned char *to, size_t size);

/* Gathers the next line, cut at FANI_KEY_LINE_BYTES; false at the end of the file. */
bool fani_key_next_line(fani_key_scanner *s);

#endif
