/* fanfold results */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "results.h"

/* Of several runs the gravest code counts. */
static int graver(int a, int b)
{
    static const int grave[] = {4, 3, 2, 75, 1};
    for (size_t i = 0; i < sizeof grave / sizeof *grave; i++)
        if (a == grave[i] || b == grave[i])
            return grave[i];
    return 0;
}

/* False: there is one that is not readable; said why. */
static bool load_run(results_view *view)
{
    char *path, *target = canonicalize_file_name(view->output); /* it may be a link */
    json_error_t what;
    int size = asprintf(&path, "%s.run.json", target ? target : view->output);
    free(target);
    if (size < 0) {
        message_error("out of memory");
        return false;
    }
    /* Not blocking: somebody may have put a FIFO there. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    bool good = file || errno == ENOENT || errno == ENOTDIR;
    if (!good)
        message_error("%s: %s", path, strerror(errno));
    if (file) {
        view->run = json_loadf(file, 0, &what);
        good = view->run != NULL;
        if (!good)
            message_error("%s:%d:%d: %s", path, what.line, what.column, what.text);
        (void)fclose(file); /* only read */
    }
    free(path);
    return good;
}

static fan_status summary(void *user, const fan_results *results, fan_error *error)
{
    results_view *view = user;
    (void)error;
    view->results = *results;
    return results_print_summary(view);
}

static fan_status failure(void *user, const fan_results_failure *what, fan_error *error)
{
    (void)error;
    return results_print_failure(user, what);
}

/* Remembers which shards have not finished. */
static fan_status shard(void *user, uint64_t number, const char *output, const fan_results *results,
                        fan_error *error)
{
    results_view *view = user;
    (void)output, (void)error;
    if (results && results->finished)
        return FAN_OK;
    uint64_t *more =
        reallocarray(view->unfinished, view->unfinished_count + 1, sizeof *view->unfinished);
    if (!more)
        return FAN_E_MEMORY;
    view->unfinished = more;
    more[view->unfinished_count++] = number;
    return FAN_OK;
}

static int code_of(fan_status status, const fan_results *r)
{
    if (status != FAN_OK)
        return status == FAN_E_INPUT ? 3 : exit_code_of(status);
    if (!r->finished)
        return 75;
    return r->ok < r->items || r->bad_inputs ? 1 : 0;
}

/* A merged output ends as a run that wrote it would have ended. */
static int code_of_merged(fan_status status, const fan_results *r)
{
    return status == FAN_OK && r->bad_inputs ? 2 : code_of(status, r);
}

static fan_status read_and_print(results_view *view)
{
    fan_results_visitor visitor = {
        .summary = summary, .failure = failure, .shard = shard, .user = view};
    fan_error error = {0};
    fan_status status = fan_results_read(view->output, &visitor, &error);
    if (status != FAN_OK) {
        error.status = status;
        message_record(&error, view->output, NULL, false);
    }
    return status;
}

static fan_status merge(const char *output)
{
    fan_error error = {0};
    fan_status status = fan_results_merge(output, &error);
    if (status != FAN_OK)
        message_record(&error, output, NULL, false);
    return status;
}

static int show(const cli_options *o, const char *output)
{
    results_view view = {.output = output, .format = o->format};
    if (!load_run(&view))
        return 3;
    fan_status status = read_and_print(&view);
    int code = code_of(status, &view.results);
    if (o->merge && status == FAN_OK && (view.results.finished || !view.results.shards))
        code = code_of_merged(merge(output), &view.results);
    json_decref(view.run);
    free(view.unfinished);
    return code;
}

static int run(const cli_options *o)
{
    int code = 0;
    if (!o->argument_count) {
        message_error("results needs the name of an output, as given to --output");
        return 2;
    }
    results_print_header(o->format);
    for (size_t i = 0; i < o->argument_count; i++)
        code = graver(code, show(o, o->arguments[i]));
    return code;
}

const cli_command command_results = {
    .name = "results",
    .arguments = "OUTPUT...",
    .summary = "what came of runs with --output, and which items are not ok",
    .details =
        "Reads the journal beside each output, also of a run that still works, was stopped or\n"
        "killed: whether it has finished and how it goes on, how its items ended, and each that\n"
        "is not ok with its place in the input and the reason. Nothing is changed.\n"
        "\n"
        "Of an output that is written in shards (--shard I/N) it sums these up and names those\n"
        "that have not finished. With --merge, when all have, it writes OUTPUT: the bytes that "
        "one\n"
        "run would have written.\n"
        "\n"
        "Exit codes: 0 all ok; 1 some items are not ok; 2 there is no journal; 3 it can't be read\n"
        "or is damaged; 75 the run has not finished. With --merge, that of such a run.\n"
        "\n"
        "  fanfold factor --input numbers.txt --output factors.txt\n"
        "  fanfold results factors.txt\n"
        "  fanfold results --format tsv factors.txt | cut -f 2,3,8\n"
        "  fanfold results --merge factors.txt\n",
    .takes = TAKES_RESULTS,
    .run = run,
};
