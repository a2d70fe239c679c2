/* Fetching files over http(s), tried again where a server or a connection fails, gone on
 * with where a transfer was cut off. libcurl does it, which is loaded when the first fetcher is
 * made. */
#ifndef FANI_FETCH_H
#define FANI_FETCH_H

#include "fanfold/executor.h"

typedef struct fani_fetcher fani_fetcher;

typedef struct fani_fetch_options {
    size_t max;          /* most bytes */
    unsigned tries;      /* in a row without a byte more, at least 1 */
    uint32_t backoff_ms; /* before the second one, doubled for each other one up to 30 s */
    uint32_t stall_ms;   /* a try without a byte for so long has failed */
    int stop_fd;         /* becomes readable when waits are to end */
} fani_fetch_options;

/* Whether it is the name of such a file. */
bool fani_fetch_is_url(const char *name);

/* FAN_E_UNAVAILABLE (libcurl is not there), FAN_E_MEMORY; with a text. */
fan_status fani_fetcher_new(const fani_fetch_options *options, fani_fetcher **fetcher,
                            fan_error *error);

/* NULL is accepted; nothing is fetched any more. */
void fani_fetcher_free(fani_fetcher *fetcher);

/* A file that is fetched, in steps, by one thread at a time: between them nothing waits for it, and
 * no more than some 256 KiB of it are kept. From any number of threads at once, each file over a
 * connection of its own; connections are used again. */
typedef struct fani_fetching fani_fetching;

/* `url` is borrowed. Nothing is asked for before the first step. NULL: out of memory. */
fani_fetching *fani_fetching_new(fani_fetcher *fetcher, const char *url);

/* Ends it wherever it is; NULL is accepted. */
void fani_fetching_free(fani_fetching *fetching);

typedef enum fani_fetch_step {
    FANI_FETCH_READY,  /* there are bytes to take, or all were taken */
    FANI_FETCH_ANEW,   /* what was taken is void: the file comes again from its start */
    FANI_FETCH_LATER,  /* nothing is to be done before *due */
    FANI_FETCH_FAILED, /* the error says why: FAN_E_INPUT, FAN_E_TOO_LARGE, FAN_E_MEMORY,
                          FAN_E_CANCELLED (stop_fd) */
} fani_fetch_step;

/* Waits for bytes. */
fani_fetch_step fani_fetching_await(fani_fetching *fetching, fan_deadline *due, fan_error *error);

/* After READY: takes bytes that are there. 0: all were taken. */
size_t fani_fetching_take(fani_fetching *fetching, void *to, size_t size);

/* Bytes that the file is said to have; 0: not known. */
uint64_t fani_fetching_total(const fani_fetching *fetching);

/* Takes bytes of a file, those from `at` on: what came before, or the file's first ones, which come
 * again where the file is fetched anew. Another status than FAN_OK ends the fetching. */
typedef fan_status (*fani_fetch_put)(void *user, uint64_t at, const void *bytes, size_t size);

/* Fetches a whole file, and waits for all of it; *size is how many bytes came. Errors: as above;
 * what `put` answers is the status, with a text. */
fan_status fani_fetch_to(fani_fetcher *fetcher, const char *url, fani_fetch_put put, void *user,
                         uint64_t *size, fan_error *error);

#endif
