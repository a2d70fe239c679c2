/* Reading what came of a run, for others than the run itself. */
#include "job/results.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/ledger_read.h"
#include "job/shard.h"

/* ---- One run ---------------------------------------------------------------------------------
 */

typedef struct results_reading {
    const char *output;
    const fan_results_visitor *visitor;
    fani_slice slice;
} results_reading;

static void fact(void *user, const char *key, const char *value)
{
    results_reading *r = user;
    if (strcmp(key, fani_key_info(FANI_KEY_SHARD)->name) == 0)
        (void)fani_read_slice(value, &r->slice); /* a run has checked it */
    if (r->visitor->fact)
        r->visitor->fact(r->visitor->user, key, value);
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
                           .output_bytes = s->output_bytes,
                           .waiting = fani_ranges_total(&what->held, 0),
                           .retries = s->retries,
                           .finished = s->finished && !fani_ledger_has_part(r->output)};
    return r->visitor->summary(r->visitor->user, &results, error);
}

static fan_status failure(void *user, const fani_ledger_failure *f, fan_error *error)
{
    const results_reading *r = user;
    fan_results_failure given = {.index = fani_slice_index(r->slice, f->index),
                                 .outcome = fani_ledger_outcome_name(f->outcome),
                                 .attempt = f->attempt,
                                 .line = f->line,
                                 .column = f->column,
                                 .file = f->file,
                                 .text = f->text,
                                 .seconds = (double)f->run_ns * 1e-9,
                                 .batch = f->run_items};
    return r->visitor->failure(r->visitor->user, &given, error);
}

fan_status fani_results_of_run(const char *output, const fan_results_visitor *visitor,
                               fan_error *error)
{
    results_reading r = {.output = output, .visitor = visitor, .slice = {.number = 1, .count = 1}};
    fan_error why = {0};
    char *path = fani_ledger_path(output);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fani_ledger_visitor inner = {.fact = fact,
                                 .seen = visitor->summary ? seen : NULL,
                                 .failure = visitor->failure ? failure : NULL,
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

/* ---- Shards ----------------------------------------------------------------------------------
 */

typedef struct shards_reading {
    const char *output;
    const fan_results_visitor *visitor;
    fani_shard_pins pins;
    fan_results sum;
    bool *begun; /* shard number i at i - 1 */
    /* Of the shard that is read. */
    fan_results one;
    char *path;
    fani_slice slice;
} shards_reading;

static void shard_fact(void *user, const char *key, const char *value)
{
    shards_reading *r = user;
    if (strcmp(key, fani_key_info(FANI_KEY_SHARD)->name) == 0)
        (void)fani_read_slice(value, &r->slice); /* a run has checked it */
}

static fan_status keep_one(void *user, const fan_results *results, fan_error *error)
{
    shards_reading *r = user;
    (void)error;
    r->one = *results;
    return FAN_OK;
}

/* A journal of other shards than the pin speaks of counts for nothing here. */
static fan_status check_slice(const shards_reading *r, uint64_t number, fan_error *error)
{
    if (r->slice.number == number && r->slice.count == r->pins.count)
        return FAN_OK;
    return fani_error_set(error, FAN_E_INPUT,
                          "%.200s is shard %" PRIu64 " of %" PRIu64
                          ", but %.200s.run.json says that there are %" PRIu64,
                          r->path, r->slice.number, r->slice.count, r->output, r->pins.count);
}

static void add_up(fan_results *sum, const fan_results *one)
{
    sum->done += one->done;
    sum->items += one->items;
    sum->ok += one->ok;
    sum->failed += one->failed;
    sum->lost += one->lost;
    sum->timed_out += one->timed_out;
    sum->cancelled += one->cancelled;
    sum->bad_inputs += one->bad_inputs;
    sum->output_bytes += one->output_bytes;
    sum->waiting += one->waiting;
    sum->retries = one->retries > sum->retries ? one->retries : sum->retries;
    sum->shards_begun++;
    sum->shards_finished += one->finished;
}

/* The counts of one shard. */
static fan_status read_counts(shards_reading *r, uint64_t number, fan_error *error)
{
    const fan_results_visitor *v = r->visitor;
    fan_results_visitor inner = {.fact = shard_fact, .summary = keep_one, .user = r};
    fan_error why = {0};
    r->slice = (fani_slice){0};
    fan_status status = fani_results_of_run(r->path, &inner, &why);
    bool begun = status != FAN_E_ARGUMENT;
    if (status == FAN_OK)
        status = check_slice(r, number, &why);
    if (begun && status != FAN_OK) {
        if (error)
            *error = why;
        return status;
    }
    r->begun[number - 1] = begun;
    if (begun)
        add_up(&r->sum, &r->one);
    return v->shard ? v->shard(v->user, number, r->path, begun ? &r->one : NULL, error) : FAN_OK;
}

/* The failures of one shard, where it was begun. */
static fan_status read_failures(shards_reading *r, uint64_t number, fan_error *error)
{
    fan_results_visitor inner = {.failure = r->visitor->failure, .user = r->visitor->user};
    return r->begun[number - 1] ? fani_results_of_run(r->path, &inner, error) : FAN_OK;
}

static fan_status each_shard(shards_reading *r,
                             fan_status (*read)(shards_reading *r, uint64_t number,
                                                fan_error *error),
                             fan_error *error)
{
    fan_status status = FAN_OK;
    for (uint64_t i = 1; status == FAN_OK && i <= r->pins.count; i++) {
        r->path = fani_shard_output_of(r->output, i);
        status = r->path ? read(r, i, error) : fani_error_set(error, FAN_E_MEMORY, "out of memory");
        free(r->path);
    }
    return status;
}

static fan_status read_shards(shards_reading *r, fan_error *error)
{
    const fan_results_visitor *v = r->visitor;
    json_t *facts = r->pins.identity;
    for (void *at = v->fact ? json_object_iter(facts) : NULL; at;
         at = json_object_iter_next(facts, at)) {
        const char *value = json_string_value(json_object_iter_value(at));
        v->fact(v->user, json_object_iter_key(at), value ? value : "");
    }
    r->sum.shards = r->pins.count;
    r->begun = calloc(r->pins.count, sizeof *r->begun);
    if (!r->begun)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = each_shard(r, read_counts, error);
    r->sum.finished = r->sum.shards_finished == r->sum.shards;
    if (status == FAN_OK && v->summary)
        status = v->summary(v->user, &r->sum, error);
    return status == FAN_OK && v->failure ? each_shard(r, read_failures, error) : status;
}

fan_status fan_results_read_sized(const char *output, const fan_results_visitor *visitor,
                                  size_t visitor_size, fan_error *error)
{
    fan_results_visitor whole = {0};
    shards_reading r = {.output = output, .visitor = &whole};
    if (visitor_size > sizeof whole)
        return fani_error_set(error, FAN_E_ARGUMENT, "the visitor is of a newer Fanfold");
    memcpy(&whole, visitor, visitor_size);
    fan_status status = fani_shard_pins_read(output, &r.pins, error);
    if (status == FAN_OK)
        status = r.pins.count ? read_shards(&r, error) : fani_results_of_run(output, &whole, error);
    free(r.begun);
    fani_shard_pins_clear(&r.pins);
    return status;
}
