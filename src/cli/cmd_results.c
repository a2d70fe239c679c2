/* fanfold results */
#include <errno.h>
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
    char *path;
    json_error_t what;
    if (asprintf(&path, "%s.run.json", view->output) < 0) {
        message_error("out of memory");
        return false;
    }
    FILE *file = fopen(path, "re");
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

static int code_of(fan_status status, const fan_results *r)
{
    if (status != FAN_OK)
        return status == FAN_E_INPUT ? 3 : exit_code_of(status);
    if (!r->finished)
        return 75;
    return r->ok < r->items || r->bad_inputs ? 1 : 0;
}

static int show(const cli_options *o, const char *output)
{
    results_view view = {.output = output, .format = o->format};
    fan_results_visitor visitor = {.summary = summary, .failure = failure, .user = &view};
    fan_error error = {0};
    if (!load_run(&view))
        return 3;
    fan_status status = fan_results_read(output, &visitor, &error);
    if (status != FAN_OK) {
        error.status = status;
        message_record(&error, output, NULL, false);
    }
    json_decref(view.run);
    return code_of(status, &view.results);
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
        "Exit codes: 0 all ok; 1 some items are not ok; 2 there is no journal; 3 it can't be read\n"
        "or is damaged; 75 the run has not finished.\n"
        "\n"
        "  fanfold factor --input numbers.txt --output factors.txt\n"
        "  fanfold results factors.txt\n"
        "  fanfold results --format tsv factors.txt | cut -f 2,3,8\n",
    .takes = TAKES_RESULTS,
    .run = run,
};
