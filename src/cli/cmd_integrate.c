/* fanfold integrate */
#include "job_command.h"

const cli_command command_integrate = {
    .name = "integrate",
    .task = "integrate",
    .arguments = "'EXPR' --over VARIABLE=FROM:TO...",
    .summary = "an integral of an expression over an interval or a box",
    .details =
        "The expression is written as in C, with ^ for powers: -x^2 is -(x^2), 2^3^2 is\n"
        "2^(3^2), 1/2 is 0.5. Commas separate the components of a vector. Bounds are\n"
        "expressions of the variables before them; inf and -inf are bounds. --param a=2\n"
        "gives a name a value; --integrand ./f.so:f takes a function of a shared library\n"
        "in place of the expression (docs/integration.md).\n"
        "A method works until its estimate of the error meets --rel or --abs, and both are\n"
        "printed: 1.5 \302\261 2e-9. Where they are not met the exit code is 1. With --rule or\n"
        "--points there is a fixed grid instead, and no estimate.\n"
        "With --rigorous value and error are proven to hold the integral.\n"
        "The last digit does not depend on where or on how many workers it ran.\n"
        "--input has one integral a line: EXPR; over x=LOW:HIGH; parts 2; ... with what\n"
        "differs from the options; lines that begin with # are comments.\n"
        "--scan p=START:STOP:COUNT works on the integral for each value of a parameter,\n"
        "both ends too, and prints a row for each: several form a grid, the last one\n"
        "fastest, or go side by side with --zip. --table FILE has the parameters' names in\n"
        "its first line and their values below. --plot FILE.svg draws the rows, or of a\n"
        "single integral how it converges.\n"
        "\n"
        "  fanfold integrate 'exp(-x^2)*cos(3*x)' --over x=0:inf --rel 1e-12\n"
        "  fanfold integrate 'cos(x)' --over x=0:pi/2 --rule left --points 1000000\n"
        "  fanfold integrate 'exp(-x^2-y^2)' --over x=0:1 --over y=0:1 --rule gauss\n"
        "  fanfold integrate 'a*x, a*y' --param a=2 --over x=0:1 --over y=0:x\n"
        "  fanfold integrate 'exp(-p*x)' --over x=0:1 --scan p=0:5:1e5 --format tsv\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .expression = true,
    .run = job_command_run,
};
