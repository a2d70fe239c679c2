/* The task "command": runs a command for each item and waits for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/process_internal.h"
#include "job/command_internal.h"
#include "job/command_stage.h"
#include "task/registry.h"

enum {
    LOOK_MS = 25,    /* between two looks at whether the item is still wanted */
    ASKED_MS = 100,  /* one that is not wanted has from SIGTERM to SIGKILL */
    BACKOFF_MS = 10, /* as executors have it */
    BACKOFF_MAX_MS = 30000,
};

typedef struct command_state {
    fani_list_args args;
    fani_command_settings settings;
    fani_command_filler filler;
    fani_command_place place;
    fan_buffer reply;
    fani_command_stage *stage;                             /* NULL: no files are copied */
    fani_command_guard own;                                /* where there is none for all workers */
    char text[sizeof((fan_process_result *)0)->text + 64]; /* what happened */
} command_state;

/* ---- The state -------------------------------------------------------------------------------
 */

static void stop(void *state)
{
    command_state *s = state;
    if (!s)
        return;
    fani_guard_close(s->own.guard);
    fani_command_filler_clear(&s->filler);
    fani_command_place_leave(&s->place);
    fani_command_stage_free(s->stage);
    fan_buffer_clear(&s->reply);
    free(s);
}

/* Reads the words and the separator behind the settings. */
static fan_status read_words(command_state *s, const char *at, size_t size)
{
    const char **words = calloc(s->settings.words + 1, sizeof *words);
    fan_status status = words ? FAN_OK : FAN_E_MEMORY;
    for (uint32_t i = 0; status == FAN_OK && i < s->settings.words; i++) {
        size_t length = strnlen(at, size);
        if (length == size)
            status = FAN_E_PROTOCOL;
        words[i] = at;
        at += length + 1;
        size -= status == FAN_OK ? length + 1 : 0;
    }
    if (status == FAN_OK && (s->settings.stage_size > size ||
                             size - s->settings.stage_size != s->settings.separator_size))
        status = FAN_E_PROTOCOL;
    if (status == FAN_OK) {
        size -= (size_t)s->settings.stage_size;
        status = fani_command_stage_new(at + size, (size_t)s->settings.stage_size, &s->stage);
    }
    if (status == FAN_OK)
        status = fani_command_filler_make(words, s->settings.words, s->settings.flags, at, size,
                                          &s->filler);
    free((void *)words);
    return status;
}

static fan_status start(fan_run *run)
{
    fan_items args = fan_run_args(run);
    size_t size = 0, heads = sizeof(fani_list_args) + sizeof(fani_command_settings);
    const unsigned char *bytes = args.count ? fan_items_at(&args, 0, &size) : NULL;
    if (!bytes || size < heads)
        return FAN_E_PROTOCOL;
    command_state *s = calloc(1, sizeof *s);
    if (!s)
        return FAN_E_MEMORY;
    memcpy(&s->args, bytes, sizeof s->args);
    memcpy(&s->settings, bytes + sizeof s->args, sizeof s->settings);
    fan_status status = read_words(s, (const char *)bytes + heads, size - heads);
    s->own.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    if (status == FAN_OK)
        fan_run_set_state(run, s);
    else
        stop(s);
    return status;
}

/* ---- One item --------------------------------------------------------------------------------
 */

/* The guard, started where there is none yet. A program that did not call fan_start would run as a
 * whole in its place. */
static fani_guard *guard_of(command_state *s)
{
    fani_command_guard *g = s->settings.guard ? s->settings.guard : &s->own;
    const char *name = fani_registry_program();
    pthread_mutex_lock(&g->lock);
    if (!g->tried && fani_registry_started())
        g->guard = fani_guard_open(name ? name : "fanfold");
    g->tried = true;
    fani_guard *guard = g->guard;
    pthread_mutex_unlock(&g->lock);
    return guard;
}

static fan_status wait_a_look(fan_process *child)
{
    fani_process_skip_gap(child);
    return fan_process_wait(child, fan_deadline_in_ms(LOOK_MS));
}

/* Waits for a child that takes its time; one that nobody waits for any more is ended. */
static fan_status watch(fan_run *run, fan_process *child)
{
    fan_status status;
    while ((status = wait_a_look(child)) == FAN_E_TIMEOUT)
        if (fan_run_cancelled(run)) {
            fan_process_terminate(child);
            if (fan_process_wait(child, fan_deadline_in_ms(ASKED_MS)) == FAN_E_TIMEOUT)
                fan_process_kill(child);
            status = fan_process_wait(child, FAN_FOREVER);
            return status == FAN_OK ? FAN_E_CANCELLED : status;
        }
    return status;
}

/* Waits for a child. Most have ended before a guard could have been started. */
static fan_status wait_for(command_state *s, fan_run *run, fan_process *child)
{
    fan_status status = wait_a_look(child);
    if (status != FAN_E_TIMEOUT)
        return status;
    fani_guard *guard = guard_of(s);
    unsigned noted = fani_guard_note(guard, (pid_t)fan_process_id(child));
    status = watch(run, child);
    fani_guard_forget(guard, noted);
    return status;
}

static fan_outcome_kind outcome_of(const fan_process_result *r)
{
    if (r->end == FAN_PROCESS_TIMED_OUT)
        return FAN_OUTCOME_TIMED_OUT;
    return r->end == FAN_PROCESS_EXITED && r->exit_code == 0 ? FAN_OUTCOME_OK : FAN_OUTCOME_FAILED;
}

/* Waits before another attempt; false: nobody waits for it any more. */
static bool pause_before(fan_run *run, const fani_command_settings *settings, uint32_t attempt)
{
    uint64_t ms = settings->backoff_ms ? settings->backoff_ms : BACKOFF_MS;
    ms = attempt < 20 ? ms << attempt : BACKOFF_MAX_MS;
    fan_deadline end = fan_deadline_in_ms(ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
    int64_t left;
    while ((left = end - fani_clock_ns()) > 0) {
        int64_t most = (int64_t)LOOK_MS * 1000000;
        struct timespec step = {.tv_nsec = left < most ? left : most};
        if (fan_run_cancelled(run))
            return false;
        nanosleep(&step, NULL);
    }
    return true;
}

static bool is_unwanted(void *run)
{
    return fan_run_cancelled(run);
}

/* Runs the command once, and publishes the files of one that has ended well. */
static fan_status attempt_one(command_state *s, fan_run *run, fan_process_options *options,
                              uint64_t number, fan_process **child, fan_error *error)
{
    fan_status status = fani_command_stage_begin(s->stage, &options->environment, error);
    if (status == FAN_OK)
        status = fan_process_start(options, child, error);
    if (status == FAN_OK)
        status = wait_for(s, run, *child);
    if (status == FAN_OK && outcome_of(fan_process_get_result(*child)) == FAN_OUTCOME_OK)
        status = fani_command_stage_publish(s->stage, number, is_unwanted, run, error);
    fani_command_stage_end(s->stage);
    return status;
}

/* Runs the command, again where it fails and may be; the last child is the caller's to free. */
static fan_status attempt_all(command_state *s, fan_run *run, fan_process_options *options,
                              uint64_t number, fan_process **child, fan_error *error)
{
    for (uint32_t attempt = 0;; attempt++) {
        fan_status status = attempt_one(s, run, options, number, child, error);
        if (status != FAN_OK || outcome_of(fan_process_get_result(*child)) == FAN_OUTCOME_OK ||
            attempt == s->settings.retries)
            return status;
        if (!pause_before(run, &s->settings, attempt))
            return FAN_E_CANCELLED;
        fan_process_free(*child);
        *child = NULL;
    }
}

/* What was written for a shell is no command: says so. */
static void hint(command_state *s, const fani_command_done *done)
{
    const fan_process_result *r = done->result;
    bool is_line = s->settings.words == 1 && strchr(done->arguments[0], ' ');
    snprintf(s->text, sizeof s->text, "%s%s", r->text,
             r->exit_code == FAN_PROCESS_NOT_FOUND && r->end == FAN_PROCESS_NOT_STARTED && is_line
                 ? " (a line for a shell needs --shell)"
                 : "");
}

static fan_status answer(command_state *s, fan_run *run, size_t i, fani_command_done *done)
{
    done->outcome = outcome_of(done->result);
    done->text = s->text;
    hint(s, done);
    s->reply.size = 0;
    fan_status status =
        fani_command_answer(&s->reply, done, (fani_format)s->args.format, s->settings.flags);
    return status == FAN_OK ? fan_run_reply(run, i, s->reply.bytes, s->reply.size) : status;
}

/* Runs the command that the template gives for an item. */
static fan_status run_filled(command_state *s, fan_run *run, size_t i, fani_command_done *done)
{
    const fani_command_settings *settings = &s->settings;
    fan_process *child = NULL;
    fan_error error = {0};
    fan_process_options options = {.arguments = done->arguments,
                                   .limit = (size_t)settings->limit,
                                   .timeout_ms = settings->timeout_ms,
                                   .keep_mpi_environment =
                                       (settings->flags & FANI_COMMAND_KEEP_MPI) != 0};
    fan_buffer input = {0};
    fan_status status = FAN_OK;
    if (settings->flags & FANI_COMMAND_STDIN) {
        status = fani_bytes_add(&input, done->item.at, done->item.size);
        if (status == FAN_OK)
            status = fani_bytes_add(&input, "\n", 1);
        options.input = input.bytes;
        options.input_size = done->sent = input.size;
    }
    if (status == FAN_OK)
        status = attempt_all(s, run, &options, done->index + 1, &child, &error);
    if (status == FAN_OK) {
        done->result = fan_process_get_result(child);
        status = answer(s, run, i, done);
    } else if (status != FAN_E_CANCELLED && status != FAN_E_MEMORY) {
        status = fan_run_fail(run, i, "%s",
                              error.status != FAN_OK ? error.text : fan_status_text(status));
    }
    fan_process_free(child);
    fan_buffer_clear(&input);
    return status;
}

static fan_status one(command_state *s, fan_run *run, size_t i, uint64_t index, const char *item,
                      size_t size)
{
    const char *nul = memchr(item, 0, size);
    if (nul && !(s->settings.flags & FANI_COMMAND_SOURCES))
        return fani_record_bad(
            run, i, (size_t)(nul - item),
            "a NUL byte, which no argument can have (--null: items end with it)");
    fani_item_values values = {.number = index + 1};
    fani_command_done done = {.index = index};
    fan_status status = fani_command_filler_cut(&s->filler, item, size, &values, &done.item);
    if (status != FAN_OK)
        return status;
    if (s->settings.run && !s->place.number && !fani_command_place_take(s->settings.run, &s->place))
        return fan_run_fail(run, i, "no place for {%%}: %s", strerrordesc_np(errno));
    values.place = s->place.number;
    done.arguments = fani_template_fill(s->filler.template, &values);
    return done.arguments ? run_filled(s, run, i, &done) : FAN_E_MEMORY;
}

static fan_status run_items(fan_run *run, fan_items in)
{
    command_state *s = fan_run_state(run);
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *item = fan_items_at(&in, i, &size);
        uint64_t index = s->args.first + (in.first + i) * s->args.step;
        if (fan_run_cancelled(run))
            return FAN_E_CANCELLED;
        fan_status status = one(s, run, i, index, (const char *)item, size);
        if (status != FAN_OK && status != FAN_E_TOO_LARGE)
            return status;
    }
    return FAN_OK;
}

const fan_task fani_task_command = {
    .name = "command", .version = 1, .run = run_items, .start = start, .stop = stop};
