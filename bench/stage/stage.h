/* The parts of the benchmark of staging, each of which prints a table. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include "harness.h"

enum { STAGE_REPETITIONS_MAX = 100 };

/* Files from a server that answers late, alone and while cores compute. */
void stage_fetch(const bench_options *options);

/* Numbers read and parsed, and results written, as list jobs do it. */
void stage_lists(const bench_options *options);

/* `fanfold factor` beside coreutils factor, on one core. */
void stage_commands(const bench_options *options);

/* An empty file without a name, below TMPDIR or /tmp, to be closed by the caller; bench_fail. */
int stage_file(void);

/* Appends to such a file; bench_fail. */
void stage_write(int fd, const void *bytes, size_t size);

#endif
