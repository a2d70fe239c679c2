/* What factor and divisors answer with the key function: a number for each number. */
#ifndef FANI_FUNCTION_H
#define FANI_FUNCTION_H

#include "fanfold/factor.h"
#include "job/job_internal.h"

/* The most powers of divisors that are added: sigma=K. */
enum { FANI_SIGMA_MAX = 1000 };

/* The names, for messages. */
#define FANI_FUNCTION_NAMES                                                                        \
    "numdiv, sigma, sigma=K, totient, moebius, liouville, omega, bigomega, radical, squarefree, "  \
    "smooth=B"

/* Reads a function's name and its parameter: "totient", "smooth=100". False: it is none. */
bool fani_read_function(const char *text, fan_function *function, uint64_t *parameter);

/* Runs the job with the key set: its items are as ever. */
fan_status fani_function_run(fani_job_run *run, fan_error *error);

#endif
