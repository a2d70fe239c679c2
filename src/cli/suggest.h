/* "Did you mean": the known name nearest to a mistyped word. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

typedef struct suggestion {
    const char *word;
    const char *nearest; /* NULL: none is near */
    size_t distance;
} suggestion;

/* Starts looking for names near `word`. */
suggestion suggest_begin(const char *word);

/* Offers a known name, which must outlive the suggestion. */
void suggest_offer(suggestion *s, const char *name);

#endif
