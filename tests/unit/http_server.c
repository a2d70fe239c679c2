#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define DATE "Sun, 01 Nov 2026 10:00:00 GMT"
#define DATED "Last-Modified: " DATE "\r\n"

enum { CONNECTIONS = 256, REQUEST = 4096, LATE_NS = 50000000, PIECES = 10 };

typedef struct connection {
    http_server *server;
    int fd;
    pthread_t thread;
} connection;

struct http_server {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the connections and their number */
    connection connections[CONNECTIONS];
    unsigned count;
    unsigned accepted; /* so far: the places of those that have ended are used again */
    _Atomic unsigned requests[HTTP_WAY_COUNT], ranges[HTTP_WAY_COUNT];
    _Atomic unsigned all, first[HTTP_WAY_COUNT], last[HTTP_WAY_COUNT];
    _Atomic size_t sent;
    _Atomic int send_buffer;
    _Atomic bool ending;
};

typedef struct request {
    http_server *server;
    http_way way;
    size_t size, from;
    bool has_range;
    char if_range[128];
    unsigned number; /* of this way, from 1 */
} request;

static const char *const ways[] = {
#define HTTP_NAME(name) #name,
    HTTP_WAYS(HTTP_NAME)
#undef HTTP_NAME
};

/* ---- Sending
 * -------------------------------------------------------------------------------------- */

static void send_all(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size) {
        ssize_t n = send(fd, from, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        from += n;
        size -= (size_t)n;
    }
}

static void send_counted(const request *r, int fd, const unsigned char *bytes, size_t size)
{
    enum { PIECE = 65536 };
    for (size_t n; size; bytes += n, size -= n) {
        n = size < PIECE ? size : PIECE;
        send_all(fd, bytes, n);
        atomic_fetch_add(&r->server->sent, n);
    }
}

static void send_head(int fd, const char *status, const char *more, size_t length)
{
    char text[512];
    int size = snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
                        more, length);
    send_all(fd, text, (size_t)size);
}

static unsigned char *make_file(size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    for (size_t i = 0; bytes && i < size && i < 251; i++)
        bytes[i] = (unsigned char)i;
    for (size_t done = 251; bytes && done < size; done *= 2)
        memcpy(bytes + done, bytes, size - done < done ? size - done : done);
    return bytes;
}

/* A reset, not an end: what was sent and not read is lost. */
static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void pause_for(long ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* Until the other side, or the test, ends it. */
static void wait_for_end(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
}

/* ---- Answers
 * -------------------------------------------------------------------------------------- */

static void answer_plainly(int fd, const request *r, const unsigned char *file)
{
    char more[256];
    bool dated = r->way == HTTP_dated;
    const char *tag = dated ? DATED : "ETag: \"one\"\r\n";
    const char *expected = dated ? DATE : "\"one\"";
    bool part =
        r->has_range && r->from < r->size && (!r->if_range[0] || !strcmp(r->if_range, expected));
    if (!part) {
        send_head(fd, "200 OK", tag, r->size);
        send_counted(r, fd, file, r->size);
        return;
    }
    snprintf(more, sizeof more, "%sContent-Range: bytes %zu-%zu/%zu\r\n", dated ? "" : tag, r->from,
             r->size - 1, r->size);
    send_head(fd, "206 Partial Content", more, r->size - r->from);
    send_counted(r, fd, file + r->from, r->size - r->from);
}

static void answer_slowly(int fd, const request *r, const unsigned char *file)
{
    send_head(fd, "200 OK", "", r->size);
    for (size_t i = 0; i < PIECES; i++) {
        send_all(fd, file + r->size * i / PIECES,
                 r->size * (i + 1) / PIECES - r->size * i / PIECES);
        pause_for(1000000);
    }
}

static void answer_packed(int fd, const request *r, const unsigned char *file)
{
    unsigned char *packed = malloc(r->size + 1000);
    z_stream z = {0};
    if (!packed || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    z.next_in = (unsigned char *)(uintptr_t)file;
    z.avail_in = (unsigned)r->size;
    z.next_out = packed;
    z.avail_out = (unsigned)r->size + 1000;
    (void)deflate(&z, Z_FINISH);
    send_head(fd, "200 OK", "", z.total_out);
    send_all(fd, packed, z.total_out);
    (void)deflateEnd(&z);
    free(packed);
}

/* Says that all comes, sends a half, and ends the connection: at the first time. True: that was it.
 */
static bool cut_first(int fd, const request *r, const char *tag, unsigned char *file)
{
    if (r->number > 1)
        return false;
    if (r->way == HTTP_changed)
        memset(file, 0xEE, r->size);
    send_head(fd, "200 OK", tag, r->size);
    send_all(fd, file, r->size / 2);
    if (r->way == HTTP_stall)
        wait_for_end(fd);
    if (r->way == HTTP_reset)
        reset(fd);
    return true;
}

/* False: the connection is to be closed. */
static bool answer(int fd, const request *r, unsigned char *file)
{
    char more[256];
    const char *tag = r->way == HTTP_unknown ? "" : "ETag: \"one\"\r\n";
    switch (r->way) {
    case HTTP_late:
        pause_for(LATE_NS);
        break;
    case HTTP_slow:
        answer_slowly(fd, r, file);
        return true;
    case HTTP_twice500:
        if (r->number > 2)
            break;
        send_head(fd, "500 Internal Server Error", "", 3);
        send_all(fd, "no\n", 3);
        return true;
    case HTTP_always503:
        send_head(fd, "503 Service Unavailable", "", 0);
        return true;
    case HTTP_missing:
        send_head(fd, "404 Not Found", "", 5);
        send_all(fd, "what?", 5);
        return true;
    case HTTP_hang:
        wait_for_end(fd);
        return false;
    case HTTP_liar:
        send_head(fd, "200 OK", "", r->size + 100);
        send_all(fd, file, r->size);
        return false;
    case HTTP_modest:
        send_head(fd, "200 OK", tag, r->size - 100);
        send_all(fd, file, r->size - 100);
        pause_for(LATE_NS); /* long enough for the next request to come before the rest */
        send_all(fd, file + r->size - 100, 100);
        return true;
    case HTTP_changed:
        tag = "ETag: \"other\"\r\n";
        if (cut_first(fd, r, tag, file))
            return false;
        break;
    case HTTP_dated:
        if (cut_first(fd, r, DATED, file))
            return false;
        break;
    case HTTP_cut:
    case HTTP_reset:
    case HTTP_stall:
    case HTTP_unknown:
        if (cut_first(fd, r, tag, file))
            return false;
        break;
    case HTTP_otherpart:
        if (cut_first(fd, r, tag, file))
            return false;
        if (!r->has_range)
            break;
        snprintf(more, sizeof more, "%sContent-Range: bytes 7-%zu/%zu\r\n", tag, r->size - 1,
                 r->size);
        send_head(fd, "206 Partial Content", more, r->size - 7);
        send_all(fd, file + 7, r->size - 7);
        return true;
    case HTTP_norange:
        if (cut_first(fd, r, tag, file))
            return false;
        if (!r->has_range)
            break;
        send_head(fd, "416 Range Not Satisfiable", "", 0);
        return true;
    case HTTP_moved:
        snprintf(more, sizeof more, "Location: /plain/%zu\r\n", r->size);
        send_head(fd, "302 Found", more, 0);
        return true;
    case HTTP_packed:
        answer_packed(fd, r, file);
        return true;
    default:
        break;
    }
    answer_plainly(fd, r, file);
    return true;
}

/* ---- Requests
 * ------------------------------------------------------------------------------------- */

/* Up to the empty line. False: the connection has ended. */
static bool read_request(int fd, char text[REQUEST])
{
    size_t used = 0;
    text[0] = '\0';
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t n = used < REQUEST - 1 ? recv(fd, text + used, REQUEST - 1 - used, 0) : 0;
        if (n <= 0)
            return false;
        used += (size_t)n;
        text[used] = '\0';
    }
    return true;
}

static bool parse(http_server *s, const char *text, request *r)
{
    char way[32];
    *r = (request){.server = s, .way = HTTP_WAY_COUNT};
    if (sscanf(text, "GET /%31[a-z0-9]/%zu", way, &r->size) != 2)
        return false;
    for (int i = 0; i < HTTP_WAY_COUNT; i++)
        if (!strcmp(way, ways[i]))
            r->way = (http_way)i;
    if (r->way == HTTP_WAY_COUNT)
        return false;
    unsigned none = 0, place = atomic_fetch_add(&s->all, 1) + 1;
    (void)atomic_compare_exchange_strong(&s->first[r->way], &none, place);
    atomic_store(&s->last[r->way], place);
    r->number = atomic_fetch_add(&s->requests[r->way], 1) + 1;
    const char *range = strcasestr(text, "\nRange: bytes=");
    r->has_range = range && sscanf(range, "\nRange: bytes=%zu-", &r->from) == 1;
    if (r->has_range)
        atomic_fetch_add(&s->ranges[r->way], 1);
    const char *if_range = strcasestr(text, "\nIf-Range: ");
    if (if_range)
        (void)sscanf(if_range, "\nIf-Range: %127[^\r\n]", r->if_range);
    return true;
}

static void *serve(void *user)
{
    connection *c = user;
    char text[REQUEST];
    request r;
    unsigned char *file = NULL; /* made once for requests of the same size */
    size_t made = 0;
    bool go_on = true;
    while (go_on && read_request(c->fd, text) && parse(c->server, text, &r)) {
        if (!file || made != r.size || r.way == HTTP_changed) {
            free(file);
            file = make_file(made = r.size);
        }
        go_on = file && answer(c->fd, &r, file);
    }
    free(file);
    pthread_mutex_lock(&c->server->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

/* NULL: there are too many. The lock is held; a thread whose connection is closed only has to end.
 */
static connection *free_connection(http_server *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->connections[i].fd < 0) {
            pthread_join(s->connections[i].thread, NULL);
            return &s->connections[i];
        }
    return s->count < CONNECTIONS ? &s->connections[s->count++] : NULL;
}

static void *accept_all(void *user)
{
    http_server *s = user;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        pthread_mutex_lock(&s->lock);
        connection *c = fd < 0 || atomic_load(&s->ending) ? NULL : free_connection(s);
        if (!c) {
            pthread_mutex_unlock(&s->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        s->accepted++;
        *c = (connection){.server = s, .fd = fd};
        int buffer = atomic_load(&s->send_buffer);
        if (buffer)
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        if (pthread_create(&c->thread, NULL, serve, c) != 0)
            abort();
        pthread_mutex_unlock(&s->lock);
    }
}

/* ---- Beginning and end
 * ---------------------------------------------------------------------------- */

http_server *http_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    http_server *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    pthread_mutex_init(&s->lock, NULL);
    setenv("no_proxy", "127.0.0.1", 1); /* whatever is set where this runs */
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&address, size) != 0 ||
        listen(s->fd, CONNECTIONS) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&s->thread, NULL, accept_all, s) != 0) {
        perror("no server on this machine");
        free(s);
        return NULL;
    }
    s->port = ntohs(address.sin_port);
    return s;
}

void http_stop(http_server *server)
{
    http_server *s = server;
    atomic_store(&s->ending, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->count; i++)
        if (s->connections[i].fd >= 0)
            shutdown(s->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->count; i++)
        pthread_join(s->connections[i].thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int http_port(const http_server *server)
{
    return server->port;
}

unsigned http_requests(http_server *server, http_way way)
{
    return atomic_load(&server->requests[way]);
}

unsigned http_ranges(http_server *server, http_way way)
{
    return atomic_load(&server->ranges[way]);
}

unsigned http_first(http_server *server, http_way way)
{
    return atomic_load(&server->first[way]);
}

unsigned http_last(http_server *server, http_way way)
{
    return atomic_load(&server->last[way]);
}

void http_keep_little(http_server *server)
{
    enum { LITTLE = 65536 };
    atomic_store(&server->send_buffer, LITTLE);
}

size_t http_sent(http_server *server)
{
    return atomic_load(&server->sent);
}

unsigned http_connections(http_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->accepted;
    pthread_mutex_unlock(&server->lock);
    return count;
}
