/* The parts of bench/sieve: factorizations beside the peers, relations alone, and the table of how
 * it spreads out. */
#ifndef BENCH_SIEVE_H
#define BENCH_SIEVE_H

#include "harness.h"
#include "kernel/qs/qs.h"

typedef struct sieve_options {
    bench_options common;
    const char *digits;   /* lengths, separated by commas */
    unsigned numbers;     /* of each length */
    unsigned repetitions; /* 0: by the length */
    double until;         /* percent of the columns */
    uint64_t leading;     /* coefficients; 0: until there are enough */
    fani_qs_params params;
    bool has_params;
    const char *isa; /* NULL: each */
} sieve_options;

/* The next length of a list; false at its end. What is no length ends the program. */
bool sieve_next_length(const char **at, unsigned *digits);

void sieve_whole(const sieve_options *options);
void sieve_collect(const sieve_options *options);
void sieve_scaling(const sieve_options *options);

/* Runs as a child of sieve_whole: the number on standard input, by FLINT's sieve; its CPU time in
 * milliseconds and a divisor on standard output. Returns the exit code. */
int sieve_by_flint(void);

#endif
