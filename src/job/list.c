#include "job/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/halt.h"
#include "job/hard_files.h"
#include "job/held.h"
#include "job/left.h"
#include "job/list_hard.h"
#include "job/list_internal.h"
#include "job/outcome_bytes.h"
#include "job/record.h"
#include "job/retry.h"
#include "job/shard.h"
#include "job/staging.h"
#include "job/state.h"
#include "job/timings.h"

enum { SKIP_ITEMS = 1 << 16, SKIP_BYTES = 1 << 20 };

typedef fani_list_state list_run;

/* Asked again and again, also while nothing comes: what was done meanwhile is written down, and
 * shown to who reads along, however long the next item takes. Whoever stops a run may not wait for
 * its end: what is there goes out first. An error of the output is kept by the writer. */
bool fani_list_stop_asked(void *user)
{
    list_run *lr = user;
    bool stops = fani_run_is_stopped(lr->run) || fani_halt_reached(lr->run);
    if (stops && !lr->stopping)
        (void)fani_writer_show(lr->run->writer, NULL);
    else
        (void)fani_writer_tick(lr->run->writer, NULL);
    lr->idle_status = fani_state_idle(lr->run, stops && !lr->stopping, &lr->idle_error);
    lr->stopping = stops;
    return stops || lr->idle_status != FAN_OK;
}

/* A run that only too many failures stop waits for what runs, unless it is told not to. */
bool fani_list_is_hurried(void *user)
{
    const fani_job_run *run = ((list_run *)user)->run;
    const fan_job_events *events = &run->events;
    if (fani_halt_reached(run) && (fani_halt_is_now(run) || !fani_run_is_stopped(run)))
        return fani_halt_is_now(run);
    return !events->hurry || events->hurry(events->user);
}

/* The index in the whole input of an item of this run. */
static uint64_t index_of(const list_run *lr, uint64_t position)
{
    return fani_slice_index(lr->run->slice, position);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static fan_status add_joined(fani_reader *reader, const fani_strings *texts)
{
    fan_buffer joined = {0};
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < texts->count; i++) {
        status = fani_bytes_add(&joined, texts->at[i], strlen(texts->at[i]));
        if (status == FAN_OK)
            status = fani_bytes_add(&joined, i + 1 < texts->count ? " " : "", 1);
    }
    if (status == FAN_OK)
        status = fani_reader_add_text(reader, (const char *)joined.bytes);
    fan_buffer_clear(&joined);
    return status;
}

/* A text of the key numbers, `offset` bytes into its value. */
static fan_status add_text(fani_reader *reader, const fan_job *job, size_t i, const char *text,
                           size_t offset)
{
    const fani_origin *origin = fani_job_origin(job, FANI_KEY_NUMBERS, i);
    if (!origin)
        return fani_reader_add_text(reader, text);
    return fani_reader_add_text_of(reader, text, job->file, origin->line,
                                   origin->column + (uint32_t)offset);
}

/* The tokens of value number i of the key numbers, each an item. */
static fan_status add_tokens(fani_reader *reader, const fan_job *job, size_t i)
{
    char *copy = strdup(job->values[FANI_KEY_NUMBERS].at[i]), *rest = copy;
    fan_status status = copy ? FAN_OK : FAN_E_MEMORY;
    for (char *token; status == FAN_OK && (token = strsep(&rest, " \t\r\n,"));)
        if (*token)
            status = add_text(reader, job, i, token, (size_t)(token - copy));
    free(copy);
    return status;
}

static fan_status add_numbers(fani_reader *reader, const fani_list *list, const fan_job *job)
{
    const fani_strings *numbers = &job->values[FANI_KEY_NUMBERS];
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < numbers->count; i++)
        status = list->unit == FANI_UNIT_LINE ? add_text(reader, job, i, numbers->at[i], 0)
                                              : add_tokens(reader, job, i);
    return status;
}

static fan_status add_inputs(fani_reader *reader, const fani_list *list, const fan_job *job,
                             const fani_staging *staging)
{
    const fani_strings *arguments = &job->arguments, *inputs = &job->values[FANI_KEY_INPUT];
    fan_status status = FAN_OK;
    if (list->join_arguments && arguments->count)
        status = add_joined(reader, arguments);
    for (size_t i = 0; !list->join_arguments && status == FAN_OK && i < arguments->count; i++)
        status = fani_reader_add_text(reader, arguments->at[i]);
    if (status == FAN_OK)
        status = add_numbers(reader, list, job);
    for (size_t i = 0; status == FAN_OK && i < inputs->count; i++)
        status = fani_reader_add_file(reader, inputs->at[i]);
    if (status == FAN_OK)
        status = fani_staging_add(staging, reader);
    if (status == FAN_OK && !arguments->count && !inputs->count &&
        !job->values[FANI_KEY_NUMBERS].count && !job->values[FANI_KEY_STAGE_IN].count)
        status = fani_reader_add_file(reader, "-");
    return status;
}

fan_status fani_list_reader(list_run *lr, fani_reader **reader, fan_error *error)
{
    const fan_job *job = lr->run->job;
    fani_reader_options options = {
        .unit = lr->list->unit,
        .token_max = (size_t)fani_job_count(job, FANI_KEY_MAX_DIGITS, 0),
        .stop = fani_list_stop_asked,
        .stop_user = lr,
        .first = lr->run->slice.number - 1,
        .step = lr->run->slice.count,
        .separator = lr->list->separator,
    };
    fan_status status = fani_reader_new(&options, reader);
    if (status == FAN_OK)
        status = lr->list->inputs ? lr->list->inputs(lr->list, *reader, job)
                                  : add_inputs(*reader, lr->list, job, lr->run->staging);
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "out of memory");
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

static fani_place place_of(const list_run *lr, const fan_outcome *outcome)
{
    return lr->place ? *lr->place : fani_places_at(lr->places, outcome->index);
}

/* Writes down that an item is not ok. */
static fan_status note_failure(list_run *lr, const fan_outcome *outcome, uint32_t kind,
                               const fan_error *what, uint64_t output_at, fan_error *error)
{
    fani_ledger_failure failure = {.index = outcome->index,
                                   .outcome = kind,
                                   .attempt =
                                       outcome->attempt + fani_retry_attempts(lr->run->retry),
                                   .run_ns = kind == FANI_LEDGER_BAD_INPUT ? 0 : outcome->run_ns,
                                   .run_items = outcome->run_items,
                                   .output_at = output_at,
                                   .output_size = fani_writer_bytes(lr->run->writer) - output_at,
                                   .line = what->line,
                                   .column = what->column,
                                   .file = what->file,
                                   .text = what->text};
    if (!fani_retry_was_bad(lr->run->retry) || kind != FANI_LEDGER_BAD_INPUT)
        fani_halt_count(lr->run, &failure);
    return fani_state_failed(lr->run->state, &failure, error);
}

/* Writes the line that stands for an entry that has no record. */
static fan_status put_failure(list_run *lr, const fan_outcome *outcome, const char *status_text,
                              const fan_error *what, fan_error *error)
{
    fani_failure failure = {.task = lr->list->name,
                            .index = index_of(lr, outcome->index),
                            .status = status_text,
                            .error = what,
                            .columns = lr->list->value_columns};
    lr->scratch.size = 0;
    fan_status status = fani_record_failure(lr->run->format, &failure, &lr->scratch);
    if (status != FAN_OK)
        return fani_error_set(error, status, "out of memory");
    return fani_timings_write(lr->run, outcome, lr->scratch.bytes, lr->scratch.size, error);
}

static fan_status put_bad(list_run *lr, const fan_outcome *outcome, const fani_answer *answer,
                          fan_error *error)
{
    fan_error what;
    fani_place place = place_of(lr, outcome);
    fani_reader_explain(lr->reader, place, answer->offset, answer->note, &what);
    lr->run->result->bad_inputs++;
    if (!fani_retry_was_bad(lr->run->retry))
        fani_run_report(lr->run, &what);
    uint64_t output_at = fani_writer_bytes(lr->run->writer);
    fan_status status = put_failure(lr, outcome, "bad input", &what, error);
    return status == FAN_OK
               ? note_failure(lr, outcome, FANI_LEDGER_BAD_INPUT, &what, output_at, error)
               : status;
}

/* Says what an answer's note says, and leaves it in *what. */
static void report_noted(list_run *lr, const fan_outcome *outcome, const fani_answer *answer,
                         fan_error *what)
{
    fani_place place = place_of(lr, outcome);
    fani_reader_explain(lr->reader, place, 0, answer->note, what);
    what->status = answer->flags & FANI_RECORD_PARTIAL ? FAN_E_EFFORT : FAN_OK;
    fan_error said = *what;
    if (answer->outcome)
        snprintf(said.text, sizeof said.text, "item %" PRIu64 " %s: %.400s",
                 index_of(lr, outcome->index), fan_outcome_name((fan_outcome_kind)answer->outcome),
                 answer->note);
    fani_run_report(lr->run, &said);
}

/* An item that was run: output, and what is to be said about it. */
static fan_status put_answer(list_run *lr, const fan_outcome *outcome, fan_error *error)
{
    fan_summary *summary = &lr->run->result->summary;
    fani_answer answer;
    if (!fani_record_read(outcome->bytes, outcome->size, &answer))
        return fani_error_set(error, FAN_E_PROTOCOL, "a reply of task %s is malformed",
                              lr->list->name);
    fan_status status =
        lr->list->unpack
            ? lr->list->unpack(lr->list, lr->run, index_of(lr, outcome->index), &answer, error)
            : FAN_OK;
    if (status != FAN_OK)
        return status;
    if (answer.flags & FANI_RECORD_BAD)
        return put_bad(lr, outcome, &answer, error);
    bool failed = (answer.flags & FANI_RECORD_PARTIAL) != 0;
    summary->items++;
    summary->ok += !failed;
    summary->failed += failed && answer.outcome != FAN_OUTCOME_TIMED_OUT;
    summary->timed_out += failed && answer.outcome == FAN_OUTCOME_TIMED_OUT;
    fan_error what;
    if (answer.flags)
        report_noted(lr, outcome, &answer, &what);
    uint64_t output_at = fani_writer_bytes(lr->run->writer);
    status = fani_timings_write(lr->run, outcome, answer.output, answer.output_size, error);
    if (status == FAN_OK && !failed)
        fani_halt_count_ok(lr->run, 1);
    if (status == FAN_OK && failed)
        status = note_failure(lr, outcome, answer.outcome ? answer.outcome : FANI_LEDGER_PARTIAL,
                              &what, output_at, error);
    return status;
}

static fan_status put_not_ok(list_run *lr, const fan_outcome *outcome, fan_error *error)
{
    fan_summary *summary = &lr->run->result->summary;
    fan_error what;
    fani_place place = place_of(lr, outcome);
    fani_reader_explain(lr->reader, place, 0, outcome->text, &what);
    what.status = FAN_E_FAILED;
    fan_error said = what;
    snprintf(said.text, sizeof said.text, "item %" PRIu64 " %s: %.400s",
             index_of(lr, outcome->index), fan_outcome_name(outcome->kind), outcome->text);
    fani_run_report(lr->run, &said);
    summary->items++;
    summary->failed += outcome->kind == FAN_OUTCOME_FAILED;
    summary->lost += outcome->kind == FAN_OUTCOME_LOST;
    summary->timed_out += outcome->kind == FAN_OUTCOME_TIMED_OUT;
    summary->cancelled += outcome->kind == FAN_OUTCOME_CANCELLED;
    uint64_t output_at = fani_writer_bytes(lr->run->writer);
    fan_status status = put_failure(lr, outcome, fan_outcome_name(outcome->kind), &what, error);
    return status == FAN_OK
               ? note_failure(lr, outcome, (uint32_t)outcome->kind, &what, output_at, error)
               : status;
}

fan_status fani_list_put(list_run *lr, const fan_outcome *outcome, fan_error *error)
{
    fani_run_wrote(lr->run, outcome->captured, "item %" PRIu64, index_of(lr, outcome->index));
    fan_status status = outcome->kind == FAN_OUTCOME_OK ? put_answer(lr, outcome, error)
                                                        : put_not_ok(lr, outcome, error);
    lr->done += status == FAN_OK;
    return status;
}

/* How many of the first outcomes are nothing but output that lies one behind the other, so that one
 * call writes them. */
static size_t count_bare(const list_run *lr, const fan_outcome *outcomes, size_t count)
{
    const unsigned char *end = outcomes->bytes;
    size_t bare = 0;
    if (lr->list->unpack || lr->run->timed)
        return 0;
    for (const fan_outcome *o = outcomes; bare < count; o++, bare++) {
        if (o->kind != FAN_OUTCOME_OK || o->captured || o->bytes != end ||
            !fani_record_is_bare(o->bytes, o->size))
            break;
        end += o->size;
    }
    return bare;
}

static fan_status put_bare(list_run *lr, const fan_outcome *outcomes, size_t count,
                           fan_error *error)
{
    fan_summary *summary = &lr->run->result->summary;
    const fan_outcome *last = &outcomes[count - 1];
    size_t size = (size_t)(last->bytes + last->size - outcomes->bytes);
    summary->items += count;
    summary->ok += count;
    fan_status status = fani_writer_add(lr->run->writer, outcomes->bytes, size, error);
    if (status != FAN_OK)
        return status;
    lr->done += count;
    fani_halt_count_ok(lr->run, count);
    return FAN_OK;
}

/* Writes outcomes of items that follow each other, in the order of their indices. */
static fan_status put_now(list_run *lr, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    fan_status status = fani_timings_header(lr->run, lr->list->columns, error);
    for (size_t i = 0, step; status == FAN_OK && i < count; i += step) {
        step = count_bare(lr, outcomes + i, count - i);
        status =
            step ? put_bare(lr, outcomes + i, step, error) : fani_list_put(lr, &outcomes[i], error);
        step += !step;
    }
    return status;
}

/* Writes the outcomes of a record that has waited. */
static fan_status put_record(list_run *lr, const fani_reorder_record *record, fan_error *error)
{
    const unsigned char *bytes = record->bytes;
    size_t size = record->size;
    fani_outcome_read read;
    fan_status status = FAN_OK;
    lr->place = &read.place;
    for (uint64_t i = 0; status == FAN_OK && i < record->count; i++)
        status = fani_outcome_from_bytes(&bytes, &size, record->first + i, &read)
                     ? put_now(lr, &read.outcome, 1, error)
                     : fani_error_set(error, FAN_E_PROTOCOL, "what has waited is malformed");
    lr->place = NULL;
    return status;
}

/* Writes what has waited for those that were just written. What an earlier run has left is written
 * once its items were read again. */
static fan_status put_waiting(list_run *lr, fan_error *error)
{
    fani_reorder *buffer = fani_held_buffer(lr->run->held);
    fani_reorder_record record;
    fan_status status;
    bool took = false;
    do {
        status = fani_reorder_take(buffer, lr->read, &record, error);
        if (status == FAN_OK && record.count)
            status = put_record(lr, &record, error);
        took |= record.count > 0;
    } while (status == FAN_OK && record.count);
    return status == FAN_OK && took ? fani_held_took(lr->run->held, error) : status;
}

/* Outcomes of items that follow each other: written, or kept until those before them have come. */
static fan_status put_in_order(list_run *lr, const fan_outcome *outcomes, size_t count,
                               fan_error *error)
{
    fani_reorder *buffer = fani_held_buffer(lr->run->held);
    fan_buffer bytes = {0};
    if (outcomes->index != fani_reorder_next(buffer)) {
        fan_status status = fani_outcomes_to_bytes(outcomes, count, lr->places, &bytes);
        return status == FAN_OK ? fani_reorder_put(buffer, outcomes->index, count, &bytes, error)
                                : fani_error_set(error, status, "out of memory");
    }
    fan_status status = put_now(lr, outcomes, count, error);
    if (status != FAN_OK)
        return status;
    fani_reorder_pass(buffer, count);
    return fani_reorder_waiting(buffer) ? put_waiting(lr, error) : FAN_OK;
}

static fan_status put_as_it_comes(list_run *lr, const fan_outcome *outcomes, size_t count,
                                  fan_error *error)
{
    fan_status status = put_now(lr, outcomes, count, error);
    return status == FAN_OK ? fani_held_done(lr->run->held, outcomes->index, count, error) : status;
}

/* How many of these outcomes are of items that follow each other: mostly all. */
static size_t count_neighbours(const fan_outcome *outcomes, size_t count)
{
    size_t same = 1;
    while (same < count && outcomes[same].index == outcomes->index + same)
        same++;
    return same;
}

static fan_status put_all(list_run *lr, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    bool unordered = fani_held_is_unordered(lr->run->held);
    fan_status status = FAN_OK;
    for (size_t step; status == FAN_OK && count; outcomes += step, count -= step) {
        step = count_neighbours(outcomes, count);
        status = unordered ? put_as_it_comes(lr, outcomes, step, error)
                           : put_in_order(lr, outcomes, step, error);
        fani_places_drop(lr->places, outcomes->index, step);
    }
    return status;
}

/* Items that are done as far as others may be told: what waits is counted, once it is safe. */
static uint64_t progress_of(const list_run *lr)
{
    const fani_job_run *run = lr->run;
    if (run->state)
        return fani_state_written(run->state) + fani_held_written(run->held);
    return lr->done + fani_reorder_waiting(fani_held_buffer(run->held));
}

void fani_list_tell_progress(const list_run *lr)
{
    fani_run_progress(lr->run, progress_of(lr), false);
}

/* After outcomes were written: what was written in part is not spoken of. */
static fan_status tell_state(list_run *lr, fan_status status, fan_error *error)
{
    fani_held *held = lr->run->held;
    if (status != FAN_OK) {
        fani_state_spoil(lr->run->state);
        return status;
    }
    uint64_t done = fani_held_is_unordered(held) ? fani_held_low(held)
                                                 : fani_reorder_next(fani_held_buffer(held));
    status = fani_state_tick(lr->run, done, lr->stopping, error);
    fani_run_progress(lr->run, progress_of(lr), false);
    return status;
}

/* The items of what an earlier run has left were read again. */
static fan_status put_what_waited(list_run *lr, fan_error *error)
{
    return tell_state(lr, put_waiting(lr, error), error);
}

fan_status fani_list_show(const list_run *lr, fan_error *error)
{
    return lr->stopping ? fani_writer_show(lr->run->writer, error)
                        : fani_writer_tick(lr->run->writer, error);
}

fan_status fani_list_settle(list_run *lr, const fan_outcome *outcome, fan_error *error)
{
    fan_status status = tell_state(lr, put_all(lr, outcome, 1, error), error);
    return status == FAN_OK ? fani_list_show(lr, error) : status;
}

static bool is_left(const list_run *lr, const fan_outcome *outcome)
{
    return lr->hard && outcome->kind == FAN_OUTCOME_OK &&
           fani_record_is_left(outcome->bytes, outcome->size);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    list_run *lr = user;
    fan_status status = FAN_OK;
    while (status == FAN_OK && count) {
        size_t others = 0;
        while (others < count && !is_left(lr, &outcomes[others]))
            others++;
        status = put_all(lr, outcomes, others, error);
        outcomes += others;
        count -= others;
        if (status == FAN_OK && count) {
            status = fani_hard_keep(lr->hard, outcomes++, error);
            count--;
        }
    }
    status = tell_state(lr, status, error);
    return status == FAN_OK ? fani_list_show(lr, error) : status;
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Reads items and tells the state. */
static fan_status read_items(list_run *lr, size_t max_items, size_t max_bytes, bool wait,
                             fan_items *items, fan_error *error)
{
    max_items = fani_state_read_limit(lr->run->state, max_items);
    fan_status status = fani_reader_pull(lr->reader, max_items, max_bytes, wait, items, error);
    if (status == FAN_OK)
        status = fani_state_read(lr->run->state, items, error);
    if (status == FAN_OK)
        lr->read += items->count;
    return status;
}

/* Nothing was read. While a slow input has nothing more, what is finished is shown. */
static fan_status at_the_end(list_run *lr, fan_error *error)
{
    if (fani_reader_ended(lr->reader)) {
        if (fani_halt_wants_total(lr->run))
            fani_halt_total(lr->run, lr->read);
        return fani_state_read_all(lr->run->state, error);
    }
    fan_status status = fani_writer_show(lr->run->writer, error);
    return status == FAN_OK ? FAN_E_BUSY : status;
}

/* The next items that are to be done; those whose outcomes are there are read over. */
static fan_status read_on(list_run *lr, size_t max_items, size_t max_bytes, fan_items *items,
                          fan_error *error)
{
    for (;;) {
        uint64_t before = 0, covered = fani_held_covers(lr->run->held, lr->read, &before);
        uint64_t most = covered ? covered : before < max_items ? before : max_items;
        fan_status status =
            read_items(lr, most < SKIP_ITEMS ? (size_t)most : SKIP_ITEMS,
                       covered ? SKIP_BYTES : max_bytes, false, items, &lr->read_error);
        if (status != FAN_OK || !items->count)
            return status;
        if (!covered) {
            status = fani_places_keep(lr->places, lr->reader, items);
            return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "out of memory");
        }
        fani_reader_forget(lr->reader, lr->read);
        status = put_what_waited(lr, error);
        if (status != FAN_OK)
            return status;
    }
}

/* Whether what waits leaves room for no more. The item that all wait for is read all the same: an
 * earlier run may have left as much as this one would. */
static bool waits_enough(const list_run *lr)
{
    fani_held *held = lr->run->held;
    return fani_held_is_full(held) && fani_reorder_next(fani_held_buffer(held)) < lr->read;
}

/* Ends the map for now: the numbers that are left are worked off first. */
static fan_status pause_map(list_run *lr, fan_items *items)
{
    *items = (fan_items){0};
    lr->paused = true;
    return FAN_OK;
}

/* The source. A read error ends the items, not the map: what was read before it is still done. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    list_run *lr = user;
    fan_error nobodys = {0}, *why = error ? error : &nobodys;
    bool full = waits_enough(lr);
    if (fani_hard_count(lr->hard) && (full || fani_hard_is_full(lr->hard)))
        return pause_map(lr, items);
    if (full)
        return FAN_E_BUSY;
    lr->read_error = (fan_error){0};
    fan_status status = read_on(lr, max_items, max_bytes, items, why);
    if (status == FAN_E_INPUT && lr->read_error.status == status) {
        lr->read_status = status;
        *items = (fan_items){0};
        return FAN_OK;
    }
    if (status != FAN_OK && lr->read_error.status == status)
        *why = lr->read_error;
    if (status == FAN_OK && !items->count)
        status = at_the_end(lr, why);
    return status == FAN_E_BUSY && fani_hard_count(lr->hard) ? pause_map(lr, items) : status;
}

/* Reads over what an earlier run has done. */
static fan_status skip_done(list_run *lr, fan_error *error)
{
    uint64_t done = fani_state_done(lr->run->state);
    fan_status status = FAN_OK;
    while (status == FAN_OK && lr->read < done) {
        fan_items items;
        uint64_t left = done - lr->read;
        status = read_items(lr, left < SKIP_ITEMS ? (size_t)left : SKIP_ITEMS, SKIP_BYTES, true,
                            &items, error);
        if (status == FAN_OK && !items.count)
            return fani_state_read_all(lr->run->state, error);
        fani_reader_forget(lr->reader, lr->read);
    }
    return status;
}

/* ---- The run --------------------------------------------------------------------------------- */

/* The task's arguments: *bytes has them, to be cleared by the caller. */
static fan_status make_args(const list_run *lr, fan_buffer *bytes)
{
    const fani_job_run *run = lr->run;
    fani_list_args args = {
        .format = (uint32_t)run->format,
        .digits = (uint32_t)fani_job_count(run->job, FANI_KEY_MAX_DIGITS, FANI_TOKEN_MAX),
        .isa = fani_job_pins_isa(run->job) ? 1 + (uint32_t)fani_job_isa(run->job) : 0,
        .effort = (uint32_t)fani_job_count(run->job, FANI_KEY_EFFORT, 0),
        .leave = lr->hard ? FANI_LEFT_BITS : 0,
        .timeout_ms = lr->hard ? fani_job_ms(run->job, FANI_KEY_TIMEOUT) : 0,
        .first = index_of(lr, 0),
        .step = run->slice.count};
    const fan_buffer *more = lr->list->settings;
    fan_status status = fani_bytes_add(bytes, &args, sizeof args);
    return status == FAN_OK && more ? fani_bytes_add(bytes, more->bytes, more->size) : status;
}

/* The job's options for a map over items of the list. */
static fan_map_options map_options(list_run *lr, const fan_buffer *args, fan_order order)
{
    const fan_job *job = lr->run->job;
    bool alone = lr->list->runs_alone;
    return (fan_map_options){.args = args->bytes,
                             .args_size = args->size,
                             .order = order,
                             .batch = (size_t)fani_job_count(job, FANI_KEY_BATCH, alone),
                             .timed = lr->run->timed,
                             .stop = fani_list_stop_asked,
                             .hurry = fani_list_is_hurried,
                             .stop_user = lr,
                             .timeout_ms = alone ? 0 : fani_job_ms(job, FANI_KEY_TIMEOUT),
                             .retries =
                                 alone ? 0 : (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                             .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
}

fan_status fani_list_map_with(list_run *lr, const fan_task *task, fan_source source, fan_sink sink,
                              const fan_map_options *options, fan_error *error)
{
    const fani_job_run *run = lr->run;
    fan_summary summary = {0};
    fan_status status = fan_map(run->executor, task, source, sink, options, &summary);
    if (lr->idle_status != FAN_OK) {
        if (error)
            *error = lr->idle_error;
        return lr->idle_status;
    }
    run->result->summary.batches += summary.batches;
    run->result->summary.run_ns += summary.run_ns;
    run->result->summary.error = summary.error;
    if (status == FAN_E_CANCELLED && fani_halt_reached(run))
        return fani_halt_status(lr->run, error);
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}

/* What the reading has ended with. */
static fan_status read_status(const list_run *lr, fan_error *error)
{
    if (lr->read_status != FAN_OK && error)
        *error = lr->read_error;
    return lr->read_status;
}

/* The map over the items of `source`, and what is left by it. */
static fan_status map_and_rest(list_run *lr, const fan_buffer *args, fan_source source,
                               fan_sink sink, fan_order order, fan_error *error)
{
    fan_map_options options = map_options(lr, args, order);
    fan_status status;
    source.numbered = true; /* by the reader */
    do {
        lr->paused = false;
        status = fani_list_map_with(lr, lr->list->task, source, sink, &options, error);
        if (status == FAN_OK && lr->rest)
            status = lr->rest(lr, args, error);
        else if (status == FAN_OK && fani_hard_count(lr->hard))
            status = fani_hard_work(lr->hard, args, error);
    } while (status == FAN_OK && lr->paused);
    return status == FAN_OK ? read_status(lr, error) : status;
}

fan_status fani_list_map(list_run *lr, fan_source source, fan_sink sink, fan_order order,
                         fan_error *error)
{
    fan_buffer args = {0};
    fan_status status = make_args(lr, &args) == FAN_OK
                            ? map_and_rest(lr, &args, source, sink, order, error)
                            : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_buffer_clear(&args);
    return status;
}

static fan_status map_all(list_run *lr, fan_error *error)
{
    fan_status status = fani_list_map(lr, fan_source_callback(pull, lr, UINT64_MAX),
                                      fan_sink_callback(put, lr), FAN_ORDER_COMPLETED, error);
    if (status != FAN_OK || !fani_reorder_waiting(fani_held_buffer(lr->run->held)))
        return status;
    return fani_error_set(error, FAN_E_PROTOCOL, "an item has come to nothing");
}

/* A share of all items is counted from how many there are. Of a pipe that is known when it has
 * ended; files are counted before. What can't be read is told when its turn comes. */
static fan_status count_all(list_run *lr, fan_error *error)
{
    if (!fani_halt_wants_total(lr->run) || !fani_job_can_read_twice(lr->run->job))
        return FAN_OK;
    fani_reader *reader = NULL;
    fan_error nobodys;
    fan_items items = {0};
    uint64_t count = 0;
    fan_status status = fani_list_reader(lr, &reader, error), read = FAN_OK;
    while (status == FAN_OK && read == FAN_OK && !fani_reader_ended(reader)) {
        read = fani_reader_pull(reader, SKIP_ITEMS, SKIP_BYTES, true, &items, &nobodys);
        count += read == FAN_OK ? items.count : 0;
        fani_reader_forget(reader, count);
    }
    if (status == FAN_OK && read == FAN_OK)
        fani_halt_total(lr->run, count);
    fani_reader_free(reader);
    return status;
}

fan_status fani_list_run(fani_job_run *run, const fani_list *list, fan_error *error)
{
    if (run->retry)
        return fani_list_retry(run, list, error);
    list_run lr = {.run = run, .list = list, .places = fani_places_new()};
    fan_status status = lr.places ? fani_held_open(run, error)
                                  : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status == FAN_OK)
        status = fani_list_reader(&lr, &lr.reader, error);
    if (status == FAN_OK)
        status = count_all(&lr, error);
    if (status == FAN_OK && list->leaves)
        status = fani_hard_open(&lr, error);
    if (status == FAN_OK)
        status = skip_done(&lr, error);
    if (status == FAN_OK)
        status = map_all(&lr, error);
    if (status == FAN_OK && lr.hard &&
        run->state) /* what a kill has left of a number that is done */
        status = fani_hard_files_sweep(run->output, false, error);
    fani_run_progress(run, run->result->summary.items + run->result->bad_inputs, true);
    fani_reader_free(lr.reader);
    fani_hard_free(lr.hard);
    fani_places_free(lr.places);
    fan_buffer_clear(&lr.scratch);
    return status;
}
