#include "job/integral_rounds.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/integral_plot.h"
#include "job/kept_file.h"
#include "job/record.h"
#include "job/state.h"

enum { HEAD = sizeof(uint64_t) }; /* of an item: the size of its reply */

/* A round that takes less is not worth a message to anybody. */
#define ROUND_HERE_NS 100000
#define KEEP_EACH_NS INT64_C(1000000000)
#define SHOW_EACH_NS INT64_C(250000000)

typedef struct drive {
    const fani_integral_rounds *o;
    void *state;
    fan_buffer replies, items;
    double item_ns; /* what an item took of those worked on here, on average; 0: not known */
    int64_t begun_ns, kept_ns, shown_ns;
    bool in_round; /* the state is in the middle of one, and not one to be kept */
} drive;

/* ---- The state ------------------------------------------------------------------------------- */

static fani_kept_mark mark_of(const fani_integral_rounds *o)
{
    return (fani_kept_mark){.magic = "FANROUND", .version = 2, .identity = o->identity};
}

static fan_status keep(drive *d, fan_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    fani_kept_mark mark = mark_of(d->o);
    fan_status status = d->o->method->save(d->state, &bytes, &size);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory to keep integral %" PRIu64, d->o->index);
    status = fani_kept_file_save(d->o->path, &mark, bytes, size, d->o->fence, error);
    free(bytes);
    d->kept_ns = fani_clock_ns();
    return status;
}

static fan_status keep_when_due(drive *d, fan_error *error)
{
    if (!d->o->path || fani_clock_ns() - d->kept_ns < KEEP_EACH_NS)
        return FAN_OK;
    return keep(d, error);
}

/* Takes up what an earlier run has kept; false: there is nothing. */
static bool take_up(drive *d)
{
    const fani_integral_rounds *o = d->o;
    fan_buffer bytes = {0};
    fani_kept_mark mark = mark_of(o);
    bool is_there = o->path && o->resumes && fani_kept_file_load(o->path, &mark, &bytes) &&
                    o->method->load(o->integrand, o->domain, o->goal, bytes.bytes, bytes.size,
                                    &d->state) == FAN_OK;
    fan_buffer_clear(&bytes);
    return is_there;
}

static fan_status begin(drive *d, fan_error *error)
{
    const fani_integral_rounds *o = d->o;
    d->begun_ns = d->kept_ns = d->shown_ns = fani_clock_ns();
    fan_status status;
    if (take_up(d)) {
        fani_estimate e = {0};
        d->o->method->result(d->state, &e);
        return fani_plot_keep_until(o->run->plot, (double)e.evaluations, error);
    }
    status = fani_plot_keep(o->run->plot, 0, error);
    return status != FAN_OK ? status
                            : o->method->open(o->integrand, o->domain, o->goal, &d->state, error);
}

/* ---- Progress -------------------------------------------------------------------------------- */

static void show_when_due(drive *d)
{
    const fani_job_run *run = d->o->run;
    fani_estimate e;
    char text[160];
    int64_t now = fani_clock_ns();
    if (!run->events.stage || now - d->shown_ns < SHOW_EACH_NS)
        return;
    d->shown_ns = now;
    d->o->method->result(d->state, &e);
    snprintf(text, sizeof text, "%s: %.10g \302\261 %.2g after %" PRIu64 " evaluations",
             d->o->method->name, e.value[0], e.error[0], e.evaluations);
    run->events.stage(run->events.user, text);
}

static void end_showing(const drive *d)
{
    const fani_job_run *run = d->o->run;
    if (run->events.stage)
        run->events.stage(run->events.user, NULL);
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static fan_status work_here(drive *d, const fani_round *round)
{
    const fani_integral_rounds *o = d->o;
    int64_t begun = fani_clock_ns();
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < round->count; i++)
        status = o->method->work(o->integrand, o->domain, round->bytes + i * round->item_size,
                                 d->replies.bytes + i * round->reply_size);
    d->item_ns = (double)(fani_clock_ns() - begun) / (double)round->count;
    return status;
}

typedef struct sink {
    drive *d;
    size_t reply_size;
} sink;

static fan_status item_failed(const drive *d, const fan_outcome *o, fan_error *error)
{
    fan_status status = o->kind == FAN_OUTCOME_LOST        ? FAN_E_LOST
                        : o->kind == FAN_OUTCOME_TIMED_OUT ? FAN_E_TIMEOUT
                                                           : FAN_E_FAILED;
    return fani_error_set(error, status, "integral %" PRIu64 ", %s: %s", d->o->index,
                          fan_outcome_name(o->kind), o->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    const sink *s = user;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        fani_run_wrote(s->d->o->run, o->captured, "integral %" PRIu64, s->d->o->index);
        if (o->kind != FAN_OUTCOME_OK)
            return item_failed(s->d, o, error);
        if (o->size != s->reply_size)
            return fani_error_set(error, FAN_E_PROTOCOL, "a reply of %zu bytes came back", o->size);
        memcpy(s->d->replies.bytes + o->index * s->reply_size, o->bytes, o->size);
    }
    return FAN_OK;
}

static bool is_stopped(void *user)
{
    fani_job_run *run = user;
    (void)fani_state_idle(run, false, NULL);
    return fani_run_is_stopped(run);
}

/* An empty buffer with room for `count` things. */
static fan_status make_room(fan_buffer *buffer, size_t count, size_t each)
{
    size_t size;
    buffer->size = 0;
    if (__builtin_mul_overflow(count, each, &size) || (size && !fani_bytes_room(buffer, size)))
        return FAN_E_MEMORY;
    return FAN_OK;
}

/* Copies the items, each with the size of its reply in front. */
static fan_status head_items(drive *d, const fani_round *round)
{
    const uint64_t reply_size = round->reply_size;
    fan_status status = make_room(&d->items, round->count, HEAD + round->item_size);
    for (size_t i = 0; status == FAN_OK && i < round->count; i++) {
        status = fani_bytes_add(&d->items, &reply_size, sizeof reply_size);
        if (status == FAN_OK)
            status =
                fani_bytes_add(&d->items, round->bytes + i * round->item_size, round->item_size);
    }
    return status;
}

static fan_status work_anywhere(drive *d, const fani_round *round, fan_error *error)
{
    const fani_integral_rounds *o = d->o;
    const fan_job *job = o->run->job;
    fan_summary *total = &o->run->result->summary, summary = {0};
    sink s = {.d = d, .reply_size = round->reply_size};
    fan_map_options options = {.args = o->bytes->bytes,
                               .args_size = o->bytes->size,
                               .stop = is_stopped,
                               .stop_user = o->run,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    fan_status status = head_items(d, round);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory for integral %" PRIu64, o->index);
    fan_source source = fan_source_array(d->items.bytes, HEAD + round->item_size, round->count);
    status =
        fan_map(o->run->executor, o->task, source, fan_sink_callback(put, &s), &options, &summary);
    total->batches += summary.batches;
    total->run_ns += summary.run_ns;
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}

/* Where items take so little that others would only wait for messages, they are worked on here. How
 * much they take is only known from such rounds: so the first one is. */
static bool is_for_here(const drive *d, const fani_round *round)
{
    return d->o->works_here && d->item_ns * (double)round->count < ROUND_HERE_NS;
}

static fan_status one_round(drive *d, bool *more, fan_error *error)
{
    fani_round round = {0};
    fan_status status = d->o->method->round(d->state, &round);
    *more = status == FAN_OK && round.count > 0;
    if (status == FAN_OK)
        status = make_room(&d->replies, round.count, round.reply_size);
    if (status != FAN_OK)
        return fani_error_set(error, status, "no memory for integral %" PRIu64, d->o->index);
    if (!*more)
        return FAN_OK;
    d->in_round = true;
    if (!is_for_here(d, &round))
        status = work_anywhere(d, &round, error);
    else if ((status = work_here(d, &round)) != FAN_OK)
        fani_error_set(error, status, "the integrand failed");
    if (status == FAN_OK)
        status = d->o->method->take(d->state, d->replies.bytes);
    d->in_round = status != FAN_OK;
    return status == FAN_OK ? fani_plot_round(d->o->run->plot, d->o->method, d->state, error)
                            : status;
}

static bool is_late(const drive *d)
{
    const uint64_t limit = fani_job_ms(d->o->run->job, FANI_KEY_TIMEOUT);
    return limit && fani_clock_ns() - d->begun_ns > (int64_t)limit * 1000000;
}

/* What it has come to, where its time may be over. */
static void conclude(const drive *d, fani_estimate *estimate)
{
    fani_method_result(d->o->method, d->state, d->o->integrand->components, estimate);
    if (estimate->verdict == FANI_VERDICT_OPEN)
        estimate->verdict = FANI_VERDICT_TIME;
}

fan_status fani_integral_rounds_run(const fani_integral_rounds *rounds, fani_estimate *estimate,
                                    fan_error *error)
{
    drive d = {.o = rounds};
    fan_status status = begin(&d, error);
    for (bool more = true; status == FAN_OK && more && !is_late(&d);) {
        if (is_stopped(rounds->run))
            status = fani_error_set(error, FAN_E_CANCELLED, "stopped");
        if (status == FAN_OK)
            status = one_round(&d, &more, error);
        if (status == FAN_OK)
            status = keep_when_due(&d, error);
        if (status == FAN_OK)
            show_when_due(&d);
    }
    end_showing(&d);
    if (status == FAN_OK)
        conclude(&d, estimate);
    else if (status == FAN_E_CANCELLED && d.state && !d.in_round && rounds->path)
        (void)keep(&d, NULL); /* what can't be kept is done again */
    rounds->method->close(d.state);
    fan_buffer_clear(&d.replies);
    fan_buffer_clear(&d.items);
    return status;
}
