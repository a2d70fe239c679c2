#include "job/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/held.h"
#include "job/identity.h"
#include "job/input_hash.h"
#include "job/ledger_compact.h"
#include "job/output_hash.h"
#include "job/packed.h"
#include "job/part_check.h"
#include "job/shard.h"
#include "job/split.h"
#include "stage/journal.h"

/* What was done reaches the system within 50 ms: half of it here, half in the journal. */
enum { TICK_NS = 25000000, WRITE_MS = 25 };

struct fani_state {
    fani_journal *journal;
    char *path;                /* the journal's */
    fani_ledger_state now;     /* what is to be written down next */
    fani_ledger_state resumed; /* the last one of the ledger that is right */
    fani_ledger_state said;    /* the last one of the ledger */
    fani_part_check *check;
    fani_input_hash hash;
    uint64_t staged; /* what the hash begins with */
    fani_output_hash *output;
    bool begun;     /* there was a ledger */
    bool found;     /* there was a state */
    bool right;     /* the part has what the last one speaks of */
    bool wrote;     /* this run has written something down */
    bool dirty;     /* something was done since it was written down */
    bool restart;   /* whatever there is, it is begun anew */
    bool malformed; /* a record can't be read */
    bool damaged;   /* records of the ledger are lost: --repair goes on before them */
    uint64_t lost_from, lost_bytes;
    bool foreign;     /* the input is not that of the run that is gone on with */
    bool read_whole;  /* it was read to its end, and is that of the run */
    uint64_t written; /* items that the ledger says are done */
    int64_t written_ns;
    fan_buffer scratch;
};

bool fan_job_is_resumable(const fan_job *job)
{
    const char *path = fani_job_text(job, FANI_KEY_OUTPUT);
    return path && strcmp(path, "-") != 0 && !fani_job_flag(job, FANI_KEY_NO_JOURNAL) &&
           (fani_split_of(job) ? fani_split_publishes(path) : fani_writer_publishes(path));
}

/* ---- What the ledger says -------------------------------------------------------------------- */

static fan_status see(void *user, const fani_journal_record *record, fan_error *error)
{
    fani_state *state = user;
    (void)error;
    if (record->kind != FANI_LEDGER_STATE)
        return FAN_OK;
    if (fani_ledger_get_state(record->payload, record->size, &state->said))
        state->found = true;
    else
        state->malformed = true;
    return FAN_OK;
}

/* Whether what there is may be replaced: it is complete and in its place, or had not begun, or that
 * is wanted. */
static bool may_replace(void *user)
{
    const fani_job_run *run = user;
    const fani_state *state = run->state;
    fani_state seen = {0};
    fani_journal_visitor visitor = {.record = see, .user = &seen};
    if (state->restart)
        return true;
    if (fani_journal_read(state->path, false, &visitor, NULL) != FAN_OK)
        return false;
    return !seen.found || (seen.said.finished && !fani_ledger_has_part(run->output));
}

/* Sees a record of the run that is gone on with. */
static fan_status visit(void *user, const fani_journal_record *record, fan_error *error)
{
    fani_state *state = user;
    if (record->kind != FANI_LEDGER_STATE)
        return FAN_OK;
    fan_status status = see(state, record, error);
    if (state->damaged)
        state->right = false; /* failures that it counts may be among what is lost */
    else if (status == FAN_OK && !state->malformed)
        status = fani_part_check_state(state->check, &state->said, &state->right, error);
    if (state->right)
        state->resumed = state->said;
    return status;
}

static void see_fact(void *user, const char *key, const char *value)
{
    fani_state *state = user;
    (void)key, (void)value;
    state->begun = true;
}

static void lose(void *user, const fani_journal_loss *loss)
{
    fani_state *state = user;
    if (loss->kind != FANI_JOURNAL_LOSS_DAMAGED)
        return;
    if (!state->damaged)
        state->lost_from = loss->from_byte;
    state->damaged = true;
    state->lost_bytes += loss->to_byte - loss->from_byte;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Who did not mean to go on with another run is refused only because there is one. */
static fan_status explain(const fani_job_run *run, fan_status status, fan_error *error)
{
    if (status != FAN_E_ARGUMENT || fani_job_resumes(run->job))
        return status;
    return fani_error_set(error, status,
                          "a run that writes %.300s was begun and has not ended: --resume goes on "
                          "with it, --restart begins again",
                          run->output);
}

/* It may take half a minute to see whether a run on another host still lives. */
static void say_waiting(void *user, const char *text)
{
    const fani_job_run *run = user;
    if (run->events.note)
        run->events.note(run->events.user, text);
}

/* From here on nothing of the run before us gets a name, however late it wakes up. */
static fan_status clear_fences(void *user, uint64_t id, fan_error *error)
{
    const fani_job_run *run = user;
    fan_status status = fani_writer_clear_fence(run->output, id, error);
    return status == FAN_OK && fani_split_of(run->job)
               ? fani_split_clear_fence(run->output, id, error)
               : status;
}

static fan_status open_journal(fani_job_run *run, fani_state *state, fan_error *error)
{
    const fan_job *job = run->job;
    fani_identity identity;
    fan_status status = fani_identity_of(job, &identity);
    fani_journal_options options = {
        .identity = identity.facts,
        .identity_count = identity.count,
        .resume = fani_job_resumes(job),
        .replaces = may_replace,
        .replaces_user = run,
        .repair = fani_job_flag(job, FANI_KEY_REPAIR),
        .break_lock = fani_job_flag(job, FANI_KEY_BREAK_LOCK),
        .write_ms = WRITE_MS,
        .waiting = say_waiting,
        .waiting_user = run,
        .took_over = clear_fences,
        .took_over_user = run,
        .visitor = {.record = visit, .fact = see_fact, .lost = lose, .user = state},
    };
    if (status == FAN_OK)
        status = fani_journal_open(&options, state->path, &state->journal, error);
    else
        fani_error_set(error, status, "%s", fan_status_text(status));
    fani_identity_clear(&identity);
    if (status == FAN_OK && state->malformed)
        status =
            fani_error_set(error, FAN_E_INPUT, "%.300s: a record of another Fanfold", state->path);
    return explain(run, status, error);
}

static fan_status append_state(fani_state *state, uint64_t *sequence, fan_error *error)
{
    if (fani_ledger_put_state(&state->now, &state->scratch) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return fani_journal_append(state->journal, FANI_LEDGER_STATE, state->scratch.bytes,
                               state->scratch.size, FAN_FOREVER, sequence, error);
}

static void goes_out(void *user, const void *bytes, size_t size)
{
    fani_output_hash_add(user, bytes, size);
}

/* A run that was complete has its output in place, unless it ended just before. Where the run
 * before us may wake up, it does not get to see our part; nor does who reads the output, where the
 * run before us has published its part and then lost what it said of it. */
static fan_status open_part(fani_job_run *run, fani_state *state, fan_error *error)
{
    const char *output = run->output;
    uint64_t keep = state->resumed.output_bytes ? state->resumed.output_bytes : UINT64_MAX;
    fan_status status = fani_state_check(state, error);
    bool seen_elsewhere = fani_journal_is_doubtful(state->journal) ||
                          fani_writer_part_is_published(output, FANI_LEDGER_PART);
    if (status == FAN_OK && keep != UINT64_MAX && seen_elsewhere)
        status = fani_writer_part_renew(output, FANI_LEDGER_PART, keep, error);
    if (status == FAN_OK)
        status = fani_writer_to_part(output, FANI_LEDGER_PART, keep, &run->writer, error);
    if (status != FAN_OK)
        return status;
    if (keep != UINT64_MAX)
        fani_output_hash_copy(state->output, fani_part_check_hash(state->check));
    fani_writer_watch(run->writer, goes_out, state->output);
    return fani_journal_attach(state->journal, fani_writer_fd(run->writer), output, error);
}

/* What is done again, and why: the ledger was damaged, or the part has not all that it speaks of.
 */
static void say_again(const fani_job_run *run, const fani_state *state)
{
    fan_error what;
    char again[48] = "what would follow is";
    uint64_t items = state->said.done - state->resumed.done;
    if (items)
        snprintf(again, sizeof again, "%llu items are", (unsigned long long)items);
    if (state->damaged)
        fani_error_set(&what, FAN_OK,
                       "%.300s is damaged: %llu bytes, the first of them at byte %llu, are lost, "
                       "and %s done again",
                       state->path, (unsigned long long)state->lost_bytes,
                       (unsigned long long)state->lost_from, again);
    else
        fani_error_set(&what, FAN_OK,
                       "%.300s" FANI_LEDGER_PART " does not have all that its journal speaks of: "
                       "it is right up to byte %llu, and %s done again",
                       run->output, (unsigned long long)state->resumed.output_bytes, again);
    fani_run_report(run, &what);
}

/* The part has not all that the ledger speaks of: its machine was lost, or somebody changed it; or
 * records are lost. The ledger is told first of all, so that what it says of the items that are
 * done again is void. */
static fan_status go_back(fani_job_run *run, fani_state *state, fan_error *error)
{
    bool goes_back = state->found && !state->right;
    fan_status status = FAN_OK;
    if (goes_back) {
        state->now = state->resumed;
        status = append_state(state, NULL, error);
    }
    if (goes_back || state->damaged)
        say_again(run, state);
    return status;
}

static void take_counts(fani_job_run *run, const fani_ledger_state *from)
{
    fan_summary *to = &run->result->summary;
    to->ok = from->ok;
    to->failed = from->failed;
    to->lost = from->lost;
    to->timed_out = from->timed_out;
    to->cancelled = from->cancelled;
    to->items = from->ok + from->failed + from->lost + from->timed_out + from->cancelled;
    run->result->bad_inputs = from->bad;
    run->header_written = from->output_bytes > 0 || from->retries;
}

fan_status fani_state_open(fani_job_run *run, fan_error *error)
{
    char *output = fani_shard_output(run->job);
    fani_state *state = output ? calloc(1, sizeof *state) : NULL;
    run->output = output;
    if (state) {
        state->path = fani_ledger_path(output);
        state->output = fani_output_hash_new();
        state->check = fani_part_check_new(output);
        state->restart = fani_job_flag(run->job, FANI_KEY_RESTART);
    }
    run->state = state;
    if (!state || !state->path || !state->output || !state->check)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = open_journal(run, state, error);
    if (status == FAN_OK)
        status = go_back(run, state, error);
    if (status == FAN_OK && fani_state_complete(state))
        status = fani_writer_part_forget(output, FANI_LEDGER_PART, error);
    if (status != FAN_OK)
        return status;
    bool in_place = fani_state_complete(state) && !fani_ledger_has_part(output);
    bool is_there = fani_split_of(run->job) ? fani_split_is_there(output) : !access(output, F_OK);
    if (in_place && !is_there)
        return fani_error_set(error, FAN_E_OUTPUT,
                              "%.300s is gone, but its run was complete: --restart begins again",
                              output);
    state->now = state->resumed;
    state->written = state->resumed.done;
    take_counts(run, &state->resumed);
    return in_place ? FAN_OK : open_part(run, state, error);
}

fan_status fani_state_check(const fani_state *state, fan_error *error)
{
    return fani_journal_check(state->journal, true, error);
}

static fan_status is_ours(void *user, fan_error *error)
{
    return fani_state_check(user, error);
}

fani_writer_fence fani_state_fence(const fani_state *state)
{
    return (fani_writer_fence){
        .id = fani_journal_id(state->journal), .still_ours = is_ours, .user = (void *)state};
}

bool fani_state_complete(const fani_state *state)
{
    return state && state->found && state->resumed.finished;
}

bool fani_state_was_begun(const fani_state *state)
{
    return state && state->begun;
}

uint64_t fani_state_done(const fani_state *state)
{
    return state ? state->resumed.done : 0;
}

uint64_t fani_state_retries(const fani_state *state)
{
    return state ? state->now.retries : 0;
}

uint64_t fani_state_written(const fani_state *state)
{
    return state->written;
}

fani_journal *fani_state_journal(const fani_state *state)
{
    return state->journal;
}

void fani_state_spoil(fani_state *state)
{
    if (state)
        state->dirty = false;
}

const fani_ledger_state *fani_state_now(const fani_state *state)
{
    return &state->now;
}

/* ---- Input ----------------------------------------------------------------------------------- */

size_t fani_state_read_limit(const fani_state *state, size_t most)
{
    uint64_t count = state ? state->hash.count : UINT64_MAX;
    if (!state || count >= state->resumed.read || state->resumed.read - count > most)
        return most;
    return (size_t)(state->resumed.read - count);
}

/* Whether an earlier pass has read the input to its end. */
static bool is_whole(const fani_ledger_state *state)
{
    return state->finished || state->retries;
}

void fani_state_staged(fani_state *state, uint64_t hash)
{
    if (!state)
        return;
    state->staged = hash;
    state->hash = (fani_input_hash){.value = hash};
}

fan_status fani_state_read(fani_state *state, const fan_items *items, fan_error *error)
{
    if (!state || !items->count)
        return FAN_OK;
    fani_input_hash_add(&state->hash, items);
    uint64_t count = state->hash.count, hash = state->hash.value;
    state->foreign |= count == state->resumed.read && hash != state->resumed.read_hash;
    if (count > state->resumed.read && is_whole(&state->resumed)) {
        state->foreign = true;
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the input is not the one that this run was begun with: it goes on "
                              "after %llu items",
                              (unsigned long long)state->resumed.read);
    }
    if (state->foreign)
        return fani_error_set(
            error, FAN_E_ARGUMENT,
            "the input%s is not the one that this run was begun with: its first %llu items hash to "
            "%016llx, and not to %016llx",
            state->staged ? ", or a file of stage-in," : "", (unsigned long long)count,
            (unsigned long long)hash, (unsigned long long)state->resumed.read_hash);
    if (count < state->resumed.read)
        return FAN_OK;
    state->now.read = count;
    state->now.read_hash = hash;
    return FAN_OK;
}

bool fani_state_is_verified(const fani_state *state)
{
    bool as_far = state->hash.count >= state->resumed.read;
    return !state->foreign && (is_whole(&state->resumed) ? state->read_whole : as_far);
}

void fani_state_read_twice(fani_state *state)
{
    state->hash = (fani_input_hash){.value = state->staged};
}

fan_status fani_state_read_all(fani_state *state, fan_error *error)
{
    if (!state)
        return FAN_OK;
    state->read_whole = !state->foreign && state->hash.count >= state->resumed.read;
    if (state->read_whole)
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "the input is not the one that this run was begun with: it ends after "
                          "%llu items, and %llu were read",
                          (unsigned long long)state->hash.count,
                          (unsigned long long)state->resumed.read);
}

/* ---- Writing down ---------------------------------------------------------------------------- */

fan_status fani_state_failed(fani_state *state, const fani_ledger_failure *failure,
                             fan_error *error)
{
    if (!state)
        return FAN_OK;
    if (fani_ledger_put_failure(failure, &state->scratch) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return fani_journal_append(state->journal, FANI_LEDGER_FAILED, state->scratch.bytes,
                               state->scratch.size, FAN_FOREVER, NULL, error);
}

fan_status fani_state_mended(fani_state *state, uint64_t index, fan_error *error)
{
    if (fani_ledger_put_index(index, &state->scratch) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return fani_journal_append(state->journal, FANI_LEDGER_MENDED, state->scratch.bytes,
                               state->scratch.size, FAN_FOREVER, NULL, error);
}

static void count(fani_job_run *run)
{
    fani_ledger_state *to = &run->state->now;
    const fan_summary *from = &run->result->summary;
    to->output_bytes = fani_writer_bytes(run->writer);
    to->ok = from->ok;
    to->failed = from->failed;
    to->lost = from->lost;
    to->timed_out = from->timed_out;
    to->cancelled = from->cancelled;
    to->bad = run->result->bad_inputs;
}

/* The output first: what the ledger speaks of is there. Before the input is known to be the right
 * one nothing is written down. */
static fan_status write_down(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    uint64_t sequence = 0;
    if (!fani_state_is_verified(state))
        return FAN_OK;
    count(run);
    fan_status status = fani_writer_flush(run->writer, error);
    state->now.output_hash = fani_output_hash_value(state->output);
    if (status == FAN_OK)
        status = fani_held_write(run->held, error);
    if (status == FAN_OK)
        status = append_state(state, &sequence, error);
    if (status == FAN_OK && fani_journal_wants_compact(state->journal))
        status = fani_ledger_compact(state->journal, state->path, FAN_FOREVER, error);
    if (status == FAN_OK)
        status = fani_held_settle(run->held, sequence, error);
    if (status != FAN_OK)
        return status; /* it does not count as written */
    state->wrote = true;
    state->written = state->now.done;
    state->written_ns = fani_clock_ns();
    state->dirty = false;
    return FAN_OK;
}

fan_status fani_state_idle(fani_job_run *run, bool now, fan_error *error)
{
    const fani_state *state = run->state;
    if (!state || !state->dirty || (!now && fani_clock_ns() - state->written_ns < TICK_NS))
        return FAN_OK;
    return write_down(run, error);
}

fan_status fani_state_begun(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    if (!state || state->wrote)
        return FAN_OK;
    state->dirty = true;
    return fani_state_idle(run, true, error);
}

fan_status fani_state_tick(fani_job_run *run, uint64_t done, bool now, fan_error *error)
{
    fani_state *state = run->state;
    if (!state)
        return FAN_OK;
    state->now.done = done;
    state->dirty = true;
    return fani_state_idle(run, now, error);
}

fan_status fani_state_tick_retry(fani_job_run *run, uint64_t again, uint64_t copied, bool now,
                                 fan_error *error)
{
    fani_state *state = run->state;
    state->now.again = again;
    state->now.copied = copied;
    state->dirty = true;
    return fani_state_idle(run, now, error);
}

/* ---- Passes over what failed ------------------------------------------------------------------
 */

/* A kill between the two leaves a pass that has an empty output, or will have. */
fan_status fani_state_begin_retry(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    fani_ledger_state *now = &state->now;
    fani_writer_free(run->writer);
    run->writer = NULL;
    now->finished = false;
    now->retries++;
    now->old_bytes = now->output_bytes;
    now->old_hash = now->output_hash;
    fani_output_hash_reset(state->output);
    now->output_hash = fani_output_hash_value(state->output);
    now->output_bytes = now->again = now->copied = 0;
    fan_status status = append_state(state, NULL, error);
    if (status == FAN_OK)
        status = fani_journal_flush(state->journal, true, FAN_FOREVER, error);
    if (status != FAN_OK)
        return status;
    state->wrote = true;
    state->written = now->done;
    state->resumed = *now;
    return open_part(run, state, error);
}

fan_status fani_state_cancel_retry(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    fani_ledger_state *now = &state->now;
    now->retries--;
    now->output_bytes = now->old_bytes;
    now->output_hash = now->old_hash;
    now->finished = true;
    fan_status status = fani_journal_detach(state->journal, fani_writer_fd(run->writer), error);
    fani_writer_discard(run->writer);
    fani_writer_free(run->writer);
    run->writer = NULL;
    if (status == FAN_OK)
        status = append_state(state, NULL, error);
    return status == FAN_OK ? fani_journal_flush(state->journal, true, FAN_FOREVER, error) : status;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* The part becomes the output, or the output is made of it. */
static fan_status publish_part(fani_job_run *run, fan_error *error)
{
    fani_writer_fence fence = fani_state_fence(run->state);
    if (fani_split_of(run->job))
        return fani_split_publish(run, error);
    if (fani_packed_of(run->job).packing)
        return fani_packed_publish(run, error);
    fani_writer_set_fence(run->writer, &fence);
    return fani_writer_publish(run->writer, error);
}

fan_status fani_state_publish(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    fan_status status = FAN_OK;
    if (!run->writer) /* it was complete, and is in its place */
        return FAN_OK;
    if (!fani_state_complete(state)) {
        state->now.finished = true;
        if (state->now.retries)
            state->now.again = state->now.done;
        status = write_down(run, error);
    }
    if (status == FAN_OK)
        status = fani_journal_flush(state->journal, true, FAN_FOREVER, error);
    if (status == FAN_OK)
        status = fani_journal_detach(state->journal, fani_writer_fd(run->writer), error);
    if (status == FAN_OK)
        status = fani_state_check(state, error);
    if (status == FAN_OK)
        status = fani_held_leave(run->held, true, error);
    if (status != FAN_OK)
        return status;
    if (state->found || state->restart)
        status = fani_held_remove(run->output, error);
    if (status == FAN_OK)
        status = publish_part(run, error);
    if (status != FAN_OK) {
        (void)fani_state_check(state, error); /* the better reason, if it is one */
        return status;
    }
    state->resumed = state->now; /* what a pass over what failed goes on from */
    state->hash = (fani_input_hash){.value = state->staged};
    state->read_whole = false;
    return FAN_OK;
}

/* A run that came to nothing leaves nothing, and nothing of another one that has taken its place.
 */
static void discard(fani_job_run *run)
{
    fani_state *state = run->state;
    if (!state->journal || state->found || state->wrote || !run->writer)
        return;
    fani_writer_discard(run->writer);
    if (fani_state_check(state, NULL) != FAN_OK)
        return;
    char *what_it_was = fani_ledger_run_json_path(run->output);
    (void)unlink(state->path); /* with them the next run begins anew all the same */
    if (what_it_was)
        (void)unlink(what_it_was);
    free(what_it_was);
    (void)fani_held_leave(run->held, true, NULL); /* it came to nothing for another reason */
}

bool fani_state_keeps(fani_job_run *run)
{
    if (run->writer)
        (void)fani_state_idle(run, true, NULL);
    return (run->state->written || fani_held_written(run->held) || run->keeps_parts) &&
           fani_state_check(run->state, NULL) == FAN_OK;
}

fan_status fani_state_close(fani_job_run *run, fan_error *error)
{
    fani_state *state = run->state;
    if (!state) {
        free(run->output);
        return FAN_OK;
    }
    discard(run);
    fan_status status = fani_held_leave(run->held, false, error);
    fan_status closed =
        fani_journal_close(state->journal, FAN_FOREVER, status == FAN_OK ? error : NULL);
    if (run->writer)
        fani_writer_watch(run->writer, NULL, NULL);
    fani_output_hash_free(state->output);
    fani_part_check_free(state->check);
    fan_buffer_clear(&state->scratch);
    free(state->path);
    free(state);
    free(run->output);
    run->state = NULL;
    return status == FAN_OK ? closed : status;
}
