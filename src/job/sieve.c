/* One large number over an executor. Units come back in any order, are checked, go to the state,
 * and then into the set by their index: what is in the set whenever it is asked whether it is
 * enough depends on the number alone, and so does the divisor. */
#include "job/sieve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "fanfold/machine.h"
#include "job/kept_file.h"
#include "job/sieve_state.h"
#include "job/sieve_task.h"
#include "job/sieve_team.h"
#include "job/sieve_window.h"
#include "kernel/qs/algebra.h"
#include "kernel/qs/unit.h"

enum {
    LOOK_MS = 50,
    NS_PER_MS = 1000000,
    TELL_NS = 250 * NS_PER_MS,
    HELD_BYTES_MAX = 64 << 20, /* of units before their turn: no more is handed out */
    AHEAD_NS = 50 * NS_PER_MS, /* of work for each worker that is handed out in advance, */
    AHEAD_UNITS = 4,           /* or so many units: one that is lost runs again behind them */
    TEAM_COLUMNS_MIN = 5000,   /* below them the algebra takes no time */
    NS_PER_S = 1000000000,
};

typedef struct sieve {
    const fani_sieve_options *options;
    fan_error *error;
    fani_qs *qs;
    fani_qs_coder *coder;
    fani_qs_set *set;
    fani_sieve_state *state;
    fani_sieve_window window;
    uint64_t units, each; /* in all, and of a leading coefficient */
    uint64_t cursor;      /* none below it is to be handed out */
    uint64_t out;         /* units handed out that have not come back */
    uint64_t ahead;       /* units that each worker may have */
    uint64_t out_max;     /* all of them */
    bool enough;          /* the set is */
    uint64_t full;        /* relations in it without a large prime */
    size_t found_before;  /* relations in the set when collecting began */
    fani_sieve_stage stage;
    int64_t began, looked, told;
    int64_t collecting; /* since when; 0: the state is being read */
    fan_status ended;   /* what a look has found while solving */
    char *algebra;      /* where the linear algebra is kept; NULL: nowhere */
    int64_t kept;       /* when that was done last, or solving began */
} sieve;

static fan_status out_of(const sieve *s, fan_status status)
{
    return fani_error_set(s->error, status, "%s", fan_status_text(status));
}

/* ---- Looks ----------------------------------------------------------------------------------- */

/* Relations a second since collecting began; 0: not known. */
static double rate_of(const sieve *s, int64_t now)
{
    double seconds = (double)(now - s->collecting) / NS_PER_S;
    double found = (double)fani_qs_set_count(s->set) - (double)s->found_before;
    return s->collecting && seconds > 0 ? found / seconds : 0;
}

/* Seconds until there are enough: full relations come with time, cycles with its square. */
static double eta(const sieve *s, double rate, double wanted)
{
    double full = (double)s->full, pairs = (double)fani_qs_set_cycles(s->set) - full;
    double low = 1, high = 1e9;
    if (rate <= 0 || s->stage == FANI_SIEVE_SOLVE)
        return -1;
    while (high - low > 1e-4 * low) {
        double times = (low + high) / 2;
        if (full * times + pairs * times * times < wanted)
            low = times;
        else
            high = times;
    }
    return (low - 1) * (double)fani_qs_set_count(s->set) / rate;
}

static void tell(sieve *s, int64_t now)
{
    double rate = rate_of(s, now);
    size_t wanted = fani_qs_set_wanted(s->set);
    s->told = now;
    s->options->progress(s->options->user,
                         &(fani_sieve_progress){
                             .stage = s->stage,
                             .cycles = fani_qs_set_cycles(s->set),
                             .wanted = wanted,
                             .relations = fani_qs_set_count(s->set),
                             .units = s->window.next + s->window.count,
                             .rate = rate,
                             .elapsed_seconds = (double)(now - s->began) / NS_PER_S,
                             .eta_seconds = eta(s, rate, (double)wanted),
                         });
}

/* Follows the number of workers, which may change. */
static void limit_out(sieve *s)
{
    fan_executor_stats stats = {.workers = 1};
    (void)fan_executor_get_stats(s->options->executor, &stats);
    s->out_max = s->ahead * (stats.workers ? stats.workers : 1);
}

/* Asks the caller, where that was not just done, whether to go on. */
static fan_status look(sieve *s)
{
    const fani_sieve_options *o = s->options;
    int64_t now = fani_clock_ns();
    if (now - s->looked < (int64_t)LOOK_MS * NS_PER_MS)
        return FAN_OK;
    s->looked = now;
    limit_out(s);
    if (o->progress && now - s->told >= TELL_NS)
        tell(s, now);
    fan_status status = o->tick ? o->tick(o->user, s->error) : FAN_OK;
    if (status != FAN_OK)
        return status;
    if (o->stop && o->stop(o->user))
        return fani_error_set(s->error, FAN_E_CANCELLED, "stopped on request");
    if (o->deadline && now >= o->deadline)
        return fani_error_set(s->error, FAN_E_TIMEOUT, "the deadline has passed");
    return FAN_OK;
}

/* ---- Units ----------------------------------------------------------------------------------- */

typedef fan_status read_relation(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes,
                                 size_t size, uint32_t *factors, fani_qs_relation *r, size_t *used);

/* Gives each relation of a unit to `take`. FAN_E_PROTOCOL: these are not relations of this unit. */
static fan_status walk_unit(sieve *s, uint64_t index, const unsigned char *bytes, size_t size,
                            read_relation *read,
                            fan_status (*take)(sieve *s, const fani_qs_relation *r))
{
    fani_qs_unit unit = fani_qs_unit_at(s->qs, index);
    uint32_t factors[FANI_QS_FACTORS_MAX];
    while (size > 0) {
        fani_qs_relation r;
        size_t used;
        fan_status status = read(s->coder, unit.a, bytes, size, factors, &r, &used);
        if (status == FAN_OK && (r.b < unit.from || r.b >= unit.to))
            status = FAN_E_PROTOCOL;
        if (status == FAN_OK && take)
            status = take(s, &r);
        if (status != FAN_OK)
            return status;
        bytes += used;
        size -= used;
    }
    return FAN_OK;
}

static fan_status add(sieve *s, const fani_qs_relation *r)
{
    bool added;
    fan_status status = fani_qs_set_add(s->set, r, &added);
    s->full += status == FAN_OK && added && r->large[1] == 1;
    return status;
}

/* Takes in what is next, as long as it is there and more is needed. Where it is asked whether that
 * is so is given by the index. */
static fan_status take_in(sieve *s)
{
    unsigned char *bytes;
    size_t size;
    fan_status status = FAN_OK;
    while (status == FAN_OK && !s->enough && fani_sieve_window_take(&s->window, &bytes, &size)) {
        status = walk_unit(s, s->window.next - 1, bytes, size, fani_qs_coder_parse, add);
        free(bytes);
        if (status == FAN_OK && s->window.next % s->each == 0)
            status = fani_qs_set_enough(s->set, &s->enough);
    }
    return status == FAN_OK ? FAN_OK : out_of(s, status);
}

/* A unit that was proven. */
static fan_status hold(sieve *s, uint64_t unit, const unsigned char *bytes, size_t size)
{
    fan_status status = fani_sieve_window_put(&s->window, unit, bytes, size);
    return status == FAN_OK ? take_in(s) : out_of(s, status);
}

/* ---- From the state -------------------------------------------------------------------------- */

static fan_status from_state(void *user, uint64_t unit, const unsigned char *bytes, size_t size,
                             fan_error *error)
{
    sieve *s = user;
    fan_error *outer = s->error;
    if (unit >= s->units ||
        (unit > s->window.next && unit - s->window.next >= FANI_SIEVE_WINDOW_UNITS))
        return FAN_E_PROTOCOL;
    s->error = error;
    fan_status status = walk_unit(s, unit, bytes, size, fani_qs_coder_read, NULL);
    if (status == FAN_OK && !fani_sieve_window_has(&s->window, unit))
        status = hold(s, unit, bytes, size);
    if (status == FAN_OK)
        status = look(s);
    s->error = outer;
    return status;
}

static fan_status open_state(sieve *s)
{
    const fani_sieve_state_options options = {.path = s->options->state,
                                              .repair = s->options->repair,
                                              .break_lock = s->options->break_lock,
                                              .unit = from_state,
                                              .user = s};
    return options.path ? fani_sieve_state_open(s->qs, &options, &s->state, s->error) : FAN_OK;
}

/* ---- From workers ---------------------------------------------------------------------------- */

/* Units are used in their order, so those far ahead of one that is late are of no use yet. Some
 * places are left free, so that several units can travel as one message. */
static bool is_full(const sieve *s)
{
    return s->out > 0 &&
           (s->out >= s->out_max - s->out_max / 4 || s->window.bytes > HELD_BYTES_MAX ||
            s->cursor - s->window.next >= FANI_SIEVE_WINDOW_UNITS / 2);
}

/* The next units that are not there. */
static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    sieve *s = user;
    uint64_t count = 0;
    (void)max_bytes, (void)error;
    while (s->cursor < s->units && fani_sieve_window_has(&s->window, s->cursor))
        s->cursor++;
    if (is_full(s))
        return FAN_E_BUSY;
    while (count < max_items && s->out + count < s->out_max && s->cursor + count < s->units &&
           !fani_sieve_window_has(&s->window, s->cursor + count))
        count++;
    *items = (fan_items){.count = count, .first = s->cursor};
    s->cursor += count;
    s->out += count;
    return FAN_OK;
}

/* Appends it to the state, however slow the disk. */
static fan_status save(sieve *s, const fan_outcome *o)
{
    fan_status status = s->state ? FAN_E_TIMEOUT : FAN_OK;
    while (status == FAN_E_TIMEOUT) {
        status = fani_sieve_state_add(s->state, o->index, o->bytes, o->size,
                                      fan_deadline_in_ms(LOOK_MS), s->error);
        fan_status looked = status == FAN_E_TIMEOUT ? look(s) : FAN_OK;
        if (looked != FAN_OK)
            return looked;
    }
    return status;
}

static fan_status refuse(const sieve *s, const fan_outcome *o)
{
    static const fan_status statuses[] = {[FAN_OUTCOME_FAILED] = FAN_E_FAILED,
                                          [FAN_OUTCOME_LOST] = FAN_E_LOST,
                                          [FAN_OUTCOME_TIMED_OUT] = FAN_E_TIMEOUT,
                                          [FAN_OUTCOME_CANCELLED] = FAN_E_CANCELLED};
    return fani_error_set(s->error, statuses[o->kind], "unit %llu of the sieve: %.300s",
                          (unsigned long long)o->index, o->text);
}

static fan_status arrive(sieve *s, const fan_outcome *o)
{
    s->out--;
    if (o->kind != FAN_OUTCOME_OK)
        return refuse(s, o);
    fan_status status = walk_unit(s, o->index, o->bytes, o->size, fani_qs_coder_read, NULL);
    if (status != FAN_OK)
        return fani_error_set(s->error, FAN_E_FAILED,
                              "unit %llu of the sieve: a worker's relations are not true",
                              (unsigned long long)o->index);
    status = save(s, o);
    return status == FAN_OK ? hold(s, o->index, o->bytes, o->size) : status;
}

static fan_status begin_map(sieve *s, fan_mapping **map)
{
    uint8_t args[FANI_SIEVE_ARGS_BYTES_MAX];
    fan_source source = fan_source_callback(pull, s, UINT64_MAX);
    source.numbered = true;
    s->cursor = s->window.next;
    s->out = 0;
    limit_out(s);
    const fan_map_options options = {.args = args,
                                     .args_size = fani_sieve_args(s->qs, s->options->isa, args),
                                     .order = FAN_ORDER_COMPLETED};
    return fan_map_begin(s->options->executor, &fani_task_sieve, source, &options, map, s->error);
}

/* Until the relations are enough, or there are no more. */
static fan_status collect(sieve *s)
{
    fan_mapping *map = NULL;
    fan_status status = take_in(s);
    s->stage = FANI_SIEVE_COLLECT;
    if (status == FAN_OK && !s->enough)
        status = begin_map(s, &map);
    while (status == FAN_OK && !s->enough) {
        fan_outcome outcome;
        status = fan_map_next(map, fan_deadline_in_ms(LOOK_MS), &outcome, s->error);
        if (status == FAN_OK)
            status = arrive(s, &outcome);
        else if (status == FAN_E_CLOSED)
            status = FAN_E_EFFORT;
        else if (status == FAN_E_TIMEOUT)
            status = FAN_OK;
        if (status == FAN_OK)
            status = look(s);
    }
    fan_map_end(map, NULL, 0); /* ends what is beyond */
    return status;
}

/* ---- The divisor ----------------------------------------------------------------------------- */

static bool is_to_end(void *context)
{
    sieve *s = context;
    if (s->ended == FAN_OK)
        s->ended = look(s);
    return s->ended != FAN_OK;
}

static bool is_to_keep(void *context)
{
    const sieve *s = context;
    int64_t each = s->options->algebra_ns ? (int64_t)s->options->algebra_ns : NS_PER_S;
    return s->ended != FAN_OK || fani_clock_ns() - s->kept >= each;
}

static fani_kept_mark mark_of(const sieve *s)
{
    return (fani_kept_mark){.magic = "FANALGE",
                            .version = FANI_QS_VERSION,
                            .identity = fani_key_of(fani_qs_number(s->qs))};
}

/* An error ends the solving, unless that is to end already. */
static fan_status keep(void *context, const void *bytes, size_t size)
{
    sieve *s = context;
    const fani_kept_mark mark = mark_of(s);
    fan_error why = {0};
    fan_status status = fani_kept_file_save(s->algebra, &mark, bytes, size, NULL, &why);
    s->kept = fani_clock_ns();
    if (status == FAN_OK || s->ended != FAN_OK)
        return FAN_OK;
    *s->error = why;
    s->ended = status;
    return FAN_E_CANCELLED;
}

static bool take_up(void *context, void *bytes, size_t size)
{
    const sieve *s = context;
    const fani_kept_mark mark = mark_of(s);
    fan_buffer kept = {0};
    bool loaded = fani_kept_file_load(s->algebra, &mark, &kept) && kept.size == size;
    if (loaded)
        memcpy(bytes, kept.bytes, size);
    fan_buffer_clear(&kept);
    return loaded;
}

static unsigned threads_for(const sieve *s)
{
    fan_machine_info machine;
    if (fani_qs_columns(s->qs) < TEAM_COLUMNS_MIN)
        return 1;
    if (s->options->threads)
        return s->options->threads;
    fan_machine(&machine);
    return machine.cores_usable;
}

static fan_status solve(sieve *s, mpz_ptr divisor)
{
    const fani_effort effort = {.cancelled = is_to_end, .context = s};
    const fani_qs_keeper keeper = {.due = is_to_keep, .save = keep, .load = take_up, .context = s};
    s->stage = FANI_SIEVE_SOLVE;
    if (s->options->progress)
        tell(s, fani_clock_ns());
    fani_sieve_team *team = fani_sieve_team_open(threads_for(s));
    s->kept = fani_clock_ns();
    fan_status status = fani_qs_solve(s->qs, s->set, fani_sieve_team_lent(team),
                                      s->algebra ? &keeper : NULL, &effort, divisor);
    fani_sieve_team_close(team);
    if (status == FAN_E_CANCELLED && s->ended != FAN_OK)
        return s->ended;
    s->enough = false;
    return status == FAN_OK || status == FAN_E_EFFORT ? status : out_of(s, status);
}

/* *name, malloc'd: where the linear algebra of this state is kept. */
static fan_status name_beside(const char *state, char **name)
{
    if (asprintf(name, "%s.algebra", state) >= 0)
        return FAN_OK;
    *name = NULL;
    return FAN_E_MEMORY;
}

static fan_status make(sieve *s, mpz_srcptr n)
{
    fan_status status = fani_qs_make(n, NULL, &s->qs);
    if (status == FAN_E_ARGUMENT)
        return fani_error_set(s->error, status,
                              "only odd numbers of %d to %d bits can be sieved, not one of %zu",
                              FANI_QS_BITS_MIN, FANI_QS_BITS_MAX, mpz_sizeinbase(n, 2));
    if (status == FAN_OK)
        status = fani_qs_coder_make(s->qs, &s->coder);
    if (status == FAN_OK)
        status = fani_qs_set_new(fani_qs_columns(s->qs), &s->set);
    if (status == FAN_OK && s->options->state)
        status = name_beside(s->options->state, &s->algebra);
    if (status != FAN_OK)
        return out_of(s, status);
    s->units = fani_qs_unit_count(s->qs);
    s->each = fani_qs_units_of_each(s->qs);
    s->ahead = AHEAD_UNITS + AHEAD_NS / fani_qs_unit_ns(s->qs);
    return open_state(s);
}

/* Where what is enough does not give a divisor, more is. */
static fan_status search(sieve *s, mpz_ptr divisor)
{
    s->found_before = fani_qs_set_count(s->set);
    s->collecting = fani_clock_ns();
    for (;;) {
        fan_status status = collect(s);
        if (status == FAN_OK)
            status = solve(s, divisor);
        if (status != FAN_E_EFFORT || s->window.next == s->units)
            return status;
    }
}

/* Who was stopped relies on the state; who has a divisor, or another error, does not. */
static fan_status close_state(sieve *s, fan_status status)
{
    fan_error why = {0};
    fan_status closed = fani_sieve_state_close(s->state, &why);
    if (closed == FAN_OK || (status != FAN_E_CANCELLED && status != FAN_E_TIMEOUT))
        return status;
    *s->error = why;
    return closed;
}

static void clear(sieve *s)
{
    fani_sieve_window_clear(&s->window);
    fani_qs_set_free(s->set);
    fani_qs_coder_free(s->coder);
    fani_qs_free(s->qs);
    free(s->algebra);
}

fan_status fani_sieve_over(mpz_srcptr n, const fani_sieve_options *options, mpz_ptr divisor,
                           fan_error *error)
{
    fan_error why = {0};
    sieve s = {.options = options, .error = &why, .began = fani_clock_ns()};
    s.told = s.began;
    fan_status status = make(&s, n);
    if (status == FAN_OK)
        status = search(&s, divisor);
    if (status == FAN_E_EFFORT)
        out_of(&s, status);
    status = close_state(&s, status);
    clear(&s);
    if (status != FAN_OK && error)
        *error = why;
    return status;
}

static fan_status take_away(const char *path, fan_error *error)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return FAN_OK;
    int code = errno;
    fani_error_errno(error, FAN_E_OUTPUT, code, "can't remove the state");
    fani_error_place(error, path, 0, 0);
    return FAN_E_OUTPUT;
}

/* The state last: what stands beside it is found by its name. */
fan_status fani_sieve_forget(const char *state, fan_error *error)
{
    char *algebra;
    if (name_beside(state, &algebra) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fan_status status = take_away(algebra, error);
    free(algebra);
    return status == FAN_OK ? take_away(state, error) : status;
}
