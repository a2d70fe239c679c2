/* weakkeys: RSA keys that share a prime with another key, or are another key. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "job/state.h"
#include "job/weak_engine.h"
#include "job/weak_times.h"
#include "job/weakkeys.h"

enum { NOTE_MAX = 256 };

/* A level that took less than this is not worth a file by itself. */
#define KEEP_EACH_NS UINT64_C(1000000000)

/* ---- The scan -------------------------------------------------------------------------------- */

/* Where finished levels are kept: beside an output that has a journal. */
static fani_weak_store store_of(const fani_job_run *run, const fani_weak_set *set)
{
    return (fani_weak_store){.base = run->state ? run->output : NULL,
                             .identity = fani_weak_engine_identity(&set->distinct),
                             .interval_ns = KEEP_EACH_NS,
                             .resumes = fani_job_resumes(run->job)};
}

static fan_status find_gcds(fani_job_run *run, const fani_weak_set *set, fani_mpzs *gcds,
                            fan_error *error)
{
    fani_weak_store store = store_of(run, set);
    fani_writer_fence fence = {0};
    if (store.base) {
        fence = fani_state_fence(run->state);
        store.fence = &fence;
    }
    if (!store.resumes)
        fani_weak_engine_clear(&store);
    return fani_weak_engine_run(run, &set->distinct, &store, gcds, error);
}

static fan_status scan_keys(fani_job_run *run, fani_weakkeys_input *input,
                            fan_weakkeys_report **report, fan_error *error)
{
    fani_weak_set set = {0};
    fan_status status = fani_weak_set_build(&set, input->moduli.values, input->moduli.count, error);
    fani_mpzs gcds = {0};
    if (status == FAN_OK)
        status = fani_weakkeys_join_primes(input, &set, error);
    run->total = set.distinct.count;
    fani_weak_times_end(run, FANI_WEAK_SORT);
    if (status == FAN_OK)
        status = find_gcds(run, &set, &gcds, error);
    fani_weak_times_end_scan(run);
    fani_run_progress(run, gcds.count, true);
    if (status == FAN_OK)
        status = fani_weakkeys_part_primes(input, &set, &gcds, error);
    if (status == FAN_OK)
        status = fani_weak_report_build(&set, gcds.values, report, error);
    fani_mpzs_free(&gcds);
    fani_weak_set_free(&set);
    fani_weak_times_end(run, FANI_WEAK_SPLIT);
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

static fan_status run_weakkeys(fani_job_run *run, fan_error *error)
{
    fani_weakkeys_input input = {0};
    fan_weakkeys_report *report = NULL;
    fan_status status = fani_writer_make_private(run->writer, error);
    fani_weak_times times;
    fani_weak_times_begin(run, &times);
    fani_weakkeys_choose_checks(run, &input);
    if (status == FAN_OK)
        status = fani_weakkeys_input_read(run, &input, error);
    fani_weak_times_end(run, FANI_WEAK_READ);
    if (status == FAN_OK)
        status = scan_keys(run, &input, &report, error);
    if (status == FAN_OK)
        status = fani_weakkeys_check_keys(run, &input, error);
    fani_weak_times_end(run, FANI_WEAK_CHECK);
    if (status == FAN_OK)
        status = fani_weakkeys_write(run, &input, report, error);
    fani_weak_times_end(run, FANI_WEAK_WRITE);
    if (status == FAN_OK) {
        count_keys(run, &input, report);
        note_counts(run, &input, report);
        fani_weak_times_note(run);
    }
    run->times = NULL;
    fan_weakkeys_report_free(report);
    fani_weakkeys_input_free(&input);
    return status;
}

static void drop_scan(const fani_job_run *run)
{
    fani_weak_engine_clear(&(fani_weak_store){.base = run->output});
}

const fani_job_kind fani_job_weakkeys = {
    .name = "weakkeys",
    .summary = "RSA keys that share a prime with another key, or are weak by themselves",
    .run = run_weakkeys,
    .published = drop_scan,
};
