/* gcd beside its peers: the parts of the benchmark. */
#ifndef BENCH_GCD_H
#define BENCH_GCD_H

#include "contest.h"

/* For rows of one instruction set: what this machine has up to there is used until the next call.
 * NULL: all of it. */
void gcd_use_isa(const char *name);

/* Whether the machine has it. */
bool gcd_has_isa(const char *name);

void gcd_hold_words(const bench_options *options, bench_table *table);
void gcd_hold_integers(unsigned bits, const bench_options *options, bench_table *table);
void gcd_hold_text(const bench_options *options, bench_table *table);

#endif
