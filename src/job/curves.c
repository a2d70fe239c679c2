#include "job/curves.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/curves_unit.h"
#include "job/ranges.h"
#include "kernel/factor/split.h"
#include "kernel/factor/unfinished.h"
#include "stage/journal.h"

enum {
    /* A unit's units of fani_effort.work: 0.1 to 0.5 s on machines of today. */
    UNIT_WORK = 10000000,
    UNITS_AT_ONCE = 64,
    RECORD_UNIT = 1, /* of the state: the index of 8 bytes and the reply */
};

typedef struct fanning {
    mpz_srcptr n;
    const fani_curves_options *o;
    fani_effort effort;
    fani_curves_search end; /* where the next unit begins */
    bool ended;             /* there is none */
    uint64_t next;          /* its number */
    fani_curves_unit units[UNITS_AT_ONCE];
    fani_ranges done;
    uint64_t finished;
    uint64_t best; /* the first one that has found something; UINT64_MAX: none */
    fani_curves_search winner;
    mpz_t divisor;
    fani_journal *journal;
    fan_buffer scratch;
    uint64_t wanted;
    uint64_t before; /* of `finished`: by earlier calls */
    int64_t begun_ns;
    fan_status stopped; /* why the map was ended from here */
    fan_error why;
} fanning;

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

/* ---- Units ----------------------------------------------------------------------------------- */

/* Cuts off the next unit; false: the search has ended. */
static bool cut(fanning *f, fani_curves_unit *unit)
{
    unit->from = unit->to = f->end.at;
    unit->work = f->end.work;
    if (f->ended || !fani_split_cut(f->n, &f->effort, UNIT_WORK, &f->end.at, &f->end.work)) {
        f->ended = true;
        return false;
    }
    unit->to = f->end.at;
    f->next++;
    return true;
}

/* The source: units that are not done, up to the first that has found something. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_bytes;
    (void)error;
    fanning *f = user;
    size_t most = max_items < UNITS_AT_ONCE ? max_items : UNITS_AT_ONCE, count = 0;
    while (count < most && f->next < f->best) {
        bool gap = fani_ranges_has(&f->done, f->next);
        if (gap && count)
            break;
        if (!cut(f, &f->units[count]))
            break;
        count += !gap;
    }
    *items = (fan_items){.bytes = (const unsigned char *)f->units,
                         .size = sizeof f->units[0],
                         .count = count,
                         .first = f->next - count};
    return FAN_OK;
}

/* A unit has ended with this reply. */
static fan_status note(fanning *f, uint64_t index, const unsigned char *bytes, size_t size,
                       fan_error *error)
{
    fani_curves_search found;
    mpz_t divisor;
    mpz_init(divisor);
    bool any = false;
    fan_status status = fani_curves_read(bytes, size, &found, divisor, &any)
                            ? FAN_OK
                            : fani_error_set(error, FAN_E_INPUT,
                                             "the reply of a unit of curves is "
                                             "malformed");
    if (status == FAN_OK && any && index < f->best) {
        f->best = index;
        f->winner = found;
        mpz_swap(f->divisor, divisor);
    }
    mpz_clear(divisor);
    if (status == FAN_OK && !fani_ranges_has(&f->done, index)) {
        f->finished++;
        status = fani_ranges_add(&f->done, index, index + 1) == FAN_OK ? FAN_OK : no_memory(error);
    }
    return status;
}

/* Whether all units before the best have ended: nothing can be better. */
static bool is_decided(const fanning *f)
{
    if (f->best == UINT64_MAX)
        return false;
    const fani_range *first = f->best ? fani_ranges_from(&f->done, 0) : NULL;
    return !f->best || (first && first->first == 0 && first->end >= f->best);
}

static fan_status keep(fanning *f, const fan_outcome *outcome, fan_error *error)
{
    if (!f->journal)
        return FAN_OK;
    f->scratch.size = 0;
    fan_status status =
        fani_curves_record(outcome->index, outcome->bytes, outcome->size, &f->scratch);
    if (status != FAN_OK)
        return no_memory(error);
    return fani_journal_append(f->journal, RECORD_UNIT, f->scratch.bytes, f->scratch.size,
                               FAN_FOREVER, NULL, error);
}

static fan_status refuse(const fan_outcome *outcome, fan_error *error)
{
    static const fan_status statuses[] = {[FAN_OUTCOME_FAILED] = FAN_E_FAILED,
                                          [FAN_OUTCOME_LOST] = FAN_E_LOST,
                                          [FAN_OUTCOME_TIMED_OUT] = FAN_E_TIMEOUT,
                                          [FAN_OUTCOME_CANCELLED] = FAN_E_CANCELLED};
    return fani_error_set(error, statuses[outcome->kind], "curves: %.400s", outcome->text);
}

/* The sink. What is behind the best and has not ended is of no use: ending the map cancels it. */
static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    fanning *f = user;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        if (o->kind != FAN_OUTCOME_OK && o->index > f->best)
            continue;
        fan_status status = o->kind == FAN_OUTCOME_OK ? note(f, o->index, o->bytes, o->size, error)
                                                      : refuse(o, error);
        if (status == FAN_OK)
            status = keep(f, o, error);
        if (status != FAN_OK)
            return status;
    }
    return is_decided(f) ? FAN_E_CANCELLED : FAN_OK;
}

/* ---- While it runs --------------------------------------------------------------------------- */

static void tell(fanning *f)
{
    double seconds = (double)(fani_clock_ns() - f->begun_ns) * 1e-9;
    uint64_t now = f->finished - f->before;
    fani_curves_progress progress = {
        .units = f->finished,
        .wanted = f->wanted,
        .done = now,
        .digits = fani_split_digits(f->n, &f->effort),
        .elapsed_seconds = seconds,
        .eta_seconds = now ? seconds / (double)now * (double)(f->wanted - f->finished) : -1};
    if (f->o->progress)
        f->o->progress(f->o->user, &progress);
}

/* Polled by the map. */
static bool stop(void *user)
{
    fanning *f = user;
    const fani_curves_options *o = f->o;
    if (f->stopped != FAN_OK)
        return true;
    if (o->tick)
        f->stopped = o->tick(o->user, &f->why);
    if (f->stopped == FAN_OK && o->stop && o->stop(o->user))
        f->stopped = fani_error_set(&f->why, FAN_E_CANCELLED, "stopped");
    if (f->stopped == FAN_OK && o->deadline && o->deadline != FAN_FOREVER &&
        fani_clock_ns() >= o->deadline)
        f->stopped = fani_error_set(&f->why, FAN_E_TIMEOUT, "curves: the time is over");
    tell(f);
    return f->stopped != FAN_OK;
}

static fan_status run_map(fanning *f, fan_error *error)
{
    fan_buffer args = {0};
    fan_summary summary = {0};
    fan_source source = fan_source_callback(pull, f, UINT64_MAX);
    source.numbered = true;
    fan_status status = fani_curves_args(f->n, f->o, &args);
    fan_map_options options = {.args = args.bytes,
                               .args_size = args.size,
                               .order = FAN_ORDER_COMPLETED,
                               .batch = 1,
                               .stop = stop,
                               .stop_user = f,
                               .retries = f->o->retries,
                               .backoff_ms = f->o->backoff_ms};
    if (status != FAN_OK) {
        fan_buffer_clear(&args);
        return no_memory(error);
    }
    status = fan_map(f->o->executor, f->o->task ? f->o->task : &fani_task_curves, source,
                     fan_sink_callback(put, f), &options, &summary);
    fan_buffer_clear(&args);
    if (is_decided(f))
        return FAN_OK;
    if (status != FAN_OK && error)
        *error = f->stopped != FAN_OK ? f->why : summary.error;
    return f->stopped != FAN_OK ? f->stopped : status;
}

/* ---- The state ------------------------------------------------------------------------------- */

static fan_status see_record(void *user, const fani_journal_record *record, fan_error *error)
{
    uint64_t index;
    const unsigned char *bytes = record->payload;
    size_t size = record->size;
    if (record->kind != RECORD_UNIT)
        return FAN_OK;
    if (!fani_curves_record_read(&bytes, &size, &index))
        return fani_error_set(error, FAN_E_INPUT, "a record of finished curves is malformed");
    return note(user, index, bytes, size, error);
}

static fan_status open_named(fanning *f, const char *number, fan_error *error)
{
    char version[32], search[160];
    const fani_progress *at = &f->end.at;
    snprintf(version, sizeof version, "%" PRIu32, fani_task_curves.version);
    snprintf(search, sizeof search,
             "factors of %u digits, methods of %s, from round %u, level %u, run %" PRIu32
             ", work %" PRIu64,
             f->effort.digits, fani_isa_name(f->effort.planned), at->round, at->level, at->run,
             f->end.work);
    const fani_journal_fact identity[] = {{"task", fani_task_curves.name},
                                          {"version", version},
                                          {"number", number},
                                          {"search", search}};
    fani_journal_options options = {.identity = identity,
                                    .identity_count = sizeof identity / sizeof identity[0],
                                    .resume = true,
                                    .repair = f->o->repair,
                                    .break_lock = f->o->break_lock,
                                    .visitor = {.record = see_record, .user = f}};
    return fani_journal_open(&options, f->o->state, &f->journal, error);
}

static fan_status open_state(fanning *f, fan_error *error)
{
    if (!f->o->state)
        return FAN_OK;
    char *number = malloc(mpz_sizeinbase(f->n, 10) + 2);
    if (!number)
        return no_memory(error);
    mpz_get_str(number, 10, f->n);
    fan_status status = open_named(f, number, error);
    free(number);
    f->before = f->finished;
    return status;
}

fan_status fani_curves_forget(const char *state, fan_error *error)
{
    if (unlink(state) == 0 || errno == ENOENT)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be removed", state);
    fani_error_place(error, state, 0, 0);
    return FAN_E_OUTPUT;
}

/* ---- All ------------------------------------------------------------------------------------- */

static uint64_t count_units(const fanning *f, uint64_t most)
{
    fani_curves_search end = f->end;
    uint64_t count = 0;
    while (count < most && fani_split_cut(f->n, &f->effort, UNIT_WORK, &end.at, &end.work))
        count++;
    return count;
}

static void begin(fanning *f, mpz_srcptr n, const fani_curves_options *options,
                  const fani_curves_search *search)
{
    *f = (fanning){.n = n,
                   .o = options,
                   .effort = fani_curves_effort(options),
                   .end = *search,
                   .best = UINT64_MAX,
                   .begun_ns = fani_clock_ns()};
}

uint64_t fani_curves_units(mpz_srcptr n, const fani_curves_options *options,
                           const fani_curves_search *search, uint64_t most)
{
    fanning f;
    begin(&f, n, options, search);
    return count_units(&f, most);
}

fan_status fani_curves_over(mpz_srcptr n, const fani_curves_options *options,
                            fani_curves_search *search, mpz_ptr divisor, fan_error *error)
{
    fanning f;
    begin(&f, n, options, search);
    mpz_init(f.divisor);
    f.wanted = count_units(&f, UINT64_MAX);
    fan_status status = open_state(&f, error);
    if (status == FAN_OK && !is_decided(&f) && f.finished < f.wanted)
        status = run_map(&f, error);
    fan_status closed = fani_journal_close(f.journal, FAN_FOREVER, status == FAN_OK ? error : NULL);
    status = status == FAN_OK ? closed : status;
    if (status == FAN_OK && f.best != UINT64_MAX) {
        *search = f.winner;
        mpz_set(divisor, f.divisor);
    } else if (status == FAN_OK) {
        fani_curves_unit unit;
        while (cut(&f, &unit))
            ;
        *search = f.end;
        status = FAN_E_EFFORT;
    }
    mpz_clear(f.divisor);
    fani_ranges_clear(&f.done);
    fan_buffer_clear(&f.scratch);
    return status;
}
