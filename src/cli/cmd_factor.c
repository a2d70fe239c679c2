/* fanfold factor */
#include "job_command.h"

const cli_command command_factor = {
    .name = "factor",
    .task = "factor",
    .arguments = "[N...]",
    .summary = "prime factors, as the factor command of coreutils prints them",
    .details = "Without arguments, standard input or --input is read: numbers separated by blanks\n"
               "or line ends, one result a line, in the order of the input. Factors are proven\n"
               "prime up to 500 digits; longer ones are said to be only probably prime. Numbers\n"
               "may be in hexadecimal (0x1f) or expressions without blanks, of + - * / ^ ! # and\n"
               "parentheses: 2^61-1, 20!, 7# (the product of all primes up to 7). Inputs that are\n"
               "gzip or zstd data are unpacked.\n"
               "\n"
               "  fanfold factor 12 1000000016000000063 2^128+1\n"
               "  fanfold factor --function totient --input numbers.txt\n"
               "  seq 1000000 2000000 | fanfold factor > factors.txt\n"
               "  mpirun -n 4 fanfold factor --input numbers.txt --output factors.txt\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .numbers = true,
    .run = job_command_run,
};
