/* fanfold run */
#include "job_command.h"

const cli_command command_run = {
    .name = "run",
    .arguments = "JOB",
    .summary = "a job from a job file",
    .details =
        "A job file names the task, its input and output, the executor and the task's\n"
        "options; the jobs folder has examples. Options given here replace those of the\n"
        "file (--input and --over, which may be given several times, add to them).\n"
        "- is a job file on standard input. Paths in a job file are relative to its folder.\n"
        "\n"
        "  fanfold run jobs/classic-gcd.job\n"
        "  mpirun -n 2 fanfold run jobs/classic-integrate.job --output result.txt\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .run = job_command_run,
};
