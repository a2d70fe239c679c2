#include "job/list_hard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/curves.h"
#include "job/halt.h"
#include "job/hard_estimate.h"
#include "job/hard_files.h"
#include "job/left.h"
#include "job/outcome_bytes.h"
#include "job/record.h"
#include "job/sieve.h"
#include "job/state.h"
#include "kernel/factor/split.h"
#include "kernel/factor/unfinished.h"

enum {
    /* So many items at least may wait, and so many for each worker. */
    QUEUE_MIN = 256,
    QUEUE_PER_WORKER = 16,
    /* A number that has not this much to do for each worker is worked on by one where more than two
     * such wait for each: units of the search, or seconds of the sieve, which takes half a second
     * at FANI_LEFT_BITS and twice as long with each of so many bits more. */
    UNITS_PER_WORKER = 4,
    SECONDS_PER_WORKER = 1,
    BITS_TWICE = 11,
    MANY_PER_WORKER = 2,
    /* A search of so few units is not worth a file. */
    FEW_UNITS = 4,
    /* A longer search is announced. */
    TOLD_SECONDS = 10,
};

/* An item that waits. */
typedef struct waiting {
    uint64_t index;
    bool is_small;      /* has not enough to do for all workers */
    fan_buffer outcome; /* fani_outcomes_to_bytes */
    fan_buffer left;    /* fani_left_write: what is known by now */
    uint64_t spent_ns;  /* on it beside its outcome's run_ns */
    fani_hard_files files;
} waiting;

struct fani_hard {
    fani_list_state *lr;
    waiting *items;
    size_t count, capacity;
    unsigned workers;
    const fan_buffer *args;
    char *base; /* of the files' names; NULL: nothing is kept */
    /* The most digits of a composite of which it was said how long its sieve or search takes. */
    size_t told, told_search;
};

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

/* ---- The queue ------------------------------------------------------------------------------- */

static void clear_item(waiting *item)
{
    fan_buffer_clear(&item->outcome);
    fan_buffer_clear(&item->left);
    fani_hard_files_clear(&item->files);
}

fan_status fani_hard_open(fani_list_state *lr, fan_error *error)
{
    fani_hard *hard = calloc(1, sizeof *hard);
    fan_executor_stats stats = {0};
    lr->hard = hard;
    if (!hard)
        return no_memory(error);
    hard->lr = lr;
    hard->workers = fan_executor_get_stats(lr->run->executor, &stats) == FAN_OK && stats.workers
                        ? stats.workers
                        : 1;
    return fani_hard_files_base(lr->run, &hard->base, error);
}

void fani_hard_free(fani_hard *hard)
{
    if (!hard)
        return;
    for (size_t i = 0; i < hard->count; i++)
        clear_item(&hard->items[i]);
    free(hard->items);
    free(hard->base);
    free(hard);
}

size_t fani_hard_count(const fani_hard *hard)
{
    return hard ? hard->count : 0;
}

bool fani_hard_is_full(const fani_hard *hard)
{
    return hard && hard->count >= QUEUE_MIN &&
           hard->count >= (size_t)QUEUE_PER_WORKER * hard->workers;
}

static bool grow(fani_hard *hard)
{
    if (hard->count < hard->capacity)
        return true;
    size_t capacity = hard->capacity ? 2 * hard->capacity : 16;
    waiting *items = reallocarray(hard->items, capacity, sizeof *items);
    if (!items)
        return false;
    hard->items = items;
    hard->capacity = capacity;
    return true;
}

static fan_status malformed(fan_error *error)
{
    return fani_error_set(error, FAN_E_PROTOCOL, "what task factor has left is damaged");
}

/* Takes what a reply says is left. */
static fan_status take_left(waiting *item, const unsigned char *bytes, size_t size,
                            fan_error *error)
{
    fani_answer answer;
    fani_left left;
    if (!fani_record_read(bytes, size, &answer) ||
        !fani_left_read(answer.output, answer.output_size, &left))
        return malformed(error);
    item->left.size = 0;
    return fani_bytes_add(&item->left, answer.output, answer.output_size) == FAN_OK
               ? FAN_OK
               : no_memory(error);
}

fan_status fani_hard_keep(fani_hard *hard, const fan_outcome *outcome, fan_error *error)
{
    waiting item = {.index = outcome->index};
    fan_outcome without = *outcome;
    without.bytes = (const unsigned char *)"";
    without.size = 0;
    fan_status status = take_left(&item, outcome->bytes, outcome->size, error);
    if (status == FAN_OK && (!grow(hard) || fani_outcomes_to_bytes(&without, 1, hard->lr->places,
                                                                   &item.outcome) != FAN_OK))
        status = no_memory(error);
    if (status == FAN_OK)
        hard->items[hard->count++] = item;
    else
        clear_item(&item);
    return status;
}

static int by_index(const void *left, const void *right)
{
    const waiting *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

/* An item has come to its end: its outcome is that of the worker that left it, with what `end` has.
 */
static fan_status settle(fani_hard *hard, waiting *item, const fan_outcome *end, fan_error *error)
{
    fani_outcome_read read;
    const unsigned char *bytes = item->outcome.bytes;
    size_t size = item->outcome.size;
    if (!fani_outcome_from_bytes(&bytes, &size, item->index, &read))
        return malformed(error);
    fan_outcome *o = &read.outcome;
    o->kind = end->kind;
    o->bytes = end->bytes;
    o->size = end->size;
    o->text = end->text;
    o->run_ns += item->spent_ns;
    fan_status status = hard->lr->settle ? hard->lr->settle(hard->lr, o, error)
                                         : fani_list_settle(hard->lr, o, error);
    if (status == FAN_OK)
        status = fani_hard_files_forget(&item->files, hard->lr->run, error);
    clear_item(item);
    *item = (waiting){.index = UINT64_MAX};
    return status;
}

/* Takes out those that have come to their ends. */
static void drop_settled(fani_hard *hard)
{
    size_t kept = 0;
    for (size_t i = 0; i < hard->count; i++)
        if (hard->items[i].index != UINT64_MAX)
            hard->items[kept++] = hard->items[i];
    hard->count = kept;
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* What an item, by itself and in its share of its batch, has taken of its time. */
static uint64_t spent_ms(const waiting *item)
{
    fani_outcome_read read;
    const unsigned char *bytes = item->outcome.bytes;
    size_t size = item->outcome.size;
    if (!fani_outcome_from_bytes(&bytes, &size, item->index, &read))
        return 0;
    uint64_t items = read.outcome.run_items ? read.outcome.run_items : 1;
    return (read.outcome.run_ns / items + item->spent_ns) / 1000000;
}

/* What one worker may take for all that is left of it; 0: there is no limit. */
static uint64_t time_for(const fani_hard *hard, const waiting *item)
{
    uint64_t timeout_ms = fani_job_ms(hard->lr->run->job, FANI_KEY_TIMEOUT);
    uint64_t spent = timeout_ms ? spent_ms(item) : 0;
    return spent < timeout_ms || !timeout_ms ? timeout_ms - spent : 1;
}

/* When the item's time is over. */
static fan_deadline deadline_of(const fani_hard *hard, const waiting *item)
{
    uint64_t timeout_ms = fani_job_ms(hard->lr->run->job, FANI_KEY_TIMEOUT);
    uint64_t spent = timeout_ms ? spent_ms(item) : 0;
    if (!timeout_ms)
        return FAN_FOREVER;
    return spent < timeout_ms ? fan_deadline_in_ms(timeout_ms - spent) : FAN_NOW + 1;
}

/* ---- The task factor.more -------------------------------------------------------------------- */

/* A map over some items that wait. */
typedef struct more {
    fani_hard *hard;
    size_t first, count, given; /* of hard->items */
    fani_more how;
    fan_buffer input;
    uint64_t offsets[2];
} more;

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items;
    (void)max_bytes;
    more *m = user;
    *items = (fan_items){0};
    if (m->given == m->count)
        return FAN_OK;
    const waiting *item = &m->hard->items[m->first + m->given];
    const fani_more_head head = {.index = item->index,
                                 .how = (uint64_t)m->how,
                                 .timeout_ms =
                                     m->how == FANI_MORE_WHOLE ? time_for(m->hard, item) : 0};
    m->input.size = 0;
    if (fani_bytes_add(&m->input, &head, sizeof head) != FAN_OK ||
        fani_bytes_add(&m->input, item->left.bytes, item->left.size) != FAN_OK)
        return no_memory(error);
    m->offsets[1] = m->input.size;
    *items = (fan_items){.bytes = m->input.bytes, .offsets = m->offsets, .count = 1};
    m->given++;
    return FAN_OK;
}

/* An item whose time is over is kept: what is known of it is told later. */
static fan_status take_more(more *m, const fan_outcome *o, fan_error *error)
{
    waiting *item = &m->hard->items[m->first + o->index];
    if (o->kind == FAN_OUTCOME_TIMED_OUT) {
        item->spent_ns += (uint64_t)fani_job_ms(m->hard->lr->run->job, FANI_KEY_TIMEOUT) * 1000000;
        return FAN_OK;
    }
    if (o->kind == FAN_OUTCOME_OK && fani_record_is_left(o->bytes, o->size))
        return take_left(item, o->bytes, o->size, error);
    item->spent_ns += o->run_ns;
    return settle(m->hard, item, o, error);
}

static fan_status put_more(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = take_more(user, &outcomes[i], error);
    return status;
}

/* Those that are worked off as a whole may end where a stop is asked for, as items of the list do;
 * the work on others is kept. */
static fan_status run_more(fani_hard *hard, size_t first, size_t count, fani_more how,
                           fan_error *error)
{
    const fan_job *job = hard->lr->run->job;
    more m = {.hard = hard, .first = first, .count = count, .how = how};
    fan_map_options options = {.args = hard->args->bytes,
                               .args_size = hard->args->size,
                               .order = FAN_ORDER_COMPLETED,
                               .batch = 1,
                               .stop = fani_list_stop_asked,
                               .stop_user = hard->lr,
                               .hurry = how == FANI_MORE_WHOLE ? fani_list_is_hurried : NULL,
                               .timeout_ms =
                                   how == FANI_MORE_WHOLE ? fani_job_ms(job, FANI_KEY_TIMEOUT) : 0,
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    fan_status status =
        fani_list_map_with(hard->lr, &fani_task_factor_more, fan_source_callback(pull, &m, count),
                           fan_sink_callback(put_more, &m), &options, error);
    fan_buffer_clear(&m.input);
    return status;
}

/* What a job says about the search in a number. */
static fani_curves_options search_options(const fani_job_run *run)
{
    const fan_job *job = run->job;
    return (fani_curves_options){.executor = run->executor,
                                 .digits = (unsigned)fani_job_count(job, FANI_KEY_EFFORT, 0),
                                 .pinned = fani_job_pins_isa(job),
                                 .isa = fani_job_isa(job),
                                 .repair = fani_job_flag(job, FANI_KEY_REPAIR),
                                 .break_lock = fani_job_flag(job, FANI_KEY_BREAK_LOCK),
                                 .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                                 .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
}

/* ---- One by one ------------------------------------------------------------------------------ */

/* Whether the next composite of f has not enough to do for all workers. */
static bool is_small(const fani_hard *hard, const fan_factorization *f)
{
    const fani_job_run *run = hard->lr->run;
    const fani_curves_options options = search_options(run);
    size_t at = fani_unfinished_next(f), workers = hard->workers;
    if (at == SIZE_MAX)
        return true;
    const fani_factor_entry *entry = &f->entries[at];
    fani_effort effort;
    const fan_factor_options asked = {.digits = options.digits};
    if (fani_effort_of(&asked, &effort, NULL) == FAN_OK &&
        fani_split_ends_in_sieve(entry->value, &effort)) {
        size_t twice = (mpz_sizeinbase(entry->value, 2) - FANI_LEFT_BITS) / BITS_TWICE;
        return (UINT64_C(1) << twice) / 2 < (uint64_t)SECONDS_PER_WORKER * workers;
    }
    const fani_curves_search search = {.at = entry->at, .work = f->work};
    uint64_t enough = (uint64_t)UNITS_PER_WORKER * workers;
    return fani_curves_units(entry->value, &options, &search, enough) < enough;
}

static fan_status judge_sizes(fani_hard *hard, fan_error *error)
{
    fan_factorization *f = NULL;
    fan_status status = fan_factorization_create(&f);
    if (status != FAN_OK)
        return no_memory(error);
    for (size_t i = 0; i < hard->count && status == FAN_OK; i++) {
        waiting *item = &hard->items[i];
        fani_left left;
        if (!fani_left_read(item->left.bytes, item->left.size, &left) ||
            fani_unfinished_read(left.bytes, left.size, f) != FAN_OK)
            status = malformed(error);
        else
            item->is_small = is_small(hard, f);
    }
    fan_factorization_destroy(f);
    return status;
}

/* Where many small ones wait, a worker for each, but for the last ones. */
static fan_status work_one_by_one(fani_hard *hard, fan_error *error)
{
    size_t small = 0, many = (size_t)MANY_PER_WORKER * hard->workers;
    if (hard->count <= many)
        return FAN_OK;
    fan_status status = judge_sizes(hard, error);
    for (size_t i = 0; i < hard->count && status == FAN_OK; i++) { /* they come first, by index */
        waiting item = hard->items[i];
        if (!item.is_small)
            continue;
        memmove(&hard->items[small + 1], &hard->items[small], (i - small) * sizeof item);
        hard->items[small++] = item;
    }
    if (status == FAN_OK && small > many)
        status = run_more(hard, 0, small - hard->workers + 1, FANI_MORE_WHOLE, error);
    drop_settled(hard);
    qsort(hard->items, hard->count, sizeof *hard->items, by_index);
    return status;
}

/* ---- One number over all workers ------------------------------------------------------------- */

/* A composite at work. */
typedef struct spreading {
    fani_hard *hard;
    waiting *item;
    fan_factorization *f;
    size_t at; /* the entry */
    mpz_t divisor;
    fan_deadline deadline;
} spreading;

static bool is_stopped(void *user)
{
    const spreading *s = user;
    (void)fani_list_stop_asked(s->hard->lr);
    return s->hard->lr->stopping;
}

/* The output and the ledger go on. */
static fan_status look(fani_list_state *lr, fan_error *error)
{
    (void)fani_list_stop_asked(lr);
    if (lr->idle_status != FAN_OK && error)
        *error = lr->idle_error;
    return lr->idle_status;
}

static fan_status tick(void *user, fan_error *error)
{
    const spreading *s = user;
    return look(s->hard->lr, error);
}

/* The run is one that can be gone on with from now on. */
static fan_status keep_run(const fani_hard *hard, fan_error *error)
{
    hard->lr->run->keeps_parts = hard->base != NULL;
    hard->lr->run->loses_parts = hard->base == NULL;
    return fani_state_begun(hard->lr->run, error);
}

static void tell_stage(const spreading *s, const char *text)
{
    fani_job_run *run = s->hard->lr->run;
    if (run->events.stage)
        run->events.stage(run->events.user, text);
    fani_list_tell_progress(s->hard->lr);
}

/* "0:07", "12:34", "3:02:01", and how they are introduced; nothing where it is not known. */
static void time_left(double seconds, char text[32])
{
    uint64_t t = seconds < 3.6e9 ? (uint64_t)(seconds + 0.5) : UINT64_C(3600000000);
    text[0] = '\0';
    if (seconds >= 0 && t < 3600)
        snprintf(text, 32, ", ETA %" PRIu64 ":%02" PRIu64, t / 60, t % 60);
    else if (seconds >= 0)
        snprintf(text, 32, ", ETA %" PRIu64 ":%02" PRIu64 ":%02" PRIu64, t / 3600, t / 60 % 60,
                 t % 60);
}

/* Of a long search that is said once some units have shown it. */
static void tell_search_time(spreading *s, const fani_curves_progress *p)
{
    fani_hard *hard = s->hard;
    const fani_job_run *run = hard->lr->run;
    char text[FANI_HARD_TEXT], time[32];
    size_t digits = fani_hard_digits(s->f->entries[s->at].value);
    if (digits <= hard->told_search || p->done < (uint64_t)UNITS_PER_WORKER * hard->workers ||
        p->eta_seconds < TOLD_SECONDS || !run->events.note)
        return;
    hard->told_search = digits;
    fani_hard_time(p->eta_seconds, time);
    snprintf(text, sizeof text,
             "curves for factors of %u digits in a composite of %zu take up to %s more on %u "
             "worker%s",
             p->digits, digits, time, hard->workers, hard->workers == 1 ? "" : "s");
    run->events.note(run->events.user, text);
}

static void tell_search(void *user, const fani_curves_progress *p)
{
    spreading *s = user;
    tell_search_time(s, p);
    char text[FANI_HARD_TEXT], left[32];
    time_left(p->eta_seconds, left);
    snprintf(text, sizeof text,
             "curves for %u digits in %zu: %" PRIu64 " of %" PRIu64 " units, %.1f/s%s", p->digits,
             fani_hard_digits(s->f->entries[s->at].value), p->units, p->wanted,
             p->elapsed_seconds > 0 ? (double)p->done / p->elapsed_seconds : 0, left);
    tell_stage(s, text);
}

static void tell_sieve(void *user, const fani_sieve_progress *p)
{
    spreading *s = user;
    char text[FANI_HARD_TEXT], left[32];
    size_t digits = fani_hard_digits(s->f->entries[s->at].value);
    time_left(p->eta_seconds, left);
    if (p->stage == FANI_SIEVE_SOLVE)
        snprintf(text, sizeof text, "sieve of %zu digits: solving", digits);
    else
        snprintf(text, sizeof text,
                 "sieve of %zu digits: %" PRIu64 " relations with %zu of %zu cycles, %.0f/s%s",
                 digits, p->relations, p->cycles, p->wanted, p->rate, left);
    tell_stage(s, text);
}

/* What takes longer than some seconds is said before it begins: of a list, once for each length. */
static fan_status tell_estimate(const spreading *s, fani_isa isa, fan_error *error)
{
    fani_hard *hard = s->hard;
    const fani_job_run *run = hard->lr->run;
    mpz_srcptr n = s->f->entries[s->at].value;
    size_t digits = fani_hard_digits(n);
    char text[FANI_HARD_TEXT];
    if (!run->events.note || mpz_sizeinbase(n, 2) < FANI_HARD_TOLD_BITS || digits <= hard->told)
        return FAN_OK;
    hard->told = digits;
    fan_status status = fani_hard_estimate(n, isa, hard->workers, text);
    if (status != FAN_OK)
        return fani_error_set(error, status, "estimating the time of a sieve: %s",
                              fan_status_text(status));
    run->events.note(run->events.user, text);
    return FAN_OK;
}

static fan_status search(spreading *s, fani_curves_search *search, fan_error *error)
{
    mpz_srcptr n = s->f->entries[s->at].value;
    fani_curves_options options = search_options(s->hard->lr->run);
    options.deadline = s->deadline;
    options.stop = is_stopped;
    options.progress = tell_search;
    options.tick = tick;
    options.user = s;
    *search = (fani_curves_search){.at = s->f->entries[s->at].at, .work = s->f->work};
    if (s->hard->base && fani_curves_units(n, &options, search, FEW_UNITS) == FEW_UNITS &&
        fani_hard_files_name(&s->item->files, s->hard->base, FANI_HARD_CURVES, n, &options.state) !=
            FAN_OK)
        return no_memory(error);
    return fani_curves_over(n, &options, search, s->divisor, error);
}

static fan_status sieve(spreading *s, fan_error *error)
{
    const fani_job_run *run = s->hard->lr->run;
    mpz_srcptr n = s->f->entries[s->at].value;
    fani_sieve_options options = {.executor = run->executor,
                                  .isa = fani_job_isa(run->job),
                                  .repair = fani_job_flag(run->job, FANI_KEY_REPAIR),
                                  .break_lock = fani_job_flag(run->job, FANI_KEY_BREAK_LOCK),
                                  .deadline = s->deadline,
                                  .stop = is_stopped,
                                  .progress = tell_sieve,
                                  .tick = tick,
                                  .user = s};
    if (s->hard->base && fani_hard_files_name(&s->item->files, s->hard->base, FANI_HARD_SIEVE, n,
                                              &options.state) != FAN_OK)
        return no_memory(error);
    fan_status status = tell_estimate(s, options.isa, error);
    return status == FAN_OK ? fani_sieve_over(n, &options, s->divisor, error) : status;
}

/* A divisor of the composite, or nothing more to be done about it: what is known is then s->f. */
static fan_status split(spreading *s, fan_error *error)
{
    fani_curves_search found = {0};
    const fani_job_run *run = s->hard->lr->run;
    const fan_factor_options effort = {.digits =
                                           (unsigned)fani_job_count(run->job, FANI_KEY_EFFORT, 0)};
    fani_effort asked;
    fan_status status = fani_effort_of(&effort, &asked, error);
    if (status == FAN_OK)
        status = search(s, &found, error);
    if (status == FAN_E_EFFORT && fani_split_ends_in_sieve(s->f->entries[s->at].value, &asked)) {
        found.method = FAN_METHOD_SIQS;
        status = sieve(s, error);
    }
    if (status != FAN_OK && status != FAN_E_EFFORT)
        return status;
    s->f->work = found.work;
    if (status == FAN_E_EFFORT) {
        fani_unfinished_give_up(s->f, s->at);
        return FAN_OK;
    }
    status = fani_unfinished_split(s->f, s->at, s->divisor, found.method, found.at);
    return status == FAN_OK ? status
                            : fani_error_set(error, status, "a divisor that was found is none");
}

/* What is known becomes the item's bytes. */
static fan_status write_left(spreading *s, fan_error *error)
{
    fani_left left;
    fan_buffer bytes = {0};
    if (!fani_left_read(s->item->left.bytes, s->item->left.size, &left))
        return malformed(error);
    if (fani_left_write(&left, s->f, &bytes) != FAN_OK) {
        fan_buffer_clear(&bytes);
        return no_memory(error);
    }
    fan_buffer_clear(&s->item->left);
    s->item->left = bytes;
    return FAN_OK;
}

static fan_status read_left(spreading *s, fan_error *error)
{
    fani_left left;
    if (!fani_left_read(s->item->left.bytes, s->item->left.size, &left) ||
        fani_unfinished_read(left.bytes, left.size, s->f) != FAN_OK)
        return malformed(error);
    s->at = fani_unfinished_next(s->f);
    return s->at == SIZE_MAX ? malformed(error) : FAN_OK;
}

/* One composite of the item further, which then has come to its end or has other parts left. */
static fan_status step(spreading *s, fan_error *error)
{
    fan_error why = {0};
    fani_hard *hard = s->hard;
    size_t place = (size_t)(s->item - hard->items);
    int64_t begun = fani_clock_ns();
    fan_status status = read_left(s, error);
    if (status != FAN_OK)
        return status;
    status = s->deadline != FAN_FOREVER && fani_clock_ns() >= s->deadline ? FAN_E_TIMEOUT
                                                                          : split(s, &why);
    s->item->spent_ns += (uint64_t)(fani_clock_ns() - begun);
    if (status == FAN_E_TIMEOUT)
        return run_more(hard, place, 1, FANI_MORE_LAST, error);
    if (status == FAN_E_FAILED || status == FAN_E_LOST) {
        const fan_outcome end = {
            .kind = status == FAN_E_LOST ? FAN_OUTCOME_LOST : FAN_OUTCOME_FAILED, .text = why.text};
        return settle(hard, s->item, &end, error);
    }
    if (status != FAN_OK) {
        if (error)
            *error = why;
        return status;
    }
    status = write_left(s, error);
    return status == FAN_OK ? run_more(hard, place, 1, FANI_MORE_GO_ON, error) : status;
}

static fan_status work_together(fani_hard *hard, waiting *item, fan_error *error)
{
    spreading s = {.hard = hard, .item = item, .deadline = deadline_of(hard, item)};
    if (fan_factorization_create(&s.f) != FAN_OK)
        return no_memory(error);
    mpz_init(s.divisor);
    fan_status status = keep_run(hard, error);
    while (status == FAN_OK && item->index != UINT64_MAX)
        status = step(&s, error);
    if (status == FAN_OK) { /* its outcome is there */
        tell_stage(&s, NULL);
        hard->lr->run->keeps_parts = hard->lr->run->loses_parts = false;
    }
    mpz_clear(s.divisor);
    fan_factorization_destroy(s.f);
    return status;
}

fan_status fani_hard_work(fani_hard *hard, const fan_buffer *args, fan_error *error)
{
    hard->args = args;
    qsort(hard->items, hard->count, sizeof *hard->items, by_index);
    fan_status status = work_one_by_one(hard, error);
    for (size_t i = 0; i < hard->count && status == FAN_OK; i++) {
        status = look(hard->lr, error);
        if (status == FAN_OK)
            status =
                hard->lr->stopping ? FAN_E_CANCELLED : work_together(hard, &hard->items[i], error);
    }
    drop_settled(hard);
    if (status == FAN_E_CANCELLED && fani_halt_reached(hard->lr->run))
        return fani_halt_status(hard->lr->run, error);
    return status;
}
