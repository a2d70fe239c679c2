/* Reading what came of a run, for others than the run itself. */
#include "fanfold/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "job/ledger_read.h"

typedef struct results_reading {
    const char *output;
    fan_results_visitor visitor;
} results_reading;

static void fact(void *user, const char *key, const char *value)
{
    const results_reading *r = user;
    r->visitor.fact(r->visitor.user, key, value);
}

/* A run that is complete but for the last step has its output still beside its place. */
static fan_status is_published(const char *output, bool *published, fan_error *error)
{
    char *part = fani_ledger_part_path(output);
    if (!part)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    *published = access(part, F_OK) != 0;
    free(part);
    return FAN_OK;
}

static fan_status seen(void *user, const fani_ledger_seen *what, fan_error *error)
{
    const results_reading *r = user;
    const fani_ledger_state *s = &what->state;
    fan_results results = {.done = s->done + fani_ranges_total(&what->done, s->done),
                           .items = s->ok + s->failed + s->lost + s->timed_out + s->cancelled,
                           .ok = s->ok,
                           .failed = s->failed,
                           .lost = s->lost,
                           .timed_out = s->timed_out,
                           .cancelled = s->cancelled,
                           .bad_inputs = s->bad,
                           .output_bytes = s->output_bytes};
    fan_status status = FAN_OK;
    if (s->finished)
        status = is_published(r->output, &results.finished, error);
    return status == FAN_OK ? r->visitor.summary(r->visitor.user, &results, error) : status;
}

static fan_status failure(void *user, const fani_ledger_failure *f, fan_error *error)
{
    const results_reading *r = user;
    fan_results_failure given = {.index = f->index,
                                 .outcome = fani_ledger_outcome_name(f->outcome),
                                 .attempt = f->attempt,
                                 .line = f->line,
                                 .column = f->column,
                                 .file = f->file,
                                 .text = f->text};
    return r->visitor.failure(r->visitor.user, &given, error);
}

fan_status fan_results_read_sized(const char *output, const fan_results_visitor *visitor,
                                  size_t visitor_size, fan_error *error)
{
    results_reading r = {.output = output};
    fan_error why = {0};
    if (visitor_size > sizeof r.visitor)
        return fani_error_set(error, FAN_E_ARGUMENT, "the visitor is of a newer Fanfold");
    memcpy(&r.visitor, visitor, visitor_size);
    char *path = fani_ledger_path(output);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fani_ledger_visitor inner = {.fact = r.visitor.fact ? fact : NULL,
                                 .seen = r.visitor.summary ? seen : NULL,
                                 .failure = r.visitor.failure ? failure : NULL,
                                 .user = &r};
    fan_status status = fani_ledger_read(path, &inner, &why);
    if (status == FAN_E_INPUT && (why.errno_code == ENOENT || why.errno_code == ENOTDIR))
        status = fani_error_set(&why, FAN_E_ARGUMENT,
                                "there is no %.400s: no run with --output %.60s was begun here",
                                path, output);
    free(path);
    if (status != FAN_OK && error)
        *error = why;
    return status;
}
