#include "stage/fetch.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/clock.h"
#include "base/error.h"

/* libcurl is not linked: it takes longer to load than all the rest, and most programs fetch
 * nothing. These are its functions that are used, without their "curl_". */
#define CURL_FUNCTIONS(X)                                                                          \
    X(version_info)                                                                                \
    X(global_init)                                                                                 \
    X(global_cleanup)                                                                              \
    X(easy_init)                                                                                   \
    X(easy_cleanup)                                                                                \
    X(easy_reset)                                                                                  \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_pause)                                                                                  \
    X(easy_strerror)                                                                               \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(multi_init)                                                                                  \
    X(multi_cleanup)                                                                               \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_info_read)

enum {
    VALIDATOR = 256,
    BACKOFF_MOST_MS = 30000,
    TRIES_IN_ALL = 100,
    REDIRECTIONS = 10,
    CONNECT_MS = 30000,
    NS_PER_MS = 1000000,
    WANTED = 1 << 18,  /* bytes that wait to be taken: then no more are read */
    OLDEST = 0x075500, /* 7.85.0: the first one that takes protocols as text */
};

/* One transfer's means: `multi` keeps its connections. */
typedef struct line {
    struct line *next;
    CURLM *multi;
    CURL *easy;
} line;

struct fani_fetcher {
    fani_fetch_options options;
    void *library;
    bool begun; /* global_init was called */
#define CURL_POINTER(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(CURL_POINTER)
#undef CURL_POINTER
    pthread_mutex_t lock; /* guards the rest */
    line *idle;
};

typedef enum state {
    TO_TRY,  /* a try can be made once `due` has come */
    RUNNING, /* a try is under way */
    ENDED,   /* all came */
    FAILED,  /* `why` says why */
} state;

/* Over all its tries. */
struct fani_fetching {
    fani_fetcher *fetcher;
    const char *url;
    line *line; /* NULL: not taken yet, or no more needed */
    state state;
    fan_error why;
    fan_deadline due;
    unsigned tries, in_vain; /* so far; in a row, one that got further begins anew */
    fan_buffer chunk;        /* bytes that came and were not taken, from chunk_at on */
    size_t chunk_at;
    uint64_t have, taken;      /* bytes of the file that came; of them taken */
    bool anew;                 /* what was taken is void, which is to be told */
    char validator[VALIDATOR]; /* of the bytes there are: an ETag or a date; "": none, so that they
                                  can't be gone on with */
    uint64_t total;            /* that the file has; 0: not known */

    /* Of one try. */
    struct curl_slist *headers;
    uint64_t asked_from, had;
    bool begun, restart; /* the body was begun; what there is is of no use */
    bool paused;         /* libcurl keeps a piece, until there is room */
    fan_status refused;  /* why the body is not taken */
    char etag[VALIDATOR], date[VALIDATOR];
    uint64_t range_from, range_total;
    bool has_range;
    int64_t last_byte; /* when */
};
typedef struct fani_fetching transfer;

typedef enum verdict { FETCHED, TRY_AGAIN, FINAL } verdict;

bool fani_fetch_is_url(const char *name)
{
    return !strncasecmp(name, "http://", 7) || !strncasecmp(name, "https://", 8);
}

/* ---- The library -------------------------------------------------------------------------------
 */

static fan_status load(fani_fetcher *f, fan_error *error)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !f->library; i++)
        f->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!f->library) {
        const char *why = dlerror();
        return fani_error_set(error, FAN_E_UNAVAILABLE,
                              "libcurl, which fetches http(s) files, can't be loaded: %s",
                              why ? why : "the loader does not say why");
    }
    const char *missing = NULL;
#define CURL_FIND(name)                                                                            \
    f->name = (__typeof__(f->name))dlsym(f->library, "curl_" #name);                               \
    missing = f->name ? missing : "curl_" #name;
    CURL_FUNCTIONS(CURL_FIND)
#undef CURL_FIND
    if (missing)
        return fani_error_set(error, FAN_E_UNAVAILABLE, "libcurl is too old: it has no %s",
                              missing);
    const curl_version_info_data *about = f->version_info(CURLVERSION_NOW);
    if (about->version_num < OLDEST)
        return fani_error_set(error, FAN_E_UNAVAILABLE, "libcurl %s is too old: 7.85.0 is needed",
                              about->version);
    f->begun = f->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return f->begun ? FAN_OK
                    : fani_error_set(error, FAN_E_UNAVAILABLE, "libcurl can't be initialized");
}

fan_status fani_fetcher_new(const fani_fetch_options *options, fani_fetcher **fetcher,
                            fan_error *error)
{
    fani_fetcher *f = calloc(1, sizeof *f);
    if (!f)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to fetch files");
    f->options = *options;
    pthread_mutex_init(&f->lock, NULL);
    fan_status status = load(f, error);
    if (status == FAN_OK)
        *fetcher = f;
    else
        fani_fetcher_free(f);
    return status;
}

static void free_line(fani_fetcher *f, line *l)
{
    if (l->easy)
        f->easy_cleanup(l->easy);
    if (l->multi)
        (void)f->multi_cleanup(l->multi);
    free(l);
}

void fani_fetcher_free(fani_fetcher *fetcher)
{
    if (!fetcher)
        return;
    for (line *l; (l = fetcher->idle);) {
        fetcher->idle = l->next;
        free_line(fetcher, l);
    }
    if (fetcher->begun)
        fetcher->global_cleanup();
    if (fetcher->library)
        (void)dlclose(fetcher->library);
    pthread_mutex_destroy(&fetcher->lock);
    free(fetcher);
}

/* NULL: out of memory. */
static line *take_line(fani_fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    line *l = f->idle;
    if (l)
        f->idle = l->next;
    pthread_mutex_unlock(&f->lock);
    if (l)
        return l;
    l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->multi = f->multi_init();
    l->easy = f->easy_init();
    if (l->multi && l->easy)
        return l;
    free_line(f, l);
    return NULL;
}

static void give_line(fani_fetcher *f, line *l)
{
    pthread_mutex_lock(&f->lock);
    l->next = f->idle;
    f->idle = l;
    pthread_mutex_unlock(&f->lock);
}

/* ---- What comes
 * ---------------------------------------------------------------------------------- */

/* The value of a header line of this name, copied; false: it is another one. */
static bool header_is(const char *text, size_t size, const char *name, char value[VALIDATOR])
{
    size_t n = strlen(name);
    if (size <= n || strncasecmp(text, name, n) != 0)
        return false;
    for (text += n, size -= n; size && isspace((unsigned char)*text); size--)
        text++;
    while (size && isspace((unsigned char)text[size - 1]))
        size--;
    bool fits = size < VALIDATOR;
    memcpy(value, text, fits ? size : 0);
    value[fits ? size : 0] = '\0';
    return true;
}

/* "bytes 100-199/200", or a star for what is not known. */
static void read_range(transfer *t, const char *value)
{
    unsigned long long from = 0, to, total = 0;
    int found = sscanf(value, "bytes %llu-%llu/%llu", &from, &to, &total); // NOLINT(cert-err34-c)
    t->has_range = found >= 2;
    t->range_from = from * (found >= 2);
    t->range_total = found == 3 ? total : 0;
}

static size_t on_header(char *text, size_t one, size_t size, void *user)
{
    transfer *t = user;
    char value[VALIDATOR];
    (void)one;
    if (size > 5 && !strncmp(text, "HTTP/", 5)) { /* another answer begins, behind a redirection */
        t->etag[0] = t->date[0] = '\0';
        t->has_range = false;
    } else if (!header_is(text, size, "ETag:", t->etag) &&
               !header_is(text, size, "Last-Modified:", t->date) &&
               header_is(text, size, "Content-Range:", value)) {
        read_range(t, value);
    }
    return size;
}

/* What the file can be recognized by: not an ETag that is weak, which says nothing of bytes. */
static const char *validator_of(const transfer *t)
{
    return t->etag[0] && strncmp(t->etag, "W/", 2) != 0 ? t->etag : t->date;
}

/* The bytes that come are the rest of what was asked for. A server that has compared what was sent
 * as If-Range need not say again what the file is. */
static bool goes_on(const transfer *t)
{
    const char *validator = validator_of(t);
    return t->asked_from && t->has_range && t->range_from == t->asked_from &&
           (!*validator || !strcmp(validator, t->validator)) &&
           (!t->total || !t->range_total || t->total == t->range_total);
}

static long code_of(const transfer *t)
{
    long code = 0;
    (void)t->fetcher->easy_getinfo(t->line->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

/* What came is of no use: the file comes from its start. */
static void drop_all(transfer *t)
{
    t->anew |= t->taken > 0;
    t->chunk.size = t->chunk_at = 0;
    t->have = t->taken = 0;
}

/* The body begins: the file from its start, the rest of it, or something that is not wanted. */
static fan_status begin_body(transfer *t)
{
    curl_off_t length = -1;
    long code = code_of(t);
    t->begun = true;
    if (code == 206 && goes_on(t)) {
        t->total = t->range_total ? t->range_total : t->total;
        return t->total > t->fetcher->options.max ? FAN_E_TOO_LARGE : FAN_OK;
    }
    if (code != 200)
        return FAN_E_INPUT;
    drop_all(t);
    memcpy(t->validator, validator_of(t), VALIDATOR);
    (void)t->fetcher->easy_getinfo(t->line->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->total = length > 0 ? (uint64_t)length : 0;
    return t->total > t->fetcher->options.max ? FAN_E_TOO_LARGE : FAN_OK;
}

static size_t waiting(const transfer *t)
{
    return t->chunk.size - t->chunk_at;
}

static fan_status keep(transfer *t, const char *from, size_t size)
{
    fan_buffer *b = &t->chunk;
    if (size > t->fetcher->options.max - t->have)
        return FAN_E_TOO_LARGE;
    if (b->size + size > b->capacity) {
        size_t capacity = 2 * (b->size + size);
        unsigned char *bytes = realloc(b->bytes, capacity);
        if (!bytes)
            return FAN_E_MEMORY;
        b->bytes = bytes;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, from, size);
    b->size += size;
    t->have += size;
    return FAN_OK;
}

/* Another number than `size` ends the try, but that which stops it for now. */
static size_t on_bytes(char *from, size_t one, size_t size, void *user)
{
    transfer *t = user;
    (void)one;
    if (t->begun && waiting(t) >= WANTED) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    t->last_byte = fani_clock_ns();
    if (!t->begun)
        t->refused = begin_body(t);
    if (t->refused == FAN_OK)
        t->refused = keep(t, from, size);
    return t->refused == FAN_OK ? size : 0;
}

/* ---- One try
 * --------------------------------------------------------------------------------------- */

static bool is_stopped(const fani_fetcher *f)
{
    struct pollfd entry = {.fd = f->options.stop_fd, .events = POLLIN};
    return poll(&entry, 1, 0) > 0;
}

/* Goes on until the transfer has ended, or there is enough to be taken: *running then. */
static fan_status drive(transfer *t, bool *running, CURLcode *result)
{
    fani_fetcher *f = t->fetcher;
    int left, handles = 1;
    t->last_byte = fani_clock_ns(); /* while nobody wanted bytes nothing was stalled */
    if (t->paused) {
        t->paused = false;
        (void)f->easy_pause(t->line->easy, CURLPAUSE_CONT); /* what is wrong is told by perform */
    }
    while (!t->paused && f->multi_perform(t->line->multi, &handles) == CURLM_OK && handles) {
        struct curl_waitfd stop = {.fd = f->options.stop_fd, .events = CURL_WAIT_POLLIN};
        int64_t silent_ms = (fani_clock_ns() - t->last_byte) / NS_PER_MS;
        if (is_stopped(f))
            return FAN_E_CANCELLED;
        if (t->paused || waiting(t) >= WANTED)
            break;
        if (silent_ms >= f->options.stall_ms) {
            *result = CURLE_OPERATION_TIMEDOUT;
            *running = false;
            return FAN_OK;
        }
        /* Not in one go: a clock of libcurl's may be due earlier than it says. */
        int64_t wait_ms = (int64_t)f->options.stall_ms - silent_ms;
        if (f->multi_poll(t->line->multi, &stop, 1, wait_ms < 1000 ? (int)wait_ms : 1000, NULL))
            break;
    }
    *running = t->paused || waiting(t) >= WANTED;
    if (*running && handles)
        return FAN_OK;
    const CURLMsg *message = f->multi_info_read(t->line->multi, &left);
    *running = false;
    *result = message ? message->data.result : CURLE_FAILED_INIT;
    return FAN_OK;
}

/* The file from where it was cut off, and only if it is still the same one. False: out of memory.
 */
static bool ask_for_rest(transfer *t)
{
    fani_fetcher *f = t->fetcher;
    char text[VALIDATOR + 32];
    t->asked_from = t->validator[0] ? t->have : 0;
    if (!t->asked_from) {
        drop_all(t);
        return true;
    }
    snprintf(text, sizeof text, "If-Range: %s", t->validator);
    t->headers = f->slist_append(NULL, text);
    snprintf(text, sizeof text, "%" PRIu64 "-", t->asked_from);
    return t->headers &&
           f->easy_setopt(t->line->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           f->easy_setopt(t->line->easy, CURLOPT_RANGE, text) == CURLE_OK;
}

/* False: out of memory, which is all that these can fail for. */
static bool prepare(transfer *t)
{
    fani_fetcher *f = t->fetcher;
    CURL *easy = t->line->easy;
    f->easy_reset(easy);
    return f->easy_setopt(easy, CURLOPT_URL, t->url) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_FRESH_CONNECT, t->tries ? 1L : 0L) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTIONS) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK && ask_for_rest(t);
}

static verdict final(const transfer *t, fan_status status, const char *why, fan_error *error)
{
    fani_error_set(error, status, "%s can't be fetched: %s", t->url, why);
    return FINAL;
}

/* Answers after which another try may end better. */
static bool is_passing(long code)
{
    return code == 408 || code == 425 || code == 429 || (code >= 500 && code != 501);
}

/* Which way a transfer has ended. The error says why also where it is tried again. */
static verdict judge(transfer *t, CURLcode result, fan_error *error)
{
    char text[64];
    long code = code_of(t);
    if (t->refused == FAN_E_MEMORY || t->refused == FAN_E_TOO_LARGE)
        return final(t, t->refused, t->refused == FAN_E_MEMORY ? "out of memory" : "too large",
                     error);
    bool wrong_part = code == 206 && !goes_on(t);
    if (code && ((code != 200 && code != 206) || wrong_part)) {
        snprintf(text, sizeof text, "the server answers %ld%s", code,
                 wrong_part ? " with another part than was asked for" : "");
        (void) final(t, FAN_E_INPUT, text, error);
        t->restart = t->asked_from && !is_passing(code);
        return t->restart || is_passing(code) ? TRY_AGAIN : FINAL;
    }
    if (result == CURLE_OK && t->total && t->have != t->total) {
        (void) final(t, FAN_E_INPUT, "the transfer was cut off", error);
        return TRY_AGAIN;
    }
    if (result == CURLE_OK)
        return FETCHED;
    (void) final(t, FAN_E_INPUT,
                 result == CURLE_OPERATION_TIMEDOUT ? "nothing comes any more"
                                                    : t->fetcher->easy_strerror(result),
                 error);
    /* What is no HTTP may be the rest of a file that was longer than its server said, over the same
     * connection: another try is over a new one. */
    bool hopeless = result == CURLE_URL_MALFORMAT || result == CURLE_TOO_MANY_REDIRECTS ||
                    result == CURLE_PEER_FAILED_VERIFICATION ||
                    (result == CURLE_UNSUPPORTED_PROTOCOL && t->tries > 0);
    return hopeless ? FINAL : TRY_AGAIN;
}

static fan_status begin_try(transfer *t)
{
    fani_fetcher *f = t->fetcher;
    t->begun = t->restart = t->has_range = t->paused = false;
    t->etag[0] = t->date[0] = '\0';
    t->refused = FAN_OK;
    t->had = t->have;
    if (!t->line)
        t->line = take_line(f);
    if (t->line && prepare(t) && f->multi_add_handle(t->line->multi, t->line->easy) == CURLM_OK) {
        t->state = RUNNING;
        return FAN_OK;
    }
    f->slist_free_all(t->headers);
    t->headers = NULL;
    return FAN_E_MEMORY;
}

static void end_try(transfer *t)
{
    (void)t->fetcher->multi_remove_handle(t->line->multi, t->line->easy);
    t->fetcher->slist_free_all(t->headers);
    t->headers = NULL;
}

/* ---- All tries
 * -------------------------------------------------------------------------------------- */

static fan_deadline pause_after(const transfer *t)
{
    uint64_t ms = t->fetcher->options.backoff_ms;
    for (unsigned i = 1; i < t->in_vain && ms < BACKOFF_MOST_MS; i++)
        ms *= 2;
    return fan_deadline_in_ms(ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS);
}

/* A try has ended so; its handle is still needed to tell how. */
static void conclude(transfer *t, CURLcode result)
{
    if (result == CURLE_OK && !t->begun && code_of(t) == 200)
        (void)begin_body(t); /* an empty file */
    verdict end = judge(t, result, &t->why);
    end_try(t);
    if (t->restart) /* the rest can't be had: from the start */
        drop_all(t);
    t->tries++;
    t->in_vain = t->have > t->had ? 1 : t->in_vain + 1;
    bool again =
        end == TRY_AGAIN && t->in_vain < t->fetcher->options.tries && t->tries < TRIES_IN_ALL;
    t->state = end == FETCHED ? ENDED : again ? TO_TRY : FAILED;
    t->due = again ? pause_after(t) : 0;
    if (again)
        return;
    give_line(t->fetcher, t->line); /* for the next file: what came is kept here */
    t->line = NULL;
}

static void go_on(transfer *t)
{
    bool running = true;
    CURLcode result = CURLE_OK;
    fan_status status = t->state == TO_TRY ? begin_try(t) : FAN_OK;
    if (status != FAN_OK) {
        (void) final(t, status, "out of memory", &t->why);
        t->state = FAILED;
        return;
    }
    status = drive(t, &running, &result);
    if (status == FAN_E_CANCELLED) {
        end_try(t);
        (void) final(t, status, "cancelled", &t->why);
        t->state = FAILED;
    } else if (!running) {
        conclude(t, result);
    }
}

fani_fetching *fani_fetching_new(fani_fetcher *fetcher, const char *url)
{
    transfer *t = calloc(1, sizeof *t);
    if (t) {
        t->fetcher = fetcher;
        t->url = url;
    }
    return t;
}

void fani_fetching_free(fani_fetching *fetching)
{
    transfer *t = fetching;
    if (!t)
        return;
    if (t->state == RUNNING)
        end_try(t);
    if (t->line)
        give_line(t->fetcher, t->line);
    free(t->chunk.bytes);
    free(t);
}

fani_fetch_step fani_fetching_await(fani_fetching *fetching, fan_deadline *due, fan_error *error)
{
    transfer *t = fetching;
    for (;;) {
        if (t->anew) {
            t->anew = false;
            return FANI_FETCH_ANEW;
        }
        if (waiting(t) || t->state == ENDED)
            return FANI_FETCH_READY;
        if (t->state == FAILED) {
            if (error)
                *error = t->why;
            return FANI_FETCH_FAILED;
        }
        if (t->state == TO_TRY && fani_clock_ns() < t->due) {
            *due = t->due;
            return FANI_FETCH_LATER;
        }
        go_on(t);
    }
}

size_t fani_fetching_take(fani_fetching *fetching, void *to, size_t size)
{
    transfer *t = fetching;
    size = size < waiting(t) ? size : waiting(t);
    if (size)
        memcpy(to, t->chunk.bytes + t->chunk_at, size);
    t->chunk_at += size;
    t->taken += size;
    if (!waiting(t))
        t->chunk.size = t->chunk_at = 0;
    return size;
}

uint64_t fani_fetching_total(const fani_fetching *fetching)
{
    return fetching->total;
}

/* Until then, or until everything is to end: false. */
static bool sleep_until(const fani_fetcher *f, fan_deadline due)
{
    struct pollfd entry = {.fd = f->options.stop_fd, .events = POLLIN};
    for (int64_t left; (left = due - fani_clock_ns()) > 0;)
        if (poll(&entry, 1, (int)(left / NS_PER_MS) + 1) > 0)
            return false;
    return true;
}

/* Passes on what came. */
static fan_status pass_on(transfer *t, fani_fetch_put put, void *user)
{
    uint64_t at = t->taken;
    size_t size = waiting(t);
    fan_status status = put(user, at, t->chunk.bytes + t->chunk_at, size);
    t->taken += size;
    t->chunk.size = t->chunk_at = 0;
    return status;
}

fan_status fani_fetch_to(fani_fetcher *fetcher, const char *url, fani_fetch_put put, void *user,
                         uint64_t *size, fan_error *error)
{
    transfer *t = fani_fetching_new(fetcher, url);
    fan_deadline due = 0;
    fan_status status = t ? FAN_OK : fani_error_set(error, FAN_E_MEMORY, "out of memory");
    while (status == FAN_OK && (t->state != ENDED || waiting(t)))
        switch (fani_fetching_await(t, &due, error)) {
        case FANI_FETCH_READY:
            if (waiting(t) && (status = pass_on(t, put, user)) != FAN_OK)
                (void) final(t, status, fan_status_text(status), error);
            break;
        case FANI_FETCH_ANEW: /* `put` sees it by the place */
            break;
        case FANI_FETCH_LATER:
            if (!sleep_until(fetcher, due))
                status =
                    fani_error_set(error, FAN_E_CANCELLED, "%s can't be fetched: cancelled", url);
            break;
        case FANI_FETCH_FAILED:
            status = t->why.status;
            break;
        }
    *size = t ? t->taken : 0;
    fani_fetching_free(t);
    return status;
}
