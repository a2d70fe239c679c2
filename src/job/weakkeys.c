/* weakkeys: RSA keys that share a prime with another key, or are another key. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "job/weak_find.h"
#include "job/weak_known.h"
#include "job/weak_known_need.h"
#include "job/weak_need.h"
#include "job/weak_times.h"
#include "job/weakkeys.h"

enum { NOTE_MAX = 256 };

/* ---- The scan -------------------------------------------------------------------------------- */

static bool is_stopped(void *user)
{
    return fani_run_is_stopped(user);
}

fani_weak_halt fani_weakkeys_halt(fani_job_run *run)
{
    return (fani_weak_halt){.is_stopped = is_stopped, .user = run};
}

static fan_status scan_keys(fani_job_run *run, fani_weakkeys_input *input,
                            fan_weakkeys_report **report, fan_error *error)
{
    fani_weak_set set = {0};
    fani_mpzs gcds = {0};
    fani_weak_memory memory = fani_weak_memory_of(run);
    fan_status status = fani_weak_room_for_keys(&memory, &input->moduli,
                                                fani_weak_engine_block(input->moduli.count), error);
    if (status == FAN_OK)
        status = fani_weak_set_build(&set, input->moduli.values, input->moduli.count, error);
    if (status == FAN_OK)
        status = fani_weakkeys_join_primes(run, input, &set, error);
    fani_weak_times_end(run, FANI_WEAK_SORT);
    if (status == FAN_OK)
        status = fani_weak_find_gcds(run, &set.distinct, NULL, &gcds, error);
    fani_weak_times_end_scan(run);
    fani_run_progress(run, gcds.count, true);
    if (status == FAN_OK)
        status = fani_weakkeys_part_primes(input, &set, &gcds, error);
    set.halt = fani_weakkeys_halt(run);
    if (status == FAN_OK)
        status = fani_weak_report_build(&set, gcds.values, report, error);
    fani_mpzs_free(&gcds);
    fani_weak_set_free(&set);
    fani_weak_times_end(run, FANI_WEAK_SPLIT);
    return status;
}

/* The same where a state knows other keys: the input gets those of them that are told about. */
static fan_status scan_new_keys(fani_job_run *run, fani_weakkeys_input *input,
                                fan_weakkeys_report **report, fan_error *error)
{
    const fani_mpzs *fresh = NULL;
    const fani_weak_outside *outside = NULL;
    fani_mpzs gcds = {0};
    fani_weak_memory memory = fani_weak_memory_of(run);
    memory.outside = fani_weak_known_limbs(run->known);
    memory.longest = fani_weak_known_longest(run->known);
    memory.base += FANI_KNOWN_READ_BYTES + input->moduli.count * FANI_KNOWN_SORT_BYTES;
    fan_status status = fani_weak_room_for_keys(&memory, &input->moduli,
                                                fani_weak_engine_block(input->moduli.count), error);
    if (status == FAN_OK)
        status = fani_weak_known_sort(run->known, input, &fresh, &outside, error);
    fani_weak_times_end(run, FANI_WEAK_SORT);
    if (status == FAN_OK)
        status = fani_weak_find_gcds(run, fresh, outside, &gcds, error);
    fani_weak_times_end_scan(run);
    if (status == FAN_OK)
        fani_run_progress(run, gcds.count, true);
    if (status == FAN_OK)
        status = fani_weak_known_join(run->known, input, &gcds, report, error);
    fani_mpzs_free(&gcds);
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

/* What --fail-on-weak is about. */
#define WEAK (~(unsigned)(FAN_WEAKKEYS_DUPLICATE | FAN_WEAKKEYS_INVALID))

/* Says what a state has to do with it. */
static void add_known(char text[NOTE_MAX], const fani_weak_known *known)
{
    if (!known)
        return;
    add_count(text, fani_weak_known_repeated(known), "of them known already");
    if (fani_weak_known_exists(known))
        add_count(text, fani_weak_known_count(known), "known before");
    else
        snprintf(text + strlen(text), NOTE_MAX - strlen(text), ", a new state");
}

/* Says what was looked at: a scan that finds nothing prints nothing else. */
static void note_counts(const fani_job_run *run, const fani_weakkeys_input *input,
                        const fan_weakkeys_report *report)
{
    char text[NOTE_MAX];
    const fani_rsa_key_counts *counts = &input->counts;
    uint64_t keys = counts->keys + counts->not_rsa;
    size_t invalid = fani_weakkeys_count(input, report, FAN_WEAKKEYS_INVALID);
    size_t duplicates = fani_weakkeys_count(input, report, FAN_WEAKKEYS_DUPLICATE);
    if (!run->events.note)
        return;
    if (run->known)
        invalid += fani_weak_known_repeated_invalid(run->known);
    snprintf(text, sizeof text, "%" PRIu64 " key%s read, %" PRIu64 " RSA, %zu weak", keys,
             keys == 1 ? "" : "s", counts->keys - invalid,
             fani_weakkeys_count(input, report, WEAK));
    add_count(text, duplicates, duplicates == 1 ? "duplicate" : "duplicates");
    add_count(text, invalid, "invalid");
    add_count(text, counts->unreadable, "unreadable");
    add_known(text, run->known);
    run->events.note(run->events.user, text);
}

static void count_keys(fani_job_run *run, const fani_weakkeys_input *input,
                       const fan_weakkeys_report *report)
{
    fan_summary *counts = &run->result->summary;
    counts->items = input->counts.keys;
    if (fani_job_flag(run->job, FANI_KEY_FAIL_ON_WEAK))
        counts->failed = fani_weakkeys_count(input, report, WEAK);
    if (counts->items < counts->failed) /* known keys became weak, too */
        counts->items = counts->failed;
    counts->ok = counts->items - counts->failed;
}

static fan_status run_weakkeys(fani_job_run *run, fan_error *error)
{
    fani_weakkeys_input input = {0};
    fan_weakkeys_report *report = NULL;
    fan_status status = fani_writer_make_private(run->writer, error);
    fani_weak_times times;
    fani_weak_times_begin(run, &times);
    if (status == FAN_OK && fani_job_text(run->job, FANI_KEY_KNOWN))
        status = fani_weak_known_begin(run, error);
    if (status == FAN_OK)
        status = fani_weakkeys_input_read(run, &input, error);
    fani_weak_times_end(run, FANI_WEAK_READ);
    if (status == FAN_OK)
        status = run->known ? scan_new_keys(run, &input, &report, error)
                            : scan_keys(run, &input, &report, error);
    if (status == FAN_OK)
        status = fani_weakkeys_check_keys(run, &input, error);
    fani_weak_times_end(run, FANI_WEAK_CHECK);
    if (status == FAN_OK)
        status = fani_weakkeys_write(run, &input, report, error);
    if (status == FAN_OK && run->known)
        status = fani_weak_known_save(run->known, &input, error);
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

static fan_status commit_state(fani_job_run *run, fan_error *error)
{
    return fani_job_text(run->job, FANI_KEY_KNOWN) ? fani_weak_known_commit(run, error) : FAN_OK;
}

static fan_status check_weakkeys(const fan_job *job, fan_error *error)
{
    fan_status status = fani_weak_find_check(job, error);
    return status == FAN_OK ? fani_weak_known_check(job, error) : status;
}

const fani_job_kind fani_job_weakkeys = {
    .name = "weakkeys",
    .summary = "RSA keys that share a prime with another key, or are weak by themselves",
    .check = check_weakkeys,
    .run = run_weakkeys,
    .published = fani_weak_find_clear,
    .commit = commit_state,
    .end = fani_weak_known_end,
};
