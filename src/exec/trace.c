/* Traces: keeping what ran. A batch is a short record in a buffer of the thread that it was
 * completed on, without a lock: 32 bytes, as memory that is written costs more than the writing.
 * Full buffers are handed on; a thread of the trace moves them to a temporary file when too many
 * wait. Text is made at close: making it meanwhile would take the CPU from the workers that are
 * traced.
 *
 * When no buffer is free, records are dropped and counted. Waiting would be worse: a completion may
 * run on the thread that hears the heartbeats of ranks, and a disk that hangs would hang the run.
 */
#include "exec/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/trace_record.h"

enum {
    SLOTS = 320,        /* in a buffer: 10 KiB */
    KEPT = 64,          /* full buffers that stay in memory */
    MOVED = 128,        /* when as many are full, all but those are moved, in few wake-ups */
    AT_ONCE = 64,       /* buffers written by one call */
    BUFFERS_MAX = 1600, /* full and spare ones: 16 MiB */
    ORIGINS_MAX = 1024, /* what comes from others is written in full */
    ORIGINS_KNOWN = 64, /* to a lane */
    AT_A_TIME = 64,     /* records made of slots at close */
};

typedef struct buffer {
    struct buffer *next;
    size_t used;
    size_t records;
    fani_trace_slot slots[SLOTS];
} buffer;

/* An origin that a lane has had, with its number. */
typedef struct known_origin {
    fani_trace_origin origin;
    uint16_t number;
} known_origin;

/* What a thread fills. Only that thread touches it, and whoever closes the trace: all executors of
 * it are closed by then. */
typedef struct lane {
    struct lane *next;
    const void *thread; /* the place of a variable of that thread */
    buffer *buffer;     /* or NULL */
    uint64_t dropped;
    known_origin known[ORIGINS_KNOWN]; /* by a hash; task is NULL where there is none */
} lane;

struct fan_trace {
    fani_writer *writer;
    char *path;
    int64_t base_ns;
    bool has_thread;
    pthread_t thread; /* moves full buffers to the temporary file */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    lane *lanes;
    uint64_t dropped; /* for want of a lane, or because the temporary file did not take them */
    buffer *full_first, *full_last;
    size_t full;
    buffer *spare;
    size_t buffers; /* made, beside the first of each lane */
    int spool;      /* the temporary file, or -1 */
    int spool_errno;
    bool stopping;
    fani_trace_source *sources[FANI_TRACE_SOURCES_MAX];
    unsigned source_count;
    unsigned attached;
    fani_trace_origin origins[ORIGINS_MAX];
    unsigned origin_count;
};

/* ---- Buffers ------------------------------------------------------------------------------- */

/* An empty buffer; NULL: none may be made, or none can. */
static buffer *take_empty(fan_trace *t)
{
    pthread_mutex_lock(&t->lock);
    buffer *empty = t->spare;
    bool make = !empty && t->buffers < BUFFERS_MAX;
    if (empty)
        t->spare = empty->next;
    t->buffers += make;
    pthread_mutex_unlock(&t->lock);
    if (make && !(empty = malloc(sizeof *empty))) {
        pthread_mutex_lock(&t->lock);
        t->buffers--;
        pthread_mutex_unlock(&t->lock);
    }
    return empty;
}

static void hand_on(fan_trace *t, buffer *full)
{
    full->next = NULL;
    pthread_mutex_lock(&t->lock);
    if (t->full_last)
        t->full_last->next = full;
    else
        t->full_first = full;
    t->full_last = full;
    if (++t->full == MOVED)
        pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* The lane of a thread, made where it has none; a thread that has ended may have left it. NULL: out
 * of memory. */
static lane *find_lane(fan_trace *t, const void *thread)
{
    pthread_mutex_lock(&t->lock);
    lane *found = t->lanes;
    while (found && found->thread != thread)
        found = found->next;
    if (!found && (found = calloc(1, sizeof *found))) {
        found->thread = thread;
        found->next = t->lanes;
        t->lanes = found;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

static void count_dropped(fan_trace *t)
{
    pthread_mutex_lock(&t->lock);
    t->dropped++;
    pthread_mutex_unlock(&t->lock);
}

/* Which trace this thread added to added_to. */
static _Thread_local struct {
    const fan_trace *trace;
    int64_t base_ns;
    lane *lane;
} added_to __attribute__((tls_model("initial-exec")));

/* The calling thread's lane, looked up when the thread comes from another trace; NULL, and the
 * record is counted, where there is no memory for one. A later trace at the same address was opened
 * at a later time. */
static lane *own_lane(fan_trace *t)
{
    if (added_to.trace == t && added_to.base_ns == t->base_ns)
        return added_to.lane;
    lane *found = find_lane(t, &added_to);
    added_to.trace = found ? t : NULL;
    added_to.base_ns = t->base_ns;
    added_to.lane = found;
    if (!found)
        count_dropped(t);
    return found;
}

/* Lets a lane whose buffer is full, or that has none, have another. */
static void refill(fan_trace *t, lane *own)
{
    buffer *empty = own->buffer ? take_empty(t) : malloc(sizeof *empty);
    if (!empty)
        return;
    if (own->buffer)
        hand_on(t, own->buffer);
    empty->used = empty->records = 0;
    own->buffer = empty;
}

/* Places for a record of so many slots; NULL, and it is counted, where there are none. */
static fani_trace_slot *take_slots(fan_trace *t, lane *own, size_t count)
{
    if (!own->buffer || own->buffer->used + count > SLOTS)
        refill(t, own);
    buffer *place = own->buffer;
    if (!place || place->used + count > SLOTS) {
        own->dropped++;
        return NULL;
    }
    fani_trace_slot *slots = place->slots + place->used;
    place->used += count;
    place->records++;
    return slots;
}

/* ---- Origins ------------------------------------------------------------------------------- */

static bool is_origin(const fani_trace_origin *origin, const fani_trace_source *source,
                      const fani_batch *batch)
{
    const fani_where *a = &origin->where, *b = &batch->where;
    return origin->task == batch->task->name && a->thread == b->thread && a->pid == b->pid &&
           a->worker == b->worker && a->rank == b->rank && origin->source == source->number;
}

/* The number of a batch's origin, given to it where it has none; FANI_TRACE_WHOLE: all are given.
 */
static uint16_t number_origin(const fani_trace_source *source, const fani_batch *batch)
{
    fan_trace *t = source->trace;
    pthread_mutex_lock(&t->lock);
    unsigned i = 0;
    while (i < t->origin_count && !is_origin(&t->origins[i], source, batch))
        i++;
    bool room = i < ORIGINS_MAX;
    if (room && i == t->origin_count)
        t->origins[t->origin_count++] = (fani_trace_origin){
            .task = batch->task->name, .where = batch->where, .source = source->number};
    pthread_mutex_unlock(&t->lock);
    return room ? (uint16_t)i : FANI_TRACE_WHOLE;
}

static uint16_t find_origin(const fani_trace_source *source, lane *own, const fani_batch *batch)
{
    size_t hash = batch->where.worker + ((uintptr_t)batch->task >> 5) + source->number;
    known_origin *known = &own->known[hash % ORIGINS_KNOWN];
    if (!is_origin(&known->origin, source, batch))
        *known = (known_origin){
            .origin = {.task = batch->task->name, .where = batch->where, .source = source->number},
            .number = number_origin(source, batch)};
    return known->number;
}

/* ---- Adding -------------------------------------------------------------------------------- */

/* Counts the items that are not ok. */
static void look_at_outcomes(const fani_batch *batch, fani_trace_record *record)
{
    const fani_replies *replies = &batch->replies;
    for (size_t i = 0; i < replies->count; i++) {
        if (replies->complete && replies->slots[i].state <= FANI_SLOT_REPLY)
            continue;
        if (!record->failed++) {
            record->first_failed = (uint32_t)i;
            record->flags |= (uint8_t)fani_replies_outcome(replies, i).kind;
        }
    }
}

static bool all_ok(const fani_replies *replies)
{
    if (!replies->slots || !replies->complete)
        return replies->complete;
    size_t i = 0;
    while (i < replies->count && replies->slots[i].state <= FANI_SLOT_REPLY)
        i++;
    return i == replies->count;
}

static uint16_t attempt_of(const fani_batch *batch)
{
    return batch->attempt < UINT16_MAX ? (uint16_t)batch->attempt : UINT16_MAX;
}

/* Adds a batch that ran here, ended well and whose times are short; false: it is none. */
static bool add_plain(fani_trace_source *source, lane *own, const fani_batch *batch)
{
    int64_t wait = batch->begun_ns - batch->posted_ns;
    if (!batch->begun_ns || batch->where.rank || wait > UINT32_MAX || batch->run_ns > UINT32_MAX ||
        !all_ok(&batch->replies))
        return false;
    uint16_t number = find_origin(source, own, batch);
    fani_trace_slot *slot = number != FANI_TRACE_WHOLE ? take_slots(source->trace, own, 1) : NULL;
    if (slot)
        *slot = (fani_trace_slot){.begun_ns = batch->begun_ns,
                                  .first = batch->items.first,
                                  .wait_ns = wait > 0 ? (uint32_t)wait : 0,
                                  .run_ns = (uint32_t)batch->run_ns,
                                  .count = (uint32_t)batch->items.count,
                                  .attempt = attempt_of(batch),
                                  .origin = number};
    return number != FANI_TRACE_WHOLE;
}

static void add_whole(fani_trace_source *source, lane *own, const fani_batch *batch, bool again)
{
    fani_trace_slot *slots = take_slots(source->trace, own, FANI_TRACE_WHOLE_SLOTS);
    if (!slots)
        return;
    fani_trace_record record = {
        .task = batch->task->name,
        .posted_ns = batch->posted_ns,
        .begun_ns = batch->begun_ns,
        .run_ns = batch->run_ns,
        .ended_ns = batch->where.rank ? fani_clock_ns() : 0,
        .first = batch->items.first,
        .count = (uint32_t)batch->items.count,
        .attempt = attempt_of(batch),
        .source = source->number,
        .flags = again ? FANI_TRACE_AGAIN : 0,
        .where = batch->where,
    };
    if (!again && !all_ok(&batch->replies))
        look_at_outcomes(batch, &record);
    slots->origin = FANI_TRACE_WHOLE;
    memcpy(slots + 1, &record, sizeof record);
}

void fani_trace_batch(fani_trace_source *source, const fani_batch *batch, bool again)
{
    lane *own = own_lane(source->trace);
    if (own && (again || !add_plain(source, own, batch)))
        add_whole(source, own, batch, again);
}

/* ---- The temporary file -------------------------------------------------------------------- */

/* A new file without a name in a folder. -1 with errno. */
static int open_nameless(const char *folder)
{
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char *path;
    if (asprintf(&path, "%s/.fanfold-trace-XXXXXX", folder) < 0)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path); /* at worst it stays there */
    free(path);
    return fd;
}

/* Beside the trace, where room must be for it anyway; not beside a device. */
static int open_spool(const char *path)
{
    const char *slash = strrchr(path, '/'), *elsewhere = getenv("TMPDIR");
    int fd = -1;
    if (strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/proc/", 6) != 0) {
        char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        if (folder)
            fd = open_nameless(folder);
        free(folder);
    }
    return fd >= 0 ? fd : open_nameless(elsewhere && *elsewhere ? elsewhere : "/tmp");
}

/* Writes all records of some buffers. Answers 0 or an errno. */
static int write_whole(int fd, const buffer *list)
{
    struct iovec parts[AT_ONCE];
    int count = 0;
    for (; list; list = list->next)
        parts[count++] = (struct iovec){.iov_base = (void *)list->slots,
                                        .iov_len = list->used * sizeof *list->slots};
    for (int at = 0; at < count;) {
        ssize_t n = writev(fd, parts + at, count - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        for (; at < count && (size_t)n >= parts[at].iov_len; at++)
            n -= (ssize_t)parts[at].iov_len;
        if (at < count) {
            parts[at].iov_base = (char *)parts[at].iov_base + n;
            parts[at].iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* Takes the oldest of the full buffers, at most AT_ONCE. The lock is held. */
static buffer *take_full(fan_trace *t, buffer **last, uint64_t *records)
{
    buffer *first = t->full_first, *at = first;
    *records = at->records;
    t->full--;
    for (int i = 1; i < AT_ONCE && at->next; i++, t->full--) {
        at = at->next;
        *records += at->records;
    }
    t->full_first = at->next;
    if (!at->next)
        t->full_last = NULL;
    at->next = NULL;
    *last = at;
    return first;
}

/* Moves some buffers out of memory. The lock is held, and released between. */
static void move_out(fan_trace *t)
{
    buffer *last;
    uint64_t records;
    int error = t->spool_errno;
    buffer *first = take_full(t, &last, &records);
    pthread_mutex_unlock(&t->lock);
    if (!error && t->spool < 0 && (t->spool = open_spool(t->path)) < 0)
        error = errno;
    if (!error)
        error = write_whole(t->spool, first);
    pthread_mutex_lock(&t->lock);
    t->spool_errno = error;
    if (error)
        t->dropped += records;
    last->next = t->spare;
    t->spare = first;
}

static void *mover(void *user)
{
    fan_trace *t = user;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping || t->full >= MOVED) {
        while (!t->stopping && t->full < MOVED)
            pthread_cond_wait(&t->changed, &t->lock);
        while (t->full > KEPT)
            move_out(t);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- Sources ------------------------------------------------------------------------------- */

static void free_source(fani_trace_source *source)
{
    if (!source)
        return;
    free(source->hosts);
    free(source->clocks);
    free(source);
}

static fani_trace_source *make_source(const char *name, const fani_opened *opened)
{
    fani_trace_source *source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->ranks = opened->ranks ? opened->ranks : 1;
    source->over_ranks = opened->hosts != NULL;
    snprintf(source->name, sizeof source->name, "%s", name);
    source->hosts = calloc(source->ranks, FANI_TRACE_HOST_SIZE);
    source->clocks = calloc(source->ranks, sizeof *source->clocks);
    if (!source->hosts || !source->clocks) {
        free_source(source);
        return NULL;
    }
    for (unsigned r = 0; opened->hosts && r < source->ranks; r++)
        snprintf(source->hosts + (size_t)r * FANI_TRACE_HOST_SIZE, FANI_TRACE_HOST_SIZE, "%s",
                 opened->hosts + r * opened->hosts_stride);
    /* A longer name is cut and may lack its NUL, which calloc has put there. */
    if (!opened->hosts)
        (void)gethostname(source->hosts, FANI_TRACE_HOST_SIZE - 1);
    return source;
}

fan_status fani_trace_attach(fan_trace *trace, const char *name, const fani_opened *opened,
                             fani_trace_source **made, fan_error *error)
{
    fani_trace_source *source = make_source(name, opened);
    if (!source)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to trace an executor");
    pthread_mutex_lock(&trace->lock);
    bool room = trace->source_count < FANI_TRACE_SOURCES_MAX;
    if (room) {
        source->trace = trace;
        source->number = (uint8_t)trace->source_count;
        trace->sources[trace->source_count++] = source;
        trace->attached++;
    }
    pthread_mutex_unlock(&trace->lock);
    if (!room) {
        free_source(source);
        return fani_error_set(error, FAN_E_UNSUPPORTED, "a trace takes at most %d executors",
                              FANI_TRACE_SOURCES_MAX);
    }
    *made = source;
    return FAN_OK;
}

void fani_trace_detach(fani_trace_source *source)
{
    if (!source)
        return;
    pthread_mutex_lock(&source->trace->lock);
    source->trace->attached--;
    pthread_mutex_unlock(&source->trace->lock);
}

/* ---- Opening ------------------------------------------------------------------------------- */

static void stop_thread(fan_trace *t)
{
    if (!t->has_thread)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    t->has_thread = false;
}

static void free_buffers(buffer *list)
{
    for (buffer *next; list; list = next) {
        next = list->next;
        free(list);
    }
}

static void free_trace(fan_trace *t)
{
    stop_thread(t);
    for (lane *at = t->lanes, *next; at; at = next) {
        next = at->next;
        free(at->buffer);
        free(at);
    }
    for (unsigned i = 0; i < t->source_count; i++)
        free_source(t->sources[i]);
    free_buffers(t->full_first);
    free_buffers(t->spare);
    if (t->spool >= 0)
        (void)close(t->spool); /* nobody reads it any more */
    fani_writer_free(t->writer);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t);
}

/* A library's threads leave the program's signals to the program. Answers an errno. */
static int start_thread(fan_trace *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&t->thread, NULL, mover, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    t->has_thread = code == 0;
    return code;
}

fan_status fan_trace_open(const char *path, fan_trace **trace, fan_error *error)
{
    if (!trace)
        return fani_error_set(error, FAN_E_ARGUMENT, "fan_trace_open needs a place for the trace");
    *trace = NULL;
    if (!path || !*path)
        return fani_error_set(error, FAN_E_ARGUMENT, "a trace needs the name of a file");
    fan_trace *t = calloc(1, sizeof *t);
    if (!t)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a trace");
    t->spool = -1;
    t->base_ns = fani_clock_ns();
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    t->path = strdup(path);
    fan_status status = FAN_OK;
    if (!t->path)
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for a trace");
    if (status == FAN_OK)
        status = fani_writer_to_file(path, &t->writer, error);
    int code = status == FAN_OK ? start_thread(t) : 0;
    if (code)
        status = fani_error_errno(error, FAN_E_SYSTEM, code, "no thread for a trace");
    if (status == FAN_OK)
        *trace = t;
    else
        free_trace(t);
    return status;
}

/* ---- Closing ------------------------------------------------------------------------------- */

typedef fan_status (*visitor)(void *context, const fani_trace_record *records, size_t count,
                              fan_error *error);

/* Makes a record of what begins at a slot; the slots that it takes. */
static size_t unpack(const fan_trace *t, const fani_trace_slot *slot, fani_trace_record *record)
{
    if (slot->origin == FANI_TRACE_WHOLE) {
        memcpy(record, slot + 1, sizeof *record);
        return FANI_TRACE_WHOLE_SLOTS;
    }
    const fani_trace_origin *origin = &t->origins[slot->origin];
    *record = (fani_trace_record){.task = origin->task,
                                  .posted_ns = slot->begun_ns - slot->wait_ns,
                                  .begun_ns = slot->begun_ns,
                                  .run_ns = slot->run_ns,
                                  .first = slot->first,
                                  .count = slot->count,
                                  .attempt = slot->attempt,
                                  .source = origin->source,
                                  .where = origin->where};
    return 1;
}

static fan_status each_of_slots(const fan_trace *t, const fani_trace_slot *slots, size_t count,
                                visitor visit, void *context, fan_error *error)
{
    fani_trace_record records[AT_A_TIME];
    fan_status status = FAN_OK;
    for (size_t at = 0; at < count && status == FAN_OK;) {
        size_t made = 0;
        while (made < AT_A_TIME && at < count)
            at += unpack(t, slots + at, &records[made++]);
        status = visit(context, records, made, error);
    }
    return status;
}

static fan_status each_of_spool(fan_trace *t, visitor visit, void *context, fan_error *error)
{
    off_t size = t->spool < 0 ? 0 : lseek(t->spool, 0, SEEK_END);
    if (size <= 0)
        return FAN_OK;
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, t->spool, 0);
    if (bytes == MAP_FAILED)
        return fani_error_errno(error, FAN_E_OUTPUT, errno, "%s: its temporary file can't be read",
                                t->path);
    (void)madvise(bytes, (size_t)size, MADV_SEQUENTIAL); /* for speed only */
    fan_status status =
        each_of_slots(t, bytes, (size_t)size / sizeof(fani_trace_slot), visit, context, error);
    (void)munmap(bytes, (size_t)size);
    return status;
}

static fan_status each_record(void *user, visitor visit, void *context, fan_error *error)
{
    fan_trace *t = user;
    fan_status status = each_of_spool(t, visit, context, error);
    for (const buffer *b = t->full_first; b && status == FAN_OK; b = b->next)
        status = each_of_slots(t, b->slots, b->used, visit, context, error);
    for (const lane *at = t->lanes; at && status == FAN_OK; at = at->next)
        if (at->buffer)
            status = each_of_slots(t, at->buffer->slots, at->buffer->used, visit, context, error);
    return status;
}

static fan_status write_file(fan_trace *t, fan_error *error)
{
    if (t->spool_errno) {
        fan_status status = fani_error_errno(error, FAN_E_OUTPUT, t->spool_errno,
                                             "%s: its temporary file can't be written", t->path);
        fani_error_place(error, t->path, 0, 0);
        return status;
    }
    fani_trace_content content = {.base_ns = t->base_ns,
                                  .dropped = t->dropped,
                                  .sources = t->sources,
                                  .source_count = t->source_count,
                                  .each = each_record,
                                  .user = t};
    for (const lane *at = t->lanes; at; at = at->next)
        content.dropped += at->dropped;
    fan_status status = fani_trace_format(&content, t->writer, error);
    return status == FAN_OK ? fani_writer_publish(t->writer, error) : status;
}

fan_status fan_trace_close(fan_trace *trace, fan_error *error)
{
    if (!trace)
        return FAN_OK;
    pthread_mutex_lock(&trace->lock);
    unsigned attached = trace->attached;
    pthread_mutex_unlock(&trace->lock);
    if (attached)
        return fani_error_set(error, FAN_E_BUSY, "%u executors of this trace are not closed",
                              attached);
    stop_thread(trace);
    fan_status status = write_file(trace, error);
    free_trace(trace);
    return status;
}
