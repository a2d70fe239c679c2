/* The bytes of a journal: see docs/journal.md. All numbers are little-endian; all records start at
 * multiples of 8. */
#ifndef FANI_JOURNAL_FORMAT_H
#define FANI_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage/journal.h"

enum {
    FANI_JOURNAL_VERSION = 1,
    FANI_JOURNAL_HEAD = 64,        /* bytes before the first record */
    FANI_JOURNAL_RECORD_HEAD = 32, /* bytes before a payload */
    FANI_JOURNAL_NOTE_SIZE = FANI_JOURNAL_RECORD_HEAD + 8,
};

/* Kinds of the journal's own. They have no number of their own: theirs is that of the next record.
 */
#define FANI_JOURNAL_IDENTITY 0xffffff01U /* facts; the first record */
#define FANI_JOURNAL_EPOCH 0xffffff02U    /* an opening for writing begins; its payload is text */
#define FANI_JOURNAL_NOTE 0xffffff03U     /* u64: so many bytes from the start are synced */
#define FANI_JOURNAL_GAP 0xffffff04U /* the next record's number is this one's: some are lost */
#define FANI_JOURNAL_SNAPSHOT 0xffffff05U /* the snapshot of a compaction ends */

/* What stands before a payload. */
typedef struct fani_journal_mark {
    uint32_t size, kind, epoch;
    uint64_t sequence;
} fani_journal_mark;

typedef enum fani_journal_find {
    FANI_JOURNAL_FIND_NONE, /* no record begins here */
    FANI_JOURNAL_FIND_HEAD, /* the beginning is whole, the payload is not checked */
    FANI_JOURNAL_FIND_BAD,  /* the beginning is whole, the payload is not */
    FANI_JOURNAL_FIND_RECORD,
} fani_journal_find;

/* The head of a file that is known by `id`, a random number that is not 0. */
void fani_journal_head_put(unsigned char head[static FANI_JOURNAL_HEAD], uint64_t id);

/* Errors: FAN_E_INPUT, with what is wrong with it; the caller adds the file. */
fan_status fani_journal_head_get(const unsigned char head[static FANI_JOURNAL_HEAD], uint64_t *id,
                                 fan_error *error);

/* Bytes that a record takes in the file. */
static inline size_t fani_journal_record_bytes(size_t payload_size)
{
    return FANI_JOURNAL_RECORD_HEAD + ((payload_size + 7) & ~(size_t)7);
}

/* Writes a record of the file `id`: fani_journal_record_bytes(mark.size) bytes, at an address that
 * is a multiple of 8. */
void fani_journal_record_put(unsigned char *to, uint64_t id, fani_journal_mark mark,
                             const void *payload);

/* Reads what stands before a payload: FIND_HEAD, with *mark filled, or FIND_NONE. */
fani_journal_find fani_journal_mark_get(const unsigned char head[static FANI_JOURNAL_RECORD_HEAD],
                                        uint64_t id, fani_journal_mark *mark);

/* Whether a record whose beginning is whole is whole. */
bool fani_journal_record_whole(const unsigned char *record, uint64_t id, uint32_t size);

void fani_journal_u64_put(unsigned char to[static 8], uint64_t value);
uint64_t fani_journal_u64_get(const unsigned char from[static 8]);

/* The facts of an identity as a payload; free() it. NULL: out of memory or too large. */
unsigned char *fani_journal_identity_put(const fani_journal_fact facts[], size_t count,
                                         size_t *size);

/* Calls `fact` for each fact of a payload, whose texts it terminates in place. False: malformed. */
bool fani_journal_identity_get(const unsigned char *payload, size_t size,
                               void (*fact)(void *user, const char *key, const char *value),
                               void *user);

/* Whether a file's identity is that of `facts`. Errors: FAN_E_ARGUMENT with the key and both
 * values; FAN_E_INPUT: malformed. */
fan_status fani_journal_identity_match(const unsigned char *payload, size_t size,
                                       const fani_journal_fact facts[], size_t count,
                                       fan_error *error);

#endif
