/* A server on this machine that misbehaves as it is told: for tests of fetching. The first word of
 * a path says how, a number how many bytes the file has: "/reset/5000". Byte i of a file is i %
 * 251. */
#ifndef FAN_TESTS_HTTP_SERVER_H
#define FAN_TESTS_HTTP_SERVER_H

#include <stddef.h>

/* How it answers the requests for a path; with "then", the later ones are answered as by plain. */
#define HTTP_WAYS(X)                                                                               \
    X(plain)     /* with an ETag, whole or a range of it */                                        \
    X(dated)     /* half of it, then by a date for an ETag, none in the answer to a range */       \
    X(late)      /* 50 ms later */                                                                 \
    X(slow)      /* in pieces, with a pause after each */                                          \
    X(twice500)  /* 500 twice, then */                                                             \
    X(always503) /* 503 */                                                                         \
    X(missing)   /* 404 */                                                                         \
    X(cut)       /* half of it, then */                                                            \
    X(reset)     /* half of it and a reset, which may take some of that away, then */              \
    X(stall)     /* half of it and nothing more, then */                                           \
    X(hang)      /* never */                                                                       \
    X(liar)      /* says a length that is 100 more than what it sends */                           \
    X(modest)    /* says a length that is 100 less than what it sends */                           \
    X(unknown)   /* half of it, without anything to know it by, then */                            \
    X(changed)   /* half of another file, then */                                                  \
    X(otherpart) /* half of it, then a part that was not asked for, then */                        \
    X(norange)   /* half of it, then 416, then */                                                  \
    X(moved)     /* sends to plain of the same size */                                             \
    X(packed)    /* gzip of the file */

typedef enum http_way {
#define HTTP_WAY(name) HTTP_##name,
    HTTP_WAYS(HTTP_WAY)
#undef HTTP_WAY
        HTTP_WAY_COUNT
} http_way;

typedef struct http_server http_server;

/* Starts one on a port of its own. NULL: it can't be started (told on standard error). */
http_server *http_start(void);
void http_stop(http_server *server);

int http_port(const http_server *server);

/* Requests of this way so far; of these, those for a range; connections. */
unsigned http_requests(http_server *server, http_way way);
unsigned http_ranges(http_server *server, http_way way);
unsigned http_connections(http_server *server);

/* The first and the last request of this way, counted among all from 1; 0: there was none. */
unsigned http_first(http_server *server, http_way way);
unsigned http_last(http_server *server, http_way way);

/* From the next connection on the system keeps little of what is sent and not read. */
void http_keep_little(http_server *server);

/* Bytes of files handed to the system so far. */
size_t http_sent(http_server *server);

#endif
