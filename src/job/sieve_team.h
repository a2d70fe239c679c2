/* Threads of this host for the linear algebra of a sieve: they do parts of its steps beside the
 * caller, which does the rest itself, so that none is waited for that has no core. */
#ifndef FANI_SIEVE_TEAM_H
#define FANI_SIEVE_TEAM_H

#include "kernel/qs/algebra.h"

typedef struct fani_sieve_team fani_sieve_team;

/* A team of `threads` with the caller, at most FANI_QS_PARTS_MAX. NULL: for one, or where threads
 * can't be had: the caller does without. */
fani_sieve_team *fani_sieve_team_open(unsigned threads);

/* NULL of NULL. Valid until it is closed, for one thread at a time. */
const fani_qs_team *fani_sieve_team_lent(const fani_sieve_team *team);

/* Accepts NULL. */
void fani_sieve_team_close(fani_sieve_team *team);

#endif
