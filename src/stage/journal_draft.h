/* A new file for a journal, written beside it and put into its place whole. */
#ifndef FANI_JOURNAL_DRAFT_H
#define FANI_JOURNAL_DRAFT_H

#include "stage/journal_format.h"
#include "stage/journal_io.h"

typedef struct fani_journal_draft {
    const fani_journal_place *place;
    char *name; /* NAME.tmp-EPOCH */
    int fd;     /* for appending, -1: none */
    uint32_t epoch;
    uint64_t id;
    uint64_t next;  /* the next record's number */
    uint64_t bytes; /* of the file, with those that are still in the buffer */
    unsigned char *buffer;
    size_t used;
} fani_journal_draft;

/* Begins a file with its head and identity; its first record will have the number `next`. A file of
 * that name that a killed program left is removed. Errors (here and below): FAN_E_OUTPUT with file
 * and errno, FAN_E_MEMORY; the draft is to be dropped then too. */
fan_status fani_journal_draft_begin(const fani_journal_place *place, uint32_t epoch,
                                    const unsigned char *identity, size_t identity_size,
                                    uint64_t next, fani_journal_draft *draft, fan_error *error);

/* Adds a record with the next number, or, of the journal's own kinds, one without. */
fan_status fani_journal_draft_add(fani_journal_draft *draft, uint32_t kind, const void *payload,
                                  size_t size, fan_error *error);

/* Adds a record of an older file as it was. */
fan_status fani_journal_draft_copy(fani_journal_draft *draft, fani_journal_mark mark,
                                   const void *payload, fan_error *error);

/* Writes the buffer, says in a last note that all is synced, and syncs. */
fan_status fani_journal_draft_sync(fani_journal_draft *draft, fan_error *error);

/* Gives the synced file the journal's name and syncs the folder: in the place of the one that has
 * it, or, with `fresh`, only where none has. After an error either may have the name. */
fan_status fani_journal_draft_place(fani_journal_draft *draft, bool fresh, fan_error *error);

/* Gives the descriptor away; -1 is left. */
int fani_journal_draft_take_fd(fani_journal_draft *draft);

/* Frees; a file that has not got its place is removed. */
void fani_journal_draft_drop(fani_journal_draft *draft);

/* Removes what a killed writer of this epoch has left, and keeps one that is not dead from giving
 * such a file the journal's name. Errors: FAN_E_OUTPUT. */
fan_status fani_journal_draft_clear(const fani_journal_place *place, uint32_t epoch,
                                    fan_error *error);

#endif
