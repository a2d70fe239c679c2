/* fanfold integrate */
#include "job_command.h"

const cli_command command_integrate = {
    .name = "integrate",
    .task = "integrate",
    .arguments = "'EXPR' --over VARIABLE=FROM:TO...",
    .summary = "an integral of an expression over an interval or a box",
    .details = "The expression is written as in C, with ^ for powers: -x^2 is -(x^2), 2^3^2 is\n"
               "2^(3^2), 1/2 is 0.5. Bounds are expressions too; inf and -inf are bounds.\n"
               "The last digit does not depend on where or on how many workers it ran.\n"
               "--input has one integral a line: EXPR; over x=LOW:HIGH; parts 2; ... with what\n"
               "differs from the options; lines that begin with # are comments.\n"
               "\n"
               "  fanfold integrate 'cos(x)' --over x=0:pi/2 --rule left --points 1000000\n"
               "  fanfold integrate 'exp(-x^2-y^2)' --over x=0:1 --over y=0:1 --rule gauss\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .expression = true,
    .run = job_command_run,
};
