/* A subcommand: one record in each cmd_*.c, listed by commands.c. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct cli_options;

/* Groups of options; a command names the one it takes (options.c). */
enum {
    TAKES_JOB = 1,
    TAKES_COMPARE = 2,
    TAKES_DOCTOR = 4,
    TAKES_NOTHING = 8,
    TAKES_RESULTS = 16,
    TAKES_MAP = 32,
    TAKES_STAGE = 64,
};

typedef struct cli_command {
    const char *name;
    const char *task;      /* the job's task where the command is one task, else NULL */
    const char *arguments; /* after the name in help: "[N...]" */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs and examples for help */
    unsigned takes;
    bool job_keys;   /* the keys of jobs are options too */
    bool expression; /* an argument may begin with a minus that is no option: -x^2 */
    bool is_line;    /* arguments are a command line: what follows the first one is no option */
    bool numbers;    /* arguments are numbers; without any, standard input is read */
    int (*run)(const struct cli_options *options);
} cli_command;

extern const cli_command command_gcd, command_factor, command_divisors, command_integrate,
    command_weakkeys, command_map, command_run, command_results, command_stage, command_compare,
    command_doctor, command_help;

/* Command number i from 0; NULL past the last. */
const cli_command *command_at(size_t i);

/* The command of a name; NULL, said with the nearest name, where there is none. */
const cli_command *command_find(const char *name);

/* Help on standard output: of all (NULL) or of one command. */
void help_print(const cli_command *about);

#endif
