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

/* A file that is being fetched, over all its tries. */
typedef struct transfer {
    fani_fetcher *fetcher;
    const char *url;
    line *line;
    fan_buffer *bytes;  /* where `put` takes them, only their number */
    fani_fetch_put put; /* or NULL */
    void *put_user;
    fan_status put_status;
    char validator[VALIDATOR]; /* of the bytes there are: an ETag or a date; "": none, so that they
                                  can't be gone on with */
    uint64_t total;            /* that the file has; 0: not known */

    /* Of one try. */
    uint64_t asked_from;
    bool begun, restart; /* the body was begun; what there is is of no use */
    fan_status refused;  /* why the body is not taken */
    char etag[VALIDATOR], date[VALIDATOR];
    uint64_t range_from, range_total;
    bool has_range;
    int64_t last_byte; /* when */
} transfer;

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
    t->bytes->size = 0;
    memcpy(t->validator, validator_of(t), VALIDATOR);
    (void)t->fetcher->easy_getinfo(t->line->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->total = length > 0 ? (uint64_t)length : 0;
    return t->total > t->fetcher->options.max ? FAN_E_TOO_LARGE : FAN_OK;
}

static fan_status take(transfer *t, const char *from, size_t size)
{
    fan_buffer *b = t->bytes;
    if (size > t->fetcher->options.max - b->size)
        return FAN_E_TOO_LARGE;
    if (t->put) {
        t->put_status = t->put(t->put_user, b->size, from, size);
        b->size += t->put_status == FAN_OK ? size : 0;
        return t->put_status;
    }
    if (b->size + size > b->capacity) {
        size_t capacity = t->total >= b->size + size ? (size_t)t->total : 2 * (b->size + size);
        unsigned char *bytes = realloc(b->bytes, capacity);
        if (!bytes)
            return FAN_E_MEMORY;
        b->bytes = bytes;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, from, size);
    b->size += size;
    return FAN_OK;
}

/* Another number than `size` ends the try. */
static size_t on_bytes(char *from, size_t one, size_t size, void *user)
{
    transfer *t = user;
    (void)one;
    t->last_byte = fani_clock_ns();
    if (!t->begun)
        t->refused = begin_body(t);
    if (t->refused == FAN_OK)
        t->refused = take(t, from, size);
    return t->refused == FAN_OK ? size : 0;
}

/* ---- One try
 * --------------------------------------------------------------------------------------- */

static bool is_stopped(const fani_fetcher *f)
{
    struct pollfd entry = {.fd = f->options.stop_fd, .events = POLLIN};
    return poll(&entry, 1, 0) > 0;
}

/* Goes on until the transfer has ended. */
static fan_status drive(transfer *t, CURLcode *result)
{
    fani_fetcher *f = t->fetcher;
    int running = 1, left;
    while (f->multi_perform(t->line->multi, &running) == CURLM_OK && running) {
        struct curl_waitfd stop = {.fd = f->options.stop_fd, .events = CURL_WAIT_POLLIN};
        int64_t silent_ms = (fani_clock_ns() - t->last_byte) / NS_PER_MS;
        if (is_stopped(f))
            return FAN_E_CANCELLED;
        if (silent_ms >= f->options.stall_ms) {
            *result = CURLE_OPERATION_TIMEDOUT;
            return FAN_OK;
        }
        /* Not in one go: a clock of libcurl's may be due earlier than it says. */
        int64_t wait_ms = (int64_t)f->options.stall_ms - silent_ms;
        if (f->multi_poll(t->line->multi, &stop, 1, wait_ms < 1000 ? (int)wait_ms : 1000, NULL))
            break;
    }
    const CURLMsg *message = f->multi_info_read(t->line->multi, &left);
    *result = message ? message->data.result : CURLE_FAILED_INIT;
    return FAN_OK;
}

/* The file from where it was cut off, and only if it is still the same one. False: out of memory.
 */
static bool ask_for_rest(transfer *t, struct curl_slist **headers)
{
    fani_fetcher *f = t->fetcher;
    char text[VALIDATOR + 32];
    t->asked_from = t->validator[0] ? t->bytes->size : 0;
    if (!t->asked_from) {
        t->bytes->size = 0;
        return true;
    }
    snprintf(text, sizeof text, "If-Range: %s", t->validator);
    *headers = f->slist_append(NULL, text);
    snprintf(text, sizeof text, "%" PRIu64 "-", t->asked_from);
    return *headers && f->easy_setopt(t->line->easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK &&
           f->easy_setopt(t->line->easy, CURLOPT_RANGE, text) == CURLE_OK;
}

/* False: out of memory, which is all that these can fail for. */
static bool prepare(transfer *t, struct curl_slist **headers)
{
    fani_fetcher *f = t->fetcher;
    CURL *easy = t->line->easy;
    f->easy_reset(easy);
    return f->easy_setopt(easy, CURLOPT_URL, t->url) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTIONS) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           f->easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK && ask_for_rest(t, headers);
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
    if (t->put_status != FAN_OK)
        return final(t, t->put_status, fan_status_text(t->put_status), error);
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
    if (result == CURLE_OK && t->total && t->bytes->size != t->total) {
        (void) final(t, FAN_E_INPUT, "the transfer was cut off", error);
        return TRY_AGAIN;
    }
    if (result == CURLE_OK)
        return FETCHED;
    (void) final(t, FAN_E_INPUT,
                 result == CURLE_OPERATION_TIMEDOUT ? "nothing comes any more"
                                                    : t->fetcher->easy_strerror(result),
                 error);
    bool hopeless = result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL ||
                    result == CURLE_TOO_MANY_REDIRECTS || result == CURLE_PEER_FAILED_VERIFICATION;
    return hopeless ? FINAL : TRY_AGAIN;
}

static verdict try_once(transfer *t, fan_error *error)
{
    fani_fetcher *f = t->fetcher;
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_FAILED_INIT;
    fan_status status = FAN_OK;
    t->begun = t->restart = t->has_range = false;
    t->etag[0] = t->date[0] = '\0';
    t->refused = FAN_OK;
    t->last_byte = fani_clock_ns();
    bool ready = prepare(t, &headers);
    if (ready && f->multi_add_handle(t->line->multi, t->line->easy) == CURLM_OK) {
        status = drive(t, &result);
        if (status == FAN_OK && result == CURLE_OK && !t->begun && code_of(t) == 200)
            (void)begin_body(t); /* an empty file */
    }
    verdict end = !ready                      ? final(t, FAN_E_MEMORY, "out of memory", error)
                  : status == FAN_E_CANCELLED ? final(t, status, "cancelled", error)
                                              : judge(t, result, error);
    (void)f->multi_remove_handle(t->line->multi, t->line->easy);
    f->slist_free_all(headers);
    if (t->restart) /* the rest can't be had: from the start */
        t->bytes->size = 0;
    return end;
}

/* ---- All tries
 * -------------------------------------------------------------------------------------- */

/* False: it was stopped. */
static bool pause_before(const fani_fetcher *f, unsigned tries)
{
    struct pollfd entry = {.fd = f->options.stop_fd, .events = POLLIN};
    uint64_t ms = f->options.backoff_ms;
    for (unsigned i = 1; i < tries && ms < BACKOFF_MOST_MS; i++)
        ms *= 2;
    int64_t until =
        fani_clock_ns() + (int64_t)(ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS) * NS_PER_MS;
    for (int64_t left; (left = until - fani_clock_ns()) > 0;)
        if (poll(&entry, 1, (int)(left / NS_PER_MS) + 1) > 0)
            return false;
    return true;
}

/* Tries until the file is there, or will not come. */
static fan_status fetch(transfer *t, fan_error *error)
{
    fani_fetcher *fetcher = t->fetcher;
    fan_buffer *bytes = t->bytes;
    fan_error why = {0};
    verdict end = TRY_AGAIN;
    unsigned in_vain = 0; /* tries in a row; one that got further begins anew */
    t->line = take_line(fetcher);
    if (!t->line)
        return fani_error_set(error, FAN_E_MEMORY, "%s can't be fetched: out of memory", t->url);
    for (unsigned all = 1; end == TRY_AGAIN; all++) {
        size_t before = bytes->size;
        end = try_once(t, &why);
        in_vain = bytes->size > before ? 1 : in_vain + 1;
        if (in_vain >= fetcher->options.tries || all == TRIES_IN_ALL)
            break;
        if (end == TRY_AGAIN && !pause_before(fetcher, in_vain))
            end = final(t, FAN_E_CANCELLED, "cancelled", &why);
    }
    give_line(fetcher, t->line);
    if (end == FETCHED)
        return FAN_OK;
    if (error)
        *error = why;
    return why.status;
}

fan_status fani_fetch(fani_fetcher *fetcher, const char *url, fan_buffer *bytes, fan_error *error)
{
    transfer t = {.fetcher = fetcher, .url = url, .bytes = bytes};
    return fetch(&t, error);
}

fan_status fani_fetch_to(fani_fetcher *fetcher, const char *url, fani_fetch_put put, void *user,
                         uint64_t *size, fan_error *error)
{
    fan_buffer count = {0};
    transfer t = {.fetcher = fetcher, .url = url, .bytes = &count, .put = put, .put_user = user};
    fan_status status = fetch(&t, error);
    *size = count.size;
    return status;
}
