#include "progress.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Erases the line and puts the cursor at its start. */
static const char erase[] = "\r\033[K";

static struct {
    const char *name;
    progress_mode mode;
    bool in_place;
    double started;
    double shown;
    uint64_t done;
    uint64_t total;
    char stage[160];
    atomic_bool line_is_there; /* also read by the signal handler */
} state = {.mode = PROGRESS_NEVER};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Whether standard error can erase a line. */
static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

void progress_start(const char *name, progress_mode mode, bool results_on_terminal)
{
    state.name = name;
    state.mode = mode;
    state.in_place = is_terminal() && (mode == PROGRESS_ALWAYS || !results_on_terminal);
    state.started = state.shown = now();
    state.done = 0;
    state.total = UINT64_MAX;
    state.stage[0] = '\0';
}

/* "0:07", "12:34", "3:02:01" */
static void format_seconds(double seconds, char *text, size_t size)
{
    uint64_t s = seconds < 3.6e9 ? (uint64_t)(seconds + 0.5) : UINT64_C(3600000000);
    if (s < 3600)
        snprintf(text, size, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
    else
        snprintf(text, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
}

/* "7.3/s", "312/s", "26.5k/s", "1.2M/s" */
static void format_rate(double rate, char *text, size_t size)
{
    const char *unit = "";
    if (rate >= 1e6) {
        rate /= 1e6;
        unit = "M";
    } else if (rate >= 1e4) {
        rate /= 1e3;
        unit = "k";
    }
    snprintf(text, size, "%.*f%s/s", rate < 100 ? 1 : 0, rate, unit);
}

static void format_items(char *text, size_t size)
{
    double elapsed = now() - state.started;
    double rate = elapsed > 0 ? (double)state.done / elapsed : 0;
    char took[32], left[32], speed[32];
    format_seconds(elapsed, took, sizeof took);
    format_rate(rate, speed, sizeof speed);
    if (state.done == 0) {
        snprintf(text, size, "%s: %s", state.name, took);
        return;
    }
    if (state.total == UINT64_MAX || state.total == 0) {
        snprintf(text, size, "%s: %" PRIu64 " items, %s, %s", state.name, state.done, speed, took);
        return;
    }
    double share = (double)state.done / (double)state.total;
    if (state.done < state.total) {
        format_seconds((double)(state.total - state.done) / rate, left, sizeof left);
        snprintf(text, size, "%s: %" PRIu64 " of %" PRIu64 " items (%.0f%%), %s, %s, ETA %s",
                 state.name, state.done, state.total, 100 * share, speed, took, left);
    } else {
        snprintf(text, size, "%s: %" PRIu64 " of %" PRIu64 " items (%.0f%%), %s, %s", state.name,
                 state.done, state.total, 100 * share, speed, took);
    }
}

static void format_line(char *text, size_t size)
{
    format_items(text, size);
    size_t used = strlen(text);
    if (state.stage[0])
        snprintf(text + used, size - used, "; %s", state.stage);
}

void progress_stage(const char *text)
{
    snprintf(state.stage, sizeof state.stage, "%s", text ? text : "");
}

void progress_show(uint64_t done, uint64_t total)
{
    state.done = done;
    state.total = total;
    if (state.mode == PROGRESS_NEVER)
        return;
    double t = now();
    double every = state.in_place ? 0.2 : 60;
    if (t - state.shown < every)
        return;
    state.shown = t;
    char line[256];
    format_line(line, sizeof line);
    if (state.in_place) {
        atomic_store(&state.line_is_there, true);
        fprintf(stderr, "%s%s", erase, line);
        fflush(stderr);
    } else {
        fprintf(stderr, "%s\n", line);
    }
}

void progress_clear(void)
{
    if (!atomic_exchange(&state.line_is_there, false))
        return;
    fputs(erase, stderr);
    fflush(stderr);
}

void progress_end(void)
{
    progress_clear();
    if (state.mode == PROGRESS_ALWAYS) {
        char line[256];
        format_line(line, sizeof line);
        fprintf(stderr, "%s\n", line);
    }
    state.mode = PROGRESS_NEVER;
}

void progress_clear_in_handler(void)
{
    if (atomic_load(&state.line_is_there)) {
        ssize_t ignored = write(STDERR_FILENO, erase, strlen(erase));
        (void)ignored;
    }
}
