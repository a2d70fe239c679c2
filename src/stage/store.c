/* Replies as files. The map's thread copies replies into parts, each a file to be; a part is a work
 * of the pool for as long as it has bytes that are not written. Parts are numbered and leave in
 * that order, so that the manifest is the same every time. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "stage/manifest.h"
#include "stage/members.h"
#include "stage/part_file.h"
#include "stage/pool.h"
#include "stage/sleep.h"

enum {
    BEHIND_FILES = 16,
    BEHIND_FILES_MAX = 4096,
    BEHIND_BYTES = 64 << 20,
    WORTH_A_WORK = 1 << 18, /* bytes of a part that is not complete */
    NAME_SIZE = 256,
};

typedef struct part {
    fani_work work; /* first: work and part have one address */
    fan_store *store;
    char *name; /* in the folder */
    char *path;
    uint64_t items, bytes;
    fani_part_file file; /* the work's */

    /* The lock guards the rest. */
    fan_buffer pending; /* not yet written */
    bool complete;      /* nothing comes any more */
    bool running;       /* a work of the pool has it */
    bool done;          /* written, or given up */
} part;

struct fan_store {
    fan_store_options options; /* texts are its own */
    fani_part_file_options writing;
    fan_pool *pool;
    bool own_pool, joined;
    part *parts;
    size_t count;
    part *current;        /* takes what is put, or NULL */
    uint64_t begun, next; /* numbers: of the next part, of the one that leaves next */
    fani_writer *manifest;
    bool finished;
    fan_store_stats stats;

    pthread_mutex_t lock; /* guards the rest, and what parts say */
    pthread_cond_t changed;
    size_t held;       /* bytes that are not written */
    fan_status status; /* the first error: nothing is written or published any more */
    fan_error error;
};

static void keep_error(fan_store *s, fan_status status, const fan_error *error)
{
    pthread_mutex_lock(&s->lock);
    if (s->status == FAN_OK) {
        s->status = status;
        s->error = *error;
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static fan_status kept_error(fan_store *s, fan_error *error)
{
    pthread_mutex_lock(&s->lock);
    fan_status status = s->status;
    if (status != FAN_OK && error)
        *error = s->error;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Writing, on the pool's threads -------------------------------------------------------------
 */

/* With the lock held: what is to be written next; false: nothing for now. */
static bool take_bytes(part *p, fan_buffer *bytes, bool *end)
{
    *bytes = p->pending;
    *end = p->complete;
    p->pending = (fan_buffer){0};
    if (!p->done && (bytes->size || *end))
        return true;
    p->running = false;
    return false;
}

static void write_part(fani_work *work)
{
    part *p = (part *)(void *)work;
    fan_store *s = p->store;
    fan_buffer bytes;
    bool end;
    pthread_mutex_lock(&s->lock);
    while (take_bytes(p, &bytes, &end)) {
        bool given_up = s->status != FAN_OK;
        fan_error error = {0};
        pthread_mutex_unlock(&s->lock);
        fan_status status = given_up ? FAN_OK
                                     : fani_part_file_add(&p->file, &s->writing, bytes.bytes,
                                                          bytes.size, end, &error);
        free(bytes.bytes);
        if (status != FAN_OK)
            keep_error(s, status, &error);
        pthread_mutex_lock(&s->lock);
        s->held -= bytes.size;
        p->done = end;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* With the lock held. */
static void post(part *p)
{
    if (p->running || p->done)
        return;
    p->running = true;
    fani_pool_post(p->store->pool, &p->work, 0);
}

/* ---- Parts, on the map's thread
 * ------------------------------------------------------------------ */

static void clear_part(part *p)
{
    fani_part_file_drop(&p->file);
    free(p->pending.bytes);
    free(p->name);
    free(p->path);
    *p = (part){.work = p->work, .store = p->store};
}

/* The part of the next number is done: it is counted, and listed. */
static fan_status retire(fan_store *s, fan_error *error)
{
    part *p = &s->parts[s->next++ % s->count];
    fan_status status = kept_error(s, error);
    if (status == FAN_OK) {
        const fani_manifest_entry entry = {.name = p->name,
                                           .size = p->file.stored_size,
                                           .hash = p->file.stored_hash,
                                           .has_size = true,
                                           .has_hash = true};
        char *line = s->manifest ? fani_manifest_line(&entry) : NULL;
        if (s->manifest)
            status = line ? fani_writer_add(s->manifest, line, strlen(line), error)
                          : fani_error_set(error, FAN_E_MEMORY, "no memory for the list of files");
        free(line);
        s->stats.files++;
        s->stats.items += p->items;
        s->stats.bytes += p->bytes;
        s->stats.stored_bytes += p->file.stored_size;
    }
    clear_part(p);
    return status;
}

/* Waits for parts to be done, and retires them, until all that begun before number `begun_before`
 * are. */
static fan_status make_way(fan_store *s, uint64_t begun_before, fan_error *error)
{
    fan_status status = FAN_OK;
    while (s->next < begun_before && status == FAN_OK) {
        part *p = &s->parts[s->next % s->count];
        pthread_mutex_lock(&s->lock);
        while (!p->done || p->running)
            (void)fani_sleep_until(&s->changed, &s->lock, FAN_FOREVER);
        pthread_mutex_unlock(&s->lock);
        status = retire(s, error);
    }
    return status;
}

static bool is_one_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The name of a part without the folder: *name, NULL before, is the caller's to free, also after an
 * error. */
static fan_status choose_name(const fan_store *s, const fan_outcome *outcome, char **name,
                              fan_error *error)
{
    const fan_store_options *o = &s->options;
    const char *ending = fani_pack_ending(o->packing);
    char chosen[NAME_SIZE] = "";
    int size;
    if (o->name) {
        fan_status status = o->name(o->name_user, outcome, chosen, error);
        if (status != FAN_OK)
            return status;
        if (!memchr(chosen, '\0', sizeof chosen) || !is_one_name(chosen))
            return fani_error_set(error, FAN_E_ARGUMENT,
                                  "item %" PRIu64 ": expected the name of a file in the folder",
                                  outcome->index);
        size = asprintf(name, "%s%s", chosen, ending);
    } else {
        uint64_t number = o->shard_items || o->shard_bytes ? s->begun : outcome->index;
        char member[16] = "";
        if (o->members)
            snprintf(member, sizeof member, "%05u-", o->member);
        size =
            asprintf(name, "%s%s%05" PRIu64 "%s%s", o->prefix, member, number, o->suffix, ending);
    }
    if (size < 0) {
        *name = NULL; /* asprintf leaves there what it likes */
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a file");
    }
    if (fani_members_is_manifest(o, *name))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "item %" PRIu64 ": its file would be %s, the list of files",
                              outcome->index, *name);
    return FAN_OK;
}

static fan_status begin_part(fan_store *s, const fan_outcome *outcome, fan_error *error)
{
    char *name = NULL, *path = NULL;
    fan_status status = choose_name(s, outcome, &name, error);
    if (status == FAN_OK && asprintf(&path, "%s/%s", s->options.folder, name) < 0) {
        path = NULL;
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a file");
    }
    if (status == FAN_OK && s->begun >= s->count)
        status = make_way(s, s->begun - s->count + 1, error);
    if (status != FAN_OK) {
        free(name);
        free(path);
        return status;
    }
    part *p = &s->parts[s->begun++ % s->count];
    p->name = name;
    p->file.path = p->path = path;
    s->current = p;
    return FAN_OK;
}

/* With the lock held. False: out of memory. */
static bool append(fan_store *s, part *p, const void *bytes, size_t size)
{
    fan_buffer *b = &p->pending;
    if (b->size + size > b->capacity) {
        size_t capacity = b->size + size;
        if (capacity < WORTH_A_WORK && capacity < 2 * b->capacity)
            capacity = 2 * b->capacity;
        unsigned char *more = realloc(b->bytes, capacity);
        if (!more)
            return false;
        b->bytes = more;
        b->capacity = capacity;
    }
    if (size)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
    s->held += size;
    p->bytes += size;
    return true;
}

static bool is_full(const fan_store *s, const part *p)
{
    const fan_store_options *o = &s->options;
    if (!o->shard_items && !o->shard_bytes)
        return true;
    return (o->shard_items && p->items >= o->shard_items) ||
           (o->shard_bytes && p->bytes >= o->shard_bytes);
}

/* A part that lacks a reply is not completed: it might be published before the error is known. */
static fan_status add_reply(fan_store *s, const fan_outcome *outcome, fan_error *error)
{
    part *p = s->current;
    const char *item_end = s->options.item_end;
    pthread_mutex_lock(&s->lock);
    bool fits =
        append(s, p, outcome->bytes, outcome->size) && append(s, p, item_end, strlen(item_end));
    p->items++;
    if (fits && is_full(s, p)) {
        p->complete = true;
        s->current = NULL;
    }
    if (p->complete || p->pending.size >= WORTH_A_WORK)
        post(p);
    while (fits && s->held > s->options.behind_bytes && s->status == FAN_OK) {
        if (p->pending.size) /* whatever it holds, who else would write it? */
            post(p);
        (void)fani_sleep_until(&s->changed, &s->lock, FAN_FOREVER);
    }
    pthread_mutex_unlock(&s->lock);
    return fits ? FAN_OK
                : fani_error_set(error, FAN_E_MEMORY, "no memory for the reply of item %" PRIu64,
                                 outcome->index);
}

static fan_status put_one(fan_store *s, const fan_outcome *outcome, fan_error *error)
{
    if (outcome->kind != FAN_OUTCOME_OK) {
        if (!s->options.bad)
            return fani_error_set(error, FAN_E_FAILED, "item %" PRIu64 " %s: %s", outcome->index,
                                  fan_outcome_name(outcome->kind), outcome->text);
        s->options.bad(s->options.bad_user, outcome);
        return FAN_OK;
    }
    fan_status status = kept_error(s, error);
    if (status == FAN_OK && !s->current)
        status = begin_part(s, outcome, error);
    return status == FAN_OK ? add_reply(s, outcome, error) : status;
}

/* An error of putting is the store's too: what has begun is not published without what is missing.
 */
static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    fan_store *s = user;
    fan_status status = s->finished ? FAN_E_CLOSED : FAN_OK;
    fan_error why = {0};
    if (status != FAN_OK)
        return fani_error_set(error, status, "the store is finished");
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = put_one(s, &outcomes[i], &why);
    if (status == FAN_OK)
        return FAN_OK;
    if (why.status == FAN_OK)
        fani_error_set(&why, status, "%s", fan_status_text(status));
    keep_error(s, status, &why);
    if (error)
        *error = why;
    return status;
}

fan_sink fan_store_sink(fan_store *store)
{
    return fan_sink_callback(put, store);
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

/* NULL: out of memory. */
static const char *own(const char *text)
{
    return strdup(text ? text : "");
}

static fan_status check(const fan_store_options *o, fan_error *error)
{
    const char *const texts[] = {o->prefix, o->suffix, o->manifest};
    if (!o->folder || !*o->folder)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected a folder");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i] && strchr(texts[i], '/'))
            return fani_error_set(error, FAN_E_ARGUMENT, "\"%s\": expected a name without '/'",
                                  texts[i]);
    if (o->manifest && !is_one_name(o->manifest))
        return fani_error_set(error, FAN_E_ARGUMENT, "expected a name for the list of files");
    if (o->name && (o->shard_items || o->shard_bytes))
        return fani_error_set(error, FAN_E_ARGUMENT, "shards are not named after items");
    if (o->packing > FAN_PACKING_ZSTD || !fani_pack_level_is_valid(o->packing, o->level))
        return fani_error_set(error, FAN_E_ARGUMENT, "there is no such compression");
    if (o->members > FANI_MEMBERS_MAX || (o->members && o->member >= o->members))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "member %u of %u: expected one from 0, of at most %d", o->member,
                              o->members, FANI_MEMBERS_MAX);
    if (o->behind_files > BEHIND_FILES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "at most %d files are written at a time",
                              BEHIND_FILES_MAX);
    return FAN_OK;
}

static fan_status make_folder(const fan_store_options *o, fan_error *error)
{
    struct stat info;
    int code = 0;
    if (mkdir(o->folder, o->secret ? 0700 : 0777) != 0) {
        code = errno;
        if (code == EEXIST && stat(o->folder, &info) == 0)
            code = S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    }
    if (!code)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "the folder %s can't be made", o->folder);
    fani_error_place(error, o->folder, 0, 0);
    return FAN_E_OUTPUT;
}

/* An old manifest goes at once: it would speak of files that are not what it says. */
static fan_status begin_manifest(fan_store *s, fan_error *error)
{
    if (!s->options.manifest)
        return FAN_OK;
    fan_status status = fani_members_remove_manifest(&s->options, error);
    if (status != FAN_OK)
        return status;
    char *path = fani_members_manifest(&s->options, s->options.member);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the list of files");
    if (unlink(path) != 0 && errno != ENOENT) {
        status = fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be replaced", path);
        fani_error_place(error, path, 0, 0);
    }
    if (status == FAN_OK)
        status = fani_writer_to_name(path, &s->manifest, error);
    if (status == FAN_OK && s->options.secret)
        status = fani_writer_make_private(s->manifest, error);
    if (status == FAN_OK)
        status =
            fani_writer_add(s->manifest, FANI_MANIFEST_HEAD, strlen(FANI_MANIFEST_HEAD), error);
    free(path);
    return status;
}

static fan_status find_pool(fan_store *s, fan_error *error)
{
    enum { THREADS = 16 };
    s->pool = s->options.pool;
    if (!s->pool) {
        unsigned threads = s->count < THREADS ? (unsigned)s->count : THREADS;
        fan_status status = fan_pool_open(&(fan_pool_options){.threads = threads, .queue_calls = 1},
                                          &s->pool, error);
        if (status != FAN_OK)
            return status;
        s->own_pool = true;
    }
    fan_status status = fani_pool_join(s->pool, s->count);
    s->joined = status == FAN_OK;
    return s->joined ? FAN_OK
                     : fani_error_set(error, status, "the pool: %s", fan_status_text(status));
}

static fan_status make_parts(fan_store *s, fan_error *error)
{
    fan_store_options *o = &s->options;
    o->folder = own(o->folder);
    o->prefix = own(o->prefix);
    o->suffix = own(o->suffix);
    o->item_end = own(o->item_end);
    bool all = o->folder && o->prefix && o->suffix && o->item_end;
    if (o->manifest) {
        o->manifest = own(o->manifest);
        all = all && o->manifest;
    }
    s->parts = calloc(s->count, sizeof *s->parts);
    if (!all || !s->parts)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a store");
    for (size_t i = 0; i < s->count; i++)
        s->parts[i] = (part){.work.run = write_part, .store = s};
    return FAN_OK;
}

fan_status fan_store_open_sized(const fan_store_options *options, size_t options_size,
                                fan_store **store, fan_error *error)
{
    fan_store_options o = {0};
    *store = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    fan_status status = check(&o, error);
    if (status != FAN_OK)
        return status;
    o.behind_files = o.behind_files ? o.behind_files : BEHIND_FILES;
    o.behind_bytes = o.behind_bytes ? o.behind_bytes : BEHIND_BYTES;
    fan_store *s = calloc(1, sizeof *s);
    if (!s)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a store");
    s->options = o;
    s->count = o.behind_files;
    s->writing =
        (fani_part_file_options){.packing = o.packing, .level = o.level, .secret = o.secret};
    pthread_mutex_init(&s->lock, NULL);
    (void)fani_sleep_init(&s->changed); /* nothing that glibc could fail to make */
    status = make_parts(s, error);
    if (status == FAN_OK)
        status = make_folder(&s->options, error);
    if (status == FAN_OK)
        status = begin_manifest(s, error);
    if (status == FAN_OK)
        status = find_pool(s, error);
    if (status != FAN_OK) {
        fan_store_free(s);
        return status;
    }
    *store = s;
    return FAN_OK;
}

/* ---- The end
 * ------------------------------------------------------------------------------------- */

static void complete_current(fan_store *s)
{
    if (!s->current)
        return;
    pthread_mutex_lock(&s->lock);
    s->current->complete = true;
    post(s->current);
    pthread_mutex_unlock(&s->lock);
    s->current = NULL;
}

fan_status fan_store_finish(fan_store *store, fan_error *error)
{
    fan_store *s = store;
    if (s->finished)
        return fani_error_set(error, FAN_E_CLOSED, "the store is finished");
    complete_current(s);
    s->finished = true;
    fan_status status = make_way(s, s->begun, error);
    if (status == FAN_OK)
        status = kept_error(s, error);
    if (status == FAN_OK && s->manifest)
        status = fani_writer_publish(s->manifest, error);
    return status;
}

fan_status fan_store_get_stats_sized(fan_store *store, fan_store_stats *stats, size_t stats_size)
{
    size_t size = sizeof store->stats;
    memcpy(stats, &store->stats, stats_size < size ? stats_size : size);
    return FAN_OK;
}

static bool any_is_running(const fan_store *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].running)
            return true;
    return false;
}

/* Nothing more is written, and what is being written has come to an end. */
static void give_up(fan_store *s)
{
    const fan_error given_up = {.status = FAN_E_CANCELLED, .text = "the store was freed"};
    keep_error(s, FAN_E_CANCELLED, &given_up);
    pthread_mutex_lock(&s->lock);
    while (any_is_running(s))
        (void)fani_sleep_until(&s->changed, &s->lock, FAN_FOREVER);
    pthread_mutex_unlock(&s->lock);
}

void fan_store_free(fan_store *store)
{
    fan_store *s = store;
    if (!s)
        return;
    const char *const texts[] = {s->options.folder, s->options.prefix, s->options.suffix,
                                 s->options.item_end, s->options.manifest};
    if (s->joined) {
        give_up(s);
        fani_pool_leave(s->pool, s->count);
    }
    if (s->own_pool)
        (void)fan_pool_close(s->pool, FAN_CLOSE_DRAIN, FAN_FOREVER); /* nothing of it runs */
    for (size_t i = 0; s->parts && i < s->count; i++)
        clear_part(&s->parts[i]);
    free(s->parts);
    fani_writer_free(s->manifest);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((void *)(uintptr_t)texts[i]); /* its own, see make_parts */
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
