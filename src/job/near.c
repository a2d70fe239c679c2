/* Files copied once on each host. Where there are several ranks, a gang with a member on each finds
 * out which are on one host; the lowest there copies, the others wait. Rank 0 reads first, and what
 * it has read goes to the others as names, sizes and hashes, some at a time, so that they copy
 * while it still does. */
#include "job/near.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "fanfold/gang.h"
#include "job/record.h"
#include "stage/fetch.h"
#include "stage/scratch.h"

enum {
    ERRORS = 16,           /* that a host tells in full */
    CHUNK_BYTES = 1 << 18, /* of what rank 0 tells the others at once */
};

/* ---- Orders ----------------------------------------------------------------------------------
 */

typedef enum near_what { NEAR_COPY, NEAR_REMOVE } near_what;

/* What is to be done on each host. Behind it stand texts, each with a NUL: the folder ("" for one
 * by the rule), the name of a private one, the manifest ("" for none), the sources; then the known
 * files. */
typedef struct near_order {
    uint32_t what;
    uint32_t unpack, secret, passing;
    uint32_t copies;
    uint32_t source_count, known_count;
} near_order;

typedef struct near_texts {
    near_order order;
    const char *folder, *name, *manifest;
    const char *rest; /* the sources, then the known files */
    const char *end;
} near_texts;

/* A file with what is known of it. Behind it stand two texts, its source and its name, with a NUL
 * each. */
typedef struct near_file {
    uint64_t size, hash;
    uint32_t has_size, has_hash, has_name, reserved;
} near_file;

static fan_status add_text(fan_buffer *to, const char *text)
{
    return fani_bytes_add(to, text ? text : "", strlen(text ? text : "") + 1);
}

static fan_status add_file(fan_buffer *to, const fan_known_file *file)
{
    const near_file head = {.size = file->size,
                            .hash = file->hash,
                            .has_size = file->has_size,
                            .has_hash = file->has_hash,
                            .has_name = file->name != NULL};
    fan_status status = fani_bytes_add(to, &head, sizeof head);
    if (status == FAN_OK)
        status = add_text(to, file->source);
    return status == FAN_OK ? add_text(to, file->name) : status;
}

/* The next text, and *at moved behind it; NULL: there is none. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    size_t size = strnlen(text, (size_t)(end - text));
    if (size == (size_t)(end - text))
        return NULL;
    *at += size + 1;
    return text;
}

static bool take_file(const char **at, const char *end, fan_known_file *file)
{
    near_file head;
    if ((size_t)(end - *at) < sizeof head)
        return false;
    memcpy(&head, *at, sizeof head);
    *at += sizeof head;
    const char *source = take_text(at, end), *name = source ? take_text(at, end) : NULL;
    *file = (fan_known_file){.source = source,
                             .name = head.has_name ? name : NULL,
                             .size = head.size,
                             .hash = head.hash,
                             .has_size = head.has_size,
                             .has_hash = head.has_hash};
    return name != NULL;
}

/* Names of this program's folder are not those of another rank's. */
static char *absolute(const char *path)
{
    char *all = NULL, *here = NULL;
    if (*path == '/' || fani_fetch_is_url(path))
        return strdup(path);
    here = getcwd(NULL, 0);
    if (!here || asprintf(&all, "%s/%s", here, path) < 0)
        all = NULL;
    free(here);
    return all;
}

static fan_status write_order(fan_buffer *to, const fan_near_options *o, near_what what,
                              const char *name)
{
    const near_order order = {.what = what,
                              .unpack = o->unpack,
                              .secret = o->secret,
                              .passing = o->passing,
                              .copies = o->copies,
                              .source_count = what == NEAR_COPY ? (uint32_t)o->source_count : 0,
                              .known_count = what == NEAR_COPY ? (uint32_t)o->known_count : 0};
    char *folder = o->folder ? absolute(o->folder) : NULL;
    fan_status status = o->folder && !folder ? FAN_E_MEMORY : FAN_OK;
    if (status == FAN_OK)
        status = fani_bytes_add(to, &order, sizeof order);
    const char *const texts[] = {folder, name, o->manifest};
    for (size_t i = 0; status == FAN_OK && i < 3; i++)
        status = add_text(to, texts[i]);
    for (size_t i = 0; status == FAN_OK && i < order.source_count; i++)
        status = add_text(to, o->sources[i]);
    for (size_t i = 0; status == FAN_OK && i < order.known_count; i++)
        status = add_file(to, &o->known[i]);
    free(folder);
    return status;
}

static bool read_order(const void *bytes, size_t size, near_texts *texts)
{
    const char *at = bytes;
    texts->end = at + size;
    if (size < sizeof texts->order)
        return false;
    memcpy(&texts->order, at, sizeof texts->order);
    at += sizeof texts->order;
    texts->folder = take_text(&at, texts->end);
    texts->name = texts->folder ? take_text(&at, texts->end) : NULL;
    texts->manifest = texts->name ? take_text(&at, texts->end) : NULL;
    texts->rest = at;
    return texts->manifest != NULL;
}

/* ---- Hosts -----------------------------------------------------------------------------------
 */

/* What tells hosts apart: also containers on one of them, which have other folders. */
static uint64_t host_id(void)
{
    char text[256] = "";
    struct stat space = {0};
    (void)gethostname(text, 128); /* without a name the rest tells */
    text[127] = '\0';
    size_t used = strlen(text);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text + used, sizeof text - used) : 0;
    if (fd >= 0)
        (void)close(fd); /* only read */
    if (stat("/proc/self/ns/mnt", &space) != 0)
        space.st_ino = 0;
    used += n > 0 ? (size_t)n : 0;
    return XXH3_64bits_withSeed(text, used, space.st_ino) | 1;
}

/* Where the files go on this host: *path is the folder that is shown or removed, *into the one that
 * they go to, both the caller's. */
static fan_status make_place(const near_texts *t, bool parent, char **path, char **into,
                             fan_error *error)
{
    char *base = NULL;
    fan_status status = FAN_OK;
    fani_scratch_life life = t->order.passing ? FANI_SCRATCH_PROCESS : FANI_SCRATCH_STAYS;
    if (t->order.passing && parent)
        life = FANI_SCRATCH_PARENT;
    *path = *t->folder ? strdup(t->folder) : NULL;
    if (!*t->folder)
        status = fani_scratch_base(&base, error);
    if (status == FAN_OK && !*path && t->order.passing)
        fani_scratch_sweep(base);
    bool own = status == FAN_OK && base && !t->order.passing && fani_scratch_is_own(base);
    if (own)
        *path = strdup(base);
    else if (status == FAN_OK && base)
        status = fani_scratch_make(base, t->name, life, path, error);
    if (status == FAN_OK && *path &&
        asprintf(into, "%s%s", *path, t->order.passing ? "/in" : "") < 0)
        *into = NULL;
    free(base);
    if (status == FAN_OK && (!*path || !*into))
        status = fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a folder");
    return status;
}

/* ---- Copying, on one host ----------------------------------------------------------------------
 */

/* What a host has to say; errors follow it. */
typedef struct near_report {
    uint64_t host;
    uint64_t files, kept, failed, bytes;
    uint64_t content; /* names and hashes of all of them, in order, in one hash */
    uint32_t leads;   /* it has copied */
    uint32_t error_count;
    fan_error error; /* status FAN_OK: it came to its end */
    char name[128];
    char path[PATH_MAX];
} near_report;

typedef struct near_work {
    near_report report;
    fan_error errors[ERRORS];
    fan_copier *copier;
    fan_run *run; /* of a member that tells others what it reads; NULL: of no gang */
    fan_buffer to_tell;
    void (*told)(void *user, const char *host, const fan_copied *copied);
    void *told_user;
} near_work;

static fan_status tell_others(near_work *w)
{
    fan_status status = fan_gang_broadcast(w->run, 0, &w->to_tell);
    w->to_tell.size = 0;
    return status;
}

/* A file that is there goes to the others as what it is. */
static fan_status pass_on(near_work *w, const fan_copied *c)
{
    char *source = absolute(c->source);
    if (!source)
        return FAN_E_MEMORY;
    const fan_known_file file = {.source = source,
                                 .name = c->name,
                                 .size = c->stored_size,
                                 .hash = c->stored_hash,
                                 .has_size = true,
                                 .has_hash = true};
    fan_status status = add_file(&w->to_tell, &file);
    free(source);
    return status == FAN_OK && w->to_tell.size >= CHUNK_BYTES ? tell_others(w) : status;
}

static uint64_t add_content(uint64_t before, const fan_copied *c)
{
    const uint64_t all[] = {before, c->stored_size, c->stored_hash};
    return XXH3_64bits_withSeed(c->name, strlen(c->name), XXH3_64bits(all, sizeof all));
}

static fan_status count(near_work *w, const fan_copied *c)
{
    near_report *r = &w->report;
    if (w->told)
        w->told(w->told_user, NULL, c);
    if (c->error) {
        r->failed++;
        if (r->error_count < ERRORS)
            w->errors[r->error_count++] = *c->error;
        return FAN_OK;
    }
    r->files++;
    r->kept += c->kept;
    r->bytes += c->size;
    r->content = add_content(r->content, c);
    return w->run ? pass_on(w, c) : FAN_OK;
}

/* Copies all that was added. */
static fan_status copy_added(near_work *w, fan_error *error)
{
    fan_copied c;
    fan_status status;
    while ((status = fan_copier_next(w->copier, FAN_FOREVER, &c)) == FAN_OK)
        if ((status = count(w, &c)) != FAN_OK)
            break;
    return status == FAN_E_CLOSED ? FAN_OK
                                  : fani_error_set(error, status, "%s", fan_status_text(status));
}

static fan_status add_sources(near_work *w, const near_texts *t, fan_error *error)
{
    const char *at = t->rest;
    fan_known_file file;
    fan_status status = FAN_OK;
    for (uint32_t i = 0; status == FAN_OK && i < t->order.source_count; i++) {
        const char *text = take_text(&at, t->end);
        status = text ? fan_copier_add_source(w->copier, text) : FAN_E_PROTOCOL;
    }
    for (uint32_t i = 0; status == FAN_OK && i < t->order.known_count; i++)
        status =
            take_file(&at, t->end, &file) ? fan_copier_add_known(w->copier, &file) : FAN_E_PROTOCOL;
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "%s", fan_status_text(status));
}

/* Makes the folder and a copier for it. */
static fan_status begin(near_work *w, const near_texts *t, bool parent,
                        const fan_near_options *stop, fan_error *error)
{
    char *path = NULL, *into = NULL;
    w->report.leads = 1;
    fan_status status = make_place(t, parent, &path, &into, error);
    bool fits = path && strlen(path) < sizeof w->report.path;
    if (fits)
        memcpy(w->report.path, path, strlen(path) + 1);
    else if (status == FAN_OK)
        status = fani_error_set(error, FAN_E_OUTPUT, "the name of a folder is too long");
    if (status == FAN_OK) {
        const fan_copier_options options = {.folder = into,
                                            .manifest = *t->manifest ? t->manifest : NULL,
                                            .unpack = t->order.unpack,
                                            .secret = t->order.secret,
                                            .copies = t->order.copies,
                                            .stop = stop->stop,
                                            .stop_user = stop->stop_user};
        status = fan_copier_open(&options, &w->copier, error);
    }
    free(path);
    free(into);
    return status;
}

static fan_status finish(near_work *w, fan_status status, fan_error *error)
{
    if (status == FAN_OK)
        status = fan_copier_finish(w->copier, error);
    (void)fan_copier_close(w->copier, FAN_FOREVER); /* it comes back when all calls have */
    w->copier = NULL;
    return status;
}

/* ---- In a gang -------------------------------------------------------------------------------
 */

static void merge_ids(void *left, const void *right, size_t size, void *user)
{
    (void)user;
    uint64_t *to = left;
    const uint64_t *from = right;
    for (size_t i = 0; i < size / sizeof *to; i++)
        to[i] |= from[i];
}

/* Whether this member is the lowest on its host. */
static fan_status find_leader(fan_run *run, uint64_t host, bool *leads)
{
    size_t size = fan_gang_size(run), rank = fan_gang_rank(run), i = 0;
    uint64_t *ids = calloc(size, sizeof *ids);
    if (!ids)
        return FAN_E_MEMORY;
    ids[rank] = host;
    fan_status status = fan_gang_all_reduce(run, ids, size * sizeof *ids, merge_ids, NULL);
    while (status == FAN_OK && i < rank && ids[i] != host)
        i++;
    *leads = i == rank;
    free(ids);
    return status;
}

static bool is_cancelled(void *user)
{
    return fan_run_cancelled(user);
}

/* Rank 0: copies and tells. The last message is empty, also where it could not copy. */
static fan_status lead(near_work *w, const near_texts *t, fan_run *run)
{
    fan_error *error = &w->report.error;
    const fan_near_options stop = {.stop = is_cancelled, .stop_user = run};
    fan_status status = begin(w, t, true, &stop, error);
    w->run = run;
    if (status == FAN_OK)
        status = add_sources(w, t, error);
    if (status == FAN_OK)
        status = copy_added(w, error);
    if (w->copier)
        status = finish(w, status, error);
    fan_status told = w->to_tell.size ? tell_others(w) : FAN_OK;
    if (told == FAN_OK)
        told = tell_others(w);
    error->status = status;
    return told;
}

/* Another rank: copies what it is told, where it leads on its host. All members hear all messages.
 */
static fan_status follow(near_work *w, const near_texts *t, fan_run *run, bool leads)
{
    fan_error *error = &w->report.error;
    const fan_near_options stop = {.stop = is_cancelled, .stop_user = run};
    fan_status status = leads ? begin(w, t, true, &stop, error) : FAN_OK, heard;
    while ((heard = fan_gang_broadcast(run, 0, &w->to_tell)) == FAN_OK && w->to_tell.size) {
        const char *at = (const char *)w->to_tell.bytes, *end = at + w->to_tell.size;
        fan_known_file file;
        while (leads && status == FAN_OK && at < end)
            status = take_file(&at, end, &file) ? fan_copier_add_known(w->copier, &file)
                                                : FAN_E_PROTOCOL;
        if (leads && status == FAN_OK)
            status = copy_added(w, error);
    }
    if (w->copier)
        status = finish(w, heard == FAN_OK ? status : heard, error);
    error->status = status;
    return heard;
}

static void remove_here(const near_texts *t)
{
    char *base = NULL;
    if (fani_scratch_base(&base, NULL) == FAN_OK)
        fani_scratch_remove_named(base, t->name);
    free(base);
}

static fan_status run_member(fan_run *run, fan_items in)
{
    size_t size;
    const unsigned char *bytes = fan_items_at(&in, 0, &size);
    near_texts texts;
    bool leads = false;
    uint64_t host = host_id();
    if (!bytes || !read_order(bytes, size, &texts))
        return FAN_E_PROTOCOL;
    near_work *w = calloc(1, sizeof *w);
    if (!w)
        return FAN_E_MEMORY;
    w->report.host = host;
    (void)gethostname(w->report.name, sizeof w->report.name - 1); /* without one it is "" */
    fan_status status = find_leader(run, host, &leads);
    if (status == FAN_OK && texts.order.what == NEAR_REMOVE && leads)
        remove_here(&texts);
    if (status == FAN_OK && texts.order.what == NEAR_COPY)
        status = fan_gang_rank(run) == 0 ? lead(w, &texts, run) : follow(w, &texts, run, leads);
    fan_buffer reply = {0};
    if (status == FAN_OK)
        status = fani_bytes_add(&reply, &w->report, sizeof w->report);
    if (status == FAN_OK)
        status = fani_bytes_add(&reply, w->errors, w->report.error_count * sizeof *w->errors);
    if (status == FAN_OK)
        status = fan_run_reply(run, 0, reply.bytes, reply.size);
    fan_buffer_clear(&reply);
    fan_buffer_clear(&w->to_tell);
    free(w);
    return status;
}

const fan_task fani_task_near = {.name = "fan.near", .version = 1, .run = run_member};

/* ---- The caller's side -------------------------------------------------------------------------
 */

struct fan_near {
    fan_executor *executor; /* NULL: no other ranks have copied */
    bool passing;
    char name[FANI_SCRATCH_NAME];
    char *path;       /* what is removed */
    char *folder;     /* where the copies are */
    uint64_t content; /* of those of this host */
    fan_buffer table; /* of hosts: the id, and the path with its NUL */
    fan_near_stats stats;
    void (*told)(void *user, const char *host, const fan_copied *copied);
    void *told_user;
    fan_error *error; /* of the first host that has not come to its end */
    fan_status status;
};

const fan_buffer *fani_near_table(const fan_near *near)
{
    return &near->table;
}

uint64_t fani_near_content(const fan_near *near)
{
    return near->content;
}

const char *fani_near_find(const void *table, size_t size)
{
    uint64_t here = host_id(), id;
    const char *at = table, *end = at + size;
    while ((size_t)(end - at) > sizeof id) {
        memcpy(&id, at, sizeof id);
        at += sizeof id;
        const char *path = take_text(&at, end);
        if (!path || id == here)
            return path;
    }
    return NULL;
}

/* What a host has said: counted, and its folder noted. */
static fan_status take_report(fan_near *near, const near_report *r, const fan_error *errors,
                              bool here)
{
    if (!r->leads)
        return FAN_OK;
    near->stats.hosts++;
    near->stats.files += r->files;
    near->stats.kept += r->kept;
    near->stats.failed += r->failed;
    near->stats.bytes += r->bytes;
    for (uint32_t i = 0; near->told && i < r->error_count; i++) {
        const fan_copied c = {.source = errors[i].file, .name = "", .error = &errors[i]};
        near->told(near->told_user, here ? NULL : r->name, &c);
    }
    if (r->error.status != FAN_OK && near->status == FAN_OK) {
        near->status = r->error.status;
        if (near->error && here)
            *near->error = r->error;
        else
            fani_error_set(near->error, r->error.status, "host %s: %s", r->name, r->error.text);
    }
    if (here)
        near->content = r->content;
    if (here && *r->path) {
        near->path = strdup(r->path);
        if (asprintf(&near->folder, "%s%s", r->path, near->passing ? "/in" : "") < 0)
            near->folder = NULL;
        if (!near->path || !near->folder)
            return FAN_E_MEMORY;
    }
    fan_status status = fani_bytes_add(&near->table, &r->host, sizeof r->host);
    return status == FAN_OK ? add_text(&near->table, r->path) : status;
}

static fan_status put_reports(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    fan_near *near = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        near_report *r = o->kind == FAN_OUTCOME_OK && o->size >= sizeof *r ? malloc(o->size) : NULL;
        if (o->kind != FAN_OUTCOME_OK)
            continue; /* how the gang ended says it */
        if (!r)
            return fani_error_set(error, FAN_E_MEMORY, "no memory for what a host says");
        memcpy(r, o->bytes, o->size);
        bool whole = o->size == sizeof *r + r->error_count * sizeof(fan_error);
        status = whole ? take_report(near, r, (const fan_error *)(const void *)(r + 1), !o->index)
                       : FAN_E_PROTOCOL;
        free(r);
    }
    return status == FAN_OK ? FAN_OK : fani_error_set(error, status, "%s", fan_status_text(status));
}

static fan_status copy_by_gang(fan_near *near, unsigned ranks, const fan_buffer *order,
                               fan_error *error)
{
    fan_status status = fan_gang(near->executor, &fani_task_near, ranks, order->bytes, order->size,
                                 fan_sink_callback(put_reports, near), error);
    return status == FAN_OK ? near->status : status;
}

static fan_status copy_here(fan_near *near, const fan_near_options *options,
                            const fan_buffer *order, fan_error *error)
{
    near_texts texts;
    near_work *w = calloc(1, sizeof *w);
    if (!w || !read_order(order->bytes, order->size, &texts)) {
        free(w);
        return fani_error_set(error, FAN_E_MEMORY, "no memory to copy files");
    }
    w->report.host = host_id();
    w->told = options->told;
    w->told_user = options->told_user;
    fan_status status = begin(w, &texts, false, options, error);
    if (status == FAN_OK)
        status = add_sources(w, &texts, error);
    if (status == FAN_OK)
        status = copy_added(w, error);
    if (w->copier)
        status = finish(w, status, error);
    w->report.error_count = 0; /* they were told */
    fan_status taken = take_report(near, &w->report, NULL, true);
    free(w);
    if (status == FAN_OK && taken != FAN_OK)
        status = fani_error_set(error, taken, "no memory to copy files");
    return status;
}

/* Ranks of an executor; 1: there are no others. */
static unsigned ranks_of(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    bool has = executor && fan_executor_get_stats(executor, &stats) == FAN_OK && stats.ranks > 1;
    return has ? stats.ranks : 1;
}

/* A private folder that nobody is told of is of no use, on any host; one that was there before is
 * not ours to remove. */
static void give_up(fan_near *near, bool by_rule, fan_status status)
{
    const char *last = near->path ? strrchr(near->path, '/') : NULL;
    if (last && strncmp(last + 1, near->name, strlen(near->name)) != 0) {
        free(near->path);
        near->path = NULL;
    }
    near->passing |= by_rule;
    fan_near_close(near, status == FAN_E_CANCELLED || !*near->name);
}

fan_status fan_near_open_sized(fan_executor *executor, const fan_near_options *options,
                               size_t options_size, fan_near **near, fan_error *error)
{
    fan_near_options o = {0};
    fan_buffer order = {0};
    *near = NULL;
    memcpy(&o, options, options_size < sizeof o ? options_size : sizeof o);
    if (o.folder && (!*o.folder || o.passing))
        return fani_error_set(error, FAN_E_ARGUMENT, "expected a folder, and one that is to stay");
    unsigned ranks = ranks_of(executor);
    fan_near *n = calloc(1, sizeof *n);
    if (!n)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to copy files");
    *n = (fan_near){.executor = ranks > 1 ? executor : NULL,
                    .passing = o.passing,
                    .told = o.told,
                    .told_user = o.told_user,
                    .error = error};
    fan_status status = fani_scratch_name(o.passing, n->name, error);
    if (status == FAN_OK && write_order(&order, &o, NEAR_COPY, n->name) != FAN_OK)
        status = fani_error_set(error, FAN_E_MEMORY, "no memory to copy files");
    if (status == FAN_OK)
        status =
            ranks > 1 ? copy_by_gang(n, ranks, &order, error) : copy_here(n, &o, &order, error);
    fan_buffer_clear(&order);
    if (status == FAN_OK)
        *near = n;
    else
        give_up(n, !o.folder, status);
    return status;
}

const char *fan_near_folder(const fan_near *near)
{
    return near->folder;
}

fan_status fan_near_get_stats_sized(const fan_near *near, fan_near_stats *stats, size_t stats_size)
{
    size_t size = sizeof near->stats;
    memcpy(stats, &near->stats, stats_size < size ? stats_size : size);
    return FAN_OK;
}

static fan_status ignore(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    (void)user, (void)outcomes, (void)count, (void)error;
    return FAN_OK;
}

/* On the other hosts; where their ranks can't be reached, a later run does it. */
static void remove_by_gang(const fan_near *near)
{
    const fan_near_options o = {.passing = true};
    fan_buffer order = {0};
    unsigned ranks = ranks_of(near->executor);
    if (write_order(&order, &o, NEAR_REMOVE, near->name) == FAN_OK)
        (void)fan_gang(near->executor, &fani_task_near, ranks, order.bytes, order.size,
                       fan_sink_callback(ignore, NULL), NULL);
    fan_buffer_clear(&order);
}

void fan_near_close(fan_near *near, bool here)
{
    if (!near)
        return;
    if (near->passing && near->executor && !here)
        remove_by_gang(near);
    if (near->passing && near->path)
        (void)fani_scratch_remove(near->path); /* what stays is removed by a later run */
    free(near->path);
    free(near->folder);
    fan_buffer_clear(&near->table);
    free(near);
}
