/* The task of a sieve that is spread out: its arguments, and what a worker does. */
#ifndef FANI_SIEVE_TASK_H
#define FANI_SIEVE_TASK_H

#include "job/sieve.h"
#include "kernel/qs/codec.h"

enum { FANI_SIEVE_ARGS_BYTES_MAX = 1 + FANI_QS_CODE_BYTES_MAX };

/* Writes the arguments of fani_task_sieve and returns their length. */
size_t fani_sieve_args(const fani_qs *qs, fani_isa isa, uint8_t out[FANI_SIEVE_ARGS_BYTES_MAX]);

#endif
