/* Files copied into a folder: which is next, which are under way, and in which order they are told.
 * A copy is a work of the pool; its slot is used again once its file was told. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "stage/beneath.h"
#include "stage/copy_file.h"
#include "stage/manifest.h"
#include "stage/names.h"
#include "stage/pool.h"
#include "stage/sleep.h"
#include "stage/walk.h"

enum {
    COPIES = 16,
    COPIES_MAX = 4096,
    STOP_MS = 100, /* between two looks at stop */
    TRIES = 5,
    BACKOFF_MS = 250,
    STALL_MS = 30000,
};

typedef struct slot {
    fani_work work; /* first: work and slot have one address */
    fan_copier *copier;
    bool running; /* the lock guards this one; while it is set the rest is the work's */
    fani_listed listed;
    char *name;
    fani_copy_result result;
    bool failed;
    fan_error error;
} slot;

struct fan_copier {
    fan_copier_options options; /* texts are its own */
    fani_copy_into into;
    fan_pool *pool;
    bool own_pool, joined, finished;
    int stop_fd;
    fani_listing *listing;
    fani_names *names;     /* that were given away */
    uint64_t listed, told; /* files that have got a slot; of them have been told */
    fan_status not_listed; /* what comes behind those and could not even be named */
    slot *slots;           /* copies, and one that was told */
    size_t count;
    fani_writer *manifest;
    _Atomic bool stopping;

    pthread_mutex_t lock; /* guards what slots say */
    pthread_cond_t changed;
};

/* ---- Copying, on the pool's threads ------------------------------------------------------------
 */

static void copy_one(fani_work *work)
{
    slot *s = (slot *)(void *)work;
    fan_copier *c = s->copier;
    s->failed = fani_copy_file(&c->into, &s->listed, s->name, &s->result, &s->error) != FAN_OK;
    pthread_mutex_lock(&c->lock);
    s->running = false;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* ---- Names -----------------------------------------------------------------------------------
 */

/* The last part of a URL's path. NULL: out of memory. */
static char *name_of_url(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t size = strcspn(host, "?#"), at = size;
    while (at && host[at - 1] != '/')
        at--;
    return strndup(host + at, at ? size - at : 0);
}

static fan_status refuse_name(const fani_listed *listed, const char *name, const char *flaw,
                              fan_error *error)
{
    fani_error_set(error, FAN_E_INPUT, "%s: the name of its copy, \"%.200s\", %s", listed->name,
                   name, flaw);
    fani_error_place(error, listed->name, 0, 0);
    return FAN_E_INPUT;
}

/* Gives a name away, which nobody else gets. With unpacking, what it may become is given away too:
 * only the file's first bytes will tell which of them it is. */
static fan_status give_name(fan_copier *c, const slot *s, fan_error *error)
{
    const char *list = c->options.manifest;
    bool is_new = false, other_is_new = true, good;
    char *other = strdup(s->name);
    if (other && c->options.unpack && !s->listed.is_final)
        fani_copy_take_ending_off(other);
    bool is_list = other && list && (!strcmp(s->name, list) || !strcmp(other, list));
    good = other && fani_names_add(c->names, s->name, &is_new);
    if (good && strcmp(other, s->name) != 0)
        good = fani_names_add(c->names, other, &other_is_new);
    free(other);
    if (!good)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the names of files");
    if (is_list)
        return refuse_name(&s->listed, s->name, "is that of the list of files", error);
    return is_new && other_is_new
               ? FAN_OK
               : refuse_name(&s->listed, s->name, "is that of another copy too", error);
}

/* The copy's name, which is left in the slot. */
static fan_status choose_name(fan_copier *c, slot *s, fan_error *error)
{
    bool remote = fani_fetch_is_url(s->listed.name);
    if (!s->name && !strcmp(s->listed.name, "-"))
        return fani_error_set(error, FAN_E_INPUT,
                              "standard input has no name that its copy could have");
    if (!s->name)
        s->name = remote ? name_of_url(s->listed.name) : strdup(s->listed.name + s->listed.below);
    if (!s->name)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a file");
    const char *flaw = fani_beneath_flaw(s->name);
    if (flaw)
        return refuse_name(&s->listed, s->name, flaw, error);
    fani_beneath_tidy(s->name);
    return give_name(c, s, error);
}

/* ---- Opening and closing -----------------------------------------------------------------------
 */

static void clear_slot(slot *s)
{
    free(s->listed.name);
    free(s->name);
    s->listed = (fani_listed){0};
    s->name = NULL;
    s->result = (fani_copy_result){0};
    s->failed = false;
    s->error = (fan_error){0};
}

static void destroy(fan_copier *c)
{
    for (size_t i = 0; c->slots && i < c->count; i++)
        clear_slot(&c->slots[i]);
    free(c->slots);
    if (c->joined)
        fani_pool_leave(c->pool, c->count);
    if (c->own_pool)
        (void)fan_pool_close(c->pool, FAN_CLOSE_DRAIN, FAN_FOREVER); /* nothing of it runs */
    fani_fetcher_free(c->into.fetcher);
    fani_listing_free(c->listing);
    fani_names_free(c->names);
    fani_writer_free(c->manifest);
    if (c->into.folder >= 0)
        (void)close(c->into.folder); /* only a place */
    if (c->stop_fd >= 0)
        (void)close(c->stop_fd);
    free((void *)(uintptr_t)c->options.folder); /* its own, see fan_copier_open_sized */
    free((void *)(uintptr_t)c->options.manifest);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static fan_status fail_folder(const fan_copier *c, const char *doing, fan_error *error)
{
    const char *folder = c->options.folder;
    fani_error_errno(error, FAN_E_OUTPUT, errno, "the folder %s can't be %s", folder, doing);
    fani_error_place(error, folder, 0, 0);
    return FAN_E_OUTPUT;
}

static fan_status open_folder(fan_copier *c, fan_error *error)
{
    struct stat info;
    bool made = mkdir(c->options.folder, c->options.secret ? 0700 : 0777) == 0;
    if (!made && errno != EEXIST)
        return fail_folder(c, "made", error);
    c->into.folder = open(c->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->into.folder < 0 || fstat(c->into.folder, &info) != 0)
        return fail_folder(c, "opened", error);
    if (made && fani_sync_folder(c->into.folder, "..") != 0)
        return fail_folder(c, "synced", error);
    fani_listing_pass_over(c->listing, &info);
    return FAN_OK;
}

/* An old manifest goes at once: it would speak of files that are not what it says. */
static fan_status begin_manifest(fan_copier *c, fan_error *error)
{
    const char *name = c->options.manifest;
    if (!name)
        return FAN_OK;
    char *path = fani_walk_join(c->options.folder, name);
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the list of files");
    fan_status status = FAN_OK;
    if (unlinkat(c->into.folder, name, 0) != 0 && errno != ENOENT) {
        status = fani_error_errno(error, FAN_E_OUTPUT, errno, "%s can't be replaced", path);
        fani_error_place(error, path, 0, 0);
    }
    if (status == FAN_OK)
        status = fani_writer_to_entry(c->into.folder, name, path, &c->manifest, error);
    if (status == FAN_OK && c->options.secret)
        status = fani_writer_make_private(c->manifest, error);
    if (status == FAN_OK)
        status =
            fani_writer_add(c->manifest, FANI_MANIFEST_HEAD, strlen(FANI_MANIFEST_HEAD), error);
    free(path);
    return status;
}

static fan_status find_pool(fan_copier *c, fan_error *error)
{
    c->pool = c->options.pool;
    if (!c->pool) {
        fan_status status = fan_pool_open(
            &(fan_pool_options){.threads = c->options.copies, .queue_calls = 1}, &c->pool, error);
        if (status != FAN_OK)
            return status;
        c->own_pool = true;
    }
    fan_status status = fani_pool_join(c->pool, c->count);
    c->joined = status == FAN_OK;
    return c->joined ? FAN_OK
                     : fani_error_set(error, status, "the pool: %s", fan_status_text(status));
}

static fan_status make_parts(fan_copier *c, fan_error *error)
{
    c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->stop_fd < 0)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "can't open a copier");
    c->into = (fani_copy_into){.folder = -1,
                               .path = c->options.folder,
                               .unpack = c->options.unpack,
                               .secret = c->options.secret,
                               .verify = c->options.verify,
                               .stopping = &c->stopping};
    c->listing = fani_listing_new();
    c->names = fani_names_new();
    c->slots = calloc(c->count, sizeof *c->slots);
    if (!c->listing || !c->names || !c->slots)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a copier");
    for (size_t i = 0; i < c->count; i++)
        c->slots[i] = (slot){.work.run = copy_one, .copier = c};
    fan_status status = open_folder(c, error);
    if (status == FAN_OK)
        status = begin_manifest(c, error);
    return status == FAN_OK ? find_pool(c, error) : status;
}

static fan_status check(const fan_copier_options *o, fan_error *error)
{
    if (!o->folder || !*o->folder)
        return fani_error_set(error, FAN_E_ARGUMENT, "expected a folder");
    if (o->manifest && (fani_beneath_flaw(o->manifest) || strchr(o->manifest, '/')))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "\"%s\": expected a name for the list of files, without '/'",
                              o->manifest);
    if (o->copies > COPIES_MAX)
        return fani_error_set(error, FAN_E_ARGUMENT, "at most %d files are copied at a time",
                              COPIES_MAX);
    return FAN_OK;
}

fan_status fan_copier_open_sized(const fan_copier_options *options, size_t options_size,
                                 fan_copier **copier, fan_error *error)
{
    fan_copier_options o = {0};
    *copier = NULL;
    if (options)
        memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    fan_status status = check(&o, error);
    if (status != FAN_OK)
        return status;
    o.copies = o.copies ? o.copies : COPIES;
    o.tries = o.tries ? o.tries : TRIES;
    o.backoff_ms = o.backoff_ms ? o.backoff_ms : BACKOFF_MS;
    o.stall_ms = o.stall_ms ? o.stall_ms : STALL_MS;
    fan_copier *c = calloc(1, sizeof *c);
    if (!c)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a copier");
    bool listed = o.manifest != NULL;
    c->options = o;
    c->options.folder = o.folder ? strdup(o.folder) : NULL; /* check has seen it */
    c->options.manifest = listed ? strdup(o.manifest) : NULL;
    c->count = (size_t)o.copies + 1;
    c->stop_fd = c->into.folder = -1;
    pthread_mutex_init(&c->lock, NULL);
    (void)fani_sleep_init(&c->changed); /* nothing that glibc could fail to make */
    status = c->options.folder && (!listed || c->options.manifest)
                 ? make_parts(c, error)
                 : fani_error_set(error, FAN_E_MEMORY, "no memory for a copier");
    if (status != FAN_OK) {
        destroy(c);
        return status;
    }
    *copier = c;
    return FAN_OK;
}

static bool any_runs(const fan_copier *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->slots[i].running)
            return true;
    return false;
}

fan_status fan_copier_close(fan_copier *copier, fan_deadline deadline)
{
    const uint64_t one = 1;
    bool in_time = true;
    if (!copier)
        return FAN_OK;
    atomic_store(&copier->stopping, true);
    ssize_t written = write(copier->stop_fd, &one, sizeof one);
    (void)written; /* fails where it was full: it is readable then */
    pthread_mutex_lock(&copier->lock);
    while (any_runs(copier) && in_time)
        in_time = fani_sleep_until(&copier->changed, &copier->lock, deadline);
    bool busy = any_runs(copier);
    pthread_mutex_unlock(&copier->lock);
    if (busy)
        return FAN_E_BUSY;
    destroy(copier);
    return FAN_OK;
}

/* ---- Adding ----------------------------------------------------------------------------------
 */

static fan_status add(fan_copier *c, fani_listing_kind kind, const char *text)
{
    return c->finished || !text ? FAN_E_ARGUMENT : fani_listing_add(c->listing, kind, text);
}

fan_status fan_copier_add(fan_copier *copier, const char *path)
{
    return add(copier, FANI_LISTING_PATH, path);
}

fan_status fan_copier_add_glob(fan_copier *copier, const char *pattern)
{
    return add(copier, FANI_LISTING_GLOB, pattern);
}

fan_status fan_copier_add_manifest(fan_copier *copier, const char *path)
{
    return add(copier, FANI_LISTING_MANIFEST, path);
}

fan_status fan_copier_add_source(fan_copier *copier, const char *text)
{
    struct stat info;
    if (!text)
        return FAN_E_ARGUMENT;
    if (*text == '@')
        return fan_copier_add_manifest(copier, text + 1);
    bool is_pattern = strpbrk(text, "*?[") && !fani_fetch_is_url(text) && lstat(text, &info) != 0;
    return is_pattern ? fan_copier_add_glob(copier, text) : fan_copier_add(copier, text);
}

/* Where the last part of a path begins. */
static size_t base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

fan_status fan_copier_add_known(fan_copier *copier, const fan_known_file *file)
{
    if (copier->finished || !file->source)
        return FAN_E_ARGUMENT;
    /* Its names are copied. */
    const fani_listed known = {.name = (char *)(uintptr_t)file->source,
                               .copy = (char *)(uintptr_t)file->name,
                               .is_final = file->name != NULL,
                               .below = base_of(file->source),
                               .size = file->size,
                               .hash = file->hash,
                               .has_size = file->has_size,
                               .has_hash = file->has_hash};
    return fani_listing_add_known(copier->listing, &known);
}

/* ---- Which file is next ------------------------------------------------------------------------
 */

/* What fetches is made for the first file that is to be fetched. */
static fan_status need_fetcher(fan_copier *c, const char *name, fan_error *error)
{
    if (c->into.fetcher || !fani_fetch_is_url(name))
        return FAN_OK;
    const fani_fetch_options options = {.max = PTRDIFF_MAX,
                                        .tries = c->options.tries,
                                        .backoff_ms = c->options.backoff_ms,
                                        .stall_ms = c->options.stall_ms,
                                        .stop_fd = c->stop_fd};
    return fani_fetcher_new(&options, &c->into.fetcher, error);
}

/* Begins to copy the next file of the list. What can't be stands in its place; false: there is none
 * for now. */
static bool begin_next(fan_copier *c)
{
    slot *s = &c->slots[c->listed % c->count];
    clear_slot(s);
    fan_status status = fani_listing_next(c->listing, &s->listed, &s->error);
    if (!s->listed.name) {
        c->not_listed = status;
        return false;
    }
    s->name = s->listed.copy;
    s->listed.copy = NULL;
    if (status == FAN_OK)
        status = choose_name(c, s, &s->error);
    if (status == FAN_OK)
        status = need_fetcher(c, s->listed.name, &s->error);
    c->listed++;
    s->failed = status != FAN_OK;
    if (s->failed)
        return true;
    pthread_mutex_lock(&c->lock);
    s->running = true;
    pthread_mutex_unlock(&c->lock);
    fani_pool_post(c->pool, &s->work, 0);
    return true;
}

static fan_status await(fan_copier *c, const slot *s, fan_deadline deadline)
{
    bool (*stop)(void *) = c->options.stop;
    for (;;) {
        bool in_time = true;
        if (stop && stop(c->options.stop_user))
            return FAN_E_CANCELLED;
        fan_deadline look = stop ? fan_deadline_in_ms(STOP_MS) : FAN_FOREVER;
        pthread_mutex_lock(&c->lock);
        while (s->running && in_time)
            in_time = fani_sleep_until(&c->changed, &c->lock, look < deadline ? look : deadline);
        bool running = s->running;
        pthread_mutex_unlock(&c->lock);
        if (!running)
            return FAN_OK;
        if (deadline == FAN_NOW || fan_deadline_in_ms(0) >= deadline)
            return FAN_E_TIMEOUT;
    }
}

static fan_status note(fan_copier *c, const slot *s, fan_error *error)
{
    const fani_manifest_entry entry = {.name = s->name,
                                       .size = s->result.size,
                                       .hash = s->result.hash,
                                       .has_size = true,
                                       .has_hash = true};
    if (!c->manifest || s->failed)
        return FAN_OK;
    char *line = fani_manifest_line(&entry);
    fan_status status = line ? fani_writer_add(c->manifest, line, strlen(line), error)
                             : fani_error_set(error, FAN_E_MEMORY, "no memory for a list of files");
    free(line);
    return status;
}

static void tell(const slot *s, uint64_t index, fan_copied *copied)
{
    *copied = (fan_copied){.index = index,
                           .source = s->listed.name,
                           .name = s->name ? s->name : "",
                           .size = s->result.size,
                           .hash = s->result.hash,
                           .stored_size = s->result.stored_size,
                           .stored_hash = s->result.stored_hash,
                           .kept = s->result.kept,
                           .error = s->failed ? &s->error : NULL};
}

fan_status fan_copier_next(fan_copier *copier, fan_deadline deadline, fan_copied *copied)
{
    fan_copier *c = copier;
    if (c->finished)
        return FAN_E_CLOSED;
    while (c->not_listed == FAN_OK && c->listed - c->told < c->options.copies && begin_next(c))
        continue;
    if (c->listed == c->told) { /* told once, and gone on behind it */
        fan_status status = c->not_listed == FAN_OK ? FAN_E_CLOSED : c->not_listed;
        c->not_listed = FAN_OK;
        return status;
    }
    slot *s = &c->slots[c->told % c->count];
    fan_status status = await(c, s, deadline);
    if (status != FAN_OK)
        return status;
    s->failed |= note(c, s, &s->error) != FAN_OK; /* the list can't be finished then */
    tell(s, c->told++, copied);
    return FAN_OK;
}

fan_status fan_copier_finish(fan_copier *copier, fan_error *error)
{
    fan_copier *c = copier;
    if (c->finished)
        return fani_error_set(error, FAN_E_CLOSED, "the copier is finished");
    if (c->listed != c->told)
        return fani_error_set(error, FAN_E_BUSY, "not all copies were asked for");
    c->finished = true;
    return c->manifest ? fani_writer_publish(c->manifest, error) : FAN_OK;
}
