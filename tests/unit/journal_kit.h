/* What the tests of the journal share: a folder, records whose contents follow from their numbers,
 * a visitor that checks them, and file operations that go wrong where they are told to. */
#ifndef FAN_TESTS_JOURNAL_KIT_H
#define FAN_TESTS_JOURNAL_KIT_H

#include <stdatomic.h>

#include "stage/journal.h"
#include "stage/journal_io.h"

enum { KIT_PATH = 96, KIT_LOSSES = 16, KIT_FILE_MAX = 1 << 20 };

/* A folder in memory where there is one; and a file in it, which need not exist. */
typedef struct kit_folder {
    char folder[48];
    char path[KIT_PATH]; /* FOLDER/j */
    char copy[KIT_PATH]; /* FOLDER/copy */
} kit_folder;

void kit_make(kit_folder *k);
void kit_remove(kit_folder *k);     /* with all that is in it */
int kit_files(const kit_folder *k); /* how many are in it */
bool kit_exists(const kit_folder *k, const char *name);
size_t kit_load(const char *path, unsigned char *bytes, size_t size);
void kit_store(const char *path, const void *bytes, size_t size);

/* The record of a number. */
uint32_t kit_kind(uint64_t sequence);
size_t kit_payload(uint64_t sequence, unsigned char payload[static 256]);

/* What a visit brought. */
typedef struct kit_seen {
    uint64_t count, first, last;
    uint64_t synced; /* the last record that was said to be synced */
    uint32_t epoch;  /* of the last */
    int wrong; /* records whose contents are not those of their number, or of an older epoch */
    int gaps;  /* places where numbers are missing */
    int facts;
    int losses;
    fani_journal_loss lost[KIT_LOSSES];
} kit_seen;

fani_journal_visitor kit_visitor(kit_seen *seen); /* also forgets what was seen */
fan_status kit_read(const char *path, bool repair, kit_seen *seen, fan_error *error);

/* An identity of three facts, windows of 5 and 20 ms, a visitor. */
fani_journal_options kit_options(kit_seen *seen);

/* Appends the records next..next+count-1; their numbers must be that. */
void kit_append(fani_journal *journal, uint64_t next, uint64_t count);

/* A journal with the records 1..groups*each, each group synced and noted, closed. */
void kit_write(const kit_folder *k, uint64_t groups, uint64_t each);

/* ---- File operations that go wrong ----------------------------------------------------------- */

typedef enum kit_mode {
    KIT_FAIL,      /* with the errno given */
    KIT_SHORT,     /* a write of less than was asked, other calls as usual */
    KIT_INTERRUPT, /* EINTR once; files are opened, named and closed without such */
    KIT_KILL,      /* SIGKILL before the call */
} kit_mode;

typedef struct kit_script {
    _Atomic int calls;
    _Atomic int at;    /* the call to go wrong, from 1; 0: none */
    _Atomic int every; /* and each so many calls after it; 0: only that */
    _Atomic kit_mode mode;
    _Atomic int errno_code;
    _Atomic int fired;
    _Atomic int syncs;          /* of data: fdatasync */
    _Atomic int slow_sync_ms;   /* that each takes */
    _Atomic int64_t durable;    /* size of the journal's file at the last sync of it that ended */
    _Atomic int named_unsynced; /* new files of journals that got their name before their sync */
    _Atomic int named, settled; /* that got it; syncs of the folder after which none is unsynced */
    _Atomic int stuck;          /* writes wait while it is set */
    _Atomic int order[64];      /* descriptors in the order of their syncs */
} kit_script;

extern kit_script kit_now; /* what kit_io follows */
extern const fani_journal_io kit_io;
/* Begins to count calls anew. */
void kit_script_set(kit_mode mode, int at, int every, int errno_code);

#endif
