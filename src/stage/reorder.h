/* What comes in any order is taken in the order of its indices. A record stands for one index or
 * for several that follow each other, and is bytes of its maker's.
 *
 *     fani_reorder_put(buffer, first, count, &bytes, &error);          as they come
 *     while (fani_reorder_take(buffer, limit, &record, &error) == FAN_OK && record.count) ...
 *
 * Some MB of records wait in memory; beyond that all of them go to the spill file, neighbours as
 * one. fani_reorder_save sends them there at once and says where they are, for a journal; what such
 * a journal says is taken up again by fani_reorder_adopt. The buffer is bounded by whoever asks
 * fani_reorder_full before more is begun: what was begun then still has room. Of one thread at a
 * time. */
#ifndef FANI_REORDER_H
#define FANI_REORDER_H

#include "fanfold/executor.h"
#include "stage/spill.h"

typedef struct fani_reorder fani_reorder;

/* 0 stands for the default everywhere. */
typedef struct fani_reorder_options {
    uint64_t next;       /* the first index to be taken */
    size_t memory_bytes; /* most bytes in memory, with 64 for each record: 16 MiB */
    uint64_t bytes_max;  /* full at so many bytes: 1 GiB */
    size_t records_max;  /* full at so many records in the file, 40 bytes of memory each: 2^19 */
    fani_spill *spill;   /* borrowed; NULL: records wait in memory alone */
    bool must_spill; /* a journal speaks of the file: its errors are answered, and save tells what
                        is in it. Else what can't be written stays in memory, and the buffer is full
                        until that is below its bound */
} fani_reorder_options;

/* A record in the file. */
typedef struct fani_reorder_saved {
    uint64_t first, count; /* indices */
    uint64_t place, size;  /* bytes of the file */
    uint64_t hash;         /* of `first` and the bytes */
} fani_reorder_saved;

typedef struct fani_reorder_record {
    uint64_t first, count; /* count 0: none is ready */
    const unsigned char *bytes;
    size_t size;
} fani_reorder_record;

/* NULL: out of memory. */
fani_reorder *fani_reorder_new(const fani_reorder_options *options);
void fani_reorder_free(fani_reorder *buffer);

/* A record of `count` indices, at least one, none of which was put, passed, skipped or taken
 * before, and at least one byte. Takes over what `bytes` owns, and clears it; also on an error.
 * Errors: FAN_E_ARGUMENT (an index below the next one), FAN_E_MEMORY, of the spill. */
fan_status fani_reorder_put(fani_reorder *buffer, uint64_t first, uint64_t count, fan_buffer *bytes,
                            fan_error *error);

/* These indices will not come. Errors as of put. */
fan_status fani_reorder_skip(fani_reorder *buffer, uint64_t first, uint64_t count,
                             fan_error *error);

/* The next `count` indices were dealt with without the buffer. */
void fani_reorder_pass(fani_reorder *buffer, uint64_t count);

/* The record of the next index, unless it goes beyond `limit`; valid until the next call on the
 * buffer. Errors: FAN_E_INPUT (the file can't be read, or has other bytes than were written),
 * FAN_E_MEMORY. */
fan_status fani_reorder_take(fani_reorder *buffer, uint64_t limit, fani_reorder_record *record,
                             fan_error *error);

/* The index that is taken next. */
uint64_t fani_reorder_next(const fani_reorder *buffer);

/* Indices that wait, those that were skipped among them. */
uint64_t fani_reorder_waiting(const fani_reorder *buffer);

/* Whether nothing more should be begun. */
bool fani_reorder_full(const fani_reorder *buffer);

/* Writes to the file what waits in memory; for buffers with must_spill. `told` learns of each
 * record that was written since the last save, not only by this one: in the order of indices for
 * those written at once. What it answers ends the call. Errors: of the spill and of `told`. */
fan_status fani_reorder_save(fani_reorder *buffer,
                             fan_status (*told)(void *user, const fani_reorder_saved *saved,
                                                fan_error *error),
                             void *user, fan_error *error);

/* A record that an earlier buffer has saved, in a file that the spill goes on with. False: it is
 * not what it was, or its indices or its place are taken, or memory is short: as if it had never
 * come. */
bool fani_reorder_adopt(fani_reorder *buffer, const fani_reorder_saved *saved);

#endif
