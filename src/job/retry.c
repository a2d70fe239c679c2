#include "job/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "job/halt.h"
#include "job/ledger_read.h"
#include "job/output_hash.h"
#include "job/run_json.h"
#include "job/state.h"

enum { COPY_BYTES = 1 << 18, HASH_BYTES = 1 << 24, READ_ITEMS = 1 << 16, READ_BYTES = 1 << 20 };

/* An item of the pass: where its lines are in the output before, and where it is in the input. */
typedef struct again {
    uint64_t index, at, size;
    fani_place place;
    uint32_t outcome, attempt;
} again;
_Static_assert(sizeof(again) <= 64, "what is kept of a failure stays small");

struct fani_retry {
    again *items; /* by index */
    size_t count, room;
    size_t given;       /* of these: handed out, */
    size_t done;        /* and in the output */
    bool goes_on;       /* the pass was begun by an earlier run */
    bool between;       /* an outcome is being counted and written */
    int old;            /* the output before */
    uint64_t old_bytes; /* that it has */
    uint64_t copied;    /* of it: what counts of so many bytes is in the new one */
    uint64_t ok;        /* the run's count before the item that is due */
    unsigned char *room_to_copy;
};

/* ---- What failed ----------------------------------------------------------------------------- */

static fan_status take(void *user, const fani_ledger_failure *failure, fan_error *error)
{
    fani_retry *retry = user;
    if (retry->count == retry->room) {
        size_t room = retry->room ? 2 * retry->room : 64;
        again *items = reallocarray(retry->items, room, sizeof *items);
        if (!items)
            return fani_error_set(error, FAN_E_MEMORY, "no memory for what failed");
        retry->items = items;
        retry->room = room;
    }
    retry->items[retry->count++] = (again){.index = failure->index,
                                           .at = failure->output_at,
                                           .size = failure->output_size,
                                           .outcome = failure->outcome,
                                           .attempt = failure->attempt};
    return FAN_OK;
}

static int by_index(const void *left, const void *right)
{
    const again *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int by_place(const void *left, const void *right)
{
    const again *a = left, *b = right;
    return a->at != b->at ? (a->at < b->at ? -1 : 1) : by_index(left, right);
}

static void sort(fani_retry *retry, int (*compare)(const void *left, const void *right))
{
    if (retry->count)
        qsort(retry->items, retry->count, sizeof *retry->items, compare);
}

/* Leaves out what this pass has done. */
static void keep_from(fani_retry *retry, uint64_t first)
{
    size_t kept = 0;
    for (size_t i = 0; i < retry->count; i++)
        if (retry->items[i].index >= first)
            retry->items[kept++] = retry->items[i];
    retry->count = kept;
    sort(retry, by_index);
}

static fan_status load(const fani_job_run *run, fani_retry *retry, fan_error *error)
{
    fani_ledger_visitor visitor = {.failure = take, .user = retry};
    char *ledger = fani_ledger_path(run->output);
    fan_status status =
        ledger ? fani_journal_flush(fani_state_journal(run->state), false, FAN_FOREVER, error)
               : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    if (status == FAN_OK)
        status = fani_ledger_read(ledger, &visitor, error);
    free(ledger);
    if (status == FAN_OK)
        keep_from(retry, retry->goes_on ? fani_state_now(run->state)->again : 0);
    return status;
}

static uint64_t count_bad(const fani_retry *retry)
{
    uint64_t count = 0;
    for (size_t i = 0; i < retry->count; i++)
        count += retry->items[i].outcome == FANI_LEDGER_BAD_INPUT;
    return count;
}

static void say_nothing_to_do(const fani_job_run *run, uint64_t bad)
{
    char text[128];
    if (!run->events.note)
        return;
    if (bad)
        snprintf(text, sizeof text,
                 "there is nothing to do again: what is not ok is no valid input (%" PRIu64 ")",
                 bad);
    else
        snprintf(text, sizeof text, "there is nothing to do again: all items are ok");
    run->events.note(run->events.user, text);
}

/* ---- The output before ----------------------------------------------------------------------- */

static fan_status compare_hash(const fani_job_run *run, int fd, uint64_t bytes, uint64_t expected,
                               fan_error *error)
{
    const char *output = run->output;
    fan_status status = FAN_OK;
    fani_output_hash *hash = fani_output_hash_new();
    if (!hash)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    for (uint64_t to = 0; status == FAN_OK && to < bytes;) {
        to = bytes - to < HASH_BYTES ? bytes : to + HASH_BYTES;
        if (!fani_output_hash_read(hash, fd, to))
            status = fani_error_errno(error, FAN_E_INPUT, errno, "%.300s can't be read", output);
        else if (fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
    }
    uint64_t found = fani_output_hash_value(hash);
    fani_output_hash_free(hash);
    if (status != FAN_OK || found == expected)
        return status;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "%.300s is not what its run has written: it hashes to %016" PRIx64
                          ", and not to %016" PRIx64,
                          output, found, expected);
}

/* It must be what the ledger says: places in it are what the new one is made by. */
static fan_status open_old(const fani_job_run *run, fani_retry *retry, fan_error *error)
{
    const char *output = run->output;
    const fani_ledger_state *now = fani_state_now(run->state);
    uint64_t hash = retry->goes_on ? now->old_hash : now->output_hash;
    struct stat info;
    retry->old_bytes = retry->goes_on ? now->old_bytes : now->output_bytes;
    retry->old = open(output, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (retry->old < 0 || fstat(retry->old, &info))
        return fani_error_errno(error, FAN_E_INPUT, errno, "%.300s can't be read", output);
    if ((uint64_t)info.st_size != retry->old_bytes)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "%.300s is not what its run has written: it has %lld bytes, and not "
                              "%" PRIu64,
                              output, (long long)info.st_size, retry->old_bytes);
    return compare_hash(run, retry->old, retry->old_bytes, hash, error);
}

/* Reads on in the output before, and adds that to the new one. */
static fan_status copy_some(fani_job_run *run, size_t size, fan_error *error)
{
    fani_retry *retry = run->retry;
    ssize_t n;
    do
        n = pread(retry->old, retry->room_to_copy, size, (off_t)retry->copied);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return fani_error_errno(error, FAN_E_INPUT, n ? errno : ENODATA,
                                "the output before can't be read");
    fan_status status = fani_writer_add(run->writer, retry->room_to_copy, (size_t)n, error);
    if (status != FAN_OK)
        return status;
    retry->copied += (uint64_t)n;
    return fani_state_tick_retry(run, fani_state_now(run->state)->again, retry->copied, false,
                                 error);
}

static fan_status copy_to(fani_job_run *run, uint64_t to, fan_error *error)
{
    fani_retry *retry = run->retry;
    fan_status status = FAN_OK;
    while (status == FAN_OK && retry->copied < to) {
        uint64_t left = to - retry->copied;
        status = copy_some(run, left < COPY_BYTES ? (size_t)left : COPY_BYTES, error);
        if (status == FAN_OK && retry->copied < to && fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
    }
    return status;
}

/* Whether the items stand in the output in their order, all behind what was copied. */
static bool is_in_order(const fani_retry *retry)
{
    uint64_t from = retry->copied;
    for (size_t i = 0; i < retry->count; i++) {
        if (retry->items[i].at < from)
            return false;
        from = retry->items[i].at + retry->items[i].size;
    }
    return from <= retry->old_bytes;
}

/* Of an output that has no order all that stays comes first. */
static fan_status copy_what_stays(fani_job_run *run, fan_error *error)
{
    fani_retry *retry = run->retry;
    fan_status status = FAN_OK;
    sort(retry, by_place);
    for (size_t i = 0; status == FAN_OK && i < retry->count; i++) {
        const again *item = &retry->items[i];
        status = copy_to(run, item->at < retry->old_bytes ? item->at : retry->old_bytes, error);
        if (status == FAN_OK && retry->copied < item->at + item->size)
            retry->copied = item->at + item->size;
    }
    if (status == FAN_OK)
        status = copy_to(run, retry->old_bytes, error);
    sort(retry, by_index);
    return status;
}

/* ---- The input ------------------------------------------------------------------------------- */

/* Whether all that the run reads are files and texts. */
static bool can_read_twice(const fan_job *job)
{
    const fani_strings *inputs = &job->values[FANI_KEY_INPUT];
    struct stat info;
    for (size_t i = 0; i < inputs->count; i++)
        if (!strcmp(inputs->at[i], "-") || stat(inputs->at[i], &info) || !S_ISREG(info.st_mode))
            return false;
    return inputs->count || job->values[FANI_KEY_STAGE_IN].count || job->arguments.count ||
           job->values[FANI_KEY_NUMBERS].count || job->values[FANI_KEY_EXPRESSION].count;
}

static fan_status read_through(const fani_job_run *run, fani_reader *reader, fan_error *error)
{
    fan_items items;
    fan_status status;
    do {
        size_t most = fani_state_read_limit(run->state, READ_ITEMS);
        status = fani_reader_pull(reader, most, READ_BYTES, true, &items, error);
        if (status == FAN_OK)
            status = fani_state_read(run->state, &items, error);
        if (status == FAN_OK)
            fani_reader_forget(reader, items.first + items.count);
        if (status == FAN_OK && fani_run_is_stopped(run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped on request");
    } while (status == FAN_OK && items.count);
    return status == FAN_OK ? fani_state_read_all(run->state, error) : status;
}

/* ---- The pass -------------------------------------------------------------------------------- */

static fan_status begin(fani_job_run *run, fan_error *error)
{
    fan_status status = fani_state_begin_retry(run, error);
    if (status != FAN_OK)
        return status;
    run->published = false;
    return fani_run_json_again(run, error);
}

fan_status fani_retry_start(fani_job_run *run, fani_reader *reader, fan_error *error)
{
    fani_retry *retry = run->retry;
    fan_status status = FAN_OK;
    if (reader && can_read_twice(run->job)) {
        status = read_through(run, reader, error);
        if (status == FAN_OK)
            fani_state_read_twice(run->state);
    }
    if (status == FAN_OK && !retry->goes_on)
        status = begin(run, error);
    if (status != FAN_OK)
        return status;
    fani_halt_begin(run);
    run->header_written = true;
    run->total = retry->count;
    return is_in_order(retry) ? FAN_OK : copy_what_stays(run, error);
}

uint64_t fani_retry_next(const fani_retry *retry)
{
    return retry->given < retry->count ? retry->items[retry->given].index : UINT64_MAX;
}

void fani_retry_give(fani_retry *retry, fani_place place)
{
    retry->items[retry->given++].place = place;
}

fani_place fani_retry_place(const fani_retry *retry)
{
    return retry->items[retry->done].place;
}

bool fani_retry_was_bad(const fani_retry *retry)
{
    return retry && retry->items[retry->done].outcome == FANI_LEDGER_BAD_INPUT;
}

uint32_t fani_retry_attempts(const fani_retry *retry)
{
    return retry && !fani_retry_was_bad(retry) ? retry->items[retry->done].attempt : 0;
}

/* The item no longer counts as what it was. */
static void uncount(fan_job_result *result, uint32_t outcome)
{
    if (outcome == FANI_LEDGER_BAD_INPUT) {
        result->bad_inputs--;
        return;
    }
    fan_summary *summary = &result->summary;
    summary->items--;
    summary->lost -= outcome == FAN_OUTCOME_LOST;
    summary->timed_out -= outcome == FAN_OUTCOME_TIMED_OUT;
    summary->cancelled -= outcome == FAN_OUTCOME_CANCELLED;
    summary->failed -= outcome == FAN_OUTCOME_FAILED || outcome == FANI_LEDGER_PARTIAL;
}

fan_status fani_retry_before(fani_job_run *run, fan_error *error)
{
    fani_retry *retry = run->retry;
    const again *item = &retry->items[retry->done];
    fan_status status = copy_to(run, item->at, error);
    if (status != FAN_OK)
        return status;
    if (retry->copied < item->at + item->size) /* else it was left out already */
        retry->copied = item->at + item->size;
    retry->between = true;
    uncount(run->result, item->outcome);
    retry->ok = run->result->summary.ok;
    return FAN_OK;
}

fan_status fani_retry_after(fani_job_run *run, bool now, fan_error *error)
{
    fani_retry *retry = run->retry;
    uint64_t index = retry->items[retry->done].index;
    fan_status status = FAN_OK;
    if (run->result->summary.ok > retry->ok)
        status = fani_state_mended(run->state, index, error);
    if (status != FAN_OK)
        return status;
    retry->between = false;
    retry->done++;
    fani_run_progress(run, retry->done, false);
    return fani_state_tick_retry(run, index + 1, retry->copied, now, error);
}

static void free_retry(fani_retry *retry)
{
    if (retry->old >= 0)
        (void)close(retry->old); /* only read */
    free(retry->room_to_copy);
    free(retry->items);
    free(retry);
}

/* The pass, once it is known what is to be done. Where it has only begun and the input turns out to
 * be another one, it was never begun. */
static fan_status do_pass(fani_job_run *run, fan_error *error)
{
    fani_retry *retry = run->retry;
    fan_status status = run->job->kind->run(run, error);
    if (retry->between)
        fani_state_spoil(run->state);
    fani_run_progress(run, retry->done, true);
    if (status == FAN_OK)
        status = copy_to(run, retry->old_bytes, error);
    if (status == FAN_E_ARGUMENT && !retry->goes_on && run->writer && !run->published &&
        !fani_state_is_verified(run->state))
        (void)fani_state_cancel_retry(run, NULL); /* the first error is the one to tell */
    return status;
}

static fan_status prepare(fani_job_run *run, fani_retry *retry, bool *there_is, fan_error *error)
{
    fan_status status = load(run, retry, error);
    uint64_t bad = count_bad(retry);
    *there_is = retry->goes_on || retry->count > bad;
    if (status == FAN_OK && !*there_is)
        say_nothing_to_do(run, bad);
    if (status != FAN_OK || !*there_is)
        return status;
    retry->copied = retry->goes_on ? fani_state_now(run->state)->copied : 0;
    retry->room_to_copy = malloc(COPY_BYTES);
    if (!retry->room_to_copy)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    return open_old(run, retry, error);
}

fan_status fani_retry_pass(fani_job_run *run, fan_error *error)
{
    bool there_is = false;
    fani_retry *retry = calloc(1, sizeof *retry);
    if (!retry)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    retry->old = -1;
    retry->goes_on = fani_state_retries(run->state) && !fani_state_complete(run->state);
    fan_status status = prepare(run, retry, &there_is, error);
    run->retry = retry;
    if (status == FAN_OK && there_is)
        status = do_pass(run, error);
    run->retry = NULL;
    free_retry(retry);
    return status;
}
