/* fanfold gcd */
#include "job_command.h"

const cli_command command_gcd = {
    .name = "gcd",
    .task = "gcd",
    .arguments = "[N N...]",
    .summary = "greatest common divisors, of numbers of any size",
    .details =
        "Numbers as arguments are one list and give one result. Without arguments, standard\n"
        "input or --input is read: two or more numbers a line, one result a line, in the\n"
        "order of the input. Negative numbers are fine; a result is never negative. Numbers\n"
        "may be expressions without blanks, as for factor (2^61-1, 20!, 0xff). Inputs that\n"
        "are gzip or zstd data are unpacked.\n"
        "\n"
        "--lcm, --extended (a x + b y = g) and --coprime print what follows from the gcd in its\n"
        "place; --all gives one gcd for all there is.\n"
        "\n"
        "  fanfold gcd 1963309 2265973\n"
        "  fanfold gcd -12 18\n"
        "  fanfold gcd --extended 240 46\n"
        "  seq 12 6 6000 | fanfold gcd --all\n"
        "  fanfold gcd --input pairs.txt -j 8 --executor processes\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .numbers = true,
    .run = job_command_run,
};
