/* fanfold doctor */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "message.h"
#include "options.h"
#include "signals.h"

static void print_line(const char *grade, const char *what, const char *format, va_list args)
{
    printf("%-8s %s: ", grade, what);
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
}

void doctor_good(const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("ok", what, format, args);
    va_end(args);
}

void doctor_note(const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("note", what, format, args);
    va_end(args);
}

void doctor_problem(doctor *d, const char *what, const char *cure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("PROBLEM", what, format, args);
    va_end(args);
    printf("%-8s cure: %s\n", "", cure);
    d->problems++;
}

static int run(const cli_options *o)
{
    if (o->argument_count) {
        message_error("doctor takes no arguments, not '%s'", o->arguments[0]);
        return 2;
    }
    if (o->as_rank)
        return doctor_as_rank();
    signals_install(SIGNALS_NO_LIMIT, false, SIGNALS_WORKS);
    doctor d = {.problems = 0};
    void (*const checks[])(doctor *) = {doctor_machine, doctor_executors, doctor_mpi};
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !signals_caught(); i++)
        checks[i](&d);
    if (signals_caught())
        return signals_code();
    if (d.problems)
        printf("\n%u problem%s found.\n", d.problems, d.problems == 1 ? "" : "s");
    else
        printf("\nAll is fine.\n");
    return d.problems ? 1 : 0;
}

const cli_command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "what this machine offers and what is wrong with it",
    .details =
        "Cores, memory, limits, MPI and its launcher are looked at, and every executor runs a\n"
        "tiny job. Each problem is listed with its cure. Exit code 0 when all is fine, 1\n"
        "with problems.\n",
    .takes = TAKES_DOCTOR,
    .run = run,
};
