/* What a reader knows: reader.c reads, reader_whole.c cuts most of what it has read,
 * reader_explain.c tells what is wrong with an item. */
#ifndef FANI_READER_INTERNAL_H
#define FANI_READER_INTERNAL_H

#include <endian.h>
#include <string.h>

#include "stage/reader.h"
#include "stage/unpack.h"

enum { FANI_READER_SLACK = 16 }; /* bytes behind a chunk that may be looked at, whatever they are */

typedef struct fani_reader_input {
    char *name; /* path, name of a descriptor, or the text itself */
    char *path; /* of a file that is read under another name; NULL: the name */
    int fd;     /* -1: not open */
    bool is_text, owned, opened, at_start, pollable;
    int open_errno;
    fani_unpack *unpack; /* of compressed data, or NULL */
    char *file;          /* of a text, NULL where it stands in none; with its place */
    uint32_t line, column;
    fan_status (*make)(void *user, uint64_t i, const char **bytes, size_t *size); /* or NULL */
    void *make_user;
    uint64_t made;
} fani_reader_input;

struct fani_reader {
    fani_reader_options options;
    fani_reader_input *inputs;
    size_t input_count, input_capacity, current;
    fan_status failed; /* a read error that waits until the items before it were given */
    int failed_errno;
    const char *failed_why; /* where no call failed */

    unsigned char *chunk; /* bytes at..end are not looked at yet */
    size_t at, end;
    uint64_t chunk_position, line_position; /* in the input: of chunk[0], of the line's start */
    uint32_t line;

    unsigned char *out; /* the items given, then the one being read */
    size_t out_used, out_capacity;
    uint64_t *offsets;
    size_t count;

    bool in_item, in_token, skipping; /* skipping: the rest of a refused or passed-over entry */
    bool passing;                     /* the entry being read is not wanted */
    uint64_t to_pass;                 /* entries before the next one that is */
    size_t looked_at;                 /* bytes, by this pull or since stop was asked */
    size_t item_start, token_start;   /* in out */
    size_t token_size, token_limit;
    fani_place item_place;

    fani_place *places; /* a ring: item i at i & (capacity - 1) */
    size_t place_capacity;
    uint64_t place_first, next_index; /* the places of first..next - 1 are kept */
};

static inline bool fani_is_blank(unsigned char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Where the next blank is, or the end of the chunk. Looks for a byte below '!' among eight at once
 * (the lowest that the subtraction marks is one). */
static inline size_t fani_token_end(const unsigned char *chunk, size_t at, size_t end)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    for (size_t i = at; i < end;) {
        uint64_t word;
        memcpy(&word, chunk + i, sizeof word);
        word = le64toh(word);
        uint64_t low = (word - each * '!') & ~word & (each << 7);
        i += low ? (size_t)__builtin_ctzll(low) / 8 : sizeof word;
        if (low && i < end && fani_is_blank(chunk[i]))
            return i;
        i += low != 0; /* something else, or behind the end */
    }
    return end;
}

/* Takes items that lie whole in the chunk and are as most are, if any may be taken here. There is
 * room for twice what is left of the chunk, and FANI_READER_SLACK bytes. True: it took something.
 */
bool fani_reader_take_whole(fani_reader *r, size_t max_items, size_t max_bytes);

#endif
