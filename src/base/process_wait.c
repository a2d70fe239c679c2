/* Waiting for child processes: one loop that reads what they write, ends those that have no time
 * left, and sees their ends, so that each of these goes on while another does not. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "process_internal.h"
#include "reap.h"

enum { STOP_MS = 50, STUCK_MS = 5000, LOOK_MS = 100, FIRST_ROOM = 4096, FEW = 4, EACH = 3 };

static int64_t timeout_at(const fan_process *p)
{
    return p->options.timeout_ms
               ? p->begun + p->paused_ns + (int64_t)p->options.timeout_ms * FANI_MS
               : INT64_MAX;
}

/* When the next step is due in any case. */
static int64_t due(const fan_process *p)
{
    if (p->gone && (p->why == FAN_PROCESS_EXITED || p->killed))
        return p->drop_at;
    if (p->killed)
        return p->kill_at + (int64_t)STUCK_MS * FANI_MS;
    if (p->why != FAN_PROCESS_EXITED)
        return p->kill_at;
    return p->options.stop && p->asked < timeout_at(p) ? p->asked : timeout_at(p);
}

static bool is_kept(const fan_process *p, int stream)
{
    return p->fds[stream] >= 0 && p->options.streams[stream].kind == FAN_PROCESS_STANDARD;
}

/* ---- Reading ---------------------------------------------------------------------------------
 */

/* What is kept of a stream. */
static unsigned char **kept_bytes(fan_process *p, int stream, size_t **size)
{
    bool output = stream == FAN_PROCESS_OUTPUT;
    *size = output ? &p->result.output_size : &p->result.error_size;
    return output ? &p->result.output : &p->result.error;
}

/* Room for one byte above the limit, which tells that it was passed. Behind all room is one byte
 * more, for a NUL. */
static bool grow(fan_process *p, int stream)
{
    size_t *size, capacity = p->capacity[stream], most = p->options.limit + 1;
    unsigned char **bytes = kept_bytes(p, stream, &size);
    if (*size < capacity || capacity == most)
        return true;
    if (capacity)
        capacity = capacity < most / 2 ? 2 * capacity : most;
    else
        capacity = most < FIRST_ROOM ? most : FIRST_ROOM;
    unsigned char *grown = realloc(*bytes, capacity + 1);
    if (!grown)
        return false;
    *bytes = grown;
    p->capacity[stream] = capacity;
    return true;
}

/* Reads once. False: nothing more comes now, or ever. What is above the limit is read all the same,
 * so that a child that is being ended does not hang in a write. */
static bool read_some(fan_process *p, int stream, int64_t now)
{
    unsigned char dropped[4096];
    size_t *size;
    unsigned char **bytes = kept_bytes(p, stream, &size);
    if (!grow(p, stream)) {
        p->no_memory |= p->why == FAN_PROCESS_EXITED;
        fani_process_end(p, FAN_PROCESS_OVERFLOWED, now);
        fani_process_close(p, stream);
        return false;
    }
    size_t room = p->capacity[stream] - *size;
    ssize_t n = read(p->fds[stream], room ? *bytes + *size : dropped, room ? room : sizeof dropped);
    if (n < 0)
        return errno == EINTR;
    if (n == 0) {
        fani_process_close(p, stream);
        return false;
    }
    *size += room ? (size_t)n : 0;
    if (*size > p->options.limit)
        fani_process_end(p, FAN_PROCESS_OVERFLOWED, now);
    return true;
}

/* All that is there of both streams: before the end is believed, what came before it is read. */
static void drain(fan_process *p, int64_t now)
{
    for (int stream = FAN_PROCESS_OUTPUT; stream <= FAN_PROCESS_ERROR; stream++)
        while (is_kept(p, stream) && fani_clock_ns() < due(p) && read_some(p, stream, now))
            ;
}

static bool is_open(const fan_process *p)
{
    return is_kept(p, FAN_PROCESS_OUTPUT) || is_kept(p, FAN_PROCESS_ERROR);
}

/* ---- Ending ----------------------------------------------------------------------------------
 */

static void describe(fan_process *p)
{
    const fan_process_options *o = &p->options;
    char how[64];
    snprintf(how, sizeof how, "%.60s", p->result.text);
    char *text = p->result.text;
    size_t size = sizeof p->result.text;
    if (p->why == FAN_PROCESS_TIMED_OUT)
        snprintf(text, size, "ran longer than %u ms (%s)", (unsigned)o->timeout_ms, how);
    else if (p->why == FAN_PROCESS_OVERFLOWED && p->no_memory)
        snprintf(text, size, "out of memory for what it wrote (%s)", how);
    else if (p->why == FAN_PROCESS_OVERFLOWED)
        snprintf(text, size, "wrote more than may be kept, %zu bytes (%s)", o->limit, how);
    else if (p->why == FAN_PROCESS_STOPPED || p->why == FAN_PROCESS_ENDED)
        snprintf(text, size, "ended (%s)", how);
}

/* Takes the status. */
static void note_end(fan_process *p)
{
    fani_ended ended = {0};
    if (p->pidfd >= 0 && !fani_reap(p->pidfd, &ended))
        snprintf(p->result.text, sizeof p->result.text, "can't be killed");
    else
        fani_ended_describe(&ended, p->result.text, sizeof p->result.text);
    fan_process_result *r = &p->result;
    r->end = p->why;
    if (p->why == FAN_PROCESS_EXITED && !ended.known)
        r->end = FAN_PROCESS_UNKNOWN;
    else if (p->why == FAN_PROCESS_EXITED && !ended.exited)
        r->end = FAN_PROCESS_SIGNALLED;
    r->exit_code = ended.known && ended.exited ? ended.number : -1;
    r->signal_number = ended.known && !ended.exited ? ended.number : 0;
    const struct timeval *user = &ended.usage.ru_utime, *system = &ended.usage.ru_stime;
    r->user_ns = (uint64_t)user->tv_sec * 1000000000 + (uint64_t)user->tv_usec * 1000;
    r->system_ns = (uint64_t)system->tv_sec * 1000000000 + (uint64_t)system->tv_usec * 1000;
    r->peak_bytes = (uint64_t)ended.usage.ru_maxrss * 1024;
}

/* Puts a NUL behind what was kept, and cuts what is above the limit. */
static void close_kept(fan_process *p, int stream)
{
    size_t *size;
    unsigned char **bytes = kept_bytes(p, stream, &size);
    if (p->options.streams[stream].kind != FAN_PROCESS_STANDARD)
        return;
    if (*size > p->options.limit)
        *size = p->options.limit;
    if (!*bytes)
        *bytes = malloc(1);
    if (*bytes)
        (*bytes)[*size] = '\0';
    p->result.left_open |= p->fds[stream] >= 0;
    fani_process_close(p, stream);
}

/* The group is killed before the child is reaped: while that is a zombie nobody else can get its
 * number. */
static void finish(fan_process *p)
{
    if (p->why != FAN_PROCESS_EXITED)
        fani_process_signal(p, SIGKILL);
    note_end(p);
    describe(p);
    close_kept(p, FAN_PROCESS_OUTPUT);
    close_kept(p, FAN_PROCESS_ERROR);
    if (p->pidfd >= 0)
        (void)close(p->pidfd); /* nothing was written to it */
    p->pidfd = -1;
    p->finished = true;
}

/* ---- One step of one child -------------------------------------------------------------------
 */

/* Ends it where that is due. */
static void end_in_time(fan_process *p, int64_t now)
{
    const fan_process_options *o = &p->options;
    if (!p->gone && p->why == FAN_PROCESS_EXITED && now >= timeout_at(p))
        fani_process_end(p, FAN_PROCESS_TIMED_OUT, now);
    if (!p->gone && p->why == FAN_PROCESS_EXITED && o->stop && now >= p->asked) {
        p->asked = now + (int64_t)STOP_MS * FANI_MS;
        if (o->stop(o->stop_user))
            fani_process_end(p, FAN_PROCESS_STOPPED, now);
    }
    if (now >= p->kill_at && !p->killed) {
        p->killed = true;
        fani_process_signal(p, SIGKILL);
    }
}

/* When reading ends although something holds the streams open: a while after the end, or after the
 * rest of the group was killed. */
static void see_gone(fan_process *p, int64_t now)
{
    if (!p->gone)
        p->result.run_ns = (uint64_t)(now - p->begun);
    p->gone = true;
    if (p->drop_at == INT64_MAX && (p->why == FAN_PROCESS_EXITED || p->killed))
        p->drop_at = now + (int64_t)FAN_PROCESS_LINGER_MS * FANI_MS;
}

bool fani_process_look(fan_process *p, int64_t now)
{
    struct pollfd entry = {.fd = p->pidfd, .events = POLLIN};
    if (!p->gone && poll(&entry, 1, 0) > 0)
        see_gone(p, now);
    return p->gone;
}

static void step(fan_process *p, int64_t now)
{
    p->stepped = now;
    if (now >= due(p)) /* one that has ended, and nobody has seen it, is not late */
        (void)fani_process_look(p, now);
    end_in_time(p, now);
    if (p->gone) {
        see_gone(p, now);
        drain(p, now);
        if (!is_open(p) || now >= p->drop_at)
            finish(p);
    } else if (p->killed && now >= p->kill_at + (int64_t)STUCK_MS * FANI_MS) {
        p->result.run_ns = (uint64_t)(now - p->begun);
        finish(p);
    }
}

/* A look that ends much too late was kept from ending: this program was stopped, mostly with its
 * children (Ctrl-Z, a batch system's suspend), or the machine is overloaded. That time counts for
 * no limit. */
static void forgive_pause(fan_process *p, int64_t late)
{
    if (late <= LOOK_MS * (int64_t)FANI_MS)
        return;
    p->paused_ns += late;
    p->kill_at += p->kill_at < INT64_MAX ? late : 0;
    p->drop_at += p->drop_at < INT64_MAX ? late : 0;
}

/* ---- The loop --------------------------------------------------------------------------------
 */

/* What is polled of a child: its end and its two streams; entries of -1 are passed over. */
static void watch(const fan_process *p, struct pollfd entries[EACH])
{
    entries[0] = (struct pollfd){.fd = p->gone || p->finished ? -1 : p->pidfd, .events = POLLIN};
    for (int stream = FAN_PROCESS_OUTPUT; stream <= FAN_PROCESS_ERROR; stream++)
        entries[stream] = (struct pollfd){
            .fd = !p->finished && is_kept(p, stream) ? p->fds[stream] : -1, .events = POLLIN};
}

static void look(fan_process *p, const struct pollfd entries[EACH], int64_t now)
{
    for (int stream = FAN_PROCESS_OUTPUT; stream <= FAN_PROCESS_ERROR; stream++)
        if (entries[stream].revents && is_kept(p, stream))
            (void)read_some(p, stream, now);
    if (entries[0].revents)
        see_gone(p, now);
}

/* Steps through all; how many have not finished, and when the next step is due. */
static size_t step_all(fan_process *const processes[], size_t count, int64_t now, int64_t *next)
{
    size_t left = 0;
    *next = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        fan_process *p = processes[i];
        if (!p || p->finished)
            continue;
        step(p, now);
        if (p->finished)
            continue;
        left++;
        *next = due(p) < *next ? due(p) : *next;
    }
    return left;
}

/* Until the next step or the deadline; where a limit of time counts, in short looks, by which a
 * pause of this program is told from a child that takes long. */
static int poll_ms(int64_t now, int64_t next, fan_deadline deadline)
{
    int64_t until = next < deadline ? next : deadline, most = next < INT64_MAX ? LOOK_MS : 60000;
    if (until == INT64_MAX)
        return -1;
    if (until <= now)
        return 0;
    int64_t ms = (until - now + FANI_MS - 1) / FANI_MS;
    return (int)(ms < most ? ms : most);
}

static void forgive_pauses(fan_process *const processes[], size_t count, int64_t late)
{
    for (size_t i = 0; i < count; i++)
        if (processes[i] && !processes[i]->finished)
            forgive_pause(processes[i], late);
}

void fani_process_skip_gap(fan_process *process)
{
    forgive_pause(process, fani_clock_ns() - process->stepped);
}

static fan_status wait_with(fan_process *const processes[], size_t count, struct pollfd *entries,
                            fan_deadline deadline)
{
    for (bool looked = false;; looked = true) {
        int64_t now = fani_clock_ns(), next;
        if (!step_all(processes, count, now, &next))
            return FAN_OK;
        if (looked && now >= deadline)
            return FAN_E_TIMEOUT;
        for (size_t i = 0; i < count; i++) {
            if (processes[i])
                watch(processes[i], entries + i * EACH);
            else
                for (size_t k = 0; k < EACH; k++)
                    entries[i * EACH + k] = (struct pollfd){.fd = -1};
        }
        int ms = poll_ms(now, next, deadline);
        int n = poll(entries, count * EACH, ms);
        if (n < 0 && errno != EINTR)
            return errno == ENOMEM ? FAN_E_MEMORY : FAN_E_SYSTEM;
        int64_t until = now + ms * (int64_t)FANI_MS;
        now = fani_clock_ns();
        if (ms >= 0)
            forgive_pauses(processes, count, now - until);
        for (size_t i = 0; n > 0 && i < count; i++)
            if (processes[i])
                look(processes[i], entries + i * EACH, now);
    }
}

fan_status fan_process_wait_all(fan_process *const processes[], size_t count, fan_deadline deadline)
{
    struct pollfd few[FEW * EACH];
    if (count <= FEW)
        return wait_with(processes, count, few, deadline);
    struct pollfd *entries = calloc(count, EACH * sizeof *entries);
    if (!entries)
        return FAN_E_MEMORY;
    fan_status status = wait_with(processes, count, entries, deadline);
    free(entries);
    return status;
}

fan_status fan_process_wait(fan_process *process, fan_deadline deadline)
{
    return fan_process_wait_all(&process, 1, deadline);
}
