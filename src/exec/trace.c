/* Traces: keeping what ran. A batch is a fixed record in the buffer of the CPU that it was
 * completed on, under a lock that nobody else wants. Full buffers are handed on; a thread of the
 * trace moves them to a temporary file when too many wait. Text is made at close: making it
 * meanwhile would take the CPU from the workers that are traced.
 *
 * When no buffer is free, records are dropped and counted. Waiting would be worse: a completion may
 * run on the thread that hears the heartbeats of ranks, and a disk that hangs would hang the run.
 */
#include "exec/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "exec/trace_record.h"

enum {
    RECORDS = 512,     /* in a buffer: 40 KiB */
    KEPT = 64,         /* full buffers that stay in memory */
    BUFFERS_MAX = 400, /* in all: 16 MiB */
    SHARDS_MAX = 64,
};

typedef struct buffer {
    struct buffer *next;
    size_t used;
    fani_trace_record records[RECORDS];
} buffer;

typedef struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards the rest; taken before the trace's lock */
    buffer *buffer;                    /* being filled, or NULL */
    uint64_t dropped;
} shard;

struct fan_trace {
    fani_writer *writer;
    char *path;
    int64_t base_ns;
    shard *shards;
    unsigned shard_count;
    bool has_thread;
    pthread_t thread; /* moves full buffers to the temporary file */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    buffer *full_first, *full_last;
    size_t full;
    buffer *spare;
    size_t buffers; /* made so far */
    int spool;      /* the temporary file, or -1 */
    int spool_errno;
    uint64_t dropped; /* with buffers that the temporary file did not take */
    bool stopping;
    fani_trace_source *sources[FANI_TRACE_SOURCES_MAX];
    unsigned source_count;
    unsigned attached;
};

/* ---- Buffers ------------------------------------------------------------------------------- */

/* Hands a full buffer on and gives an empty one; NULL: none is free. */
static buffer *exchange(fan_trace *t, buffer *full)
{
    pthread_mutex_lock(&t->lock);
    if (full) {
        full->next = NULL;
        if (t->full_last)
            t->full_last->next = full;
        else
            t->full_first = full;
        t->full_last = full;
        if (++t->full > KEPT)
            pthread_cond_signal(&t->changed);
    }
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
    if (empty)
        empty->used = 0;
    return empty;
}

static void keep(fan_trace *t, const fani_trace_record *record)
{
    /* Only who was moved to another CPU between these two lines ever meets somebody here. */
    int cpu = sched_getcpu();
    shard *s = &t->shards[cpu < 0 ? 0 : (unsigned)cpu % t->shard_count];
    pthread_mutex_lock(&s->lock);
    if (!s->buffer || s->buffer->used == RECORDS)
        s->buffer = exchange(t, s->buffer);
    if (s->buffer)
        s->buffer->records[s->buffer->used++] = *record;
    else
        s->dropped++;
    pthread_mutex_unlock(&s->lock);
}

/* Counts the items that are not ok. */
static void look_at_outcomes(const fani_batch *batch, fani_trace_record *record)
{
    const fani_replies *replies = &batch->replies;
    if (replies->complete && !replies->slots)
        return;
    for (size_t i = 0; i < replies->count; i++) {
        if (replies->complete && replies->slots[i].state <= FANI_SLOT_REPLY)
            continue;
        if (!record->failed++) {
            record->first_failed = (uint32_t)i;
            record->flags |= (uint8_t)fani_replies_outcome(replies, i).kind;
        }
    }
}

void fani_trace_batch(fani_trace_source *source, const fani_batch *batch, bool again)
{
    fani_trace_record record = {
        .task = batch->task->name,
        .posted_ns = batch->posted_ns,
        .begun_ns = batch->begun_ns,
        .run_ns = batch->run_ns,
        .first = batch->items.first,
        .count = (uint32_t)batch->items.count,
        .attempt = batch->attempt < UINT16_MAX ? (uint16_t)batch->attempt : UINT16_MAX,
        .source = source->number,
        .flags = again ? FANI_TRACE_AGAIN : 0,
        .where = batch->where,
    };
    if (record.where.rank)
        record.ended_ns = fani_clock_ns();
    if (!again)
        look_at_outcomes(batch, &record);
    keep(source->trace, &record);
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

/* Answers 0 or an errno. */
static int write_whole(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size;) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Moves one buffer out of memory. The lock is held, and released between. */
static void move_out(fan_trace *t)
{
    buffer *b = t->full_first;
    int error = t->spool_errno;
    t->full_first = b->next;
    if (!b->next)
        t->full_last = NULL;
    t->full--;
    pthread_mutex_unlock(&t->lock);
    if (!error && t->spool < 0 && (t->spool = open_spool(t->path)) < 0)
        error = errno;
    if (!error)
        error = write_whole(t->spool, b->records, b->used * sizeof *b->records);
    pthread_mutex_lock(&t->lock);
    t->spool_errno = error;
    if (error)
        t->dropped += b->used;
    b->next = t->spare;
    t->spare = b;
}

static void *mover(void *user)
{
    fan_trace *t = user;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping) {
        if (t->full > KEPT)
            move_out(t);
        else
            pthread_cond_wait(&t->changed, &t->lock);
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
        snprintf(source->hosts + r * FANI_TRACE_HOST_SIZE, FANI_TRACE_HOST_SIZE, "%s",
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
    for (unsigned i = 0; t->shards && i < t->shard_count; i++) {
        free(t->shards[i].buffer);
        pthread_mutex_destroy(&t->shards[i].lock);
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
    free(t->shards);
    free(t->path);
    free(t);
}

static bool make_shards(fan_trace *t)
{
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    t->shard_count = cpus < 1 ? 1 : cpus < SHARDS_MAX ? (unsigned)cpus : SHARDS_MAX;
    t->shards = aligned_alloc(_Alignof(shard), t->shard_count * sizeof(shard));
    for (unsigned i = 0; t->shards && i < t->shard_count; i++) {
        t->shards[i] = (shard){.buffer = NULL};
        pthread_mutex_init(&t->shards[i].lock, NULL); /* can't fail with default attributes */
    }
    return t->shards != NULL;
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
    if (!t->path || !make_shards(t))
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
    fan_status status = visit(context, bytes, (size_t)size / sizeof(fani_trace_record), error);
    (void)munmap(bytes, (size_t)size);
    return status;
}

static fan_status each_record(void *user, visitor visit, void *context, fan_error *error)
{
    fan_trace *t = user;
    fan_status status = each_of_spool(t, visit, context, error);
    for (const buffer *b = t->full_first; b && status == FAN_OK; b = b->next)
        status = visit(context, b->records, b->used, error);
    for (unsigned i = 0; i < t->shard_count && status == FAN_OK; i++)
        if (t->shards[i].buffer)
            status = visit(context, t->shards[i].buffer->records, t->shards[i].buffer->used, error);
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
    for (unsigned i = 0; i < t->shard_count; i++)
        content.dropped += t->shards[i].dropped;
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
