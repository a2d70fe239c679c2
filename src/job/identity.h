/* What makes a run that goes on with another the same run: all that its output depends on. */
#ifndef FANI_IDENTITY_H
#define FANI_IDENTITY_H

#include "job/job_internal.h"
#include "stage/journal.h"

enum { FANI_IDENTITY_MAX = 64 };

typedef struct fani_identity {
    fani_journal_fact facts[FANI_IDENTITY_MAX];
    size_t count;
    char *texts[FANI_IDENTITY_MAX]; /* memory of the values */
} fani_identity;

/* FAN_E_MEMORY. fani_identity_clear in any case. */
fan_status fani_identity_of(const fan_job *job, fani_identity *identity);
void fani_identity_clear(fani_identity *identity);

#endif
