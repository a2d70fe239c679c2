/* Fetching files over http(s): whole, tried again where a server or a connection fails, gone on
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

/* Fetches a file; *bytes, empty before, is the caller's to free, also after an error. From any
 * number of threads at once, each with a connection of its own; connections are used again. Errors:
 * FAN_E_INPUT, FAN_E_TOO_LARGE, FAN_E_MEMORY, FAN_E_CANCELLED (stop_fd). */
fan_status fani_fetch(fani_fetcher *fetcher, const char *url, fan_buffer *bytes, fan_error *error);

/* Takes bytes of a file, those from `at` on: what came before, or the file's first ones, which come
 * again where the file is fetched anew. Another status than FAN_OK ends the fetching. */
typedef fan_status (*fani_fetch_put)(void *user, uint64_t at, const void *bytes, size_t size);

/* As fani_fetch, but gives the bytes on as they come; *size is how many there are. What `put`
 * answers is the status, without a text. */
fan_status fani_fetch_to(fani_fetcher *fetcher, const char *url, fani_fetch_put put, void *user,
                         uint64_t *size, fan_error *error);

#endif
