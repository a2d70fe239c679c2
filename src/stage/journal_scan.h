/* Going through the records of a file, in bounded memory, and telling what is whole. */
#ifndef FANI_JOURNAL_SCAN_H
#define FANI_JOURNAL_SCAN_H

#include "stage/journal_format.h"

typedef enum fani_journal_step_kind {
    FANI_JOURNAL_STEP_RECORD,
    FANI_JOURNAL_STEP_DAMAGE, /* no record, or missing numbers, and valid records behind it */
    FANI_JOURNAL_STEP_STALE,  /* a record of a writer that had been replaced */
    FANI_JOURNAL_STEP_TAIL,   /* no record from here to the end */
    FANI_JOURNAL_STEP_END,
} fani_journal_step_kind;

typedef struct fani_journal_step {
    fani_journal_step_kind kind;
    uint64_t from, to;      /* bytes */
    uint64_t first, last;   /* missing numbers, 0 where none are known to be */
    fani_journal_mark mark; /* RECORD and STALE; of the record that showed a DAMAGE without bytes */
    unsigned char *payload; /* RECORD; valid until the next step, may be changed */
} fani_journal_step;

/* A walk. Only `fd` and `size`, which the file had when it was opened, are for others to read. */
typedef struct fani_journal_scan {
    int fd;
    uint64_t size;
    uint64_t id;
    unsigned char *window; /* bytes [window_from, window_from + window_size) of the file */
    size_t capacity;       /* of the window: a record of any size, or the whole file */
    uint64_t window_from;
    size_t window_size;
    uint64_t offset;   /* of the next step */
    uint64_t expected; /* the next record's number */
    uint64_t synced;   /* bytes, as notes say so far */
    uint64_t base;     /* where a snapshot ended, 0: nowhere */
    uint32_t epoch;    /* the highest so far */
} fani_journal_scan;

/* What a file holds, after a walk through all of it. */
typedef struct fani_journal_survey {
    uint64_t end;          /* behind what is valid: what follows is a tail to be cut off */
    uint64_t next;         /* the next record's number */
    uint64_t synced;       /* bytes that notes say are synced */
    uint64_t base;         /* the size after the last compaction, 0: none */
    uint64_t damages;      /* places below `synced` that hold no records */
    uint64_t first_damage; /* the first of them */
    uint32_t epoch;
} fani_journal_survey;

/* Begins a walk through a regular file whose descriptor stays the caller's. Errors: FAN_E_INPUT
 * (with errno where reading failed), FAN_E_MEMORY; see fani_journal_scan_name. */
fan_status fani_journal_scan_open(int fd, fani_journal_scan *scan, fan_error *error);
void fani_journal_scan_close(fani_journal_scan *scan);

/* Back to the first record, which is the identity. */
void fani_journal_scan_rewind(fani_journal_scan *scan);

/* The next step; after END comes END. Errors: FAN_E_INPUT where reading failed. */
fan_status fani_journal_scan_next(fani_journal_scan *scan, fani_journal_step *step,
                                  fan_error *error);

/* Walks through all. What is damaged behind the bytes that notes say are synced belongs to the
 * tail: after a lost machine some blocks of the last group may be there and others not. Errors:
 * FAN_E_INPUT: reading failed, or the identity is not whole. */
fan_status fani_journal_scan_survey(fani_journal_scan *scan, fani_journal_survey *survey,
                                    fan_error *error);

/* Whether the valid part of the file ends with this step. */
bool fani_journal_step_ends(const fani_journal_step *step, const fani_journal_survey *survey);

/* Puts the file's name before the text of an error of these functions, unless it has a file. */
void fani_journal_scan_name(const char *path, fan_error *error);

/* Gives what is valid to the visitor, and what is lost. Errors: FAN_E_INPUT, also for damage where
 * `repair` is not set; what the visitor answered. */
fan_status fani_journal_scan_visit(fani_journal_scan *scan, const fani_journal_survey *survey,
                                   bool repair, const fani_journal_visitor *visitor,
                                   fan_error *error);

#endif
