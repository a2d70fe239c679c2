#include "job/integral_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/text.h"
#include "job/integral_rounds.h"
#include "job/state.h"

enum {
    /* Blocks of a leaf of the fold. A power of two: then the tree is the one that fan_integrate
     * uses. */
    LEAF_BLOCKS = 64,
    EMIT_LEAVES = 16,
};

bool fani_integral_stop_asked(void *user)
{
    fani_job_run *run = user;
    (void)fani_state_idle(run, false, NULL);
    return fani_run_is_stopped(run);
}

/* ---- Over a fixed grid ----------------------------------------------------------------------- */

typedef struct integral_run {
    fani_job_run *run;
    uint64_t index;
    uint64_t blocks_before; /* of parts that are done */
    fani_integral_answer *answer;
} integral_run;

static void emit(void *user, uint64_t items, const void *value, size_t size)
{
    integral_run *ir = user;
    (void)value;
    (void)size;
    fani_run_progress(ir->run, ir->blocks_before + items, false);
}

static void wrote(void *user, uint64_t leaf, const fan_captured *text)
{
    const integral_run *ir = user;
    fani_run_wrote(ir->run, text, "integral %" PRIu64 " leaf %" PRIu64, ir->index, leaf);
}

static fan_status fold_part(integral_run *ir, const fan_buffer *bytes,
                            const fani_ready_integral *ready, fan_error *error)
{
    const fan_job *job = ir->run->job;
    uint64_t blocks = fan_integral_plan_blocks(ready->plan);
    const size_t components = fan_integral_plan_components(ready->plan);
    fan_partial totals[FAN_INTEGRAL_COMPONENTS_MAX];
    fan_integral_result result;
    fan_buffer folded = {0};
    memset(totals, 0, sizeof totals);
    fan_fold_plan plan = {.leaf_items = LEAF_BLOCKS,
                          .combine = &fani_task_integrate_add,
                          .args = bytes->bytes,
                          .args_size = bytes->size,
                          .emit_every = EMIT_LEAVES,
                          .emit = emit,
                          .emit_user = ir,
                          .stop = fani_integral_stop_asked,
                          .stop_user = ir->run,
                          .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                          .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                          .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF),
                          .captured = wrote,
                          .captured_user = ir};
    fan_status status = fan_fold(ir->run->executor, &fani_task_integrate_block,
                                 fan_source_range(0, blocks), &plan, &folded, error);
    if (status == FAN_OK && folded.size == components * sizeof *totals)
        memcpy(totals, folded.bytes, folded.size);
    else if (status == FAN_OK && folded.size)
        status = fani_error_set(error, FAN_E_PROTOCOL, "a sum of %zu bytes came back", folded.size);
    fan_buffer_clear(&folded);
    if (status == FAN_OK)
        status = fan_integral_plan_finish(ready->plan, totals, &result, error);
    if (status == FAN_OK && result.not_finite)
        fani_run_report(ir->run, error);
    if (status == FAN_OK) {
        ir->answer->components = components;
        for (size_t c = 0; c < components; c++)
            ir->answer->values[c] += result.values[c];
        ir->answer->evaluations += result.evaluations;
        ir->blocks_before += blocks;
    }
    return status;
}

/* Its parts, one after the other: each is spread over all workers. */
static fan_status integrate_grid(integral_run *ir, const fani_integral_spec *spec, fan_error *error)
{
    fan_buffer bytes = {0};
    fan_status status = FAN_OK;
    for (uint64_t part = 0; status == FAN_OK && part < spec->parts; part++) {
        fani_ready_integral ready = {0};
        status = fani_integral_encode(spec, part, &bytes);
        if (status == FAN_OK)
            status = fani_integral_ready(bytes.bytes, bytes.size, &ready, error);
        if (status == FAN_OK)
            status = fold_part(ir, &bytes, &ready, error);
        fani_integral_ready_clear(&ready);
    }
    fan_buffer_clear(&bytes);
    ir->answer->status = "ok";
    if (spec->rule == FAN_RULE_GAUSS)
        snprintf(ir->answer->method, sizeof ir->answer->method, "gauss-%u",
                 spec->order ? spec->order : 5);
    else
        snprintf(ir->answer->method, sizeof ir->answer->method, "%s", fan_rule_name(spec->rule));
    return status;
}

/* ---- By a method ----------------------------------------------------------------------------- */

/* Where the state of the integral that is worked on is kept; NULL without an error: nowhere. */
static fan_status state_path(const fani_job_run *run, char **path)
{
    *path = NULL;
    if (!run->state)
        return FAN_OK;
    return asprintf(path, "%s.integral", run->output) < 0 ? FAN_E_MEMORY : FAN_OK;
}

void fani_integral_run_done(const fani_job_run *run)
{
    char *path;
    if (state_path(run, &path) == FAN_OK && path)
        (void)unlink(path); /* one that stays belongs to no other integral */
    free(path);
}

/* "nan at x = 0.5, y = 1". */
static void describe_bad(const fani_integral_spec *spec, const fani_bad_values *bad, char *text,
                         size_t size)
{
    char number[FANI_DOUBLE_TEXT_SIZE];
    fani_double_text(bad->first_value, number);
    size_t used = (size_t)snprintf(text, size, "%s at ", number);
    for (size_t d = 0; d < spec->dimension && used < size; d++) {
        fani_double_text(bad->first_point[d], number);
        used += (size_t)snprintf(text + used, size - used, "%s%s = %s", d ? ", " : "",
                                 spec->names[d], number);
    }
}

/* The method that was asked for; of auto the one that it tells first, and why ("cubature: ..."). */
static void set_method(fani_integral_answer *answer, const fani_method *method, const char *chosen)
{
    bool is_auto = strcmp(method->name, "auto") == 0 && *chosen;
    snprintf(answer->method, sizeof answer->method, "%s", is_auto ? chosen : method->name);
    answer->why = fani_chosen_split(answer->method);
}

static void set_answer(const fani_ready_integral *ready, const fani_estimate *e,
                       fani_integral_answer *answer)
{
    answer->components = ready->integrand.components;
    answer->has_errors = true;
    answer->evaluations = e->evaluations;
    answer->status = fani_verdict_name(e->verdict);
    for (size_t c = 0; c < answer->components; c++) {
        answer->values[c] = e->value[c];
        answer->errors[c] = e->error[c];
    }
    set_method(answer, ready->method, e->chosen);
}

/* What is to be said of an estimate besides its value. */
static fan_status judge(fani_job_run *run, const fani_integral_spec *spec, const fani_estimate *e,
                        const fani_integral_answer *answer, fan_error *why, fan_error *error)
{
    char place[320];
    fan_error note = {0};
    describe_bad(spec, &e->bad, place, sizeof place);
    if (e->verdict == FANI_VERDICT_NOT_FINITE)
        return fani_error_set(error, FAN_E_NOT_FINITE,
                              "the integrand is %s; not finite at %" PRIu64 " of %" PRIu64
                              " points",
                              place, e->bad.count, e->evaluations);
    if (e->bad.count) {
        (void)fani_error_set(&note, FAN_OK,
                             "passed over %" PRIu64 " value%s that %s not finite, of %" PRIu64
                             " points; the first is %s",
                             e->bad.count, e->bad.count == 1 ? "" : "s",
                             e->bad.count == 1 ? "is" : "are", e->evaluations, place);
        fani_run_report(run, &note);
    }
    if (e->verdict != FANI_VERDICT_REACHED)
        (void)fani_error_set(
            why, FAN_E_FAILED,
            "the tolerance was not reached: error %.2g after %" PRIu64 " evaluations by %s; %s",
            answer->errors[0], e->evaluations, answer->method, fani_verdict_text(e->verdict));
    return FAN_OK;
}

static fan_status integrate_ready(integral_run *ir, const fani_integral_spec *spec,
                                  const fan_buffer *bytes, const fani_ready_integral *ready,
                                  fan_error *why, fan_error *error)
{
    fani_estimate estimate = {0};
    fani_writer_fence fence = {0};
    char *path;
    if (state_path(ir->run, &path) != FAN_OK)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory");
    fani_integral_rounds rounds = {.run = ir->run,
                                   .method = ready->method,
                                   .integrand = &ready->integrand,
                                   .domain = &ready->domain,
                                   .goal = &ready->goal,
                                   .task = &fani_task_integrate_work,
                                   .bytes = bytes,
                                   .works_here = ready->expression != NULL,
                                   .path = path,
                                   .identity =
                                       XXH3_64bits_withSeed(bytes->bytes, bytes->size, ir->index),
                                   .resumes = fani_job_resumes(ir->run->job),
                                   .index = ir->index};
    if (ir->run->state) {
        fence = fani_state_fence(ir->run->state);
        rounds.fence = &fence;
    }
    fan_status status = fani_integral_rounds_run(&rounds, &estimate, error);
    free(path);
    if (status != FAN_OK)
        return status;
    set_answer(ready, &estimate, ir->answer);
    return judge(ir->run, spec, &estimate, ir->answer, why, error);
}

static fan_status integrate_by_method(integral_run *ir, const fani_integral_spec *spec,
                                      fan_error *why, fan_error *error)
{
    fan_buffer bytes = {0};
    fani_ready_integral ready = {0};
    fan_status status = fani_integral_encode(spec, 0, &bytes);
    if (status != FAN_OK)
        (void)fani_error_set(error, status, "out of memory");
    if (status == FAN_OK)
        status = fani_integral_ready(bytes.bytes, bytes.size, &ready, error);
    if (status == FAN_OK)
        status = integrate_ready(ir, spec, &bytes, &ready, why, error);
    fani_integral_ready_clear(&ready);
    fan_buffer_clear(&bytes);
    return status;
}

fan_status fani_integral_run(fani_job_run *run, const fani_integral_spec *spec, uint64_t index,
                             fani_integral_answer *answer, fan_error *why, fan_error *error)
{
    integral_run ir = {.run = run, .index = index, .answer = answer};
    *answer = (fani_integral_answer){0};
    *why = (fan_error){0};
    return spec->is_grid ? integrate_grid(&ir, spec, error)
                         : integrate_by_method(&ir, spec, why, error);
}
