/* Who holds a lock: as text in the lock's file, and whether that process still is. */
#ifndef FANI_JOURNAL_HOLDER_H
#define FANI_JOURNAL_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FANI_JOURNAL_HOLDER_SIZE 768 /* of its text, always; longer names are cut */

typedef struct fani_journal_holder {
    uint64_t nonce; /* random: no two locks have the same */
    uint64_t beats; /* counts up while it lives */
    uint32_t epoch;
    uint32_t beat_ms; /* how often it counts */
    char host[128];
    char boot[64];      /* of the running system of the host; "-": unknown, here and below */
    uint64_t processes; /* the namespace of its pid; 0: unknown */
    pid_t pid;          /* 0: given back, by one who could not remove it */
    uint64_t started;   /* by the host's clock of processes; 0: unknown */
    char job[64];       /* Slurm's */
    char cluster[64];
    uint32_t restarts; /* of that job */
    char since[32];
} fani_journal_holder;

typedef enum fani_journal_life {
    FANI_JOURNAL_LIVES,
    FANI_JOURNAL_DEAD,
    FANI_JOURNAL_ELSEWHERE, /* can't be seen from here */
} fani_journal_life;

/* This process, with a new nonce. False: no random number, with errno. */
bool fani_journal_holder_self(uint32_t beat_ms, fani_journal_holder *self);

/* Makes another process of this host the holder. */
void fani_journal_holder_set_process(fani_journal_holder *holder, pid_t pid);

void fani_journal_holder_text(const fani_journal_holder *holder,
                              char text[static FANI_JOURNAL_HOLDER_SIZE]);

/* Reads a text back, which is changed. False: it is none. */
bool fani_journal_holder_parse(char text[static FANI_JOURNAL_HOLDER_SIZE],
                               fani_journal_holder *holder);

/* Whether the holder's process is still there, as far as this one, `self`, can see. */
fani_journal_life fani_journal_holder_life(const fani_journal_holder *holder,
                                           const fani_journal_holder *self);

/* "pid 12 on host n1 since 2026-01-02T03:04:05Z, Slurm job 7" */
void fani_journal_holder_describe(const fani_journal_holder *holder, char *text, size_t size);

#endif
