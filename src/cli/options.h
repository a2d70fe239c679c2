/* The command line: one table of options for all subcommands, beside the keys of jobs (job.h),
 * which are options of the same names. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "progress.h"

/* A key of a job set on the command line. */
typedef struct setting {
    const char *key;
    const char *value;
} setting;

typedef struct cli_options {
    const cli_command *command;
    int argc; /* as main got them: MPI wants to see them */
    char **argv;

    const char *executor; /* NULL, 0: not set */
    unsigned workers;
    const char *default_executor; /* FANFOLD_EXECUTOR and FANFOLD_WORKERS */
    unsigned default_workers;
    const char *local;
    uint64_t heartbeat_ms; /* 0: never */
    unsigned crash_limit;
    size_t queue_bytes;
    uint64_t grace_ms;
    progress_mode progress;
    bool has_heartbeat;
    bool has_grace;
    bool quiet;
    bool dry_run;
    bool help;
    bool merge;        /* results */
    bool has_checksum; /* stage: these three, and the next group */
    bool unpack;
    bool secret;
    bool as_rank; /* doctor: one of the ranks that it started to see whether they start */

    const char *to;
    const char *manifest;
    uint64_t checksum; /* where has_checksum */

    const char *trace;  /* file to say who ran what when; compare: one of each row */
    const char *record; /* where compare's children leave their figures */

    const char *executors; /* compare; both checked lists */
    const char *workers_list;
    unsigned repeat;
    uint64_t time_limit_ms;
    const char *format;
    const char *timeline;

    setting *settings; /* keys of the job, in the order given */
    size_t setting_count;
    const char **arguments;
    size_t argument_count;
    const char **arg_files; /* map */
    size_t arg_file_count;
} cli_options;

/* One option of the command itself, for help. */
typedef struct option_info {
    const char *name;
    char letter; /* 0: none */
    const char *value;
    const char *help; /* NULL: not shown */
    unsigned takes;
} option_info;

/* Option number i from 0; false past the last. */
bool option_at(size_t i, option_info *info);

/* Whether a key of jobs is an option of this command: the command's own options of that name come
 * first. */
bool option_is_job_key(const cli_command *c, size_t i);

/* Reads argv[first...] for a command, then the environment's defaults. Answers 0, or the exit code
 * after saying why: 2, or 4 without memory. Texts are borrowed from argv and the environment.
 * options_free in either case. */
int options_parse(cli_options *o, const cli_command *c, int argc, char **argv, int first);

void options_free(cli_options *o);

/* The next name of a comma-separated list, copied to `item` (cut at `size`); moves *list on. False
 * at the end. */
bool options_next_in_list(const char **list, char *item, size_t size);

#endif
