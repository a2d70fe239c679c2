/* Files as items: which is next, which are read ahead, and how much of them is kept. Reading is a
 * work of the pool for each file; one that would have to wait for room gives its thread back
 * (parked), and is posted again when there is some. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "stage/listing.h"
#include "stage/pool.h"
#include "stage/sleep.h"
#include "stage/whole.h"

enum {
    AHEAD_FILES = 16,
    AHEAD_FILES_MAX = 4096,
    AHEAD_BYTES = 64 << 20,
    FILE_MAX = 1 << 30,
    STOP_MS = 100, /* between two looks at stop */
    QUIET_MS = 5,  /* without a file after which a source has nothing for now */
    TRIES = 5,
    BACKOFF_MS = 250,
    STALL_MS = 30000,
};

typedef enum state {
    EMPTY,
    READING, /* a work of the pool has it */
    PARKED,  /* read in part; waits for room */
    LATER,   /* the pool has it, until its time has come */
    THERE,   /* read, or failed */
} state;

typedef struct slot {
    fani_work work; /* first: work and slot have one address */
    fan_files *files;
    state state; /* the lock guards this one; the rest is whose the state says */
    uint64_t index;
    fani_listed listed;
    fani_whole whole;
    bool failed;
    fan_error error;
} slot;

struct fan_files {
    fan_files_options options;
    fani_whole_options reading;
    fan_pool *pool;
    bool own_pool, joined;
    fani_listing *listing;
    bool listed_all, begun;
    uint64_t listed;       /* files that have got a slot */
    fan_status not_listed; /* what could not, behind these, and has no name: memory was short */
    slot *slots;           /* ahead_files, and one that was given to the caller */
    size_t count;

    pthread_mutex_t lock; /* guards the rest, and states */
    pthread_cond_t changed;
    uint64_t head; /* the file that is given next */
    uint64_t held; /* bytes read and not yet given back */
    bool stopping;
};

static slot *slot_of(fan_files *f, uint64_t index)
{
    return &f->slots[index % f->count];
}

/* ---- Reading, on the pool's threads ------------------------------------------------------------
 */

static void drop_bytes(slot *s)
{
    free(s->whole.bytes.bytes);
    s->whole.bytes = (fan_buffer){0};
}

/* A part of a file has come, `more` bytes of it. True: go on with it; else it is parked, or there.
 */
static bool note(slot *s, fani_whole_step step, size_t before)
{
    fan_files *f = s->files;
    if (step == FANI_WHOLE_FAILED)
        drop_bytes(s);
    if (step == FANI_WHOLE_DONE || step == FANI_WHOLE_FAILED)
        fani_whole_end(&s->whole);
    pthread_mutex_lock(&f->lock);
    f->held += s->whole.bytes.size - before; /* less, where it has failed */
    if (step == FANI_WHOLE_DONE || step == FANI_WHOLE_FAILED) {
        s->failed = step == FANI_WHOLE_FAILED;
        s->state = THERE;
    } else if (step == FANI_WHOLE_LATER && !f->stopping) {
        s->state = LATER;
        fani_pool_post_at(f->pool, &s->work, 0, s->whole.due);
    } else if (f->stopping || (f->held > f->options.ahead_bytes && s->index != f->head)) {
        s->state = PARKED;
    }
    bool go_on = s->state == READING;
    if (!go_on)
        pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void read_file(fani_work *work)
{
    slot *s = (slot *)(void *)work;
    size_t before;
    fani_whole_step step = FANI_WHOLE_MORE;
    pthread_mutex_lock(&s->files->lock);
    s->state = READING;
    pthread_mutex_unlock(&s->files->lock);
    if (!s->whole.opened)
        step = fani_whole_begin(&s->whole, &s->files->reading, &s->listed, &s->error);
    do {
        before = s->whole.bytes.size;
        if (step == FANI_WHOLE_MORE)
            step = fani_whole_read(&s->whole, &s->error);
    } while (note(s, step, before));
}

/* ---- Opening and closing -----------------------------------------------------------------------
 */

static void clear_slot(slot *s)
{
    fani_whole_end(&s->whole);
    drop_bytes(s);
    s->whole = (fani_whole){0};
    free(s->listed.name);
    s->listed.name = NULL;
    s->failed = false;
}

static void destroy(fan_files *f)
{
    for (size_t i = 0; f->slots && i < f->count; i++)
        clear_slot(&f->slots[i]);
    free(f->slots);
    if (f->joined)
        fani_pool_leave(f->pool, f->count);
    if (f->own_pool)
        (void)fan_pool_close(f->pool, FAN_CLOSE_DRAIN, FAN_FOREVER); /* nothing of it runs */
    fani_fetcher_free(f->reading.fetcher);
    fani_listing_free(f->listing);
    if (f->reading.stop_fd >= 0)
        (void)close(f->reading.stop_fd);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static fan_status find_pool(fan_files *f, fan_error *error)
{
    enum { THREADS = 16 };
    f->pool = f->options.pool;
    if (!f->pool) {
        unsigned threads = f->options.ahead_files < THREADS ? f->options.ahead_files : THREADS;
        fan_status status = fan_pool_open(&(fan_pool_options){.threads = threads, .queue_calls = 1},
                                          &f->pool, error);
        if (status != FAN_OK)
            return status;
        f->own_pool = true;
    }
    fan_status status = fani_pool_join(f->pool, f->count);
    f->joined = status == FAN_OK;
    return f->joined ? FAN_OK
                     : fani_error_set(error, status, "the pool: %s", fan_status_text(status));
}

static fan_status make_parts(fan_files *f, fan_error *error)
{
    f->reading = (fani_whole_options){.max = f->options.file_max,
                                      .keep_packed = f->options.keep_packed,
                                      .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (f->reading.stop_fd < 0)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "can't open a list of files");
    f->listing = fani_listing_new();
    f->slots = calloc(f->count, sizeof *f->slots);
    if (!f->listing || !f->slots)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a list of files");
    for (size_t i = 0; i < f->count; i++)
        f->slots[i] = (slot){.work.run = read_file, .files = f};
    return find_pool(f, error);
}

fan_status fan_files_open_sized(const fan_files_options *options, size_t options_size,
                                fan_files **files, fan_error *error)
{
    fan_files_options o = {0};
    *files = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    if (o.ahead_files > AHEAD_FILES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "at most %d files are read ahead",
                              AHEAD_FILES_MAX);
    if (o.file_max > PTRDIFF_MAX - 1)
        return fani_error_set(error, FAN_E_ARGUMENT, "the largest file has at most %td bytes",
                              PTRDIFF_MAX - 1);
    o.ahead_files = o.ahead_files ? o.ahead_files : AHEAD_FILES;
    o.ahead_bytes = o.ahead_bytes ? o.ahead_bytes : AHEAD_BYTES;
    o.file_max = o.file_max ? o.file_max : FILE_MAX;
    o.tries = o.tries ? o.tries : TRIES;
    o.backoff_ms = o.backoff_ms ? o.backoff_ms : BACKOFF_MS;
    o.stall_ms = o.stall_ms ? o.stall_ms : STALL_MS;
    fan_files *f = calloc(1, sizeof *f);
    if (!f)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a list of files");
    f->options = o;
    f->count = (size_t)o.ahead_files + 1;
    pthread_mutex_init(&f->lock, NULL);
    (void)fani_sleep_init(&f->changed); /* nothing that glibc could fail to make */
    fan_status status = make_parts(f, error);
    if (status != FAN_OK) {
        destroy(f);
        return status;
    }
    *files = f;
    return FAN_OK;
}

static bool any_is_read(const fan_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->slots[i].state == READING || f->slots[i].state == LATER)
            return true;
    return false;
}

fan_status fan_files_close(fan_files *files, fan_deadline deadline)
{
    const uint64_t one = 1;
    bool in_time = true;
    if (!files)
        return FAN_OK;
    ssize_t written = write(files->reading.stop_fd, &one, sizeof one);
    (void)written; /* fails where it was full: it is readable then */
    pthread_mutex_lock(&files->lock);
    files->stopping = true;
    for (size_t i = 0; i < files->count; i++) {
        slot *s = &files->slots[i];
        if (s->state == LATER && fani_pool_take_back(files->pool, &s->work))
            s->state = PARKED;
    }
    while (any_is_read(files) && in_time)
        in_time = fani_sleep_until(&files->changed, &files->lock, deadline);
    bool busy = any_is_read(files);
    pthread_mutex_unlock(&files->lock);
    if (busy)
        return FAN_E_BUSY;
    destroy(files);
    return FAN_OK;
}

/* ---- Which file is next ------------------------------------------------------------------------
 */

static fan_status add(fan_files *f, fani_listing_kind kind, const char *text)
{
    return f->begun || !text ? FAN_E_ARGUMENT : fani_listing_add(f->listing, kind, text);
}

fan_status fan_files_add(fan_files *files, const char *path)
{
    return add(files, FANI_LISTING_PATH, path);
}

fan_status fan_files_add_glob(fan_files *files, const char *pattern)
{
    return add(files, FANI_LISTING_GLOB, pattern);
}

fan_status fan_files_add_manifest(fan_files *files, const char *path)
{
    return add(files, FANI_LISTING_MANIFEST, path);
}

/* What fetches is made for the first file that is to be fetched. */
static fan_status need_fetcher(fan_files *f, const char *name, fan_error *error)
{
    if (f->reading.fetcher || !fani_fetch_is_url(name))
        return FAN_OK;
    const fani_fetch_options options = {.max = f->options.file_max,
                                        .tries = f->options.tries,
                                        .backoff_ms = f->options.backoff_ms,
                                        .stall_ms = f->options.stall_ms,
                                        .stop_fd = f->reading.stop_fd};
    return fani_fetcher_new(&options, &f->reading.fetcher, error);
}

/* Begins to read the next file of the list. What can't be listed stands in its place; FAN_E_MEMORY:
 * it has not even a name. */
static fan_status begin_next(fan_files *f)
{
    slot *s = slot_of(f, f->listed);
    s->error = (fan_error){0};
    fan_status status = fani_listing_next(f->listing, &s->listed, &s->error);
    if (!s->listed.name) {
        f->listed_all = status == FAN_OK;
        return status;
    }
    if (status == FAN_OK)
        status = need_fetcher(f, s->listed.name, &s->error);
    s->index = f->listed++;
    s->failed = status != FAN_OK;
    pthread_mutex_lock(&f->lock);
    s->state = s->failed ? THERE : READING;
    pthread_mutex_unlock(&f->lock);
    if (!s->failed)
        fani_pool_post(f->pool, &s->work, 0);
    return FAN_OK;
}

/* Lets the files go on that waited for room, or have become the next one. */
static void resume(fan_files *f)
{
    pthread_mutex_lock(&f->lock);
    for (uint64_t i = f->head; i < f->listed; i++) {
        slot *s = slot_of(f, i);
        if (s->state != PARKED || (i != f->head && f->held > f->options.ahead_bytes))
            continue;
        s->state = READING;
        fani_pool_post(f->pool, &s->work, 0);
    }
    pthread_mutex_unlock(&f->lock);
}

/* The file that was given last is no longer needed. */
static void take_back_given(fan_files *f)
{
    if (!f->head)
        return;
    slot *s = slot_of(f, f->head - 1);
    if (s->state != THERE || s->index != f->head - 1)
        return;
    size_t size = s->whole.bytes.size;
    clear_slot(s);
    pthread_mutex_lock(&f->lock);
    s->state = EMPTY;
    f->held -= size;
    pthread_mutex_unlock(&f->lock);
    resume(f);
}

static bool is_there(fan_files *f, const slot *s)
{
    pthread_mutex_lock(&f->lock);
    bool there = s->state == THERE;
    pthread_mutex_unlock(&f->lock);
    return there;
}

static fan_status await(fan_files *f, const slot *s, fan_deadline deadline)
{
    bool (*stop)(void *) = f->options.stop;
    while (!is_there(f, s)) {
        if (stop && stop(f->options.stop_user))
            return FAN_E_CANCELLED;
        fan_deadline look = stop ? fan_deadline_in_ms(STOP_MS) : FAN_FOREVER;
        bool in_time = true;
        pthread_mutex_lock(&f->lock);
        while (s->state != THERE && in_time)
            in_time = fani_sleep_until(&f->changed, &f->lock, look < deadline ? look : deadline);
        bool there = s->state == THERE;
        pthread_mutex_unlock(&f->lock);
        if (!there && (deadline == FAN_NOW || fan_deadline_in_ms(0) >= deadline))
            return FAN_E_TIMEOUT;
    }
    return FAN_OK;
}

static void give(fan_files *f, slot *s, fan_file *file)
{
    static _Alignas(16) const unsigned char nothing[16];
    *file = (fan_file){.index = s->index, .name = s->listed.name};
    if (s->failed) {
        file->error = &s->error;
    } else {
        file->bytes = s->whole.bytes.bytes ? s->whole.bytes.bytes : nothing;
        file->size = s->whole.bytes.size;
        file->stored_size = s->whole.stored_size;
        file->stored_hash = s->whole.stored_hash;
    }
    pthread_mutex_lock(&f->lock);
    f->head++;
    pthread_mutex_unlock(&f->lock);
    resume(f);
}

fan_status fan_files_next(fan_files *files, fan_deadline deadline, fan_file *file)
{
    fan_files *f = files;
    fan_status status;
    f->begun = true;
    take_back_given(f);
    while (f->not_listed == FAN_OK && !f->listed_all &&
           f->listed - f->head < f->options.ahead_files)
        f->not_listed = begin_next(f);
    if (f->listed == f->head) { /* all before it was given: told once, and gone on behind it */
        status = f->not_listed == FAN_OK ? FAN_E_CLOSED : f->not_listed;
        f->not_listed = FAN_OK;
        return status;
    }
    slot *s = slot_of(f, f->head);
    status = await(f, s, deadline);
    if (status == FAN_OK)
        give(f, s, file);
    return status;
}

/* ---- A map's source -----------------------------------------------------------------------------
 */

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    fan_files *f = user;
    fan_file file;
    fan_status status;
    (void)max_items;
    (void)max_bytes;
    while ((status = fan_files_next(f, fan_deadline_in_ms(QUIET_MS), &file)) == FAN_OK &&
           file.error && f->options.bad)
        f->options.bad(f->options.bad_user, &file);
    if (status == FAN_E_TIMEOUT)
        return FAN_E_BUSY;
    *items = (fan_items){0};
    if (status == FAN_E_CLOSED)
        return FAN_OK;
    if (status != FAN_OK)
        return fani_error_set(error, status, "%s", fan_status_text(status));
    if (file.error) {
        if (error)
            *error = *file.error;
        return file.error->status;
    }
    *items = (fan_items){.bytes = file.bytes, .size = file.size, .count = 1, .first = file.index};
    return FAN_OK;
}

fan_source fan_files_source(fan_files *files)
{
    return (fan_source){.pull = pull, .user = files, .count = UINT64_MAX, .numbered = true};
}
