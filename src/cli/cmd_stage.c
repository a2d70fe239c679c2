/* fanfold stage: files copied into a folder of this node, once on each host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/stage.h"
#include "launch.h"
#include "message.h"
#include "options.h"
#include "signals.h"

/* What is said while files are copied. */
typedef struct staging {
    uint64_t copied, failed;
} staging;

static bool is_stopped(void *user)
{
    (void)user;
    return signals_caught() != 0;
}

static void told(void *user, const char *host, const fan_copied *copied)
{
    staging *s = user;
    progress_show(++s->copied, UINT64_MAX);
    if (!copied->error)
        return;
    char label[160];
    s->failed++;
    fan_error error = *copied->error;
    snprintf(label, sizeof label, "host %.128s", host ? host : "");
    if (host)
        error.file[0] = '\0'; /* the text names it */
    message_record(&error, host ? label : NULL, NULL, false);
}

/* Whatever could not be copied is an input or an output error. */
static int code_of(fan_status status, const fan_near_stats *stats, const fan_error *error)
{
    if (status == FAN_E_CANCELLED && signals_caught()) {
        message_error("stopped by a signal; what is there is whole");
        return signals_code();
    }
    if (status != FAN_OK) {
        message_record(error, NULL, NULL, false);
        return exit_code_of(status);
    }
    return stats->failed ? 3 : 0;
}

static int stage(const cli_options *o, fan_executor *executor)
{
    staging s = {0};
    const fan_known_file known = {
        .source = o->arguments[0], .hash = o->checksum, .has_hash = o->has_checksum};
    const fan_near_options options = {.folder = o->to,
                                      .sources = o->arguments,
                                      .source_count = o->has_checksum ? 0 : o->argument_count,
                                      .known = &known,
                                      .known_count = o->has_checksum,
                                      .manifest = o->manifest,
                                      .unpack = o->unpack,
                                      .secret = o->secret,
                                      .copies = o->workers,
                                      .stop = is_stopped,
                                      .told = told,
                                      .told_user = &s};
    fan_near *near = NULL;
    fan_near_stats stats = {0};
    fan_error error = {0};
    progress_start("stage", o->quiet ? PROGRESS_NEVER : o->progress, false);
    signals_set_last_words("fanfold: stopped by a signal; what is there is whole\n");
    fan_status status = fan_near_open(executor, &options, &near, &error);
    progress_end();
    signals_set_last_words(NULL);
    if (near) {
        printf("%s\n", fan_near_folder(near));
        (void)fan_near_get_stats(near, &stats); /* it can't fail */
    }
    if (stats.failed > s.failed) /* hosts tell only so many in full */
        message_error("%llu more files can't be copied",
                      (unsigned long long)(stats.failed - s.failed));
    fan_near_close(near, false);
    return code_of(status, &stats, &error);
}

/* ---- As a rank -------------------------------------------------------------------------------
 */

/* One of the ranks can't go on, and the others would wait for it. */
static int end_all(const fan_ranks *ranks, const fan_error *error, int rank)
{
    char label[32];
    snprintf(label, sizeof label, "rank %d", rank);
    message_silence(false);
    message_record(error, label, NULL, false);
    fflush(stdout);
    ranks->abort(4);
    return 4;
}

/* Where rank 0 can't open, none can, and it says why. */
static int work_together(const cli_options *o, const fan_ranks *ranks, int rank)
{
    const fan_ranks_options more = {.size_of_this = sizeof more};
    const fan_executor_options opened = {.kind = "serial", .workers = 1, .plugin_options = &more};
    fan_executor *executor = NULL;
    fan_error error = {0};
    fan_status status = ranks->open(&opened, &executor, &error);
    if (status != FAN_OK) {
        message_record(&error, "mpi", NULL, false);
        return exit_code_of(status);
    }
    if (rank != 0)
        return ranks->serve(executor, &error) == FAN_OK ? 0 : end_all(ranks, &error, rank);
    int code = stage(o, executor);
    status = fan_executor_close(executor, FAN_CLOSE_DRAIN, signals_close_by());
    if (status != FAN_OK && !signals_caught()) {
        error = (fan_error){.status = status};
        snprintf(error.text, sizeof error.text, "%s", fan_status_text(status));
        return end_all(ranks, &error, rank);
    }
    return code;
}

static int stage_as_rank(const cli_options *o)
{
    const fan_ranks *ranks = NULL;
    fan_error error = {0};
    int rank = 0, size = 1, argc = o->argc;
    char **argv = o->argv;
    fan_status status = launch_load_ranks(&ranks, &error);
    if (status == FAN_OK)
        status = ranks->init(&argc, &argv, &rank, &size, &error);
    if (status != FAN_OK) {
        message_record(&error, "mpi", NULL, false);
        return exit_code_of(status);
    }
    message_silence(rank != 0);
    signals_set_role(rank == 0 ? SIGNALS_WORKS : SIGNALS_SERVES);
    int code = work_together(o, ranks, rank);
    if (ranks->finalize(&error) != FAN_OK)
        return end_all(ranks, &error, rank);
    return code;
}

/* ---- The command -----------------------------------------------------------------------------
 */

static int run(const cli_options *o)
{
    launch l = launch_read();
    if (!o->argument_count) {
        message_error("stage what? It takes files, folders, patterns, URLs, and @FILE for the "
                      "files of a list");
        return 2;
    }
    if (o->has_checksum && (o->argument_count > 1 || o->arguments[0][0] == '@')) {
        message_error("--checksum is for one SOURCE that is a file; a list (@FILE) has hashes of "
                      "its own");
        return 2;
    }
    signals_install(0, l.variable != NULL,
                    l.variable && l.rank > 0 ? SIGNALS_SERVES : SIGNALS_WORKS);
    return l.variable ? stage_as_rank(o) : stage(o, NULL);
}

const cli_command command_stage = {
    .name = "stage",
    .arguments = "SOURCE...",
    .summary = "copy files near, whole and checked, and print the folder where they are",
    .details =
        "  dir=$(fanfold stage numbers.txt scans/ 'more/*.dat' https://example.org/a.zst @LIST)\n"
        "\n"
        "A SOURCE is a file, a folder, a pattern in quotes, a URL (http, https), or @FILE: a list "
        "of\n"
        "files, a line each, with the size and the XXH3 that a file must have behind tabs, as\n"
        "--manifest writes it. A file keeps its name, one of a folder the folder's too, one of a "
        "list\n"
        "the name that it has there. Names that are absolute or have .. in them, links in the way, "
        "and\n"
        "what is no plain file are refused.\n"
        "\n"
        "Without --to they go to $SLURM_TMPDIR or $TMPDIR, where that belongs to you and nobody "
        "else\n"
        "can write there; else to a private folder in it, or in /tmp, which is yours to remove.\n"
        "\n"
        "A file that is there already and has the right content (size and XXH3 of its bytes) is "
        "kept.\n"
        "Each appears whole and synced, or not at all. What can't be copied stops no other: exit "
        "code\n"
        "3. Under mpirun and srun files are copied once on each host; rank 0 reads first, and what "
        "it\n"
        "has read is what the others must find.\n",
    .takes = TAKES_STAGE,
    .run = run,
};
