/* fanfold divisors */
#include "job_command.h"

const cli_command command_divisors = {
    .name = "divisors",
    .task = "divisors",
    .arguments = "[N...]",
    .summary = "all divisors of numbers",
    .details = "Without arguments, standard input or --input is read: numbers separated by blanks\n"
               "or line ends, one result a line, in the order of the input.\n"
               "Numbers may be expressions, as for factor (2^61-1, 20!, 0xff). Inputs that are\n"
               "gzip or zstd data are unpacked.\n"
               "\n"
               "  fanfold divisors 2139079 1214759\n"
               "  fanfold divisors --function sigma 6 28 496\n"
               "  fanfold divisors --input numbers.txt --format ndjson\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .numbers = true,
    .run = job_command_run,
};
