/* weakkeys: RSA keys that share a prime with another key, or are another key. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/state.h"
#include "job/weakkeys.h"
#include "kernel/gcd/weak_codec.h"

/* Blocks of moduli are fixed by their number alone. Small sets are cut so that there is work for
 * several workers; in large ones more blocks would cost more reductions of the whole product, by
 * the square of their number. */
enum { BLOCK_KEYS_MIN = 256, BLOCKS_MAX = 64, NOTE_MAX = 256 };

/* The distinct moduli of a run on their way through the workers. */
typedef struct weak_scan {
    fani_job_run *run;
    const fani_mpzs *distinct;
    size_t block_keys;
    size_t next;      /* the first modulus that was not handed out */
    fan_buffer block; /* the one handed out last, encoded */
    fani_mpzs gcds;   /* of the moduli that are done */
} weak_scan;

/* ---- Out and in ------------------------------------------------------------------------------ */

static size_t block_size(size_t count)
{
    size_t size = count / BLOCKS_MAX + (count % BLOCKS_MAX != 0);
    return size > BLOCK_KEYS_MIN ? size : BLOCK_KEYS_MIN;
}

/* One block of moduli. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items, (void)max_bytes; /* a block is a message of its own */
    weak_scan *scan = user;
    size_t left = scan->distinct->count - scan->next;
    size_t count = left < scan->block_keys ? left : scan->block_keys;
    if (!count)
        return FAN_OK;
    mpz_srcptr first = scan->distinct->values + scan->next;
    size_t size = fani_weak_encoded_size(first, count);
    unsigned char *bytes = (unsigned char *)fani_bytes_room(&scan->block, size);
    if (!bytes)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a block of %zu keys", count);
    fani_weak_encode(first, count, bytes);
    scan->next += count;
    *items = (fan_items){.bytes = bytes, .size = size, .count = 1};
    return FAN_OK;
}

static fan_source blocks_from_start(weak_scan *scan)
{
    size_t count = scan->distinct->count, size = scan->block_keys;
    scan->next = 0;
    return fan_source_callback(pull, scan, count / size + (count % size != 0));
}

/* A block without an answer ends the scan: every key's answer rests on all others. */
static fan_status block_failed(const weak_scan *scan, const fan_outcome *outcome, fan_error *error)
{
    size_t first = scan->gcds.count;
    size_t left = scan->distinct->count - first;
    fan_status status = FAN_E_FAILED;
    if (outcome->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (outcome->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "a block of %zu keys %s: %s",
                          left < scan->block_keys ? left : scan->block_keys,
                          fan_outcome_name(outcome->kind), outcome->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    weak_scan *scan = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        fani_run_wrote(scan->run, outcomes[i].captured, "block %" PRIu64, outcomes[i].index);
        status = outcomes[i].kind == FAN_OUTCOME_OK
                     ? fani_weak_decode(outcomes[i].bytes, outcomes[i].size, &scan->gcds, error)
                     : block_failed(scan, &outcomes[i], error);
    }
    fani_run_progress(scan->run, scan->gcds.count, false);
    return status;
}

/* ---- The scan -------------------------------------------------------------------------------- */

static void product_wrote(void *user, uint64_t leaf, const fan_captured *text)
{
    const weak_scan *scan = user;
    fani_run_wrote(scan->run, text, "product of block %" PRIu64, leaf);
}

static fan_status multiply(weak_scan *scan, fan_buffer *product, fan_error *error)
{
    const fan_job *job = scan->run->job;
    fan_fold_plan plan = {.leaf_items = 1,
                          .combine = &fani_task_weakkeys_multiply,
                          .stop = scan->run->events.stop,
                          .stop_user = scan->run->events.user,
                          .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                          .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                          .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF),
                          .captured = product_wrote,
                          .captured_user = scan};
    return fan_fold(scan->run->executor, &fani_task_weakkeys_product, blocks_from_start(scan),
                    &plan, product, error);
}

static fan_status map_blocks(weak_scan *scan, fan_shared product, fan_error *error)
{
    const fan_job *job = scan->run->job;
    fan_summary *total = &scan->run->result->summary, summary = {0};
    fan_map_options options = {.args = &product,
                               .args_size = sizeof product,
                               .batch = 1,
                               .stop = scan->run->events.stop,
                               .stop_user = scan->run->events.user,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    fan_status status =
        fan_map(scan->run->executor, &fani_task_weakkeys_block, blocks_from_start(scan),
                fan_sink_callback(put, scan), &options, &summary);
    total->batches = summary.batches;
    total->run_ns = summary.run_ns;
    total->error = summary.error;
    if (status != FAN_OK) {
        if (error)
            *error = summary.error;
        return status;
    }
    if (scan->gcds.count != scan->distinct->count)
        return fani_error_set(error, FAN_E_PROTOCOL, "%zu keys gave %zu gcds",
                              scan->distinct->count, scan->gcds.count);
    return FAN_OK;
}

/* Finds each distinct modulus's gcd with the product of the others. */
static fan_status find_gcds(weak_scan *scan, fan_error *error)
{
    fan_executor *executor = scan->run->executor;
    fan_buffer product = {0};
    fan_shared shared;
    if (!scan->distinct->count)
        return FAN_OK;
    fani_run_progress(scan->run, 0, true);
    fan_status status = multiply(scan, &product, error);
    if (status == FAN_OK) {
        status = fan_share(executor, product.bytes, product.size, &shared);
        if (status != FAN_OK)
            fani_error_set(error, status, "the product of all keys (%zu bytes) can't be shared: %s",
                           product.size, fan_status_text(status));
    }
    if (status == FAN_OK) {
        status = map_blocks(scan, shared, error);
        fan_status unshared = fan_unshare(executor, shared);
        if (status == FAN_OK && unshared != FAN_OK)
            status = fani_error_set(error, unshared, "the product of all keys can't be dropped: %s",
                                    fan_status_text(unshared));
    }
    fan_buffer_clear(&product);
    return status;
}

static fan_status scan_keys(fani_job_run *run, const fani_weakkeys_input *input,
                            fan_weakkeys_report **report, fan_error *error)
{
    fani_weak_set set = {0};
    fan_status status = fani_weak_set_build(&set, input->moduli.values, input->moduli.count, error);
    weak_scan scan = {.run = run, .distinct = &set.distinct};
    scan.block_keys = block_size(set.distinct.count);
    run->total = set.distinct.count;
    if (status == FAN_OK)
        status = find_gcds(&scan, error);
    if (status == FAN_OK)
        status = fani_weak_report_build(&set, scan.gcds.values, report, error);
    fani_run_progress(run, scan.gcds.count, true);
    fan_buffer_clear(&scan.block);
    fani_mpzs_free(&scan.gcds);
    fani_weak_set_free(&set);
    return status;
}

/* ---- The run --------------------------------------------------------------------------------- */

/* Appends ", COUNT WHAT" where there are any. */
static void add_count(char text[NOTE_MAX], uint64_t count, const char *what)
{
    size_t used = strlen(text);
    if (count)
        snprintf(text + used, NOTE_MAX - used, ", %" PRIu64 " %s", count, what);
}

/* Says what was looked at: a scan that finds nothing prints nothing else. */
static void note_counts(const fani_job_run *run, const fani_weakkeys_input *input,
                        const fan_weakkeys_report *report)
{
    char text[NOTE_MAX];
    const fan_weakkeys_summary *summary = &report->summary;
    const fani_rsa_key_counts *counts = &input->counts;
    uint64_t keys = counts->keys + counts->not_rsa;
    if (!run->events.note || keys + counts->unreadable == 0)
        return;
    snprintf(text, sizeof text, "%" PRIu64 " key%s read, %" PRIu64 " RSA, %zu weak", keys,
             keys == 1 ? "" : "s", counts->keys - summary->invalid,
             fani_weakkeys_count_weak(input, report));
    add_count(text, summary->duplicates, summary->duplicates == 1 ? "duplicate" : "duplicates");
    add_count(text, summary->invalid, "invalid");
    add_count(text, counts->unreadable, "unreadable");
    run->events.note(run->events.user, text);
}

static void count_keys(fani_job_run *run, const fani_weakkeys_input *input,
                       const fan_weakkeys_report *report)
{
    fan_summary *counts = &run->result->summary;
    counts->items = report->summary.keys;
    if (fani_job_flag(run->job, FANI_KEY_FAIL_ON_WEAK))
        counts->failed = fani_weakkeys_count_weak(input, report);
    counts->ok = counts->items - counts->failed;
}

static void note_beginning(const fani_job_run *run)
{
    if (run->events.note && fani_state_was_begun(run->state))
        run->events.note(run->events.user, "weakkeys begins anew: of a scan that was ended early "
                                           "nothing is of use");
}

static fan_status run_weakkeys(fani_job_run *run, fan_error *error)
{
    fani_weakkeys_input input = {0};
    fan_weakkeys_report *report = NULL;
    note_beginning(run);
    fan_status status = fani_writer_make_private(run->writer, error);
    if (status == FAN_OK)
        status = fani_weakkeys_input_read(run, &input, error);
    if (status == FAN_OK)
        status = scan_keys(run, &input, &report, error);
    if (status == FAN_OK)
        status = fani_weakkeys_check_keys(run, &input, error);
    if (status == FAN_OK)
        status = fani_weakkeys_write(run, &input, report, error);
    if (status == FAN_OK) {
        count_keys(run, &input, report);
        note_counts(run, &input, report);
    }
    fan_weakkeys_report_free(report);
    fani_weakkeys_input_free(&input);
    return status;
}

const fani_job_kind fani_job_weakkeys = {
    .name = "weakkeys",
    .summary = "RSA keys that share a prime with another key, or are weak by themselves",
    .run = run_weakkeys,
};
